"""Rounds: a workload for each seed, and what to do with one that shows a difference."""

import shutil
import subprocess
import time
from argparse import Namespace
from pathlib import Path

import psycopg2
import requests

from driver.children import Failed

from .play import Play
from .servers import PLAIN_DATABASE, Servers
from .sessions import Sessions
from .steps import Step, load, record, save, with_faults

# What can go wrong in a round without being a fault of the test itself.
FAILURES = (Failed, psycopg2.Error, requests.RequestException, subprocess.TimeoutExpired)
ROUNDS_PER_SERVERS = 20
LOG_LINES_SHOWN = 15


class Hunt:
    def __init__(self, options: Namespace, directory: Path):
        self.options, self.directory = options, directory
        self.servers: Servers | None = None
        self.rounds_with_servers = 0

    def fresh(self) -> Servers:
        """Empty databases; new servers every so often, and after a failure."""
        if self.rounds_with_servers == ROUNDS_PER_SERVERS:
            self.discard()
        if self.servers is None:
            self.servers = Servers(self.options.program, self.options.pg_bindir)
            self.rounds_with_servers = 0
        self.rounds_with_servers += 1
        self.servers.fresh_databases()
        self.servers.echodb.worker_log.unlink(missing_ok=True)
        return self.servers

    def discard(self) -> None:
        if self.servers is not None:
            self.servers.discard(self.options.keep)
            self.servers = None

    def record(self, seed: int) -> list[Step]:
        servers = self.fresh()
        sessions = Sessions(lambda: servers.postgres.connect(PLAIN_DATABASE))
        try:
            steps = record(seed, self.options.statements, set(self.options.without), sessions)
        finally:
            sessions.close()
        return steps if self.options.no_kills else with_faults(steps, seed)

    def round(self, seed: int) -> bool:
        """Records and plays the workload of one seed; False when there is a difference."""
        began = time.monotonic()
        steps = self.record(seed)
        play, failure = self.play(steps)
        statements = sum(step.do == "statement" for step in steps)
        print(f"seed {seed}: {statements} statements, {self.servers.deaths} kills, {play.tables} tables, "
              f"{time.monotonic() - began:.1f} s, {'FAIL' if failure else 'ok'}", flush=True)
        if failure:
            self._report(seed, steps, play, failure)
        return failure is None

    def play(self, steps: list[Step], check_outcomes: bool = True) -> tuple[Play, str | None]:
        """Plays them on the servers that `record` or `replay` have emptied; returns what failed, if anything did."""
        self.servers.deaths = 0
        play = Play(self.servers, check_outcomes)
        try:
            play.run(steps)
            return play, None
        except FAILURES as failure:
            return play, str(failure)

    def replay(self, path: Path) -> bool:
        """Plays a written workload; its outcomes count only as far as it has them."""
        steps = load(path)
        self.fresh()
        play, failure = self.play(steps)
        if failure:
            print(f"{path}: step {play.at}: {failure}", flush=True)
            self._show_logs()
        return failure is None

    def _report(self, seed: int, steps: list[Step], play: Play, failure: str) -> None:
        path = self.directory / f"seed-{seed}.jsonl"
        save(steps, path)
        for log in self.servers.environment.logs():
            if log.stem in ("worker", "postgres", "setup"):
                shutil.copy(log, path.with_suffix(f".{log.name}"))
        print(f"  at step {play.at} of {len(steps)}, {steps[play.at].do} {steps[play.at].kind}:", flush=True)
        print("  " + failure.replace("\n", "\n  "), flush=True)
        self._show_logs()
        print(f"the steps: {path}, and the logs beside it")
        print(f"again:     tests/hunt/run {self._arguments(seed)}")
        print(f"smaller:   tests/hunt/run --reduce {path}", flush=True)
        if self.options.keep:
            print(f"kept:      {self.servers.environment.directory}")
        self.discard()

    def _arguments(self, seed: int) -> str:
        options = self.options
        words = [f"--seed {seed} --statements {options.statements}"]
        words += ["--no-kills"] if options.no_kills else []
        words += [f"--without {','.join(options.without)}"] if options.without else []
        words += [f"--program {options.program} --pg-bindir {options.pg_bindir}"]
        return " ".join(words)

    def _show_logs(self) -> None:
        for log in self.servers.environment.logs():
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            if log.stem == "worker":
                lines = [line for line in lines if " debug " not in line]
            shown = lines[-(LOG_LINES_SHOWN if log.stem == "worker" else 3):]
            print("".join(f"  {log.name}: {line[:300]}\n" for line in shown), end="")

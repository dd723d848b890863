"""Runs scripts one after the other and reports."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import requests

from .children import Failed
from .debian import has_debian_server
from .environment import Environment
from .needs import is_there
from .planting import plant_and_repair, verify_all
from .script import Script, ScriptError
from .steps import Steps

LOG_LINES_SHOWN = 25
# What can go wrong in a script without being a fault of the driver.
FAILURES = (Failed, ScriptError, psycopg2.Error, requests.RequestException, subprocess.TimeoutExpired)


class Runner:
    """Keeps one environment from script to script, and replaces it after a failure or when a script wants its own."""

    def __init__(self, program: Path, bindir: Path, keep: bool, verify: bool, plants: Callable[[Script], bool],
                 engine: Path | None = None):
        """`verify`: after each script. `plants` says of a script whether faults are then planted, too."""
        self.program, self.bindir, self.keep, self.engine = program, bindir, keep, engine
        self.verify, self.plants = verify, plants
        self.planted = 0
        self.environment: Environment | None = None
        self.skipped: list[Script] = []

    def run(self, script: Script) -> str | None:
        """None when the script holds, else what failed."""
        started = time.monotonic()
        failure = self._attempt(script)
        seconds = time.monotonic() - started
        if script in self.skipped:
            return None
        mark = "FAIL" if failure else "ok  "
        print(f"{mark} {script.name}  {seconds:.1f}s", flush=True)
        if failure:
            print("  " + failure.replace("\n", "\n  "), flush=True)
        return failure

    def _attempt(self, script: Script) -> str | None:
        if script.target == "debian" and not has_debian_server():
            return self._skip(script, "clickhouse-server")
        try:
            environment = self._environment_for(script)
        except FAILURES as error:
            return self._give_up(f"the servers did not start: {error}")
        for need in script.needs:
            if not is_there(need, environment.postgres):
                return self._skip(script, need)
        steps = Steps(environment)
        line = 0
        try:
            for step in script.steps:
                line = step.line
                steps.run(step)
            line = len(script.path.read_text(encoding="utf-8").splitlines())
            steps.close()
            self._verify(script, environment)
            if script.own_environment:
                self.discard()
            else:
                environment.reset()
            return None
        except FAILURES as error:
            return self._give_up(f"{script.path.name}:{line}: {error}")
        finally:
            steps.close()

    def _skip(self, script: Script, need: str) -> None:
        print(f"skip {script.name}: it needs {need}", flush=True)
        self.skipped.append(script)

    def _verify(self, script: Script, environment: Environment) -> None:
        """What the script has left must be equal by `echodb verify`, too, and faults planted in it found."""
        running = environment.echodb.worker.running and environment.echodb.clickhouse.running
        planted = self.plants(script)
        if not running or not (self.verify or planted):
            return
        environment.close_sessions()
        environment.sync()
        verify_all(environment.echodb)
        if planted:
            self.planted += plant_and_repair(environment.echodb)

    def _environment_for(self, script: Script) -> Environment:
        if script.own_environment:
            self.discard()
        if self.environment is None:
            self.environment = Environment(self.program, self.bindir, script.env, script.bare, script.target,
                                           self.engine)
            self.environment.start()
        return self.environment

    def _give_up(self, failure: str) -> str:
        """Adds the ends of the logs and leaves the environment, whose state nobody knows now."""
        parts = [failure]
        for log in self.environment.logs() if self.environment else []:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            shown = lines[-LOG_LINES_SHOWN:] if log.stem in ("worker", "clickhouse") else lines[-5:]
            if shown:
                parts += [f"--- {log.name}:", *shown]
        if self.keep and self.environment:
            parts.append(f"kept: {self.environment.directory}")
        self.discard()
        return "\n".join(parts)

    def discard(self) -> None:
        if self.environment is not None:
            self.environment.discard(self.keep)
            self.environment = None

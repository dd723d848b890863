"""Plays the steps of a workload against a source with EchoDB."""

import contextlib
import subprocess
import threading
import time

import psycopg2

from driver.children import Failed

from .checks import compare_everything
from .servers import Servers
from .sessions import Sessions, code
from .steps import Step
from workload.values import PRELUDE

HAND_NOTICED_WITHIN = 3  # seconds, of which the inventory's interval is one
HAND_HEALED_WITHIN = 60  # on a busy machine


class Play:
    def __init__(self, servers: Servers, check_outcomes: bool = True):
        self.servers, self.check_outcomes = servers, check_outcomes
        self.sessions = Sessions(servers.postgres.connect)
        self.background: threading.Thread | None = None
        self.background_failure: Exception | None = None
        self.set_up = False
        self.at = 0
        self.tables = 0
        self.hand_at = 0.0

    def run(self, steps: list[Step]) -> None:
        try:
            for sql in PRELUDE:
                self.sessions.run(0, sql)
            for self.at, step in enumerate(steps):
                getattr(self, "do_" + step.do.replace(" ", "_"))(step)
        finally:
            self.sessions.close()
            if self.background is not None:
                self.background.join()

    def do_statement(self, step: Step) -> None:
        self._is_set_up()
        outcome = self.sessions.run(step.session, step.text)
        if self.check_outcomes and code(outcome) != code(step.outcome):
            raise Failed(f"with EchoDB a statement ends otherwise than without it:\n  {step.text[:2000]}\n"
                         f"  without: {step.outcome}\n  with:    {outcome}")

    def do_settings(self, step: Step) -> None:
        self.servers.echodb.env |= dict(setting.split("=") for setting in step.text.split(","))

    def _setup(self) -> None:
        """A setup that is killed is run again."""
        echodb = self.servers.echodb
        points = "ECHODB_FAILPOINTS" in echodb.env
        try:
            echodb.setup()
        except Failed as failure:
            if not points or " ended with -9" not in str(failure):
                raise
            self.servers.deaths += 1
            self.servers.set_failpoints("")
            echodb.setup()
        self.servers.set_failpoints("")

    def do_setup(self, _step: Step) -> None:
        self._setup()
        self.set_up = True
        self.servers.start_worker()

    def do_setup_in_background(self, _step: Step) -> None:
        def work() -> None:
            try:
                self._setup()
            except (Failed, subprocess.TimeoutExpired) as failure:  # raised again by the one who waits
                self.background_failure = failure

        self.background = threading.Thread(target=work)
        self.background.start()

    def _is_set_up(self, wait: bool = False) -> bool:
        """The worker is started here, not by the thread, whose end would be the end of its children."""
        if self.background is not None and (wait or not self.background.is_alive()):
            self.background.join()
            self.background = None
            if self.background_failure is not None:
                raise self.background_failure
            self.set_up = True
            self.servers.start_worker()
        return self.set_up

    def do_failpoints(self, step: Step) -> None:
        if self._is_set_up():
            self.servers.set_failpoints(step.text)

    def do_worker_start(self, _step: Step) -> None:
        if self._is_set_up():
            self.servers.start_worker()

    def do_worker_kill(self, _step: Step) -> None:
        if self._is_set_up():
            self.servers.kill_worker()

    def do_worker_stop(self, _step: Step) -> None:
        if self._is_set_up():
            self.servers.stop_worker()

    def do_clickhouse_kill(self, _step: Step) -> None:
        if self._is_set_up():
            self.servers.kill_clickhouse()

    def do_clickhouse_start(self, _step: Step) -> None:
        if self._is_set_up():
            self.servers.start_clickhouse()

    def do_hand(self, step: Step) -> None:
        """Where the application has a lock, there is nothing to drop, or somebody was faster, nothing happens."""
        if self._is_set_up():
            self.hand_at = time.monotonic()
            with contextlib.suppress(psycopg2.Error):
                self.servers.postgres.fetch(f"SET lock_timeout = '100ms'; {step.text}")

    def do_sessions_lost(self, _step: Step) -> None:
        self.sessions.close()

    def do_postgres_crash(self, _step: Step) -> None:
        self.sessions.close()
        if self._is_set_up():
            self.servers.crash_postgres()

    def do_compare(self, _step: Step) -> None:
        if self._is_set_up(wait=True):
            time.sleep(max(0.0, self.hand_at + HAND_NOTICED_WITHIN - time.monotonic()))
            self.tables = self._compare_until(self.hand_at + HAND_HEALED_WITHIN)

    def _compare_until(self, late: float) -> int:
        """What a hand did may be noticed, and a copy that heals it begin, at any moment until then."""
        while True:
            try:
                return compare_everything(self.servers)
            except Failed:
                if time.monotonic() > late:
                    raise
                time.sleep(1)

"""The servers of a hunt: a PostgreSQL with two databases, the source and one without EchoDB, and EchoDB's programs."""

import signal
from pathlib import Path

import psycopg2
import requests

from driver.children import Failed, until
from driver.environment import Environment, lsn
from driver.postgres import DATABASE

PLAIN_DATABASE = "plain"
SYNC_SECONDS = 300
# A table that could not be published in its own transaction is published, and copied, a moment later.
LATE_SECONDS = 10
POSTGRES_SETTINGS = {"max_prepared_transactions": "20", "autovacuum": "off"}


class Servers:
    def __init__(self, program: Path, bindir: Path):
        self.environment = Environment(program, bindir, {}, bare=True)
        self.postgres, self.echodb = self.environment.postgres, self.environment.echodb
        for name, value in POSTGRES_SETTINGS.items():
            self.postgres.child.command += ["-c", f"{name}={value}"]
        self.sync_seconds, self.late_seconds = SYNC_SECONDS, LATE_SECONDS
        self.deaths = 0
        self.environment.start()

    # The databases, emptied for each round.

    def fresh_databases(self) -> None:
        self.echodb.worker.discard()
        self.set_failpoints("")
        self.start_clickhouse()
        self.postgres.fetch("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active",
                            database="postgres")
        self._finish_prepared()
        until(30, "the slot is dropped", self._drop_slots)
        for name in (DATABASE, PLAIN_DATABASE):
            self.postgres.fetch(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", database="postgres")
            self.postgres.fetch(f"CREATE DATABASE {name}", database="postgres")
        self.echodb.query("DROP DATABASE IF EXISTS echodb")
        self.echodb.query("CREATE DATABASE echodb")

    def _finish_prepared(self) -> None:
        for gid, database in self.postgres.fetch("SELECT gid, database FROM pg_prepared_xacts", database="postgres"):
            self.postgres.fetch(f"ROLLBACK PREPARED '{gid}'", database=database)

    def _drop_slots(self) -> bool:
        try:
            self.postgres.fetch("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots",
                                database="postgres")
            return True
        except psycopg2.Error:
            return False

    # EchoDB's programs, which may be down.

    def set_failpoints(self, points: str) -> None:
        """For whatever of EchoDB's is started next."""
        self.echodb.env.pop("ECHODB_FAILPOINTS", None)
        if points:
            self.echodb.env["ECHODB_FAILPOINTS"] = points

    def start_worker(self) -> None:
        self.notice_death()
        if self.echodb.worker.running is None:
            self.echodb.worker.start()
            self.set_failpoints("")

    def kill_worker(self) -> None:
        self.notice_death()
        if self.echodb.worker.running is not None:
            self.echodb.worker.end(signal.SIGKILL)
            self.deaths += 1

    def stop_worker(self) -> None:
        """Asks it to stop; it may die of a failpoint instead."""
        self.notice_death()
        worker = self.echodb.worker
        if worker.running is None:
            return
        if (status := worker.end(signal.SIGTERM)) not in (0, -signal.SIGKILL, -signal.SIGTERM):
            raise Failed(f"the worker ended with status {status} on SIGTERM")

    def notice_death(self) -> bool:
        """Whether the worker has died of a failpoint. It may not end in any other way."""
        worker = self.echodb.worker
        if worker.running is None or (status := worker.running.poll()) is None:
            return False
        worker.running = None
        if status != -signal.SIGKILL:
            raise Failed(f"the worker ended by itself with status {status}")
        self.deaths += 1
        return True

    def start_clickhouse(self) -> None:
        if self.echodb.clickhouse.running is None:
            self.echodb.start_clickhouse()

    def kill_clickhouse(self) -> None:
        if self.echodb.clickhouse.running is not None:
            self.echodb.clickhouse.end(signal.SIGKILL)
            self.deaths += 1

    def crash_postgres(self) -> None:
        self.postgres.crash()
        self.deaths += 1

    def _metrics(self) -> dict | None:
        try:
            return self.echodb.metrics()
        except (requests.RequestException, ValueError):
            return None

    def sync(self) -> None:
        """Everything runs, everything committed is applied, no table is being copied and none has stopped."""
        self.start_clickhouse()
        wanted = self.postgres.fetch("SELECT pg_current_wal_lsn()::text")[0][0]
        seen: dict | None = None

        def is_applied() -> bool:
            nonlocal seen
            self.start_worker()
            seen = self._metrics()
            if seen is None or seen.get("applied_lsn") is None:
                return False
            tables = seen["tables"]
            settled = tables["copying"] == 0 and tables.get("pending", 0) == 0
            return settled and lsn(seen["applied_lsn"]) >= lsn(wanted)

        try:
            until(self.sync_seconds, f"sync to {wanted}", is_applied)
        except Failed as late:
            raise Failed(f"{late}; the worker reports {seen}") from None

    def discard(self, keep: bool) -> None:
        self.environment.discard(keep)

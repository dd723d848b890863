"""One source, one ClickHouse and a worker between them, on servers of the benchmark's own."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from driver.children import Failed
from driver.echodb import EchoDb
from driver.postgres import DATABASE, PASSWORD, USER, PostgresServer

from .processes import cpu_seconds, family_cpu_seconds, peak_rss_mb
from .results import Measurement

# Beside the two-sided scripts' settings: memory that holds the data, and no wait for a disk that is not measured.
POSTGRES_SETTINGS = {"shared_buffers": "1GB", "synchronous_commit": "off", "max_wal_size": "16GB",
                     "checkpoint_timeout": "30min", "autovacuum": "off", "max_replication_slots": "20",
                     "max_wal_senders": "20"}
PATIENCE_SECONDS = 900
LOOK_EVERY_SECONDS = 0.005

_FORGET_ECHODB = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'echodb%' AND NOT active;
SET client_min_messages = error;
DROP SCHEMA IF EXISTS _echodb CASCADE;
DROP PUBLICATION IF EXISTS echodb, echodb_insert_only;
"""


class Stack:
    def __init__(self, program: Path, bindir: Path):
        self.directory = Path(tempfile.mkdtemp(prefix="echodb-bench-"))
        self.directory.chmod(0o755)  # PostgreSQL may run as another user
        self.postgres = PostgresServer(bindir, self.directory)
        for name, value in POSTGRES_SETTINGS.items():
            self.postgres.child.command += ["-c", f"{name}={value}"]
        self.echodb = EchoDb(program, self.postgres, self.directory, {"LOG_LEVEL": "INFO", "SYNC_SCHEMA": "public"})

    def start(self) -> None:
        self.postgres.create()
        self.postgres.start()
        self.postgres.create_database()
        self.session = self.postgres.connect().cursor()
        self.echodb.start_clickhouse()

    def discard(self, keep: bool) -> None:
        self.echodb.discard()
        self.postgres.child.discard()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def sql(self, text: str) -> list[tuple]:
        self.session.execute(text)
        return self.session.fetchall() if self.session.description else []

    def value(self, text: str):
        return self.sql(text)[0][0]

    def shell(self, command: str) -> float:
        """Runs a command that reaches the source by libpq's variables; returns how long it took."""
        import subprocess
        began = time.monotonic()
        subprocess.run(["bash", "-c", command], env=self.postgres.environment(), cwd=self.directory, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - began

    # --- EchoDB -----------------------------------------------------------------------------------------------------

    def forget_echodb(self) -> None:
        """The source and the target as if EchoDB had never been here."""
        if self.echodb.worker.running is not None:
            self.echodb.stop(self.echodb.worker)
        self.sql(_FORGET_ECHODB)
        self.echodb.query("DROP DATABASE IF EXISTS echodb SYNC")
        self.echodb.query("CREATE DATABASE echodb")

    def set_up(self) -> None:
        """EchoDB set up anew, and its worker running with every table copied."""
        self.forget_echodb()
        self.echodb.setup()
        self.echodb.start_worker()
        self.await_copied()

    def stop_worker(self) -> None:
        self.echodb.stop(self.echodb.worker)

    def await_copied(self) -> None:
        self.eventually("every table is copied", "SELECT NOT EXISTS (SELECT FROM _echodb.tables WHERE state IN "
                        "('pending', 'copying')) AND EXISTS (SELECT FROM _echodb.tables)")

    def await_applied(self, position: str) -> None:
        self.eventually(f"{position} is applied", "SELECT bool_and(confirmed_flush_lsn >= "
                        f"'{position}') FROM pg_replication_slots WHERE slot_name = 'echodb_{DATABASE}'")

    def eventually(self, what: str, question: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.value(question):
            self.echodb.worker.check_alive()
            if time.monotonic() > end:
                raise Failed(f"{what}: not within {PATIENCE_SECONDS} s; see {self.echodb.worker_log}")
            time.sleep(LOOK_EVERY_SECONDS)

    def position(self) -> str:
        return self.value("SELECT pg_current_wal_flush_lsn()::text") if self.value(
            "SELECT pg_logical_emit_message(true, 'bench', '') IS NOT NULL") else ""

    def walsender(self) -> int | None:
        found = self.sql(f"SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'echodb_{DATABASE}'")
        return found[0][0] if found else None

    def measure_worker(self, rows: int, until) -> Measurement:
        """Starts the worker, waits for `until`, and says what that took."""
        clickhouse = self.echodb.clickhouse.running.pid
        source = self.postgres.child.running.pid
        before = cpu_seconds(clickhouse), family_cpu_seconds(source)
        began = time.monotonic()
        self.echodb.start_worker()
        until()
        seconds = time.monotonic() - began
        worker, walsender = self.echodb.worker.running.pid, self.walsender()
        spent = {"echodb": cpu_seconds(worker),
                 "walsender": cpu_seconds(walsender) if walsender else 0.0,
                 "postgres": family_cpu_seconds(source) - before[1],
                 "clickhouse": cpu_seconds(clickhouse) - before[0]}
        return Measurement(seconds, rows, spent, peak_rss_mb(worker))

    def equal(self, source_query: str, target_query: str | None = None) -> bool:
        """Whether both sides answer a query alike; it has to be one that both understand."""
        mine = "\t".join(str(value) for value in self.sql(source_query)[0])
        theirs = self.echodb.query(target_query or source_query).decode().strip()
        if mine != theirs:
            print(f"  differs: {source_query}\n    {mine}\n    {theirs}")
        return mine == theirs

    @property
    def connection_words(self) -> tuple[str, str, str, str]:
        """host:port, database, user and password, as ClickHouse's postgresql() takes them."""
        return f"127.0.0.1:{self.postgres.port}", DATABASE, USER, PASSWORD

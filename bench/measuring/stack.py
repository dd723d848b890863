"""One source, one ClickHouse and a worker between them, on servers of the benchmark's own."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from driver.children import Failed
from driver.echodb import EchoDb
from driver.postgres import DATABASE, PostgresServer

from .processes import cpu_seconds, family_cpu_seconds, peak_rss_mb
from .results import Measurement

# Memory that holds the data, and no wait for a disk that is not what is measured.
_SOURCE_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "16GB", "checkpoint_timeout": "30min", "autovacuum": "off",
                    "max_replication_slots": "20", "max_wal_senders": "20"}
PATIENCE_SECONDS = 600
_LOOK_EVERY_SECONDS = 0.005

_FORGET_ECHODB = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'echodb%' AND NOT active;
SET client_min_messages = error;
DROP SCHEMA IF EXISTS _echodb CASCADE;
DROP PUBLICATION IF EXISTS echodb, echodb_insert_only
"""


class Stack:
    def __init__(self, program: Path, bindir: Path, directory: Path):
        self.directory = directory
        directory.mkdir(mode=0o755)  # PostgreSQL may run as another user
        self.postgres = PostgresServer(bindir, self.directory)
        self.echodb = EchoDb(program, self.postgres, self.directory, {"LOG_LEVEL": "INFO", "SYNC_SCHEMA": "public"})
        peer_directory = self.directory / "peer"
        peer_directory.mkdir()
        # A second ClickHouse of the same kind, for the peers that live in ClickHouse itself.
        self.peer = EchoDb(program, self.postgres, peer_directory, {"LOG_LEVEL": "INFO"})

    def start(self, settings: dict[str, str]) -> None:
        for name, value in (_SOURCE_SETTINGS | settings).items():
            self.postgres.child.command += ["-c", f"{name}={value}"]
        self.postgres.create()
        self.postgres.start()
        self.postgres.create_database()
        self.session = self.postgres.connect().cursor()
        self.echodb.start_clickhouse()

    def discard(self) -> None:
        """ClickHouse's thousands of small files stay: ext4 makes new ones slowly for minutes after it has removed as
        many, and the next case would pay for it."""
        self.echodb.discard()
        self.peer.discard()
        self.postgres.discard()
        shutil.rmtree(self.postgres.cluster, ignore_errors=True)

    # --- the source -------------------------------------------------------------------------------------------------

    def sql(self, text: str) -> list[tuple]:
        self.session.execute(text)
        return self.session.fetchall() if self.session.description else []

    def value(self, text: str):
        return self.sql(text)[0][0]

    def shell(self, command: str) -> float:
        """Runs a command that reaches the source by libpq's variables; returns how many seconds it took."""
        began = time.monotonic()
        ended = subprocess.run(["bash", "-c", command], env=self.postgres.environment(), cwd=self.directory,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seconds = time.monotonic() - began
        if ended.returncode != 0:
            raise Failed(f"{command} ended with {ended.returncode}: {ended.stderr[-2000:]}")
        return seconds

    def position(self) -> str:
        """The end of the log so far. An own record behind it makes sure that every reader gets as far."""
        self.sql("SELECT pg_logical_emit_message(true, 'bench', '')")
        return self.value("SELECT pg_current_wal_insert_lsn()::text")

    # --- EchoDB -----------------------------------------------------------------------------------------------------

    def forget_echodb(self) -> None:
        """The source and the target as if EchoDB had never been here."""
        if self.echodb.worker.running is not None:
            self.stop_worker()
        for statement in _FORGET_ECHODB.split(";"):
            self.sql(statement)
        # What is dropped without SYNC is removed minutes later: see discard().
        self.echodb.query("DROP DATABASE IF EXISTS echodb", settings={"database": "system"})
        self.echodb.query("CREATE DATABASE echodb", settings={"database": "system"})

    def set_up(self) -> None:
        """EchoDB set up anew, and its worker running with every table copied."""
        self.forget_echodb()
        self.echodb.setup()
        self.echodb.start_worker()
        self.await_copied()

    def stop_worker(self) -> None:
        self.echodb.stop(self.echodb.worker)

    def await_copied(self) -> None:
        self._eventually("every table is copied", "SELECT NOT EXISTS (SELECT FROM _echodb.tables WHERE state IN "
                         "('pending', 'copying')) AND EXISTS (SELECT FROM _echodb.tables)")

    def await_applied(self, position: str) -> None:
        self._eventually(f"{position} is applied", f"SELECT confirmed_flush_lsn >= '{position}' "
                         f"FROM pg_replication_slots WHERE slot_name = 'echodb_{DATABASE}'")

    def _eventually(self, what: str, question: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.value(question):
            self.echodb.worker.check_alive()
            if time.monotonic() > end:
                raise Failed(f"{what}: not within {PATIENCE_SECONDS} s; see {self.echodb.worker_log}")
            time.sleep(_LOOK_EVERY_SECONDS)

    def equal(self, *tables: str) -> bool:
        """Every row and value, by `echodb verify`; of every table when none is named."""
        reports = self.echodb.verify(list(tables), deadline_seconds=PATIENCE_SECONDS)
        different = [report for report in reports if report["result"] != "equal"]
        for report in different:
            print(f"  differs: {report}")
        return bool(reports) and not different

    # --- measuring --------------------------------------------------------------------------------------------------

    def walsender(self) -> int:
        found = self.sql(f"SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'echodb_{DATABASE}'")
        if not found or found[0][0] is None:
            raise Failed("nobody reads EchoDB's slot")
        return found[0][0]

    def measure_worker(self, rows: int, until, from_stream: bool = False) -> Measurement:
        """Starts the worker, waits for `until`, and says what that took: from the start of the process, or from the
        moment the walsender began."""
        clickhouse, source = self.echodb.clickhouse.running.pid, self.postgres.child.running.pid
        before = cpu_seconds(clickhouse), family_cpu_seconds(source)
        began = time.time()
        self.echodb.start_worker()
        until()
        ended = time.time()
        worker, walsender = self.echodb.worker.running.pid, self.walsender()
        if from_stream:
            began = float(self.value("SELECT extract(epoch FROM backend_start) FROM pg_stat_activity "
                                     f"WHERE pid = {walsender}"))
        spent = {"echodb": cpu_seconds(worker), "walsender": cpu_seconds(walsender),
                 "postgres": family_cpu_seconds(source) - before[1], "clickhouse": cpu_seconds(clickhouse) - before[0]}
        return Measurement(ended - began, rows, spent, peak_rss_mb(worker))

    def settle(self) -> None:
        """Waits for the merges and the writes that the last contender has left, so that the next one has the machine."""
        end = time.monotonic() + PATIENCE_SECONDS
        for server in (self.echodb, self.peer):
            while server.clickhouse.running is not None and server.query(
                    "SELECT count() FROM system.merges", settings={"database": "system"}).strip() != b"0":
                if time.monotonic() > end:
                    raise Failed("ClickHouse does not come to an end of its merges")
                time.sleep(0.2)
        os.sync()

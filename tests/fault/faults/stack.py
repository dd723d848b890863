"""One source, one target, any number of workers between them, and a load on the source."""

import os
import shutil
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import requests

from driver.children import Child, Failed, free_port, run_once, until
from driver.compare import check_equal
from driver.environment import Environment, lsn
from driver.postgres import DATABASE, PASSWORD, USER, PostgresServer

from .load import TABLES, BulkLoad, Load
from .proxy import ClickHouseProxy

READY_SECONDS = 60
RECOVERY_SECONDS = 120
SYNC_SECONDS = 600
STANDSTILL_SECONDS = 120
LOG_LINES_SHOWN = 25


# For a worker whose process nobody else can look for, as if it were on another machine.
APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


class Worker:
    """One `echodb worker` with its own name and port."""

    def __init__(self, stack: "Stack", name: str, variables: dict[str, str], apart: bool):
        self.name, self.port = name, free_port()
        echodb = stack.echodb
        env = echodb.env | {"WORKER_ID": name, "HEALTH_CHECK_PORT": str(self.port)} | variables
        self.log = stack.directory / f"{name}.log"
        command = (APART if apart else []) + [str(echodb.program), "worker"]
        self.child = Child(name, command, self.log, env, stack.directory)
        self.http = echodb.http
        self.child.start()

    @property
    def pid(self) -> int:
        return self.child.running.pid

    def metrics(self) -> dict | None:
        try:
            return self.http.get(f"http://127.0.0.1:{self.port}/metrics", headers={"Accept": "application/json"},
                                 timeout=2).json()
        except (requests.RequestException, ValueError):
            return None

    def leads(self) -> bool:
        seen = self.metrics()
        return seen is not None and seen["is_leader"]

    def follows(self) -> bool:
        seen = self.metrics()
        return seen is not None and seen["state"] == "follower" and seen["connected"]

    def signal(self, number: signal.Signals) -> None:
        self.child.check_alive()
        self.child.running.send_signal(number)

    def stop(self) -> None:
        if (status := self.child.end(signal.SIGTERM)) != 0:
            raise Failed(f"{self.name} ended with status {status} on SIGTERM")


class Standby:
    """A hot standby of the source."""

    def __init__(self, primary: PostgresServer, cluster: Path):
        self.port, self.cluster = free_port(), cluster
        cluster.mkdir(mode=0o700)
        if primary.user:
            shutil.chown(cluster, primary.user, primary.user)
        run_once([str(primary.bindir / "pg_basebackup"), "-D", str(cluster), "-R", "-c", "fast", "-d",
                  f"host=127.0.0.1 port={primary.port} user={USER} password={PASSWORD}"],
                 dict(os.environ), cluster.parent, cluster.parent / "standby.log", primary.user)
        command = [part if not part.startswith("port=") else f"port={self.port}" for part in primary.child.command]
        command = [part.replace(str(primary.cluster), str(cluster)) for part in command]
        self.child = Child("standby", command, cluster.parent / "standby.log", dict(os.environ), cluster.parent,
                           primary.user)
        self.child.start()
        until(60, "the standby answers", self._answers, self.child.check_alive)

    def _answers(self) -> bool:
        try:
            psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=DATABASE).close()
            return True
        except psycopg2.OperationalError:
            return False

    def discard(self) -> None:
        self.child.discard()
        shutil.rmtree(self.cluster, ignore_errors=True)


class Stack:
    def __init__(self, program: Path, bindir: Path):
        self.environment = Environment(program, bindir, {"LOG_LEVEL": "INFO"}, bare=True)
        self.directory, self.postgres, self.echodb = (
            self.environment.directory, self.environment.postgres, self.environment.echodb)
        self.workers: list[Worker] = []
        self.extras: list = []  # whatever else a case has started: each with discard()
        self.load: Load | None = None
        self.started = 0

    def start(self) -> None:
        self.environment.start()
        self.echodb.setup()

    def start_worker(self, apart: bool = False, **variables: str) -> Worker:
        self.started += 1
        worker = Worker(self, f"worker-{self.started}", variables, apart)
        self.workers.append(worker)
        return worker

    def start_leader(self, apart: bool = False, **variables: str) -> Worker:
        """A worker that leads, and a load that flows through it."""
        worker = self.start_worker(apart, **variables)
        until(READY_SECONDS, f"{worker.name} leads", worker.leads, worker.child.check_alive)
        self.start_load()
        self.await_flow("the load flows")
        return worker

    def start_load(self) -> None:
        if self.load is None:
            self.load = Load(self.postgres)

    def start_follower(self, **variables: str) -> Worker:
        worker = self.start_worker(**variables)
        until(READY_SECONDS, f"{worker.name} follows", worker.follows, worker.child.check_alive)
        return worker

    def start_pair(self, **variables: str) -> tuple[Worker, Worker]:
        return self.start_leader(**variables), self.start_follower(**variables)

    # What cases need beside workers.

    @contextmanager
    def postgres_setting(self, name: str, value: str):
        self.postgres.fetch(f"ALTER SYSTEM SET {name} = '{value}'")
        self.postgres.fetch("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            self.postgres.fetch(f"ALTER SYSTEM RESET {name}")
            self.postgres.fetch("SELECT pg_reload_conf()")

    def start_standby(self) -> "Standby":
        standby = Standby(self.postgres, self.directory / "standby")
        self.extras.append(standby)
        return standby

    def clickhouse_proxy(self) -> ClickHouseProxy:
        proxy = ClickHouseProxy(self.echodb.clickhouse_port)
        self.extras.append(proxy)
        return proxy

    def start_bulk_load(self, ahead_bytes: int | None = None) -> "BulkLoad":
        bulk = BulkLoad(self.postgres, ahead_bytes)
        self.extras.append(bulk)
        return bulk

    def resident_bytes(self, worker: Worker) -> int:
        with open(f"/proc/{worker.pid}/status", encoding="ascii") as status:
            return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def with_other_clickhouse(self, directory: Path, play):
        """Plays against a fresh ClickHouse with its data there; the source starts over with it, before and after."""
        port, env = self.echodb.clickhouse_port, self.echodb.clickhouse.env
        self.echodb.stop(self.echodb.clickhouse)
        self.echodb.clickhouse.env = env | {"ECHODB_DATA_DIR": str(directory / "echodb")}
        try:
            self._start_over()
            return play()
        finally:
            for worker in self.workers:
                worker.child.discard()
            self.workers.clear()
            self.echodb.clickhouse.discard()
            self.echodb.clickhouse.env, self.echodb.clickhouse_port = env, port
            self._start_over()

    def _start_over(self) -> None:
        self.echodb.start_clickhouse()
        self.postgres.fetch("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
        until(20, "the slot is free", lambda: not self.postgres.fetch("SELECT 1 FROM pg_replication_slots WHERE active"))
        self.postgres.fetch("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        for table in TABLES:
            self.postgres.fetch(f"DROP TABLE IF EXISTS {table}")
            self.echodb.query(f"DROP TABLE IF EXISTS {table}")
        self.echodb.setup()

    # Rows.

    def _arrived(self) -> int:
        try:
            return int(self.echodb.query("SELECT max(id) FROM probe").decode().strip() or 0)
        except (Failed, requests.RequestException):
            return 0

    def await_flow(self, what: str, since: float | None = None, ceiling: float = RECOVERY_SECONDS) -> float:
        """Waits until a row that was written from now on is in ClickHouse; returns the seconds since `since`."""
        started = since if since is not None else time.monotonic()
        wanted = self.load.next_probe
        until(ceiling, what, lambda: self._arrived() >= wanted)
        return time.monotonic() - started

    def await_applied(self, worker: Worker) -> None:
        """Until the worker has applied, and may confirm, everything that is committed now. However long that takes, it
        has to get on."""
        wanted = self.postgres.fetch("SELECT pg_current_wal_lsn()::text")[0][0]
        applied = "0/0"

        def gets_on() -> bool:
            nonlocal applied
            before = lsn(applied)
            applied = (worker.metrics() or {}).get("applied_lsn") or applied
            return lsn(applied) > before

        while lsn(applied) < lsn(wanted):
            until(STANDSTILL_SECONDS, f"{worker.name}, to apply {wanted}, gets on from {applied}", gets_on)

    def leader(self) -> Worker | None:
        return next((worker for worker in self.workers if worker.child.running is not None and worker.leads()), None)

    def await_leader(self) -> Worker:
        """A worker's metrics say a moment later than its rows that it leads."""
        return until(RECOVERY_SECONDS, "somebody leads", self.leader)

    def sync(self) -> None:
        wanted = self.postgres.fetch("SELECT pg_current_wal_lsn()::text")[0][0]
        seen: dict | None = None

        def is_applied() -> bool:
            nonlocal seen
            leader = self.leader()
            seen = leader.metrics() if leader else None
            if not seen or not seen["applied_lsn"]:
                return False
            settled = seen["tables"]["copying"] == 0 and seen["tables"].get("pending", 0) == 0
            return settled and lsn(seen["applied_lsn"]) >= lsn(wanted)

        try:
            until(SYNC_SECONDS, f"sync to {wanted}", is_applied)
        except Failed as late:
            raise Failed(f"{late}; the leader reports {seen}") from None

    def compare(self) -> None:
        """Stops the load, and compares every row on both sides and the history of leaders."""
        if self.load is not None:
            self.load.stop()
            self.load = None
        if not self.workers:
            return  # a case that has compared already
        self.sync()
        for table in TABLES:
            check_equal(self.echodb, f"public.{table}", table)
        self.check_epochs()

    def end_load_and_compare(self) -> None:
        """For a case whose target is not the stack's own."""
        self.compare()

    def check_epochs(self) -> None:
        """No epoch has written after the next one began, and one is in force."""
        late = self.postgres.fetch(
            "SELECT epoch, worker, last_write_at, deposed_at FROM _echodb.leaders WHERE last_write_at > deposed_at")
        if late:
            raise Failed(f"leaders wrote after they were deposed: {late}")
        if (count := self.postgres.fetch("SELECT count(*) FROM _echodb.leaders WHERE deposed_at IS NULL")[0][0]) != 1:
            raise Failed(f"{count} epochs are in force")

    def epoch(self) -> int:
        return self.postgres.fetch("SELECT max(epoch) FROM _echodb.leaders")[0][0]

    # The end.

    def end_case(self) -> None:
        """What every case ends with: equality, and nothing left running but the servers."""
        self.compare()
        for worker in self.workers:
            if worker.child.running is not None:
                worker.stop()
        self._discard_extras()

    def _discard_extras(self) -> None:
        self.workers.clear()
        for extra in self.extras:
            extra.discard()
        self.extras.clear()

    def log_tails(self) -> str:
        parts = []
        for log in [worker.log for worker in self.workers] + [self.directory / "postgres.log"]:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
            parts += [f"--- {log.name}:", *lines[-LOG_LINES_SHOWN:]]
        return "\n".join(parts)

    def discard(self, keep: bool) -> None:
        if self.load is not None:
            for writer in self.load.writers:
                writer.stopping.set()
        for worker in self.workers:
            worker.child.discard()
        self._discard_extras()
        self.environment.discard(keep)
        if keep:
            print(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

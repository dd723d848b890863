"""A private PostgreSQL, and sessions of psql in it."""

import atexit
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg2

from .children import Child, Failed, free_port, run_once, until

USER = "echodb"
PASSWORD = "two-sided"  # not the one that everybody knows, of which doctor warns
DATABASE = "echodb"
SETTINGS = {
    "wal_level": "logical",
    "fsync": "off",  # these servers only have to survive processes, not machines
    "max_wal_size": "4GB",
    "max_wal_senders": "10",
    "max_prepared_transactions": "10",
    "max_replication_slots": "10",
    "timezone": "UTC",
    "listen_addresses": "127.0.0.1",
}


_templates: dict[Path, Path] = {}
_making = threading.Lock()


def template(bindir: Path, user: str | None) -> Path:
    """A cluster that was never started, to be copied: initdb takes seconds. All copies are of one system identifier."""
    with _making:
        if bindir not in _templates:
            directory = Path(tempfile.mkdtemp(prefix="echodb-initdb-"))
            atexit.register(shutil.rmtree, directory, ignore_errors=True)
            directory.chmod(0o755)  # PostgreSQL may run as another user
            _templates[bindir] = _init(bindir, directory, user)
        return _templates[bindir]


def _init(bindir: Path, directory: Path, user: str | None) -> Path:
    cluster, password = directory / "postgres", directory / "password"
    cluster.mkdir()
    password.write_text(PASSWORD)
    if user:
        shutil.chown(cluster, user, user)
    run_once([str(bindir / "initdb"), "-D", str(cluster), "-U", USER, f"--pwfile={password}", "-A", "scram-sha-256",
              "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], dict(os.environ), directory, directory / "initdb.log", user)
    return cluster


class PostgresServer:
    def __init__(self, bindir: Path, directory: Path):
        self.bindir, self.directory = bindir, directory
        self.port = free_port()
        self.cluster = directory / "postgres"
        self.log = directory / "postgres.log"
        self.user = "postgres" if os.geteuid() == 0 else None
        self.child = self._server("postgres", self.cluster, self.port, {})
        self.standby: Child | None = None
        self.standby_port = 0

    def _server(self, name: str, cluster: Path, port: int, extra: dict[str, str]) -> Child:
        settings = dict(SETTINGS, port=str(port), unix_socket_directories=str(cluster)) | extra
        command = [str(self.bindir / "postgres"), "-D", str(cluster)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        return Child(name, command, self.log, dict(os.environ), self.directory, self.user)

    def create(self) -> None:
        self._copy(template(self.bindir, self.user), self.cluster)

    def start(self) -> None:
        self.child.start()
        until(60, "postgres answers", lambda: self._answers("postgres"), self.child.check_alive)

    def create_database(self) -> None:
        self.fetch(f"CREATE DATABASE {DATABASE}", database="postgres")

    def restart(self) -> None:
        self.child.end(signal.SIGINT)  # a fast shutdown
        self.start()

    def crash(self) -> None:
        self.child.end(signal.SIGQUIT)  # an immediate shutdown: the next start recovers
        self.start()

    def backup(self) -> None:
        """Keeps a copy of the cluster as it is on disk; the server is stopped meanwhile."""
        self.child.end(signal.SIGINT)
        self._copy(self.cluster, self.directory / "backup")
        self.start()

    def restore(self) -> None:
        self.child.end(signal.SIGINT)
        self._copy(self.directory / "backup", self.cluster)
        self.start()

    def make_standby(self) -> None:
        """A physical standby that keeps the slots in step with ours (PostgreSQL 17)."""
        cluster = self.directory / "standby"
        self.fetch("SELECT pg_create_physical_replication_slot('standby', true)")
        self.child.end(signal.SIGINT)
        self._copy(self.cluster, cluster)
        for slot in (cluster / "pg_replslot").iterdir():
            shutil.rmtree(slot)
        (cluster / "standby.signal").touch()
        self.start()
        self.standby_port = free_port()
        self.standby_settings = {
            "primary_conninfo": f"host=127.0.0.1 port={self.port} user={USER} password={PASSWORD} dbname={DATABASE}",
            "primary_slot_name": "standby", "hot_standby_feedback": "on", "sync_replication_slots": "on"}
        self.standby = self._server("standby", cluster, self.standby_port, self.standby_settings)
        self.standby.start()
        until(60, "the standby answers", lambda: self._answers("postgres", self.standby_port), self.standby.check_alive)

    def ask_standby(self, query: str) -> list[tuple]:
        return self.fetch(query, port=self.standby_port)

    def await_synced_slot(self) -> None:
        """A slot is kept once the standby has all that the slot needs, which takes some activity on the primary."""
        def is_synced() -> bool:
            self.fetch("SELECT pg_logical_emit_message(true, 'e2e', ''), pg_log_standby_snapshot()")
            time.sleep(0.1)
            return self.ask_standby("SELECT count(*) FROM pg_replication_slots WHERE synced AND NOT temporary")[0][0] == 1
        until(60, "the standby has our slot", is_synced, self.standby.check_alive)

    def cut_standby_off(self) -> None:
        """From now on the standby receives nothing."""
        self.standby.end(signal.SIGINT)
        cluster = self.directory / "standby"
        self.standby = self._server("standby", cluster, self.standby_port,
                                    {"hot_standby_feedback": "on", "primary_conninfo": "host=127.0.0.1 port=1"})
        self.standby.start()
        until(60, "the standby answers", lambda: self._answers("postgres", self.standby_port), self.standby.check_alive)

    def promote(self) -> None:
        """The primary stops for good, and the standby takes its place and its port."""
        self.child.end(signal.SIGINT)
        self.ask_standby("SELECT pg_promote()")
        self.standby.end(signal.SIGINT)
        self.cluster = self.directory / "standby"
        self.child, self.standby = self._server("postgres", self.cluster, self.port, {}), None
        self.start()

    def discard(self) -> None:
        """At once, but shared memory is given back."""
        self.child.discard(signal.SIGQUIT)
        if self.standby is not None:
            self.standby.discard(signal.SIGQUIT)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", source, target], check=True)

    def _answers(self, database: str, port: int = 0) -> bool:
        try:
            self.connect(database, port).close()
            return True
        except psycopg2.OperationalError:
            return False

    def connect(self, database: str = DATABASE, port: int = 0):
        """A connection of the driver's own, in autocommit."""
        connection = psycopg2.connect(host="127.0.0.1", port=port or self.port, user=USER, password=PASSWORD, dbname=database,
                                      application_name="e2e driver")
        connection.autocommit = True
        return connection

    def fetch(self, query: str, arguments=None, database: str = DATABASE, port: int = 0) -> list[tuple]:
        connection = self.connect(database, port)
        try:
            cursor = connection.cursor()
            cursor.execute(query, arguments)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def environment(self) -> dict[str, str]:
        """What libpq's programs need to reach this server. They are the server's own where it has brought some."""
        return dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER=USER, PGPASSWORD=PASSWORD,
                    PGDATABASE=DATABASE, PGOPTIONS="-c client_min_messages=warning", PATH=f"{self.bindir}:{os.environ['PATH']}")


class Session:
    """A psql that stays open, so that a transaction can span steps."""

    def __init__(self, server: PostgresServer, name: str):
        self.name = name
        environment = server.environment()
        self.psql = subprocess.Popen(
            [shutil.which("psql", path=environment["PATH"]), "-X", "-q", "-A", "-t", "-F", "\t", "-P", "null=\\N"],
            env=environment, cwd=server.directory,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.count = 0

    def is_open(self) -> bool:
        return self.psql.poll() is None

    def run(self, sql: str, deadline_seconds: float = 180) -> list[str]:
        """Runs the statements one by one, as psql does, and returns the lines psql printed."""
        self.count += 1
        mark = f"-- end of {self.count}"
        self.psql.stdin.write(f"{sql.rstrip()}\n;\n\\echo '{mark}'\n".encode())
        self.psql.stdin.flush()
        return self._read_until(mark, time.monotonic() + deadline_seconds)

    def _read_until(self, mark: str, end: float) -> list[str]:
        text = b""
        stop = f"{mark}\n".encode()
        stream = self.psql.stdout.fileno()
        while not (text == stop or text.endswith(b"\n" + stop)):
            ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
            piece = os.read(stream, 1 << 16) if ready else b""
            if not piece:
                why = "psql ended" if ready else "no answer in time"
                raise Failed(f"session '{self.name}': {why}\n{text.decode('utf-8', 'replace')}")
            text += piece
        return text[: -len(stop)].decode("utf-8", "replace").split("\n")[:-1]

    def close(self) -> None:
        self.psql.kill()
        self.psql.wait()
        self.psql.stdin.close()
        self.psql.stdout.close()

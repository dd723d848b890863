"""A private PostgreSQL, and sessions of psql in it."""

import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg2

from .children import Child, Failed, free_port, run_once, until

USER = "echodb"
PASSWORD = "password"
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


class PostgresServer:
    def __init__(self, bindir: Path, directory: Path):
        self.bindir, self.directory = bindir, directory
        self.port = free_port()
        self.cluster = directory / "postgres"
        self.log = directory / "postgres.log"
        self.user = "postgres" if os.geteuid() == 0 else None
        settings = dict(SETTINGS, port=str(self.port), unix_socket_directories=str(self.cluster))
        command = [str(bindir / "postgres"), "-D", str(self.cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.child = Child("postgres", command, self.log, dict(os.environ), directory, self.user)

    def create(self) -> None:
        self.cluster.mkdir()
        password = self.directory / "password"
        password.write_text(PASSWORD)
        if self.user:
            shutil.chown(self.cluster, self.user, self.user)
        run_once([str(self.bindir / "initdb"), "-D", str(self.cluster), "-U", USER, f"--pwfile={password}", "-A",
                  "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
                 dict(os.environ), self.directory, self.log, self.user)

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

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", source, target], check=True)

    def _answers(self, database: str) -> bool:
        try:
            self.connect(database).close()
            return True
        except psycopg2.OperationalError:
            return False

    def connect(self, database: str = DATABASE):
        """A connection of the driver's own, in autocommit."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database,
                                      application_name="e2e driver")
        connection.autocommit = True
        return connection

    def fetch(self, query: str, arguments=None, database: str = DATABASE) -> list[tuple]:
        connection = self.connect(database)
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

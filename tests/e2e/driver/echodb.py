"""EchoDB's own programs: the embedded ClickHouse, setup, and the worker."""

import json
import os
import signal
import subprocess
from pathlib import Path

import requests

from .children import Child, Failed, free_port, run_once, until
from .postgres import DATABASE, PASSWORD, USER, PostgresServer

READY_SECONDS = 60
VERIFY_SECONDS = 120
SETTINGS = {
    "SYNC_SCHEMA": "public,sales",
    "EXCLUDED_TABLES": "temp_*,public.secret_*",
    "RETRY_DELAY": "1",
    "WORKER_ID": "worker-1",
    "LOG_LEVEL": "DEBUG",
}


def _own_variables(postgres: PostgresServer, clickhouse_port: int, directory: Path) -> dict[str, str]:
    """Only what is set here reaches the programs: a developer's own variables must not change a test."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "ECHODB_CHDB_LIBRARY", "ASAN_OPTIONS",
            "UBSAN_OPTIONS", "TSAN_OPTIONS")
    return {name: os.environ[name] for name in kept if name in os.environ} | SETTINGS | {
        "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port), "POSTGRES_DB": DATABASE,
        "POSTGRES_USER": USER, "POSTGRES_PASSWORD": PASSWORD, "CLICKHOUSE_PASSWORD": PASSWORD,
        "CLICKHOUSE_HOST": "127.0.0.1", "CLICKHOUSE_PORT": str(clickhouse_port),
        "ECHODB_DATA_DIR": str(directory / "echodb"),
    }


class EchoDb:
    """One source and one target, and what runs between them."""

    def __init__(self, program: Path, postgres: PostgresServer, directory: Path, variables: dict[str, str],
                 engine: Path | None = None):
        """`engine`: another program as the embedded ClickHouse."""
        self.program, self.postgres, self.directory = program, postgres, directory
        self.clickhouse_port = free_port()
        self.health_port = free_port()
        self.checker_port = free_port()
        self.env = _own_variables(postgres, self.clickhouse_port, directory) | variables
        self.env["HEALTH_CHECK_PORT"] = str(self.health_port)
        self.env["CONSISTENCY_CHECKER_PORT"] = str(self.checker_port)
        self.worker_log = directory / "worker.log"
        self.worker = self._child("worker", program)
        self.clickhouse = self._child("clickhouse", (engine or program).resolve())
        self.checker = self._child("checker", program)
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy on the way to our own servers

    def _child(self, role: str, program: Path) -> Child:
        return Child(role, [str(program), role], self.directory / f"{role}.log", self.env, self.directory)

    def setup(self) -> None:
        run_once([str(self.program), "setup"], self.env, self.directory, self.directory / "setup.log")

    def status(self) -> str:
        """What `echodb status` prints."""
        return run_once([str(self.program), "status"], self.env, self.directory, self.directory / "status.log")

    def verify(self, arguments: list[str], deadline_seconds: float = VERIFY_SECONDS) -> list[dict]:
        """The reports of `echodb verify`."""
        answer = subprocess.run([str(self.program), "verify", "--json", *arguments], env=self.env, cwd=self.directory,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline_seconds, text=True)
        if answer.returncode not in (0, 1, 2) or not answer.stdout:
            raise Failed(f"echodb verify ended with {answer.returncode}: {answer.stderr[-2000:]}")
        return json.loads(answer.stdout)

    def start_clickhouse(self) -> None:
        self.clickhouse.start()
        until(READY_SECONDS, "clickhouse answers /ping", lambda: self._answers(self.clickhouse_port, "/ping"),
              self.clickhouse.check_alive)

    def start_worker(self, path: str = "/ready") -> None:
        self.worker.start()
        until(READY_SECONDS, f"the worker's {path}", lambda: self._answers(self.health_port, path),
              self.worker.check_alive)

    def start_checker(self) -> None:
        self.checker.start()
        until(READY_SECONDS, "the checker's /ready", lambda: self._answers(self.checker_port, "/ready"),
              self.checker.check_alive)

    def stop(self, child: Child) -> None:
        status = child.end(signal.SIGTERM)
        if status != 0:
            raise Failed(f"{child.name} ended with status {status} on SIGTERM")

    def _answers(self, port: int, path: str) -> bool:
        try:
            return self.http.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def metrics(self) -> dict:
        answer = self.http.get(f"http://127.0.0.1:{self.health_port}/metrics",
                               headers={"Accept": "application/json"}, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def query(self, sql: str, form: str = "TabSeparated", settings: dict[str, str] | None = None) -> bytes:
        """What ClickHouse answers, in the given format; Failed with its message when it refuses."""
        return self._post(sql, form, stream=False, settings=settings).content

    def query_lines(self, sql: str, form: str = "TabSeparated"):
        """The same line by line, for results too large to hold."""
        rest = b""
        for piece in self._post(sql, form, stream=True).iter_content(1 << 20):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
        if rest:
            raise Failed(f"ClickHouse's answer broke off: {rest[-500:].decode('utf-8', 'replace')}")

    def _post(self, sql: str, form: str, stream: bool, settings: dict[str, str] | None = None) -> requests.Response:
        answer = self.http.post(
            f"http://127.0.0.1:{self.clickhouse_port}/",
            params={"database": "echodb", "default_format": form} | (settings or {}), data=sql.encode(),
            headers={"X-ClickHouse-User": "echodb", "X-ClickHouse-Key": PASSWORD}, timeout=120, stream=stream,
        )
        if answer.status_code != 200:
            raise Failed(f"ClickHouse answered {answer.status_code}: {answer.text.strip()}")
        return answer

    def discard(self) -> None:
        self.checker.discard()
        self.worker.discard()
        self.clickhouse.discard()
        self.http.close()

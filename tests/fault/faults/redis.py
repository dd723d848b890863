"""A private Redis."""

import signal
import socket
from pathlib import Path

from driver.children import Child, free_port, until
from driver.postgres import DATABASE

KEY = "echodb:auto_mirror:leader_lock"


class Redis:
    def __init__(self, directory: Path):
        self.port = free_port()
        self.child = Child("redis", ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                     "--appendonly", "no"], directory / "redis.log", {}, directory)
        self.start()

    def start(self) -> None:
        self.child.env = {"PATH": "/usr/bin:/bin"}
        self.child.start()
        until(20, "redis answers", self._answers, self.child.check_alive)

    def kill(self) -> None:
        self.child.end(signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, *words: str) -> str:
        """One command; a bulk or simple string as text, nil as an empty one."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"*%d\r\n" % len(words) + b"".join(
                b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
            answer = connection.recv(4096).decode()
        return answer.split("\r\n")[1] if answer.startswith("$") and not answer.startswith("$-1") else answer[1:].strip()

    def holder(self, database: str = DATABASE) -> str:
        """The WORKER_ID of the worker that has the key of the source's stream; empty when nobody has."""
        value = self.ask("EVAL", "local keys = redis.call('KEYS', ARGV[1]) "
                         "return keys[1] and redis.call('GET', keys[1]) or ''", "0", f"{KEY}:*:{database}")
        return value.rsplit("|", 2)[0]

    def variables(self) -> dict[str, str]:
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.port)}

    def discard(self) -> None:
        self.child.discard()

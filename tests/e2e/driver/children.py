"""The servers and programs a run starts: each a child that ends with the run."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path


class Failed(Exception):
    """A step did not do what the script says it does."""


def free_port() -> int:
    """Below the ports that the kernel gives to connections: a server may start on it again and again."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody has it
            return port


def until(deadline_seconds: float, what: str, is_true, alive=lambda: None):
    """Asks again and again, less often the longer it takes, until `is_true` answers something true, and returns that.
    `alive` may raise earlier."""
    began = time.monotonic()
    while True:
        if answer := is_true():
            return answer
        alive()
        waited = time.monotonic() - began
        if waited > deadline_seconds:
            raise Failed(f"{what}: not within {deadline_seconds:g} s")
        time.sleep(min(0.01 + waited / 20, 0.05))


class Child:
    """One program, its log, and how it ends. If the driver dies, the kernel ends the child."""

    def __init__(self, name: str, command: list[str], log: Path, env: dict[str, str], cwd: Path, user: str | None = None):
        self.name, self.command, self.log, self.env, self.cwd, self.user = name, command, log, env, cwd, user
        self.running: subprocess.Popen | None = None

    def start(self) -> None:
        as_user = ["--reuid", self.user, "--regid", self.user, "--clear-groups"] if self.user else []
        with open(self.log, "ab") as log:
            self.running = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *as_user, *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, cwd=self.cwd,
            )

    def check_alive(self) -> None:
        if self.running is None:
            raise Failed(f"{self.name} is not running")
        if (status := self.running.poll()) is not None:
            raise Failed(f"{self.name} ended by itself with status {status}")

    def end(self, number: signal.Signals, deadline_seconds: float = 30) -> int:
        """Sends the signal and waits; returns the exit status, negative for a signal."""
        self.check_alive()
        self.running.send_signal(number)
        try:
            return self.running.wait(deadline_seconds)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
            raise Failed(f"{self.name} did not end within {deadline_seconds:g} s of {number.name}") from None
        finally:
            self.running = None

    def discard(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the child without asking how it goes."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(number)
            try:
                self.running.wait(10)
            except subprocess.TimeoutExpired:
                self.running.kill()
                self.running.wait()
        self.running = None


def run_once(command: list[str], env: dict[str, str], cwd: Path, log: Path, user: str | None = None) -> str:
    """Runs a program to its end and returns its output, which also goes to the log and into the error if it fails."""
    answer = subprocess.run(command, env=env, cwd=cwd, user=user, group=user, extra_groups=[] if user else None,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    text = answer.stdout.decode("utf-8", "replace")
    with open(log, "a", encoding="utf-8") as file:
        file.write(text)
    if answer.returncode != 0:
        raise Failed(f"{os.path.basename(command[0])} {' '.join(command[1:])} ended with {answer.returncode}:\n{text}")
    return text

"""Statements that arrive at a steady rate, by pgbench."""

import re
import signal
import subprocess
from statistics import mean

from driver.children import Failed

from .stack import Stack


_PROGRESS = re.compile(r"^progress: .*?, ([0-9.]+) tps", re.MULTILINE)


class Load:
    """Runs while the block lasts, which is at least two seconds; `rate` then says how many transactions there were in
    a second."""

    def __init__(self, stack: Stack, per_second: int, options: str = "-N"):
        self.stack, self.per_second, self.options = stack, per_second, options
        self.rate = 0.0

    def __enter__(self) -> "Load":
        command = f"exec pgbench -n -M prepared -c 4 -T 3600 -P 1 -R {self.per_second} {self.options}"
        self.running = subprocess.Popen(["bash", "-c", command], env=self.stack.postgres.environment(),
                                        cwd=self.stack.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        return self

    def __exit__(self, *_) -> None:
        self.running.terminate()  # it sums up only when its time is over, so what it said every second has to do
        text = self.running.communicate()[0]
        if self.running.returncode not in (0, -signal.SIGTERM):
            raise Failed(f"pgbench ended with {self.running.returncode}: {text[-2000:]}")
        self.rate = mean(float(tps) for tps in _PROGRESS.findall(text))

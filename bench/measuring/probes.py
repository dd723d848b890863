"""Commit to visible: rows committed to a clock's beat, and somebody who asks ClickHouse for them all the time."""

import threading
import time

from driver.children import Failed

from .results import percentile

_BUCKETS_MS = (5, 10, 15, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000)
_LATE_SECONDS = 120


class Probes:
    """`commit(n)` commits row n and returns once the source has acknowledged it; `newest()` answers the greatest row
    that ClickHouse shows, or None. Rows are committed every `every_seconds`, whatever became of earlier ones. Between
    two questions is a pause, which bounds what they cost ClickHouse and how exact a latency is."""

    def __init__(self, commit, newest, first: int, every_seconds: float = 0.05, pause_seconds: float = 0.002):
        self.commit, self.newest, self.first, self.every_seconds = commit, newest, first, every_seconds
        self.pause_seconds = pause_seconds
        self.committed: dict[int, float] = {}
        self.seen: dict[int, float] = {}
        self.last: int | None = None
        self.failure: Exception | None = None

    def run(self, seconds: float) -> list[float]:
        """Latencies in milliseconds, one for each row."""
        writer = threading.Thread(target=self._write, args=(round(seconds / self.every_seconds),))
        writer.start()
        try:
            self._watch()
        finally:
            writer.join()
        if self.failure is not None:
            raise self.failure
        return [(self.seen[row] - self.committed[row]) * 1e3 for row in sorted(self.committed)]

    def _write(self, rows: int) -> None:
        began = time.monotonic()
        try:
            for number in range(rows):
                time.sleep(max(0.0, began + number * self.every_seconds - time.monotonic()))
                self.commit(self.first + number)
                self.committed[self.first + number] = time.monotonic()
            self.last = self.first + rows - 1
        except Exception as failure:
            self.failure = failure

    def _watch(self) -> None:
        shown = self.first - 1
        while self.failure is None and shown != self.last:
            newest = self.newest()
            now = time.monotonic()
            for row in range(shown + 1, (newest or 0) + 1):
                self.seen[row] = now
            shown = max(shown, newest or 0)
            overdue = self.committed.get(shown + 1)
            if overdue is not None and now - overdue > _LATE_SECONDS:
                raise Failed(f"row {shown + 1} is not visible after {_LATE_SECONDS} s")
            time.sleep(self.pause_seconds)


def histogram(latencies_ms: list[float]) -> dict[str, int]:
    counts = {f"≤{bucket} ms": sum(low < one <= bucket for one in latencies_ms)
              for low, bucket in zip((-1e9, *_BUCKETS_MS), _BUCKETS_MS)}
    counts["more"] = sum(one > _BUCKETS_MS[-1] for one in latencies_ms)
    return {bucket: count for bucket, count in counts.items() if count}


def p50(latencies_ms: list[float]) -> float:
    return percentile(latencies_ms, 0.5)


def p99(latencies_ms: list[float]) -> float:
    return percentile(latencies_ms, 0.99)

"""Work that is shared out among jobs."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def side_by_side(jobs: int, items: Iterable[Item], work: Callable[[Iterator[Item]], Outcome]) -> list[Outcome]:
    """Each job calls `work` once, which takes the next item whenever it is ready for one. Returns what each returned."""
    left, taking = iter(items), threading.Lock()

    def take() -> Iterator[Item]:
        while True:
            with taking:
                try:
                    item = next(left)
                except StopIteration:
                    return
            yield item

    if jobs == 1:
        return [work(take())]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda _: work(take()), range(jobs)))

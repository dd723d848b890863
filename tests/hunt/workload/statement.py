"""One step of a workload."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Statement:
    kind: str  # the name of the function that made it
    sql: str
    session: int = 0
    reads: list[int] = field(default_factory=list)  # families whose rows it touches
    changes: list[int] = field(default_factory=list)  # families whose schema it changes
    effect: Callable[[], None] = lambda: None  # on the model, when it has succeeded
    alone: bool = False  # not inside a transaction block

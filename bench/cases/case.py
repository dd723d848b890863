"""What every case is: something to prepare once, and something to measure again and again."""

from measuring.results import Result
from measuring.stack import Stack


class Case:
    name = ""
    source_settings: dict[str, str] = {}  # beyond those of every case

    def __init__(self, stack: Stack, quick: bool):
        self.stack = stack
        self.quick = quick

    def prepare(self) -> None:
        """The source's tables. Nothing of EchoDB runs but its ClickHouse."""

    def sample(self, result: Result) -> None:
        """Measures every contender once."""
        raise NotImplementedError

"""What a case found: one measurement for each sample and each contender, and what follows from them."""

from dataclasses import dataclass, field
from statistics import median

ECHODB = "echodb"


@dataclass
class Measurement:
    """One contender's run. `rows` is the work done: rows copied, or changes applied."""

    seconds: float
    rows: int
    cpu_seconds: dict[str, float] = field(default_factory=dict)  # by process: echodb, walsender, postgres, clickhouse
    rss_mb: float | None = None

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


@dataclass
class Spread:
    """A median with the least and the greatest of what it is the median of."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Result:
    """All measurements of one case. What has the same place in two lists ran in the same minute, so a ratio is of two
    such."""

    def __init__(self, case: str):
        self.case = case
        self.samples: dict[str, list[Measurement]] = {}
        self.figures: dict[str, list[float]] = {}  # what else was seen, by a name that ends in its unit
        self.histograms: dict[str, dict[str, int]] = {}
        self.better: dict[str, list[float]] = {}  # how many times better EchoDB was, by contender; not from `samples`
        self.equal = True

    def add(self, contender: str, measurement: Measurement) -> None:
        self.samples.setdefault(contender, []).append(measurement)

    def saw(self, figure: str, value: float) -> None:
        self.figures.setdefault(figure, []).append(value)

    def compare(self, contender: str, times: float) -> None:
        self.better.setdefault(contender, []).append(times)

    def expect_equal(self, equal: bool) -> None:
        self.equal = self.equal and equal

    def rates(self, contender: str) -> Spread:
        return Spread.of([one.rate for one in self.samples[contender]])

    def ratios(self) -> dict[str, Spread]:
        """EchoDB's rate by each other contender's: above 1, EchoDB is better."""
        own = self.samples.get(ECHODB, [])
        ratios = {name: Spread.of([mine.rate / theirs.rate for mine, theirs in zip(own, samples)])
                  for name, samples in self.samples.items() if name != ECHODB and own}
        return ratios | {name: Spread.of(values) for name, values in self.better.items()}

    def cpu_us_per_row(self) -> dict[str, float]:
        own = self.samples.get(ECHODB, [])
        names = own[0].cpu_seconds if own else {}
        return {name: median([one.cpu_seconds[name] / one.rows * 1e6 for one in own]) for name in names}

    def rss_mb(self) -> float | None:
        return max((one.rss_mb for one in self.samples.get(ECHODB, []) if one.rss_mb is not None), default=None)

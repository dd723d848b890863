"""What a case found: one measurement for each sample and each contender, and what follows from them."""

from dataclasses import dataclass, field
from statistics import median

ECHODB = "echodb"


@dataclass
class Measurement:
    """One contender's run. `rows` is the work done: rows copied, or changes applied."""

    seconds: float
    rows: int
    cpu_seconds: dict[str, float] = field(default_factory=dict)  # by process: echodb, walsender, clickhouse
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
    """All measurements of one case. Contenders of one sample ran in the same minute, so a ratio is of one sample."""

    def __init__(self, case: str):
        self.case = case
        self.samples: dict[str, list[Measurement]] = {}
        self.figures: dict[str, float] = {}  # what else the case found, by a name that ends in its unit
        self.histograms: dict[str, dict[str, int]] = {}
        self.equal = True
        self.notes: list[str] = []

    def add(self, contender: str, measurement: Measurement) -> None:
        self.samples.setdefault(contender, []).append(measurement)

    def rates(self, contender: str) -> Spread:
        return Spread.of([one.rate for one in self.samples[contender]])

    def ratios(self) -> dict[str, Spread]:
        """EchoDB's rate by each other contender's: above 1, EchoDB is faster."""
        own = self.samples.get(ECHODB, [])
        return {name: Spread.of([mine.rate / theirs.rate for mine, theirs in zip(own, samples)])
                for name, samples in self.samples.items() if name != ECHODB and own}

    def cpu_us_per_row(self) -> dict[str, float]:
        own = self.samples.get(ECHODB, [])
        names = own[0].cpu_seconds if own else {}
        return {name: median([one.cpu_seconds[name] / one.rows * 1e6 for one in own]) for name in names}

    def rss_mb(self) -> float | None:
        return max((one.rss_mb for one in self.samples.get(ECHODB, []) if one.rss_mb is not None), default=None)

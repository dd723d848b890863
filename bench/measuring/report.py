"""The report: a table for people, one JSON document for programs."""

import json
import os
import platform
from pathlib import Path

from .results import Result, Spread

_WIDTH = 26


def _cells(spread: Spread, scale: float = 1.0) -> str:
    return "".join(f"{value / scale:>12,.2f}" for value in (spread.median, spread.least, spread.greatest))


def _heading(result: Result, seconds: float) -> None:
    print(f"\n{result.case}: {'equal' if result.equal else 'NOT EQUAL'} ({seconds:.0f} s)")
    print(f"  {'':<{_WIDTH}}{'median':>12}{'min':>12}{'max':>12}")


def print_result(result: Result, seconds: float) -> None:
    _heading(result, seconds)
    for contender in result.samples:
        print(f"  {contender + ', 1,000 rows/s':<{_WIDTH}}{_cells(result.rates(contender), 1e3)}")
    for contender, ratio in result.ratios().items():
        print(f"  {'× ' + contender:<{_WIDTH}}{_cells(ratio)}")
    for name, values in result.figures.items():
        print(f"  {name:<{_WIDTH}}{_cells(Spread.of(values))}")
    if cpu := ", ".join(f"{name} {us:.2f} µs" for name, us in result.cpu_us_per_row().items()):
        print(f"  CPU per row: {cpu}")
    if (rss := result.rss_mb()) is not None:
        print(f"  peak RSS of the worker: {rss:.0f} MB")
    for name, histogram in result.histograms.items():
        print(f"  {name}: {', '.join(f'{bucket} {count}' for bucket, count in histogram.items())}")


def _spread(spread: Spread) -> dict:
    return {"median": spread.median, "min": spread.least, "max": spread.greatest}


def _case(result: Result) -> dict:
    return {
        "equal": result.equal,
        "ratios": {name: ratio.median for name, ratio in result.ratios().items()},
        "ratio_ranges": {name: _spread(ratio) for name, ratio in result.ratios().items()},
        "rows_per_second": {name: _spread(result.rates(name)) for name in result.samples},
        "cpu_us_per_row": result.cpu_us_per_row(),
        "rss_mb": result.rss_mb(),
        "figures": {name: _spread(Spread.of(values)) for name, values in result.figures.items()},
        "histograms": result.histograms,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write_json(path: Path, results: list[Result]) -> None:
    machine = {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()}
    document = {"machine": machine, "cases": {result.case: _case(result) for result in results}}
    path.write_text(json.dumps(document, indent=2) + "\n")

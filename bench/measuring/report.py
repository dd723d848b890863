"""The report: one table for people, one JSON document for programs."""

import json
import os
import platform
from pathlib import Path

from .results import Result, Spread


def _thousands(spread: Spread) -> str:
    return f"{spread.median / 1e3:>10,.1f} {spread.least / 1e3:>9,.1f} {spread.greatest / 1e3:>9,.1f}"


def print_result(result: Result) -> None:
    print(f"\n{result.case}: {'equal' if result.equal else 'NOT EQUAL'}")
    if result.samples:
        print(f"  {'':<26} {'1,000 rows/s':>10} {'min':>7} {'max':>9}   {'echodb is':>9} {'min':>6} {'max':>6}")
    ratios = result.ratios()
    for contender in result.samples:
        line = f"  {contender:<26} {_thousands(result.rates(contender))}"
        if contender in ratios:
            ratio = ratios[contender]
            line += f"   {ratio.median:>8.2f}x {ratio.least:>6.2f} {ratio.greatest:>6.2f}"
        print(line)
    cpu = ", ".join(f"{name} {us:.2f} us" for name, us in result.cpu_us_per_row().items())
    if cpu:
        print(f"  CPU per row: {cpu}")
    if (rss := result.rss_mb()) is not None:
        print(f"  peak RSS of the worker: {rss:.0f} MB")
    for name, value in result.figures.items():
        print(f"  {name}: {value:,.2f}")
    for note in result.notes:
        print(f"  {note}")


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
        "figures": result.figures,
        "histograms": result.histograms,
        "notes": result.notes,
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

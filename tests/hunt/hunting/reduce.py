"""Makes a failing workload smaller: leaves out ever smaller pieces as long as it still fails alike."""

from pathlib import Path

from .hunt import Hunt
from .steps import Step, load, save


# A shorter patience than a round's: a reduction fails often.
SYNC_SECONDS = 12
LATE_SECONDS = 3


def _shape(failure: str) -> str:
    """What must stay the same, so that a reduction does not wander off to another failure."""
    for words in ("ends otherwise", "sync to", "ended by itself", "the columns are", "ClickHouse has tables",
                  " is error", "not mirrored", "there is no table", "rows, in ClickHouse"):
        if words in failure:
            return words
    return failure[:40]


def reduce_file(hunt: Hunt, path: Path) -> int:
    steps = load(path)

    def failure_of(some: list[Step]) -> str | None:
        servers = hunt.fresh()
        servers.sync_seconds, servers.late_seconds = SYNC_SECONDS, LATE_SECONDS
        return hunt.play(some, check_outcomes=False)[1]

    first = failure_of(steps)
    if first is None:
        print("it did not fail this time")
        return 1
    wanted = _shape(first)
    out = path.with_suffix(".reduced.jsonl")
    size = len(steps) // 2
    while size > 0:
        at, smaller = 0, False
        while at < len(steps):
            candidate = steps[:at] + steps[at + size:]
            failure = failure_of(candidate) if candidate else None
            if failure is not None and _shape(failure) == wanted:
                steps, smaller = candidate, True
                save(steps, out)
                print(f"{len(steps)} steps still fail: {failure.splitlines()[0][:160]}", flush=True)
            else:
                at += size
        size = size // 2 if size > 1 or not smaller else 1
    print(f"the smallest that failed: {out}")
    for step in steps:
        print(f"  {step.do if step.do != 'statement' else f'session {step.session}'}: {step.text[:1500]}")
    return 0

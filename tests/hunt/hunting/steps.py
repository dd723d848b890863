"""A workload written down: statements with their outcomes, and what happens to the servers between them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from workload.generator import Generator
from workload.statement import Statement
from workload.values import PRELUDE

from .sessions import Sessions

QUIET_STATEMENTS = 120  # about so many statements lie between two comparisons

# What a failpoint may be of: those of `setup` and those of a running worker, as kFailpoints in src/base/failpoint.h.
SETUP_POINTS = ["setup.triggers_installed", "setup.source_installed", "setup.tables_published", "setup.slot_created",
                "setup.recorded"]
WORKER_POINTS = ["insert.completed", "insert.acknowledged", "status.sent", "progress.saved", "target.created",
                 "schema.step_done", "schema.saved", "truncate.applied", "shadow.created", "exchange.before",
                 "exchange.done", "copy.range_written", "copy.range_recorded", "copy.finished"]


# What somebody may do to EchoDB's own, and no statement of the application's ends otherwise for it.
_PUBLISHED = "SELECT prrelid::regclass FROM pg_publication_rel WHERE prrelid % 7 = {} LIMIT 1"
_DO = "DO $$ BEGIN EXECUTE 'ALTER PUBLICATION echodb DROP TABLE ONLY ' || ({}); END $$"
HANDS = [*(_DO.format(_PUBLISHED.format(rest)) for rest in range(7)),
         "DROP PUBLICATION echodb",
         "DELETE FROM _echodb.partitions", "DELETE FROM _echodb.memberships", "DELETE FROM _echodb.enum_labels",
         "DO $$ BEGIN EXECUTE (SELECT 'DROP TRIGGER echodb_partition_truncate ON ' || tgrelid::regclass FROM pg_trigger "
         "WHERE tgname = 'echodb_partition_truncate' LIMIT 1); END $$"]


@dataclass
class Step:
    do: str  # statement, or one of the words in play.py
    session: int = 0
    text: str = ""  # the statement, a failpoint, or what a hand does
    kind: str = ""
    outcome: str = ""


def record(seed: int, statements: int, without: set[str], sessions: Sessions) -> list[Step]:
    """Generates a workload while it runs against a source without EchoDB."""
    for sql in PRELUDE:
        sessions.run(0, sql)
    generator = Generator(seed, without)
    rng = Random(seed * 2 + 1)
    steps = [_settings(rng)]
    setup_at = rng.randint(3, max(4, statements // 3))
    in_background = rng.random() < 0.3 and "setup_in_background" not in without

    def run(statement: Statement) -> None:
        outcome = sessions.run(statement.session, statement.sql)
        if "57014" in outcome:
            raise RuntimeError(f"the workload of seed {seed} holds itself up: {statement.sql}")
        generator.done(statement, not outcome.startswith("ERROR"), sessions.in_transaction(statement.session))
        steps.append(Step("statement", statement.session, statement.sql, statement.kind, outcome))

    def finish_all() -> None:
        for statement in generator.finish_all():
            run(statement)

    is_set_up = False
    while len(steps) < statements:
        if len(steps) >= setup_at and not is_set_up:
            is_set_up = True
            if not in_background:
                finish_all()
            steps.append(Step("setup in background" if in_background else "setup"))
        elif rng.random() < 1 / QUIET_STATEMENTS:
            finish_all()
            steps.append(Step("compare"))
        elif rng.random() < 1 / 150:
            sessions.close()
            generator.sessions_lost()
            steps.append(Step("sessions lost"))
        else:
            run(generator.statement())
    finish_all()
    steps.append(Step("compare"))
    return steps


def _settings(rng: Random) -> Step:
    """Small batches and little memory cut transactions into pieces; long intervals gather many of them."""
    chosen = {"ECHODB_BATCH_ROWS_MAX": rng.choice(["200000", "200000", "50", "2"]),
              "ECHODB_SYNC_INTERVAL_MS": rng.choice(["1", "20", "200"]),
              "ECHODB_INVENTORY_SECONDS": "1", "ECHODB_MEMORY_BYTES_MAX": rng.choice(["268435456", "1048576"]),
              "ECHODB_WRITERS": rng.choice(["1", "2", "4"]), "ECHODB_SNAPSHOT_WORKERS": rng.choice(["1", "2", "4"])}
    return Step("settings", text=",".join(f"{name}={value}" for name, value in chosen.items()))


def with_faults(steps: list[Step], seed: int) -> list[Step]:
    """The same statements, and between them programs that are killed, restarted or told to die at a failpoint."""
    rng = Random(seed * 3 + 2)
    setup = next(index for index, step in enumerate(steps) if step.do.startswith("setup"))
    out = list(steps[:setup])
    if rng.random() < 0.3:
        out.append(Step("failpoints", text=f"{rng.choice(SETUP_POINTS)}=1"))
    out.append(steps[setup])
    for step in steps[setup + 1:]:
        out.append(step)
        if rng.random() < 1 / 40:
            out += _fault(rng)
        if rng.random() < 1 / 250:
            out.append(Step("hand", text=rng.choice(HANDS)))
        if step.do == "sessions lost" and rng.random() < 0.7:
            out[-1] = Step("postgres crash")
    return out


def _fault(rng: Random) -> list[Step]:
    choice = rng.random()
    if choice < 0.45:
        points = rng.sample(WORKER_POINTS, rng.randint(1, 3))
        return [Step("worker kill"),
                Step("failpoints", text=",".join(f"{point}={rng.choice([1, 1, 2, 3, 5])}" for point in points)),
                Step("worker start")]
    if choice < 0.6:
        return [Step("worker kill"), Step("worker start")]
    if choice < 0.75:
        return [Step("worker kill")]
    if choice < 0.8:
        return [Step("worker stop")]
    if choice < 0.92:
        return [Step("clickhouse kill"), Step("clickhouse start")]
    return [Step("clickhouse kill")]


def save(steps: list[Step], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(asdict(step), ensure_ascii=False) + "\n" for step in steps), encoding="utf-8")


def load(path: Path) -> list[Step]:
    return [Step(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]

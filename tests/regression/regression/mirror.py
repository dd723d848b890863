"""The suite on a database that a worker mirrors, and what has to be equal afterwards."""

from pathlib import Path

from driver.children import Failed
from driver.compare import check_equal
from driver.echodb import EchoDb
from driver.environment import Environment

from .suite import Run, Suite, prepare_database, run_suite

APPLIED_SECONDS = 600

WATCHED = """
SELECT format('%I.%I', n.nspname, c.relname), c.relkind <> 'p', t.target_name, coalesce(t.state, 'not mirrored'), t.error
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN _echodb.tables t ON t.oid = c.oid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p' AND n.nspname = 'public'
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
ORDER BY 1
"""
GHOSTS = """
SELECT target_name FROM _echodb.tables t WHERE state <> 'dropped' AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.oid)
"""

# Tables that are not equal, and the words for it, which docs/source-safety.md explains.
NOT_EQUAL = {
    "public.gtest24nn": "a CHECK of a domain in a generated column, and no key",
    "public.gtest_tableoid": "a regclass is printed with its schema",
}


def unequal_tables(echodb: EchoDb) -> list[str]:
    faults = []
    for table, only, target, state, error in echodb.postgres.fetch(WATCHED):
        if table in NOT_EQUAL:
            continue
        try:
            if state != "streaming":
                raise Failed(f"{table} is {state}: {error}")
            check_equal(echodb, table, target, only=only)
        except Failed as failure:
            faults.append(str(failure))
    return faults + [f"ClickHouse still has {target}, whose table is gone" for target, in echodb.postgres.fetch(GHOSTS)]


def run_mirrored(suite: Suite, results: Path, program: Path) -> tuple[Run, list[str]]:
    environment = Environment(program, suite.bindir, {"SYNC_SCHEMA": "public", "EXCLUDED_TABLES": ""}, bare=True)
    try:
        environment.start()
        environment.postgres.fetch("DROP SCHEMA sales, other")
        prepare_database(environment.postgres)
        environment.echodb.setup()
        environment.echodb.start_worker()
        run = run_suite(suite, environment.postgres, results)
        environment.sync(APPLIED_SECONDS)
        return run, unequal_tables(environment.echodb)
    finally:
        environment.discard(suite.keep)

"""Compares everything: which tables there are, in which state, and every value of them."""

import json
import time

from driver.children import Failed
from driver.compare import check_equal

from .servers import Servers

# As the driver's SYNC_SCHEMA and EXCLUDED_TABLES have it.
WATCHED = """
SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relkind <> 'p' FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p' AND n.nspname IN ('public', 'sales')
  AND c.relname NOT LIKE 'temp\\_%' AND NOT (n.nspname = 'public' AND c.relname LIKE 'secret\\_%') ORDER BY 2
"""
TARGETS = "SELECT name FROM system.tables WHERE database = 'echodb' AND name <> '_echodb_bookmark'"
MIRRORED = "SELECT oid, target_name, state, coalesce(error, '') FROM _echodb.tables WHERE state <> 'dropped'"


def is_late(servers: Servers) -> bool:
    """Whether a table has still to be noticed."""
    mirrored = {oid: state for oid, _, state, _ in servers.postgres.fetch(MIRRORED)}
    watched = {oid for oid, _, _ in servers.postgres.fetch(WATCHED)}
    published = {oid for oid, in servers.postgres.fetch("SELECT prrelid::bigint FROM pg_publication_rel")}
    return (watched != mirrored.keys() or not watched <= published
            or any(state != "streaming" for state in mirrored.values()))


def compare_everything(servers: Servers) -> int:
    """Raises Failed with every difference; returns the number of tables."""
    servers.sync()
    until_late = time.monotonic() + servers.late_seconds
    while is_late(servers) and time.monotonic() < until_late:
        time.sleep(0.1)
        servers.sync()
    faults = []
    mirrored = {oid: (target, state, error) for oid, target, state, error in servers.postgres.fetch(MIRRORED)}
    watched = servers.postgres.fetch(WATCHED)
    for oid, name, only in watched:
        target, state, error = mirrored.get(oid, (None, "not mirrored", ""))
        if state != "streaming":
            faults.append(f"{name} is {state}: {error}" if error else f"{name} is {state}")
            continue
        try:
            check_equal(servers.echodb, name, target, only=only)
        except Failed as difference:
            faults.append(str(difference))
    present = set(
        json.loads(line)[0] for line in servers.echodb.query(TARGETS, "JSONCompactEachRow").decode().splitlines())
    wanted = {mirrored[oid][0] for oid, _, _ in watched if oid in mirrored}
    if more := sorted(present - wanted):
        faults.append(f"ClickHouse has tables that the source has not: {more}")
    if faults:
        raise Failed("\n".join(faults))
    return len(watched)

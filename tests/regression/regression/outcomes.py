"""Compares what the tests printed, but for what EchoDB shows by design."""

import difflib
import re
from collections import Counter

from .suite import Run

# What \d and the like show of a published table.
SHOWN = [re.compile(pattern, re.M) for pattern in (
    r'^Publications:\n    "echodb(_insert_only)?"\n', r'^    "echodb(_insert_only)?"\n', r"^Replica Identity: FULL\n",
    r"^Triggers firing always:\n    echodb_partition_truncate .*\n", r"^.*echodb_partition_truncate.*\n")]
# Widths and counts follow from these.
RULE, COUNT, SPACES = re.compile(r"^ *-[-+]+-$", re.M), re.compile(r"^\(\d+ rows?\)$", re.M), re.compile(" +")

# Tests whose output differs otherwise, and why; docs/source-safety.md has the list for people.
DIFFERENT = {
    "advisory_lock": "pg_locks has an advisory lock of the worker's",
    "alter_table": "pg_locks has the triggers' locks on tables of _echodb",
    "create_index": "a plan: VACUUM beside an open transaction of EchoDB's finds pages that are not all-visible",
    "event_trigger": "pg_event_trigger has EchoDB's, and an event trigger that is ENABLE ALWAYS or REPLICA fires for its ALTERs",
    "indexing": "replica identities of partitions",
    "opr_sanity": "pg_proc has functions that are SECURITY DEFINER",
    "publication": "\\dRp lists EchoDB's, and updates work that PostgreSQL would refuse for want of a replica identity",
    "replica_identity": "NOTHING of a table with a key becomes DEFAULT",
    "triggers": "pg_trigger has EchoDB's on partitions",
}
LINES_SHOWN = 30


def normal(text: str) -> str:
    for pattern in SHOWN:
        text = pattern.sub("", text)
    return SPACES.sub(" ", COUNT.sub("(N rows)", RULE.sub("---", text)))


def errors(text: str) -> Counter[str]:
    """How often each statement was refused. Of several reasons for one, PostgreSQL names the first that it finds."""
    return Counter(line.split(" because ")[0] for line in text.splitlines() if line.startswith(("ERROR:", "FATAL:", "PANIC:")))


def differences(plain: Run, mirrored: Run) -> list[str]:
    """A fault for each test that differs and is not to, or has an error more with EchoDB than without."""
    faults = []
    for test in plain.tests():
        before, after = normal(plain.output(test)), normal(mirrored.output(test))
        if more := errors(after) - errors(before):
            faults.append("\n".join([f"{test}: statements are refused with EchoDB alone:", *more]))
        elif before != after and test not in DIFFERENT:
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "without EchoDB", "with EchoDB", lineterm="")
            faults.append(f"{test}: " + "\n".join(list(lines)[:LINES_SHOWN]))
    return faults

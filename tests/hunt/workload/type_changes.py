"""Statements that change the types of columns, beside whoever writes values of them.

The types are everybody's, so their changes have a family of their own, which has no tables: two of them never wait for each
other. A value that a change has made impossible is refused, and so is a change that is made already: without EchoDB as
with it.
"""

from random import Random

from .model import Model
from .statement import Statement

TYPES = -1  # the family

CHANGES = (
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'gloomy'",
    "ALTER TYPE mood RENAME VALUE 'gloomy' TO 'sad'",
    "ALTER TYPE mood RENAME VALUE 'gloomy' TO 'sad'",
    "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'so-so' BEFORE 'ok'",
    "ALTER TYPE pair RENAME ATTRIBUTE b TO other",
    "ALTER TYPE pair RENAME ATTRIBUTE other TO b",
    "ALTER TYPE pair ADD ATTRIBUTE c int",
    "ALTER TYPE pair DROP ATTRIBUTE IF EXISTS c",
    "ALTER TYPE pair DROP ATTRIBUTE IF EXISTS c",
)


def change_type(rng: Random, model: Model, session: int) -> Statement | None:
    sql = rng.choice(CHANGES)
    # Whoever writes a value of a composite type waits for the end of what changes it.
    return Statement("change_type", sql, session, changes=[TYPES], alone="pair" in sql)

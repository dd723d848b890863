"""Statements that change tables: one of column_changes.py or table_changes.py."""

from random import Random

from . import column_changes, table_changes
from .change import Change
from .model import Family, Model
from .statement import Statement

CHANGES = column_changes.CHANGES | table_changes.CHANGES
TOP_SHAPES = ("plain", "partitioned", "parent", "heir", "referenced", "referencing", "detached")


def random_change(rng: Random, model: Model, session: int, family: Family, without: set[str]) -> Statement | None:
    tables = family.of_shape(*TOP_SHAPES)
    if not tables:
        return None
    make = rng.choices(list(CHANGES), weights=list(CHANGES.values()))[0]
    if make.__name__ in without:
        return None
    statement = make(Change(rng, model, session, family, rng.choice(tables)))
    if statement is not None:
        statement.kind = make.__name__
        statement.session = session
    return statement

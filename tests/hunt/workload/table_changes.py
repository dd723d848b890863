"""Statements that change tables as a whole, and write all their rows. Each has its family alone."""

import copy

from .change import Change
from .model import OUTSIDE, SCHEMAS, Column, Table
from .rows import names, row, value, written
from .statement import Statement
from .tables import RANGES, create_as, declare_all, new_name, primary_key
from .values import LITERALS, wide_literal


def rename_table(change: Change) -> Statement:
    table, model = change.table, change.model
    name = new_name(change.rng, model, change.family.number, table.schema)

    def effect() -> None:
        table.name = name

    return change.alter(f'RENAME TO "{name}"', effect)


def exclude_table(change: Change) -> Statement:
    """A name that is not watched; the next rename brings the table back."""
    name = f"temp_{change.model.number()}"

    def effect() -> None:
        change.table.name = name

    return change.alter(f"RENAME TO {name}", effect)


def swap_tables(change: Change) -> Statement | None:
    """Two tables of a family change their names."""
    one = change.table
    others = [table for table in change.family.tables if table is not one and table.schema == one.schema]
    if not others:
        return None
    other = change.rng.choice(others)
    between = f"between{change.model.number()}"

    def effect() -> None:
        one.name, other.name = other.name, one.name

    return change.statement(f'ALTER TABLE {one.sql} RENAME TO {between}; '
                            f'ALTER TABLE {other.sql} RENAME TO "{one.name}"; '
                            f'ALTER TABLE {one.schema}.{between} RENAME TO "{other.name}"', effect)


def set_schema(change: Change) -> Statement | None:
    """Within the watched schemas, out of them and back."""
    table = change.table
    choices = [name for name in (*SCHEMAS, OUTSIDE) if name != table.schema]
    schema = change.rng.choice(choices)
    if change.model.names.get((schema, table.name), change.family.number) != change.family.number:
        return None
    if any(one.schema == schema and one.name == table.name for one in change.family.tables):
        return None
    change.model.names[(schema, table.name)] = change.family.number

    def effect() -> None:
        table.schema = schema

    return change.alter(f"SET SCHEMA {schema}", effect)


def rewrite(change: Change) -> Statement | None:
    """The rows move to another file and stay the same."""
    table = change.table
    if table.shape in ("partitioned", "parent"):
        return None
    if table.key_constraint and change.rng.random() < 0.5:
        return change.statement(f'CLUSTER {table.sql} USING "{table.key_constraint}"')
    return change.statement(f"VACUUM FULL {table.sql}", alone=True)


def truncate(change: Change) -> Statement:
    tables = [change.table]
    others = [table for table in change.family.tables if table is not change.table]
    if others and change.rng.random() < 0.3:
        tables.append(change.rng.choice(others))
    listed = ", ".join(("ONLY " if table.shape == "parent" and change.rng.random() < 0.5 else "") + table.sql
                       for table in tables)
    options = change.rng.choice(["", " RESTART IDENTITY"]) + (" CASCADE" if change.table.shape == "referenced" else "")
    return change.statement(f"TRUNCATE {listed}{options}")


def drop_table(change: Change) -> Statement:
    gone = [change.table]
    if change.table.shape == "partitioned":
        gone += change.family.of_shape("partition", "leaf")
    if change.table.shape == "parent":
        gone += change.family.of_shape("heir")

    def effect() -> None:
        change.family.tables[:] = [table for table in change.family.tables if table not in gone]

    return change.statement(f"DROP TABLE {change.table.sql} CASCADE", effect)


def drop_and_create(change: Change) -> Statement | None:
    """The same name and other columns, in one transaction, with a row."""
    old = change.table
    if old.shape != "plain":
        return None
    key = [copy.copy(old.column(name)) for name in old.key if any(column.name == name for column in old.columns)]
    columns = key + [Column("owner", "smallint", not_null=True, unchangeable=True), Column("n", "integer"),
                     Column(f"c{change.model.number()}", change.rng.choice(sorted(LITERALS)))]
    change.rng.shuffle(columns)
    constraint = f"key{change.model.number()}" if old.key_constraint and len(key) == len(old.key) else None
    new = Table(old.name, old.schema, columns, [column.name for column in key], constraint)
    for column in key:
        column.written, column.volatile = True, False
    clauses = [primary_key(new)] if constraint else []
    listed = written(change.rng, new)
    texts = row(change.rng, change.model, change.session, listed, new.key)

    def effect() -> None:
        change.family.tables[:] = [new if table is old else table for table in change.family.tables]

    return change.statement(f"DROP TABLE {old.sql}; CREATE TABLE {new.sql} {declare_all(columns, *clauses)}; "
                            f"INSERT INTO {new.sql} ({names(listed)}) VALUES ({', '.join(texts)})", effect)


def create_from(change: Change) -> Statement:
    return create_as(change.rng, change.model, change.table, change.family)


def _partition(change: Change, shape: str) -> tuple[Table, Table] | None:
    roots = change.family.of_shape("partitioned")
    parts = change.family.of_shape(shape)
    return (roots[0], change.rng.choice(parts)) if roots and parts else None


def detach_partition(change: Change) -> Statement | None:
    """Its rows leave the root and are a table of their own."""
    if (found := _partition(change, "partition")) is None:
        return None
    root, part = found

    def effect() -> None:
        part.shape, part.columns = "detached", copy.deepcopy(root.columns)

    return change.statement(f"ALTER TABLE {root.sql} DETACH PARTITION {part.sql}", effect)


def attach_partition(change: Change) -> Statement | None:
    if (found := _partition(change, "detached")) is None:
        return None
    root, part = found

    def effect() -> None:
        part.shape, part.columns, part.key_constraint = "partition", root.columns, None

    return change.statement(f"ALTER TABLE {root.sql} ATTACH PARTITION {part.sql} {part.bounds}", effect)


def truncate_partition(change: Change) -> Statement | None:
    if (found := _partition(change, change.rng.choice(["partition", "leaf"]))) is None:
        return None
    return change.statement(f"TRUNCATE {found[1].sql}")


def drop_partition(change: Change) -> Statement | None:
    if (found := _partition(change, "partition")) is None or "PARTITION OF" in found[1].bounds:
        return None
    part = found[1]
    place = RANGES.index(part.bounds) if part.bounds in RANGES else None

    def effect() -> None:
        gone = [part, *(change.family.of_shape("leaf") if place == 1 or "REMAINDER 1" in part.bounds else [])]
        change.family.tables[:] = [table for table in change.family.tables if table not in gone]

    return change.statement(f"DROP TABLE {part.sql}", effect)


def update_everything(change: Change) -> Statement | None:
    """All rows of all sessions, in one statement."""
    column = change.pick(lambda one: one.written)
    if column is None:
        return None
    text = wide_literal(change.rng, column.type) if column.wide else value(change.rng, column)
    return change.statement(f'UPDATE {change.table.sql} SET "{column.name}" = {text}')


def delete_everything(change: Change) -> Statement:
    return change.statement(f"DELETE FROM {change.table.sql}")


CHANGES = {
    rename_table: 5, exclude_table: 1, swap_tables: 2, set_schema: 5, rewrite: 3, truncate: 6,
    drop_table: 3, drop_and_create: 3, create_from: 4, detach_partition: 3, attach_partition: 5,
    truncate_partition: 2, drop_partition: 1, update_everything: 4, delete_everything: 1,
}

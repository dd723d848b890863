"""Statements that write rows. Each touches only rows whose `owner` is its session, unless it has the table alone."""

from random import Random

from .model import Column, Family, Model, SESSIONS, Table
from .statement import Statement
from .tables import COLLATION, KEYS
from .values import INT, literal, wide_literal


def value(rng: Random, column: Column) -> str:
    if not column.not_null and rng.random() < 0.15:
        return f"NULL::{column.type}"
    if column.name == "n":
        return str(rng.randint(0, 5))
    text = wide_literal(rng, column.type) if column.wide and rng.random() < 0.5 else literal(rng, column.type)
    return f"{text}::{column.type}"  # a SELECT would take a literal for text


def written(rng: Random, table: Table) -> list[Column]:
    """Columns that an INSERT names: always those that must have a value, the others mostly."""
    return [column for column in table.columns
            if column.written and (column.not_null or column.unchangeable or rng.random() < 0.85)]


def row(rng: Random, model: Model, session: int, columns: list[Column], key: list[str]) -> list[str]:
    number = model.number()
    texts = []
    for column in columns:
        if column.name == "owner":
            texts.append(str(session))
        elif column.name in key and column.type in KEYS:
            texts.append(f"{KEYS[column.type](session, number)}::{column.type.removesuffix(COLLATION)}")
        else:
            texts.append(value(rng, column))
    return texts


def names(columns: list[Column]) -> str:
    return ", ".join(f'"{column.name}"' for column in columns)


def one_row(rng: Random, table: Table, session: int) -> str:
    """Names one row by its place, so that of equal rows one alone is meant."""
    return (f"(tableoid, ctid) = (SELECT x.tableoid, x.ctid FROM {table.sql} x WHERE x.owner = {session} "
            f"ORDER BY {table.order('x')} LIMIT 1 OFFSET {rng.randint(0, 4)})")


def which(rng: Random, table: Table, session: int) -> str:
    mine = f"owner = {session}"
    return rng.choice([one_row(rng, table, session), one_row(rng, table, session),
                       f"{mine} AND n = {rng.randint(0, 5)}", f"{mine} AND n IS NULL", mine])


def insert(rng: Random, model: Model, session: int, _family: Family, table: Table) -> str:
    columns = written(rng, table)
    rows = [row(rng, model, session, columns, table.key) for _ in range(rng.choice([1, 1, 2, 5]))]
    if not table.key and rng.random() < 0.5:
        rows += rng.choices(rows, k=rng.randint(1, 3))  # the same rows again
    values = ", ".join(f"({', '.join(texts)})" for texts in rows)
    return f"INSERT INTO {table.sql} ({names(columns)}) VALUES {values}"


def insert_many(rng: Random, model: Model, session: int, family: Family, table: Table) -> str:
    """INSERT … SELECT of up to some hundred rows, where the key can be counted."""
    counted = {"integer": "", "bigint": "", "numeric": "::numeric", "double precision": "::float8"}
    keys = [table.column(name) for name in table.key if table.column(name).written]
    if any(column.type not in counted for column in keys):
        return insert(rng, model, session, family, table)
    count = rng.choice([3, 20, 300])
    first = model.number()
    model.counter += count
    columns = written(rng, table)
    texts = row(rng, model, session, columns, table.key)
    for place, column in enumerate(columns):
        if column.name in table.key:
            texts[place] = f"(({first} + g) * {SESSIONS} + {session}){counted[column.type]}"
        elif column.name == "n":
            texts[place] = "g % 6"
    return f"INSERT INTO {table.sql} ({names(columns)}) SELECT {', '.join(texts)} FROM generate_series(1, {count}) g"


def update(rng: Random, _model: Model, session: int, _family: Family, table: Table) -> str | None:
    choices = [column for column in table.others if column.written]
    if not choices:
        return None
    changed = rng.sample(choices, k=min(len(choices), rng.choice([1, 1, 2])))
    sets = ", ".join(f'"{column.name}" = {value(rng, column)}' for column in changed)
    return f"UPDATE {table.sql} SET {sets} WHERE {which(rng, table, session)}"


def update_to_the_same(rng: Random, _model: Model, session: int, _family: Family, table: Table) -> str:
    return f"UPDATE {table.sql} SET n = n WHERE {which(rng, table, session)}"


def update_key(rng: Random, model: Model, session: int, _family: Family, table: Table) -> str | None:
    """Another key for one row, or for all of a session's, and perhaps other columns with it."""
    keys = [table.column(name) for name in table.key if table.column(name).type in KEYS]
    keys = [column for column in keys if column.written]
    if not keys:
        return None
    column = rng.choice(keys)
    quoted = f'"{column.name}"'
    sets = [f"{quoted} = {KEYS[column.type](session, model.number())}"]
    where = one_row(rng, table, session)
    if column.type in ("integer", "bigint") and rng.random() < 0.4:
        model.counter += 1000
        sets, where = [f"{quoted} = {quoted} + {SESSIONS * model.counter * 10}"], f"owner = {session}"
    if column.type == "numeric" and rng.random() < 0.5:
        sets, where = [f"{quoted} = {quoted} + 0.00"], f"owner = {session}"  # equal, and another text
    others = [one for one in table.others if one.written]
    if others and rng.random() < 0.4:
        other = rng.choice(others)
        sets.append(f'"{other.name}" = {value(rng, other)}')
    return f"UPDATE {table.sql} SET {', '.join(sets)} WHERE {where}"


def permute_keys(_rng: Random, model: Model, session: int, _family: Family, table: Table) -> str | None:
    """Every row of the session gets the key of the next one, in two steps, for no two may have the same in between."""
    if len(table.key) != 1 or table.column(table.key[0]).type not in ("integer", "bigint"):
        return None
    model.counter += 1000
    key, far, mine = f'"{table.key[0]}"', SESSIONS * model.counter * 10, f"owner = {session}"
    following = f"coalesce(lead({key}) OVER (ORDER BY {key}), min({key}) OVER ())"
    return (f"UPDATE {table.sql} SET {key} = {key} + {far} WHERE {mine}; "
            f"UPDATE {table.sql} t SET {key} = p.following - {far} FROM (SELECT {key}, {following} AS following "
            f"FROM {table.sql} WHERE {mine}) p WHERE t.{key} = p.{key} AND t.{mine}")


def delete(rng: Random, _model: Model, session: int, _family: Family, table: Table) -> str:
    where = which(rng, table, session) if rng.random() < 0.3 else one_row(rng, table, session)
    return f"DELETE FROM {table.sql} WHERE {where}"


def delete_and_insert(rng: Random, model: Model, session: int, _family: Family, table: Table) -> str | None:
    """Rows are taken out and put back under the same keys in one statement."""
    columns = [column for column in table.columns if column.written or column.name in table.key]
    columns = [column for column in columns if column.written]
    if table.shape != "plain" or not columns:
        return None
    return (f"WITH gone AS (DELETE FROM {table.sql} WHERE {one_row(rng, table, session)} RETURNING *) "
            f"INSERT INTO {table.sql} ({names(columns)}) SELECT {names(columns)} FROM gone "
            f"{'ON CONFLICT DO NOTHING' if rng.random() < 0.2 else ''}")


def upsert(rng: Random, model: Model, session: int, _family: Family, table: Table) -> str | None:
    if not table.key_constraint or table.key_is_deferrable or table.shape in ("partition", "leaf"):
        return None
    columns = written(rng, table)
    fresh = row(rng, model, session, columns, table.key)
    there = [f'x."{c.name}"' if c.name in table.key else text for c, text in zip(columns, fresh)]
    action = rng.choice(["DO NOTHING", 'DO UPDATE SET n = excluded.n, "owner" = excluded.owner', "DO UPDATE SET n = 0"])
    keys = ", ".join(f'"{name}"' for name in table.key)
    return (f"INSERT INTO {table.sql} ({names(columns)}) SELECT {', '.join(there)} FROM (SELECT * FROM {table.sql} y "
            f"WHERE y.owner = {session} ORDER BY {table.order('y')} LIMIT 2) x "
            f"UNION ALL SELECT {', '.join(fresh)} ON CONFLICT ({keys}) {action}")


def merge(rng: Random, _model: Model, session: int, _family: Family, table: Table) -> str | None:
    """PostgreSQL 15 and later."""
    if not table.key:
        return None
    same = " AND ".join(f't."{name}" = s."{name}"' for name in table.key)
    keys = ", ".join(f'"{name}"' for name in table.key)
    return (f"MERGE INTO {table.sql} t USING (SELECT {keys}, n FROM {table.sql} x WHERE x.owner = {session} "
            f"ORDER BY {table.order('x')} LIMIT 5) s ON {same} AND t.owner = {session} "
            f"WHEN MATCHED AND s.n = {rng.randint(0, 5)} THEN DELETE "
            f"WHEN MATCHED THEN UPDATE SET n = {rng.randint(0, 5)}")


def refer(rng: Random, model: Model, session: int, family: Family, table: Table) -> str | None:
    """Points rows at rows of the referenced table, so that its deletes and key changes cascade."""
    referenced = family.of_shape("referenced")
    if table.shape != "referencing" or not referenced:
        return None
    target = referenced[0]
    column = next((column for column in table.columns if column.name.startswith("r")), None)
    if column is None or not target.key:
        return None
    return (f'UPDATE {table.sql} SET "{column.name}" = (SELECT x."{target.key[0]}" FROM {target.sql} x WHERE '
            f"x.owner = {session} ORDER BY {target.order('x')} LIMIT 1) WHERE owner = {session}")


def copy_in(rng: Random, model: Model, session: int, _family: Family, table: Table) -> str | None:
    """COPY writes several rows with one record of the log."""
    columns = [column for column in table.columns if column.name in ("owner", "n") or column.name in table.key]
    needed = [column for column in table.columns if column.not_null and column not in columns and column.written]
    if needed or any(c.type not in ("integer", "bigint") for c in columns if c.name in table.key):
        return None
    columns = [column for column in columns if column.written]
    lines = []
    for _ in range(rng.randint(2, 6)):
        number = model.number()
        texts = {"owner": str(session), "n": str(number % 6)}
        lines.append("\\t".join(texts.get(column.name, KEYS["integer"](session, number)) for column in columns))
    text = "".join(line + "\\n" for line in lines)
    return f"COPY {table.sql} ({names(columns)}) FROM PROGRAM 'printf \"{text}\"'"


def arrays(rng: Random, _model: Model, session: int, _family: Family, table: Table) -> str | None:
    """An array in a column that allows NULL may have other bounds or dimensions."""
    columns = [column for column in table.others if column.type == "integer[]" and not column.not_null]
    if not columns:
        return None
    text = rng.choice([f"'{{{{1,2}},{{3,{INT(rng)}}}}}'", "'[0:1]={1,2}'"])
    return f'UPDATE {table.sql} SET "{columns[0].name}" = {text} WHERE {which(rng, table, session)}'


STATEMENTS = {
    insert: 20, insert_many: 5, update: 25, update_to_the_same: 2, update_key: 10, permute_keys: 3, delete: 10,
    delete_and_insert: 3, upsert: 6, merge: 4, refer: 4, copy_in: 3, arrays: 1,
}


def random_statement(rng: Random, model: Model, session: int, family: Family, without: set[str]) -> Statement | None:
    table = rng.choice(family.tables)
    make = rng.choices(list(STATEMENTS), weights=list(STATEMENTS.values()))[0]
    if make.__name__ in without:
        return None
    sql = make(rng, model, session, family, table)
    return None if sql is None else Statement(make.__name__, sql, session, reads=[family.number])

"""Statements that change a table's columns and its key. Each has its family alone."""

from .change import Change
from .model import Column, Table
from .statement import Statement
from .values import LITERALS, WIDE_TYPES, literal


def _added(change: Change, column: Column):
    def effect() -> None:
        for table in change.with_heirs():
            table.columns.append(column)
    return effect


def add_column(change: Change) -> Statement:
    rng = change.rng
    name = f"c{change.model.number()}"
    declared = rng.choice(sorted(LITERALS))
    column = Column(name, declared)
    action = f'ADD COLUMN "{name}" {declared}'
    kind = rng.choice(["none", "none", "constant", "constant", "not null", "wide"])
    if kind == "constant":
        action += f" DEFAULT {literal(rng, declared)}"
    elif kind == "not null":
        column.not_null = True
        action += f" NOT NULL DEFAULT {literal(rng, declared)}"
    elif kind == "wide":
        column = Column(name, rng.choice(WIDE_TYPES), wide=True)
        value = {"text": "repeat('default ', 700)", "bytea": "decode(repeat('00ff', 2000), 'hex')",
                 "jsonb": "jsonb_build_object('w', repeat('x', 9000))"}[column.type]
        action = f'ADD COLUMN "{name}" {column.type} DEFAULT {value}'
    return change.alter(action, _added(change, column))


def add_volatile_column(change: Change) -> Statement:
    """PostgreSQL writes every row anew, each with a value of its own."""
    declared, default = change.rng.choice([("double precision", "random()"), ("uuid", "gen_random_uuid()"),
                                           ("timestamptz", "clock_timestamp()"), ("text", "md5(random()::text)")])
    column = Column(f"v{change.model.number()}", declared, volatile=True, written=False)
    return change.alter(f'ADD COLUMN "{column.name}" {declared} DEFAULT {default}', _added(change, column))


def add_generated_column(change: Change) -> Statement:
    column = Column(f"g{change.model.number()}", "bigint", written=False)
    action = f'ADD COLUMN "{column.name}" bigint GENERATED ALWAYS AS (n + owner) STORED'
    return change.alter(action, _added(change, column))


def add_identity_column(change: Change) -> Statement:
    column = Column(f"i{change.model.number()}", "bigint", written=False, volatile=True)
    return change.alter(f'ADD COLUMN "{column.name}" bigint GENERATED ALWAYS AS IDENTITY', _added(change, column))


def drop_column(change: Change) -> Statement | None:
    if (column := change.pick(lambda one: one.name != "n")) is None:
        return None

    def effect() -> None:
        for table in change.with_heirs():
            table.columns[:] = [one for one in table.columns if one.name != column.name]

    return change.alter(f'DROP COLUMN "{column.name}"', effect)


def drop_key_column(change: Change) -> Statement | None:
    """The primary key goes with it."""
    if not change.table.key_constraint or change.table.shape != "plain":
        return None
    name = change.rng.choice(change.table.key)

    def effect() -> None:
        table = change.table
        table.columns[:] = [one for one in table.columns if one.name != name]
        table.key = [one for one in table.key if one != name]
        _lose_key(table)

    return change.alter(f'DROP COLUMN "{name}" CASCADE', effect)


def _lose_key(table: Table) -> None:
    table.key_constraint = None
    table.key_is_deferrable = False


def rename_column(change: Change) -> Statement | None:
    choices = [column for column in change.table.columns if column.name not in ("owner", "n")]
    if not choices:
        return None
    column = change.rng.choice(choices)
    name = f"{column.name[0]}{change.model.number()}"

    def effect() -> None:
        for table in change.family.tables:
            if any(one is column for one in table.columns):
                table.key = [name if one == column.name else one for one in table.key]
        column.name = name

    return change.alter(f'RENAME COLUMN "{column.name}" TO "{name}"', effect)


def swap_columns(change: Change) -> Statement | None:
    """Two columns change their names, by way of a third name."""
    choices = [column for column in change.table.others if column.name != "n"]
    if len(choices) < 2 or change.table.shape != "plain":
        return None
    one, other = change.rng.sample(choices, 2)
    between = f"c{change.model.number()}"
    alter = f"ALTER TABLE {change.table.sql} RENAME COLUMN"

    def effect() -> None:
        one.name, other.name = other.name, one.name

    return change.statement(f'{alter} "{one.name}" TO {between}; {alter} "{other.name}" TO "{one.name}"; '
                            f'{alter} {between} TO "{other.name}"', effect)


# Declared type → types it can become, with the expression; "" where PostgreSQL's own cast does it.
RETYPES = {
    "smallint": [("integer", ""), ("bigint", ""), ("numeric", ""), ("text", "")],
    "integer": [("bigint", ""), ("double precision", ""), ("text", ""), ("bigint", "{}::bigint * 3")],
    "bigint": [("numeric", ""), ("text", ""), ("integer", "({} % 1000)::int")],
    "real": [("double precision", "")],
    "numeric(12,3)": [("numeric", ""), ("numeric(40,20)", ""), ("double precision", "")],
    "numeric(40,20)": [("numeric", "")],
    "varchar(600)": [("text", ""), ("text", "upper({})")],
    "char(6)": [("text", "")],
    "text": [("varchar(600)", "left({}, 500)"), ("text", "reverse({})"), ("bytea", "convert_to({}, 'UTF8')")],
    "json": [("jsonb", ""), ("text", "")],
    "jsonb": [("json", ""), ("text", "")],
    "date": [("timestamp", ""), ("text", "")],
    "timestamp": [("timestamptz", ""), ("date", "")],
    "timestamptz": [("timestamp", "")],
    "boolean": [("integer", "{}::int"), ("text", "")],
    "positive": [("integer", ""), ("bigint", "")],
    "price": [("numeric(12,3)", ""), ("numeric", "")],
    "mood": [("text", "{}::text")],
    "inet": [("text", "")],
    "integer[]": [("text[]", "{}::text[]")],
    "uuid": [("text", "")],
    "pair": [("integer", "({}).a")],
}


def _retype(change: Change, column: Column) -> tuple[str, str]:
    declared, expression = change.rng.choice(RETYPES[column.type])
    using = f" USING {expression.format(chr(34) + column.name + chr(34))}" if expression else ""
    return f'ALTER COLUMN "{column.name}" TYPE {declared}{using}', declared


def alter_type(change: Change) -> Statement | None:
    column = change.pick(lambda one: one.type in RETYPES and one.written and one.name != "n")
    if column is None:
        return None
    action, declared = _retype(change, column)

    def effect() -> None:
        column.type, column.wide = declared, column.wide and declared in WIDE_TYPES

    return change.alter(action, effect)


def alter_key_type(change: Change) -> Statement | None:
    table = change.table
    choices = [table.column(name) for name in table.key if table.column(name).type in ("integer", "numeric(10,2)")]
    if not choices or table.shape != "plain" or not table.key_constraint:
        return None
    column = change.rng.choice(choices)
    declared = {"integer": change.rng.choice(["bigint", "numeric"]), "numeric(10,2)": "numeric"}[column.type]

    def effect() -> None:
        column.type = declared

    return change.alter(f'ALTER COLUMN "{column.name}" TYPE {declared}', effect)


def set_not_null(change: Change) -> Statement | None:
    column = change.pick(lambda one: not one.not_null and one.written and one.name != "n")
    if column is None:
        return None
    text = literal(change.rng, column.type)

    def effect() -> None:
        column.not_null = True

    return change.statement(f'UPDATE {change.table.sql} SET "{column.name}" = {text} WHERE "{column.name}" IS NULL; '
                            f'ALTER TABLE {change.table.sql} ALTER COLUMN "{column.name}" SET NOT NULL', effect)


def drop_not_null(change: Change) -> Statement | None:
    if (column := change.pick(lambda one: one.not_null and one.written)) is None:
        return None

    def effect() -> None:
        column.not_null = False

    return change.alter(f'ALTER COLUMN "{column.name}" DROP NOT NULL', effect)


def set_default(change: Change) -> Statement | None:
    column = change.pick(lambda one: one.written and one.name != "n")
    if column is None:
        return None
    action = change.rng.choice([f"SET DEFAULT {literal(change.rng, column.type)}", "DROP DEFAULT"])
    return change.alter(f'ALTER COLUMN "{column.name}" {action}')


def set_storage(change: Change) -> Statement | None:
    column = change.pick(lambda one: one.wide)
    word = change.rng.choice(["EXTERNAL", "EXTENDED", "MAIN"])
    return None if column is None else change.alter(f'ALTER COLUMN "{column.name}" SET STORAGE {word}')


def drop_key(change: Change) -> Statement | None:
    if not change.table.key_constraint or change.table.shape == "referenced":
        return None
    return change.alter(f'DROP CONSTRAINT "{change.table.key_constraint}"', lambda: _lose_key(change.table))


def add_key(change: Change) -> Statement | None:
    """The key it had, or `owner` with it; may be refused when rows are equal."""
    table = change.table
    if table.key_constraint or not table.key or table.shape not in ("plain", "heir"):
        return None
    key = list(table.key) if change.rng.random() < 0.6 or "owner" in table.key else [*table.key, "owner"]
    if any(all(column.name != name for column in table.columns) for name in key):
        return None
    constraint = f"key{change.model.number()}"
    named = ", ".join(f'"{name}"' for name in key)

    def effect() -> None:
        table.key_constraint, table.key = constraint, key

    return change.alter(f'ADD CONSTRAINT "{constraint}" PRIMARY KEY ({named})', effect)


def change_key(change: Change) -> Statement | None:
    """Another order of the columns or one more, in one statement."""
    table = change.table
    if not table.key_constraint or table.shape != "plain" or table.key_is_deferrable:
        return None
    key = [*table.key, "owner"] if "owner" not in table.key else [name for name in table.key if name != "owner"]
    change.rng.shuffle(key)
    constraint = f"key{change.model.number()}"
    named = ", ".join(f'"{name}"' for name in key)

    def effect() -> None:
        table.key_constraint, table.key = constraint, key

    return change.alter(f'DROP CONSTRAINT "{table.key_constraint}", '
                        f'ADD CONSTRAINT "{constraint}" PRIMARY KEY ({named})', effect)


def replica_identity(change: Change) -> Statement | None:
    words = ["FULL", "FULL", "DEFAULT", "NOTHING"]
    if change.table.key_constraint and not change.table.key_is_deferrable:
        words += [f'USING INDEX "{change.table.key_constraint}"'] * 2
    return change.alter(f"REPLICA IDENTITY {change.rng.choice(words)}")


def several_actions(change: Change) -> Statement | None:
    """One ALTER TABLE that adds, drops and retypes."""
    gone = change.pick(lambda one: one.name != "n")
    retyped = change.pick(lambda one: one.type in RETYPES and one.written and one.name != "n" and one is not gone)
    added = Column(f"c{change.model.number()}", change.rng.choice(sorted(LITERALS)))
    actions = [f'ADD COLUMN "{added.name}" {added.type} DEFAULT {literal(change.rng, added.type)}']
    declared = ""
    if gone is not None:
        actions.append(f'DROP COLUMN "{gone.name}"')
    if retyped is not None:
        action, declared = _retype(change, retyped)
        actions.append(action)

    def effect() -> None:
        for table in change.with_heirs():
            table.columns[:] = [one for one in table.columns if one is not gone] + [added]
        if retyped is not None:
            retyped.type, retyped.wide = declared, retyped.wide and declared in WIDE_TYPES

    change.rng.shuffle(actions)
    return change.alter(", ".join(actions), effect)


CHANGES = {
    add_column: 12, add_volatile_column: 3, add_generated_column: 2, add_identity_column: 1, drop_column: 7,
    drop_key_column: 1, rename_column: 7, swap_columns: 2, alter_type: 8, alter_key_type: 2, set_not_null: 3,
    drop_not_null: 3, set_default: 2, set_storage: 2, drop_key: 3, add_key: 6, change_key: 2, replica_identity: 5,
    several_actions: 4,
}

"""New tables, of every shape and with every kind of key."""

import copy
from random import Random

from .model import OUTSIDE, SCHEMAS, SESSIONS, Column, Family, Model, Table
from .statement import Statement
from .values import LITERALS, WIDE_TYPES, quoted

COLLATION = ' COLLATE "C"'
ODD_CHARACTERS = "k ü'\"\\"
# A key's literal from the session and a number that is used once: two sessions never write the same key.
KEYS = {
    "integer": lambda s, n: str(n * SESSIONS + s),
    "bigint": lambda s, n: str(n * SESSIONS + s),
    "text": lambda s, n: quoted(f"{ODD_CHARACTERS[n % len(ODD_CHARACTERS)]}{s}-{n}"),
    "text" + COLLATION: lambda s, n: quoted(f"{s}\t{n}"),
    "char(12)": lambda s, n: quoted(f"{s}.{n}"),
    "uuid": lambda s, n: quoted(f"{s}{n:07x}-0000-4000-8000-{n * 7919:012x}"),
    "numeric": lambda s, n: f"{n * SESSIONS + s}" + ["", ".0", ".00", ".50"][n % 4],
    "numeric(10,2)": lambda s, n: f"{n * SESSIONS + s}.5",
    "double precision": lambda s, n: f"{n * SESSIONS + s}.25",
    "bytea": lambda s, n: quoted(f"\\x{s:02x}00{n:06x}"),
    "timestamptz": lambda s, n: f"(timestamptz '2000-01-01 00:00:00.{s}+00' + {n} * interval '1 hour')",
    "date": lambda s, n: f"(date '1950-01-01' + {n * SESSIONS + s})",
    "interval": lambda s, n: f"interval '{n * SESSIONS + s} hours'",
}
RANGES = ["FOR VALUES FROM (MINVALUE) TO (120)", "FOR VALUES FROM (120) TO (400)", "DEFAULT"]
HASHES = [f"FOR VALUES WITH (MODULUS 3, REMAINDER {remainder})" for remainder in range(3)]


def declare(column: Column) -> str:
    return f'"{column.name}" {column.type}{" NOT NULL" if column.not_null else ""}'


def declare_all(columns: list[Column], *constraints: str) -> str:
    return "(" + ", ".join([*(declare(column) for column in columns), *constraints]) + ")"


def primary_key(table: Table, more: str = "") -> str:
    names = ", ".join(f'"{name}"' for name in table.key)
    return f'CONSTRAINT "{table.key_constraint}" PRIMARY KEY ({names}){more}'


def random_columns(rng: Random, model: Model, least: int = 1, most: int = 5) -> list[Column]:
    columns = []
    for _ in range(rng.randint(least, most)):
        wide = rng.random() < 0.3
        declared = rng.choice(WIDE_TYPES) if wide else rng.choice(sorted(LITERALS))
        columns.append(Column(f"c{model.number()}", declared, not_null=rng.random() < 0.2, wide=wide))
    return columns


def own_columns() -> list[Column]:
    """`owner` keeps the sessions apart, `n` has few values, so that rows are equal or chosen by the handful."""
    return [Column("owner", "smallint", not_null=True, unchangeable=True), Column("n", "integer")]


def new_name(rng: Random, model: Model, family: int, schema: str) -> str:
    """Sometimes the name of a table in the other schema: the two meet in the target."""
    taken = sorted({name for (other, name) in model.names if other != schema and (schema, name) not in model.names})
    plain = [f"t{model.number()}"] * 5 + [f"Odd {model.number()} 'n'", f"select{model.number()}"]
    name = rng.choice(taken) if taken and rng.random() < 0.15 else rng.choice(plain)
    model.names[(schema, name)] = family
    return name


def _new(rng: Random, model: Model, key_types: list[str], shape: str = "plain", family: int | None = None) -> Table:
    family = model.number() if family is None else family
    schema = rng.choice([SCHEMAS[0], SCHEMAS[0], SCHEMAS[1]] if rng.random() < 0.95 else [OUTSIDE])
    keys = [Column(f"k{model.number()}", declared, not_null=True, unchangeable=True) for declared in key_types]
    columns = keys + own_columns() + random_columns(rng, model)
    rng.shuffle(columns)
    order = [column.name for column in keys]
    rng.shuffle(order)
    return Table(new_name(rng, model, family, schema), schema, columns, order, f"key{model.number()}", shape)


def _statement(model: Model, kind: str, sql: str, tables: list[Table], family: int | None = None) -> Statement:
    number = model.names[(tables[0].schema, tables[0].name)] if family is None else family

    def effect() -> None:
        model.families[number] = Family(number, tables)

    return Statement(kind, sql, changes=[number], effect=effect)


def create_keyed(rng: Random, model: Model) -> Statement:
    types = rng.choices(sorted(KEYS), k=rng.choice([1, 1, 1, 2, 3]))
    table = _new(rng, model, types)
    declared = declare_all(table.columns, primary_key(table))
    return _statement(model, "create_keyed", f"CREATE TABLE {table.sql} {declared}", [table])


def create_bag(rng: Random, model: Model) -> Statement:
    """No key at all, or one that two rows may share inside a transaction."""
    table = _new(rng, model, [])
    table.key_constraint = None
    return _statement(model, "create_bag", f"CREATE TABLE {table.sql} {declare_all(table.columns)}", [table])


def create_deferrable(rng: Random, model: Model) -> Statement:
    table = _new(rng, model, ["integer"])
    sql = f"CREATE TABLE {table.sql} {declare_all(table.columns, primary_key(table, ' DEFERRABLE INITIALLY DEFERRED'))}"
    table.key_is_deferrable = True
    return _statement(model, "create_deferrable", sql, [table])


def create_identity(rng: Random, model: Model) -> Statement:
    """The server gives the key."""
    table = _new(rng, model, ["bigint"])
    key = table.column(table.key[0])
    key.written, key.volatile = False, True
    declared = declare_all(table.columns, primary_key(table)).replace(
        declare(key), declare(key) + " GENERATED BY DEFAULT AS IDENTITY", 1)
    return _statement(model, "create_identity", f"CREATE TABLE {table.sql} {declared}", [table])


def create_indexed(rng: Random, model: Model) -> Statement:
    """The replica identity is an index, and there may be no primary key."""
    table = _new(rng, model, rng.choices(sorted(KEYS), k=2))
    names = ", ".join(f'"{name}"' for name in table.key)
    index = f"index{model.number()}"
    sql = (f'CREATE TABLE {table.sql} {declare_all(table.columns)}; '
           f'CREATE UNIQUE INDEX "{index}" ON {table.sql} ({names}); '
           f'ALTER TABLE {table.sql} REPLICA IDENTITY USING INDEX "{index}"')
    table.key_constraint = None
    return _statement(model, "create_indexed", sql, [table])


def create_generated(rng: Random, model: Model) -> Statement:
    table = _new(rng, model, ["integer"])
    table.columns.append(Column(f"g{model.number()}", "bigint", written=False))
    table.columns.append(Column(f"g{model.number()}", "text", written=False))
    sql = declare_all(table.columns[:-2], primary_key(table),
                      f'{declare(table.columns[-2])} GENERATED ALWAYS AS (n * 2 + owner) STORED',
                      f'{declare(table.columns[-1])} GENERATED ALWAYS AS (md5(n::text)) STORED')
    return _statement(model, "create_generated", f"CREATE TABLE {table.sql} {sql}", [table])


def _child(rng: Random, model: Model, root: Table, shape: str, bounds: str = "") -> Table:
    name = new_name(rng, model, model.names[(root.schema, root.name)], root.schema)
    return Table(name, root.schema, root.columns, root.key, None, shape, bounds)


def create_partitioned(rng: Random, model: Model) -> Statement:
    """By range or by hash; a child has its columns in another order, one child is cut again."""
    root = _new(rng, model, ["integer"], "partitioned")
    by_range = rng.random() < 0.6
    key = f'"{root.key[0]}"'
    sql = [f"CREATE TABLE {root.sql} {declare_all(root.columns, primary_key(root))} "
           f"PARTITION BY {'RANGE' if by_range else 'HASH'} ({key})"]
    tables = [root]
    for place, bounds in enumerate(RANGES if by_range else HASHES):
        child = _child(rng, model, root, "partition", bounds)
        tables.append(child)
        if place == 0:
            shuffled = list(root.columns)
            rng.shuffle(shuffled)
            sql.append(f"CREATE TABLE {child.sql} {declare_all(shuffled)}")
            sql.append(f"ALTER TABLE {root.sql} ATTACH PARTITION {child.sql} {bounds}")
        elif place == 1:
            sql.append(f"CREATE TABLE {child.sql} PARTITION OF {root.sql} {bounds} PARTITION BY HASH ({key})")
            for remainder in range(2):
                leaf = _child(rng, model, root, "leaf")
                tables.append(leaf)
                sql.append(f"CREATE TABLE {leaf.sql} PARTITION OF {child.sql} "
                           f"FOR VALUES WITH (MODULUS 2, REMAINDER {remainder})")
        else:
            sql.append(f"CREATE TABLE {child.sql} PARTITION OF {root.sql} {bounds}")
    return _statement(model, "create_partitioned", "; ".join(sql), tables)


def create_mixed_partitions(rng: Random, model: Model) -> Statement:
    """A root without a key, whose partitions have keys and replica identities of their own; one is cut again."""
    root = _new(rng, model, ["integer"], "partitioned")
    root.key_constraint = None
    key = f'"{root.key[0]}"'
    sql = [f"CREATE TABLE {root.sql} {declare_all(root.columns)} PARTITION BY HASH ({key})"]
    tables = [root]
    for place, bounds in enumerate(HASHES):
        child = _child(rng, model, root, "partition", bounds)
        tables.append(child)
        if place == 0:
            leaf = _child(rng, model, root, "leaf")
            tables.append(leaf)
            sql += [f"CREATE TABLE {child.sql} PARTITION OF {root.sql} {bounds} PARTITION BY HASH ({key})",
                    f"CREATE TABLE {leaf.sql} PARTITION OF {child.sql} FOR VALUES WITH (MODULUS 1, REMAINDER 0)"]
            child = leaf
        else:
            sql.append(f"CREATE TABLE {child.sql} PARTITION OF {root.sql} {bounds}")
        index = f"index{model.number()}"
        sql += rng.choice([
            [f"ALTER TABLE {child.sql} ADD PRIMARY KEY ({key})"],
            [f'CREATE UNIQUE INDEX "{index}" ON {child.sql} ({key})',
             f'ALTER TABLE {child.sql} REPLICA IDENTITY USING INDEX "{index}"'],
            [f"ALTER TABLE {child.sql} REPLICA IDENTITY {rng.choice(['FULL', 'NOTHING'])}"],
            []])
    return _statement(model, "create_mixed_partitions", "; ".join(sql), tables)


def create_inherited(rng: Random, model: Model) -> Statement:
    parent = _new(rng, model, ["integer"], "parent")
    family = model.names[(parent.schema, parent.name)]
    more = random_columns(rng, model, 1, 2)
    heir = Table(new_name(rng, model, family, parent.schema), parent.schema, parent.columns + more, parent.key,
                 f"key{model.number()}", "heir")
    sql = (f"CREATE TABLE {parent.sql} {declare_all(parent.columns, primary_key(parent))}; "
           f"CREATE TABLE {heir.sql} {declare_all(more, primary_key(heir))} INHERITS ({parent.sql})")
    return _statement(model, "create_inherited", sql, [parent, heir])


def create_referencing(rng: Random, model: Model) -> Statement:
    """Two tables and a foreign key; rows refer to rows of their own session."""
    table = _new(rng, model, ["integer"], "referenced")
    family = model.names[(table.schema, table.name)]
    other = _new(rng, model, ["integer"], "referencing", family)
    other.columns.append(Column(f"r{model.number()}", "integer", unchangeable=True, written=False))
    foreign = (f'FOREIGN KEY ("{other.columns[-1].name}") REFERENCES {table.sql} ("{table.key[0]}") '
               "ON DELETE CASCADE ON UPDATE CASCADE")
    sql = (f"CREATE TABLE {table.sql} {declare_all(table.columns, primary_key(table))}; "
           f"CREATE TABLE {other.sql} {declare_all(other.columns, primary_key(other), foreign)}")
    return _statement(model, "create_referencing", sql, [table, other])


def create_as(rng: Random, model: Model, source: Table, family: Family) -> Statement:
    """CREATE TABLE AS: its rows are there before anyone hears of the table. It joins the family of its source."""
    names = [column for column in source.columns if column.type in LITERALS or column.unchangeable]
    columns = [copy.copy(column) for column in names]
    for column in columns:
        column.not_null, column.written, column.unchangeable = False, True, column.name == "owner"
    schema = rng.choice(SCHEMAS)
    table = Table(new_name(rng, model, family.number, schema), schema, columns)
    listed = ", ".join(f'"{column.name}"' for column in columns)
    sql = rng.choice([f"CREATE TABLE {table.sql} AS SELECT {listed} FROM {source.sql}",
                      f"SELECT {listed} INTO {table.sql} FROM {source.sql}"])
    return Statement("create_as", sql, changes=[family.number], effect=lambda: family.tables.append(table))


CREATIONS = {
    create_keyed: 8, create_bag: 5, create_deferrable: 1, create_identity: 2, create_indexed: 3, create_generated: 2,
    create_partitioned: 3, create_mixed_partitions: 3, create_inherited: 2, create_referencing: 2,
}

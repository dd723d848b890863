"""Compares a table of the source with its target: columns by name and order, rows as a bag of canonical texts."""

import io
import json
import os
import threading
from collections import Counter
from dataclasses import dataclass

from .canonical import canonical, canonical_array, unescape
from .children import Failed
from .echodb import EchoDb

# Up to here the rows are kept, so that a difference can be shown; beyond, only their count and the sum of their hashes.
ROWS_KEPT_MAX = 100_000
DIFFERENCES_SHOWN = 8
ROW_LENGTH_SHOWN = 400
OWN_COLUMNS = ("_peerdb_", "_echodb_")

# Domains are resolved, those of arrays' elements too.
COLUMNS_QUERY = """
WITH RECURSIVE base AS (
  SELECT attnum, attname, atttypid AS type_oid FROM pg_attribute
  WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT attnum, attname, typbasetype FROM base JOIN pg_type ON oid = type_oid WHERE typtype = 'd'
), element AS (
  SELECT attnum, typelem AS type_oid FROM base JOIN pg_type ON oid = type_oid WHERE typtype <> 'd' AND typcategory = 'A'
  UNION ALL
  SELECT attnum, typbasetype FROM element JOIN pg_type ON oid = type_oid WHERE typtype = 'd'
)
SELECT attname, format_type(base.type_oid, NULL),
  (SELECT format_type(e.oid, NULL) FROM element JOIN pg_type e ON e.oid = element.type_oid
   WHERE element.attnum = base.attnum AND e.typtype <> 'd')
FROM base JOIN pg_type t ON t.oid = type_oid WHERE typtype <> 'd' ORDER BY attnum
"""


@dataclass
class Column:
    name: str
    source_type: str
    element_type: str | None  # of an array
    target_type: str

    @property
    def is_target_array(self) -> bool:
        return "Array(" in self.target_type

    def source_expression(self) -> str:
        quoted = '"' + self.name.replace('"', '""') + '"'
        if not self.is_target_array:
            return quoted
        # format() calls the type's output function; a cast to text would not for every type.
        array = f"{quoted}::real[]" if self.source_type.endswith("vector") else quoted
        elements = (f"CASE WHEN {quoted} IS NOT NULL THEN (SELECT coalesce(json_agg(CASE WHEN x IS NOT NULL THEN "
                    f"format('%s', x) END ORDER BY place), '[]') FROM unnest({array}) WITH ORDINALITY AS e(x, place)) END")
        if not self.target_type.startswith("Variant(") or array != quoted:
            return elements
        return (f"CASE WHEN array_ndims({quoted}) > 1 OR array_lower({quoted}, 1) <> 1 THEN to_json({quoted}::text) "
                f"ELSE {elements} END")

    def target_expression(self) -> str:
        quoted = "`" + self.name.replace("\\", "\\\\").replace("`", "\\`") + "`"
        if self.is_target_array:
            one = "hex(x)" if self.element_type == "bytea" else "toString(x)"
            if not self.target_type.startswith("Variant("):
                return f"toJSONString(arrayMap(x -> {one}, {quoted}))"
            # An array that may be NULL: Variant(Array(T), String), the String for arrays that are not one-dimensional.
            inner = self.target_type[len("Variant("):-len(", String)")].replace("'", "\\'")
            return (f"multiIf(isNull({quoted}), NULL, variantType({quoted}) = 'String', "
                    f"toJSONString(variantElement({quoted}, 'String')), "
                    f"toJSONString(arrayMap(x -> {one}, variantElement({quoted}, '{inner}'))))")
        if "JSON" in self.target_type:
            return f"if(isNull({quoted}), NULL, toString({quoted}))"
        if self.source_type == "timestamp with time zone" and "DateTime" in self.target_type:
            return f"toString(toTimeZone({quoted}, 'UTC'))"
        return f"hex({quoted})" if self.source_type == "bytea" else f"toString({quoted})"

    def canonical(self, text: str | None) -> str | None:
        if self.is_target_array:
            return canonical_array(text, "real" if self.source_type.endswith("vector") else self.element_type or "")
        return canonical(text, self.source_type, self.target_type)


class Bag:
    """Rows without order: counted, summed up, and kept while they are few."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0
        self.rows: Counter | None = Counter()

    def add(self, row: tuple) -> None:
        self.count += 1
        self.sum = (self.sum + hash(row)) & 0xFFFFFFFFFFFFFFFF
        if self.rows is not None:
            self.rows[row] += 1
            if self.count > ROWS_KEPT_MAX:
                self.rows = None

    def equals(self, other: "Bag") -> bool:
        return self.count == other.count and self.sum == other.sum


def read_columns(echodb: EchoDb, source: str, target: str) -> list[Column]:
    source_columns = echodb.postgres.fetch(COLUMNS_QUERY, (source,))
    text = target.replace("\\", "\\\\").replace("'", "\\'")
    described = echodb.query(
        f"SELECT name, type FROM system.columns WHERE database = 'echodb' AND table = '{text}' ORDER BY position",
        "JSONCompactEachRow").decode()
    target_columns = [json.loads(line) for line in described.splitlines()]
    if not target_columns:
        raise Failed(f"there is no table {target} in ClickHouse")
    target_columns = [pair for pair in target_columns if not pair[0].startswith(OWN_COLUMNS)]
    source_names, target_names = [c[0] for c in source_columns], [c[0] for c in target_columns]
    if source_names != target_names:
        raise Failed(f"{source}: the columns are {source_names}, in ClickHouse {target_names}")
    return [Column(name, kind, element, pair[1]) for (name, kind, element), pair in zip(source_columns, target_columns)]


def read_source(echodb: EchoDb, source: str, columns: list[Column], only: bool) -> Bag:
    """Reads with COPY, through a pipe, so that a large table is never held whole."""
    rows = f"ONLY {source}" if only else source
    select = f"COPY (SELECT {', '.join(c.source_expression() for c in columns)} FROM {rows}) TO STDOUT"
    read_end, write_end = os.pipe()
    failure: list[Exception] = []

    def copy() -> None:
        connection = echodb.postgres.connect()
        try:
            with os.fdopen(write_end, "wb") as pipe:
                connection.cursor().copy_expert(select, pipe)
        except Exception as error:  # handed to the reading thread, which raises it
            failure.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=copy)
    thread.start()
    with io.TextIOWrapper(os.fdopen(read_end, "rb"), encoding="utf-8", newline="\n") as lines:
        bag = _read_rows((line.rstrip("\n") for line in lines), columns)
    thread.join()
    if failure:
        raise failure[0]
    return bag


def read_target(echodb: EchoDb, target: str, columns: list[Column]) -> Bag:
    quoted = "`" + target.replace("\\", "\\\\").replace("`", "\\`") + "`"
    lines = echodb.query_lines(f"SELECT {', '.join(c.target_expression() for c in columns)} FROM {quoted} FINAL")
    return _read_rows((line.decode("utf-8", "backslashreplace") for line in lines), columns)


def _read_rows(lines, columns: list[Column]) -> Bag:
    bag = Bag()
    for line in lines:
        fields = line.split("\t")
        if len(fields) != len(columns):
            raise Failed(f"a row of {len(fields)} fields for {len(columns)} columns: {line[:200]}")
        bag.add(tuple(column.canonical(unescape(field)) for column, field in zip(columns, fields)))
    return bag


def _show(title: str, rows: Counter) -> list[str]:
    if not rows:
        return []
    shown = sorted(rows.elements(), key=repr)
    more = [f"  … and {len(shown) - DIFFERENCES_SHOWN} more"] if len(shown) > DIFFERENCES_SHOWN else []
    texts = (str(row) for row in shown[:DIFFERENCES_SHOWN])
    cut = (text if len(text) <= ROW_LENGTH_SHOWN else text[:ROW_LENGTH_SHOWN] + "…" for text in texts)
    return [title, *(f"  {text}" for text in cut), *more]


def check_equal(echodb: EchoDb, source: str, target: str, only: bool = False) -> None:
    """Raises Failed with the rows that only one side has. `only`: without the rows of inheriting tables."""
    columns = read_columns(echodb, source, target)
    left, right = read_source(echodb, source, columns, only), read_target(echodb, target, columns)
    if left.equals(right):
        return
    lines = [f"{source}: {left.count} rows, in ClickHouse {right.count}"]
    if left.rows is not None and right.rows is not None:
        lines += _show("only in PostgreSQL:", left.rows - right.rows)
        lines += _show("only in ClickHouse:", right.rows - left.rows)
    raise Failed("\n".join(lines))

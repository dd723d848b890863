"""Faults planted by hand in ClickHouse, which `echodb verify` must find, name and repair."""

import json
import re
from dataclasses import dataclass, field

from .children import Failed
from .compare import check_equal
from .echodb import EchoDb

FUTURE = 2**64 - 1
# Two values of each type: whichever is not there already is planted.
PAIRS = [
    (r"String|FixedString.*", ("planted", "planted too")),
    (r"U?Int\d+|Float\d+|Decimal.*", ("3", "4")),
    (r"Bool", ("true", "false")),
    (r"Date(32)?", ("2001-02-03", "2001-02-04")),
    (r"DateTime.*", ("2001-02-03 04:05:06", "2001-02-03 04:05:07")),
    (r"UUID", ("00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-000000000004")),
    (r"IPv4", ("1.2.3.4", "1.2.3.5")),
    (r"IPv6", ("::3", "::4")),
    (r"JSON", ('{"planted":3}', '{"planted":4}')),
]
# Keys of these types look the same on both sides.
PLAIN_KEYS = re.compile(r"(U?Int\d+|String|UUID)$")
OWN_COLUMNS = re.compile(r"_peerdb_(synced_at|is_deleted|version)|_echodb_(row_hash|lsn|ordinal|change)")


def quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def bare(kind: str) -> str:
    """The type without what wraps it."""
    while match := re.fullmatch(r"(?:Nullable|LowCardinality)\((.*)\)", kind):
        kind = match[1]
    return kind


def another(column: str, kind: str) -> str | None:
    """An expression for a value that the column does not hold; None for a type that nothing is known about."""
    name = quoted(column)
    typed = literal(kind)
    if kind.startswith("Variant("):
        return f"if(isNull({name}), CAST('planted', {typed}), CAST(NULL, {typed}))"
    if kind.startswith("Array("):
        element = kind.removeprefix("Array(").removesuffix(")")
        one = "[NULL]" if element.startswith("Nullable(") else f"[defaultValueOfTypeName({literal(element)})]"
        return f"if(empty({name}), CAST({one}, {typed}), CAST([], {typed}))"
    for pattern, (first, second) in PAIRS:
        if re.fullmatch(pattern, bare(kind)):
            same = f"{name} = CAST({literal(first)}, {literal(bare(kind))})"
            if bare(kind) == "JSON":
                same = f"toString({name}) = {literal(first)}"
            return f"if(ifNull({same}, 0), CAST({literal(second)}, {typed}), CAST({literal(first)}, {typed}))"
    return None


@dataclass
class Table:
    """A mirrored table as ClickHouse has it."""

    source: str  # schema.name
    target: str
    columns: list[tuple[str, str]]  # the source's: name and type
    key: list[str]
    bag: bool
    has_bytea_key: bool
    source_names: dict[str, str]  # by the target's: a column named like one of ours has another name there
    planted: list[tuple[str, str, list[str]]] = field(default_factory=list)  # key (or ''), kind, columns

    def has_plain_key(self) -> bool:
        kinds = dict(self.columns)
        return self.bag or not self.has_bytea_key and all(PLAIN_KEYS.match(bare(kinds[name])) for name in self.key)


def mirrored_tables(echodb: EchoDb) -> list[Table]:
    rows = echodb.postgres.fetch(
        "SELECT v.snapshot->>'schema', v.snapshot->>'name', t.target_name FROM _echodb.tables t JOIN LATERAL "
        "(SELECT snapshot FROM _echodb.table_versions v WHERE (v.stream, v.oid) = (t.stream, t.oid) ORDER BY lsn DESC "
        "LIMIT 1) v ON true WHERE t.state = 'streaming' AND t.dropped_lsn IS NULL ORDER BY 3")
    tables = []
    for schema, name, target in rows:
        described = echodb.query(
            "SELECT name, type, is_in_sorting_key FROM system.columns WHERE database = 'echodb' AND "
            f"table = {literal(target)} ORDER BY position", "JSONCompactEachRow").decode()
        columns = [json.loads(line) for line in described.splitlines()]
        own = [(column[0], column[1]) for column in columns if not OWN_COLUMNS.fullmatch(column[0])]
        sorting = [column[0] for column in columns if column[2]]
        bag = "_echodb_row_hash" in sorting
        bytea = echodb.postgres.fetch("SELECT attname FROM pg_attribute WHERE attrelid = format('%%I.%%I', %s, %s)::regclass "
                                      "AND atttypid = 'bytea'::regtype", (schema, name))
        has_bytea_key = any(column in sorting for (column,) in bytea)
        live = echodb.postgres.fetch("SELECT attname FROM pg_attribute WHERE attrelid = format('%%I.%%I', %s, %s)::regclass "
                                     "AND attnum > 0 AND NOT attisdropped ORDER BY attnum", (schema, name))
        source_names = {there: here for (there, _), (here,) in zip(own, live)}
        tables.append(Table(f"{schema}.{name}", target, own, [] if bag else sorting, bag, has_bytea_key, source_names))
    return tables


class Planting:
    """Plants in one table: a value, a NULL, a missing row, an extra row and a version that no change can have."""

    def __init__(self, echodb: EchoDb, table: Table):
        self.echodb, self.table = echodb, table
        self.place = f"echodb.{quoted(table.target)}"

    def run(self) -> None:
        if self.table.bag:
            self._bag()
        else:
            self._keyed()

    def _note(self, key: str, kind: str, columns: list[str]) -> None:
        names = self.table.source_names
        self.table.planted.append((key, kind, [names.get(column, column) for column in columns]))

    def _rows(self, count: int) -> list[tuple[str, str]]:
        """Conditions for some rows, one each, and their keys."""
        key = ", ".join(f"hex(toString({quoted(column)}))" for column in self.table.key)
        found = self.echodb.query(f"SELECT [{key}] FROM {self.place} FINAL ORDER BY 1 LIMIT {count}", "JSONCompactEachRow")
        rows = []
        for line in found.decode().splitlines():
            values = json.loads(line)[0]
            pairs = zip(self.table.key, values)
            condition = " AND ".join(f"hex(toString({quoted(column)})) = '{value}'" for column, value in pairs)
            texts = [bytes.fromhex(value).decode("utf-8", "replace") for value in values]
            names = [self.table.source_names[column] for column in self.table.key]
            rows.append((condition, json.dumps(dict(zip(names, texts)), sort_keys=True)))
        return rows

    def _write(self, replaced: str, condition: str) -> None:
        # In a subquery: the condition is about what is there, not about what replaces it.
        self.echodb.query(f"INSERT INTO {self.place} SELECT * REPLACE ({replaced}) FROM (SELECT * FROM {self.place} "
                          f"FINAL WHERE {condition})")

    def _delete(self, condition: str) -> None:
        self.echodb.query(f"ALTER TABLE {self.place} DELETE WHERE {condition} SETTINGS mutations_sync = 1")

    def _holds(self, condition: str) -> bool:
        return self.echodb.query(f"SELECT count() FROM {self.place} FINAL WHERE {condition}") != b"0\n"

    def _keyed(self) -> None:
        rows = self._rows(5)
        newer = "_peerdb_version + 1 AS _peerdb_version"
        values = [(name, kind) for name, kind in self.table.columns if name not in self.table.key]
        for name, kind in values:
            if rows and (expression := another(name, kind)):
                condition, key = rows.pop(0)
                self._write(f"{expression} AS {quoted(name)}, {newer}", condition)
                self._note(key, "different", [name])
                break
        for name, kind in values:
            if not rows or not re.match(r"Nullable|LowCardinality\(Nullable|Variant", kind):
                continue
            if self._holds(f"{quoted(name)} IS NOT NULL AND {rows[0][0]}"):
                condition, key = rows.pop(0)
                self._write(f"CAST(NULL, {literal(kind)}) AS {quoted(name)}, {newer}", condition)
                self._note(key, "different", [name])
                break
        if rows:
            self._extra(rows[0][0])
        if rows:
            condition, key = rows.pop(0)
            self._write(f"toUInt64({FUTURE}) AS _peerdb_version", condition)
            self._note(key, "different", ["_peerdb_version"])
        if rows:
            condition, key = rows.pop(0)
            self._delete(condition)
            self._note(key, "missing", [])

    def _extra(self, like: str) -> None:
        """A row of a key that is not there, in other respects like one that is."""
        name = self.table.key[0]
        kind = dict(self.table.columns)[name]
        for pattern, pair in PAIRS:
            for value in pair if re.fullmatch(pattern, bare(kind)) else ():
                if not self._holds(f"{quoted(name)} = CAST({literal(value)}, {literal(kind)})"):
                    newest = int(self.echodb.query(f"SELECT max(_peerdb_version) FROM {self.place} WHERE "
                                                   f"_peerdb_version < {FUTURE} SETTINGS final = 0"))
                    self._write(f"CAST({literal(value)}, {literal(kind)}) AS {quoted(name)}, "
                                f"toUInt64({newest + 1}) AS _peerdb_version", like)
                    self._note("", "extra", [])
                    return

    def _bag(self) -> None:
        identity = "_echodb_row_hash, _echodb_lsn, _echodb_ordinal"
        found = self.echodb.query(f"SELECT hex(_echodb_row_hash), _echodb_lsn, _echodb_ordinal FROM {self.place} FINAL "
                                  "ORDER BY 1, 2, 3 LIMIT 1 BY 1 LIMIT 3", "JSONCompactEachRow").decode()
        rows = [json.loads(line) for line in found.splitlines()]

        def condition(row: list) -> str:
            return f"({identity}) = (unhex('{row[0]}'), {row[1]}, {row[2]})"

        for name, kind in self.table.columns:
            if rows and (expression := another(name, kind)):
                row = rows.pop(0)
                self._write(f"{expression} AS {quoted(name)}, _peerdb_version + 1 AS _peerdb_version", condition(row))
                self._note(row[0].lower(), "different", [name])
                break
        if rows:
            self._write("unhex('00112233445566778899aabbccddeeff') AS _echodb_row_hash", condition(rows[0]))
            self._note("00112233445566778899aabbccddeeff", "extra", [])
        if rows:
            row = rows.pop(0)
            self._delete(condition(row))
            self._note(row[0].lower(), "missing", [])


def _named(table: Table, report: dict) -> list[tuple[str, str, list[str]]]:
    """The report's mismatches as `planted` has them; a key that looks different on the two sides is left out."""
    named = []
    for mismatch in report["mismatches"]:
        key = mismatch["key"]["row_hash"] if table.bag else json.dumps(mismatch["key"], sort_keys=True)
        shown = table.has_plain_key() and (table.bag or mismatch["kind"] != "extra")
        named.append((key if shown else "", mismatch["kind"], mismatch["columns"]))
    return sorted(named)


def _expected(table: Table) -> list[tuple[str, str, list[str]]]:
    plain = table.has_plain_key()
    return sorted((key if plain else "", kind, columns) for key, kind, columns in table.planted)


def verify_all(echodb: EchoDb) -> None:
    """Every mirrored table is equal, or in a state in which nobody can say."""
    for report in echodb.verify([]):
        if report["result"] != "equal" and not (report["reason"] or "").startswith("the table is "):
            raise Failed(f"echodb verify: {json.dumps(report, indent=1)}")


def plant_and_repair(echodb: EchoDb) -> int:
    """Plants in every table, has it found, repaired, and everything equal again. Returns how many were planted."""
    planted = 0
    for table in mirrored_tables(echodb):
        if table.bag and echodb.verify([table.source])[0]["result"] == "unknown":
            continue  # mirrored without its updates and deletes: nobody can say what it ought to hold
        Planting(echodb, table).run()
        if not table.planted:
            continue
        planted += len(table.planted)
        found = echodb.verify([table.source])[0]
        if _named(table, found) != _expected(table):
            raise Failed(f"{table.source}: planted {_expected(table)}, echodb verify found {json.dumps(found, indent=1)}")
        after = echodb.verify([table.source, "--repair"])[0]
        if after["result"] != "equal":
            raise Failed(f"{table.source}: not equal after its repair: {json.dumps(after, indent=1)}")
        if any(here != there for there, here in table.source_names.items()):
            continue  # the comparison below goes by names
        name = ".".join('"' + part.replace('"', '""') + '"' for part in table.source.split(".", 1))
        ordinary = echodb.postgres.fetch("SELECT relkind = 'r' FROM pg_class WHERE oid = %s::regclass", (name,))[0][0]
        check_equal(echodb, name, table.target, only=ordinary)
    return planted

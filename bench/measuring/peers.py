"""The ceilings and the peers: what the source can give at the most, and what ClickHouse itself does with it."""

import time

from driver.children import Failed

from .results import Measurement
from .stack import DATABASE, PATIENCE_SECONDS, Stack

PG_RECVLOGICAL = "pg_recvlogical"
COPY_BINARY = "copy_binary"
POSTGRESQL_FUNCTION = "postgresql_function"
MATERIALIZED_POSTGRESQL = "materialized_postgresql"

_TEMPLATE_SLOT = "bench_template"
_PEER_DATABASE = "peer"
_ENABLED = {"allow_experimental_database_materialized_postgresql": "1"}


def copy_binary(stack: Stack, table: str, rows: int) -> Measurement:
    """The source's own ceiling for one reader: COPY in binary, thrown away."""
    return Measurement(stack.shell(f'psql -qXc "COPY {table} TO STDOUT (FORMAT binary)" > /dev/null'), rows)


def postgresql_function(stack: Stack, table: str, rows: int) -> Measurement:
    """ClickHouse reads the table by itself, into a table as ours."""
    host, database, user, password = stack.connection_words
    source = f"postgresql('{host}', '{database}', '{table}', '{user}', '{password}')"
    stack.echodb.query("DROP TABLE IF EXISTS echodb.by_function SYNC")
    stack.echodb.query(f"CREATE TABLE echodb.by_function ENGINE = ReplacingMergeTree(_peerdb_version, _peerdb_is_deleted) "
                       f"ORDER BY aid AS SELECT * FROM echodb.{table} LIMIT 0")
    began = time.monotonic()
    stack.echodb.query(f"INSERT INTO echodb.by_function SELECT *, now64(9), 0, 0 FROM {source}")
    seconds = time.monotonic() - began
    stack.echodb.query("DROP TABLE echodb.by_function SYNC")
    return Measurement(seconds, rows)


class Recvlogical:
    """pg_recvlogical on a copy of a slot that was made before the backlog: the walsender's own speed."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.forget()
        stack.sql(f"SELECT pg_create_logical_replication_slot('{_TEMPLATE_SLOT}', 'pgoutput')")

    def forget(self) -> None:
        self.stack.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                       "WHERE slot_name LIKE 'bench%' AND NOT active")

    def measure(self, rows: int, end: str) -> Measurement:
        self.stack.sql(f"SELECT pg_copy_logical_replication_slot('{_TEMPLATE_SLOT}', 'bench_run')")
        seconds = self.stack.shell(
            f"pg_recvlogical -d {DATABASE} --slot bench_run --start --no-loop --endpos {end} -o proto_version=1 "
            "-o publication_names=echodb -o binary=true -o messages=true --fsync-interval=0 -f - > /dev/null")
        self.stack.sql("SELECT pg_drop_replication_slot('bench_run')")
        return Measurement(seconds, rows)


class MaterializedPostgresql:
    """ClickHouse's own engine, in the same ClickHouse, on a slot of its own."""

    def __init__(self, stack: Stack, tables: list[str]):
        self.stack = stack
        self.tables = tables

    def create(self) -> None:
        host, database, user, password = self.stack.connection_words
        self._query(f"CREATE DATABASE {_PEER_DATABASE} ENGINE = MaterializedPostgreSQL('{host}', '{database}', '{user}', "
                    f"'{password}') SETTINGS materialized_postgresql_tables_list = '{','.join(self.tables)}'")

    def drop(self) -> None:
        self._query(f"DROP DATABASE IF EXISTS {_PEER_DATABASE} SYNC")
        self.stack.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                       "WHERE plugin = 'pgoutput' AND slot_name LIKE '%ch_replication_slot%' AND NOT active")

    def measure_copy(self, rows: int) -> Measurement:
        began = time.monotonic()
        self.create()
        self.await_answer(f"SELECT count() FROM {_PEER_DATABASE}.{self.tables[0]}", str(rows))
        return Measurement(time.monotonic() - began, rows)

    def await_answer(self, question: str, answer: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        seen = None
        while (seen := self.ask(question)) != answer:
            if time.monotonic() > end:
                raise Failed(f"{question}: {seen}, not {answer}, within {PATIENCE_SECONDS} s")
            time.sleep(0.02)

    def ask(self, question: str) -> str | None:
        """None while the table is not there yet."""
        try:
            return self._query(question).strip()
        except Failed as failure:
            if "UNKNOWN_TABLE" in str(failure) or "UNKNOWN_DATABASE" in str(failure) or "NOT_INITIALIZED" in str(failure):
                return None
            raise

    def _query(self, sql: str) -> str:
        return self.stack.echodb.query(sql, settings=_ENABLED).decode()

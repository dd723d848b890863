"""The ceilings and the peers: what the source can give at the most, and what ClickHouse itself does with it."""

import time

from driver.children import Failed
from driver.postgres import DATABASE, PASSWORD, USER

from .results import Measurement
from .stack import PATIENCE_SECONDS, Stack

PG_RECVLOGICAL = "pg_recvlogical"
COPY_BINARY = "copy_binary"
POSTGRESQL_FUNCTION = "postgresql_function"
MATERIALIZED_POSTGRESQL = "materialized_postgresql"

_TEMPLATE_SLOT = "bench_template"
_RUN_SLOT = "bench_run"
_ENABLED = {"allow_experimental_database_materialized_postgresql": "1", "database": "system"}


def copy_binary(stack: Stack, table: str, rows: int) -> Measurement:
    """The source's own ceiling for one reader: COPY in binary, thrown away."""
    return Measurement(stack.shell(f'psql -qXc "COPY {table} TO STDOUT (FORMAT binary)" > /dev/null'), rows)


def postgresql_function(stack: Stack, table: str, rows: int) -> Measurement:
    """ClickHouse reads the table by itself, into a table like ours."""
    source = f"postgresql('127.0.0.1:{stack.postgres.port}', '{DATABASE}', '{table}', '{USER}', '{PASSWORD}')"
    stack.echodb.query("CREATE TABLE bench_by_function AS " + table)
    try:
        began = time.monotonic()
        stack.echodb.query(f"INSERT INTO bench_by_function SELECT *, now64(9), 0, 0 FROM {source}")
        return Measurement(time.monotonic() - began, rows)
    finally:
        stack.echodb.query("DROP TABLE bench_by_function")


class Recvlogical:
    """pg_recvlogical on a copy of a slot that was made before the backlog: the walsender's own speed."""

    def __init__(self, stack: Stack):
        self.stack = stack

    def begin_backlog(self) -> None:
        self.stack.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                       f"WHERE slot_name = '{_TEMPLATE_SLOT}'")
        self.stack.sql(f"SELECT pg_create_logical_replication_slot('{_TEMPLATE_SLOT}', 'pgoutput')")

    def measure(self, rows: int, end: str) -> Measurement:
        self.stack.sql(f"SELECT pg_copy_logical_replication_slot('{_TEMPLATE_SLOT}', '{_RUN_SLOT}')")
        seconds = self.stack.shell(
            f"pg_recvlogical -d {DATABASE} --slot {_RUN_SLOT} --start --no-loop --endpos {end} -o proto_version=1 "
            "-o publication_names=echodb -o binary=true -o messages=true --fsync-interval=0 -f - > /dev/null")
        self.stack.sql(f"SELECT pg_drop_replication_slot('{_RUN_SLOT}')")
        return Measurement(seconds, rows)


class MaterializedPostgresql:
    """ClickHouse's own engine, in a ClickHouse like ours, on a slot of its own. Its database is named `peer`."""

    def __init__(self, stack: Stack, *tables: str):
        self.stack = stack
        self.tables = tables

    def create(self) -> None:
        self._query(f"CREATE DATABASE peer ENGINE = MaterializedPostgreSQL('127.0.0.1:{self.stack.postgres.port}', "
                    f"'{DATABASE}', '{USER}', '{PASSWORD}') "
                    f"SETTINGS materialized_postgresql_tables_list = '{','.join(self.tables)}'")

    def drop(self) -> None:
        self._query("DROP DATABASE IF EXISTS peer")

    def start(self) -> None:
        if self.stack.peer.clickhouse.running is None:
            self.stack.peer.start_clickhouse()

    def stop(self) -> None:
        self.stack.peer.stop(self.stack.peer.clickhouse)

    def await_answer(self, question: str, answer: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while (seen := self.ask(question)) != answer:
            if time.monotonic() > end:
                raise Failed(f"MaterializedPostgreSQL: {question}: {seen}, not {answer}, within {PATIENCE_SECONDS} s")
            time.sleep(0.05)

    def ask(self, question: str) -> str | None:
        """None while the table is not there yet."""
        try:
            return self._query(question).strip()
        except Failed as failure:
            if any(name in str(failure) for name in ("UNKNOWN_TABLE", "UNKNOWN_DATABASE", "NOT_INITIALIZED")):
                return None
            raise

    def _query(self, sql: str) -> str:
        return self.stack.peer.query(sql, settings=_ENABLED).decode()

"""How fast tables are copied when EchoDB meets them for the first time."""

import time

from measuring.peers import (COPY_BINARY, MATERIALIZED_POSTGRESQL, POSTGRESQL_FUNCTION, MaterializedPostgresql,
                             copy_binary, postgresql_function)
from measuring.results import ECHODB, Measurement, Result

from .case import Case


class Copy(Case):
    """pgbench's accounts: narrow rows, many of them."""

    name = "copy"
    table = "pgbench_accounts"

    def prepare(self) -> None:
        scale = 5 if self.quick else 50
        self.rows = scale * 100_000
        self.stack.shell(f"pgbench -i -q -s {scale}")
        # Only the table that every contender copies.
        self.stack.sql("DROP TABLE pgbench_branches, pgbench_tellers, pgbench_history")

    def sample(self, result: Result) -> None:
        stack = self.stack
        result.add(COPY_BINARY, copy_binary(stack, self.table, self.rows))
        stack.forget_echodb()
        stack.echodb.setup()
        result.add(ECHODB, stack.measure_worker(self.rows, stack.await_copied))
        result.expect_equal(stack.equal(self.table))
        stack.stop_worker()
        stack.settle()
        result.add(POSTGRESQL_FUNCTION, postgresql_function(stack, self.table, self.rows))
        result.add(MATERIALIZED_POSTGRESQL, self._materialized())
        stack.settle()

    def _materialized(self) -> Measurement:
        peer = MaterializedPostgresql(self.stack, self.table)
        peer.start()
        began = time.monotonic()
        peer.create()
        peer.await_answer(f"SELECT count() FROM peer.{self.table}", str(self.rows))
        seconds = time.monotonic() - began
        peer.drop()
        return Measurement(seconds, self.rows)


# A hundred columns of these types in turn; each expression gives a value that depends on the row and the column.
_WIDE_TYPES = (
    ("integer", "((row * 7 + {n}) % 2000000000)::integer"),
    ("bigint", "row * 1000003 + {n}"),
    ("text", "repeat(md5((row + {n})::text), 14)"),
    ("numeric(18,4)", "((row * 31 + {n}) % 1000000007) / 10000.0"),
    ("timestamptz", "'2020-01-01'::timestamptz + (row + {n}) * interval '1 second'"),
    ("boolean", "(row + {n}) % 3 = 0"),
    ("double precision", "sqrt(row + {n})"),
    ("uuid", "md5((row + {n})::text)::uuid"),
    ("jsonb", "jsonb_build_object('n', row + {n}, 'note', repeat('x', 300))"),
    ("date", "'2000-01-01'::date + ((row + {n}) % 9000)::integer"),
)


class CopyWide(Copy):
    """A hundred columns of mixed types, 10 KB a row."""

    name = "copy-wide"
    table = "wide"

    def prepare(self) -> None:
        self.rows = 5_000 if self.quick else 50_000
        columns = [(f"c{n}", *_WIDE_TYPES[n % len(_WIDE_TYPES)]) for n in range(99)]
        declared = ", ".join(f"{name} {kind}" for name, kind, _ in columns)
        values = ", ".join(value.format(n=n) for n, (_, _, value) in enumerate(columns))
        self.stack.sql(f"CREATE TABLE wide (id bigint PRIMARY KEY, {declared})")
        self.stack.sql(f"INSERT INTO wide SELECT row, {values} FROM generate_series(1::bigint, {self.rows}) AS row")
        self.stack.sql("VACUUM ANALYZE wide")

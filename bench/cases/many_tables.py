"""Thousands of tables, each touched now and then: lag and the number of inserts stay bounded."""

import random
import time

from measuring.load import Load
from measuring.probes import Probes, histogram, p50, p99
from measuring.results import Result

from .case import Case

_TOUCH = """
CREATE FUNCTION touch(chosen int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('UPDATE many_%s SET number = number + 1 WHERE id = 1', chosen); END $$
"""
_RATES = (250, 500)  # updates a second: what two cores do with ease, and about as much as they can
_PAUSE_SECONDS = 0.02  # between two questions: exact enough for latencies of seconds
_PROBED = 100  # tables that are probed in turn, so that no single one becomes busy


class ManyTables(Case):
    name = "many-tables"
    source_settings = {"max_locks_per_transaction": "1024"}

    def prepare(self) -> None:
        self.tables, self.seconds = (300, 3.0) if self.quick else (2000, 20.0)
        stack = self.stack
        stack.sql(_TOUCH)
        for number in range(1, self.tables + 1):
            stack.sql(f"CREATE TABLE many_{number} (id bigint PRIMARY KEY, number int NOT NULL)")
            stack.sql(f"INSERT INTO many_{number} VALUES (1, 0)")
        (stack.directory / "touch.sql").write_text(f"\\set chosen random(1, {self.tables})\nSELECT touch(:chosen);\n")
        began = time.monotonic()
        stack.set_up()
        self.copied_seconds = time.monotonic() - began
        stack.settle()
        self.committer = stack.postgres.connect().cursor()
        self.shown = 1

    def sample(self, result: Result) -> None:
        stack = self.stack
        result.saw("copy_of_all_s", self.copied_seconds)
        for rate in _RATES:
            self._measure(result, rate)
        result.expect_equal(stack.equal(*(f"many_{n}" for n in random.sample(range(1, self.tables + 1), 50))))

    def _measure(self, result: Result, rate: int) -> None:
        stack = self.stack
        before = self._inserts()
        began = time.monotonic()
        with Load(stack, rate, "-f touch.sql") as running:
            latencies = Probes(self._commit, self._newest, self.shown + 1, pause_seconds=_PAUSE_SECONDS).run(self.seconds)
        stack.await_applied(stack.position())
        seconds = time.monotonic() - began
        per_table = [(count - before.get(table, 0)) / seconds for table, count in self._inserts().items()]
        result.saw(f"{rate}_transactions_per_s", running.rate)
        result.saw(f"{rate}_inserts_per_s", sum(per_table))
        result.saw(f"{rate}_inserts_per_s_of_a_table", max(per_table))
        result.saw(f"{rate}_p50_ms", p50(latencies))
        result.saw(f"{rate}_p99_ms", p99(latencies))
        result.histograms[f"commit to visible, {rate} updates/s"] = histogram(latencies)

    def _inserts(self) -> dict[str, int]:
        """Blocks that each table has been given so far: every insert is one."""
        text = self.stack.echodb.query("SELECT table, max(max_block_number) FROM system.parts "
                                       "WHERE database = 'echodb' AND table LIKE 'many%' GROUP BY table").decode()
        return {table: int(count) for table, count in (line.split("\t") for line in text.splitlines())}

    def _table(self, row: int) -> str:
        return f"many_{row % _PROBED + 1}"

    def _commit(self, row: int) -> None:
        self.committer.execute(f"INSERT INTO {self._table(row)} VALUES (%s, 0)", (row,))

    def _newest(self) -> int:
        """Rows are asked for in their order, until one is not there."""
        while self._is_visible(self.shown + 1):
            self.shown += 1
        return self.shown

    def _is_visible(self, row: int) -> bool:
        return self.stack.echodb.query(f"SELECT count() FROM {self._table(row)} WHERE id = {row}").strip() == b"1"

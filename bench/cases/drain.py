"""How fast a backlog is caught up: what was written while the worker was down."""

import time

from measuring.peers import MATERIALIZED_POSTGRESQL, PG_RECVLOGICAL, MaterializedPostgresql, Recvlogical
from measuring.results import ECHODB, Measurement, Result

from .case import Case

_ONE_ROW = "\\set aid random(1, {rows})\nUPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n"


class Drain(Case):
    name = "drain"

    def prepare(self) -> None:
        scale, self.transactions, self.large = (5, 20_000, 100_000) if self.quick else (10, 200_000, 500_000)
        self.changes = self.transactions + self.large
        stack = self.stack
        stack.shell(f"pgbench -i -q -s {scale}")
        stack.sql("DROP TABLE pgbench_branches, pgbench_tellers, pgbench_history")
        stack.sql("CREATE TABLE bench_marker (id int PRIMARY KEY, number int)")
        stack.sql("INSERT INTO bench_marker VALUES (1, 0)")
        (stack.directory / "one_row.sql").write_text(_ONE_ROW.format(rows=scale * 100_000))
        stack.set_up()
        stack.stop_worker()
        self.recvlogical = Recvlogical(stack)
        self.peer = MaterializedPostgresql(stack, "pgbench_accounts", "bench_marker")
        self.peer.start()
        self.peer.create()
        self.peer.await_answer("SELECT count() FROM peer.bench_marker", "1")
        self.peer.await_answer("SELECT count() FROM peer.pgbench_accounts", str(scale * 100_000))
        self.peer.stop()
        self.number = 0

    def sample(self, result: Result) -> None:
        stack = self.stack
        end = self._make_backlog()
        result.add(PG_RECVLOGICAL, self.recvlogical.measure(self.changes, end))
        result.add(ECHODB, stack.measure_worker(self.changes, lambda: stack.await_applied(end), from_stream=True))
        result.expect_equal(stack.equal("pgbench_accounts", "bench_marker"))
        stack.stop_worker()
        stack.settle()
        result.add(MATERIALIZED_POSTGRESQL, self._materialized())

    def _make_backlog(self) -> str:
        stack = self.stack
        self.recvlogical.begin_backlog()
        stack.shell(f"pgbench -n -M prepared -c 4 -t {self.transactions // 4} -f one_row.sql")
        stack.sql(f"UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid <= {self.large}")
        self.number += 1
        stack.sql(f"UPDATE bench_marker SET number = {self.number}")
        stack.sql("CHECKPOINT")
        return stack.position()

    def _materialized(self) -> Measurement:
        """From the moment its server answers, which is after it has begun."""
        self.peer.start()
        began = time.monotonic()
        self.peer.await_answer("SELECT number FROM peer.bench_marker", str(self.number))
        seconds = time.monotonic() - began
        self.stack.settle()
        self.peer.stop()
        return Measurement(seconds, self.changes)

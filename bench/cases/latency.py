"""How long after its commit a row is visible in ClickHouse: idle, and while others write."""

import time

from driver.children import Failed
from measuring.load import Load
from measuring.peers import MATERIALIZED_POSTGRESQL, MaterializedPostgresql
from measuring.probes import Probes, histogram, p50, p99
from measuring.results import ECHODB, Result

from .case import Case

_QUESTION = "SELECT max(id) FROM {}bench_probe"


class Latency(Case):
    name = "latency"

    def prepare(self) -> None:
        self.loads, self.seconds = ((0, 2000), 3.0) if self.quick else ((0, 500, 2000, 5000), 15.0)
        stack = self.stack
        stack.shell(f"pgbench -i -q -s {1 if self.quick else 10}")
        stack.sql("ALTER TABLE pgbench_history ADD COLUMN id bigserial PRIMARY KEY")  # the peer takes no table without
        stack.sql("CREATE TABLE bench_probe (id bigint PRIMARY KEY, note text NOT NULL)")
        stack.sql("INSERT INTO bench_probe VALUES (0, 'the first')")
        self.next = 1
        self.committer = stack.postgres.connect().cursor()
        self.peer = MaterializedPostgresql(stack, "bench_probe", "pgbench_accounts", "pgbench_history")

    def sample(self, result: Result) -> None:
        own = self._measure_echodb(result)
        peer = self._measure_peer(result)
        for load in self.loads:
            result.compare(f"{MATERIALIZED_POSTGRESQL}{_under(load)}", peer[load] / own[load])
        result.compare(MATERIALIZED_POSTGRESQL, min(peer[load] / own[load] for load in self.loads))

    def _measure_echodb(self, result: Result) -> dict[int, float]:
        stack = self.stack
        stack.set_up()
        stack.settle()
        ask = lambda: int(stack.echodb.query(_QUESTION.format("")))
        medians = {load: self._measure(result, ECHODB, load, ask) for load in self.loads}
        stack.await_applied(stack.position())
        result.expect_equal(stack.equal())
        stack.stop_worker()
        return medians

    def _measure_peer(self, result: Result) -> dict[int, float]:
        self.peer.start()
        self.peer.create()
        try:
            self.peer.await_answer(_QUESTION.format("peer."), str(self.next - 1))
            self.stack.settle()
            ask = lambda: int(self.peer.ask(_QUESTION.format("peer.")))
            return {load: self._measure(result, MATERIALIZED_POSTGRESQL, load, ask) for load in self.loads}
        finally:
            self.peer.drop()
            self.peer.stop()

    def _measure(self, result: Result, contender: str, load: int, ask) -> float:
        """The median in milliseconds."""
        if load == 0:
            latencies = self._probe(ask)
        else:
            with Load(self.stack, load) as running:
                time.sleep(2)
                latencies = self._probe(ask)
            result.saw(f"{contender}{_under(load)}_tps", running.rate)
        for name, share in (("p50", p50), ("p99", p99)):
            result.saw(f"{contender}{_under(load)}_{name}_ms", share(latencies))
        result.histograms[f"{contender}{_under(load)}"] = histogram(latencies)
        return p50(latencies)

    def _probe(self, ask) -> list[float]:
        probes = Probes(self._commit, ask, self.next)
        latencies = probes.run(self.seconds)
        if not latencies:
            raise Failed("no row was committed")
        self.next += len(latencies)
        return latencies

    def _commit(self, row: int) -> None:
        self.committer.execute("INSERT INTO bench_probe VALUES (%s, 'a row of ordinary length')", (row,))


def _under(load: int) -> str:
    return f"_{load}" if load else "_idle"

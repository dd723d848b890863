"""What a schema change costs the application that makes it, with EchoDB's triggers and without."""

from collections.abc import Callable
from statistics import median

from driver.postgres import DATABASE

from measuring.processes import exact_cpu_seconds
from measuring.results import Result

from .case import Case

_PLAIN = "without_echodb"  # a database of the same server


class DdlCost(Case):
    name = "ddl-cost"

    def prepare(self) -> None:
        self.turns = 5 if self.quick else 30
        self.neighbours = 200 if self.quick else 3_000
        self.partitions = 100 if self.quick else 1_000
        self.count = 0
        self.stack.postgres.fetch(f"CREATE DATABASE {_PLAIN}", database="postgres")
        self.sessions = {name: self.stack.postgres.connect(database=name).cursor() for name in (DATABASE, _PLAIN)}
        for session in self.sessions.values():
            self._make_tables(session)
        self.stack.set_up()
        # The application pays for the triggers alone; nothing else is to be in its way.
        self.stack.stop_worker()

    def sample(self, result: Result) -> None:
        for kind, statement in self._kinds().items():
            cost = self._cost(statement)
            result.saw(f"{kind}, ms", cost[DATABASE] * 1e3)
            result.saw(f"{kind}, times", cost[DATABASE] / cost[_PLAIN])
        self.stack.echodb.start_worker()
        self.stack.await_applied(self.stack.position())
        self.stack.await_copied()
        result.expect_equal(self.stack.equal("wide", "tree", "neighbour_0", f"made_{self.turns}"))
        self.stack.stop_worker()

    def _kinds(self) -> dict[str, Callable[[int], str]]:
        """Of each kind a statement by its number."""
        return {
            "create table": lambda n: f"CREATE TABLE made_{n} (id int PRIMARY KEY, note text)",
            "drop table": lambda n: f"DROP TABLE IF EXISTS neighbour_{n}",
            "truncate": lambda n: "TRUNCATE neighbour_0",
            "set statistics": lambda n: f"ALTER TABLE wide ALTER c1 SET STATISTICS {n % 100}",
            "add column of 400": lambda n: f"ALTER TABLE wide ADD d{n} int",
            "create partition": lambda n: f"CREATE TABLE part_{n + self.partitions} PARTITION OF tree "
                                          f"FOR VALUES IN ({n + self.partitions})",
            "create index": lambda n: f"CREATE INDEX ON neighbour_0 (note) WHERE id > {n}",
        }

    def _cost(self, statement: Callable[[int], str]) -> dict[str, float]:
        """The median of what the backend's processor did, by database, for statements that take turns."""
        spent: dict[str, list[float]] = {name: [] for name in self.sessions}
        for _ in range(self.turns):
            self.count += 1
            for name, session in self.sessions.items():
                backend = session.connection.info.backend_pid
                before = exact_cpu_seconds(backend)
                session.execute(statement(self.count))
                spent[name].append(exact_cpu_seconds(backend) - before)
        return {name: median(one) for name, one in spent.items()}

    def _make_tables(self, session) -> None:
        columns = ", ".join(f"c{n} int" for n in range(400))
        session.execute(f"CREATE TABLE wide (id int PRIMARY KEY, {columns})")
        session.execute("CREATE TABLE tree (id int PRIMARY KEY, note text) PARTITION BY LIST (id)")
        for n in range(self.partitions):
            session.execute(f"CREATE TABLE part_{n} PARTITION OF tree FOR VALUES IN ({n})")
        for n in range(self.neighbours):
            session.execute(f"CREATE TABLE neighbour_{n} (id int PRIMARY KEY, note text)")

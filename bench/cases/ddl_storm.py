"""Tables that come, change and go while others write."""

import random
import time

from measuring.load import Load
from measuring.results import Result

from .case import Case

_RATE = 200


class DdlStorm(Case):
    name = "ddl-storm"

    def prepare(self) -> None:
        self.statements = 60 if self.quick else 500
        self.random = random.Random(1)
        self.living: dict[str, int] = {}  # columns added so far
        self.count = 0
        self.stack.shell("pgbench -i -q -s 1")
        self.stack.set_up()

    def sample(self, result: Result) -> None:
        stack = self.stack
        with Load(stack, _RATE) as running:
            began = time.monotonic()
            for _ in range(self.statements):
                self._change_something()
            said = time.monotonic()
            end = stack.position()
            stack.await_applied(end)
            stack.await_copied()
            applied = time.monotonic()
        result.saw("transactions_per_s", running.rate)
        result.saw("statements_per_s", self.statements / (said - began))
        result.saw("behind_after_the_last_s", applied - said)
        stack.await_applied(stack.position())
        result.expect_equal(stack.equal() and self._same_tables())

    def _change_something(self) -> None:
        kind = self.random.choices(("create", "add", "drop"), (3, 5, 2))[0] if self.living else "create"
        if kind == "create":
            self.count += 1
            self.stack.sql(f"CREATE TABLE storm_{self.count} (id int PRIMARY KEY, note text); "
                           f"INSERT INTO storm_{self.count} VALUES (1, 'one'), (2, 'two')")
            self.living[f"storm_{self.count}"] = 0
            return
        table = self.random.choice(list(self.living))
        if kind == "drop":
            self.stack.sql(f"DROP TABLE {table}")
            del self.living[table]
            return
        self.living[table] += 1
        self.stack.sql(f"ALTER TABLE {table} ADD COLUMN c{self.living[table]} int DEFAULT {self.living[table]}; "
                       f"UPDATE {table} SET note = note || '.'")

    def _same_tables(self) -> bool:
        shown = self.stack.echodb.query("SHOW TABLES LIKE 'storm%'").decode().split()
        if set(shown) != set(self.living):
            print(f"  differs: the source has {sorted(self.living)}, ClickHouse {sorted(shown)}")
        return set(shown) == set(self.living)

"""What must not need much memory: a very large transaction, and large values that an update leaves alone."""

from measuring.results import ECHODB, Result

from .case import Case


class LargeTransaction(Case):
    """Millions of rows, committed at once."""

    name = "large-transaction"

    def prepare(self) -> None:
        self.rows = 300_000 if self.quick else 5_000_000
        self.stack.sql("CREATE TABLE large (id bigint PRIMARY KEY, number int NOT NULL, note text)")
        self.from_row = 1
        self.stack.set_up()
        self.stack.stop_worker()

    def sample(self, result: Result) -> None:
        stack = self.stack
        stack.sql("INSERT INTO large SELECT n, n % 1000, 'a row of ordinary length ' || n "
                  f"FROM generate_series({self.from_row}, {self.from_row + self.rows - 1}) n")
        self.from_row += self.rows
        end = stack.position()
        result.add(ECHODB, stack.measure_worker(self.rows, lambda: stack.await_applied(end)))
        result.expect_equal(stack.equal("large"))
        stack.stop_worker()
        stack.settle()


class Toast(Case):
    """20 KB of jsonb in every row, which the source does not send when another column is updated."""

    name = "toast"

    def prepare(self) -> None:
        self.rows = 1_000 if self.quick else 20_000
        stack = self.stack
        stack.sql("CREATE TABLE toast (id int PRIMARY KEY, number int NOT NULL, document jsonb NOT NULL)")
        stack.sql("ALTER TABLE toast ALTER document SET STORAGE EXTERNAL")
        stack.sql("INSERT INTO toast SELECT n, 0, jsonb_build_object('n', n, 'text', repeat(md5(n::text), 620)) "
                  f"FROM generate_series(1, {self.rows}) n")
        stack.set_up()
        stack.stop_worker()

    def sample(self, result: Result) -> None:
        stack = self.stack
        stack.sql("UPDATE toast SET number = number + 1")
        end = stack.position()
        result.add(ECHODB, stack.measure_worker(self.rows, lambda: stack.await_applied(end)))
        result.expect_equal(stack.equal("toast"))
        stack.stop_worker()
        stack.settle()

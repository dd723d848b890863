"""Tables come and go."""

from driver.children import Failed

from .case import case
from .stack import Stack

ROUND = 2000
# After so many the worker catches up: steps that wait for ClickHouse take memory too.
PORTION = 100
ROUNDS = 4
BYTES_PER_TABLE_MAX = 1000


def make_and_drop(stack: Stack, tables: int) -> None:
    connection = stack.postgres.connect()
    try:
        cursor = connection.cursor()
        for _ in range(tables):
            cursor.execute("CREATE TABLE short_lived (id int PRIMARY KEY, v text)")
            cursor.execute("INSERT INTO short_lived VALUES (1, 'a row')")
            cursor.execute("DROP TABLE short_lived")
    finally:
        connection.close()


@case("thousands of tables are made, filled and dropped: the worker's memory stays what it was", slow=True)
def short_lived_tables(stack: Stack) -> str:
    leader = stack.start_leader()
    resident = []
    for _ in range(ROUNDS):
        for _ in range(ROUND // PORTION):
            make_and_drop(stack, PORTION)
            stack.await_applied(leader)
        resident.append(stack.resident_bytes(leader))
    per_table = (resident[-1] - resident[0]) / (ROUND * (ROUNDS - 1))
    if per_table > BYTES_PER_TABLE_MAX:
        raise Failed(f"{per_table:.0f} bytes are left of each table; resident after each round: {resident}")
    return (f"{', '.join(f'{one / 1e6:.1f}' for one in resident)} MB resident after each {ROUND} tables, "
            f"{per_table:.0f} bytes a table")

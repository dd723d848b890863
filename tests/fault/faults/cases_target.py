"""ClickHouse has too much to do, refuses, hangs, or has no room."""

import os
import signal
import subprocess
import time

from driver.children import Failed, until
from driver.compare import check_equal

from .case import case
from .proxy import Answer
from .stack import Stack

OVERLOAD = (
    Answer(503, "Service Unavailable"),
    Answer(429, "Too Many Requests"),
    Answer(500, "Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS)"),
    Answer(500, "Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)"),
    Answer(500, "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)"),
    Answer(500, "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)"),
    Answer(500, "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)"),
)


def no_table_stopped(stack: Stack) -> None:
    stopped = stack.postgres.fetch("SELECT target_name, error FROM _echodb.tables WHERE state = 'error'")
    if stopped:
        raise Failed(f"tables have stopped: {stopped}")


@case("ClickHouse answers 503, 429, TOO_MANY_PARTS, MEMORY_LIMIT_EXCEEDED, …: fewer inserts, none lost")
def clickhouse_overloaded(stack: Stack) -> str:
    proxy = stack.clickhouse_proxy()
    stack.start_leader(CLICKHOUSE_PORT=str(proxy.port))
    times = []
    for answer in OVERLOAD:
        proxy.refused = 0
        proxy.inserts_get = answer
        until(10, "an insert is refused", lambda: proxy.refused > 0)
        time.sleep(0.7)
        proxy.inserts_get = None
        times.append(stack.await_flow("rows flow again", time.monotonic()))
    no_table_stopped(stack)
    return f"rows flow {min(times):.2f} to {max(times):.2f} s after its last refusal"


@case("ClickHouse stores an insert and its answer is lost: it is sent again, and nothing is there twice")
def answers_lost(stack: Stack) -> str:
    proxy = stack.clickhouse_proxy()
    stack.start_leader(CLICKHOUSE_PORT=str(proxy.port))
    for _ in range(5):
        proxy.answer_lost = Answer(502, "Bad Gateway")
        time.sleep(0.5)
        proxy.answer_lost = None
        stack.await_flow("rows flow again")
    no_table_stopped(stack)
    return f"{proxy.refused} answers lost"


PAGE = "<html><body>Down for maintenance</body></html>"


def strangers(proxy) -> tuple:
    """Whoever may answer in ClickHouse's place for a moment."""
    return (
        ("a page", Answer(200, PAGE, (("Content-Type", "text/html"),))),
        ("a page that is missing", Answer(404, PAGE, (("Content-Type", "text/html"),))),
        ("nothing at all", Answer(200, "")),
        ("no content", Answer(204, "")),
        ("a health check", Answer(200, "Ok.\n")),
        ("an earlier answer", Answer(200, "", proxy.last_headers)),
        ("an earlier answer with rows", Answer(200, "1\n", proxy.last_headers)),
        ("a redirect", Answer(302, "", (("Location", f"http://127.0.0.1:{proxy.port}/elsewhere"),))),
    )


@case("something else has ClickHouse's port for moments and answers 200: no row and no table is lost")
def strangers_answer(stack: Stack) -> str:
    proxy = stack.clickhouse_proxy()
    leader = stack.start_leader(CLICKHOUSE_PORT=str(proxy.port))
    fetch, made, times = stack.postgres.fetch, [], []
    for number in range(len(strangers(proxy))):
        what, answer = strangers(proxy)[number]
        proxy.refused = 0
        proxy.everything_gets = answer
        made.append(f"born_{number}")
        fetch(f"CREATE TABLE {made[-1]} (id int PRIMARY KEY, v text)")
        fetch(f"INSERT INTO {made[-1]} SELECT i, 'of {what}' FROM generate_series(1, 20) i")
        until(20, f"{what} is met", lambda: proxy.refused > 3)
        time.sleep(0.5)
        proxy.everything_gets = None
        times.append(stack.await_flow(f"rows flow again after {what}", time.monotonic()))
    said = leader.metrics()["last_error"]
    stack.sync()
    for table in made:
        check_equal(stack.echodb, f"public.{table}", table)
    no_table_stopped(stack)
    if "not ClickHouse" not in said:
        raise Failed(f"the leader does not say what it met: {said}")
    return f"rows flow {min(times):.2f} to {max(times):.2f} s after the last of {len(times)} kinds of answers"


@case("inserts into three tables hang: the others' rows are no more than a second late")
def stuck_tables(stack: Stack) -> str:
    proxy = stack.clickhouse_proxy()
    stack.start_leader(CLICKHOUSE_PORT=str(proxy.port))
    proxy.stuck |= {"accounts", "ledger", "scratch"}
    until(10, "inserts hang", lambda: proxy.held > 0)
    worst = max(stack.await_flow("rows of the other table flow") for _ in range(20))
    proxy.stuck.clear()
    return f"a row of another table takes {worst:.2f} s at the most"


@case("inserts into a table hang, and its rows fill the memory: it alone stops, and heals")
def stuck_table_lets_go(stack: Stack) -> str:
    def error_of_bulk() -> tuple:
        return stack.postgres.fetch("SELECT state, error_lsn::text FROM _echodb.tables WHERE target_name = 'bulk'")[0]

    proxy = stack.clickhouse_proxy()
    memory = 16 << 20
    variables = {"CLICKHOUSE_PORT": str(proxy.port), "ECHODB_MEMORY_BYTES_MAX": str(memory)}
    leader = stack.start_leader(**variables)
    bulk = stack.start_bulk_load(ahead_bytes=2 * memory)
    stack.await_flow("rows flow beside much load")
    proxy.stuck.add("bulk")
    started = time.monotonic()
    until(60, "it gives its place up", lambda: leader.metrics()["tables"]["error"] == 1, leader.child.check_alive)
    seconds = time.monotonic() - started
    worst = max(stack.await_flow("rows of the other tables flow") for _ in range(20))
    stack.await_applied(leader)
    if error_of_bulk()[0] != "error":
        raise Failed(f"the position has passed its rows, and the catalog says {error_of_bulk()}")
    leader.child.end(signal.SIGKILL)
    stack.start_worker(**variables)
    stack.await_flow("rows flow again")
    said = error_of_bulk()
    bulk.stop()
    proxy.stuck.clear()
    stack.postgres.fetch("SELECT _echodb.describe('bulk'::regclass, 'RESYNC')")
    until(60, "it is copied", lambda: (leader := stack.leader()) and leader.metrics()["tables"]["error"] == 0)
    return (f"it stops {seconds:.1f} s after its inserts began to hang ({said[0]} at {said[1]}); then a row of another "
            f"table takes {worst:.2f} s at the most")


@case("ClickHouse's disk is full for a while")
def disk_full(stack: Stack) -> str:
    """Another ClickHouse, on a small file system of its own; its rows are compared like any other's."""
    room = stack.directory / "small"
    room.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200m", "tmpfs", str(room)], capture_output=True)
    if mounted.returncode != 0:
        return f"not run: no file system of its own can be mounted here ({mounted.stderr.decode().strip()})"
    try:
        return stack.with_other_clickhouse(room, lambda: fill_and_free(stack, room))
    finally:
        subprocess.run(["umount", "-l", str(room)], check=False)


def fill_and_free(stack: Stack, room) -> str:
    leader = stack.start_leader()
    filler = room / "filler"
    with open(filler, "wb") as file:
        try:
            while True:
                file.write(b"\0" * (1 << 20))
        except OSError:
            pass
    try:
        until(30, "an insert fails", lambda: (leader.metrics() or {}).get("last_error"))
        refusal = leader.metrics()["last_error"].split("\n")[0][:120]
        time.sleep(2)
    finally:
        os.truncate(filler, 0)
        filler.unlink()
    seconds = stack.await_flow("rows flow again", time.monotonic())
    no_table_stopped(stack)
    stack.end_load_and_compare()
    return f"rows flow {seconds:.2f} s after there is room again ({refusal})"

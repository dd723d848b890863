"""PostgreSQL and ClickHouse die, restart, and run out of disk."""

import signal
import subprocess
import time

from driver.children import Failed, until

from .case import case
from .cases_target import no_table_stopped
from .stack import Stack


@case("PostgreSQL is restarted")
def postgres_restarted(stack: Stack) -> str:
    stack.start_pair()
    stack.postgres.child.end(signal.SIGINT)
    started = time.monotonic()
    stack.postgres.start()
    return f"rows flow {stack.await_flow('rows flow again', started):.2f} s after its new start"


@case("PostgreSQL crashes, three times")
def postgres_crashed(stack: Stack) -> str:
    stack.start_pair()
    times = []
    for _ in range(3):
        stack.postgres.child.end(signal.SIGQUIT)
        started = time.monotonic()
        stack.postgres.start()
        times.append(stack.await_flow("rows flow again", started))
    return "rows flow " + ", ".join(f"{seconds:.2f}" for seconds in times) + " s after its new start"


@case("one walsender is killed with SIGKILL: PostgreSQL restarts all its processes")
def walsender_killed(stack: Stack) -> str:
    stack.start_pair()
    started = time.monotonic()
    pid = stack.postgres.fetch("SELECT active_pid FROM pg_replication_slots WHERE active")[0][0]
    subprocess.run(["kill", "-9", str(pid)], check=True)
    return f"rows flow again after {stack.await_flow('rows flow again', started):.2f} s"


@case("ClickHouse is killed and started again, three times")
def clickhouse_killed(stack: Stack) -> str:
    stack.start_pair()
    times = []
    for _ in range(3):
        stack.echodb.clickhouse.end(signal.SIGKILL)
        time.sleep(0.5)
        stack.echodb.start_clickhouse()
        times.append(stack.await_flow("rows flow again", time.monotonic()))
    return "rows flow " + ", ".join(f"{seconds:.2f}" for seconds in times) + " s after it answers"


def outage(stack: Stack, seconds: float) -> str:
    limit = 64 << 20
    leader = stack.start_leader(ECHODB_MEMORY_BYTES_MAX=str(limit))
    bulk = stack.start_bulk_load()
    stack.echodb.clickhouse.end(signal.SIGKILL)
    buffered = lag = 0
    states = set()
    until_back = time.monotonic() + seconds
    while time.monotonic() < until_back:
        seen = leader.metrics()
        if seen is None:
            raise Failed("the worker does not answer")
        buffered, lag = max(buffered, seen["buffered_bytes"]), max(lag, seen["lag_bytes"])
        states.add(seen["circuit_breakers"]["clickhouse"]["state"])
        time.sleep(0.2)
    memory = stack.resident_bytes(leader)
    if "open" not in states:
        raise Failed(f"the breaker was only {states}")
    if buffered > limit:
        raise Failed(f"{buffered} bytes were buffered, with a limit of {limit}")
    retained = stack.postgres.fetch(
        "SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots WHERE slot_name = 'echodb_echodb'")[0][0]
    if lag == 0 or retained < lag / 2:
        raise Failed(f"{lag} bytes of lag were reported, and {retained} retained")
    rows = bulk.stop()
    stack.echodb.start_clickhouse()
    started = time.monotonic()
    first = stack.await_flow("rows flow again", started, ceiling=120 + 2 * seconds)  # after all that waited before
    stack.load.stop()
    stack.load = None
    stack.sync()
    no_table_stopped(stack)
    caught_up = time.monotonic() - started
    return (f"lag of {lag >> 20} MB reported, {int(retained) >> 20} MB retained; {buffered >> 20} MB buffered of "
            f"{limit >> 20}, {memory >> 20} MB resident; back: first row after {first:.2f} s, {rows} rows caught up "
            f"after {caught_up:.1f} s")


@case("ClickHouse is away for 20 s under load: the log is kept and reported, memory stays within its limit")
def clickhouse_away(stack: Stack) -> str:
    return outage(stack, 20)


@case("the same for 5 minutes", slow=True)
def clickhouse_away_long(stack: Stack) -> str:
    return outage(stack, 300)


@case("an insert takes longer than wal_sender_timeout, again and again", slow=True)
def slow_inserts(stack: Stack) -> str:
    with stack.postgres_setting("wal_sender_timeout", "2s"):
        proxy = stack.clickhouse_proxy()
        leader = stack.start_leader(CLICKHOUSE_PORT=str(proxy.port))
        sender = stack.postgres.fetch("SELECT active_pid FROM pg_replication_slots WHERE active")[0][0]
        proxy.delay = 5
        stack.await_flow("rows flow")
        stack.await_flow("rows flow")
        proxy.delay = 0
        stack.await_flow("rows flow")
        if stack.postgres.fetch("SELECT active_pid FROM pg_replication_slots WHERE active")[0][0] != sender:
            raise Failed("the stream was broken off")
        until(10, "the leader streams", lambda: leader.metrics()["state"] == "streaming")
    return "one walsender all the time"


@case("PostgreSQL answers nothing for a while, and then goes on (SIGSTOP of the leader's walsender)")
def walsender_frozen(stack: Stack) -> str:
    stack.start_leader()
    pid = stack.postgres.fetch("SELECT active_pid FROM pg_replication_slots WHERE active")[0][0]
    subprocess.run(["kill", "-STOP", str(pid)], check=True)
    time.sleep(4)
    subprocess.run(["kill", "-CONT", str(pid)], check=True)
    return f"rows flow {stack.await_flow('rows flow again'):.2f} s later"

"""The network between a worker and its servers is cut, in all the ways it can be, or slow."""

import signal
import time

from driver.children import Failed, free_port, until

from .case import case
from .proxy import TcpProxy
from .stack import Stack

TTL = 3


def to_postgres(stack: Stack) -> tuple[TcpProxy, dict[str, str]]:
    proxy = TcpProxy(stack.postgres.port)
    stack.extras.append(proxy)
    return proxy, {"POSTGRES_PORT": str(proxy.port)}


def to_clickhouse(stack: Stack) -> tuple[TcpProxy, dict[str, str]]:
    proxy = TcpProxy(stack.echodb.clickhouse_port)
    stack.extras.append(proxy)
    return proxy, {"CLICKHOUSE_PORT": str(proxy.port)}


@case("the leader's network to PostgreSQL goes silent, its connections stay open: another leads")
def leader_cut_off(stack: Stack) -> str:
    proxy, variables = to_postgres(stack)
    leader = stack.start_leader(LEADER_ELECTION_TTL=str(TTL), **variables)
    follower = stack.start_follower(LEADER_ELECTION_TTL=str(TTL))
    started = time.monotonic()
    proxy.stall()
    seconds = stack.await_flow("rows flow again", started)
    until(20, "the one that is cut off no longer leads", lambda: not leader.leads(), leader.child.check_alive)
    proxy.resume()
    until(40, "it follows", leader.follows, leader.child.check_alive)
    if not follower.leads():
        raise Failed("the new leader does not lead any more")
    return f"rows flow again after {seconds:.2f} s with a TTL of {TTL} s"


@case("the leader's connections are left half-open: it ends its own lost session, and does not wait for its TTL")
def own_session_lost(stack: Stack) -> str:
    with stack.postgres_setting("wal_sender_timeout", "5s"):
        proxy, variables = to_postgres(stack)
        leader = stack.start_leader(LEADER_ELECTION_TTL="24", **variables)
        proxy.abandon()
        until(40, "its lease runs out", lambda: "no longer leads" in leader.log.read_text(encoding="utf-8"))
        started = time.monotonic()
        epoch = stack.epoch()
        until(40, "it leads again", lambda: stack.epoch() > epoch, leader.child.check_alive)
        seconds = time.monotonic() - started
        stack.await_flow("rows flow again")
    if seconds > 5:
        raise Failed(f"it led again after {seconds:.1f} s")
    return f"it leads again after {seconds:.2f} s with a TTL of 24 s"


@case("every connection to PostgreSQL is closed")
def source_connections_closed(stack: Stack) -> str:
    proxy, variables = to_postgres(stack)
    stack.start_leader(**variables)
    started = time.monotonic()
    proxy.reset()
    return f"rows flow again after {stack.await_flow('rows flow again', started):.2f} s"


@case("every connection to PostgreSQL is left half-open: nothing comes, nobody says so")
def source_connections_half_open(stack: Stack) -> str:
    with stack.postgres_setting("wal_sender_timeout", "5s"):
        proxy, variables = to_postgres(stack)
        stack.start_leader(LEADER_ELECTION_TTL=str(TTL), **variables)
        started = time.monotonic()
        proxy.abandon()
        seconds = stack.await_flow("rows flow again", started)
    return f"rows flow again after {seconds:.2f} s"


@case("every connection to ClickHouse is closed, three times")
def target_connections_closed(stack: Stack) -> str:
    proxy, variables = to_clickhouse(stack)
    stack.start_leader(**variables)
    times = []
    for _ in range(3):
        started = time.monotonic()
        proxy.reset()
        times.append(stack.await_flow("rows flow again", started))
    return "rows flow again after " + ", ".join(f"{seconds:.2f}" for seconds in times) + " s"


@case("the network to ClickHouse goes silent for some seconds")
def target_cut_off(stack: Stack) -> str:
    proxy, variables = to_clickhouse(stack)
    stack.start_leader(**variables)
    proxy.stall()
    time.sleep(6)
    started = time.monotonic()
    proxy.resume()
    return f"rows flow {stack.await_flow('rows flow again', started):.2f} s after it is back"


@case("50 ms each way to both servers")
def latency(stack: Stack) -> str:
    source, variables = to_postgres(stack)
    target, more = to_clickhouse(stack)
    stack.start_leader(**variables, **more)
    source.latency = target.latency = 0.05
    time.sleep(4)
    seconds = stack.await_flow("rows flow")
    return f"a row takes {seconds:.2f} s"


@case("of three configured hosts one is down and one is a standby: the primary is found, and found again")
def several_hosts(stack: Stack) -> str:
    standby = stack.start_standby()
    worker = stack.start_leader(POSTGRES_HOST="127.0.0.1,127.0.0.1,127.0.0.1",
                                POSTGRES_PORT=f"{free_port()},{standby.port},{stack.postgres.port}")
    stack.postgres.child.end(signal.SIGINT)
    started = time.monotonic()
    stack.postgres.start()
    seconds = stack.await_flow("rows flow again", started)
    worker.child.check_alive()
    return f"rows flow {seconds:.2f} s after the primary's new start"

"""A worker is asked to stop at a bad moment: it ends within its grace period, and keeps nobody waiting."""

import signal
import time

from driver.children import Failed, until

from .case import case
from .proxy import TcpProxy
from .stack import Stack, Worker

GRACE_SECONDS = 10  # limits::kGracePeriod


def seconds_to_end(worker: Worker) -> float:
    started = time.monotonic()
    if (status := worker.child.end(signal.SIGTERM)) != 0:
        raise Failed(f"{worker.name} ended with status {status} on SIGTERM")
    return time.monotonic() - started


def require_at_most(seconds: float, ceiling: float) -> str:
    if seconds > ceiling:
        raise Failed(f"it took {seconds:.1f} s to end, and {ceiling} s are too many already")
    return f"it ended after {seconds:.2f} s"


@case("the source says nothing, and the leader is asked to stop")
def stopped_while_source_is_silent(stack: Stack) -> str:
    proxy = TcpProxy(stack.postgres.port)
    stack.extras.append(proxy)
    leader = stack.start_leader(POSTGRES_PORT=str(proxy.port))
    proxy.stall()
    said = require_at_most(seconds_to_end(leader), GRACE_SECONDS)
    proxy.resume()
    stack.start_worker()
    stack.await_flow("rows flow again")
    return said


@case("the source falls silent while a worker begins, and it is asked to stop: also amid its connections", slow=True)
def stopped_while_it_begins(stack: Stack) -> str:
    proxy = TcpProxy(stack.postgres.port)
    stack.extras.append(proxy)
    longest = 0.0
    for moment in (0.1, 0.25, 0.4, 0.6, 0.8, 1.1):
        worker = stack.start_worker(POSTGRES_PORT=str(proxy.port))
        time.sleep(moment)
        proxy.stall()
        time.sleep(0.3)
        longest = max(longest, seconds_to_end(worker))
        proxy.resume()
    said = require_at_most(longest, GRACE_SECONDS)
    stack.start_worker()
    stack.start_load()
    stack.await_flow("rows flow")
    return said


@case("a copy's insert hangs, its table is to be copied again, and the leader is asked to stop")
def stopped_while_copy_hangs(stack: Stack) -> str:
    proxy = stack.clickhouse_proxy()
    leader = stack.start_leader(CLICKHOUSE_PORT=str(proxy.port))
    stack.postgres.fetch("CREATE TABLE still (id int PRIMARY KEY); INSERT INTO still SELECT generate_series(1, 1000)")
    stack.await_flow("rows flow")
    stack.sync()
    oid = stack.postgres.fetch("SELECT 'still'::regclass::oid::int")[0][0]
    proxy.stuck.add(f"_echodb_shadow_{oid}")
    stack.postgres.fetch("SELECT _echodb.describe('still'::regclass, 'RESYNC')")
    until(20, "the copy's insert hangs", lambda: proxy.held > 0)
    stack.postgres.fetch("SELECT _echodb.describe('still'::regclass, 'RESYNC')")  # whose first step ends the copy
    stack.await_flow("rows of other tables flow")
    said = require_at_most(seconds_to_end(leader), GRACE_SECONDS)
    proxy.stuck.clear()
    stack.start_worker()
    stack.await_flow("rows flow again")
    stack.postgres.fetch("DROP TABLE still")
    return said


@case("the leader is asked to stop amid a large transaction: what cannot be finished is left to the next one", slow=True)
def stopped_amid_large_transaction(stack: Stack) -> str:
    leader, _ = stack.start_pair()
    stack.load.stop()
    stack.load = None
    stack.sync()
    before = leader.metrics()["rows_applied"]
    stack.postgres.fetch("INSERT INTO bulk (value) SELECT repeat('x', 20) FROM generate_series(1, 2000000)")
    until(60, "it is being read", lambda: leader.metrics()["rows_applied"] > before + 100_000)
    said = require_at_most(seconds_to_end(leader), GRACE_SECONDS / 2)
    stack.start_load()
    stack.await_flow("rows flow again")
    return said


@case("the slot is given up once: a follower that leads later keeps the new one", slow=True)
def slot_given_up_once(stack: Stack) -> str:
    def remakes() -> int:
        return stack.postgres.fetch("SELECT count(*) FROM _echodb.journal WHERE event = 'remake_requested'")[0][0]

    stack.start_pair(ECHODB_MAX_RETAINED_WAL="32MB", ECHODB_ON_MAX_RETAINED_WAL="release")
    stack.echodb.clickhouse.end(signal.SIGKILL)
    stack.postgres.fetch("INSERT INTO bulk (value) SELECT repeat(md5(random()::text), 8) FROM generate_series(1, 150000)")
    until(60, "the slot is given up", lambda: not stack.postgres.fetch("SELECT 1 FROM pg_replication_slots"))
    stack.echodb.start_clickhouse()
    stack.await_flow("rows flow again")
    stack.sync()
    given_up = remakes()
    stack.await_leader().stop()
    stack.await_flow("rows flow through the other")
    stack.sync()
    if remakes() != given_up:
        raise Failed("the new leader gave a slot up that retained little")
    return f"{given_up} times given up"

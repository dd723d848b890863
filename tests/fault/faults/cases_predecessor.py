"""The leader's lock is free while its last holder may still write: the next one waits. And who takes the key in Redis."""

import os
import signal
import time

from driver.children import Failed, free_port, until

from .case import case
from .cases_leader import redis_for
from .cases_network import to_postgres
from .stack import Stack, Worker

TTL = "30"
SHORT_TTL = "3"
OTHER_DATABASE = "other"


def start_with_late_truncate(stack: Stack, ttl: str, **variables: str):
    """A leader whose inserts into a table hang, with a TRUNCATE waiting behind them; returns it and its proxy."""
    target = stack.clickhouse_proxy()
    leader = stack.start_leader(LEADER_ELECTION_TTL=ttl, CLICKHOUSE_PORT=str(target.port), **variables)
    target.stuck.add("scratch")
    until(20, "inserts hang", lambda: target.held > 0)
    time.sleep(3)
    return leader, target


def require_no_late_truncate(stack: Stack, target, follower: Worker) -> float:
    """The next leader applies everything; then what the first one still has to send goes through."""
    started = time.monotonic()
    seconds = stack.await_flow("rows flow again", started)
    stack.load.stop()
    stack.load = None
    stack.await_applied(follower)
    target.stuck.clear()
    return seconds


def require_rows(stack: Stack) -> None:
    time.sleep(2)  # time enough for what the first leader would still send
    rows = stack.echodb.query("SELECT count(*), min(round) FROM scratch FINAL WHERE _peerdb_is_deleted = 0").decode()
    there = [str(value) for value in stack.postgres.fetch("SELECT count(*), min(round) FROM scratch")[0]]
    if rows.split() != there:
        raise Failed(f"the first leader has written beside the second: {rows.split()}, and not {there}")


def lose_lock_unseen(stack: Stack, fault, ttl: str = TTL, **same: str) -> str:
    """The leader hears nothing from PostgreSQL, where its lock goes by the fault; its lease is not over."""
    source, variables = to_postgres(stack)
    leader, target = start_with_late_truncate(stack, ttl, **variables, **same)
    follower = stack.start_follower(LEADER_ELECTION_TTL=ttl, **same)
    source.stall()
    source.abandon()  # nobody hears of the connections' end
    fault()
    seconds = require_no_late_truncate(stack, target, follower)
    require_rows(stack)
    source.resume()
    until(60, "the one that was cut off follows", leader.follows, leader.child.check_alive)
    return f"rows flow again after {seconds:.2f} s with a TTL of {ttl} s"


def leader_sessions(stack: Stack) -> list[int]:
    """Server processes of the leader's lock."""
    return [row[0] for row in stack.postgres.fetch(
        "SELECT DISTINCT pid FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE application_name LIKE 'echodb leader %' "
        "AND granted AND (locktype = 'advisory' OR relation = '_echodb.leadership'::regclass)")]


def end_sessions_of(stack: Stack, leader: Worker) -> None:
    """Those of its lock."""
    stack.postgres.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                         (f"echodb leader {leader.name}",))


@case("a backend of PostgreSQL is killed unseen by the leader, so every session ends: nobody writes beside it", slow=True)
def backend_killed_unseen(stack: Stack) -> str:
    return lose_lock_unseen(stack, lambda: os.kill(leader_sessions(stack)[0], signal.SIGKILL))


@case("the leader's sessions are ended by hand, unseen by the leader: nobody writes beside it")
def sessions_ended_unseen(stack: Stack) -> str:
    return lose_lock_unseen(stack, lambda: end_sessions_of(stack, stack.workers[0]))


@case("PostgreSQL crashes unseen by the leader, whose lock is gone and whose lease is not: nobody writes beside it", slow=True)
def source_crashed_unseen(stack: Stack) -> str:
    return lose_lock_unseen(stack, stack.postgres.crash, ttl="15")


@case("PostgreSQL crashes unseen by the leader, and the next one has the same name: it does not write beside it", slow=True)
def namesake_crashed_unseen(stack: Stack) -> str:
    return lose_lock_unseen(stack, stack.postgres.crash, WORKER_ID="twin")


@case("the leader is frozen, its lease far from over, and its sessions are ended by hand: the next one waits for it to say so")
def frozen_leader_ended(stack: Stack) -> str:
    leader, follower = stack.start_pair(LEADER_ELECTION_TTL="600")
    leader.signal(signal.SIGSTOP)
    end_sessions_of(stack, leader)
    until(60, "the follower waits for the frozen leader",
          lambda: "led before, and may not know" in follower.log.read_text(encoding="utf-8"), follower.child.check_alive)
    if follower.leads():
        raise Failed("the follower leads beside a leader that may write")
    started = time.monotonic()
    leader.signal(signal.SIGCONT)
    return f"rows flow {stack.await_flow('rows flow again', started):.2f} s after it goes on"


@case("the leader is killed on another machine: how its sessions ended tells; before PostgreSQL 15 its lease is waited for")
def leader_killed_elsewhere(stack: Stack) -> str:
    leader = stack.start_leader(apart=True, LEADER_ELECTION_TTL="20")
    stack.start_follower(LEADER_ELECTION_TTL="20")
    time.sleep(2)  # the follower has seen its sessions
    started = time.monotonic()
    leader.child.end(signal.SIGKILL)
    seconds = stack.await_flow("rows flow again", started)
    waited = seconds > 10  # half of the lease, of which a renewal has taken no more than a third
    counts = stack.postgres.fetch("SELECT current_setting('server_version_num')::int >= 150000")[0][0]
    if waited == counts:
        raise Failed(f"the follower {'waited' if waited else 'did not wait'}")
    return f"rows flow again after {seconds:.2f} s with a TTL of 20 s"


@case("a worker that cannot reach PostgreSQL does not keep the key in Redis from one that can")
def key_without_source(stack: Stack) -> str:
    common = {"LEADER_ELECTION_TTL": SHORT_TTL, **redis_for(stack).variables()}
    leader = stack.start_leader(**common)
    source, variables = to_postgres(stack)
    cut_off = stack.start_follower(**common, **variables)
    source.listener.close()
    source.reset()  # from now on it is refused
    time.sleep(2)
    leader.child.end(signal.SIGKILL)
    time.sleep(2 * int(SHORT_TTL))  # time enough to take the key of the dead
    healthy = stack.start_worker(**common)
    started = time.monotonic()
    until(40, "the other leads", healthy.leads, healthy.child.check_alive)
    stack.await_flow("rows flow")
    cut_off.child.discard()
    stack.workers.remove(cut_off)
    return f"the other leads after {time.monotonic() - started:.2f} s"


@case("a worker that cannot reach ClickHouse leaves the key in Redis to one that can")
def key_without_target(stack: Stack) -> str:
    common = {"LEADER_ELECTION_TTL": TTL, **redis_for(stack).variables()}
    lost = stack.start_worker(CLICKHOUSE_PORT=str(free_port()), **common)
    until(20, "it is there", lambda: lost.metrics() is not None, lost.child.check_alive)
    time.sleep(2)
    other = stack.start_worker(**common)
    until(30, "the other leads", other.leads, other.child.check_alive)
    led = stack.postgres.fetch("SELECT count(*) FROM _echodb.leaders WHERE worker = %s", (lost.name,))[0][0]
    if led:
        raise Failed("the one without ClickHouse has led")
    stack.start_load()
    stack.await_flow("rows flow")
    return "it leads, and the other one never did"


@case("two installations share one Redis: both have a leader")
def two_installations(stack: Stack) -> str:
    redis = redis_for(stack)
    first = stack.start_leader(**redis.variables())
    stack.postgres.fetch(f"CREATE DATABASE {OTHER_DATABASE}")
    other = {"POSTGRES_DB": OTHER_DATABASE, "CLICKHOUSE_DATABASE": OTHER_DATABASE, "SYNC_SCHEMA": "public",
             **redis.variables()}
    second = stack.start_worker(**other)
    try:
        until(30, "the second leads its own source", second.leads, second.child.check_alive)
        if (holders := (redis.holder(), redis.holder(OTHER_DATABASE))) != (first.name, second.name):
            raise Failed(f"the keys hold {holders}")
        if not first.leads():
            raise Failed("the first does not lead any more")
    finally:
        second.child.discard()
        stack.workers.remove(second)
        stack.postgres.fetch("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s",
                             (OTHER_DATABASE,))
        stack.postgres.fetch(f"DROP DATABASE {OTHER_DATABASE}")
    stack.await_flow("rows flow")
    return "both lead"

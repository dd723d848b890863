"""The leader dies, hangs, is asked to stop, or cannot tell that it leads."""

import signal
import time

from driver.children import Failed, free_port, until

from .case import case
from .redis import Redis
from .stack import Stack

TTL = 3


def redis_for(stack: Stack) -> Redis:
    redis = Redis(stack.directory)
    stack.extras.append(redis)
    return redis


@case("the leader is killed: with PostgreSQL's lock the follower takes over at once")
def leader_killed_with_lock(stack: Stack) -> str:
    leader, _ = stack.start_pair()
    times = []
    for _ in range(3):
        started = time.monotonic()
        leader.child.end(signal.SIGKILL)
        times.append(stack.await_flow("rows flow again", started))
        leader = stack.await_leader()
        stack.start_follower()
    return "rows flow again after " + ", ".join(f"{seconds:.2f}" for seconds in times) + " s"


@case("the leader is killed: with Redis the follower takes over as well, and has the key")
def leader_killed_with_redis(stack: Stack) -> str:
    redis = redis_for(stack)
    leader, follower = stack.start_pair(LEADER_ELECTION_TTL=str(TTL), **redis.variables())
    if redis.holder() != leader.name:
        raise Failed(f"the key holds {redis.holder()!r}, and {leader.name} leads")
    started = time.monotonic()
    leader.child.end(signal.SIGKILL)
    seconds = stack.await_flow("rows flow again", started)
    if redis.holder() != follower.name:
        raise Failed(f"the key holds {redis.holder()!r}, and {follower.name} leads")
    return f"rows flow again after {seconds:.2f} s with a TTL of {TTL} s"


@case("the leader is asked to stop: the follower goes on within a second")
def leader_stopped(stack: Stack) -> str:
    leader, _ = stack.start_pair()
    times = []
    for _ in range(3):
        started = time.monotonic()
        leader.signal(signal.SIGTERM)
        times.append(stack.await_flow("rows flow again", started))
        leader.child.running.wait(10)
        if (status := leader.child.running.returncode) != 0:
            raise Failed(f"the leader ended with status {status}")
        leader.child.running = None
        leader = stack.await_leader()
        stack.start_follower()
    return "rows flow again after " + ", ".join(f"{seconds:.2f}" for seconds in times) + " s"


@case("the leader is asked to stop, with Redis: the follower hears of the released key")
def leader_stopped_with_redis(stack: Stack) -> str:
    leader, _ = stack.start_pair(**redis_for(stack).variables())
    started = time.monotonic()
    leader.signal(signal.SIGTERM)
    seconds = stack.await_flow("rows flow again", started)
    until(10, "the leader has ended", lambda: leader.child.running.poll() is not None)
    leader.child.running = None
    return f"rows flow again after {seconds:.2f} s"


@case("two workers are restarted in turn, twice")
def rolling_restart(stack: Stack) -> str:
    pair = list(stack.start_pair())
    for turn in range(4):
        pair[turn % 2].stop()
        pair[turn % 2] = stack.start_worker()
        until(60, "somebody leads and somebody follows",
              lambda: sum(w.leads() for w in pair) == 1 and sum(w.follows() for w in pair) == 1)
        stack.await_flow("rows flow")
    return "nothing lost, nothing repeated"


def freeze(stack: Stack, variables: dict[str, str]) -> str:
    leader, follower = stack.start_pair(LEADER_ELECTION_TTL=str(TTL), **variables)
    before = stack.epoch()
    started = time.monotonic()
    leader.signal(signal.SIGSTOP)
    seconds = stack.await_flow("rows flow again", started)
    if not follower.leads():
        raise Failed("the follower does not lead")
    time.sleep(1)
    leader.signal(signal.SIGCONT)
    try:
        until(30, "the frozen leader follows", leader.follows, leader.child.check_alive)
    except Failed:
        stack.check_epochs()  # what it does instead is worse
        raise
    stack.await_flow("rows flow")
    if not follower.leads():
        raise Failed("the new leader does not lead any more")
    return f"rows flow again after {seconds:.2f} s with a TTL of {TTL} s; epoch {before} -> {stack.epoch()}"


@case("the leader is frozen for longer than the TTL: another leads, and when it goes on it writes nothing")
def leader_frozen_by_lock(stack: Stack) -> str:
    return freeze(stack, {})


@case("the same with Redis")
def leader_frozen_with_redis(stack: Stack) -> str:
    return freeze(stack, redis_for(stack).variables())


@case("the leader is frozen and goes on again and again, at any moment of its work", slow=True)
def leader_frozen_often(stack: Stack) -> str:
    stack.start_pair(LEADER_ELECTION_TTL=str(TTL))
    for turn in range(12):
        leader = stack.await_leader()
        leader.signal(signal.SIGSTOP)
        time.sleep(0.37 * turn)
        leader.signal(signal.SIGCONT)
        stack.await_flow("rows flow again")
        until(30, "both work", lambda: sum(w.leads() for w in stack.workers) == 1)
    return f"epoch {stack.epoch()}"


@case("the leader cannot reach ClickHouse from where it is: it lets another try")
def leader_without_target(stack: Stack) -> str:
    lost = stack.start_worker(CLICKHOUSE_PORT=str(free_port()))
    until(20, "it leads", lambda: stack.postgres.fetch(
        "SELECT 1 FROM _echodb.leaders WHERE worker = %s AND deposed_at IS NULL", (lost.name,)))
    other = stack.start_worker()
    started = time.monotonic()
    until(60, "the other leads", other.leads, other.child.check_alive)
    seconds = time.monotonic() - started
    stack.start_load()
    stack.await_flow("rows flow")
    return f"the other leads after {seconds:.2f} s"


@case("Redis is flushed: one leads, before and after")
def redis_flushed(stack: Stack) -> str:
    redis = redis_for(stack)
    stack.start_pair(LEADER_ELECTION_TTL=str(TTL), **redis.variables())
    started = time.monotonic()
    redis.ask("FLUSHALL")
    seconds = stack.await_flow("rows flow again", started)
    until(20, "the leader's key is there again", lambda: (leader := stack.leader()) and redis.holder() == leader.name)
    return f"rows flow again after {seconds:.2f} s"


@case("Redis is killed: the leader goes on; the leader is killed too: the follower leads; Redis returns: it has the key")
def redis_killed(stack: Stack) -> str:
    redis = redis_for(stack)
    leader, follower = stack.start_pair(LEADER_ELECTION_TTL=str(TTL), **redis.variables())
    redis.kill()
    time.sleep(TTL + 1)
    stack.await_flow("rows flow without Redis")
    if not leader.leads():
        raise Failed("the leader has given up without Redis")
    started = time.monotonic()
    leader.child.end(signal.SIGKILL)
    seconds = stack.await_flow("rows flow again", started)
    redis.start()
    until(20, "the leader's key is there again", lambda: redis.holder() == follower.name)
    return f"without Redis rows flow again {seconds:.2f} s after the leader's death"

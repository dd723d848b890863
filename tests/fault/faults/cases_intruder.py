"""A role that may only log in tries to keep every worker from leading."""

import signal
import time
from contextlib import contextmanager

import psycopg2

from driver.children import Failed, until
from driver.postgres import DATABASE

from .case import case
from .stack import Stack

TTL = 3
INTRUDER = "intruder"
# The keys that earlier versions used, of the leader and of setup.
OLD_KEYS = (111477628292165, 0x6563686F6462)
TRANSACTION_SECONDS_MAX = 10
OUR_LOCK = "SELECT pid FROM pg_locks WHERE relation = '_echodb.leadership'::regclass AND granted"


class Session:
    """A connection of the intruder's; `extras` discards it."""

    def __init__(self, stack: Stack, application_name: str = "psql"):
        self.connection = psycopg2.connect(host="127.0.0.1", port=stack.postgres.port, user=INTRUDER, password=INTRUDER,
                                           dbname=DATABASE, application_name=application_name)
        self.connection.autocommit = True
        stack.extras.append(self)

    def ask(self, query: str, arguments=None) -> list[tuple]:
        cursor = self.connection.cursor()
        cursor.execute(query, arguments)
        return cursor.fetchall()

    def is_refused(self, query: str) -> bool:
        try:
            self.connection.cursor().execute(query)
        except psycopg2.errors.InsufficientPrivilege:
            return True
        return False

    def take_all_keys(self) -> None:
        """The keys of earlier versions, and all that it sees, one by one and shared."""
        seen = self.ask("SELECT DISTINCT (classid::bigint << 32) + objid::bigint FROM pg_locks "
                        "WHERE locktype = 'advisory' AND objsubid = 1")
        for key in {*OLD_KEYS, *(row[0] for row in seen)}:
            self.ask("SELECT pg_try_advisory_lock(%s), pg_try_advisory_lock_shared(%s)", (key, key))

    def discard(self) -> None:
        self.connection.close()


@contextmanager
def intruder_role(stack: Stack):
    stack.postgres.fetch(f"CREATE ROLE {INTRUDER} LOGIN PASSWORD '{INTRUDER}'")
    try:
        yield
    finally:
        stack.postgres.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (INTRUDER,))
        stack.postgres.fetch(f"DROP ROLE {INTRUDER}")


@case("a role that may only log in holds every advisory lock, and one worker leads all the same")
def intruder_holds_every_key(stack: Stack) -> str:
    with intruder_role(stack):
        session = Session(stack)
        session.take_all_keys()
        leader, _ = stack.start_pair()
        session.take_all_keys()
        started = time.monotonic()
        leader.child.end(signal.SIGKILL)
        session.take_all_keys()
        seconds = stack.await_flow("rows flow again", started)
        if not session.is_refused("BEGIN; LOCK TABLE _echodb.leadership IN ACCESS SHARE MODE"):
            raise Failed("the intruder may lock the view")
    return f"rows flow again after {seconds:.2f} s"


@case("a session of another role that calls itself the leader is neither believed nor ended")
def intruder_forges_its_name(stack: Stack) -> str:
    with intruder_role(stack):
        session = Session(stack, "echodb leader forged")
        session.take_all_keys()
        _, follower = stack.start_pair(LEADER_ELECTION_TTL=str(TTL))
        time.sleep(TTL + 2)  # silent for longer than a leader may be
        session.ask("SELECT 1")
        until(20, "the follower names the leader", lambda: (leader := stack.leader()) and follower.metrics()["leader"] == leader.name)
    return "not believed, not ended"


@case("three candidates start at once, three times: one leads soon")
def candidates_start_at_once(stack: Stack) -> str:
    times = []
    for _ in range(3):
        workers = [stack.start_worker() for _ in range(3)]
        started = time.monotonic()
        until(30, "one leads and two follow",
              lambda: sum(w.leads() for w in workers) == 1 and sum(w.follows() for w in workers) == 2)
        times.append(time.monotonic() - started)
        for worker in workers:
            worker.stop()
            stack.workers.remove(worker)
    stack.start_leader()
    return "one leads after " + ", ".join(f"{seconds:.2f}" for seconds in times) + " s"


@case("the leader's lock passes from session to session: it is always held, and no transaction of it gets old", slow=True)
def lock_passes_on(stack: Stack) -> str:
    leader, _ = stack.start_pair()
    epoch, holders, oldest, busy = stack.epoch(), set(), 0.0, 0
    stop_at = time.monotonic() + 2.5 * TRANSACTION_SECONDS_MAX
    while time.monotonic() < stop_at:
        held = stack.postgres.fetch(OUR_LOCK)
        if not held:
            raise Failed("nobody has the lock")
        holders.update(row[0] for row in held)
        age = stack.postgres.fetch(
            "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float, "
            "count(*) FILTER (WHERE backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) FROM pg_stat_activity "
            "WHERE application_name LIKE 'echodb leader %%' AND state = 'idle in transaction'")[0]
        oldest = max(oldest, age[0])
        # State and snapshot are not read at one moment: what lasts is seen again and again.
        busy = busy + 1 if age[1] > 0 else 0
        if age[0] > TRANSACTION_SECONDS_MAX or busy > 5:
            raise Failed(f"a transaction with the lock is {age[0]:.1f} s old, {age[1]} have a snapshot or an id")
        time.sleep(0.1)
    if len(holders) < 2 or not leader.leads() or stack.epoch() != epoch:
        raise Failed(f"the lock was held by {holders}; epoch {epoch} -> {stack.epoch()}")
    return f"the oldest transaction was {oldest:.1f} s old"


@case("nobody can lead for longer than the TTL: a follower is not ready, and says why")
def nobody_leads(stack: Stack) -> str:
    # Of another role that has the right: a silent session of EchoDB's own role is ended.
    with intruder_role(stack):
        stack.postgres.fetch(f"ALTER ROLE {INTRUDER} SUPERUSER")
        return _named_and_led(stack, Session(stack).connection)


def _named_and_led(stack: Stack, lock) -> str:
    lock.cursor().execute("BEGIN; LOCK TABLE _echodb.leadership IN EXCLUSIVE MODE")
    worker = stack.start_worker(LEADER_ELECTION_TTL=str(TTL))

    def ready() -> tuple[int, dict]:
        answer = worker.http.get(f"http://127.0.0.1:{worker.port}/ready", timeout=2)
        return answer.status_code, answer.json()

    def says_why() -> bool:
        status, body = ready()
        return status == 503 and "nobody leads" in body.get("last_error", "")

    until(30, "the worker says that nobody leads", lambda: worker.metrics() is not None and says_why())
    said = ready()[1]["last_error"]
    if "ExclusiveLock" not in said:
        raise Failed(f"who is in the way is not named: {said}")
    lock.close()
    until(30, "it leads", worker.leads, worker.child.check_alive)
    stack.start_load()
    stack.await_flow("rows flow")
    return said

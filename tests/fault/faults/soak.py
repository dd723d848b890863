"""Load for a given time with a random fault every 20 s, and a comparison of everything at the end and now and then."""

import random
import signal
import subprocess
import time

import psycopg2
import requests

from driver.children import Failed, until

from .proxy import Answer, ClickHouseProxy, TcpProxy
from .redis import Redis
from .stack import Stack, Worker

FAULT_SECONDS = 20
COMPARE_EVERY = 9
TTL = 4


class Soak:
    """Two workers behind proxies of their own, with Redis; faults of all kinds at random."""

    def __init__(self, stack: Stack, seed: int):
        self.stack, self.random = stack, random.Random(seed)
        self.redis = Redis(stack.directory)
        self.source, self.target = TcpProxy(stack.postgres.port), ClickHouseProxy(stack.echodb.clickhouse_port)
        stack.extras += [self.redis, self.source, self.target]
        self.variables = {"LEADER_ELECTION_TTL": str(TTL), "CLICKHOUSE_PORT": str(self.target.port),
                          "POSTGRES_PORT": str(self.source.port), **self.redis.variables()}
        stack.start_leader(**self.variables)
        stack.start_follower(**self.variables)

    def _anybody(self) -> Worker:
        return self.random.choice([worker for worker in self.stack.workers if worker.child.running is not None])

    # Faults. Each leaves everything working again.

    def worker_killed(self) -> None:
        worker = self._anybody()
        worker.child.end(signal.SIGKILL)
        self._replace(worker)

    def worker_stopped(self) -> None:
        worker = self._anybody()
        worker.stop()
        self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        time.sleep(self.random.random() * 3)
        self.stack.workers.remove(worker)
        self.stack.start_worker(**self.variables)

    def worker_frozen(self) -> None:
        worker = self._anybody()
        worker.signal(signal.SIGSTOP)
        time.sleep(self.random.random() * 2 * TTL)
        worker.signal(signal.SIGCONT)

    def postgres_crashed(self) -> None:
        self.stack.postgres.crash()

    def walsender_killed(self) -> None:
        for pid, in self.stack.postgres.fetch("SELECT active_pid FROM pg_replication_slots WHERE active"):
            subprocess.run(["kill", "-9", str(pid)], check=False)
        until(60, "PostgreSQL answers", self._postgres_answers)

    def _postgres_answers(self) -> bool:
        try:
            return bool(self.stack.postgres.fetch("SELECT 1"))
        except psycopg2.OperationalError:
            return False

    def clickhouse_killed(self) -> None:
        self.stack.echodb.clickhouse.end(signal.SIGKILL)
        time.sleep(self.random.random() * 5)
        self.stack.echodb.start_clickhouse()

    def redis_killed(self) -> None:
        self.redis.kill()
        time.sleep(self.random.random() * 2 * TTL)
        self.redis.start()

    def redis_flushed(self) -> None:
        self.redis.ask("FLUSHALL")

    def network_cut(self) -> None:
        self.source.stall()
        time.sleep(self.random.random() * 2 * TTL)
        self.source.resume()

    def connections_reset(self) -> None:
        self.source.reset()

    def target_overloaded(self) -> None:
        self.target.inserts_get = Answer(500, "Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS)")
        time.sleep(self.random.random() * 6)
        self.target.inserts_get = None

    def answers_lost(self) -> None:
        self.target.answer_lost = Answer(503, "Service Unavailable")
        time.sleep(self.random.random() * 4)
        self.target.answer_lost = None

    FAULTS = (worker_killed, worker_stopped, worker_frozen, postgres_crashed, walsender_killed, clickhouse_killed,
              redis_killed, redis_flushed, network_cut, connections_reset, target_overloaded, answers_lost)

    def one_fault(self) -> None:
        fault = self.random.choice(self.FAULTS)
        began = time.monotonic()
        fault(self)
        seconds = self.stack.await_flow(f"rows flow after {fault.__name__}", time.monotonic())
        print(f"{fault.__name__}: rows flow {seconds:.2f} s after it", flush=True)
        time.sleep(max(0.0, FAULT_SECONDS - (time.monotonic() - began)))

    def compare(self) -> None:
        self.stack.compare()
        print(f"equal; epoch {self.stack.epoch()}", flush=True)


def run(options, seed: int) -> int:
    print(f"seed {seed}", flush=True)
    stack = Stack(options.program, options.pg_bindir)
    faults = 0
    try:
        stack.start()
        soak = Soak(stack, seed)
        end = time.monotonic() + 60 * options.minutes
        while time.monotonic() < end:
            stack.start_load()
            soak.one_fault()
            faults += 1
            if faults % COMPARE_EVERY == 0:
                soak.compare()
        soak.compare()
        print(f"{faults} faults\n1 passed, 0 failed")
        return 0
    except (Failed, psycopg2.Error, requests.RequestException, OSError) as error:
        print(f"after {faults} faults, with --seed {seed}: {error}\n{stack.log_tails()}\n0 passed, 1 failed")
        return 1
    finally:
        stack.discard(options.keep)

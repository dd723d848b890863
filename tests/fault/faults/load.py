"""Writers that keep the source busy, through its restarts, until they are told to stop."""

import random
import threading
import time

import psycopg2

from driver.children import Failed
from driver.postgres import PostgresServer

CREATE = """
CREATE TABLE IF NOT EXISTS probe (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE IF NOT EXISTS accounts (id bigint PRIMARY KEY, owner text NOT NULL, balance numeric(12,2), note text);
CREATE TABLE IF NOT EXISTS ledger (account bigint, amount int, memo text);
CREATE TABLE IF NOT EXISTS bulk (id bigserial PRIMARY KEY, value text);
CREATE TABLE IF NOT EXISTS scratch (id int PRIMARY KEY, round int);
"""
TABLES = ("bulk", "probe", "accounts", "ledger", "scratch")
ACCOUNTS = 2000


class Writer:
    """One thread, one connection at a time. `write` makes one transaction; what a failure left undone is not repeated."""

    def __init__(self, postgres: PostgresServer, write, pause: float):
        self.postgres, self.write, self.pause = postgres, write, pause
        self.stopping = threading.Event()
        self.fault: Exception | None = None
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        connection = None
        while not self.stopping.is_set():
            try:
                if connection is None:
                    connection = self.postgres.connect()
                self.write(connection)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                connection = None
                time.sleep(0.05)
            except Exception as error:  # told by stop()
                self.fault = error
                return
            self.stopping.wait(self.pause)
        if connection is not None:
            connection.close()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()
        if self.fault:
            raise Failed(f"a writer failed: {self.fault}")


class Load:
    """Inserts, updates and deletes of a table with a key and one without, a table that is truncated now and then, and
    rows with rising ids, by which is seen when rows flow again. The source must never refuse a statement."""

    def __init__(self, postgres: PostgresServer, seed: int = 1):
        self.postgres = postgres
        self.random = random.Random(seed)
        postgres.fetch(CREATE)
        self.next_probe = postgres.fetch("SELECT coalesce(max(id), 0) + 1 FROM probe")[0][0]
        self.round = 0
        self.writers = [Writer(postgres, self._probe, 0.01), Writer(postgres, self._accounts, 0.015),
                        Writer(postgres, self._ledger, 0.01), Writer(postgres, self._scratch, 0.3)]

    def _probe(self, connection) -> None:
        row = self.next_probe
        self.next_probe += 1  # never used twice: nobody knows what became of one whose commit failed
        connection.cursor().execute("INSERT INTO probe VALUES (%s)", (row,))

    def _accounts(self, connection) -> None:
        one, owner = self.random.randrange(ACCOUNTS), self.random.randrange(100)
        cursor = connection.cursor()
        if self.random.random() < 0.1:
            cursor.execute("DELETE FROM accounts WHERE id BETWEEN %s AND %s", (one, one + 3))
        else:
            cursor.execute(
                "INSERT INTO accounts SELECT g, 'owner ' || %s, random() * 1000, repeat(md5(g::text), 6) "
                "FROM generate_series(%s::bigint, %s) g ON CONFLICT (id) DO UPDATE SET balance = excluded.balance, "
                "owner = excluded.owner", (owner, one, one + self.random.randrange(60)))

    def _ledger(self, connection) -> None:
        one, cursor = self.random.randrange(ACCOUNTS), connection.cursor()
        if self.random.random() < 0.2:
            cursor.execute("DELETE FROM ledger WHERE ctid IN (SELECT ctid FROM ledger WHERE account = %s LIMIT 2)", (one,))
        else:
            cursor.execute("INSERT INTO ledger SELECT %s + g %% 3, %s, 'memo' FROM generate_series(1, 10) g",
                           (one, self.random.randrange(10)))

    def _scratch(self, connection) -> None:
        self.round += 1
        cursor = connection.cursor()
        if self.round % 4 == 0:
            cursor.execute("TRUNCATE scratch")
        cursor.execute("INSERT INTO scratch SELECT g, %s FROM generate_series(1, 500) g "
                       "ON CONFLICT (id) DO UPDATE SET round = excluded.round", (self.round,))

    def stop(self) -> None:
        for writer in self.writers:
            writer.stop()


class BulkLoad:
    """More rows than fit into a worker's memory: some 20,000 a second. With `ahead_bytes`, only while no more of the log
    than that waits to be read: a machine that reads slower than it writes would fall behind for as long as this runs."""

    def __init__(self, postgres: PostgresServer, ahead_bytes: int | None = None):
        self.rows = 0
        self.ahead_bytes = ahead_bytes
        self.writer = Writer(postgres, self._write, 0.2)

    def _write(self, connection) -> None:
        cursor = connection.cursor()
        if self.ahead_bytes is not None and self._unread(cursor) > self.ahead_bytes:
            return
        cursor.execute("INSERT INTO bulk (value) SELECT repeat(md5(random()::text), 8) FROM generate_series(1, 5000)")
        self.rows += 5000

    @staticmethod
    def _unread(cursor) -> int:
        """Bytes of the log that were not sent yet; none while nobody reads."""
        cursor.execute("SELECT coalesce(max(pg_current_wal_lsn() - sent_lsn), 0) FROM pg_stat_replication")
        return cursor.fetchone()[0]

    def stop(self) -> int:
        self.writer.stop()
        return self.rows

    def discard(self) -> None:
        self.writer.stopping.set()

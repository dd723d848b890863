"""The servers a script runs against, and putting them back to empty after it."""

import shutil
import tempfile
from pathlib import Path

import requests

from .children import Failed, until
from .debian import debian_server
from .echodb import EchoDb
from .postgres import PostgresServer, Session

SYNC_SECONDS = 120
BOOKMARK = "_echodb_bookmark"  # which source ClickHouse holds, and up to where

# Everything a script can leave in the watched schemas. Extensions' own objects stay.
DROP_ALL = """
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW'
                    WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname) AS text
             FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
             WHERE nspname IN ('public', 'sales', 'other') AND relkind IN ('r', 'p', 'v', 'm', 'S')
             ORDER BY relkind = 'S'  -- an identity column's goes with its table
  LOOP EXECUTE one.text; END LOOP;
  FOR one IN SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', nspname, typname) AS text
             FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
             WHERE nspname IN ('public', 'sales', 'other') AND typtype IN ('e', 'd', 'c', 'r')
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  LOOP EXECUTE one.text; END LOOP;
  FOR one IN SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', p.oid::regprocedure) AS text
             FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
             WHERE nspname IN ('public', 'sales', 'other') AND prokind = 'f'
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE one.text; END LOOP;
END $$
"""


def lsn(text: str) -> int:
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


class Environment:
    """PostgreSQL, ClickHouse and a worker between them, in a temporary directory of their own."""

    def __init__(self, program: Path, bindir: Path, variables: dict[str, str], bare: bool, target: str = "",
                 engine: Path | None = None):
        """`target`: "debian" for Debian's clickhouse-server in place of the embedded one. `engine`: see EchoDb."""
        self.directory = Path(tempfile.mkdtemp(prefix="echodb-e2e-"))
        self.directory.chmod(0o755)  # PostgreSQL may run as another user
        self.postgres = PostgresServer(bindir, self.directory)
        self.echodb = EchoDb(program, self.postgres, self.directory, variables, engine)
        if target == "debian":
            self.echodb.clickhouse = debian_server(self.echodb.clickhouse_port, self.directory)
        self.sessions: dict[str, Session] = {}
        self.bare = bare

    def start(self) -> None:
        self.postgres.create()
        self.postgres.start()
        self.postgres.create_database()
        self.postgres.fetch("CREATE SCHEMA sales; CREATE SCHEMA other")
        self.echodb.start_clickhouse()
        if not self.bare:
            self.echodb.setup()
            self.echodb.start_worker()

    def session(self, name: str) -> Session:
        if name not in self.sessions or not self.sessions[name].is_open():
            self.sessions[name] = Session(self.postgres, name)
        return self.sessions[name]

    def shell_environment(self) -> dict[str, str]:
        """The source by libpq's variables, EchoDB's settings, and `echodb` itself."""
        libpq = self.postgres.environment()
        return self.echodb.env | libpq | {"PATH": f"{self.echodb.program.parent}:{libpq['PATH']}"}

    def close_sessions(self) -> None:
        for session in self.sessions.values():
            session.close()
        self.sessions.clear()

    def metrics(self) -> dict:
        try:
            return self.echodb.metrics()
        except requests.RequestException as error:
            self.echodb.worker.check_alive()
            raise Failed(f"the worker's /metrics does not answer: {error}") from None

    def sync(self, seconds: float = SYNC_SECONDS) -> None:
        """Waits until everything committed on the source so far is applied, and no table is being copied."""
        wanted = self.postgres.fetch("SELECT pg_current_wal_lsn()::text")[0][0]
        seen: dict = {}

        def is_applied() -> bool:
            nonlocal seen
            seen = self.metrics()
            tables = seen["tables"]
            return (seen["applied_lsn"] is not None and lsn(seen["applied_lsn"]) >= lsn(wanted)
                    and tables["copying"] == 0 and tables.get("pending", 0) == 0)

        try:
            until(seconds, f"sync to {wanted}", is_applied, self.echodb.worker.check_alive)
        except Failed as late:
            raise Failed(f"{late}; the worker reports {seen}") from None

    def reset(self) -> None:
        """Back to no tables on either side, all servers running."""
        self.close_sessions()
        if self.echodb.clickhouse.running is None:
            self.echodb.start_clickhouse()
        if self.echodb.worker.running is None:
            self.echodb.start_worker()
        self.postgres.fetch(DROP_ALL)
        self.sync()
        left = [name for name in self.echodb.query("SHOW TABLES").decode().split() if name != BOOKMARK]
        if left:
            raise Failed(f"every table was dropped, but ClickHouse still has {left}")

    def logs(self) -> list[Path]:
        return sorted(self.directory.glob("*.log"))

    def discard(self, keep: bool) -> None:
        self.close_sessions()
        self.echodb.discard()
        self.postgres.discard()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

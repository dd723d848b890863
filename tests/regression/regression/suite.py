"""One run of the suite, by PostgreSQL's own pg_regress."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from driver.children import Failed
from driver.postgres import DATABASE, PASSWORD, USER, PostgresServer

# What the suite's expected outputs were made under.
DATABASE_SETTINGS = {"lc_messages": "C", "lc_monetary": "C", "lc_numeric": "C", "lc_time": "C", "bytea_output": "hex",
                     "timezone_abbreviations": "Default"}


@dataclass
class Suite:
    directory: Path  # as script/postgres-regression leaves it
    bindir: Path
    tests: list[str]  # none: all, in the order of the schedule
    keep: bool

    @property
    def pg_regress(self) -> Path:
        return self.bindir.parent / "lib/pgxs/src/test/regress/pg_regress"


@dataclass
class Run:
    results: Path
    seconds: float

    def tests(self) -> list[str]:
        return sorted(path.stem for path in (self.results / "results").glob("*.out"))

    def output(self, test: str) -> str:
        """The suite has tests in other encodings than UTF-8."""
        path = self.results / "results" / f"{test}.out"
        return path.read_bytes().decode("latin-1") if path.exists() else ""


def prepare_database(postgres: PostgresServer) -> None:
    for name, value in DATABASE_SETTINGS.items():
        postgres.fetch(f"ALTER DATABASE {DATABASE} SET {name} TO '{value}'")


def run_suite(suite: Suite, postgres: PostgresServer, results: Path) -> Run:
    """Test after test, or the order of what they print would be another each time. Those that fail are compared later."""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    if postgres.user:
        shutil.chown(results, postgres.user, postgres.user)
    command = [str(suite.pg_regress), "--use-existing", f"--dbname={DATABASE}", f"--inputdir={suite.directory / 'suite'}",
               f"--outputdir={results}", f"--dlpath={suite.directory / 'dl'}", f"--bindir={suite.bindir}", "--host=127.0.0.1",
               f"--port={postgres.port}", f"--user={USER}", "--max-connections=1"]
    command += suite.tests or [f"--schedule={suite.directory / 'suite/parallel_schedule'}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    began = time.monotonic()
    with (results / "pg_regress.log").open("w") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=results, user=postgres.user,
                       group=postgres.user, extra_groups=[] if postgres.user else None,
                       env=environment | {"PGPASSWORD": PASSWORD})
    run = Run(results, time.monotonic() - began)
    if not run.tests() or not re.search(r"^test ", (results / "pg_regress.log").read_text(errors="replace"), re.M):
        raise Failed(f"the suite did not run: {results / 'pg_regress.log'}")
    return run


def run_plain(suite: Suite, results: Path) -> Run:
    directory = Path(tempfile.mkdtemp(prefix="echodb-regression-"))
    directory.chmod(0o755)  # PostgreSQL may run as another user
    postgres = PostgresServer(suite.bindir, directory)
    try:
        postgres.create()
        postgres.start()
        postgres.create_database()
        prepare_database(postgres)
        return run_suite(suite, postgres, results)
    finally:
        postgres.discard()
        if not suite.keep:
            shutil.rmtree(directory, ignore_errors=True)

"""What a script says it needs and not every server has."""

import re
import shutil
import subprocess

from .postgres import PostgresServer
from .script import ScriptError


def _major(program: str) -> int:
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"\) (\d+)", text)[1])


def _has_pg_dump(postgres: PostgresServer) -> bool:
    found = shutil.which("pg_dump", path=postgres.environment()["PATH"])
    return found is not None and _major(found) >= _major(str(postgres.bindir / "postgres"))


def is_there(need: str, postgres: PostgresServer) -> bool:
    """REQUIRES: the server runs."""
    kind, _, what = need.partition(" ")
    if kind == "postgres":
        return _major(str(postgres.bindir / "postgres")) >= int(what)
    if kind == "extension":
        return bool(postgres.fetch("SELECT 1 FROM pg_available_extensions WHERE name = %s", (what,)))
    if need == "pg_dump":
        return _has_pg_dump(postgres)
    raise ScriptError(f"needs: postgres, extension or pg_dump; not '{need}'")

"""Runs what a page of docs/ shows: its SQL block on the source, its ClickHouse blocks and queries on the target."""

import re
from pathlib import Path

from .children import Failed
from .environment import Environment
from .postgres import Session

DOCS = Path(__file__).resolve().parents[3] / "docs"
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(r"^```clickhouse since (?P<since>[\d.]+)\n(?P<sql>.*?)^```$", re.MULTILINE | re.DOTALL)
# | type | `query` | answer | since | with the rows of an answer, of which the page shows spaces for tabs, between `;`.
# With PostgreSQL's own `query` before ClickHouse's, both give the answer; PostgreSQL's runs in ClickHouse and gives another.
ROW = re.compile(r"^\| (?P<type>[^|]*) \| (?:`(?P<source>[^`]+)` \| )?`+(?P<query>.+?)`+ \| (?P<answer>[^|]*) \|"
                 r"(?P<since>[^|]*)\|$", re.MULTILINE)
NO_ROWS = "a file"  # the answer of a query whose format is binary


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _rows(lines: list[str]) -> str:
    return "; ".join(lines).replace("\t", " ")


def _answer(environment: Environment, query: str) -> str:
    answer = environment.echodb.query(query)
    if "FORMAT Parquet" in query:
        return NO_ROWS if answer[:4] == b"PAR1" else repr(answer[:40])
    return _rows(answer.decode("utf-8", "backslashreplace").split("\n")[:-1])


def _answer_or_error(environment: Environment, query: str) -> str:
    try:
        return _answer(environment, query)
    except Failed as error:
        return str(error)


def _faults(environment: Environment, row: re.Match, session: Session) -> list[str]:
    wanted = row["answer"].strip().strip("`")
    found = {"": _answer_or_error(environment, row["query"])}
    if row["source"]:
        found["PostgreSQL: "] = _rows(session.run(row["source"]))
    faults = [f"{row['query']}\n    - {wanted}\n    + {who}{answer}" for who, answer in found.items() if answer != wanted]
    if row["source"] and _answer(environment, row["source"]) == wanted:
        faults.append(f"{row['source']}\n    is right in ClickHouse as it is")
    return faults


def check_documented(environment: Environment, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    session = environment.session("default")
    lines = session.run(BLOCK.search(text)[1])
    if any("ERROR" in line for line in lines):
        raise Failed("PostgreSQL refused:\n  " + "\n  ".join(lines))
    environment.sync()
    server = _version(environment.echodb.query("SELECT version()").decode())
    for block in FUNCTION.finditer(text):
        if server >= _version(block["since"]):
            environment.echodb.query(block["sql"])
    wrong, asked = [], 0
    for row in ROW.finditer(text):
        if row["since"].strip() and server < _version(row["since"]):
            continue
        asked += 1
        wrong += _faults(environment, row, session)
    if wrong or not asked:
        raise Failed(f"{page}: of {asked} queries these do not give what the page says:\n  " + "\n  ".join(wrong))

"""Runs what a page of docs/ shows: its SQL block on the source, its ClickHouse blocks and queries on the target."""

import re
from pathlib import Path

from .children import Failed
from .environment import Environment

DOCS = Path(__file__).resolve().parents[3] / "docs"
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(r"^```clickhouse since (?P<since>[\d.]+)\n(?P<sql>.*?)^```$", re.MULTILINE | re.DOTALL)
# | type | `query` | answer | since | with the rows of an answer, of which the page shows spaces for tabs, between `;`.
ROW = re.compile(r"^\| (?P<type>[^|]*) \| `+(?P<query>.+?)`+ \| (?P<answer>[^|]*) \|(?P<since>[^|]*)\|$", re.MULTILINE)
NO_ROWS = "a file"  # the answer of a query whose format is binary


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _answer(environment: Environment, query: str) -> str:
    answer = environment.echodb.query(query)
    if "FORMAT Parquet" in query:
        return NO_ROWS if answer[:4] == b"PAR1" else repr(answer[:40])
    return "; ".join(answer.decode("utf-8", "backslashreplace").split("\n")[:-1]).replace("\t", " ")


def check_documented(environment: Environment, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = environment.session("default").run(BLOCK.search(text)[1])
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
        try:
            found = _answer(environment, row["query"])
        except Failed as error:
            found = str(error)
        if found != row["answer"].strip().strip("`"):
            wrong.append(f"{row['query']}\n    - {row['answer']}\n    + {found}")
    if wrong or not asked:
        raise Failed(f"{page}: of {asked} queries these do not give what the page says:\n  " + "\n  ".join(wrong))

"""Reads a .test file: a title, headers, then steps. The grammar is in ../README.md."""

import re
from dataclasses import dataclass, field
from pathlib import Path

# `verb: text`, `verb(name): text`, and the verbs that stand alone.
STEP = re.compile(
    r"(?:(?P<verb>pg fails|pg|ch|worker|clickhouse|postgres|metrics|log|status|await|shell|start|verify|checker|ask|set|documented)(?:\((?P<name>\w+)\))?:"
    r"|(?P<lone>sync|setup|equal|join)(?:\((?P<lone_name>\w+)\))?(?=\s|$))(?P<rest>.*)$"
)
HEADER = re.compile(r"(?P<name>long|slow|bare|fresh|env|needs|target)(?::[ \t]*(?P<value>.*))?$")
WITH_BODY = {"pg", "pg fails", "ch", "shell", "start", "await"}
RESULT_MARK = "----"


class ScriptError(Exception):
    """The .test file itself is wrong."""


@dataclass
class Step:
    line: int
    verb: str
    name: str  # the session or background command, "" for the default one
    text: str
    expected: list[str] | None = None  # rows after ----


@dataclass
class Script:
    path: Path
    title: str = ""
    long: bool = False
    slow: bool = False
    bare: bool = False  # the script runs setup and starts the worker itself
    fresh: bool = False  # empty servers, whatever ran before
    env: dict[str, str] = field(default_factory=dict)
    target: str = ""  # "debian": Debian's clickhouse-server instead of the embedded one
    needs: list[str] = field(default_factory=list)  # what not every server has; see needs.py
    steps: list[Step] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def own_environment(self) -> bool:
        return self.bare or self.fresh or bool(self.env) or bool(self.target)


def _apply_header(script: Script, match: re.Match) -> None:
    if match["name"] == "env":
        name, _, value = (match["value"] or "").partition("=")
        script.env[name.strip()] = value.strip()
    elif match["name"] == "target":
        if match["value"] != "debian":
            raise ScriptError(f"{script.path}: target: debian; not '{match['value']}'")
        script.target = match["value"]
    elif match["name"] == "needs":
        script.needs.append((match["value"] or "").strip())
    else:
        setattr(script, match["name"], True)


class _Reader:
    def __init__(self, path: Path):
        self.path = path
        self.lines = path.read_text(encoding="utf-8").split("\n")
        self.at = 0

    def fail(self, message: str) -> ScriptError:
        return ScriptError(f"{self.path}:{self.at + 1}: {message}")

    def block(self, stop_at_result: bool) -> list[str]:
        """The lines up to a blank one, or up to the result mark."""
        taken = []
        while self.at < len(self.lines) and self.lines[self.at].strip():
            if stop_at_result and (self.lines[self.at] == RESULT_MARK or STEP.match(self.lines[self.at])):
                break
            taken.append(self.lines[self.at])
            self.at += 1
        return taken

    def step(self, match: re.Match) -> Step:
        verb, name = match["verb"] or match["lone"], match["name"] or match["lone_name"] or ""
        step = Step(self.at + 1, verb, name, match["rest"].strip())
        self.at += 1
        if step.verb in WITH_BODY:
            step.text = "\n".join([step.text, *self.block(stop_at_result=True)]).strip()
            if not step.text:
                raise self.fail(f"'{step.verb}' without a text")
        if self.at < len(self.lines) and self.lines[self.at] == RESULT_MARK:
            self.at += 1
            step.expected = self.block(stop_at_result=False)
        return step


def read_script(path: Path) -> Script:
    reader = _Reader(path)
    script = Script(path)
    while reader.at < len(reader.lines):
        line = reader.lines[reader.at]
        if not line.strip() or line.startswith("#"):
            script.title = script.title or line.lstrip("# ").strip()
            reader.at += 1
        elif not script.steps and (header := HEADER.match(line)):
            _apply_header(script, header)
            reader.at += 1
        elif step := STEP.match(line):
            script.steps.append(reader.step(step))
        else:
            raise reader.fail(f"not a step: {line}")
    if any(step.verb == "set" for step in script.steps) and not script.own_environment:
        raise ScriptError(f"{path}: 'set' wants servers of its own: say 'fresh'")
    if not script.title:
        raise ScriptError(f"{path}: the first line must say what the script shows")
    return script

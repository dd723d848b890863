"""The endpoints of `echodb checker`, and their answers as lines that a script can expect."""

import json
import re

import requests

# What differs from run to run, by its form: an answer shows that it is there and of which type.
FORMS = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<timestamp>"),
    (re.compile(r"[0-9A-F]+/[0-9A-F]+"), "<lsn>"),
]
CHANGING_NUMBERS = re.compile(r"duration_ms|.*seconds")
SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)( \d+)?')


def _steady(name: str, value):
    if isinstance(value, dict):
        return {inner: _steady(inner, one) for inner, one in value.items()}
    if isinstance(value, list):
        return sorted((_steady(name, one) for one in value), key=json.dumps)
    if isinstance(value, int) and not isinstance(value, bool) and CHANGING_NUMBERS.fullmatch(name):
        return "<integer>"
    if isinstance(value, str):
        return next((word for form, word in FORMS if form.fullmatch(value)), value)
    return value


def _json_lines(text: str) -> list[str]:
    """One line a member; of a list of objects one line each."""
    lines = []
    members = _steady("", json.loads(text))
    if isinstance(members.get("tables"), dict):
        members["list"] = members["tables"].pop("list")
    for name, value in sorted(members.items()):
        if isinstance(value, list) and value and isinstance(value[0], dict) and "table" in value[0]:
            lines += [f"{name}: {one['table']} {one['result']}" for one in value]
        else:
            lines.append(f"{name}: {json.dumps(value, sort_keys=True)}")
    return lines


def _metric_lines(text: str) -> list[str]:
    """Prometheus' text format: each sample, after a look at the lines around them."""
    lines, types = [], {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            if match is None or match[1] not in types:
                lines.append(f"no sample: {line}")
                continue
            float(match[3])
            value = "<number>" if CHANGING_NUMBERS.fullmatch(match[1]) else match[3]
            lines.append(f"{types[match[1]]} {match[1]}{match[2] or ''} {value}")
    return lines


def ask(port: int, request: str, http: requests.Session) -> list[str]:
    """`GET /path`, maybe followed by `as text`: the status and the lines of the answer."""
    method, path, *form = request.split()
    accept = "text/plain" if form == ["as", "text"] else "application/json"
    answer = http.request(method, f"http://127.0.0.1:{port}{path}", headers={"Accept": accept}, timeout=120)
    kind = answer.headers["Content-Type"].split(";")[0]
    lines = _json_lines(answer.text) if kind == "application/json" else _metric_lines(answer.text)
    allowed = [f"allow: {answer.headers['Allow']}"] if "Allow" in answer.headers else []
    return [f"{answer.status_code} {kind}", *allowed, *lines]

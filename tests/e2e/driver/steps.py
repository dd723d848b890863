"""What each verb of a script does."""

import json
import operator
import re
import signal
import subprocess

from .children import Failed, until
from .checker import ask
from .compare import check_equal
from .documented import check_documented
from .environment import Environment
from .script import ScriptError, Step

AWAIT_SECONDS = 60
SHELL_SECONDS = 600
METRIC = re.compile(r"(?P<path>[\w.]+)\s*(?P<sign>!=|<=|>=|=|<|>)\s*(?P<value>.+)$")
TEXT = re.compile(r'(?P<verb>contains|lacks)\s+"(?P<text>.*)"$')
SIGNS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
PSQL_ERROR = re.compile(r"^(ERROR|FATAL|PANIC):|^psql: error|server closed the connection")


def _compare(what: str, expected: list[str] | None, found: list[str]) -> None:
    if expected is not None and found != expected:
        wanted = "".join(f"  - {line}\n" for line in expected)
        got = "".join(f"  + {line}\n" for line in found)
        raise Failed(f"{what}: expected (-) and found (+):\n{wanted}{got}".rstrip())


def _check_text(what: str, text: str, condition: str) -> None:
    if not (match := TEXT.match(condition)):
        raise ScriptError(f'contains "…" or lacks "…"; not {condition}')
    if (match["text"] in text) != (match["verb"] == "contains"):
        raise Failed(f"{what}: not so: {condition}")


def _metric(environment: Environment, text: str) -> tuple[bool, str]:
    """Whether the condition holds, and what the metric is now."""
    if not (match := METRIC.match(text)):
        raise ScriptError(f"not a condition on a metric: {text}")
    value = environment.metrics()
    for part in match["path"].split("."):
        if not isinstance(value, dict) or part not in value:
            raise Failed(f"/metrics has no {match['path']}")
        value = value[part]
    return SIGNS[match["sign"]](value, json.loads(match["value"])), f"{match['path']} is {json.dumps(value)}"


class Steps:
    """The state of one script while it runs: its background commands, and where the worker's log stood."""

    def __init__(self, environment: Environment):
        self.environment = environment
        self.echodb = environment.echodb
        self.background: dict[str, subprocess.Popen] = {}
        log = self.echodb.worker_log
        self.log_start = log.stat().st_size if log.exists() else 0

    def run(self, step: Step) -> None:
        getattr(self, "do_" + step.verb.replace(" ", "_"))(step)

    def do_pg(self, step: Step) -> None:
        lines = self.environment.session(step.name or "default").run(step.text)
        if any(PSQL_ERROR.search(line) for line in lines):
            raise Failed("PostgreSQL refused:\n  " + "\n  ".join(lines))
        _compare("PostgreSQL", step.expected, lines)

    def do_pg_fails(self, step: Step) -> None:
        lines = self.environment.session(step.name or "default").run(step.text)
        if not any(PSQL_ERROR.search(line) for line in lines):
            raise Failed("PostgreSQL accepted what it should refuse")

    def do_ch(self, step: Step) -> None:
        _compare("ClickHouse", step.expected, self._ask_clickhouse(step.text))

    def _ask_clickhouse(self, sql: str) -> list[str]:
        return self.echodb.query(sql).decode("utf-8", "backslashreplace").split("\n")[:-1]

    def do_sync(self, _step: Step) -> None:
        self.environment.sync()

    def do_equal(self, step: Step) -> None:
        source, _, target = (part.strip() for part in step.text.partition("->"))
        check_equal(self.echodb, source, target or source.rpartition(".")[2].strip('"'))

    def do_setup(self, _step: Step) -> None:
        self.echodb.setup()

    def do_set(self, step: Step) -> None:
        """For what is started from here on; without a value the setting is as if it had never been there."""
        name, _, value = (part.strip() for part in step.text.partition("="))
        if value:
            self.echodb.env[name] = value
        else:
            self.echodb.env.pop(name, None)

    def do_documented(self, step: Step) -> None:
        check_documented(self.environment, step.text)

    def do_worker(self, step: Step) -> None:
        echodb, worker = self.echodb, self.echodb.worker
        if step.text in ("stop", "restart"):
            echodb.stop(worker)
        elif step.text in ("kill", "kill and start"):
            worker.end(signal.SIGKILL)
        elif step.text == "launch":
            echodb.start_worker("/health")
        elif step.text != "start":
            raise ScriptError(f"worker: start, launch, stop, restart, kill, kill and start; not '{step.text}'")
        if step.text in ("start", "restart", "kill and start"):
            echodb.start_worker()

    def do_clickhouse(self, step: Step) -> None:
        if step.text in ("stop", "restart"):
            self.echodb.stop(self.echodb.clickhouse)
        elif step.text in ("kill", "kill and start"):
            self.echodb.clickhouse.end(signal.SIGKILL)
        elif step.text != "start":
            raise ScriptError(f"clickhouse: start, stop, restart, kill, kill and start; not '{step.text}'")
        if step.text in ("start", "restart", "kill and start"):
            self.echodb.start_clickhouse()

    def do_postgres(self, step: Step) -> None:
        self.environment.close_sessions()
        if step.text == "restart":
            self.environment.postgres.restart()
        elif step.text == "crash":
            self.environment.postgres.crash()
        elif step.text == "backup":
            self.environment.postgres.backup()
        elif step.text == "restore":
            self.environment.postgres.restore()
        elif step.text == "standby":
            self.environment.postgres.make_standby()
        elif step.text == "await synced slot":
            self.environment.postgres.await_synced_slot()
        elif step.text == "cut standby off":
            self.environment.postgres.cut_standby_off()
        elif step.text == "promote":
            self.environment.postgres.promote()
        else:
            raise ScriptError(f"postgres: there is no '{step.text}'")

    def do_metrics(self, step: Step) -> None:
        holds, now = _metric(self.environment, step.text)
        if not holds:
            raise Failed(f"not so: {step.text}; {now}")

    def do_log(self, step: Step) -> None:
        with open(self.echodb.worker_log, "rb") as log:
            log.seek(self.log_start)
            _check_text("the worker's log", log.read().decode("utf-8", "replace"), step.text)

    def do_status(self, step: Step) -> None:
        _check_text("echodb status", self.echodb.status(), step.text)

    def do_verify(self, step: Step) -> None:
        """The result, what was repaired, and each mismatch: its kind, key and columns."""
        lines = []
        for report in self.echodb.verify(step.text.split()):
            lines.append(report["result"])
            lines += [f"repair: {words}" for words in report.get("repairs", [])]
            lines += sorted(f"{one['kind']} {json.dumps(one['key'])} {','.join(one['columns'])}".rstrip()
                            for one in report["mismatches"])
        _compare("echodb verify", step.expected or ["equal"], lines)

    def do_checker(self, step: Step) -> None:
        if step.text == "start":
            self.echodb.start_checker()
        elif step.text == "stop":
            self.echodb.stop(self.echodb.checker)
        else:
            raise ScriptError(f"checker: start, stop; not '{step.text}'")

    def do_ask(self, step: Step) -> None:
        _compare("echodb checker", step.expected, ask(self.echodb.checker_port, step.text, self.echodb.http))

    def do_await(self, step: Step) -> None:
        verb, _, text = step.text.partition(" ")

        def holds() -> bool:
            if verb == "metrics":
                return _metric(self.environment, text)[0]
            try:
                if verb == "ch":
                    return self._ask_clickhouse(text) == step.expected
                return [str(row[0]) for row in self.environment.postgres.fetch(text)] == step.expected
            except Failed:  # the table may not be there yet
                return False

        if verb not in ("metrics", "ch", "pg"):
            raise ScriptError(f"await: metrics, ch or pg; not '{verb}'")
        until(AWAIT_SECONDS, f"await {step.text}", holds, self.environment.postgres.child.check_alive)

    def do_shell(self, step: Step) -> None:
        answer = subprocess.run(["bash", "-euo", "pipefail", "-c", step.text], env=self.environment.shell_environment(),
                                cwd=self.environment.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=SHELL_SECONDS, text=True)
        if answer.returncode != 0:
            raise Failed(f"the command ended with {answer.returncode}:\n{answer.stdout}")
        _compare("the command", step.expected, answer.stdout.splitlines())

    def do_start(self, step: Step) -> None:
        if not step.name or step.name in self.background:
            raise ScriptError("start needs a name of its own: start(load): command")
        with open(self.environment.directory / f"{step.name}.log", "wb") as log:
            self.background[step.name] = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", step.text], env=self.environment.shell_environment(),
                cwd=self.environment.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def do_join(self, step: Step) -> None:
        if step.name not in self.background:
            raise ScriptError(f"join({step.name}) without its start")
        status = self.background.pop(step.name).wait(SHELL_SECONDS)
        if status != 0:
            log = (self.environment.directory / f"{step.name}.log").read_text()
            raise Failed(f"the command '{step.name}' ended with {status}:\n{log}")

    def close(self) -> None:
        for command in self.background.values():
            command.kill()
            command.wait()

"""Beginnings and ends of transactions, savepoints, and transactions that outlive their session."""

from random import Random

from .model import Model, Transaction
from .statement import Statement


def _begin(rng: Random, model: Model, session: int, without: set[str]) -> Statement:
    level = rng.choices(["", "REPEATABLE READ", "SERIALIZABLE"], weights=[80, 12, 8])[0]
    sql = f"BEGIN ISOLATION LEVEL {level}" if level and level.lower().replace(" ", "_") not in without else "BEGIN"

    def effect() -> None:
        model.open[session] = Transaction(session)

    return Statement("begin", sql, session, effect=effect)


def end(model: Model, session: int, word: str) -> Statement:
    """COMMIT or ROLLBACK. The COMMIT of a failed transaction is a ROLLBACK."""
    transaction = model.open[session]
    undone = word == "ROLLBACK" or transaction.failed

    def effect() -> None:
        model.open[session] = None
        if undone:
            model.undo(transaction)

    return Statement(word.lower(), word, session, effect=effect)


def _prepare(model: Model, session: int) -> Statement:
    """The transaction goes on without its session; when it cannot be prepared it is rolled back."""
    name = f"prepared{model.number()}"
    transaction = model.open[session]

    def effect() -> None:
        model.open[session] = None
        model.prepared[name] = transaction

    return Statement("prepare", f"PREPARE TRANSACTION '{name}'", session, effect=effect)


def end_prepared(model: Model, session: int, name: str, word: str) -> Statement:
    def effect() -> None:
        transaction = model.prepared.pop(name)
        if word == "ROLLBACK":
            model.undo(transaction)

    return Statement(f"{word.lower()}_prepared", f"{word} PREPARED '{name}'", session, effect=effect)


def _savepoint(model: Model, session: int) -> Statement:
    name = f"sp{model.number()}"
    return Statement("savepoint", f"SAVEPOINT {name}", session, effect=lambda: model.savepoint(session, name))


def _rollback_to(rng: Random, model: Model, session: int) -> Statement:
    name = rng.choice(model.open[session].savepoints)
    return Statement("rollback_to", f"ROLLBACK TO {name}", session, effect=lambda: model.rollback_to(session, name))


def _release(rng: Random, model: Model, session: int) -> Statement:
    name = rng.choice(model.open[session].savepoints)
    return Statement("release", f"RELEASE {name}", session, effect=lambda: model.release(session, name))


def after_failure(rng: Random, model: Model, session: int) -> Statement:
    if model.open[session].savepoints and rng.random() < 0.7:
        return _rollback_to(rng, model, session)
    return end(model, session, rng.choice(["ROLLBACK", "COMMIT"]))


def random_control(rng: Random, model: Model, session: int, without: set[str]) -> Statement | None:
    transaction = model.open[session]
    if transaction is None:
        if model.prepared and rng.random() < 0.4:
            word = rng.choice(["COMMIT", "COMMIT", "ROLLBACK"])
            return end_prepared(model, session, rng.choice(sorted(model.prepared)), word)
        return _begin(rng, model, session, without)
    choice = rng.random()
    if choice < 0.4:
        return _savepoint(model, session)
    if choice < 0.65:
        if not transaction.savepoints:
            return None
        return (_rollback_to if rng.random() < 0.6 else _release)(rng, model, session)
    if choice < 0.75 and "prepare" not in without:
        return _prepare(model, session)
    return end(model, session, rng.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))

"""Chooses one statement after the other. The same seed and the same outcomes give the same statements."""

from random import Random

from . import ddl, rows, tables, transactions, type_changes
from .model import SESSIONS, Family, Model
from .statement import Statement

FAMILIES_WANTED = 4
FAMILIES_MAX = 9
TRIES = 200


class Generator:
    def __init__(self, seed: int, without: set[str]):
        self.rng = Random(seed)
        self.without = without
        self.model = Model()
        self.empty: list[int] = []  # families whose tables are to get their first rows

    def statement(self) -> Statement:
        """A statement that no other session's transaction holds up."""
        for _ in range(TRIES):
            session = self.rng.randrange(SESSIONS)
            statement = self._attempt(session)
            if statement is None or statement.kind in self.without:
                continue
            if statement.alone and self.model.open[session] is not None:
                continue
            if all(self.model.may_write(session, family) for family in statement.reads) and all(
                    self.model.may_change(session, family) for family in statement.changes):
                return statement
        return self._finish_one()

    def _attempt(self, session: int) -> Statement | None:
        rng, model = self.rng, self.model
        transaction = model.open[session]
        if transaction is not None and transaction.failed:
            return transactions.after_failure(rng, model, session)
        if self.empty and rng.random() < 0.7:
            return self._fill(session, self.empty.pop())
        choice = rng.random()
        if choice < 0.2:
            return transactions.random_control(rng, model, session, self.without)
        if choice < 0.22:
            return type_changes.change_type(rng, model, session)
        few = len(model.families) < FAMILIES_WANTED
        if len(model.families) < FAMILIES_MAX and choice < (0.5 if few else 0.23):
            make = rng.choices(list(tables.CREATIONS), weights=list(tables.CREATIONS.values()))[0]
            if make.__name__ in self.without:
                return None
            statement = make(rng, model)
            statement.session = session
            return statement
        family = self._family()
        if family is None:
            return None
        changes = ddl.random_change if choice < 0.42 else rows.random_statement
        return changes(rng, model, session, family, self.without)

    def _fill(self, session: int, number: int) -> Statement | None:
        if number not in self.model.families or not self.model.families[number].tables:
            return None
        family = self.model.families[number]
        table = self.rng.choice(family.tables)
        return Statement("insert", rows.insert(self.rng, self.model, session, family, table), session, reads=[number])

    def _family(self) -> Family | None:
        filled = [family for family in self.model.families.values() if family.tables]
        return self.rng.choice(filled) if filled else None

    def _finish_one(self) -> Statement:
        """Every statement would have to wait, so someone ends."""
        for session, transaction in enumerate(self.model.open):
            if transaction is not None:
                return transactions.end(self.model, session, "COMMIT")
        name = sorted(self.model.prepared)[0]
        return transactions.end_prepared(self.model, 0, name, "COMMIT")

    def finish_all(self):
        """Ends of everything that is open, one by one."""
        while any(self.model.open) or self.model.prepared:
            yield self._finish_one()

    def done(self, statement: Statement, succeeded: bool, in_transaction: bool) -> None:
        """What became of the statement."""
        model, session = self.model, statement.session
        for family in statement.reads:
            model.touch(session, family, changes=False)
        for family in statement.changes:
            model.touch(session, family, changes=True)
        if succeeded:
            statement.effect()
            if statement.kind.startswith("create_"):
                self.empty += [number for number in statement.changes for _ in range(5)]
            return
        transaction = model.open[session]
        if transaction is None:
            return
        transaction.failed = True
        if not in_transaction:  # a PREPARE or COMMIT that was refused
            model.undo(transaction)
            model.open[session] = None

    def sessions_lost(self) -> None:
        self.model.sessions_lost()

"""What the generator knows of the tables, and who may touch them now.

A *family* is what statements lock together: a table with its partitions, heirs and referencing tables. At any time it
is touched by transactions that only read and write rows, or by one alone that changes its schema; so no statement of
one session ever waits for another session. Rows are kept apart by their column `owner`, the number of the session.
"""

import copy
from dataclasses import dataclass, field

SCHEMAS = ("public", "sales")  # watched
OUTSIDE = "other"  # not watched
SESSIONS = 3


@dataclass
class Column:
    name: str
    type: str
    not_null: bool = False
    wide: bool = False
    written: bool = True  # a statement may give it a value
    volatile: bool = False  # its values differ from run to run
    unchangeable: bool = False  # part of the key, of the partitioning or `owner`


@dataclass
class Table:
    name: str
    schema: str
    columns: list[Column]
    key: list[str] = field(default_factory=list)  # of the primary key, in its order
    key_constraint: str | None = None
    # plain, partitioned, partition, leaf (below a partition), detached, parent, heir, referenced or referencing
    shape: str = "plain"
    bounds: str = ""  # of a partition, or those that a detached one had
    key_is_deferrable: bool = False

    @property
    def sql(self) -> str:
        return f'{self.schema}."{self.name}"'

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def others(self) -> list[Column]:
        """What an ALTER TABLE or an UPDATE may change freely."""
        return [column for column in self.columns if not column.unchangeable]

    def order(self, alias: str) -> str:
        """Orders rows the same way in every run; rows that it does not tell apart are equal."""
        names = [f'{alias}."{column.name}"' for column in self.columns if not column.volatile]
        return f'ROW({", ".join(names)})::text COLLATE "C"'


@dataclass
class Family:
    number: int
    tables: list[Table]

    def of_shape(self, *shapes: str) -> list[Table]:
        return [table for table in self.tables if table.shape in shapes]


@dataclass
class Transaction:
    """An open or prepared transaction: what it has touched, and what to restore when it is undone."""

    session: int
    touched: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    savepoints: list[str] = field(default_factory=list)
    failed: bool = False
    saved: list[dict[int, Family | None]] = field(default_factory=lambda: [{}])  # one for each level


class Model:
    def __init__(self) -> None:
        self.families: dict[int, Family] = {}
        self.open: list[Transaction | None] = [None] * SESSIONS
        self.prepared: dict[str, Transaction] = {}
        self.names: dict[tuple[str, str], int] = {}  # schema and name → the only family that may ever use it
        self.counter = 0

    def number(self) -> int:
        """Never the same twice, not even when what it was for is undone."""
        self.counter += 1
        return self.counter

    def _transactions(self) -> list[Transaction]:
        return [one for one in [*self.open, *self.prepared.values()] if one is not None]

    def may_write(self, session: int, family: int) -> bool:
        mine = self.open[session]
        for one in self.prepared.values():  # its rows are the session's too
            if one.session == session and family in one.touched:
                return False
        return all(one is mine or family not in one.changed for one in self._transactions())

    def may_change(self, session: int, family: int) -> bool:
        mine = self.open[session]
        return all(one is mine or family not in one.touched | one.changed for one in self._transactions())

    def touch(self, session: int, family: int, changes: bool) -> None:
        if (transaction := self.open[session]) is None:
            return
        if not changes:
            transaction.touched.add(family)
            return
        transaction.changed.add(family)
        transaction.saved[-1].setdefault(family, copy.deepcopy(self.families.get(family)))

    def _restore(self, saved: dict[int, Family | None]) -> None:
        for number, family in saved.items():
            if family is None:
                self.families.pop(number, None)
            else:
                self.families[number] = family

    def savepoint(self, session: int, name: str) -> None:
        transaction = self.open[session]
        transaction.savepoints.append(name)
        transaction.saved.append({})

    def rollback_to(self, session: int, name: str) -> None:
        transaction = self.open[session]
        level = transaction.savepoints.index(name)
        while len(transaction.savepoints) > level:
            self._restore(transaction.saved.pop())
            transaction.savepoints.pop()
        self.savepoint(session, name)
        transaction.failed = False

    def release(self, session: int, name: str) -> None:
        transaction = self.open[session]
        while name in transaction.savepoints:
            transaction.savepoints.pop()
            inner = transaction.saved.pop()
            transaction.saved[-1] = inner | transaction.saved[-1]

    def undo(self, transaction: Transaction) -> None:
        for saved in reversed(transaction.saved):
            self._restore(saved)

    def sessions_lost(self) -> None:
        """The server has forgotten every transaction but the prepared ones."""
        for session, transaction in enumerate(self.open):
            if transaction is not None:
                self.undo(transaction)
            self.open[session] = None

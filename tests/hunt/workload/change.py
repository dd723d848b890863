"""A statement that changes a table, in the making."""

from random import Random

from .model import Column, Family, Model, Table
from .statement import Statement


class Change:
    """A statement in the making."""

    def __init__(self, rng: Random, model: Model, session: int, family: Family, table: Table):
        self.rng, self.model, self.session, self.family, self.table = rng, model, session, family, table

    def statement(self, sql: str, effect=lambda: None, **more) -> Statement:
        return Statement("", sql, self.session, changes=[self.family.number], effect=effect, **more)

    def alter(self, action: str, effect=lambda: None) -> Statement:
        return self.statement(f"ALTER TABLE {self.table.sql} {action}", effect)

    def with_heirs(self) -> list[Table]:
        heirs = self.family.of_shape("heir") if self.table.shape == "parent" else []
        return [self.table, *heirs]

    def pick(self, wanted=lambda column: True) -> Column | None:
        choices = [column for column in self.table.others if wanted(column)]
        return self.rng.choice(choices) if choices else None

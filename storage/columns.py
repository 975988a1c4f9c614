"""What all tables are made of: the row they share, and kinds of columns that come again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Index, Table, Text, text
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel


class TableRow(SQLModel):
    """What all tables share. Rows are read and written as values: the validators, an eighth of the time every verb
    of the command line takes to start, are only built if somebody asks for them."""

    model_config = {"defer_build": True}

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return cls.__name__.removesuffix("Row").lower()


def text_column() -> Any:
    return Field(default="", sa_column=Column(Text, nullable=False, server_default=""))


def json_column() -> Any:
    return Field(default_factory=list, sa_column=Column(JSON, nullable=False))


def reference(target: str, *, optional: bool = False, index: bool = True) -> Any:
    return Field(default=None, sa_column=Column(ForeignKey(target), nullable=optional, index=index))


def index_of_some(name: str, where: str, *columns: str) -> Index:
    """An index over the few rows that still wait; settled rows are never searched by state."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


NEVER_AGAIN = {"sqlite_autoincrement": True}
"""A number once given out is never given to another row, even when the newest row was erased."""


def table_of(model: Any) -> Table:
    """The SQLAlchemy table of a model: the hot path speaks to it directly, which halves its cost."""
    found: Table = model.__table__
    return found

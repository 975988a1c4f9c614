"""The tables of the board, beside those of `tables`: what is remembered of cards, and who keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Text
from sqlmodel import Field

from storage.columns import TableRow, table_of


class CardRow(TableRow, table=True):
    """A version of a ticket's card: what it told, for the answer to it. The card itself lies in the account."""

    message_id: str = Field(primary_key=True)
    ticket: int = Field(sa_column=Column(ForeignKey("ticket.number"), nullable=False, index=True))
    version: str
    entry_id: int = 0
    """The entry it is about; 0 without."""
    news: int = 0
    """Id of the newest mail nobody had answered; 0 without."""
    view: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """As `outbox.view`."""
    written_at: datetime


class BoardRow(TableRow, table=True):
    """One row: which daemon keeps the board, until when, and the folders it made."""

    name: str = Field(primary_key=True)
    holder: str = ""
    until: datetime
    folders: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Place → whole name."""
    rebuild: bool = False
    """The operator wants every card written anew."""
    looked_at: datetime | None = None
    said: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    """What the newest look found, or why it failed."""


CARD = table_of(CardRow)
BOARD = table_of(BoardRow)

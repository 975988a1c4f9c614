"""The table of people's further addresses, beside those of `tables`."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from storage.columns import TableRow, json_column, reference, table_of


class SecondAddressRow(TableRow, table=True):
    """A further address of a contact: what comes from there is theirs, and nothing is sent to it."""

    key: str = Field(primary_key=True)
    address: str
    contact_id: int = reference("contact.id")
    by: str = ""
    """Agent's address; empty: the operator."""
    at: datetime
    tickets: list[int] = json_column()
    """Opened from there: they go with it when the two are parted."""


SECOND_ADDRESS = table_of(SecondAddressRow)

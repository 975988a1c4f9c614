"""Looking for a text without regard to case, alike on both databases.

SQLite's `lower` is ours (see `database`); PostgreSQL's knows letters but not that ß is written SS in capitals.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """The column holds `text`, upper or lower case, ß or ss."""
    wanted = text.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found: ColumnElement[bool] = func.replace(func.lower(column), "ß", "ss").like(f"%{wanted}%", escape="\\")
    return found

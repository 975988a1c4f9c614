"""What each connection to PostgreSQL is told, whether the server answers itself or a pooler stands in front of it.

pgbouncer in transaction mode gives each transaction another connection to the server: what a session remembers
(prepared statements, settings) is gone with the next one, and belongs to somebody else. A pooler is known by the number
of the server's process: it tells one of its own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

STALLED_SECONDS = 60
"""A transaction in which nothing happens for so long is ended by the server, and its locks are given away: a daemon
that stands still in the middle of its work must not keep the others from theirs."""
_POOLED = "pooled"
_CURSOR = "cursor"


def listen(engine: Engine) -> None:
    """Set up every connection of an engine, and, through a pooler, every transaction."""
    limit = f"idle_in_transaction_session_timeout = '{STALLED_SECONDS}s'"

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        (process,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        record.info[_POOLED] = process != connection.info.backend_pid
        if record.info[_POOLED]:
            connection.prepare_threshold = None
        else:
            connection.execute(f"SET {limit}")
        connection.commit()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.info.get(_POOLED):
            connection.exec_driver_sql(f"SET LOCAL {limit}")

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: object, record: Any) -> None:
        # It keeps what it read last, which may be a large mail.
        record.info.pop(_CURSOR, None)


def cursor(connection: Connection) -> Any:
    """The driver's cursor for all statements that are read to their end at once: each new one takes a third of a
    statement's time. It lasts as long as the connection is out of its pool."""
    found = connection.info.get(_CURSOR)
    if found is None:
        driver: Any = connection.connection.dbapi_connection
        found = connection.info[_CURSOR] = driver.cursor()
    return found

"""Alembic's entry: run the revisions on the connection `migrate` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from storage import address_tables, board_tables, search_index  # noqa: F401 - they add their tables to the others
from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()

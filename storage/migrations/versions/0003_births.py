"""Tickets and probes get a birth, which marks name beside the number.

Marks of the number alone were given out for the tickets that are here: they go on leading to them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.births import new_birth

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BATCH = 5_000
_TICKET = sa.table("ticket", sa.column("number"), sa.column("birth"), sa.column("old_marks", sa.Boolean()))


def upgrade() -> None:
    op.add_column("probe", sa.Column("birth", sa.Text(), server_default="", nullable=False))
    op.add_column("ticket", sa.Column("birth", sa.Text(), server_default="", nullable=False))
    op.add_column("ticket", sa.Column("old_marks", sa.Boolean(), server_default=sa.false(), nullable=False))
    connection = op.get_bind()
    here = _TICKET.c.number == sa.bindparam("which")
    give = sa.update(_TICKET).where(here).values(birth=sa.bindparam("given"), old_marks=True)
    last = 0
    while True:
        after = sa.select(_TICKET.c.number).where(_TICKET.c.number > last).order_by(_TICKET.c.number).limit(_BATCH)
        numbers = list(connection.execute(after).scalars())
        if not numbers:
            break
        connection.execute(give, [{"which": number, "given": new_birth()} for number in numbers])
        last = numbers[-1]

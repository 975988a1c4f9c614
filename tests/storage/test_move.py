"""A desk moves from SQLite to PostgreSQL and back: everything, whole, and no number is ever given again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from gateway.core.token import address_token
from gateway.errors import ReplydeskError, StorageUnusable
from storage import migrate, move
from storage.audit import audit
from storage.database import Database
from storage.tables import JOB, RATING, TICKET, metadata
from tests.conftest import NOW, Clock, named
from tests.room import ANNA, ERIKA, KARL, Room, room


@pytest.fixture(params=["to postgresql", "to sqlite"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """The database in use, and an empty one of the other kind."""
    urls = [request.getfixturevalue("sqlite_url"), request.getfixturevalue("postgresql_url")]
    source, target = urls if request.param == "to postgresql" else reversed(urls)
    databases = Database(source, tmp_path), Database(target, tmp_path)
    yield databases
    for database in databases:
        database.close_now()


async def filled(source: Database, clock: Clock, folder: Path) -> Room:
    """Tickets, one of them merged into a later one, answers, a file; the newest ticket is gone."""
    desk = room(source, clock, folder)
    for n in range(3):
        await desk.mail(ERIKA, f"It burns {n}.", files=((f"{n}.txt", "text/plain", b"x" * 5_000),))
    await desk.mail(KARL, "Größe: 5 €\n" + "y" * 50_000)
    await desk.answer(1, "Is it plugged in?")
    await desk.answer(2, "#merge 3")
    await desk.answer(4, "#note\nHe is right.")

    def come_and_go(tx: Any) -> None:
        values = dict(tx.connection.execute(select(TICKET).where(TICKET.c.number == 4)).mappings().one())
        gone = tx.connection.execute(
            insert(TICKET).values({k: v for k, v in values.items() if k != "number"}).returning(TICKET.c.number)
        )
        assert gone.scalar_one() == 5
        tx.connection.execute(delete(TICKET).where(TICKET.c.number == 5))

    await source.write(come_and_go)
    return desk


def rows(database: Database) -> dict[str, list[Any]]:
    """Everything, table by table, in the order of the keys."""

    def read(tx: Any) -> dict[str, list[Any]]:
        return {
            t.name: [tuple(r) for r in tx.connection.execute(select(t).order_by(*t.primary_key.columns))]
            for t in metadata.sorted_tables
        }

    return database.read_now(read)


def quiet(_table: str, _done: int, _total: int) -> None:
    pass


async def test_everything_moves_and_goes_on(
    both: tuple[Database, Database], clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row is equal, marks of before lead to their tickets, and the next number is above every one ever given."""
    source, target = both
    monkeypatch.setattr(move, "BATCH_ROWS", 3)
    monkeypatch.setattr(move, "BATCH_BYTES", 2_000)
    desk = await filled(source, clock, tmp_path)
    mark = address_token(desk.desk.policy.keys, "t", named(source, 2))
    move.move(source, target, quiet, clock.now)
    assert rows(target) == rows(source)
    assert target.read_now(audit).broken == ()
    assert migrate.revision(target) == migrate.HEAD
    moved = room(target, clock, tmp_path)
    answer = await moved.mail(ERIKA, "Still burning.", to=f"support+{mark}@example.com")
    assert (answer.reason, answer.ticket) == ("reply", 3)
    assert (await moved.mail(KARL, "Another.", subject="New")).ticket == 6
    assert (await moved.answer(1, "Is it now?", agent=ANNA)).reason == "agent-answer"


async def test_killed_in_the_middle_it_goes_on(both: tuple[Database, Database], clock: Clock, tmp_path: Path) -> None:
    """No daemon starts on the half; the second go copies only what is missing."""
    source, target = both
    await filled(source, clock, tmp_path)

    class Killed(BaseException):
        pass

    def killed(table: str, done: int, _total: int) -> None:
        if table == "entry" and done:
            raise Killed

    with pytest.raises(Killed):
        move.move(source, target, killed, clock.now)
    with pytest.raises(StorageUnusable, match="was not finished"):
        migrate.migrate(target)
    heard: dict[str, int] = {}
    move.move(source, target, lambda table, done, _: heard.setdefault(table, done) and None, clock.now)
    assert heard["ticket"] == 4
    assert rows(target) == rows(source)
    assert migrate.revision(target) == migrate.HEAD


async def test_killed_where_the_databases_sort_names_otherwise(
    both: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on behind what is there, whatever stands last in whose alphabet."""
    source, target = both
    migrate.migrate(source)
    migrate.migrate(target)
    sqlite = next(database for database in both if database.is_sqlite)
    with sqlite.engine.begin() as connection:
        # As people sort, and as PostgreSQL does where it was installed with a language.
        sorts = 'CREATE TABLE block (sender TEXT COLLATE NOCASE PRIMARY KEY, "by" TEXT NOT NULL, at DATETIME NOT NULL)'
        connection.execute(text("DROP TABLE block"))
        connection.execute(text(sorts))
    for name in ("anna", "Bob", "clara", "Zoe"):
        source.write_now(lambda tx, name=name: tx.blocks.add(name, "", NOW))  # type: ignore[misc]
    monkeypatch.setattr(move, "BATCH_ROWS", 1)

    def stop(after: int) -> move.Progress:
        def told(table: str, done: int, _total: int) -> None:
            if table == "block" and done == after:
                raise KeyboardInterrupt

        return told

    for after in (1, 2, 3):
        with pytest.raises(KeyboardInterrupt):
            move.move(source, target, stop(after), NOW)
    move.move(source, target, quiet, NOW)
    assert {b.sender for b in target.read_now(lambda tx: tx.blocks.all())} == {
        b.sender for b in source.read_now(lambda tx: tx.blocks.all())
    }


async def test_what_was_changed_in_between_is_copied_anew(
    both: tuple[Database, Database], clock: Clock, tmp_path: Path
) -> None:
    """A daemon ran again on the former database: what had been copied is stale."""
    source, target = both
    desk = await filled(source, clock, tmp_path)

    def stop(table: str, _done: int, _total: int) -> None:
        if table == "outbox":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move.move(source, target, stop, clock.now)
    await desk.answer(1, "#close")
    move.move(source, target, quiet, clock.now)
    assert rows(target) == rows(source)


@pytest.mark.parametrize("what", ["draft", "language", "rating"])
async def test_a_verb_of_the_shell_in_between_is_not_lost(
    both: tuple[Database, Database], clock: Clock, tmp_path: Path, what: str
) -> None:
    """It changed a row that was copied, and made none."""
    source, target = both
    desk = await filled(source, clock, tmp_path)
    await desk.mail(ANNA, f"#to {KARL}\n\nYour lamp is ready.", subject="Lamp")
    await source.write(lambda tx: tx.ratings.ask(1, "faces", clock.now))

    def stop(table: str, done: int, total: int) -> None:
        if table == "messageid":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move.move(source, target, stop, clock.now)

    def change(tx: Any) -> None:
        if what == "draft":
            tx.drafts.end(tx.drafts.waiting(clock.now)[0].id, "dropped", clock.now)
        elif what == "language":
            tx.contacts.set_language(tx.contacts.get(KARL).id, "de")
        else:
            tx.connection.execute(update(RATING).values(value=1))

    await source.write(change)
    move.move(source, target, quiet, clock.now)
    assert rows(target) == rows(source)


async def test_a_database_that_holds_something_is_left_alone(
    both: tuple[Database, Database], clock: Clock, tmp_path: Path
) -> None:
    """One row is enough."""
    source, target = both
    target.write_now(lambda tx: tx.connection.execute(JOB.insert().values(name="x", due_at=NOW, outcome="")))
    with pytest.raises(ReplydeskError, match="not empty"):
        move.move(source, target, quiet, clock.now)
    assert migrate.revision(target) == migrate.HEAD


async def test_a_desk_that_sends_is_not_moved(both: tuple[Database, Database], clock: Clock, tmp_path: Path) -> None:
    """Another machine's daemon shares the database and holds mails in hand."""
    source, target = both
    await filled(source, clock, tmp_path)
    now = clock.forward(minutes=5)
    source.write_now(lambda tx: tx.claims.take("other", 10, 60, now))
    with pytest.raises(ReplydeskError, match="is sending"):
        move.move(source, target, quiet, now)
    move.move(source, target, quiet, now + timedelta(minutes=5))

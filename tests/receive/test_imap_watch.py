"""A folder is watched for as long as the daemon lives, through everything a server does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config.secret_files import Password
from gateway.core import backoff as backoff_module
from gateway.core.policy import Policy
from gateway.receive.imap import watch as watch_module
from gateway.receive.imap.account import After, Backlog
from gateway.receive.imap.watch import Watch
from storage.database import Database
from tests.conftest import Clock
from tests.receive.imap_house import LARGEST, SOURCE, House, account, errand, mail, until
from tests.receive.imap_server import PASSWORD, Box, Server


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path, policy: Policy, clock: Clock) -> AsyncIterator[House]:
    database = Database(sqlite_url, tmp_path)
    yield House(database, policy, clock)
    await database.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server().running() as running:
        yield running


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays are some milliseconds; that they grow is a test of its own."""
    monkeypatch.setattr(watch_module, "AFTER_REFUSAL_SECONDS", 0.01)
    monkeypatch.setattr(backoff_module.Backoff, "failed", lambda self, at_least=0.0: 0.01)


async def test_new_mail_is_taken_while_idling(house: House, server: Server) -> None:
    """The server tells, nobody has to ask."""
    async with house.watching(house.watch(server, errand(), poll_seconds=3600)):
        await until(lambda: "IDLE" in server.said)
        server.deliver(mail(1))
        await until(lambda: len(server.boxes.get("Done", server.inbox).mails) == 1 and not server.inbox.mails)
    assert await house.tickets() == 1


async def test_mail_told_of_while_we_move_another_is_taken_at_once(house: House, server: Server) -> None:
    """The server tells once, in answer to any command; IDLE would wait for minutes."""
    server.boxes["Done"] = Box()
    server.before["UID MOVE"] = lambda: (server.before.clear(), server.inbox.add(mail(2)))
    server.deliver(mail(1))
    async with house.watching(house.watch(server, errand(), poll_seconds=3600)):
        await until(lambda: len(server.boxes["Done"].mails) == 2)


async def test_without_idle_it_is_looked_for(house: House, server: Server) -> None:
    """The capability is missing: the folder is looked at every poll_seconds."""
    server.capabilities = server.capabilities.replace("IDLE ", "")
    async with house.watching(house.watch(server, errand())):
        await until(lambda: server.said.count("NOOP") >= 2)
        server.deliver(mail(1))
        await until(lambda: not server.inbox.mails)
    assert "IDLE" not in server.said
    assert await house.tickets() == 1


async def test_idle_can_be_switched_off(house: House, server: Server) -> None:
    """idle = false, for servers whose IDLE does not work."""
    async with house.watching(house.watch(server, errand(), may_idle=False)):
        await until(lambda: server.said.count("NOOP") >= 2)
    assert "IDLE" not in server.said


async def test_a_refused_idle_falls_back_to_looking(house: House, server: Server) -> None:
    """The server promised it and says NO."""
    server.refused = {"IDLE"}
    async with house.watching(house.watch(server, errand())):
        await until(lambda: server.said.count("NOOP") >= 2)
        server.deliver(mail(1))
        await until(lambda: not server.inbox.mails)


async def test_a_server_that_always_calls_is_not_asked_without_a_pause(house: House, server: Server) -> None:
    """It says how many mails there are whenever somebody begins to listen; mail is taken all the same."""
    server.while_idling = lambda session: session.write(f"* {session.visible} EXISTS")
    async with house.watching(house.watch(server, errand(), poll_seconds=0.5)):
        await asyncio.sleep(1)
        assert server.said.count("NOOP") < 12
        server.deliver(mail(1))
        await until(lambda: not server.inbox.mails)


async def test_a_server_that_hangs_up_on_who_listens_is_not_logged_in_to_every_second(
    house: House, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Providers lock an account for that: the pauses grow, as for any other failure."""
    failures: list[int] = []
    monkeypatch.setattr(
        backoff_module.Backoff, "failed", lambda self, at_least=0.0: failures.append(1) or 0.005 * 2 ** len(failures)
    )
    monkeypatch.setattr(backoff_module.Backoff, "succeeded", lambda self: failures.clear())
    server.while_idling = lambda session: session.writer.transport.abort()
    async with house.watching(house.watch(server, errand())):
        await asyncio.sleep(1)
        assert server.logins < 10
        server.deliver(mail(1))
        server.while_idling = lambda session: None
        await until(lambda: not server.inbox.mails)


async def test_lost_connections_cost_no_mail(house: House, server: Server) -> None:
    """Cut off at any moment, again and again: each mail becomes one ticket."""
    for command in ("UID MOVE", "UID FETCH", "UID SEARCH", "SELECT", "NOOP"):
        server.before[command] = lambda command=command: (server.before.pop(command), server.cut())
    server.deliver(mail(0))
    async with house.watching(house.watch(server, errand())):
        for n in range(1, 40):
            server.deliver(mail(n))
            if n % 5 == 0:
                server.cut()
            await asyncio.sleep(0.01)
        await until(lambda: not server.inbox.mails)
    assert await house.tickets() == 40
    assert len(server.boxes["Done"].mails) == 40


async def test_the_first_connection_may_come_late(house: House, server: Server) -> None:
    """A server that is not there yet is waited for."""
    greetings = []
    server.before["GREETING"] = lambda: greetings.append(1)
    server.greeting = "* BYE not yet"
    async with house.watching(house.watch(server, errand())):
        await until(lambda: len(greetings) >= 2)
        server.greeting = "* OK now"
        server.deliver(mail(1))
        await until(lambda: not server.inbox.mails)
    assert await house.tickets() == 1


async def test_draining_ends_the_idling_at_once(house: House, server: Server) -> None:
    """Nothing is in hand, so there is nothing to wait for."""
    watch = house.watch(server, errand(), poll_seconds=3600)
    task = asyncio.create_task(watch.run())
    await until(lambda: "IDLE" in server.said)
    async with asyncio.timeout(5):
        await watch.drain(4)
        await task


async def test_secrets_are_read_at_each_login(house: House, server: Server) -> None:
    """A password file that was corrected counts without a restart."""
    given = ["wrong"]
    watch = house.watch(server, errand(), credential=Password(lambda: given[0]))
    async with house.watching(watch):
        await until(lambda: server.logins >= 2)
        given[0] = PASSWORD
        server.deliver(mail(1))
        await until(lambda: not server.inbox.mails)


# --- liveness ------------------------------------------------------------------------------------


async def test_one_alarm_and_one_all_clear(
    house: House, server: Server, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """However long it fails: the operator hears of it once by mail and log, and once that it is over."""
    caplog.set_level(logging.WARNING, "replydesk.liveness")
    given = ["wrong"]
    async with house.watching(house.watch(server, errand(), credential=Password(lambda: given[0]))):
        await until(lambda: server.logins >= 1)
        await house.sources.check()
        assert await house.alarms() == []
        for _ in range(3):
            clock.forward(minutes=20)
            seen = server.logins
            await until(lambda seen=seen: server.logins > seen)
            await house.sources.check()
        assert house.sources.failing == ("imap:support@example.com",)
        (alarm,) = await house.alarms()
        assert "login refused" in (await text(house, alarm.id))
        given[0] = PASSWORD
        await until(lambda: not house.sources.failing)
    subjects = [await text(house, row.id) for row in (await house.alarms())[::-1]]
    assert len(subjects) == 2
    assert "is read again" in subjects[1]
    told = [r.getMessage() for r in caplog.records if r.name == "replydesk.liveness"]
    assert told == ["source fails", "source works again"]
    assert await house.database.read(lambda tx: tx.alarms.open()) == []


async def test_mails_that_cannot_be_moved_are_no_failure(house: House, server: Server, clock: Clock) -> None:
    """They are taken: the alarm says so, not that mail waits, and the look counts as one that went well."""
    server.refused = {"UID MOVE", "CREATE"}
    folder = house.folder(errand())
    watch = Watch(account(server.port, poll_seconds=0.01, may_idle=False), folder, house.sources, LARGEST)
    async with house.watching(watch):
        server.deliver(mail(1))
        await until(lambda: folder.trouble and server.said.count("NOOP") > 2)
        clock.forward(minutes=20)
        await until(lambda: house.alarms_now())
        clock.forward(hours=5)
        seen = server.said.count("NOOP")
        await until(lambda: server.said.count("NOOP") > seen + 2)
        await house.sources.check()
        assert house.sources.failing == ()
        place = await house.place()
        assert place.failing_since is None
        assert place.looked_at == clock.now
        assert place.mail_at is not None
        (alarm,) = await house.alarms()
        said = " ".join((await text(house, alarm.id)).split())
        assert "are taken, but stay in their folder" in said
        assert "not here" in said
        assert "New mail waits" not in said
        server.refused = set()
        await until(lambda: len(house.alarms_now()) == 2)
    newest = (await house.alarms())[0]
    assert "can be moved or flagged again" in " ".join((await text(house, newest.id)).split())
    assert await house.database.read(lambda tx: tx.alarms.open()) == []


async def test_an_alarm_about_mails_that_stay_outlives_a_restart(house: House, clock: Clock, policy: Policy) -> None:
    """The next daemon does not tell it again, and gives the all-clear."""
    await house.sources.looked(SOURCE, 1, "full")
    clock.forward(minutes=20)
    await house.sources.looked(SOURCE, 0, "full")
    again = House(house.database, policy, clock)
    for _ in range(3):
        clock.forward(hours=2)
        await again.sources.looked(SOURCE, 0, "full")
    assert len(await again.alarms()) == 1
    await again.sources.looked(SOURCE, 0)
    assert len(await again.alarms()) == 2


async def test_a_short_failure_alarms_nobody(house: House, server: Server, clock: Clock) -> None:
    """Servers restart; alarm_after is longer than that."""
    async with house.watching(house.watch(server, errand())):
        await until(lambda: "IDLE" in server.said)
        server.cut()
        clock.forward(minutes=10)
        await until(lambda: server.said.count("IDLE") >= 2)
        clock.forward(minutes=10)
        await house.sources.check()
    assert await house.alarms() == []


async def test_a_source_that_recovers_in_the_last_moment_alarms_nobody(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It succeeds between the check's question and its answer."""
    await house.sources.failed("imap:support@example.com", "no route")
    clock.forward(minutes=20)
    place = await house.place()
    await house.sources.looked("imap:support@example.com", 0)

    async def stale(_: str) -> object:
        return place

    monkeypatch.setattr(house.sources, "place", stale)
    await house.sources.check()
    assert await house.alarms() == []
    assert (await house.place()).failing_since is None


async def test_silence_is_a_failure(house: House, clock: Clock) -> None:
    """A watch that neither succeeds nor fails is noticed all the same."""
    clock.forward(minutes=14)
    await house.sources.check()
    assert await house.alarms() == []
    clock.forward(minutes=2)
    await house.sources.check()
    await house.sources.check()
    (alarm,) = await house.alarms()
    assert "nothing was heard of it" in await text(house, alarm.id)


async def test_a_cause_that_ends_in_a_full_stop_has_one(house: House, clock: Clock) -> None:
    """The server's words are a sentence of their own; ours go on behind them."""
    await house.sources.failed(SOURCE, "NO Server is down.")
    await house.sources.missed(SOURCE, 7, 1, 100, "NO Mail is broken.")
    clock.forward(minutes=20)
    await house.sources.check()
    await house.sources.looked(SOURCE, 0, "NO Quota exceeded.")
    clock.forward(minutes=20)
    await house.sources.looked(SOURCE, 0, "NO Quota exceeded.")
    told = "".join([await text(house, row.id) for row in await house.alarms()])
    assert all(f"{cause}." in " ".join(told.split()) for cause in ("down", "broken", "exceeded"))
    assert ".." not in told


async def test_an_alarm_outlives_a_restart(house: House, clock: Clock, policy: Policy) -> None:
    """The next daemon knows that the operator was told, and still gives the all-clear."""
    await house.sources.failed("imap:support@example.com", "no route")
    clock.forward(minutes=20)
    await house.sources.check()
    again = House(house.database, policy, clock)
    await again.sources.failed("imap:support@example.com", "no route")
    clock.forward(hours=3)
    await again.sources.check()
    assert len(await again.alarms()) == 1
    assert again.sources.failing == ("imap:support@example.com",)
    await again.sources.looked("imap:support@example.com", 0)
    assert len(await again.alarms()) == 2


async def test_places_tell_the_last_look_and_the_last_mail(house: House, server: Server, clock: Clock) -> None:
    """A look without mail is a success too."""
    folder = house.folder(errand(after=After.LEAVE, backlog=Backlog.ALL))
    server.deliver(mail(1))
    await house.look(server, folder)
    first = clock.now
    clock.forward(minutes=5)
    await house.look(server, folder)
    place = await house.place()
    assert (place.mail_at, place.looked_at) == (first, clock.now)


async def text(house: House, outbox_id: int) -> str:
    return (await house.database.read(lambda tx: tx.outbox.message(outbox_id))).decode()

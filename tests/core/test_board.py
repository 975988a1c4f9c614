"""What makes an account equal to what is wanted, whatever lies there: the pure difference, and what a move means."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import board, token
from gateway.core import card as cards
from gateway.core.board import SeenCard, WantedCard
from gateway.core.commands import Command, Order
from gateway.core.hours import Hours
from gateway.core.lifecycle import Status
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.core.token import Keys, Named
from gateway.core.verbs import Verb
from gateway.mail.parse import parse
from tests.conftest import NOW
from tests.core.build import ANNA, BOB, EXAMPLES, KEYS, KIM, POLICY

PLACES = ("new", "solved", "anna@example.com", "snoozed")
FOLDERS = {place: f"T/{place}" for place in PLACES}
ELSEWHERE = "T/of an agent who left"

_places = st.sampled_from(PLACES)
_versions = st.sampled_from(["1", "2", "3"])
_wanted = st.dictionaries(st.integers(1, 4), st.builds(WantedCard, st.just(0), _versions, _places)).map(
    lambda found: {number: replace(card, number=number) for number, card in found.items()}
)
_seen = st.lists(
    st.builds(
        SeenCard,
        st.sampled_from([*FOLDERS.values(), ELSEWHERE]),
        st.integers(1, 9),
        st.integers(1, 5),
        _versions,
        st.booleans(),
    ),
    unique_by=lambda card: (card.folder, card.uid),
)


class Account:
    """Cards in folders, as a server would keep them."""

    def __init__(self, seen: list[SeenCard]) -> None:
        self.cards, self.uid = set(seen), 1000

    def add(self, number: int, version: str, place: str) -> None:
        self.uid += 1
        self.cards.add(SeenCard(FOLDERS[place], self.uid, number, version))

    def apply(self, steps: board.CardSteps, stop_after: int = 10_000) -> None:
        """In the order of the keeper; a lost connection ends it anywhere."""
        done = 0
        for want in steps.write:
            if (done := done + 1) > stop_after:
                return
            self.add(want.number, want.version, want.place)
        for card, want in steps.back:
            if (done := done + 1) > stop_after:
                return
            self.cards.remove(card)
            self.add(want.number, want.version, want.place)
        for card in steps.undelete:
            self.cards.remove(card)
            self.cards.add(replace(card, deleted=False))
        for card in steps.remove:
            if (done := done + 1) > stop_after:
                return
            self.cards.remove(card)


@EXAMPLES
@given(_wanted, _seen, st.lists(st.integers(0, 6), max_size=3), st.booleans())
def test_any_account_comes_to_what_is_wanted(
    wanted: dict[int, WantedCard], seen: list[SeenCard], cuts: list[int], refuses: bool
) -> None:
    """Whatever lies there, and wherever it is interrupted: one card for each ticket, in its folder, and no other."""
    account, refused = Account(seen), set()
    for round_ in range(12):
        steps = board.compare(wanted, account.cards, FOLDERS, refused)
        refused |= {(card.number, card.version, card.folder) for card in steps.unclear}
        for card, place in steps.orders:
            assert card.version == wanted[card.number].version, "an older card ordered something"
            if refuses:
                refused.add((card.number, card.version, card.folder))
            else:
                wanted = wanted | {card.number: WantedCard(card.number, f"after {round_}", place)}
        steps = board.compare(wanted, account.cards, FOLDERS, refused)
        assert not steps.orders or not refuses
        account.apply(steps, cuts.pop() if cuts else 10_000)
        if not steps and not cuts:
            break
    assert not board.compare(wanted, account.cards, FOLDERS, refused)
    lying = sorted((c.number, c.version, c.folder, c.deleted) for c in account.cards)
    assert lying == sorted((w.number, w.version, FOLDERS[w.place], False) for w in wanted.values())


def test_a_move_is_seen_beside_a_card_that_was_not_removed_yet() -> None:
    """Half of all mail programs copy first: a look between their two commands must not undo the move."""
    wanted = {1: WantedCard(1, "v", "new")}
    seen = [SeenCard("T/new", 1, 1, "v"), SeenCard("T/solved", 1, 1, "v")]
    assert board.compare(wanted, seen, FOLDERS).orders == ((seen[1], "solved"),)


def test_one_card_in_several_folders_orders_nothing() -> None:
    """Nobody knows which of them is meant: it is said, all of them go, and the one that would do most goes first."""
    wanted = {1: WantedCard(1, "v", "new")}
    copies = [
        SeenCard("T/anna@example.com", 7, 1, "v"),
        SeenCard("T/solved", 7, 1, "v"),
        SeenCard("T/snoozed", 7, 1, "v"),
    ]
    steps = board.compare(wanted, [SeenCard("T/new", 1, 1, "v"), *copies], FOLDERS)
    assert (steps.orders, steps.unclear) == ((), tuple(copies))
    assert steps.remove[0] == copies[1]
    assert set(steps.remove) == set(copies)
    steps = board.compare(wanted, copies, FOLDERS)
    assert (steps.orders, steps.back) == ((), ((copies[1], wanted[1]),))
    twice = [SeenCard("T/solved", uid, 1, "v") for uid in (7, 8)]
    assert board.compare(wanted, twice, FOLDERS).orders == ((twice[0], "solved"),)


def ticket(status: Status = Status.NEW, assignee: str = "", snoozed: datetime | None = None) -> Ticket:
    return Ticket(1, status, "Help", KIM, "support@example.com", NOW, NOW, assignee=assignee, snoozed_until=snoozed)


def given_to(name: str) -> Command:
    return Command(Verb.ASSIGN, name)


OFF = Command(Verb.SNOOZE, "off")


@pytest.mark.parametrize(
    ("before", "place", "meant"),
    [
        (ticket(), "solved", (Command(Verb.STATUS, "solved"),)),
        (ticket(Status.CLOSED), "waiting_on_us", (Command(Verb.STATUS, "waiting_on_us"),)),
        (ticket(), ANNA.address, (given_to(ANNA.address),)),
        (ticket(assignee=ANNA.address), BOB.address, (given_to(BOB.address),)),
        (
            ticket(Status.CLOSED),
            ANNA.address,
            (given_to(ANNA.address), Command(Verb.STATUS, "waiting_on_us")),
        ),
        (ticket(assignee=ANNA.address), "new", (given_to("nobody"),)),
        (
            ticket(assignee=ANNA.address),
            "waiting_on_us",
            (given_to("nobody"), Command(Verb.STATUS, "waiting_on_us")),
        ),
        (ticket(), "snoozed", (Command(Verb.SNOOZE, "2026-03-03"),)),
        (ticket(snoozed=NOW), "closed", (Command(Verb.STATUS, "closed"), OFF)),
        (ticket(assignee=ANNA.address, snoozed=NOW), ANNA.address, (OFF,)),
        (ticket(snoozed=NOW), "new", (OFF,)),
    ],
)
def test_what_a_move_means(before: Ticket, place: str, meant: tuple[Command, ...]) -> None:
    """A status, an agent, the team, or until the next working day; and the card stays where it was put."""
    order = board.order_of(before, place, POLICY, NOW)
    assert order == Order(meant)
    decision = board.decide(before, place, POLICY, NOW)
    assert decision is not None
    after = decision.change.applied_to(before)
    asleep = decision.change.snooze.until if decision.change.snooze else before.snoozed_until
    assert board.place_of(after.status, after.assignee, POLICY, snoozed=asleep is not None) == place


def test_nothing_becomes_new_when_the_team_has_it_again() -> None:
    """Out of an agent's folder to `New`: it is nobody's, and goes on waiting for us."""
    decision = board.decide(ticket(Status.WAITING_ON_US, assignee=ANNA.address), "new", POLICY, NOW)
    assert decision is not None
    assert (decision.change.assignee, decision.change.status) == ("", None)


@pytest.mark.parametrize(
    ("before", "place"),
    [
        (ticket(Status.WAITING_ON_CONTACT), "new"),
        (ticket(Status.CLOSED), "snoozed"),
        (ticket(), "of-nobody@example.com"),
        (ticket(Status.CLOSED), "a folder"),
    ],
)
def test_what_no_move_can_mean(before: Ticket, place: str) -> None:
    """Nothing becomes new again, what is over cannot be put aside, and other folders mean nothing."""
    assert board.decide(before, place, POLICY, NOW) is None


def test_a_weekend_is_no_working_day() -> None:
    """Put aside on a Friday it comes back on Monday, and after a holiday."""
    friday = datetime.fromisoformat("2026-03-06T12:00:00+00:00")
    assert board.next_working_day(POLICY, friday) == "2026-03-09"
    holiday = Hours(days=frozenset(range(5)), holidays=frozenset({friday.date().replace(day=9)}))
    assert board.next_working_day(replace(POLICY, hours=holiday), friday) == "2026-03-10"


def test_only_cards_of_ours_are_cards() -> None:
    """A mail that only claims to be one is a mail like any other: it is never removed, and orders nothing."""
    version = token.card_version(KEYS, Named(7, "b"), "state")
    assert token.read_card(KEYS, f" 7.{version}") == (7, version)
    assert token.read_card(Keys(b"new", (KEYS.secret,)), f"7.{version}") == (7, version)
    for value in (f"8.{version}", f"7.{version[:-1]}x", "7.", "", f"7.{version}\n", "7." + "a" * 28):
        assert token.read_card(KEYS, value.rstrip()) is None or value == f"7.{version}\n"
    assert token.read_card(Keys(b"of another desk"), f"7.{version}") is None


@pytest.mark.parametrize("delimiter", [".", "/"])
def test_folder_names_are_one_folder_each(delimiter: str) -> None:
    """Whatever agents are called: no delimiter, no wildcard, and no two alike."""
    names = ["New", "new", "A/B.C", "Zoë *%", "\t.", "", "Closed"]
    agents = tuple(replace(POLICY.agents[0], address=f"a{n}@example.com", name=name) for n, name in enumerate(names))
    found = board.folder_names(replace(POLICY, agents=agents), delimiter)
    assert len({name.casefold() for name in found.values()}) == len(found) == 6 + len(names)
    assert all(name.strip() and not set(name) & {delimiter, "/", "*", "%", "\t"} for name in found.values())


def test_folders_do_not_depend_on_the_order_of_agents() -> None:
    """Two of one name: whose folder is whose stays when their tables are swapped, also beside a third of that name."""
    names = ["Alex", "alex", "Alex (a0@example.com)", "Closed", "Bob"]
    agents = tuple(replace(POLICY.agents[0], address=f"a{n}@example.com", name=name) for n, name in enumerate(names))
    found = board.folder_names(replace(POLICY, agents=agents), "/")
    assert [found[a.address] for a in agents] == [
        "Alex (a0@example.com)",
        "alex (a1@example.com)",
        "Alex (a0@example.com) (a2@example.com)",
        "Closed (a3@example.com)",
        "Bob",
    ]
    assert board.folder_names(replace(POLICY, agents=agents[::-1]), "/") == found


def test_a_card_shows_a_table_as_one() -> None:
    """As notices do: what is read on the board alone loses nothing by it."""
    said = "Good morning,\n\nArticle | Price\nToner | 12.50"
    mail = parse(
        b"From: kim@customer.example\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        b"<p>Good morning,</p><table><tr><th>Article</th><th>Price</th></tr>"
        b"<tr><td>Toner</td><td align=right>12.50</td></tr></table><script>alert(1)</script>"
    )
    ticket = Ticket(7, Status.NEW, "Prices", KIM, POLICY.mailboxes[0].address, NOW, NOW)
    entry = Entry(1, 7, EntryKind.CORRESPONDENCE, KIM, Role.REQUESTER, said, said, NOW, sha256="a" * 64)
    made = cards.card(ticket, (entry,), "1", POLICY)
    assert made.written_in == {"a" * 64}
    html = cards.as_written_by(made, mail, POLICY).outbound.words.html
    assert '<td align="right">12.50</td>' in html
    assert "alert" not in html
    mine = cards.card(ticket, (replace(entry, role=Role.AGENT),), "1", POLICY)
    assert mine.written_in == frozenset()

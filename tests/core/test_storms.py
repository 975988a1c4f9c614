"""Storms from ever new addresses are counted by domain, by relay and in all, and known by their words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.decide import decide
from gateway.core.kept import WroteLately
from gateway.core.storms import Storms, words
from gateway.core.window import Budget
from gateway.mail.message import Address
from tests.conftest import NOW
from tests.core.build import KIM, MACHINE, POLICY, case, envelope, message

TIGHT = replace(
    POLICY,
    domain_budgets=(Budget(4, 60), Budget(6, 1440)),
    total_budgets=(Budget(8, 60),),
    alike_budgets=(Budget(3, 60),),
)


def write(storms: Storms, author: str, minute: float = 0, text: str = "I am a machine, it seems.") -> bool:
    """A mail comes in and is decided about; whether it was taken for a machine's."""
    now = NOW + timedelta(minutes=minute)
    mail, path = message(Address(author), body_text=text, reply_text=text), envelope(author)
    robot = storms.robot(mail, path, author, now)
    storms.note(mail, path, author, decide(case(mail, robot=robot)), 7, now)
    return robot is not None


def spent(storms: Storms, author: str, minute: float = 0, *, known: bool = False) -> str:
    found = storms.spent(author, known, NOW + timedelta(minutes=minute))
    return found[0] if found else ""


@pytest.mark.parametrize(("minutes", "full"), [(59, True), (61, False)])
def test_a_domain_has_a_budget(minutes: int, full: bool) -> None:
    """Each first mail costs two of ours; whoever is known here, and providers' customers, are not counted with it."""
    storms = Storms(TIGHT)
    for n in range(2):
        write(storms, f"r{n}@firm.example", text=f"Words that differ {'ab'[n]}.")
    assert spent(storms, "new@firm.example", minutes) == ("firm.example" if full else "")
    assert spent(storms, "known@firm.example", minutes, known=True) == ""
    assert spent(storms, "new@other.example", minutes) == ""
    for n in range(2):
        write(storms, f"r{n}@gmail.com", text=f"Other words {'ab'[n]}.")
    assert spent(storms, "new@gmail.com") == "all"


def test_slow_storms_fill_the_second_window() -> None:
    """Two in an hour, hour after hour."""
    storms = Storms(TIGHT)
    for n in range(3):
        assert spent(storms, "new@firm.example", 120 * n) == ""
        write(storms, f"r{n}@firm.example", 120 * n, f"Words that differ {'abc'[n]}.")
    assert spent(storms, "new@firm.example", 600) == "firm.example"
    assert spent(storms, "new@firm.example", 1440 + 240) == ""


def test_the_same_words_from_new_addresses_are_a_machine() -> None:
    """Numbers and links in them do not matter; other words, one address again and files do."""
    storms = Storms(TIGHT)
    assert [write(storms, f"r{n}@firm.example", n, f"Case {n} was taken in by us.") for n in range(5)] == [
        False, False, False, True, True
    ]  # fmt: skip
    assert not write(storms, "kim@firm.example", 5, "The pump leaks again, please come.")
    assert [write(storms, "r0@shop.example", n, "The same words of one.") for n in range(5)] == [False] * 5
    assert [write(storms, f"r{n}@gmail.com", n, "We wait for the same parcel.") for n in range(5)] == [False] * 5


def test_tickets_of_sub_addresses_and_of_machines_are_counted_together() -> None:
    """Those of one mailbox, whoever writes; those of a domain only for machines, and five times as many."""
    storms = Storms(replace(TIGHT, new_ticket_budgets=(Budget(2, 60),)))
    for n in range(12):
        mail = message(Address(f"r{n}@firm.example"), body_text=f"Alarm {n}.")
        storms.note(mail, envelope("r@firm.example"), f"r{n}@firm.example", decide(case(mail, kind=MACHINE)), n, NOW)
        write(storms, f"kim+{n}@people.example", text="Something else each time.")
    assert storms.flood("kim+99@people.example", False, NOW) == ("kim@people.example", Budget(2, 60))
    assert storms.flood("new@people.example", False, NOW) is None
    assert storms.flood("new@firm.example", True, NOW) == ("firm.example", Budget(10, 60))
    assert storms.flood("new@firm.example", False, NOW) is None
    flood = decide(case(message(KIM), flood=("kim@people.example", Budget(2, 60))))
    assert (flood.new is not None, flood.notices) == (True, ())
    assert "kim@people.example opened 2 tickets" in flood.alarm


def test_a_process_that_starts_knows_what_was_before() -> None:
    """Out of the database: mails of ours, and words that came."""
    sent = [("r1@firm.example", NOW)] * 4
    said = "Case 4711 was taken in by us."
    wrote = [WroteLately(f"r{n}@shop.example", "Help", said, "", NOW, 9, n == 2) for n in range(3)]
    storms = Storms(TIGHT)
    storms.begin(sent, wrote)
    assert spent(storms, "new@firm.example") == "firm.example"
    mail = message(Address("r9@shop.example"), body_text=said, reply_text=said)
    robot = storms.robot(mail, envelope("r9@shop.example"), "r9@shop.example", NOW)
    assert robot is not None
    assert (robot.ticket, robot.new) == (9, False)


@pytest.mark.parametrize("pass_alike", [True, False])
def test_where_alike_mails_may_pass_each_is_answered(pass_alike: bool) -> None:
    """`limits.alike_mails = []`: people of one firm who write the same words, week after week."""
    storms = Storms(replace(TIGHT, alike_budgets=() if pass_alike else (Budget(1000, 60),)))
    text = "The daily figures are attached."
    for n in range(20):
        write(storms, f"user{n}@firm.example", 60 * n, text)
    mail = message(Address("new@firm.example"), body_text=text, reply_text=text)
    assert (storms.repeated(mail, "new@firm.example", NOW + timedelta(hours=20)) is None) is pass_alike


def test_numbers_references_and_links_make_no_difference() -> None:
    """Words that hold a digit or a link are left out, and so are marks and the size of letters."""
    said = "Your\u00a0order RD-1042-7KQ4TN, sent (on 3.4.) to Größe_x: see http://x.example/a or a1b it's\tDONE"
    mail = message(KIM, subject="Re: x", reply_text=said)
    assert words(mail) == "your order sent on to grösse x see or it s done"
    assert words(message(KIM, subject="Case 12 again", reply_text="Done 4711")) == "case again: done"

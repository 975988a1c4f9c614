"""Tickets of different customers in one: who may read what."""

from __future__ import annotations

from dataclasses import replace

from gateway.core import commands, move_entries, orders, sides
from gateway.core.decision import EntryDraft
from gateway.core.notice import Audience
from gateway.core.ticket import EntryKind, Participant, Role, Ticket
from tests.conftest import NOW
from tests.core.build import ANNA, KIM, LEE, MALLORY, POLICY, entry, participant, ticket


def merged(source: Ticket, into: Ticket) -> Ticket:
    """The ticket after the merge."""
    by = orders.OrderContext(source, POLICY.agents[0], POLICY, NOW)
    decision = move_entries.merge(by, into)
    gone = {j.address.key for j in decision.change.joined}
    there = replace(into, people=tuple(p for p in into.people if p.address.key not in gone))
    return decision.change.applied_to(there)


KIMS, LEES = ticket(1, requester=KIM), ticket(2, requester=LEE)
BOTH = merged(LEES, KIMS)
ALONE = {n: sides.alone(n) for n in range(4)}


def test_each_reads_the_own_side_and_what_is_for_all() -> None:
    """And writes on it; what an agent writes since is for all."""
    assert (sides.sees(BOTH, KIM.key), sides.sees(BOTH, LEE.key)) == ({0, -1, ALONE[1]}, {2, -2, -1, ALONE[2]})
    assert [sides.of_entry(BOTH, a.key, r) for a, r in ((KIM, Role.REQUESTER), (LEE, Role.PARTICIPANT))] == [0, 2]
    assert sides.of_entry(BOTH, ANNA.key, Role.AGENT) == -1
    assert (sides.face(BOTH, KIM.key), sides.face(BOTH, LEE.key)) == (1, 2)


def test_who_takes_no_part_reads_nothing() -> None:
    """Whatever number they know."""
    assert sides.sees(BOTH, MALLORY.key) == frozenset()


def test_a_merged_ticket_is_merged_again() -> None:
    """Nobody gets to read what was before them, on either ticket."""
    third = merged(BOTH, ticket(3, requester=MALLORY))
    assert sides.sees(third, MALLORY.key) == {0, -3, ALONE[3]}
    assert sides.sees(third, KIM.key) == {1, -1, -3, ALONE[1]}
    assert sides.sees(third, LEE.key) == {2, -2, -1, -3, ALONE[2]}


def test_a_merged_ticket_goes_into_another_of_the_same_customer() -> None:
    """Whose both are reads both, and whoever takes part in one with them; whom the first merge kept apart stays apart,
    goes on under the own reference, and need not be told."""
    into = ticket(3, requester=KIM, people=(participant(MALLORY),))
    third = merged(BOTH, into)
    assert sides.sees(third, KIM.key) == {0, -3, -1, ALONE[3]}
    assert sides.sees(third, MALLORY.key) == {0, -3, -1}
    assert sides.sees(third, LEE.key) == {2, -2, -1, -3, ALONE[2]}
    assert (sides.face(third, KIM.key), sides.face(third, LEE.key)) == (3, 2)
    assert third.participants == (MALLORY, LEE)
    by = orders.OrderContext(BOTH, POLICY.agents[0], POLICY, NOW)
    told = [n.recipient.key for n in move_entries.merge(by, into).notices if n.audience is Audience.CUSTOMER]
    assert told == [KIM.key]
    assert move_entries.merge_doubt(BOTH, into).startswith("merge_brings\t" + MALLORY.address)
    assert move_entries.merge_doubt(BOTH, replace(into, people=())).startswith("merge_differs\t")


def test_two_tickets_of_one_customer_have_no_sides() -> None:
    """Nothing is hidden from the one who wrote both."""
    both = merged(ticket(2, requester=KIM), KIMS)
    assert not sides.is_shared(both)
    assert sides.of_entry(both, ANNA.key, Role.AGENT) == 0


def test_who_took_part_in_both_reads_both() -> None:
    """And is known by the ticket that goes on."""
    both = merged(LEES, replace(KIMS, people=(participant(LEE),)))
    assert sides.sees(both, LEE.key) == {0, -1, 2, -2, ALONE[2]}
    assert sides.face(both, LEE.key) == 1


def test_the_reader_gets_the_own_ticket_with_the_state_of_the_whole() -> None:
    """No person of the other side is on it."""
    seen = sides.of_reader(replace(BOTH, assignee=ANNA.address), LEES)
    assert (seen.number, seen.requester, seen.people, seen.status) == (2, LEE, (), BOTH.status)
    mine = sides.of_reader(BOTH, BOTH)
    assert (mine.requester, mine.people) == (KIM, ())


def test_what_went_to_the_requester_alone_is_theirs() -> None:
    """Not of who takes part, and not of the requester of a ticket it was merged into."""
    both = replace(KIMS, people=(participant(LEE),))
    history = (entry("For Kim", side=ALONE[1]), entry("For all"))
    seen = [len(sides.for_one(both, history, (), who.key)[0]) for who in (KIM, LEE, MALLORY)]
    assert seen == [2, 1, 1]
    assert [e.kind is EntryKind.COMMENT for e in sides.fenced(both, history)] == [True, False]
    assert ALONE[2] not in sides.sees(BOTH, KIM.key)
    order = commands.read("#only\n\nThe code is 1234.")
    said = orders.Answer("The code is 1234.", EntryDraft(EntryKind.CORRESPONDENCE, ANNA, Role.AGENT, "", ""))
    decision = orders.carry_out(orders.OrderContext(both, POLICY.agents[0], POLICY, NOW), order, said, "a mark")
    assert decision.entry is not None
    assert decision.entry.side == ALONE[1]


def test_one_customers_tickets_with_other_people_are_asked_about() -> None:
    """Whoever took part in one of them would read the other."""
    brought = replace(KIMS, people=(participant(LEE),))
    other = ticket(2, requester=KIM)
    assert move_entries.merge_doubt(other, KIMS) == ""
    assert LEE.address in move_entries.merge_doubt(other, brought)
    assert move_entries.merge_doubt(other, brought) == move_entries.merge_doubt(brought, other).replace(
        "#1, #2", "#2, #1"
    )
    assert move_entries.merge_doubt(replace(other, people=(participant(LEE),)), brought) == ""


def test_for_an_answer_to_all_each_sides_words_are_inner() -> None:
    """A line quoted from one of them would reach the other."""
    history = (entry("Kim's", side=0), entry("Lee's", side=2), entry("For all", side=-1))
    assert [e.kind is EntryKind.COMMENT for e in sides.fenced(BOTH, history)] == [True, True, False]
    plain = (entry("Kim's", side=0), entry("Old", side=-1), entry("Of another", side=2))
    assert [e.kind is EntryKind.COMMENT for e in sides.fenced(KIMS, plain)] == [False, False, True]


def test_a_person_without_a_side_of_their_own_is_the_tickets() -> None:
    """Merges from before there were sides gave nobody any."""
    old = replace(KIMS, people=(Participant(LEE),))
    assert not sides.is_shared(old)

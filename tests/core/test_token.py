"""Signed marks: what we gave out is known again, and nothing else is."""

from __future__ import annotations

import base64
import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import token
from gateway.core.token import ADDRESS_PURPOSES, ALPHABET, AddressMark, Keys, Named
from tests.conftest import NOW
from tests.core.build import ANNA, BOB, EXAMPLES, KEYS

OTHER = Keys(b"another secret of 32 bytes or so")
NUMBERS = st.integers(1, 10**9)
HOLDERS = st.sampled_from([ANNA.key, BOB.key, "müller@bücher.example", "a+b@example.com"])
AGENTS = frozenset({ANNA.key, BOB.key, "müller@bücher.example", "a+b@example.com"})
PURPOSES = st.sampled_from(sorted(ADDRESS_PURPOSES))


def flipped(data: st.DataObject, value: str) -> str:
    """The value with one bit of one character flipped, but for the bit that only makes a letter large."""
    place = data.draw(st.integers(0, len(value) - 1))
    sign = value[place]
    bits = [b for b in range(7) if not (sign.isalpha() and b == 5)]
    other = chr(ord(sign) ^ (1 << data.draw(st.sampled_from(bits))))
    return value[:place] + other + value[place + 1 :]


def references(keys: Keys, prefix: str, text: str, birth: str = "") -> tuple[tuple[int, bool], ...]:
    """What is found in a text, and whether it is right for the ticket of that number with this birth."""
    found = token.find_references(prefix, text)
    return tuple((number, token.verify_reference(keys, Named(number, birth), code)) for number, code in found)


# --- the reference a person sees ---------------------------------------------------------


@EXAMPLES
@given(NUMBERS)
def test_a_reference_is_found_again(number: int) -> None:
    """What stands in a subject leads back to its ticket, in either case."""
    reference = token.reference(KEYS, "RD", Named(number))
    assert re.fullmatch(rf"RD-{number}-[{ALPHABET}]{{6}}", reference)
    for text in (reference, f"Re: Printer [{reference}]", f"({reference.lower()})", f"«{reference}», and so on."):
        assert references(KEYS, "RD", text) == ((number, True),)


@EXAMPLES
@given(NUMBERS, st.data())
def test_a_flipped_reference_is_never_right(number: int, data: st.DataObject) -> None:
    """One bit, and it is another ticket's reference, a claim, or nothing."""
    found = references(KEYS, "RD", flipped(data, token.reference(KEYS, "RD", Named(number))))
    assert not any(right for _, right in found)


@EXAMPLES
@given(NUMBERS, NUMBERS)
def test_the_code_belongs_to_one_number(one: int, other: int) -> None:
    """A right code beside another number is a claim."""
    code = token.reference(KEYS, "RD", Named(one)).rpartition("-")[2]
    assert references(KEYS, "RD", f"RD-{other}-{code}") == ((other, one == other),)


@EXAMPLES
@given(st.text(max_size=400) | st.text(alphabet="RDrd-0123456789ABC[] ", max_size=400))
def test_references_are_looked_for_in_any_text(text: str) -> None:
    """Random text never raises and never holds a right code."""
    for number, right in references(KEYS, "RD", text):
        assert 0 <= number < 10**12
        assert not right


@EXAMPLES
@given(st.lists(NUMBERS, max_size=6, unique=True), st.text(max_size=40))
def test_references_come_in_order_and_once(numbers: list[int], noise: str) -> None:
    """Between any other words, each is found where it first stands."""
    marks = [token.reference(KEYS, "RD", Named(n)) for n in numbers]
    text = f" {noise} ".join([*marks, *marks])
    assert [n for n, right in references(KEYS, "RD", text) if right] == numbers


@pytest.mark.parametrize(
    "text",
    ["XRD-7-{code}", "RD-7-{code}X", "RD-7-{code}-1", "-RD-7-{code}", "RD_7_{code}", "RD-{code}", "RD-7-", "RD7{code}"],
)
def test_what_only_looks_like_a_reference_is_none(text: str) -> None:
    """It stands alone, as a word of its own."""
    code = token.reference(KEYS, "RD", Named(7)).rpartition("-")[2]
    assert references(KEYS, "RD", text.format(code=code)) == ()


def test_another_prefix_is_another_desk() -> None:
    """References of a neighbour's desk are not ours."""
    assert references(KEYS, "HD", token.reference(KEYS, "RD", Named(7))) == ()


# --- our Message-IDs -----------------------------------------------------------------------


@EXAMPLES
@given(st.integers(0, 10**9), st.text(max_size=40))
def test_a_customers_id_is_known_again(number: int, identity: str) -> None:
    """Also when a relay folded its case."""
    value = token.message_id(KEYS, Named(number), "c", "", identity, "example.com")
    for given_ in (value, value.upper(), value.swapcase()):
        own = token.read_message_id(KEYS, given_, AGENTS)
        assert own is not None
        assert (own.named.number, own.audience, own.holder) == (number, "c", "")


@EXAMPLES
@given(NUMBERS, HOLDERS, st.text(max_size=40))
def test_an_agents_id_names_its_holder(number: int, holder: str, identity: str) -> None:
    """It is bound to the address it was made for, and to nobody when that agent is gone."""
    value = token.message_id(KEYS, Named(number), "a", holder, identity, "example.com")
    own = token.read_message_id(KEYS, value, AGENTS)
    assert own is not None
    assert (own.named.number, own.audience, own.holder) == (number, "a", holder)
    assert token.read_message_id(KEYS, value, AGENTS - {holder}) is None


@EXAMPLES
@given(NUMBERS, st.sampled_from(["a", "c"]), st.data())
def test_a_flipped_id_is_not_ours(number: int, audience: str, data: st.DataObject) -> None:
    """One bit before the @, and it is a stranger's."""
    holder = ANNA.key if audience == "a" else ""
    local = token.message_id(KEYS, Named(number), audience, holder, "x", "example.com").partition("@")[0]
    assert token.read_message_id(KEYS, flipped(data, local) + "@example.com", AGENTS) is None


def test_an_id_is_the_same_for_the_same_mail_and_no_other() -> None:
    """A retry repeats it; number, audience, holder, identity and secret each change all of it."""
    one = token.message_id(KEYS, Named(7), "a", ANNA.key, "reply", "example.com")
    assert one == token.message_id(KEYS, Named(7), "a", ANNA.key, "reply", "example.com")
    others = [
        token.message_id(KEYS, Named(8), "a", ANNA.key, "reply", "example.com"),
        token.message_id(KEYS, Named(7), "c", ANNA.key, "reply", "example.com"),
        token.message_id(KEYS, Named(7), "a", BOB.key, "reply", "example.com"),
        token.message_id(KEYS, Named(7), "a", ANNA.key, "closed", "example.com"),
        token.message_id(OTHER, Named(7), "a", ANNA.key, "reply", "example.com"),
    ]
    nonces = {v.split(".")[3] for v in (one, *others)}
    macs = {v.split(".")[4].partition("@")[0] for v in (one, *others)}
    assert len(nonces) == len(macs) == len(others) + 1


@EXAMPLES
@given(st.text(max_size=120) | st.text(alphabet="rd.0123456789ac@" + string.ascii_lowercase, max_size=120))
def test_any_text_may_be_read_as_an_id(value: str) -> None:
    """A stranger's id never raises and is never ours."""
    assert token.read_message_id(KEYS, value, AGENTS) is None


def test_the_form_of_an_agents_id_is_known_without_its_key() -> None:
    """What was made for an agent under an earlier secret must still not go to a customer."""
    assert token.is_agents_message_id(token.message_id(OTHER, Named(7), "a", ANNA.key, "x", "example.com"))
    assert not token.is_agents_message_id(token.message_id(KEYS, Named(7), "c", "", "x", "example.com"))
    assert not token.is_agents_message_id("one@customer.example")


# --- tokens in addresses ---------------------------------------------------------------------


@EXAMPLES
@given(PURPOSES, NUMBERS, HOLDERS | st.just(""))
def test_an_address_token_is_known_again(purpose: str, number: int, holder: str) -> None:
    """Whatever a relay did to the case of the local part."""
    value = token.address_token(KEYS, purpose, Named(number), holder)
    assert value == value.lower()
    for given_ in (value, value.upper(), value.swapcase()):
        assert token.read_address_token(KEYS, given_, AGENTS) == AddressMark(purpose, Named(number), holder)


@EXAMPLES
@given(PURPOSES, NUMBERS, st.data())
def test_a_flipped_address_token_is_none(purpose: str, number: int, data: st.DataObject) -> None:
    """One bit changes purpose, number or code: each is signed."""
    value = token.address_token(KEYS, purpose, Named(number))
    assert token.read_address_token(KEYS, flipped(data, value), AGENTS) is None


@EXAMPLES
@given(PURPOSES, PURPOSES, NUMBERS, NUMBERS)
def test_a_code_serves_one_purpose_and_one_number(purpose: str, other: str, number: int, another: int) -> None:
    """A reply address cannot be made into a close address, nor into another ticket's."""
    code = token.address_token(KEYS, purpose, Named(number)).rpartition("-")[2]
    right = (purpose, number) == (other, another)
    assert (token.read_address_token(KEYS, f"{other}{another}-{code}") is not None) is right


def test_an_agents_address_is_bound_to_the_agent() -> None:
    """It is nobody's where its holder is not an agent any more, and never a customer's."""
    value = token.address_token(KEYS, "a", Named(7), ANNA.key)
    assert token.read_address_token(KEYS, value, frozenset({BOB.key})) is None
    assert token.read_address_token(KEYS, value) is None


@EXAMPLES
@given(st.text(max_size=60) | st.text(alphabet="tcav0123456789-abcdefgh", max_size=40))
def test_any_text_may_be_read_as_a_token(value: str) -> None:
    """What a stranger puts behind the plus never raises and is never right."""
    assert token.read_address_token(KEYS, value, AGENTS) is None


# --- links in mails ----------------------------------------------------------------------------

ACTIONS = st.sampled_from(["close", "register", "reset"])
SUBJECTS = st.text(max_size=40).map(lambda s: s.encode("utf-8", "replace").decode())


@EXAMPLES
@given(ACTIONS, SUBJECTS, st.integers(-400, 400), st.text(alphabet=string.printable, max_size=20))
def test_a_link_says_what_it_is_for_until_when(action: str, subject: str, minutes: int, state: str) -> None:
    """It is read back whole; at its last moment it stops acting, but is still known."""
    expires = NOW + timedelta(minutes=minutes)
    value = token.link_token(KEYS, action, subject, expires, state)
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", value)
    link = token.read_link(KEYS, action, value, NOW)
    assert link == token.Link(action, subject, state, expires, minutes <= 0)


@EXAMPLES
@given(ACTIONS, ACTIONS, st.data())
def test_a_link_serves_one_action_and_cannot_be_changed(action: str, other: str, data: st.DataObject) -> None:
    """The link that closes does not set a password, and one flipped bit makes it nobody's."""
    value = token.link_token(KEYS, action, "7", NOW + timedelta(days=1))
    if other != action:
        assert token.read_link(KEYS, other, value, NOW) is None
    place = data.draw(st.integers(0, len(value) - 1))
    sign = data.draw(st.sampled_from(sorted(set(string.ascii_letters + string.digits + "-_.") - {value[place]})))
    changed = token.read_link(KEYS, action, value[:place] + sign + value[place + 1 :], NOW)
    # The last sign of base64 holds bits that mean nothing: then the very same link is read.
    assert changed is None or (place == len(value) - 1 and changed == token.read_link(KEYS, action, value, NOW))
    assert token.read_link(OTHER, action, value, NOW) is None


@EXAMPLES
@given(st.text(max_size=80) | st.text(alphabet=string.ascii_letters + "._-=", max_size=80))
def test_any_path_may_be_read_as_a_link(value: str) -> None:
    """Whatever stands in a URL never raises."""
    assert token.read_link(KEYS, "close", value, NOW) is None


def test_a_link_for_ever_and_one_from_the_past_are_read() -> None:
    """The first and the last second a clock can show."""
    for moment in (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        link = token.read_link(KEYS, "close", token.link_token(KEYS, "close", "7", moment), NOW)
        assert link is not None
        assert link.expires == moment


# --- the secret -----------------------------------------------------------------------------------


def test_what_was_given_out_before_a_rotation_still_counts() -> None:
    """New marks are made with the new secret, old ones are read with the old one, until that is removed."""
    rotated = Keys(OTHER.secret, (KEYS.secret,))
    marks = (
        token.reference(KEYS, "RD", Named(7)),
        token.message_id(KEYS, Named(7), "c", "", "x", "example.com"),
        token.address_token(KEYS, "t", Named(7)),
        token.link_token(KEYS, "close", "7", NOW + timedelta(days=1)),
    )
    for keys, known in ((rotated, True), (OTHER, False)):
        assert references(keys, "RD", marks[0]) == ((7, known),)
        assert (token.read_message_id(keys, marks[1], AGENTS) is not None) is known
        assert (token.read_address_token(keys, marks[2]) is not None) is known
        assert (token.read_link(keys, "close", marks[3], NOW) is not None) is known
    assert token.reference(rotated, "RD", Named(7)) == token.reference(OTHER, "RD", Named(7))
    assert token.link_token(rotated, "close", "7", NOW) == token.link_token(OTHER, "close", "7", NOW)


def test_the_secret_is_never_shown() -> None:
    """Neither in a traceback nor in a log line."""
    assert KEYS.secret.decode() not in f"{KEYS!r} {KEYS} {[KEYS]} {replace(KEYS, previous=(b'old secret',))!r}"
    assert "old secret" not in repr(replace(KEYS, previous=(b"old secret",)))


def test_a_fingerprint_tells_states_apart_and_reveals_none() -> None:
    """The same state gives the same mark, another one or another secret another."""
    hashed = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"
    mark = token.fingerprint(KEYS, hashed)
    assert mark == token.fingerprint(KEYS, hashed)
    assert mark not in (token.fingerprint(KEYS, ""), token.fingerprint(OTHER, hashed))
    assert len(mark) == 12
    assert not set(hashed.split("$")) & {mark}


def test_a_link_has_one_spelling() -> None:
    """Other texts that decode to the same bytes are not what we gave out."""
    value = token.link_token(KEYS, "close", "t1", datetime(2030, 1, 1, tzinfo=UTC))
    now = datetime(2029, 1, 1, tzinfo=UTC)
    assert token.read_link(KEYS, "close", value, now)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
    others = [value + "=", value + "==", value.replace(".", "=."), *(value[:-1] + c for c in letters if c != value[-1])]
    assert [other for other in others if token.read_link(KEYS, "close", other, now)] == []


def test_a_conversation_of_outlook_is_known_again() -> None:
    """Five bytes more for each answer; another ticket's, another site's, or a broken field does not."""
    begun = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    field = token.thread_index(KEYS, Named(7, "2" * 13), begun)
    assert base64.b64decode(field)[:1] == b"\x01"
    answered = base64.b64encode(base64.b64decode(field) + b"12345" * 3).decode()
    here = token.conversation_id(KEYS, Named(7, "2" * 13))
    assert token.read_thread_index(field) == token.read_thread_index(answered) == here
    assert token.read_thread_index(f"{answered[:40]}\r\n {answered[40:]}") == here
    assert token.conversation_id(KEYS, Named(7, "3" * 13)) != here
    assert token.conversation_id(Keys(b"another"), Named(7, "2" * 13)) != here
    broken = ("", "AQ==", "not base64!", field[:20], "é" * 40)
    assert [token.read_thread_index(v) for v in broken] == [""] * 5


@pytest.mark.parametrize("hyphen", "‐‑‒–—−－")
def test_a_reference_with_the_hyphens_of_telephones(hyphen: str) -> None:
    """Typed by hand or copied out of a word processor, it names the same ticket, and is cut from a subject as ever."""
    text = f"About {hyphen.join(('rd', '5', 'K3MX88'))}, again"
    assert token.find_references("RD", text) == ((5, "K3MX88"),)
    assert token.cut_references("RD", text) == "About , again"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("RD-5-K3MX88", 5),
        (" rd-5-k3mx88 ", 5),
        ("[RD-5-K3MX88]", 5),
        ("RD-5", 5),
        ("RD-5-", 5),
        ("RD–5–K3MX88", 5),
        ("RD-5-K3M", 5),
        ("#5", 5),
        ("5", 5),
        ("RD-5-K3MX889", 0),
        ("12-3", 0),
        ("about RD-5", 0),
        ("", 0),
        ("[OLD-5-K3MX88]", 5),
        ("OLD-5", 0),
        ("ISO-9001", 0),
    ],
)
def test_a_ticket_is_looked_for_by_as_much_of_its_reference_as_was_copied(text: str, number: int) -> None:
    """With its prefix the end may be missing; other words are looked for as words."""
    assert token.number_in("RD", text) == number

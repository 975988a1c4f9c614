"""Commands on the first lines of a mail: one grammar, no guessing, no text lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import texts
from gateway.core import clothes
from gateway.core.commands import (
    Command,
    Order,
    apart,
    asks_status,
    is_command,
    read,
)
from gateway.core.lifecycle import Status, agent_label
from gateway.core.sentences import text_of
from gateway.core.status_words import status_words
from gateway.core.verbs import FORMS, Verb, aliases
from gateway.mail.new_text import markers
from tests.core.build import EXAMPLES

GOOD = {
    "#close": Command(Verb.CLOSE),
    "#CLOSE": Command(Verb.CLOSE),
    "# close": Command(Verb.CLOSE),
    "  #close  ": Command(Verb.CLOSE),
    "\u200b#close": Command(Verb.CLOSE),
    "\u200e#clo\u00adse": Command(Verb.CLOSE),
    "*#close*": Command(Verb.CLOSE),
    "＃close": Command(Verb.CLOSE),
    "﹟close": Command(Verb.CLOSE),
    "♯close": Command(Verb.CLOSE),
    "#note ♯1 is flat": Command(Verb.NOTE, "♯1 is flat"),
    "#Close.": Command(Verb.CLOSE),
    "#merge 7.": Command(Verb.MERGE, "7"),
    "#assign “Bob Agent”": Command(Verb.ASSIGN, "Bob Agent"),
    "#assign @Bob": Command(Verb.ASSIGN, "Bob"),
    "#schließen": Command(Verb.CLOSE),
    "#SCHLIESSEN": Command(Verb.CLOSE),
    "#solved": Command(Verb.SOLVED),
    "#erledigt": Command(Verb.SOLVED),
    "#wait": Command(Verb.WAIT),
    "#note": Command(Verb.NOTE),
    "#note: he never pays": Command(Verb.NOTE, "he never pays"),
    "#notiz zahlt nie": Command(Verb.NOTE, "zahlt nie"),
    "#assign me": Command(Verb.ASSIGN, "me"),
    "#assign: Bob Agent": Command(Verb.ASSIGN, "Bob Agent"),
    "#status solved": Command(Verb.STATUS, "solved"),
    "#status Waiting on  us": Command(Verb.STATUS, "waiting_on_us"),
    "#status waiting_on_contact": Command(Verb.STATUS, "waiting_on_contact"),
    "#status wartet auf uns": Command(Verb.STATUS, "waiting_on_us"),
    "#status Escalated": Command(Verb.STATUS, "escalated"),
    "#follow": Command(Verb.FOLLOW),
    "#unfollow": Command(Verb.UNFOLLOW),
    "#split": Command(Verb.SPLIT),
    "#merge 1042": Command(Verb.MERGE, "1042"),
    "#merge #1042": Command(Verb.MERGE, "1042"),
    "#merge 007": Command(Verb.MERGE, "7"),
    "#merge RD-1042-7KQ4TN": Command(Verb.MERGE, "1042"),
    "#merge [RD-1042-7KQ4TN]": Command(Verb.MERGE, "1042"),
    "#move 12": Command(Verb.MOVE, "12"),
    "#from kim@customer.example": Command(Verb.FROM, "kim@customer.example"),
    "#from Kim <kim@customer.example>": Command(Verb.FROM, "kim@customer.example"),
    "#from mailto:kim@customer.example": Command(Verb.FROM, "kim@customer.example"),
    "#from kim@customer.example <mailto:kim@customer.example>": Command(Verb.FROM, "kim@customer.example"),
    "#to kim@customer.example.": Command(Verb.TO, "kim@customer.example"),
    "#language DE": Command(Verb.LANGUAGE, "de"),
    "#assign Bob.": Command(Verb.ASSIGN, "Bob"),
    "#assign “Bob.”": Command(Verb.ASSIGN, "Bob"),
    "#give Bob!": Command(Verb.GIVE, "Bob"),
    "#status solved.": Command(Verb.STATUS, "solved"),
    "#status “Waiting on us”": Command(Verb.STATUS, "waiting_on_us"),
    "#status „Escalated“.": Command(Verb.STATUS, "escalated"),
    "#language de.": Command(Verb.LANGUAGE, "de"),
    "#language “DE”": Command(Verb.LANGUAGE, "de"),
    "#show “1”": Command(Verb.SHOW, "1"),
    "#merge ‘#7’.": Command(Verb.MERGE, "7"),
    "#list mine.": Command(Verb.LIST, "mine"),
    "#report “2026‑11”": Command(Verb.REPORT, "2026-11"),
    "#text hours.": Command(Verb.TEXT, "hours"),
    "#close “silent”": Command(Verb.CLOSE, "silent"),
    "#tag VIP, urgent.": Command(Verb.TAG, "urgent vip"),
    "#tag “VIP”, v1.2": Command(Verb.TAG, "v1.2 vip"),
    "#gelo\u0308st": Command(Verb.SOLVED),
    "#ne\u2011plus\u2011suivre": Command(Verb.UNFOLLOW),
    "#assign Anna\u2010Lena": Command(Verb.ASSIGN, "Anna-Lena"),
    "#spam": Command(Verb.SPAM),
    "#undo": Command(Verb.UNDO),
    "#reopen": Command(Verb.REOPEN),
    "#reopen 7": Command(Verb.REOPEN, "7"),
    "#help": Command(Verb.HELP),
    "#hilfe": Command(Verb.HELP),
}


@pytest.mark.parametrize(("line", "command"), GOOD.items())
def test_a_command_is_understood(line: str, command: Command) -> None:
    """Case, a blank after the sign, a colon, and German words do not matter."""
    assert read(line, statuses=("escalated",)) == Order((command,))
    assert is_command(line.strip("\u200b"))


@pytest.mark.parametrize(
    "line",
    ["- #note x", "* #note x", "• #note x", "•\t#note x", "·#note x", "o   #note x", "– #note x", "1. #note x",
     "1) #note x", "(2) #note x", "a) #note x", "“#note x”", "\"#note x\"", "'#note' x", "`#note` x", "`#note x`",
     "(#note x)", "[#note x]", "[#note] x", "<#note> x", "„#note“ x", "«#note x»", "*#note* x", "**#note x**",
     "_#note_ x", "- “#note” x", "• *#note* x", "* #note x *", "- ＃note x", "- # note: x",
     "♯note x", "﹟note x", "- ♯ note x", "“﹟note x”"],
)  # fmt: skip
def test_an_order_is_understood_in_its_clothes(line: str) -> None:
    """Bullets, numbers, quotation marks, brackets, bold letters: programs add them by themselves."""
    assert read(f"{line}\n\nHello") == Order((Command(Verb.NOTE, "x"),), text="Hello")
    assert read(f"> known\n\n{line}\nHello") == Order((Command(Verb.NOTE, "x"),), text="Hello")


@pytest.mark.parametrize(
    "written",
    ["“kim@customer.example”", "\"kim@customer.example\"", "'kim@customer.example'", "„kim@customer.example“",
     "«kim@customer.example»", "(kim@customer.example)", "kim@customer.example:", "kim@customer.example!",
     "kim@customer.example…", "*kim@customer.example*", "‘kim@customer.example’.",
     "[kim@customer.example](mailto:kim@customer.example)", "MAILTO:kim@customer.example"],
)  # fmt: skip
def test_an_address_is_read_without_the_signs_around_it(written: str) -> None:
    """Telephones put quotation marks and points around it: a mail to “kim@customer.example” reaches nobody."""
    for verb in (Verb.TO, Verb.FROM, Verb.FOR, Verb.REQUESTER, Verb.CC, Verb.ALIAS, Verb.BLOCK):
        assert read(f"#{verb.value} {written}").commands == (Command(verb, "kim@customer.example"),)
    (asked,) = read(f"#ask {written} a b.pdf, c.pdf").commands
    assert asked.argument.startswith("kim@customer.example ")
    assert asked.argument.endswith("a b.pdf, c.pdf")


def test_what_no_mail_can_be_written_to_is_no_address() -> None:
    """It is said before anything is stored, and a line of any length is read at once."""
    began = time.process_time()
    for written in ("kim@", "@customer.example", "kim@customer@example", "'@'", "k" * 320 + "@x.example", "k" * 50_000):
        assert "needs one e-mail address" in text_of(read(f"#to {written}").problems[0], "en")
    assert time.process_time() - began < 1


def test_only_the_clothes_are_taken_off() -> None:
    """What an order says may have brackets and marks of its own."""
    assert read("- #note (see [1])").argument(Verb.NOTE) == "(see [1])"
    assert read("(#note see [1])").argument(Verb.NOTE) == "see [1]"
    assert read("“#assign “Bob””").argument(Verb.ASSIGN) == "Bob"
    assert read("- #close it").problems == read("#close it").problems


@pytest.mark.parametrize(
    "line",
    ["##note x", "# # note x", "\\#note x", "#-note x", "# – note x", "#@note x", "### Notiz x", "＃＃note x",
     "🙂 #note x", "/#note x", "~~~~~#note x", "- ##note x", "#(note) x", "•#•note x", "#**note** x",
     "~~#note~~ x", "~~#note x~~", "- ~~#note x~~", "~~﹟note x~~", "♯♯note x"],
)  # fmt: skip
def test_a_hidden_order_is_no_text(line: str) -> None:
    """Its name stands behind a sign, among signs no program adds: nothing is done, and the receipt says so."""
    for text in (f"{line}\nHello", f"#wait\n\n{line}\nHello", f"> known\n\n{line}\nHello"):
        order = read(text)
        assert order.text == "Hello"
        (problem,) = order.problems
        assert "Begin the line with #note" in text_of(problem, "en")


@pytest.mark.parametrize(
    "text",
    ["- #12 is broken", "“#1042” is broken", "1. #blessed", "- # # of items", "## Overview", "*", "- ", "(", "#1 note",
     "Write `#note` above it.", "“Write #note”", "Hello,\n- #note x\n(#close)", "> - #note x", "> ##note x"],
)  # fmt: skip
def test_signs_alone_make_no_order(text: str) -> None:
    """Without the name of one, behind words, and in what is quoted."""
    assert read(text) == Order(text=text)


def test_the_line_above_our_notices_hides_no_order() -> None:
    """It begins with two signs, and in Spanish with a word that is the name of one."""
    assert all(read(marker) == Order(text=marker) for marker in markers())


BAD = {
    "#colse": "Did you mean #close [silent]?",
    "#xyzzy": "#help lists them all",
    "#close the door": "put your text on the next line",
    "#undo it": "put your text on the next line",
    "#merge": "needs a ticket number",
    "#merge x": "needs a ticket number",
    "#merge 0": "needs a ticket number",
    "#merge -1": "needs a ticket number",
    "#merge 1 2": "needs a ticket number",
    "#merge ١": "needs a ticket number",
    "#merge 99999999999999999999": "needs a ticket number",
    "#assign": "needs a name",
    "#status": "no such status",
    "#status wrong": "no such status",
    "#from": "needs one e-mail address",
    "#from kim": "needs one e-mail address",
    "#from a@b.example, c@d.example": "needs one e-mail address",
    "#language fr": "takes one of: en, de",
    "#language": "takes one of: en, de",
    "#close\n#solved": "contradict",
    "#wait\n#status closed": "contradict",
    "#split\n#merge 7": "contradict",
    "#merge 7\n#merge 8": "contradict",
    "#assign me\n#assign Bob": "contradict",
    "#from a@b.example\n#to c@d.example": "contradict",
    "#tag billing #solved": "Begin the line with #solved",
    "#tag billing, #gelöst.": "Begin the line with #solved",
    "#assign Bob #note he knows her": "Begin the line with #note",
    "#note #assign Bob": "Begin the line with #assign",
    "#snooze 3d #tag billing": "Begin the line with #tag",
}


@pytest.mark.parametrize(("text", "said"), BAD.items())
def test_a_mistake_is_said(text: str, said: str) -> None:
    """Nothing is guessed: the problem is told in both languages, with the right form."""
    problems = read(text).problems
    assert len(problems) == 1
    assert said in text_of(problems[0], "en")
    assert text_of(problems[0], "de") != text_of(problems[0], "en")


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "#1042 is broken",
        "#",
        "# ",
        "#!",
        "##",
        "##- Please write your reply above this line -##",
        "> #close",
        "Hello\n#close",
        "close",
        "",
    ],
)
def test_what_is_no_command_is_the_mail(text: str) -> None:
    """Prose stays prose, wherever a sign stands in it."""
    assert read(text) == Order(text=text)


def test_several_commands_and_the_text_after_them() -> None:
    """Blank lines before, between and after them do not matter; the text is kept as it is."""
    order = read("\n\n#assign me\n\n#wait\n\n  Dear Kim,\n\n  #close is a command.\n\n")
    assert [c.verb for c in order.commands] == [Verb.ASSIGN, Verb.WAIT]
    assert order.text == "  Dear Kim,\n\n  #close is a command."
    assert (order.has(Verb.WAIT), order.has(Verb.CLOSE)) == (True, False)
    assert (order.argument(Verb.ASSIGN), order.argument(Verb.CLOSE)) == ("me", "")


def test_words_of_an_order_may_name_another() -> None:
    """A note may speak of one, a tag may bear the sign."""
    assert read("#note they wrote #close, too").noted == "they wrote #close, too"
    assert read("#tag #billing #vip").argument(Verb.TAG) == "billing vip"
    assert read("#search #close").problems == ()


def test_the_same_command_twice_is_said_once() -> None:
    """No harm in it; several notes are one note each."""
    assert read("#close\n#close").problems == ()
    assert read("#note a\n#note b").problems == ()


def test_every_note_is_kept_with_the_text() -> None:
    """In the order in which they stand, other orders between them or not."""
    assert read("#note a\n#assign Bob\n#note\n#notiz b\n\nc\nd").noted == "a\nb\nc\nd"
    assert read("#close").noted == ""


def test_every_verb_has_a_form_that_is_understood() -> None:
    """What the help lists can be typed."""
    fill = {"NAME|me|nobody": "me", "NAME": "solved", "N": "7", "[N]": "7", "ADDRESS": "a@b.example", "en|de|…": "de"}
    fill |= {"[ADDRESS|DOMAIN]": "junk.example", "[silent]": "silent", "[ADDRESS]": "a@b.example"}
    assert FORMS.keys() == set(Verb)
    for verb, form in FORMS.items():
        word, _, argument = form.partition(" ")
        assert read(f"{word} {fill.get(argument, argument)}").commands[0].verb is verb


def test_no_alias_hides_a_verb() -> None:
    """A word has one meaning."""
    assert not set(aliases()) & {v.value for v in Verb}
    assert all(word == word.casefold() for word in (*aliases(), *status_words()))
    assert set(status_words().values()) == set(Status)


@pytest.mark.parametrize(
    ("subject", "text", "asks"),
    [
        ("Status", "", True),
        ("Status?", "status?", True),
        ("", "  My  Tickets \n", True),
        ("Re: Your open requests", "status", True),
        ("AW: Ihre offenen Anfragen", "Status?", True),
        ("Order 55", "Status?", False),
        ("Hello", "My tickets", False),
        ("", "Meine Anfragen\n-- \nKim", True),
        ("#status", "", True),
        ("Status", "What is the status of the new building?", False),
        ("Status of the building", "", False),
        ("Hello", "", False),
        ("Estado", "", True),
        ("", "¿Estado?", True),
        ("Statut\u00a0?", "", True),
        ("Stato", "stato?", True),
        ("Pedido 55", "#estado", True),
        ("Stan zgłoszeń", "", True),
        ("Re: Your open requests", "Estado dos meus pedidos.", True),
        ("Stato", "Lo stato del pacco non cambia.", False),
        ("?", "", False),
    ],
)
def test_a_customer_asks_for_the_list(subject: str, text: str, asks: bool) -> None:
    """The word stands alone; with any other text a human is asked."""
    assert asks_status(subject, text) is asks


WORDS = st.sampled_from(
    [*(f"#{v.value}" for v in Verb), *(f"#{a}" for a in aliases()), "#x", "#", "7", "me", "\n", " ", "\t"]
)
TEXTS = st.text(max_size=200) | st.lists(WORDS | st.text(max_size=8), max_size=12).map(" ".join)


@EXAMPLES
@given(TEXTS, st.lists(st.text(max_size=10), max_size=3))
def test_no_text_raises_and_none_is_lost(text: str, statuses: list[str]) -> None:
    """What is not a line of the head that begins with a sign, or with an order's clothes, is in the text, in order."""
    order = read(text, statuses=statuses)
    assert text.strip("\n").endswith(order.text)
    head = text.strip("\n").removesuffix(order.text) if order.text else text
    for line in head.split("\n"):
        bare = line.strip().strip("\u200b\ufeff")
        assert not bare or bare.startswith("#") or clothes.undressed(line).startswith("#") or clothes.hidden(line)
    assert len(order.commands) + len(order.problems) >= sum(is_command(line) for line in head.split("\n"))
    for problem in order.problems:
        assert text_of(problem, "de")


@EXAMPLES
@given(st.text(max_size=100))
@example("_")
@example("**")
def test_a_text_without_the_sign_is_left_alone(text: str) -> None:
    """Nothing is cut from an ordinary mail."""
    text = text.replace("#", "")
    assert read(text) == Order(text=text.strip("\n") if text.strip() else read(text).text)


def test_several_tickets_are_opened_again_by_a_line_each() -> None:
    """Each is an order of its own; beside any other order they contradict each other."""
    order = read("#reopen 3\n#reopen 5\n#reopen 3\n\nThanks")
    assert not order.problems
    assert [o.commands for o in apart(order)] == [(Command(Verb.REOPEN, "3"),), (Command(Verb.REOPEN, "5"),)]
    assert {o.text for o in apart(order)} == {"Thanks"}
    for text in ("#reopen 3\n#reopen", "#reopen 3\n#reopen 5\n#assign Bob", "#reopen 3\n#close"):
        order = read(text)
        assert order.problems
        assert apart(order) == (order,)
    assert apart(read("#reopen 3")) == (read("#reopen 3"),)
    assert apart(read("#note a\n#assign Bob")) == (read("#note a\n#assign Bob"),)


@pytest.mark.parametrize("status", [Status.NEW, Status.WAITING_ON_US, Status.WAITING_ON_CONTACT, Status.CLOSED])
def test_a_status_is_ordered_as_it_is_shown(status: Status) -> None:
    """What agents read on a ticket they may write behind #status, in each language."""
    known = status_words()
    assert {known.get(agent_label(status, language).casefold()) for language in texts.languages()} == {status}


OF_GERMANS = {
    "#löst": "Meinten Sie #gelöst?",
    "#geb Bob": "Meinten Sie #geben NAME?",
    "#nur jetzt": "Nach #nur folgt nichts",
    "#warten\n#schließen": "#warten & #schließen",
    "#zuweisen Bob\n#zuweisen mir": "#zuweisen Bob & #zuweisen mir",
    "#teilen\n#schlagwort x": "#teilen steht für sich allein",
    "#verschieben": "#verschieben 1042",
    "##notiz": "mit #notiz oder",
    "#status foo": "wartet auf uns, wartet auf Kunden, gelöst, geschlossen, escalated",
}


@pytest.mark.parametrize(("text", "said"), OF_GERMANS.items())
def test_a_mistake_names_orders_as_the_readers_sheet_does(text: str, said: str) -> None:
    """Whatever language they were written in; what is offered can be written."""
    (problem,) = read(text, statuses=("escalated",)).problems
    assert said in text_of(problem, "de")


@pytest.mark.parametrize("language", texts.languages())
def test_the_statuses_that_are_offered_are_understood(language: str) -> None:
    """In each language; the site's own are called as the site does."""
    (problem,) = read("#status foo", statuses=("escalated",)).problems
    offered = text_of(problem, language).rpartition(": ")[2].rstrip(".").split(", ")
    ours = [read(f"#status {name}", statuses=("escalated",)).commands[0].argument for name in offered]
    assert ours == ["waiting_on_us", "waiting_on_contact", "solved", "closed", "escalated"]

"""An agent's formatting: kept for exactly the words that may leave, or not at all."""

from __future__ import annotations

import re
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import formatted
from gateway.mail.html_text import to_text
from tests.core.build import EXAMPLES


def keep(html: str, text: str, **pictures: str) -> str:
    return formatted.keep(html, text, pictures, lambda url: "inner" not in url)


KEPT = [
    ("bold", "<p>You <b>will</b> get it.</p>", "You will get it.", "<p>You <b>will</b> get it.</p>"),
    ("stars for bold", "<p>You <b>will</b></p>", "You *will*", "<p>You <b>will</b></p>"),
    ("a list", "<ol><li>one<li>two</ol>", " 1. one\n 2. two", "<ol><li>one</li><li>two</li></ol>"),
    ("numbers by hand", "<p>1. one<br>2. two</p>", "1. one\n2. two", "<p>1. one<br>2. two</p>"),
    ("a word in two pieces", "<p>Re<i>start</i>!</p>", "Restart!", "<p>Re<i>start</i>!</p>"),
    ("umlauts composed otherwise", "<p>gru\u0308n</p>", "grün", "<p>grün</p>"),
    ("a command above", "<div>#solved</div><p>Done.</p>", "Done.", "<p>Done.</p>"),
    ("a command on the same line", "#solved<br>Done (now).", "Done (now).", "Done (now)."),
    ("a quotation below", "<div>Yes.<br></div><blockquote>Well?</blockquote>", "Yes.", "<div>Yes.</div>"),
    ("a quotation above", "<blockquote>Well?</blockquote><p>Yes!</p>", "Yes!", "<p>Yes!</p>"),
    ("a point behind a link", '<a href="https://a.example/">so</a>. Bye', "so <https://a.example/>.",
     '<a href="https://a.example/">so</a>.'),
    ("an empty cell", "<table><tr><td>a</td><td></td><td>b</td></tr></table>", "a | | b",
     "<table><tbody><tr><td>a</td><td></td><td>b</td></tr></tbody></table>"),
    ("a script", "<p>Hi<script>alert(1)</script></p>", "Hi", "<p>Hi</p>"),
    ("attributes", '<p onclick="x()" style="color:red" title="secret" class="y">Hi</p>', "Hi", "<p>Hi</p>"),
    ("signs of markup", "<p>a &lt;b&gt; &amp; c</p>", "a <b> & c", "<p>a &lt;b&gt; &amp; c</p>"),
    ("a remote picture", '<p>Hi <img src="https://t.example/1.gif" alt="Logo">you</p>', "Hi [Logo]you",
     "<p>Hi you</p>"),
    ("dashes below", "<div>Yes.<br>--<br>Anna</div>", "Yes.", "<div>Yes.</div>"),
    ("arrows below", "<div>Yes<br></div><div>&gt;&gt;&gt; Erika wrote &gt;&gt;&gt;</div>", "Yes", "<div>Yes</div>"),
    ("a smiley at the end", "<div>Thanks 🙂</div><p>Erika wrote</p>", "Thanks 🙂", "<div>Thanks 🙂</div>"),
    ("a line of a smiley", "<p>Yes</p><p>👍</p><p>Erika wrote</p>", "Yes\n\n👍", "<p>Yes</p><p>👍</p>"),
    ("a smiley in front", "#close<br>🙂 Yes", "🙂 Yes", "🙂 Yes"),
    ("a point behind bold", "<p>So <b>it</b>. Bye</p>", "So it.", "<p>So <b>it</b>.</p>"),
    ("an inner link", '<p>see <a href="https://inner.example">this</a></p>', "see this", "<p>see this</p>"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "html", "text", "expected"), KEPT, ids=[k[0] for k in KEPT])
def test_kept(case: str, html: str, text: str, expected: str) -> None:
    """The words of the text, as the agent formatted them."""
    assert keep(html, text) == expected


NOT_KEPT = [
    ("other words", "<p>You will not get it.</p>", "You will get it."),
    ("words hidden between", '<p>You <span style="display:none">maybe </span>will</p>', "You will"),
    ("words in another order", "<p>will you</p>", "you will"),
    ("a part of a word", "<p>know</p>", "no"),
    ("no words at all", "<p>🙂</p>", "🙂"),
    ("nothing", "", "Hi"),
    ("more markup than anybody writes", "<p>Hi</p>" + "<br>" * 100_000, "Hi"),
]


@pytest.mark.parametrize(("case", "html", "text"), NOT_KEPT, ids=[k[0] for k in NOT_KEPT])
def test_not_kept(case: str, html: str, text: str) -> None:
    """When in doubt the text goes out alone."""
    assert keep(html, text) == ""


def test_pictures_are_shown_under_ids_of_ours() -> None:
    """Ids of the agent's program may hold the name of a machine; a picture that does not go along is left out."""
    html = '<p>Look: <img src="cid:one@agents-pc" width="20"> there <img src="cid:two@agents-pc"></p>'
    assert keep(html, "Look: there", **{"one@agents-pc": "1@desk.example"}) == (
        '<p>Look: <img src="cid:1@desk.example" width="20"> there </p>'
    )


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ('width="1600" height="1200"', 'width="560" height="420"'),
        ('width="1120px"', 'width="560"'),
        ('width="4000" height="1"', 'width="560" height="1"'),
        ('width="560" height="900"', 'width="560" height="900"'),
        ('width="100%" height="1200"', 'width="100%" height="1200"'),
    ],
)
def test_a_wide_picture_fits_the_page(given: str, sent: str) -> None:
    """Outlook goes by its width alone, and a screenshot made the whole mail as wide as itself."""
    shown = keep(f'<p>Look: <img src="cid:one" {given}></p>', "Look:", one="1@desk.example")
    assert shown == f'<p>Look: <img src="cid:1@desk.example" {sent}></p>'


@pytest.mark.parametrize(
    ("given", "real", "sent"),
    [
        ("", 1600, ' width="560"'),
        ("", 300, ""),
        ("", 0, ""),
        ('width="300"', 1600, ' width="300"'),
        ('height="40"', 1600, ' height="40"'),
    ],
)
def test_a_picture_that_says_nothing_of_its_width_fits_the_page_too(given: str, real: int, sent: str) -> None:
    """Many programs write none, and then Outlook draws every pixel of a screenshot."""
    shown = formatted.keep(
        f'<p>Look: <img src="cid:one" {given}></p>', "Look:", {"one": "1@desk.example"}, bool, widths={"one": real}
    )
    assert shown == f'<p>Look: <img src="cid:1@desk.example"{sent}></p>'


def test_a_picture_belongs_to_the_words_beside_it() -> None:
    """One above the first word or below the last is shown, one beside words that do not go along is not."""
    html = (
        '<div>#close<br><img src="cid:above"></div><div>It is <b>this</b>: one!<br><img src="cid:below"></div>'
        '<p>On Monday Erika wrote: <img src="cid:quoted"></p>'
    )
    pictures = {"above": "1@desk.example", "below": "2@desk.example", "quoted": "3@desk.example"}
    assert keep(html, "It is this: one!", **pictures) == (
        '<div><img src="cid:1@desk.example"></div><div>It is <b>this</b>: one!<br><img src="cid:2@desk.example"></div>'
    )


WORDS = st.lists(st.sampled_from(["one", "two", "zwei", "Größe", "x1", "42"]), min_size=1, max_size=5).map(" ".join)
BLOCKS = st.tuples(st.sampled_from(["p", "div", "b", "blockquote", "li", "td", "a", "pre"]), WORDS)


@EXAMPLES
@given(st.lists(BLOCKS, min_size=1, max_size=8), st.data())
def test_it_never_says_more_than_the_text(blocks: list[tuple[str, str]], data: st.DataObject) -> None:
    """Whatever is kept spells the text, letter by letter; a stretch of whole blocks is always found."""
    html = "".join(f"<{tag}>{escape(words)}</{tag}>\n" for tag, words in blocks)
    start = data.draw(st.integers(0, len(blocks) - 1))
    end = data.draw(st.integers(start + 1, len(blocks)))
    text = "\n".join(words for _, words in blocks[start:end])
    kept = keep(html, text)
    assert _letters(to_text(kept)) == _letters(text)


@given(st.text(max_size=60), st.text(max_size=20))
def test_hostile_markup_is_safe(html: str, text: str) -> None:
    """No mail of an agent may stop the desk."""
    kept = keep(html, text)
    assert kept == "" or _letters(re.sub("<[^<>]*>", "", kept))


def _letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text))


def test_a_pictures_name_in_the_text_is_no_word() -> None:
    """The text form names the picture that the markup shows."""
    html = '<p>Look: <img src="cid:one@agents-pc" alt="A lamp"> <b>there</b></p>'
    assert "<b>there</b>" in keep(html, "Look: [image001.png] there")


@pytest.mark.parametrize(
    ("html", "want"),
    [
        ("<p><b>Hi</b></p><ol type='a'><li>one</li><li>two</li></ol>", '<ol type="a"><li>one</li><li>two</li></ol>'),
        ("<p><b>10<sup>-3</sup></b> m<sup>2</sup>, 5 m²</p>", "<p><b>10<sup>-3</sup></b> m<sup>2</sup>, 5 m²</p>"),
    ],
)
def test_what_the_text_says_in_signs_of_its_own_keeps_its_form(html: str, want: str) -> None:
    """Letters of a list and raised figures are elements in the markup."""
    assert want in formatted.keep(html, to_text(html), {}, lambda url: True)


@pytest.mark.parametrize(
    ("struck", "kept"),
    [("<s>100</s>", True), ("<del>100</del>", True), ("<span style='text-decoration:line-through'>100</span>", False)],
)
def test_what_is_struck_out_never_reads_as_valid(struck: str, kept: bool) -> None:
    """Where its style is not kept, the text alone says it."""
    html = f"<p>Price {struck} <b>80</b></p>"
    found = formatted.keep(html, to_text(html), {}, lambda url: True)
    assert bool(found) is kept
    assert not kept or "<s>" in found or "<del>" in found

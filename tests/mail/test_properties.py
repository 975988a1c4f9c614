"""What is true of every mail, however broken (hypothesis chooses what breaks)."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mail import charset, header, html_safe, html_text, new_text, people, text
from gateway.mail.parse import parse
from gateway.mail.subject import base_subject
from tests import mails
from tests.mutation import ENVELOPE, faults, mutate

POOL = list(mails.all_mails().values())
FAST = settings(max_examples=150, deadline=None, derandomize=True)
"""Deterministic: the suite says the same on every machine. `tests/bench/mutate.py` looks further."""


@FAST
@given(st.integers(0, 2**32), st.integers(0, len(POOL) - 1), st.integers(0, len(POOL) - 1))
def test_broken_mail_keeps_every_promise(seed: int, first: int, second: int) -> None:
    """No exception, text both databases take, every byte of every file comes out again."""
    raw = mutate(random.Random(seed), POOL[first], POOL[second])
    assert list(faults(raw, parse(raw, ENVELOPE))) == []


@FAST
@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    """Noise is read like any mail."""
    assert list(faults(raw, parse(raw))) == []


@FAST
@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_bytes_are_text(data: bytes, declared: str) -> None:
    """Whatever is declared, decoding gives Unicode text and raises nothing."""
    charset.decode(data, declared, declared)[0].encode()


@FAST
@given(st.text(max_size=300))
def test_any_text_is_a_field(value: str) -> None:
    """Words, ids, parameters, people and subjects are read out of anything."""
    assert "\n" not in text.one_line(header.words(value))
    assert all(i and not i.isspace() for i in header.message_ids(value))
    header.content_type(value)
    header.disposition(value)
    people.found_in(people.plain_words(value, strict=len(value) % 2 == 0))
    base_subject(value)


@FAST
@given(st.text(max_size=500))
def test_the_new_text_is_part_of_the_text(value: str) -> None:
    """Every word of the new text was in the text, and there is none only when there was none."""
    value = text.clean(value)
    new = new_text.new_text(value)
    assert set(new.split()) <= set(value.split()) or new == value
    assert bool(new.strip()) == bool(value.strip())


TAGS = st.sampled_from(
    "<p>|</p>|<div class=gmail_quote>|</div>|<blockquote>|</blockquote>|<a href='x|<!--|<table>|<td>|<li>|<pre>|<style>"
    '|&amp|<br>|<img src=cid:a>|<meta class=gmail_quote>|<hr id=stopSpelling>|<script>|<b onclick="|wort |<|>'.split(
        "|"
    )
)


@FAST
@given(st.lists(TAGS, max_size=60).map("".join))
def test_any_markup_is_shown(markup: str) -> None:
    """Tag soup gives lines of clean text and markup without scripts or handlers."""
    assert all("\n" not in line.text for line in html_text.lines(markup))
    shown = html_safe.sanitise(markup)
    assert "<script" not in shown
    assert "onclick=" not in shown.replace("&quot;", '"') or "<b onclick" not in shown

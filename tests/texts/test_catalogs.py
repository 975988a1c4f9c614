"""Our catalogs hold what the code and the templates say, no less and no more."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from gateway.texts.catalog import read, translations
from tests import messages


@pytest.fixture(scope="module")
def template() -> Catalog:
    return messages.extracted()


@pytest.mark.parametrize("file", messages.catalogs(), ids=lambda f: f.parts[-3])
def test_a_catalog_is_whole(file: Path, template: Catalog) -> None:
    """No gap, nothing that is used no more, and the same values in key and translation."""
    assert list(messages.faults(file, template)) == []


@pytest.mark.parametrize("file", messages.catalogs(), ids=lambda f: f.parts[-3])
def test_a_catalog_is_as_make_messages_writes_it(file: Path, template: Catalog, tmp_path: Path) -> None:
    """So nobody gets changes of another's hand."""
    copy = tmp_path / file.parts[-3] / "LC_MESSAGES" / file.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(file.read_bytes())
    messages.update(copy, template)
    assert copy.read_text("utf-8") == file.read_text("utf-8")


@pytest.mark.parametrize("file", messages.catalogs(), ids=lambda f: f.parts[-3])
def test_a_translation_holds_no_english_sentence(file: Path) -> None:
    """What slipped into another's translation while it was edited would be read by people."""
    said = [m for m in messages.load(file) if m.id]
    begins = {(m.id[0] if isinstance(m.id, tuple) else m.id)[:30] for m in said}
    english = [b for b in begins if len(b) == 30 and b.count(" ") > 2]
    texts = [t for m in said for t in (m.string if isinstance(m.string, tuple) else (m.string,))]
    assert not [t for t in texts if any(b in t for b in english)]


def test_a_french_sign_never_begins_a_line() -> None:
    """What stands behind a space in French (`:` `;` `?` `!` and guillemets) stands behind one that cannot break."""
    [french] = (file for file in messages.catalogs() if "fr" in file.parts)
    said = [m for m in messages.load(french) if m.id and not m.context]
    texts = [t for m in said for t in (m.string if isinstance(m.string, tuple) else (m.string,))]
    assert not [t for t in texts if re.search(r"« | [:;?!»](\s|$)", t)]


@pytest.mark.parametrize(
    ("language", "never"),
    [
        ("fr", r"\{0\} (est|et est) absent\b"),
        ("fr", r"\bde \{name\}"),
        ("pl", r"/a\b|\(a\)"),
        ("it", r"\b[Aa]l \{"),
        ("it", r"(?<=[a-z] )(Sua|Suo|Suoi|Sue)\b"),
    ],
)
def test_a_name_or_a_date_fits_whatever_it_is(language: str, never: str) -> None:
    """Not “Anna est absent” or “de Anna” nor “al 8 marzo”; and whoever is spoken to is spoken to in one way."""
    [file] = (file for file in messages.catalogs() if language in file.parts)
    said = [m for m in messages.load(file) if m.id and not m.context]
    texts = [t for m in said for t in (m.string if isinstance(m.string, tuple) else (m.string,))]
    assert not [t for t in texts if re.search(never, t)]


def test_words_edited_since_they_were_compiled_are_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "de" / "LC_MESSAGES" / "replydesk.po"
    file.parent.mkdir(parents=True)
    words = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "ticket"\nmsgstr "{}"\n'
    file.write_text(words.format("Vorgang"))
    compiled = file.with_suffix(".mo")
    with compiled.open("wb") as stream:
        write_mo(stream, read(file))
    file.write_text(words.format("Ticket"))
    os.utime(compiled, ns=(file.stat().st_mtime_ns,) * 2)
    assert translations(file).gettext("ticket") == "Vorgang"
    os.utime(compiled, ns=(file.stat().st_mtime_ns - 1,) * 2)
    assert translations(file).gettext("ticket") == "Ticket"

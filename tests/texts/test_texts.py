"""Texts by language: what is asked for, what a site adds, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from gateway import texts
from gateway.config import build
from gateway.core import verbs
from gateway.errors import ConfigError
from gateway.mail.new_text import marker, new_text

ROOT = Path(__file__).parents[2]
BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


@pytest.fixture(autouse=True)
def _no_site_is_left() -> Iterator[None]:
    yield
    texts.use(None)


def site(tmp_path: Path, language: str, entries: str) -> Path:
    """A site's folder of templates with a catalog."""
    file = tmp_path / "locale" / language / "LC_MESSAGES" / "replydesk.po"
    file.parent.mkdir(parents=True)
    file.write_text(HEAD + entries, "utf-8")
    return tmp_path


OURS = ("en", "de", "es", "fr", "it", "nl", "pl", "pt")


def test_these_languages_are_ours() -> None:
    """English is the keys themselves; what there is no language for is English."""
    assert texts.languages() == OURS
    assert texts.catalog("de").name == "Deutsch"
    assert texts.catalog("tlh") is texts.catalog("en") is texts.ENGLISH


def test_values_go_in_by_place_and_by_name() -> None:
    """As in str.format."""
    assert texts.ENGLISH.gettext("Sent to {0} by {name}.", "Kim", name="Bob") == "Sent to Kim by Bob."
    assert texts.ENGLISH.ngettext("{count} day", "{count} days", 1) == "1 day"
    assert texts.ENGLISH.ngettext("{count} day", "{count} days", 2) == "2 days"


def test_dates_are_those_of_the_language() -> None:
    """In the zone that is asked for."""
    en, de = texts.catalog("en"), texts.catalog("de")
    assert (en.moment(MOMENT, BERLIN), de.moment(MOMENT, BERLIN)) == (
        "12 March 2026, 15:05 CET",
        "12. März 2026, 15:05 Uhr MEZ",
    )
    assert (en.short_moment(MOMENT, UTC), de.short_moment(MOMENT, UTC)) == (
        "12 Mar 2026, 14:05",
        "12. März 2026, 14:05",
    )
    assert en.weekday_moment(MOMENT, BERLIN) == "Thursday, 12 March, at 15:05"
    assert de.weekday_moment(MOMENT, BERLIN) == "Donnerstag, 12. März, 15:05 Uhr"
    assert (en.day(MOMENT, UTC), de.day(MOMENT, UTC)) == ("12 March 2026", "12. März 2026")
    assert (en.weekday(0), de.weekday(6)) == ("Monday", "Sonntag")
    assert (en.ago(timedelta(days=3)), de.ago(timedelta(hours=2))) == ("3 days ago", "vor 2 Stunden")
    assert en.ago(timedelta(seconds=59)) == ""
    assert (en.number(2.4, "0.0"), de.number(2.4, "0.0")) == ("2.4", "2,4")


def test_sizes_are_those_of_the_language() -> None:
    """In powers of ten, as file managers count them."""
    sizes = (999, 1_000, 48_213, 999_600, 2_440_000)
    assert [texts.catalog("en").size(n) for n in sizes] == ["999 B", "1 KB", "48 KB", "1.0 MB", "2.4 MB"]
    french = [texts.catalog("fr").size(n).replace("\N{NO-BREAK SPACE}", " ") for n in sizes]
    assert french == ["999 o", "1 Ko", "48 Ko", "1,0 Mo", "2,4 Mo"]


def test_a_site_adds_a_language_by_a_catalog(tmp_path: Path) -> None:
    """A folder is all; what it does not translate is English."""
    build(
        {"gateway": {"templates_dir": str(site(tmp_path, "pt_BR", 'msgid "Hello,"\nmsgstr "Olá,"\n'))}}, tmp_path / "x"
    )
    assert texts.languages() == (*OURS, "pt-BR")
    assert texts.catalog("pt-BR").gettext("Hello,") == "Olá,"
    assert texts.catalog("pt-BR").gettext("Nothing of the kind") == "Nothing of the kind"
    assert texts.catalog("pt-BR").weekday(0) == "segunda-feira"


def test_a_site_changes_texts_of_ours(tmp_path: Path) -> None:
    """English ones too; all others stay."""
    texts.use(site(tmp_path, "de", 'msgctxt "date"\nmsgid "d MMMM y"\nmsgstr "dd.MM.y"\n'))
    texts.use(site(tmp_path, "en", 'msgid "Hello,"\nmsgstr "Hi,"\n'))
    assert texts.catalog("de").day(MOMENT, UTC) == "12.03.2026"
    assert texts.catalog("de").moment(MOMENT, BERLIN) == "12. März 2026, 15:05 Uhr MEZ"
    assert texts.catalog("en").gettext("Hello,") == texts.catalog("tlh").gettext("Hello,") == "Hi,"
    assert texts.languages() == OURS


def test_words_of_a_site_are_recognised_beside_ours(tmp_path: Path) -> None:
    """Commands, statuses and the line above our mails, in every language at once."""
    entries = 'msgctxt "command"\nmsgid "note"\nmsgstr "remarque"\n'
    entries += '\nmsgid "##- Please write your reply above this line -##"\nmsgstr "##- Répondez ici -##"\n'
    build({"gateway": {"templates_dir": str(site(tmp_path, "oc", entries))}}, tmp_path / "x.toml")
    assert {verbs.aliases()[word].value for word in ("remarque", "notiz")} == {"note"}
    assert new_text("Oui\n##- Répondez ici -##\nVotre demande") == "Oui"
    assert new_text(f"Ja\n{marker('de')}\nIhre Anfrage") == "Ja"
    texts.use(None)
    assert "remarque" not in verbs.aliases()
    assert "notiz" in verbs.aliases()


def test_words_of_quoting_may_be_a_sites(tmp_path: Path) -> None:
    """How its mail programs announce what they quote."""
    reply = "Bien\nPar Kim <kim@example.net> griffonna:\nVotre demande"
    assert new_text(reply) == reply
    entries = 'msgctxt "quoting"\nmsgid "wrote|writes|sent"\nmsgstr "griffonna"\n'
    texts.use(site(tmp_path, "oc", entries))
    assert new_text(reply) == "Bien"


def test_a_changed_marker_leaves_the_old_one_known(tmp_path: Path) -> None:
    """Mails that were sent before the change are answered for months."""
    before = marker("de")
    entries = f'msgid "{marker("en")}"\nmsgstr "##- Bitte darüber -##"\n'
    texts.use(site(tmp_path, "de", entries))
    assert marker("de") == "##- Bitte darüber -##"
    assert new_text(f"Ja\n{before}\nIhre Anfrage") == "Ja"


def test_a_language_without_texts_is_refused() -> None:
    """The remedy names those there are."""
    with pytest.raises(ConfigError, match=r"there are no texts in 'sv'.*Use one of: en, de, es"):
        build({"gateway": {"default_language": "sv"}}, Path("x.toml"))


@pytest.mark.parametrize(
    ("language", "entries", "said"),
    [
        ("sv", 'msgid "a"\nmsgstr "b\n', "replydesk.po:5: "),
        ("sv", 'msgid "a {0}"\nmsgstr "b {1}"\n', "replydesk.po:4: 'a {0}' is translated with other words in {}"),
        ("de", 'msgid "a {name}"\nmsgstr "b {nam}"\n', "replydesk.po:4: 'a {name}' is translated with other"),
        ("sv", 'msgid "a {0}"\nmsgstr "b {0} {1}"\n', "replydesk.po:4: 'a {0}' is translated with other"),
        ("klingon", 'msgid "a"\nmsgstr "b"\n', "replydesk.po: cannot be read"),
    ],
)
def test_a_broken_catalog_is_refused_at_start(tmp_path: Path, language: str, entries: str, said: str) -> None:
    """By file and line, and not when a customer waits for an answer."""
    folder = site(tmp_path, language, entries)
    with pytest.raises(ConfigError) as refused:
        build({"gateway": {"templates_dir": str(folder)}}, tmp_path / "x.toml")
    assert said in str(refused.value)


@pytest.mark.parametrize("plural", ["__import__", "n/0", "n/(n-3)", "n >", ""])
def test_plural_forms_that_cannot_be_counted_are_refused(tmp_path: Path, plural: str) -> None:
    """By file, and not as a fault of ours when the first number is written."""
    folder = site(tmp_path, "de", 'msgid "a"\nmsgstr "b"\n')
    (file,) = folder.rglob("replydesk.po")
    head = f'msgid ""\nmsgstr ""\n"Plural-Forms: nplurals=2; plural={plural};\\n"\n\n'
    file.write_text(head + 'msgid "a"\nmsgstr "b"\n', "utf-8")
    with pytest.raises(ConfigError, match="cannot be used"):
        build({"gateway": {"templates_dir": str(folder)}}, tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("language", "entries", "said"),
    [
        ("de", 'msgid "#note"\nmsgstr "#schließen"\n', "'#schließen' stands for #note, and is read as #close"),
        ("de", 'msgid "#note"\nmsgstr "#vermerk"\n', "'#vermerk' stands for #note, and is no order"),
        (
            "da",
            'msgctxt "command"\nmsgid "close|closed"\nmsgstr "notiz"\n',
            "'#notiz' stands for #note, and is read as",
        ),
        ("sv", 'msgctxt "command"\nmsgid "note"\nmsgstr "vermerk"\n\nmsgid "#note"\nmsgstr "#vermerk"\n', ""),
    ],
)
def test_an_order_that_would_be_read_as_another_is_refused(
    tmp_path: Path, language: str, entries: str, said: str
) -> None:
    """Agents are shown how an order is written: a note must not close a ticket and go to the customer."""
    box = [{"address": "support@example.com"}]
    data = {"gateway": {"templates_dir": str(site(tmp_path, language, entries))}, "mailboxes": box}
    if not said:
        build(data, tmp_path / "x.toml")
        return
    with pytest.raises(ConfigError) as refused:
        build(data, tmp_path / "x.toml")
    assert said in str(refused.value)


def test_english_needs_no_babel() -> None:
    """What only speaks English starts without its tables."""
    script = (
        "import sys; from gateway import texts; texts.catalog('en').gettext('x'); assert 'babel' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_the_wheel_holds_compiled_catalogs(tmp_path: Path) -> None:
    """An installation reads no .po of ours."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        assert "templates/locale/de/LC_MESSAGES/replydesk.mo" in archive.namelist()
        archive.extractall(tmp_path / "installed")
    script = "from gateway import texts; print(texts.catalog('de').pgettext('date', 'd MMMM y'))"
    run = [sys.executable, "-P", "-c", script]
    env = {"PYTHONPATH": str(tmp_path / "installed")}
    said = subprocess.run(run, check=True, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert said.stdout == "d. MMMM y\n"


def test_what_was_split_off_says_where_it_came_from() -> None:
    """The new ticket names the one it was taken from, the old one the one it went to: never by the same word."""
    for language in texts.languages():
        words = texts.catalog(language)
        sentences = ("Split off #{0} by {1}.", "A mail was split off to #{0} by {1}.")
        of, to = (words.gettext(sentence, 7, "Kim").partition(" #7")[0].split()[-1] for sentence in sentences)
        assert of != to, language


@pytest.mark.parametrize(
    ("language", "said"),
    [("fr", "1er mars 2026"), ("de", "1. März 2026"), ("es", "1 de marzo de 2026"), ("en", "1 March 2026")],
)
def test_the_first_of_a_month_is_written_as_the_language_does(language: str, said: str) -> None:
    """In French it is an ordinal, and no other day is."""
    words = texts.catalog(language)
    assert words.day(MOMENT.replace(day=1), UTC) == said
    assert words.moment(MOMENT.replace(day=1), UTC).startswith(said)
    assert "er" not in texts.catalog("fr").day(MOMENT.replace(day=21), UTC)

"""The agents' sheet: every order is on it once, and the page in docs is the sheet."""

from __future__ import annotations

from pathlib import Path

from gateway import texts
from gateway.core import sheet
from gateway.core.commands import read
from gateway.core.status_words import _STATUS_WORDS
from gateway.core.verbs import _COMMAND_WORDS, Verb

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"


def _parted(line: str) -> tuple[str, str, str]:
    """An order and what it does; of a rule all stands in front."""
    return line.partition(" – ") if line.startswith("#") else (line, "", "")


def page() -> str:
    """The sheet as Markdown, a section for each language."""
    parts = []
    for language in texts.languages():
        parts.append(f"## {texts.catalog(language).name}\n")
        for group in sheet.sections(language):
            parts.append(f"**{group.title}**\n")
            orders = (_parted(item.text) for item in group.items)
            parts += [f"- `{form}` – {does}" if does else f"- {form}" for form, _, does in orders]
            parts.append("")
    return "\n".join(parts)


def test_every_order_is_on_the_sheet_once() -> None:
    named = [verb for orders in sheet.GROUPS.values() for verb in orders]
    assert sorted(named) == sorted(Verb)


def test_forms_of_every_language_are_understood() -> None:
    """Whoever copies a line of the sheet is obeyed."""
    for language in texts.languages():
        words = texts.catalog(language)
        for verb, form in sheet.FORMS.items():
            line = words.gettext(form).partition(" ")[0]
            known = read(f"{line} 1")
            assert [c.verb for c in known.commands] == [verb] or known.problems, (language, line, known)
            assert not any("unknown_command" in problem for problem in known.problems)


def test_a_word_orders_one_thing_in_every_language() -> None:
    """All languages are read at once: what a Pole means by a word, no Spaniard may mean otherwise."""
    meant: dict[str, set[str]] = {}
    for words in texts.catalogs().every():
        for tables, context in ((_COMMAND_WORDS, "command"), (_STATUS_WORDS, "status")):
            for wanted, message in tables.items():
                for word in words.words_in(context, message):
                    assert word == word.casefold().strip(), (words.language, word)
                    meant.setdefault(f"{context} {word}", set()).add(wanted.value)
    assert [word for word, wanted in meant.items() if len(wanted) > 1] == []


def test_the_page_for_agents_is_the_sheet() -> None:
    """Written by: python -c "from tests.core.test_sheet import *; PAGE.write_text(whole())"."""
    assert PAGE.read_text("utf-8") == whole()


def whole() -> str:
    return f"{HEAD}\n{page()}"


HEAD = """# What agents write

For agents: print it. An order stands on a line of its own before your text, in reply to a notice of the desk or to your
own address there. `#help` sends you this sheet, with that address. Orders may be written in any language of the desk.
"""

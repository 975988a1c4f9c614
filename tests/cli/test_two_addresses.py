"""What a person with several addresses takes along, and that nothing of them stays."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.mail.message import Envelope
from storage.erasure.person import strings, texts_of
from storage.tables import metadata
from storage.tx import Tx
from tests.cli.conftest import Shop

HOME, WORK = "ines@home.example", "ines@work.example"


def written(shop: Shop) -> None:
    """From either address, before they were one person's and after."""
    for number, (who, words) in enumerate(((HOME, "kettle"), (WORK, "toaster")), 1):
        _mail(shop, who, words, number)
    shop.out("contact", "merge", HOME, WORK)
    _mail(shop, WORK, "samovar", 3)


def _mail(shop: Shop, who: str, words: str, number: int) -> None:
    text = (
        f"From: Ines Zwiefach <{who}>\nTo: support@example.com\nSubject: {words}\nMessage-ID: <{number}@x>\n\n{words}\n"
    )
    shop.feed(text, Envelope("smtp", who, ("support@example.com",)))


def holding(tx: Tx, word: str) -> set[str]:
    """Tables with a text that holds a word."""
    return {
        table.name
        for table in metadata.sorted_tables
        for _, row in texts_of(tx.connection, table)
        if any(word in text.casefold() for value in row.values() for text in strings(value))
    }


def test_an_export_holds_what_came_from_either(shop: Shop, tmp_path: Path) -> None:
    """All requests as the person's; their mails from the further address in a folder of its own."""
    written(shop)
    folder = tmp_path / "hers"
    assert shop.run("contact", "export", HOME, str(folder)) == 0
    told = json.loads((folder / "data.json").read_text("utf-8"))
    assert sorted(t["subject"] for t in told["tickets"]) == ["kettle", "samovar", "toaster"]
    mails = [file.read_text("utf-8") for file in (folder / WORK / "mails").glob("received-*.eml")]
    assert sorted(mail.split()[-1] for mail in mails) == ["samovar", "toaster"]


def test_nothing_stays_of_either(shop: Shop) -> None:
    """Whichever is named: each address has its certificate."""
    written(shop)
    assert shop.database.read_now(lambda tx: holding(tx, "ines@")) != set()
    told = shop.json("contact", "erase", WORK, "--yes", "--force")
    assert (told["address"], [also["address"] for also in told["also"]]) == (HOME, [WORK])
    assert shop.database.read_now(lambda tx: holding(tx, "ines")) == set()
    assert shop.database.read_now(lambda tx: holding(tx, "samovar")) == set()
    assert shop.run("audit") == 0


def test_what_is_in_the_way_is_said_in_words_of_the_shell(shop: Shop) -> None:
    """Which of the two addresses is none, and not how an order by mail is written."""
    assert "b is no e-mail address" in shop.refused("contact", "merge", HOME, "b", code=2)
    assert "a is no e-mail address" in shop.refused("contact", "merge", "a", WORK, code=2)
    assert "#" not in shop.refused("contact", "merge", HOME, "anna@example.com")

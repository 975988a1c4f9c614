"""`replydesk report`: figures for people, spreadsheets and programs."""

from __future__ import annotations

import csv
import io

import pytest

from tests.cli.conftest import REQUEST, Shop


def test_a_period_in_figures(shop: Shop) -> None:
    """A line for the whole, or for each group; a tag that looks like a formula is a text."""
    shop.feed(REQUEST.replace("request-1", "request-2").replace("Drucker", "Scanner"))
    shop.out("ticket", "tag", "1", "lamp")
    words = ("report", "--from", "2026-03-01", "--to", "2026-03-31")
    assert "Open by age" in shop.out(*words)
    (whole,) = shop.json(*words)["groups"]
    assert (whole["opened"], whole["open"], whole["answers"], whole["rated"]) == (2, 2, 0, 0)
    rows = list(csv.DictReader(io.StringIO(shop.out(*words, "--by", "tag", "--csv"))))
    assert [(row["name"], row["opened"]) for row in rows] == [("lamp", "1"), ("–", "1")]
    assert shop.json("report", "--from", "2020-01-01", "--to", "2020-01-31")["groups"][0]["opened"] == 0


def test_days_that_are_none(shop: Shop) -> None:
    assert shop.run("report", "--from", "yesterday") == 2
    assert shop.run("report", "--from", "2026-03-31", "--to", "2026-03-01") == 2


@pytest.mark.parametrize("words", [("--from", "0001-01-01"), ("--to", "9999-12-31"), ("--from", "1969-12-31")])
def test_days_nobody_can_count(shop: Shop, words: tuple[str, str]) -> None:
    """It says which days it takes; those at the ends are counted."""
    assert shop.run("report", *words) == 2
    assert f"'{words[1]}' is too far away; give a day from 1970-01-01 to 9998-12-31" in shop.capsys.readouterr().err
    assert shop.json("report", "--from", "1970-01-01", "--to", "9998-12-31")["groups"][0]["opened"] == 1

"""How things are shown: frames on a terminal only, control characters nowhere, JSON whole."""

from __future__ import annotations

import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from rich.cells import cell_len

from gateway.cli import show


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def plain(terminal: Terminal) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue())


def test_a_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like rich's markup is shown as it is; a column with nothing in it is left out."""
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    show.table(("number", "due", "subject"), [("1", "", "[red]alert[/red] \x1b[2J:smile:")])
    shown = plain(terminal)
    assert "[red]alert[/red] [2J:smile:" in shown
    assert shown.splitlines()[0].split() == ["number", "subject"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_row_is_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """The longest cells are cut first, and say so; wide letters count twice."""
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    row = ("1042", "Waiting on us", "2026-11-28 08:54", "erika.beispiel@example.net", "印刷機が動かない" * 9)
    show.table(("number", "status", "last activity", "requester", "subject"), [row, row])
    lines = plain(terminal).splitlines()
    assert len(lines) == 3
    assert all(cell_len(line) <= width for line in lines)
    assert "2026-11-28 08:54" in lines[1] or width < 80
    assert lines[1].endswith("…")


def test_columns_that_are_cut_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many columns on a narrow terminal: each is cut, and a gap is left behind it."""
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    show.table(
        ("id", "received", "from", "to"), [("7", "2026-11-28 08:54", "<kim@customer.example>", "support@ours.example")]
    )
    received, sender, to = plain(terminal).splitlines()[1].split()[1:]
    assert received == "2026-11-28"
    assert sender.startswith("<kim")
    assert sender.endswith("…")
    assert to.startswith("sup")
    assert to.endswith("…")


@pytest.mark.parametrize("width", [40, 80])
def test_what_to_do_is_told_whole(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """However narrow the terminal is, below the beginning of the sentence."""
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    said = "alarms go to the log only. Set gateway.operator to an address that somebody reads, also at night."
    show.table(
        ("level", "about", "finding"), [("warning", "operator", said), ("ok", "relay", "it answers")], whole=True
    )
    _, *lines, last = plain(terminal).splitlines()
    assert " ".join(" ".join(lines).split()) == f"warning operator {said}"
    assert {line.index(line.split()[0]) for line in lines[1:]} == {lines[0].index("alarms")}
    assert last.split() == ["ok", "relay", "it", "answers"]
    assert all(cell_len(line) <= width for line in lines)


def test_what_a_ticket_is_about_can_be_read_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are cut before status and subject, and of a moment its day is left whole."""
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    row = (
        "1",
        "Waiting on us",
        "2026-11-28 08:54",
        "anna@example.com",
        "erika.beispiel@example.net",
        "It stopped. " * 9,
    )
    show.table(("number", "status", "last activity", "assignee", "requester", "subject"), [row])
    shown = plain(terminal).splitlines()[1]
    assert cell_len(shown) <= 80
    assert " Waiting on us  2026-11-28  " in shown
    assert "  It stopped. It sto" in shown


def test_what_there_is_none_of_has_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is alarmed by a count of nothing."""
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal)
    show.table(("state", "count"), [("held", "0"), ("failed", "3")])
    _, held, failed = terminal.getvalue().splitlines()
    assert "\x1b[31m" not in held
    assert "\x1b[31m" in failed


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("TERM", "xterm", "\x1b[31mheld\x1b[0m\n"), ("NO_COLOR", "1", "held\n"), ("TERM", "dumb", "held\n")],
)
def test_a_line_has_the_colour_the_terminal_wants(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, shown: str
) -> None:
    """None where NO_COLOR is set, none on a terminal that knows none."""
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", terminal)
    show.line("held", "red")
    assert terminal.getvalue() == shown


def test_a_pipe_gets_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    """No colour codes; long cells are cut but for the last."""
    show.table(("a", "b", "c"), [("x" * 100, "1", "y" * 100), ("z", "22", "line\nbreak\x1b[31m")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"{'x' * 59}…  1   {'y' * 100}"
    assert lines[2] == f"z{' ' * 61}22  line break[31m"


def test_sentences_go_on_below_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal; addresses stay whole, however long."""
    monkeypatch.setenv("COLUMNS", "30")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    show.sentences("Marks:\n  it answers our mail <rd.1042.c.abcdefghijklmnop@example.com>", "  ")
    assert terminal.getvalue().splitlines() == [
        "  Marks:",
        "    it answers our mail",
        "      <rd.1042.c.abcdefghijklmnop@example.com>",
    ]


def test_an_array_is_one_however_many(capsys: pytest.CaptureFixture[str]) -> None:
    for values in ([], [1], [1, {"a": "ü\ud800"}, None]):
        show.json_array(values)
        assert json.loads(capsys.readouterr().out) == values


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (14_200, "14 kB"), (2_300_000, "2.3 MB")]
)
def test_sizes(count: int, said: str) -> None:
    assert show.size(count) == said


def test_times() -> None:
    """UTC for programs, the site's time for people."""
    moment = datetime(2026, 3, 12, 15, 5, 7, tzinfo=timezone(timedelta(hours=1)))
    assert show.iso(moment) == "2026-03-12T14:05:07Z"
    assert show.iso(None) is None
    assert show.when(moment, UTC) == "2026-03-12 14:05"
    assert show.when(None, UTC) == ""

"""The command line as a whole: exit codes, where `--config` may stand, one line for each error, quiet ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__, cli
from gateway.cli import NOUNS, main
from gateway.errors import StorageUnavailable
from tests.cli.conftest import Shop

PROJECT = Path(__file__).resolve().parents[2]


def replydesk(*words: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own."""
    return subprocess.run([sys.executable, "-m", "gateway", *words], cwd=PROJECT, capture_output=True, **more)  # type: ignore[call-overload,no-any-return]  # passed on


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["ticket", "--help"], 0),
        (["ticket", "list", "--help"], 0),
        ([], 2),
        (["tickets"], 2),
        (["--loud", "ticket"], 2),
        (["ticket", "list", "--loud"], 2),
        (["--config"], 2),
        (["journal", "show", "one"], 2),
        (["journal", "show", "99999999999"], 2),
        (["journal", "show", "0"], 2),
        (["journal", "list", "--limit", "-1"], 2),
        (["ticket", "show", "99999999999"], 2),
        (["outbox", "list", "--state", "lost"], 2),
        (["explain"], 2),
        (["--config", "/nowhere/replydesk.toml", "ticket", "list"], 1),
        (["ticket", "list", "--config", "/nowhere/replydesk.toml"], 1),
        (["ticket", "--config=/nowhere/replydesk.toml", "list"], 1),
    ],
)
def test_exit_codes(words: list[str], code: int) -> None:
    """0 done, 1 said no with a reason, 2 wrong usage."""
    assert main(words) == code


def test_help_names_every_noun(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  {noun} " in shown for noun in NOUNS)
    main(["--version"])
    assert capsys.readouterr().out.startswith(f"replydesk {__version__}")


def test_help_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a noun means goes on below itself; the page ends with what tells more."""
    monkeypatch.setenv("COLUMNS", "60")
    main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    nouns = lines[lines.index("nouns:") + 1 : -2]
    assert {line.index(line.split(maxsplit=1)[0]) for line in nouns} == {2, 16}
    assert lines[-1] == "`replydesk NOUN --help` tells more."


@pytest.mark.parametrize("place", [0, 1, 2])
def test_config_may_stand_anywhere(shop: Shop, place: int) -> None:
    words = ["ticket", "list"]
    words[place:place] = ["--config", str(shop.file)]
    assert main(words) == 0


def test_config_from_the_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """REPLYDESK_CONFIG counts where no option is given; the option wins."""
    monkeypatch.setenv("REPLYDESK_CONFIG", str(shop.file))
    assert main(["stats"]) == 0
    assert main(["--config", "/nowhere/replydesk.toml", "stats"]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("timezone", "time_zone"), "gateway.time_zone: unknown key. Did you mean 'timezone'?"),
        (('"anna@example.com"', '"anna"'), "agents[0].address: 'anna' is not an e-mail address"),
        (('transport = "file"', "transport = file"), "is not valid TOML"),
        (("[portal]", "[portal]\nport = 1"), "portal.port: unknown key"),
    ],
)
def test_a_wrong_config_is_one_line(shop: Shop, change: tuple[str, str], said: str) -> None:
    """It names file, key and remedy, whatever the noun; `check` says the same."""
    shop.file.write_text(shop.file.read_text("utf-8").replace(*change), "utf-8")
    line = shop.refused("ticket", "list")
    assert re.match(rf"replydesk: {re.escape(str(shop.file))}:\d+: ", line)
    assert said in line
    assert shop.run("check") == 1
    assert said.partition(". ")[0] in shop.capsys.readouterr().out


def test_an_empty_database_is_said_to_be_so(shop: Shop) -> None:
    """Nothing is made by asking: only the daemon makes tables."""
    shop.database.close_now()
    file = shop.file.parent / "var" / "replydesk.sqlite3"
    for left in file.parent.glob("replydesk.sqlite3*"):
        left.unlink()
    line = "replydesk: the database is empty: start the daemon once, which makes its tables\n"
    assert shop.refused("journal", "list") == line
    assert not file.exists()
    file.touch()
    assert shop.refused("journal", "list") == line


def test_a_database_of_another_version_is_not_touched(shop: Shop) -> None:
    with shop.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "schema 9999" in shop.refused("stats")


def test_a_lost_secret_is_not_replaced(shop: Shop) -> None:
    """A new one would make every mark given out before worthless; that must not happen by looking at a list."""
    secret = shop.file.parent / "var" / "secret"
    secret.unlink()
    assert "gateway.secret_file" in shop.refused("ticket", "list", "--json")
    assert not secret.exists()


def test_try_later_when_the_database_is_down(shop: Shop) -> None:
    """75 (EX_TEMPFAIL), for scripts that try again; no password in the line."""
    text = shop.file.read_text("utf-8")
    url = "postgresql+psycopg://replydesk:hunter2@127.0.0.1:1/replydesk"
    shop.file.write_text(text.replace(shop.database.url, url), "utf-8")
    line = shop.refused("stats", code=75)
    assert "hunter2" not in line


@pytest.mark.parametrize(("debug", "lines"), [("", 1), ("1", 3)])
def test_an_unexpected_fault_is_one_line(shop: Shop, monkeypatch: pytest.MonkeyPatch, debug: str, lines: int) -> None:
    """With a hint how to see where it came from, and the traceback when that hint is followed."""

    def break_down(*_: object) -> None:
        raise RuntimeError("of all\nthings")

    monkeypatch.setenv("REPLYDESK_DEBUG", debug)
    monkeypatch.setattr("gateway.config.load", break_down)
    assert shop.run("stats") == 1
    said = shop.capsys.readouterr().err
    assert said.splitlines()[-1] == "replydesk: unexpected RuntimeError: of all things (REPLYDESK_DEBUG=1 shows where)"
    assert ("Traceback" in said) is bool(debug)
    assert len(said.splitlines()) >= lines


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/var/x"), "/var/x: Permission denied. Run this as root, or as the"),
        (OSError(28, "No space left on device"), "No space left on device. Make room."),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_ours(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    """Whoever asks as another user, or into a full disk, is told what to do."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("gateway.config.load", refuse)
    assert shop.refused("stats").startswith(f"replydesk: {said}")


def test_a_terminal_that_lacks_a_character_shows_the_rest(shop: Shop) -> None:
    """Subjects are of every script, terminals are not."""
    done = replydesk(
        "ticket", "list", "--config", str(shop.file), env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Der Drucker druckt nicht ?ber WLAN" in done.stdout


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 0), (StorageUnavailable("later"), 75)]
)
def test_how_a_command_may_end(shop: Shop, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    """Ctrl-C and a reader that went away are quiet."""

    def end(*_: object) -> None:
        raise error

    monkeypatch.setattr("gateway.config.load", end)
    monkeypatch.setattr(cli, "_forget_stdout", lambda: None)
    assert shop.run("stats") == code
    assert ("later" in shop.capsys.readouterr().err) is (code == 75)


def test_a_reader_that_stops_reading(shop: Shop) -> None:
    """`replydesk … | head -1` ends without a word."""
    for n in range(40):
        shop.feed(f"From: c{n}@c.example\nTo: support@example.com\nSubject: {'x' * 400}\n\nx\n")
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "gateway", "--config", str(shop.file), "ticket", "list", "--json"],
        cwd=PROJECT,
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("words", [["--help"], ["ticket", "list", "--help"], ["--version"]])
def test_help_that_cannot_be_written_is_said_to_be_so(words: list[str]) -> None:
    """As whatever else a verb prints: a script must not take an empty file for it."""
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "gateway", *words]
        ended = subprocess.run(command, cwd=PROJECT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"replydesk: No space left on device. Make room.\n")


def test_output_is_utf8_in_any_locale(shop: Shop) -> None:
    """JSON is UTF-8 by its standard (RFC 8259), even where the locale says otherwise."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "de_DE.ISO-8859-1", "PYTHONIOENCODING": "latin-1"}
    ended = replydesk("--config", str(shop.file), "ticket", "list", "--json", env=env)
    assert "über".encode() in ended.stdout


def test_every_noun_has_its_two_functions() -> None:
    """`configure` and `run`, in a module of the noun's name."""
    for noun in NOUNS:
        assert (PROJECT / "gateway" / "cli" / f"{noun.replace('-', '_')}.py").is_file()
        assert main([noun, "--help"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tikcet"], "there is no 'tikcet'. Did you mean 'ticket'?"),
        (["ticket", "shwo", "1"], "there is no 'shwo'. Did you mean 'show'?"),
        (
            ["journal", "list", "--reason", "marked-spam"],
            "there is no 'marked-spam'. Did you mean 'marked-as-spam'?",
        ),
        (["xyzzy"], "there is no 'xyzzy'. `replydesk --help` names what there is."),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not with the list of all."""
    assert main(words) == 2
    assert said in capsys.readouterr().err

"""Agents who sign in by SMTP: whom the file names, what it may look like, and that it is read each time."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from gateway import cli
from gateway.receive.smtp import logins
from gateway.receive.smtp.logins import BadLogins, Logins

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ANNA = "anna@example.com:" + QUICK.hash("correct horse")
CONFIG = """
[[mailboxes]]
address = "support@example.com"
[[agents]]
address = "anna@example.com"
aliases = ["anna@home.example"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "passwords"


@pytest.mark.parametrize(
    ("name", "password", "proved"),
    [
        ("anna@example.com", "correct horse", "anna@example.com"),
        ("Anna@Example.com", "correct horse", "Anna@Example.com"),
        ("anna@example.com", "wrong", None),
        ("anna@example.com", "", None),
        ("bert@example.com", "correct horse", None),
        ("left@example.com", "correct horse", None),
    ],
)
def test_who_may(file: Path, name: str, password: str, proved: str | None) -> None:
    """An agent with the right password, and nobody who is no agent any more."""
    file.write_text(ANNA + "\n" + ANNA.replace("anna@", "left@") + "\n")
    assert Logins(file, ["anna@example.com", "bert@example.com"])(name, password) == proved


def test_a_password_changes_without_a_restart(file: Path) -> None:
    """The file is read at each login; letters count however a keyboard composes them."""
    file.write_text(ANNA)
    asked = Logins(file, ["anna@example.com"])
    file.write_text(f"# made today\n\nanna@example.com:{{ARGON2ID}}{QUICK.hash('größe 12345')}:1000:1000::/home\n")
    assert asked("anna@example.com", "correct horse") is None
    assert asked("anna@example.com", "gro\u0308ße 12345") == "anna@example.com"


@pytest.mark.parametrize(
    "text", ["anna@example.com", "anna@example.com:secret", "anna:$argon2id$v=19$x", "anna@example.com:{PLAIN}secret"]
)
def test_a_line_that_cannot_be_meant(file: Path, text: str) -> None:
    """It is named by its number; what stands there may be a password and is not repeated."""
    file.write_text(f"{ANNA}\n{text}\n")
    with pytest.raises(BadLogins, match=r"line 2 is not address:hash") as raised:
        Logins(file, [])
    assert "secret" not in str(raised.value)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(BadLogins, match="cannot be read"):
        Logins(file, [])


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "replydesk.toml").write_text(CONFIG)
    return str(tmp_path / "replydesk.toml")


def test_the_line_that_is_made(
    config: str, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`replydesk agent password` prints what the file needs; aliases of an agent are agents too."""
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert cli.main(["agent", "password", "anna@home.example", "--config", config]) == 0
    file.write_text(capsys.readouterr().out)
    assert Logins(file, ["anna@home.example"])("anna@home.example", "correct horse") == "anna@home.example"


@pytest.mark.parametrize(
    ("address", "password", "said"),
    [
        ("kim@customer.example", "correct horse", "is no agent"),
        ("anna@example.com", "short", "10 to 1000 characters"),
        ("anna@example.com", "x" * (logins.LONGEST + 1), "10 to 1000 characters"),
    ],
)
def test_a_line_that_is_not_made(
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
    password: str,
    said: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    assert cli.main(["agent", "password", address, "--config", config]) == 1
    assert said in capsys.readouterr().err

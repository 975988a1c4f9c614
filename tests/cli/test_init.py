"""`replydesk init`: what it writes is understood, says what was answered, and is for the right eyes."""

from __future__ import annotations

import os
import pty
import re
import select
import stat
import sys
import time
from pathlib import Path

import pytest

from gateway import config
from gateway.cli import main
from gateway.cli.init_questions import questions

COMMON = [
    "--yes",
    "--no-service",
    "--address",
    "help@firm.example",
    "--agents",
    "Anna <anna@firm.example>, bob@firm.example",
]
RELAY = ["--relay", "smtp.firm.example:465", "--relay-user", "help"]


def made(tmp_path: Path, *words: str) -> config.Settings:
    """The settings after an init that did its work; findings about a relay that is not there are warnings."""
    assert main(["--config", str(tmp_path / "r.toml"), "init", *COMMON, *words]) == 0
    return config.load(tmp_path / "r.toml")


@pytest.fixture
def password(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text("hunter2 and more\n")
    file.chmod(0o600)
    return str(file)


def test_behind_postfix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LMTP, no other door, the relay on this machine; and the lines for Postfix are printed."""
    settings = made(tmp_path, "--way", "lmtp")
    assert settings.receive.lmtp.listen == ["127.0.0.1:2424"]
    assert settings.receive.smtp.listen == []
    assert (settings.send.host, settings.send.port, settings.send.security) == ("127.0.0.1", 25, "none")
    assert settings.mailboxes[0].reply_address == "help+{token}@firm.example"
    assert [(a.name, a.address) for a in settings.agents] == [
        ("Anna", "anna@firm.example"),
        ("Bob", "bob@firm.example"),
    ]
    assert settings.gateway.operator == "anna@firm.example"
    assert settings.gateway.public_url == "https://support.firm.example"
    assert "transport_maps = inline:{ { help@firm.example = lmtp:inet:127.0.0.1:2424 } }" in capsys.readouterr().out


def test_from_a_mailbox(tmp_path: Path, password: str) -> None:
    """The relay is guessed from the mailbox's host; nobody listens for mail."""
    words = ["--way", "imap", "--imap", "imap.firm.example", "--imap-password-file", password]
    settings = made(tmp_path, *words, "--relay-password-file", password, "--language", "de")
    (account,) = settings.receive.imap
    assert (account.host, account.port, account.security) == ("imap.firm.example", 993, "tls")
    assert (account.username, account.password_file) == ("help@firm.example", password)
    assert (settings.send.host, settings.send.port, settings.send.security) == ("smtp.firm.example", 587, "starttls")
    assert (settings.send.username, settings.send.password_file) == ("help@firm.example", password)
    assert settings.receive.smtp.listen == []
    assert settings.mailboxes[0].reply_address == ""
    assert settings.gateway.default_language == "de"


def test_as_its_own_exchanger(tmp_path: Path, password: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Port 25, and a relay that is somebody else."""
    words = ["--config", str(tmp_path / "r.toml"), "init", *COMMON, "--way", "mx"]
    assert main(words) == 2
    assert "--relay is missing" in capsys.readouterr().err
    assert main([*words, "--relay", "127.0.0.1:25"]) == 1
    assert "is Replydesk itself" in capsys.readouterr().err
    assert not (tmp_path / "r.toml").exists()
    settings = made(tmp_path, "--way", "mx", *RELAY, "--relay-password-file", password)
    assert settings.receive.smtp.listen == ["0.0.0.0:25"]
    assert settings.receive.smtp.hostname == "mx.firm.example"
    assert (settings.send.port, settings.send.security) == (465, "tls")


def test_every_comment_stays_in_its_column(tmp_path: Path) -> None:
    """What is written reads like the example."""
    made(tmp_path, "--way", "lmtp")
    text = (tmp_path / "r.toml").read_text("utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\w+ = ", line) and line.find(" #") < 41]
    assert len(rows) > 60
    assert {line.index(" #") for line in rows} == {39}
    assert "#: [[agents]]" not in text
    assert "#: [[receive.imap]]" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--way", "pigeon"], "'pigeon' is none of lmtp, imap, mx"),
        (["--way", "lmtp", "--timezone", "Berlin"], "no time zone 'Berlin'"),
        (["--way", "lmtp", "--language", "xx"], "no texts in 'xx'"),
        (["--way", "lmtp", "--operator", "root"], "not an e-mail address"),
        (["--way", "lmtp", "--operator", "help@firm.example"], "one of the mailboxes"),
        (["--way", "lmtp", "--plus", "maybe"], "neither yes nor no"),
        (["--way", "lmtp", "--relay", "host:port"], "Write it as host:port"),
        (["--way", "lmtp", "--agents", "anna"], "not an e-mail address"),
        (["--way", "lmtp", *RELAY], "--relay-password-file is missing"),
        (["--way", "lmtp", *RELAY, "--relay-password-file", "/nowhere"], "there is no file /nowhere"),
        (["--way", "imap"], "--imap is missing"),
    ],
)
def test_a_wrong_answer_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """One line says what is wrong with it, and the exit code whether it was understood."""
    understood = "/nowhere" in words or "help@firm.example" in words
    assert main(["--config", str(tmp_path / "r.toml"), "init", *COMMON, *words]) == (1 if understood else 2)
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless it is to be replaced, and then beside the new one."""
    file = tmp_path / "r.toml"
    file.write_text("# mine\n")
    assert main(["--config", str(file), "init", *COMMON, "--way", "lmtp"]) == 1
    assert "--replace" in capsys.readouterr().err
    assert file.read_text() == "# mine\n"
    made(tmp_path, "--way", "lmtp", "--replace")
    (old,) = tmp_path.glob("r.toml.*")
    assert old.read_text() == "# mine\n"


def test_a_folder_is_no_file_to_replace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that lies in it would be moved aside: passwords, certificates, the signing secret."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "mx-key.pem").touch()
    assert main(["--config", str(tmp_path / "etc"), "init", *COMMON, "--way", "lmtp", "--replace"]) == 1
    assert f"--config {tmp_path / 'etc' / 'replydesk.toml'}" in capsys.readouterr().err
    assert [f.name for f in tmp_path.rglob("*")] == ["etc", "mx-key.pem"]


class Terminal:
    """A command on a terminal of its own, and somebody who waits for each question."""

    def __init__(self, *words: str) -> None:
        self.seen = ""
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, "-m", "gateway", *words])

    def until(self, words: str) -> None:
        begun = time.monotonic()
        while words not in self.seen:
            assert time.monotonic() - begun < 60, self.seen
            if select.select([self._end], [], [], 1)[0]:
                self.seen += self._read()

    def say(self, question: str, answer: str) -> None:
        self.until(question)
        self.seen = self.seen.partition(question)[2]
        os.write(self._end, answer.encode() + b"\n")

    def code(self) -> int:
        while more := self._read():
            self.seen += more
        os.close(self._end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> str:
        try:
            return os.read(self._end, 65536).decode("utf-8", "replace")
        except OSError:  # Linux says so when the other end is closed
            return ""


def test_it_asks_explains_and_asks_again(tmp_path: Path) -> None:
    """Defaults by a mere return; a password is not shown and lies in a file of its own, for its owner alone."""
    file = tmp_path / "r.toml"
    terminal = Terminal("--config", str(file), "init", "--no-service")
    terminal.say("Which address do customers write to?", "help")
    terminal.say("is not an e-mail address", "help@firm.example")
    terminal.say("[Firm Support]", "")
    terminal.say("port 25; there is no other mail server", "imap")
    terminal.say("Which server holds the mailbox?", "imap.firm.example")
    terminal.say("[help@firm.example]", "")
    terminal.say("[smtp.firm.example:587]", "")
    terminal.say("[help@firm.example]", "")
    terminal.say("[no]", "yes")
    terminal.say("Who answers?", "Anna <anna@firm.example>")
    terminal.say("[anna@firm.example]", "ops@firm.example")
    terminal.say("[en]", "de")
    terminal.say("In which time zone?", "Europe/Berlin")
    terminal.say("[https://support.firm.example]", "")
    terminal.say("Password of help@firm.example at smtp.firm.example:587", "relay secret")
    terminal.say("Password of help@firm.example at imap.firm.example", "imap secret")
    assert terminal.code() == 0, terminal.seen
    assert "secret" not in terminal.seen.replace("secret_file", "")
    settings = config.load(file)
    assert config.read_secret(settings, "send.password_file", settings.send.password_file) == "relay secret"
    account = settings.receive.imap[0]
    assert config.read_secret(settings, "receive.imap[0].password_file", account.password_file) == "imap secret"
    assert settings.gateway.operator == "ops@firm.example"
    for path in (file, tmp_path / "relay-password", tmp_path / "imap-password"):
        assert stat.S_IMODE(path.stat().st_mode) in (0o600, 0o640)


def test_what_contradicts_another_answer_is_asked_for_again(tmp_path: Path) -> None:
    """And nothing else is: nobody begins anew for one slip at the end."""
    file = tmp_path / "r.toml"
    words = ["--address", "help@firm.example", "--name", "Help", "--way", "mx", "--hostname", "mx.firm.example"]
    words += ["--certificate", "", "--plus", "yes", "--language", "en", "--timezone", "UTC", "--no-service"]
    terminal = Terminal("--config", str(file), "init", *words)
    terminal.say("Which server takes the mail you send?", "127.0.0.1:25")
    terminal.say("Who answers?", "anna@firm.example")
    terminal.say("[anna@firm.example]", "help@firm.example")
    terminal.say("[https://support.firm.example]", "")
    terminal.say("is one of the mailboxes", "ops@firm.example")
    terminal.say("is Replydesk itself", "smtp.firm.example:587")
    terminal.say("Who signs in there?", "")
    assert terminal.code() == 0, terminal.seen
    settings = config.load(file)
    assert (settings.send.host, settings.gateway.operator) == ("smtp.firm.example", "ops@firm.example")


def test_every_question_says_why() -> None:
    """Or its name says it all."""
    assert [q.name for q in questions("UTC") if not q.why] == ["language"]

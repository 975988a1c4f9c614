"""What a command imports: only what it needs, for a person waits while it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import REQUEST, Shop

PROJECT = Path(__file__).resolve().parents[2]
SERVERS = {"aiosmtpd", "aiosmtplib", "aioimaplib", "starlette", "uvicorn", "structlog", "alembic"}
DATABASE = {"sqlmodel", "sqlalchemy", "storage.database"}
READING = {"mailparser", "quotequail", "tnefparse", "gateway.mail.parse"}
WRITING = {"jinja2", "css_inline", "gateway.render.mail"}
TABLES = {"rich"}

ALL = SERVERS | DATABASE | READING | WRITING | TABLES | {"pydantic", "psycopg"}
LOOKING = SERVERS | READING | WRITING | TABLES | {"psycopg"}


PROGRAM = """
import json, sys
from gateway.cli import main
for words in json.loads(sys.argv[1]):
    assert main(words) == 0, words
    with open(sys.argv[2], "a") as found:
        print(json.dumps(list(sys.modules)), file=found)
"""


def imported(folder: Path, *commands: str, file: Path | None = None) -> dict[str, set[str]]:
    """Every module imported when a command ends. They run in one process, so that a later one has the earlier's too;
    its output is a pipe.
    """
    config = ["--config", str(file)] if file else []
    words = json.dumps([[*config, *command.split()] for command in commands])
    found = folder / "modules"
    ended = subprocess.run([sys.executable, "-c", PROGRAM, words, found], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return {c: set(json.loads(line)) for c, line in zip(commands, found.read_text().splitlines(), strict=True)}


def needless(found: dict[str, set[str]], unwanted: set[str]) -> dict[str, set[str]]:
    return {command: modules & unwanted for command, modules in found.items() if modules & unwanted}


def test_help_imports_almost_nothing(tmp_path: Path) -> None:
    found = imported(tmp_path, "--version", "--help", "run --help", "ticket --help", "ticket list --help")
    assert needless(found, ALL) == {}


def test_to_look_needs_the_database_alone(shop: Shop, tmp_path: Path) -> None:
    """Neither the servers, nor what reads or writes mails, nor another database's driver."""
    found = imported(
        tmp_path,
        "ticket list",
        "ticket list --json",
        "ticket show 1",
        "journal list",
        "journal show 1",
        "outbox list",
        "outbox show 1",
        "contact list",
        "stats",
        "audit",
        file=shop.file,
    )
    assert needless(found, LOOKING) == {}


def test_to_act_needs_no_server(shop: Shop, tmp_path: Path) -> None:
    found = imported(tmp_path, "ticket close 1", "contact invite erika@customer.example", "check", file=shop.file)
    assert needless(found, SERVERS | TABLES) == {}


def test_to_explain_without_a_site_needs_no_database(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_text(REQUEST)
    assert needless(imported(tmp_path, f"explain {tmp_path / 'mail.eml'}"), ALL - READING) == {}


def test_to_dump_the_settings_needs_no_database(shop: Shop, tmp_path: Path) -> None:
    assert needless(imported(tmp_path, "check --dump", file=shop.file), ALL - {"pydantic"}) == {}


def test_the_door_brings_no_dns_library(tmp_path: Path) -> None:
    """Signing and judging need one; where neither is set it would be five megabytes of each daemon."""
    program = "import sys; from gateway import daemon, work; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert {"dns", "dkim", "spf", "asn1crypto"} & set(found.stdout.split()) == set()

"""What a command imports: only what it needs, for a person waits while it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import REQUEST, Shop

PROJECT = Path(__file__).resolve().parents[2]
SERVERS = {"aiosmtpd", "aiosmtplib", "aioimaplib", "starlette", "uvicorn", "apscheduler", "structlog", "alembic"}
DATABASE = {"sqlmodel", "sqlalchemy", "storage.database"}
READING = {"mailparser", "quotequail", "tnefparse", "gateway.mail.parse"}
WRITING = {"jinja2", "css_inline", "gateway.render.mail"}
TABLES = {"rich"}

ALL = SERVERS | DATABASE | READING | WRITING | TABLES | {"pydantic", "psycopg"}
LOOKING = SERVERS | READING | WRITING | TABLES | {"psycopg"}


def imported(*words: str) -> set[str]:
    """Every module a command has imported when it ends; its output is a pipe."""
    program = (
        "import sys; from gateway.cli import main; "
        "code = main(sys.argv[1:]); print(*sys.modules, sep='\\n', file=sys.stderr); sys.exit(code)"
    )
    ended = subprocess.run([sys.executable, "-c", program, *words], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.splitlines())


@pytest.mark.parametrize("words", ["--version", "--help", "run --help", "ticket --help", "ticket list --help"])
def test_help_imports_almost_nothing(words: str) -> None:
    assert imported(*words.split()) & ALL == set()


@pytest.mark.parametrize(
    "words",
    [
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
    ],
)
def test_to_look_needs_the_database_alone(shop: Shop, words: str) -> None:
    """Neither the servers, nor what reads or writes mails, nor another database's driver."""
    assert imported("--config", str(shop.file), *words.split()) & LOOKING == set()


@pytest.mark.parametrize("words", ["ticket close 1", "contact invite erika@customer.example", "check"])
def test_to_act_needs_no_server(shop: Shop, words: str) -> None:
    assert imported("--config", str(shop.file), *words.split()) & (SERVERS | TABLES) == set()


def test_to_explain_without_a_site_needs_no_database(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_text(REQUEST)
    assert imported("explain", str(tmp_path / "mail.eml")) & (ALL - READING) == set()


def test_to_dump_the_settings_needs_no_database(shop: Shop) -> None:
    assert imported("--config", str(shop.file), "check", "--dump") & (ALL - {"pydantic"}) == set()

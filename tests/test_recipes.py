"""The recipes: what docs/install.md shows is what lies in `deploy/`, and that can be read by those it is for."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

from gateway import config, listeners
from gateway.cli import whole_parser
from tests.recipes import DEPLOY

DOCS = DEPLOY.parent / "docs"
UNITS = [path for kind in ("service", "socket", "timer") for path in sorted(DEPLOY.glob(f"*.{kind}"))]
WATCHING = {DEPLOY / "prometheus-alerts.yml", DEPLOY / "grafana-dashboard.json"}
"""Too long to be shown; `test_vitals.py` reads them."""
RECIPES = sorted(p for p in DEPLOY.rglob("*") if p.is_file() and p not in WATCHING and p not in UNITS)
ANALYZE = shutil.which("systemd-analyze")
MAILBOX = {
    "mailboxes": [{"address": "support@example.com"}, {"address": "billing@example.com"}],
    "agents": [{"address": "anna@example.com"}, {"address": "bob@example.com"}],
    "statuses": [{"name": "Emergency", "counts_as": "waiting_on_us"}],
    "hours": {"days": ["mon", "tue", "wed", "thu", "fri"]},
}
"""What examples name without showing it."""

_SHOWN = re.compile(r"`deploy/([\w./-]+)`(?:(?!\n\n|`deploy/).)*\n\n```[a-z]*\n(.*?)```", re.DOTALL)
"""The file a paragraph names last, and the block below it."""
_TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def test_every_recipe_is_shown_as_it_is() -> None:
    """And nothing is shown that is no file."""
    shown = dict(_SHOWN.findall((DOCS / "install.md").read_text("utf-8")))
    assert shown == {str(p.relative_to(DEPLOY)): without_comments(p.read_text("utf-8")) for p in RECIPES}


def blocks() -> list[tuple[str, str]]:
    found = [
        (page.name, block) for page in sorted(DOCS.glob("*.md")) for block in _TOML.findall(page.read_text("utf-8"))
    ]
    assert len(found) > 10
    return found


@pytest.mark.parametrize(("page", "block"), blocks())
def test_settings_that_are_shown_can_be_read(page: str, block: str, tmp_path: Path) -> None:
    """Every key of every example is one we know, with a value it may have."""
    if not block.startswith("["):
        block = '[[receive.imap]]\nmailbox = "support@example.com"\nhost = "imap.example.com"\n' + block
    # Angle brackets stand for what only the reader knows.
    known = re.sub(r"<([\w ]+)>", lambda m: m[1].replace(" ", "-"), block)
    config.build(MAILBOX | tomllib.loads(known), tmp_path / page)


ROOT = DEPLOY.parent
_SAID_IN_CODE = re.compile(r"`([^`\n]*(?:\n(?!\n)[^`\n]*)?)`")
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"(?:^|[\s/]|&& )replydesk ((?:--config \S+ )?[a-z][a-z-]+[^|;&]*)")
_STANDS_FOR = {"ID": "1", "N": "1", "ENTRY": "1", "INTO": "1", "DATE": "2026-03-02"}


def commands() -> list[tuple[str, str]]:
    """Every command of ours that a page names, in prose or in a block for the shell."""
    found = []
    for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))):
        text = page.read_text("utf-8")
        said = _SAID_IN_CODE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        said += [line for block in _SHELL.findall(text) for line in block.replace("\\\n", " ").splitlines()]
        for line in (" ".join(one.split()) for one in said):
            found += [(page.name, m[1].split(" #")[0].split(" >>")[0].strip()) for m in _COMMAND.finditer(line)]
    assert len(found) > 80
    return [pair for pair in dict.fromkeys(found) if not re.match(r"replydesk\b", pair[1])]


@pytest.mark.parametrize(("page", "command"), commands())
def test_every_command_that_is_named_can_be_typed(page: str, command: str) -> None:
    """With the words it stands with; where it is only named, noun and verb are."""
    plain = command.replace("[", "").replace("]", "")
    words = [_STANDS_FOR.get(word, word) for word in shlex.split(plain) if word not in ("…", "VERB")]
    if all(re.fullmatch(r"[a-z-]+|1", word) for word in words):
        with pytest.raises(SystemExit, match="0"):
            whole_parser().parse_args([*(word for word in words if word != "1"), "--help"])
    else:
        whole_parser().parse_args(words)


def unit(path: Path) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(path, "utf-8")
    return parser


def test_sockets_have_names_the_daemon_knows() -> None:
    names = [unit(path)["Socket"]["FileDescriptorName"] for path in UNITS if path.suffix == ".socket"]
    assert sorted(names) == ["lmtp", "portal", "smtp"]
    assert set(names) <= set(listeners.KINDS)


def test_a_forbidden_call_does_not_end_the_service() -> None:
    """Without a number systemd has the process killed, and a library may ask for anything after an upgrade."""
    (service,) = [unit(path)["Service"] for path in UNITS if path.name == "replydesk.service"]
    assert "SystemCallFilter" in service
    assert service["SystemCallErrorNumber"] == "EPERM"


@pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed (package systemd)")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """A key it does not know would be left out without a word."""
    for path in UNITS:
        text = path.read_text("utf-8").replace("/opt/replydesk/bin/replydesk", "/bin/true")
        (tmp_path / path.name).write_text(text)
    words = [str(ANALYZE), "verify", "--recursive-errors=no", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed (package systemd)")
def test_the_service_has_little_to_lose() -> None:
    """systemd counts what the unit leaves to it, from 0 to 10: 1.5 at most."""
    (service,) = [path for path in UNITS if path.name == "replydesk.service"]
    words = [str(ANALYZE), "security", "--offline=true", "--threshold=15", "--no-pager", str(service)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:]

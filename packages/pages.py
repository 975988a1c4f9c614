"""Man pages and shell completion, made from the parsers: `python -m packages.pages FOLDER` fills a file system's root.

`replydesk(1)` has every noun and verb, `replydesk.toml(5)` every key of the example.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from gateway import __version__
from gateway.cli import whole_parser

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "config.example.toml"


def main(root: Path) -> None:
    for place, text in pages().items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Where each belongs below `/`, and what it says."""
    parser = whole_parser()
    return {
        "usr/share/man/man1/replydesk.1": _commands(),
        "usr/share/man/man5/replydesk.toml.5": _settings(EXAMPLE.read_text("utf-8")),
        "usr/share/bash-completion/completions/replydesk": shtab.complete(parser, "bash"),
        "usr/share/zsh/site-functions/_replydesk": shtab.complete(parser, "zsh"),
    }


def _date() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.strftime("%Y-%m-%d")


def _commands() -> str:
    data = {
        "project_name": "Replydesk",
        "version": __version__,
        "date": _date(),
        "manual_title": "Replydesk",
        "prog": "replydesk",
        "description": "the e-mail-first support gateway",
        "long_description": "Exit codes: 0 done, 1 said no with a reason, 2 wrong usage, 70 a fault of the daemon, "
        "75 try later. The settings are in replydesk.toml(5).",
    }
    return str(Manpage(whole_parser(), data))


def _settings(example: str) -> str:
    """The example, table by table: roff knows no TOML, so it is shown as it is written."""
    shown = example.replace("\\", "\\e")
    shown = re.sub(r"(?m)^([.'])", r"\\&\1", shown)
    return (
        f'.TH REPLYDESK.TOML 5 "{_date()}" "Replydesk {__version__}" "Replydesk"\n'
        ".SH NAME\nreplydesk.toml \\- the settings of Replydesk\n"
        ".SH DESCRIPTION\nFound by \\-\\-config, in $REPLYDESK_CONFIG, ./replydesk.toml or "
        "/etc/replydesk/replydesk.toml. `replydesk init` writes it, `replydesk check` looks it over.\n"
        f".SH KEYS\n.nf\n{shown}.fi\n.SH SEE ALSO\nreplydesk(1)\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

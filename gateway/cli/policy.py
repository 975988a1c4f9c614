"""`replydesk policy test DIR`: a site's own mails, each with what is expected of it, tried with the settings.

Beside `invoice.eml` stands `invoice.toml`. Nothing is stored and nothing is sent; no database is asked, so every mail
is a first one.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import ReplydeskError
from gateway.mail.delivered import envelope_of

if TYPE_CHECKING:
    from gateway.core.case import Case
    from gateway.core.decision import Decision
    from gateway.core.policy import Policy

ABOUT_THE_MAIL = ("at", "recipient", "reverse_path", "authentication")
"""How it arrives: when (a time with its zone, now if missing), to and from whom, whether its author is proven."""
EXPECTED: Mapping[str, type] = {
    "reason": str,
    "rules": list,
    "mailbox": str,
    "assign": str,
    "tags": list,
    "status": str,
    "acknowledge": bool,
    "notify": bool,
}


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    test = verbs.add_parser("test", help="try a folder of mails and what is expected of each; 1 when one differs")
    test.add_argument("folder", type=Path, metavar="DIR", help="NAME.eml with NAME.toml beside it")


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.cli.alone import policy_of

    mails = sorted(args.folder.glob("*.eml")) if args.folder.is_dir() else []
    if not mails:
        raise ReplydeskError(f"{args.folder} holds no mails: put NAME.eml there, and NAME.toml beside it")
    policy = policy_of(config.load(args.config))
    wrong = 0
    for mail in mails:
        differs = _differences(mail, policy)
        wrong += bool(differs)
        for line in differs:
            print(f"{mail.name}: {line}", file=sys.stderr)
    print(f"{len(mails)} {'mail' if len(mails) == 1 else 'mails'} tried, {wrong} not as expected.")
    return 1 if wrong else 0


def _differences(mail: Path, policy: Policy) -> list[str]:
    from gateway.cli.alone import case_of
    from gateway.core.decide import decide
    from gateway.mail.parse import parse

    wanted = _read(mail.with_suffix(".toml"))
    raw = mail.read_bytes()
    envelope = envelope_of(raw, "smtp")
    if "recipient" in wanted:
        envelope = replace(envelope, recipients=(wanted["recipient"],))
    returns_to = wanted.get("reverse_path", envelope.reverse_path)
    if "reverse_path" not in wanted and not parse(raw).header("return-path"):
        # A mail out of a folder of sent ones never had one; an empty path would make it a machine's.
        author = parse(raw).author
        returns_to = author.address if author else ""
    envelope = replace(envelope, reverse_path=returns_to)
    case = case_of(raw, envelope, policy, wanted.get("at", datetime.now(UTC)), wanted.get("authentication", ""))
    decision = decide(case)
    found = {name: _FOUND[name](case, decision) for name in EXPECTED}
    return [
        f"{name} is {_shown(found[name])}, expected {_shown(wanted[name])}"
        for name in EXPECTED
        if name in wanted and _plain(found[name]) != _plain(wanted[name])
    ]


def _read(file: Path) -> dict[str, Any]:
    """What is expected. Raises `ReplydeskError` with file and remedy."""
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ReplydeskError(f"{file} is missing: write into it what you expect, such as acknowledge = true") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ReplydeskError(f"{file} is no TOML that can be read: {error}") from None
    known = (*ABOUT_THE_MAIL, *EXPECTED)
    for name, value in data.items():
        if name not in known:
            raise ReplydeskError(f"{file}: {name} is not known; there are {', '.join(known)}")
        kind = datetime if name == "at" else EXPECTED.get(name, str)
        if not isinstance(value, kind):
            raise ReplydeskError(f"{file}: {name} = {value!r} is no {_KINDS[kind]}")
    if "at" in data and data["at"].tzinfo is None:
        raise ReplydeskError(f"{file}: at needs its zone, such as 2026-11-30T09:00:00+01:00")
    if data.get("authentication", "pass") not in ("pass", "fail", "none"):
        raise ReplydeskError(f"{file}: authentication is pass, fail or none")
    if not EXPECTED.keys() & data.keys():
        raise ReplydeskError(f"{file} expects nothing; name one of {', '.join(EXPECTED)}")
    return data


_KINDS = {str: "text", list: "list", bool: "true or false", datetime: "time"}
_FOUND: Mapping[str, Callable[[Case, Decision], Any]] = {
    "reason": lambda c, d: d.reason.value,
    "rules": lambda c, d: list(c.ruled.names) if d.why.rules else [],
    "mailbox": lambda c, d: d.new.mailbox if d.new else "",
    "assign": lambda c, d: d.change.assignee or "",
    "tags": lambda c, d: sorted(d.change.tags or ()),
    "status": lambda c, d: d.change.sub_status or (d.change.status or ("new" if d.new else "")),
    "acknowledge": lambda c, d: d.why.acknowledge.startswith("yes"),
    "notify": lambda c, d: d.why.notify.startswith("yes"),
}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(str(v).casefold() for v in value)
    return value if isinstance(value, bool) else str(value).casefold()


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "none"

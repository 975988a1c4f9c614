"""`replydesk init`: from nothing to a checked configuration and a running service.

Asks on a terminal what no flag answers; without a terminal, or with `--yes`, defaults count and what has
none is refused. Writes nothing before everything is answered and understood, and never over a file that is there
unless it was told to; the old one is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli import WrongUsage
from gateway.errors import ReplydeskError

if TYPE_CHECKING:
    from gateway.cli.init_questions import Question

DEFAULT = Path("/etc/replydesk/replydesk.toml")
_FLAGS = {
    "address": "ADDRESS", "name": "NAME", "way": "lmtp|imap|mx", "imap": "HOST:PORT", "imap-user": "NAME",
    "hostname": "NAME", "certificate": "FILE", "key": "FILE", "relay": "HOST:PORT", "relay-user": "NAME",
    "plus": "yes|no", "agents": "ADDRESSES", "operator": "ADDRESS", "language": "LANG", "timezone": "ZONE",
    "url": "URL",
}  # fmt: skip
"""One for each question, and what stands after it."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "What is not given by a flag is asked for. The file is --config FILE, or " + str(DEFAULT) + "."
    for name, value in _FLAGS.items():
        parser.add_argument(f"--{name}", metavar=value, help=_HELP[name])
    parser.add_argument("--relay-password-file", metavar="FILE", help="holds the password for the relay")
    parser.add_argument("--relay-security", choices=("none", "starttls", "tls"), help="(default: by the port)")
    parser.add_argument("--imap-password-file", metavar="FILE", help="holds the password for the mailbox")
    parser.add_argument("--imap-security", choices=("none", "starttls", "tls"), help="(default: by the port)")
    parser.add_argument("--ca-file", metavar="FILE", help="authority that signed the certificates of relay and mailbox")
    parser.add_argument("--yes", action="store_true", help="ask nothing; defaults count")
    parser.add_argument("--replace", action="store_true", help="write over a file that is there; the old one is kept")
    service = parser.add_mutually_exclusive_group()
    service.add_argument("--service", action="store_true", help="make the user and the unit, and start it")
    service.add_argument("--no-service", action="store_true", help="only write the file")


_HELP = {
    "address": "customers write to",
    "name": "customers see beside it",
    "way": "how its mail gets here",
    "imap": "server that holds the mailbox",
    "imap-user": "who signs in there",
    "hostname": "of this machine, in the MX record",
    "certificate": "PEM file, for port 25",
    "key": "PEM file",
    "relay": "server that takes what is sent",
    "relay-user": "who signs in there",
    "plus": "whether mail to support+anything@ arrives",
    "agents": "who answers; commas between them",
    "operator": "who is told when something is broken",
    "language": "customers read",
    "timezone": "such as Europe/Berlin",
    "url": "where customers reach the status page",
}


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.cli import init_service as service
    from gateway.cli.init_file import written
    from gateway.cli.init_questions import MX
    from gateway.cli.packaged import packaged

    file = Path(args.config or os.environ.get(config.ENVIRONMENT) or DEFAULT).absolute()
    asks = sys.stdin.isatty() and not args.yes
    _may_write(file, asks, args.replace)
    answers, passwords = _agreed(args, asks, file)
    names = _names(passwords)
    serves = args.service or (asks and not args.no_service and _root() and _yes("Set up the service and start it?"))
    if serves and not _root():
        raise ReplydeskError("only root sets up a service; run it with sudo, or give --no-service")
    # A service finds its data by itself where its file is the usual one.
    data = service.HOME if serves and file.parent != DEFAULT.parent else ""
    text = written(packaged("config.example.toml").read_text("utf-8"), answers, names, data)
    _understood(text, file)
    if serves:
        service.make_user()
    _put(file, text)
    for found in passwords.values():
        if found and found[1]:
            _put(file.parent / found[0], found[1] + "\n")
    print(f"{file} is written: every setting, each with a comment.")
    good = _checked(file)
    ports = service.LOW_PORTS if answers["way"] == MX else ""
    if serves and good:
        for line in service.install(file, ports):
            print(line)
    elif not serves:
        print(f"Start it with: {service.run_by_hand(file, ports)}")
    for line in _next_steps(answers):
        print(line)
    return 0 if good else 1


def _root() -> bool:
    return os.geteuid() == 0


def _may_write(file: Path, asks: bool, replace: bool) -> None:
    if file.is_dir():
        raise ReplydeskError(f"{file} is a folder. Name the file: --config {file / DEFAULT.name}")
    if not file.exists() or replace:
        return
    if not asks:
        raise ReplydeskError(f"{file} is there already; --replace writes over it and keeps the old one beside it")
    if not _yes(f"{file} is there already. Write a new one, and keep the old one beside it?", no=True):
        raise ReplydeskError("nothing was written")


_Passwords = dict[str, tuple[str, str] | None]
"""Of `relay` and `imap`, each as of `_password`."""


def _names(passwords: _Passwords) -> dict[str, str]:
    return {name: found[0] for name, found in passwords.items() if found}


def _agreed(args: argparse.Namespace, asks: bool, file: Path) -> tuple[Mapping[str, str], _Passwords]:
    """Answers that do not contradict each other: on a terminal one that does is asked for again, and no other."""
    from gateway.cli.init_file import written
    from gateway.cli.init_questions import asked_for
    from gateway.cli.packaged import packaged
    from gateway.errors import ConfigError

    example, known = packaged("config.example.toml").read_text("utf-8"), dict[str, str]()
    passwords: _Passwords = {}
    while True:
        answers = _answers(args, asks, known)
        for name in ("relay", "imap"):
            passwords[name] = passwords.get(name) or _password(args, name, answers, asks)
        try:
            _understood(written(example, answers, _names(passwords)), file)
        except ConfigError as error:
            again = asked_for(error.key)
            if not asks or again not in answers or getattr(args, again.replace("-", "_")) is not None:
                raise
            print(f"\n{error.problem}. {error.remedy}")
            known = {name: answer for name, answer in answers.items() if name != again}
        else:
            return answers, passwords


def _answers(args: argparse.Namespace, asks: bool, known: Mapping[str, str]) -> Mapping[str, str]:
    """`known`: what was answered before, and is not asked again."""
    from gateway.cli.init_questions import accepted, questions

    answers: dict[str, str] = {}
    for question in questions(_timezone()):
        given = getattr(args, question.name.replace("-", "_"))
        if not question.when(answers):
            continue
        if given is not None:
            answers[question.name] = accepted(question, given)
        elif question.name in known:
            answers[question.name] = known[question.name]
        elif asks:
            answers[question.name] = _asked(question, question.default(answers))
        else:
            default = question.default(answers)
            if not default and question.needed:
                raise WrongUsage(f"--{question.name} is missing: {question.asks}")
            answers[question.name] = accepted(question, default)
    for name in ("relay_security", "imap_security", "ca_file"):
        value = getattr(args, name) or ""
        answers[name.replace("_", "-")] = value
    for name in ("ca-file", "certificate", "key"):
        # Of this folder, not of that of the settings.
        if answers.get(name):
            answers[name] = str(Path(answers[name]).absolute())
    return answers


def _asked(question: Question, default: str) -> str:
    """Until it is an answer."""
    from gateway.cli.init_questions import WrongAnswer, accepted

    print(f"\n{question.asks}")
    for line in question.why.splitlines():
        print(f"  {line}")
    while True:
        try:
            said = input(f"  [{default}] " if default else "  > ")
        except EOFError:
            raise ReplydeskError("nothing was written") from None
        try:
            return accepted(question, said.strip() or default)
        except WrongAnswer as error:
            print(f"  {error}")


def _yes(question: str, *, no: bool = False) -> bool:
    """`no`: what counts when nothing is said."""
    try:
        said = input(f"\n{question} [{'y/N' if no else 'Y/n'}] ").strip().casefold()
    except EOFError:
        return False
    return not no if not said else said in ("y", "yes")


def _password(args: argparse.Namespace, name: str, answers: Mapping[str, str], asks: bool) -> tuple[str, str] | None:
    """The file that holds it, and what is to be written into it ("": it is there). None where none is needed."""
    from gateway.cli.init_file import IMAP_PASSWORD, RELAY_PASSWORD
    from gateway.cli.init_questions import IMAP

    if not (answers.get("relay-user") if name == "relay" else answers["way"] == IMAP):
        return None
    given = getattr(args, f"{name}_password_file")
    if given:
        path = Path(given).absolute()
        if not path.is_file():
            raise ReplydeskError(f"--{name}-password-file: there is no file {path}")
        return str(path), ""
    if not asks:
        raise WrongUsage(f"--{name}-password-file is missing: a file with the password of {name}")
    from getpass import getpass

    who = answers["relay-user"] if name == "relay" else answers["imap-user"]
    password = getpass(f"\nPassword of {who} at {answers[name]} (kept in a file only the service may read): ")
    if not password:
        raise ReplydeskError("nothing was written: a password is needed there")
    return RELAY_PASSWORD if name == "relay" else IMAP_PASSWORD, password


def _understood(text: str, file: Path) -> None:
    """Settings that contradict each other are told of before anything is written."""
    import tomllib

    from gateway import config

    config.build(tomllib.loads(text), file)


def _put(path: Path, text: str) -> None:
    """Whole or not at all, never readable for others; what was there gets the time into its name."""
    from gateway.cli.init_service import guard

    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        guard(temporary)
        if path.exists():
            # Local time, for people who look at the folder.
            path.rename(path.with_name(f"{path.name}.{datetime.now().astimezone():%Y%m%d-%H%M%S}"))
        temporary.rename(path)
    except OSError as error:
        raise ReplydeskError(f"{path} cannot be written ({error.strerror}); sudo may help") from None


def _checked(file: Path) -> bool:
    """What `replydesk check` finds; only what is not well is shown."""
    from gateway import config
    from gateway.cli import check, show
    from gateway.cli.findings import ERROR, LOOKS, OK

    found = [finding for finding in check.looked_over(config.load(file), LOOKS) if finding.level != OK]
    for finding in found:
        show.text(f"{finding.level}: {finding.text.rstrip('.')}. {finding.remedy}".rstrip())
    if not found:
        print("It was checked, and nothing is wrong with it.")
    return not any(finding.level == ERROR for finding in found)


def _next_steps(answers: Mapping[str, str]) -> list[str]:
    from gateway.cli.init_questions import LMTP, MX

    address, way = answers["address"], answers["way"]
    steps = []
    if way == LMTP:
        steps += [
            "Let Postfix hand the address over (where `postconf transport_maps virtual_alias_maps` shows maps already,",
            "add these entries to them; for Exim see docs/install.md):",
            "  postconf -e 'recipient_delimiter = +' \\",
            f"    'virtual_alias_maps = inline:{{ {{ {address} = {address} }} }}' \\",
            f"    'transport_maps = inline:{{ {{ {address} = lmtp:inet:127.0.0.1:2424 }} }}' && postfix reload",
        ]
    elif way == MX:
        steps += [f"Let the MX record of {address.rpartition('@')[2]} name {answers['hostname']}: `replydesk dns`."]
    steps += [
        "Does mail leave?   replydesk send-test YOUR-OWN-ADDRESS",
        f"Does it come in?   write to {address}, and answer as one of the agents",
        "Is all well?       replydesk check --connect; then the first day in docs/operate.md",
    ]
    return ["", *steps]


def _timezone() -> str:
    """This machine's."""
    with contextlib.suppress(OSError, ValueError):
        place = os.readlink("/etc/localtime")
        return place.partition("zoneinfo/")[2] or "UTC"
    with contextlib.suppress(OSError):
        return Path("/etc/timezone").read_text("utf-8").strip() or "UTC"
    return "UTC"

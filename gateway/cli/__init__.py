"""The command line, `replydesk NOUN …`: one file per noun, with `configure(parser)` and `run(args)`.

Only the module of the noun asked for is imported, and it imports what it needs when it runs:
help, usage and a mistyped word never wait for a database library. Exit codes: 0 done, 1 said
no with a reason, 2 wrong usage, 65 and 75 as in sysexits.h (EX_DATAERR, EX_TEMPFAIL: try later).
Usage is wrong where what was typed says nothing that could be done, or not enough, whatever the site holds; what is
understood and names something that is not there is refused.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import gc
import io
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from gateway.errors import ReplydeskError, StorageUnavailable

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

DONE, REFUSED, WRONG_USAGE, UNDELIVERABLE, TRY_LATER, INTERRUPTED = 0, 1, 2, 65, 75, 130
DEBUG = "REPLYDESK_DEBUG"

_NOT_ALLOWED = "Run this as root, or as the owner of data_dir."
_OF_THE_MACHINE = {
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: "Let it be written.",
    errno.ENOSPC: "Make room.",
    errno.EDQUOT: "Make room.",
}
"""What the system refuses by these is no fault of ours; the remedy of each."""

NOUNS: dict[str, str] = {
    "init": "ask a few questions, write the configuration, check it, and set up the service",
    "run": "run the daemon until it is told to stop",
    "check": "look over configuration, secrets, database, templates and addresses",
    "ticket": "list and show tickets; reply, set a status, close",
    "journal": "list and show accepted mails; retry or drop held ones",
    "outbox": "list and show our mails; retry or drop those that wait or failed",
    "contact": "list and show people; invite, export or erase them",
    "dns": "say what DNS has for our domains, and what to set",
    "send-test": "send one mail through the relay now, and say what came of it",
    "board": "show how the folders of tickets are kept, or have every card written anew",
    "agent": "let an agent sign in by SMTP, be away, or order something",
    "dkim": "print the DNS record for the key that signs our mail, or make the key",
    "explain": "say what would happen to a mail, and why; nothing is changed",
    "replay": "decide the mails of a time anew, and say what would differ; nothing is changed",
    "policy": "try the settings on mails of your own and what you expect of each",
    "preview": "show a notice as it would be sent",
    "templates": "list and copy templates; say what changed since they were copied",
    "audit": "prove that no accepted mail was lost",
    "report": "count what came in a period, how soon it was answered, what is open",
    "stats": "count by state",
    "top": "watch what comes, goes and waits",
    "backup": "copy the database into a file while the daemon runs",
    "restore": "put a backup in place of the database, or look whether it could be",
    "migrate-store": "move everything into another database, SQLite or PostgreSQL",
    "import": "make tickets of an archive of mails; nothing is sent",
    "deliver": "take one mail from standard input, for a mail server's pipe",
    "demo": "play a small story through a daemon on this machine",
}
_WATCHED = frozenset({"demo", "top"})
"""They last, and have no need to be quick."""


class WrongUsage(ReplydeskError):
    """The words were read, but do not say enough to act on."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. `argv` None: the process's own words."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        # A terminal that lacks a character shows a question mark, and the rest.
        sys.stdout.reconfigure(errors="replace")
    if argv is None and not _WATCHED.intersection(words):
        _import_quickly()
    if "deliver" in words[:3]:
        code = _for_a_mail_server(words)
        if argv is None:
            # The interpreter would end with 120 when nobody reads what it still has to say.
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)
        return code
    try:
        try:
            code = _dispatch(words)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else DONE
        # A reader that went away must be noticed here, not by the interpreter at its end.
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _said(error)
    return code


def _for_a_mail_server(words: list[str]) -> int:
    """As `main`, but only what the command itself returned counts.

    A mail server drops the mail on 0, and on every code it does not know as temporary returns it to its sender.
    """
    try:
        code = _dispatch(words)
    except SystemExit as end:
        # Help asked for is no fault.
        code = TRY_LATER if end.code else DONE
    except BaseException as error:
        with contextlib.suppress(OSError):
            _said(error)
        code = TRY_LATER
    return code if code in (DONE, UNDELIVERABLE) else TRY_LATER


class Parser(argparse.ArgumentParser):
    """Says which word was meant, and not every one there is; and where its help cannot be written."""

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if found:
            from difflib import get_close_matches

            near = get_close_matches(found[1], re.findall(r"'([^']+)'", found[2]), 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"`{self.prog} --help` names what there is."
            message = f"there is no '{found[1]}'. {hint}"
        super().error(message)


def _dispatch(words: list[str]) -> int:
    common = Parser(prog="replydesk", add_help=False, allow_abbrev=False)
    common.add_argument(
        "--config",
        metavar="FILE",
        help="the settings (default: $REPLYDESK_CONFIG, ./replydesk.toml, /etc/replydesk/replydesk.toml)",
    )
    known, rest = common.parse_known_args(words)
    parser = Parser(
        prog="replydesk",
        usage="%(prog)s [--config FILE] NOUN …",
        description="An e-mail-first support gateway.",
        epilog=_nouns() if {"-h", "--help"} & set(rest) else "",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and the commit it was made of")
    parser.add_argument("noun", metavar="NOUN", choices=list(NOUNS), help="what it is about, see below")
    if rest[:1] == ["--version"]:
        from gateway.cli.packaged import version

        print(f"replydesk {version()}")
        return DONE
    noun: str = parser.parse_args(rest[:1]).noun
    module = _module(noun)
    own = Parser(prog=f"replydesk {noun}", description=_said_of(noun), parents=[common], allow_abbrev=False)
    module.configure(own)
    args = own.parse_args(rest[1:])
    args.config = known.config
    code: int = module.run(args)
    return code


def _module(noun: str) -> ModuleType:
    return import_module(f"gateway.cli.{noun.replace('-', '_')}")


def _said_of(noun: str) -> str:
    return f"{NOUNS[noun][:1].upper()}{NOUNS[noun][1:]}."


def _nouns() -> str:
    """What there is, each with its meaning, as wide as the terminal."""
    from shutil import get_terminal_size
    from textwrap import fill

    width = max(get_terminal_size().columns - 2, 40)
    below = " " * 16
    nouns = [fill(m, width, initial_indent=f"  {noun:13} ", subsequent_indent=below) for noun, m in NOUNS.items()]
    return "\n".join(("nouns:", *nouns, "", "`replydesk NOUN --help` tells more."))


def whole_parser() -> Parser:
    """Every noun and verb in one parser, for man pages and completion; commands never wait for so much."""
    parser = Parser(prog="replydesk", description="An e-mail-first support gateway.", allow_abbrev=False)
    parser.add_argument("--config", metavar="FILE", help="the settings")
    parser.add_argument("--version", action="store_true", help="print the version and the commit it was made of")
    nouns = parser.add_subparsers(metavar="NOUN", required=True)
    for noun, meaning in NOUNS.items():
        _module(noun).configure(nouns.add_parser(noun, help=meaning, description=_said_of(noun)))
    return parser


def _said(error: BaseException) -> int:
    """One line on stderr, and the exit code it stands for."""
    from gateway.core.sentences import text_of

    if os.environ.get(DEBUG):
        import traceback

        traceback.print_exception(error)
    text = " ".join(text_of(str(error), "en").split())
    if isinstance(error, ReplydeskError):
        print(f"replydesk: {text}", file=sys.stderr)
        if isinstance(error, WrongUsage):
            return WRONG_USAGE
        return TRY_LATER if isinstance(error, StorageUnavailable) else REFUSED
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        place = f"{error.filename}: " if error.filename else ""
        print(f"replydesk: {place}{error.strerror}. {_OF_THE_MACHINE[error.errno]}", file=sys.stderr)
        return REFUSED
    print(f"replydesk: unexpected {type(error).__name__}: {text} ({DEBUG}=1 shows where)", file=sys.stderr)
    return REFUSED


def _forget_stdout() -> None:
    """Nobody reads: the interpreter must not try once more, and complain, when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_what_is_closed() -> None:
    """Who starts us with `>&-` hears nothing, and that is all: Python has no stream there, and the next file opened
    would have its number."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # as long as the process


def _import_quickly() -> None:
    """Look for garbage rarely and not at the end: importing the database library costs a quarter less.

    The daemon changes that once it is ready (`gateway.memory.freeze`).
    """
    gc.set_threshold(200_000, 50, 1000)
    atexit.register(gc.freeze)

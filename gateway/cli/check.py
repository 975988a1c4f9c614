"""`replydesk check`: would the daemon start here, and would it do what was meant?

Nothing is changed: no table is made, no secret, no folder. One line per finding, each fault
with its remedy; exit code 1 when there is an error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.errors import ConfigError, ReplydeskError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.cli.findings import Finding
    from gateway.config import Settings

    Look = Callable[[Settings], Iterator[Finding]]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dump", action="store_true", help="print the configuration as it was understood, as TOML")
    parser.add_argument(
        "--connect", action="store_true", help="ask listeners, mailboxes, relay, portal and DNS as well"
    )
    parser.add_argument(
        "--dkim-selector", action="append", default=[], metavar="NAME", help="look at this DKIM key (with --connect)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.cli import show

    if args.dump:
        print(_dumped(config.load(args.config)), end="")
        return 0
    from gateway.cli.findings import ERROR, Finding

    try:
        settings = config.load(args.config)
        looks = _looks(args.connect, args.dkim_selector)
        found = [Finding("configuration", "ok", f"{settings.file} is understood"), *looked_over(settings, looks)]
    except ConfigError as error:
        where = f"{error.file}:{error.line}" if error.line else error.file
        said = ": ".join(part for part in (where, error.key, error.problem) if part)
        found = [Finding("configuration", ERROR, said, error.remedy)]
    if args.json:
        show.json_array({"about": f.about, "level": f.level, "text": f.text, "remedy": f.remedy} for f in found)
    else:
        show.table(("level", "about", "finding"), [(f.level, f.about, f.sentence) for f in found], whole=True)
    return 1 if any(f.level == ERROR for f in found) else 0


def _looks(connect: bool, selectors: Sequence[str]) -> Mapping[str, Look]:
    """What is looked at. To ask the relay says more than to see whether it is there."""
    from gateway.cli import findings

    if not connect:
        return findings.LOOKS
    from functools import partial

    from gateway.cli import check_connect, check_dns

    return {**findings.LOOKS, **check_connect.LOOKS, "dns": partial(check_dns.look_at_dns, selectors=selectors)}


def looked_over(settings: Settings, looks: Mapping[str, Look]) -> Iterator[Finding]:
    from gateway.cli.findings import ERROR, OK, Finding, eyes_of_the_service

    for about, look in looks.items():
        try:
            with eyes_of_the_service(settings):
                found = list(look(settings))
            yield from (finding if finding.level == OK else _placed(settings, finding) for finding in found)
        except ConfigError as error:
            yield _placed(settings, Finding(about, ERROR, f"{error.key}: {error.problem}", error.remedy))
        except ReplydeskError as error:
            yield Finding(about, ERROR, str(error))


def _placed(settings: Settings, finding: Finding) -> Finding:
    """After the line of the key it begins with, if it does."""
    from dataclasses import replace

    from gateway.config.lines import line_of

    key, colon, _ = finding.text.partition(": ")
    line = line_of(settings.file, key) if colon and "." in key and " " not in key else 0
    return replace(finding, text=f"line {line}: {finding.text}") if line else finding


def _dumped(settings: Settings) -> str:
    import re
    from urllib.parse import urlsplit

    from gateway.cli import toml

    understood = settings.model_dump()
    shown = settings.gateway.database_url
    url = urlsplit(shown)
    if url.password:
        host = url.netloc.rpartition("@")[2]
        shown = url._replace(netloc=f"{url.username}:***@{host}").geturl()
    # libpq takes `password` and `sslpassword` behind the name, too.
    understood["gateway"]["database_url"] = re.sub(r"(?i)([?&](?:ssl)?password=)[^&]*", r"\1***", shown)
    return toml.dumps(understood)

"""`replydesk dns`: what DNS says of the domains we write from, and the records to set where something is missing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dns.resolver import Resolver

    from gateway.cli.findings import Finding
    from gateway.config import Settings

_LOCAL = ("127.0.0.1", "::1", "localhost")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dkim-selector", action="append", default=[], metavar="NAME", help="look at this key of your relay as well"
    )
    parser.add_argument("--records", action="store_true", help="print all records for a zone, whatever there is")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace, resolver: Resolver | None = None) -> int:
    from gateway import config
    from gateway.cli import show
    from gateway.cli.check_dns import look_at_dns
    from gateway.cli.findings import ERROR, OK

    settings = config.load(args.config)
    signing = settings.send.dkim
    # A key of ours has its own domain; asking for it below every other domain would find nothing.
    found = list(look_at_dns(settings, args.dkim_selector, resolver))
    if args.json:
        show.json_array({"about": f.about, "level": f.level, "text": f.text, "remedy": f.remedy} for f in found)
        return 1 if any(f.level == ERROR for f in found) else 0
    show.table(("level", "finding"), [(f.level, f.sentence) for f in found], whole=True)
    wanted = list(records(settings, [] if args.records else [f for f in found if f.level != OK]))
    if wanted:
        print("\nRecords to set (a zone file's lines; a provider's form asks for name, type and value):")
        for line in wanted:
            print(f"  {line}")
    if signing.domain:
        print("\nThe DKIM key that signs here: `replydesk dkim` prints its record.")
    return 1 if any(f.level == ERROR for f in found) else 0


def records(settings: Settings, lacking: Sequence[Finding]) -> Iterator[str]:
    """Lines of a zone file for what is lacking; everything when nothing is named."""
    from gateway.mail.message import ascii_domain

    host = ascii_domain(settings.hostname)
    for domain in dict.fromkeys(ascii_domain(box.address.rpartition("@")[2]).casefold() for box in settings.mailboxes):
        about = [f.text for f in lacking if f.text.startswith((f"{domain}:", f"_dmarc.{domain}:"))]

        def lacks(word: str, about: Sequence[str] = about) -> bool:
            return not lacking or any(word in text for text in about)

        if lacks("MX") and _is_exchanger(settings):
            yield f"{domain}. IN MX 10 {host}."
        elif lacks("MX"):
            yield f"{domain}. IN MX 10 YOUR-MAIL-SERVER."
        if lacks("SPF"):
            yield f'{domain}. IN TXT "{_spf(settings)}"'
        if lacks("DKIM") and not settings.send.dkim.domain:
            yield f"{domain}: your relay signs and names the record, or see [send.dkim] and `replydesk dkim --make`"
        if lacks("DMARC"):
            yield f'_dmarc.{domain}. IN TXT "v=DMARC1; p=none; rua=mailto:{_reports(settings, domain)}"'


def _is_exchanger(settings: Settings) -> bool:
    """Senders come to us directly: nothing is fetched, nothing handed over."""
    return not settings.receive.imap and not settings.receive.lmtp.listen


def _spf(settings: Settings) -> str:
    """The relay named as far as we know it: one on this machine is the exchanger of the domain, mostly."""
    relay = settings.send.host
    return "v=spf1 mx -all" if relay in _LOCAL else f"v=spf1 mx a:{relay} -all"


def _reports(settings: Settings, domain: str) -> str:
    """Who reads reports: the operator, for at the desk they would be tickets."""
    return settings.gateway.operator or f"postmaster@{domain}"

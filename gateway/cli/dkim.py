"""`replydesk dkim`: the DNS record that goes with the key of [send.dkim]; `--make` makes the key first."""

from __future__ import annotations

import argparse

from gateway.cli.programs import ask
from gateway.errors import ReplydeskError

BITS = 2048
PIECE = 255
"""Bytes in one string of a TXT record (RFC 1035 section 3.3)."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--make", action="store_true", help="make the key; one that is there is never replaced")


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.config import Settings
    from gateway.config.dkim_key import dkim_key, dns_record

    def make(settings: Settings) -> None:
        path = settings.path(settings.send.dkim.key_file)
        if path.exists():
            raise ReplydeskError(f"{path} is there already; take another name, and another selector with it")
        words = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{BITS}"]
        try:
            made = ask(words, 60)
        except ReplydeskError as error:
            raise ReplydeskError(f"openssl made no key ({error}); install it, or put a PEM file there") from None
        path.touch(0o600, exist_ok=False)
        path.write_text(made, "ascii")

    settings = config.load(args.config)
    asked = settings.send.dkim
    if not asked.domain:
        raise ReplydeskError("set domain, selector and key_file in [send.dkim] first")
    if args.make:
        make(settings)
    record = dns_record(settings, dkim_key(settings))
    pieces = " ".join(f'"{record[n : n + PIECE]}"' for n in range(0, len(record), PIECE))
    print(f"{asked.selector}._domainkey.{asked.domain}. IN TXT ( {pieces} )")
    return 0

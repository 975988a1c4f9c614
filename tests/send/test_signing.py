"""What leaves is signed so that any receiver's verifier agrees, and nothing can be added to it unseen."""

from __future__ import annotations

import shutil
from pathlib import Path

import dkim
import pytest

from gateway import config
from gateway.config.dkim_key import dns_record
from gateway.errors import ConfigError
from gateway.send.signing import Signer, signer
from tests.cli.conftest import Shop, empty_shop

__all__ = ["empty_shop"]

MAIL = (
    "From: =?utf-8?q?J=C3=BCrgen?= <support@example.com>\r\nTo: kim@customer.example\r\nSubject: Re: Hello\r\n"
    "Date: Mon, 2 Mar 2026 10:30:00 +0100\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n.\r\nGrüße  \r\n\r\n"
).encode()
TABLE = '\n[send.dkim]\ndomain = "example.com"\nselector = "rd"\nkey_file = "dkim.pem"\n'
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@pytest.fixture
def asked(empty_shop: Shop) -> Shop:
    """A shop whose settings ask for signatures."""
    empty_shop.file.write_text(empty_shop.file.read_text() + TABLE)
    return empty_shop


def made(shop: Shop) -> tuple[Signer, str]:
    """Who signs, and what the DNS says."""
    record = shop.out("dkim", "--make")
    settings = config.load(shop.file)
    found = signer(settings)
    assert found is not None
    says = "".join(record.split('"')[1::2])
    assert says == dns_record(settings, settings.path("dkim.pem").read_text())
    assert record.startswith("rd._domainkey.example.com. IN TXT ( ")
    return found, says


def verifies(mail: bytes, says: str) -> bool:
    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return says.encode() if name == b"rd._domainkey.example.com." else b""

    return bool(dkim.verify(mail, dnsfunc=look_up))


@needs_openssl
def test_signed(asked: Shop) -> None:
    """A verifier agrees; a text, a second From, another subject and a Reply-To that was not there do not pass."""
    signs, says = made(asked)
    mail = signs.sign(MAIL)
    assert mail.endswith(MAIL)
    assert verifies(mail, says)
    # What a relay may do on the way.
    assert verifies(b"Received: from a by b\r\n" + mail.replace(b"To: kim", b"To:  kim"), says)
    field = mail[: -len(MAIL)]
    forged = (
        field + b"From: mallory@evil.example\r\n" + MAIL,
        field + b"Reply-To: mallory@evil.example\r\n" + MAIL,
        field + b"Cc: mallory@evil.example\r\n" + MAIL,
        mail.replace(b"Re: Hello", b"Re: Money"),
        mail + b"More\r\n",
    )
    assert [verifies(one, says) for one in forged] == [False] * len(forged)


@needs_openssl
def test_only_its_own_domain(asked: Shop) -> None:
    """And those below it; a signature for another author would prove nothing."""
    signs, says = made(asked)
    below = MAIL.replace(b"@example.com>\r\nTo", b"@desk.example.com>\r\nTo")
    assert verifies(signs.sign(below), says)
    other = MAIL.replace(b"support@example.com", b"support@badexample.com")
    assert signs.sign(other) == other


@needs_openssl
def test_a_key_is_never_replaced(asked: Shop) -> None:
    """The DNS still names it."""
    made(asked)
    key = Path(asked.file.parent / "dkim.pem")
    before = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert "is there already" in asked.refused("dkim", "--make")
    assert key.read_bytes() == before


@pytest.mark.parametrize("content", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none(asked: Shop, content: str) -> None:
    """The daemon does not start, and says which line is wrong."""
    (asked.file.parent / "dkim.pem").write_text(content)
    with pytest.raises(ConfigError, match=r"send\.dkim\.key_file"):
        signer(config.load(asked.file))


def test_off_by_default(empty_shop: Shop) -> None:
    """And said so by the command."""
    assert signer(config.load(empty_shop.file)) is None
    assert "[send.dkim]" in empty_shop.refused("dkim")

"""The key that signs our mail: read, and found to be one."""

from __future__ import annotations

from base64 import b64encode

from asn1crypto.keys import PublicKeyInfo, RSAPublicKey
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

from gateway.config.secret_files import read_secret
from gateway.config.settings import Settings

SHORTEST_BITS = 1024
"""RFC 8301 section 3.2."""


def dkim_key(settings: Settings) -> str:
    """In PEM form. Raises `ConfigError` for one that is not there or cannot be used."""
    key = read_secret(settings, "send.dkim.key_file", settings.send.dkim.key_file)
    dns_record(settings, key)
    return key


def dns_record(settings: Settings, key: str) -> str:
    """What the TXT record of the selector has to say (RFC 6376 section 3.6.1). Raises `ConfigError`."""
    try:
        parts = parse_pem_private_key(key.encode())
    except (UnparsableKeyError, ValueError, KeyError):
        raise settings.error(
            "send.dkim.key_file", "is no RSA key in PEM form", "Make one with: replydesk dkim --make"
        ) from None
    if parts["modulus"].bit_length() < SHORTEST_BITS:
        raise settings.error("send.dkim.key_file", "is too short", f"RSA keys have {SHORTEST_BITS} bits at least.")
    numbers = RSAPublicKey({"modulus": parts["modulus"], "public_exponent": parts["publicExponent"]})
    return f"v=DKIM1; k=rsa; p={b64encode(PublicKeyInfo.wrap(numbers, 'rsa').dump()).decode()}"

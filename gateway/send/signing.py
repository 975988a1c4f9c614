"""A DKIM signature (RFC 6376) over what leaves, where no relay of ours signs. dkimpy does the signing.

Signed anew at each attempt, for the files of a mail are put into it only then. Fields that somebody on the way might
add a second time are signed once more than they are there (section 5.4.2), so a forged second From breaks it.
"""

from __future__ import annotations

import logging
from email.parser import BytesHeaderParser
from email.utils import parseaddr

import dkim

from gateway.config import Settings
from gateway.config.dkim_key import dkim_key

log = logging.getLogger("replydesk.send")

SIGNED = (
    "from sender reply-to subject date message-id to cc in-reply-to references mime-version content-type "
    "content-transfer-encoding auto-submitted list-id"
).split()
ONCE_MORE = ("from", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version", "content-type")


class Signer:
    """Signs for one domain and those below it."""

    def __init__(self, domain: str, selector: str, key: str) -> None:
        self._domain, self._selector, self._key = domain.casefold(), selector, key.encode()

    def sign(self, message: bytes) -> bytes:
        """The mail with a signature on top; as it is when its author is of another domain."""
        head = BytesHeaderParser().parsebytes(message, headersonly=True)
        author = parseaddr(str(head["From"] or ""))[1].rpartition("@")[2].casefold()
        if author != self._domain and not author.endswith(f".{self._domain}"):
            return message
        # A field that is there twice has its name twice here.
        present = [*map(str.casefold, head.keys())]
        fields = [name for name in present if name in SIGNED]
        fields += [name for name in ONCE_MORE if name in present or name in ("from", "reply-to", "to", "cc")]
        try:
            signature = dkim.sign(
                message,
                self._selector.encode(),
                self._domain.encode(),
                self._key,
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=[name.encode() for name in fields],
            )
        except dkim.DKIMException as error:
            # Better unsigned than not at all; DMARC may still pass by SPF.
            log.error("not signed", extra={"cause": type(error).__name__})
            return message
        return bytes(signature) + message


def signer(settings: Settings) -> Signer | None:
    """The one the settings ask for. Raises `ConfigError` for a key that is not there or cannot be used."""
    asked = settings.send.dkim
    return Signer(asked.domain, asked.selector, dkim_key(settings)) if asked.domain else None

"""Reports about mail we sent: RFC 3464, RFC 8098, RFC 5965 and older bounces in words."""

from __future__ import annotations

from email.message import Message as MimeMessage

from gateway.core.header import Fields
from gateway.core.message import Report


def read(tree: MimeMessage, fields: Fields, body_text: str) -> Report | None:
    """The report a mail carries, None when it carries none."""
    return None

"""The mail data between DATA and the lone dot (RFC 5321 sections 4.1.1.4 and 4.5.2).

Without I/O: chunks in, the mail out. Only <CRLF>.<CRLF> ends a mail; bare CR, bare LF and
NUL are kept as they are and never end a line, so no second mail can be smuggled in.
Memory stays within the limit, however much the peer sends.
"""

from __future__ import annotations

_END = b"\r\n.\r\n"


class MailData:
    """Collects one mail.

    `limit` is in bytes of the mail as it was before dots were stuffed (RFC 1870 section 5).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Stuffing makes a third more at most: a line of one dot is three bytes before and four after.
        self._ceiling = limit * 4 // 3 + len(_END)
        # The line end before the first line, for a mail may be empty or begin with a dot.
        self._buffer = bytearray(b"\r\n")
        self._too_big = False

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next chunk. None while the mail goes on, else what follows the lone dot."""
        known = max(0, len(self._buffer) - len(_END) + 1)
        self._buffer += chunk
        end = self._buffer.find(_END, known)
        if end < 0:
            if len(self._buffer) > self._ceiling:
                self._too_big = True
                del self._buffer[: 1 - len(_END)]
            return None
        rest = bytes(self._buffer[end + len(_END) :])
        del self._buffer[end + 2 :]
        return rest

    def mail(self) -> bytes | None:
        """The whole mail without the dots that were stuffed; None when it is over the limit."""
        if self._too_big:
            return None
        mail = bytes(self._buffer.replace(b"\r\n.", b"\r\n"))[2:]
        return mail if len(mail) <= self._limit else None

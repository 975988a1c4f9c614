"""A forwarded mail: who wrote it, when, about what, and its text.

Mail programs forward inline, with a block of header lines in the reader's language above the
text. Only that block is read here; a mail attached as `message/rfc822` is parsed as a mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from gateway import texts
from gateway.core.policy import Policy
from gateway.mail.message import Message, address_key
from gateway.mail.quotation import attribution, field_of, is_forward_mark

_FIELD = re.compile(r"[>\s*_]*([^\W\d_][^:*_]{0,30}?)\s*[*_]*:[*_]*\s*(.*)")
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\",;:]+")
_AUTHOR = re.compile(r"([^\d,:;<>\"]*)<([^\s<>@]+@[^\s<>@]+)>")
LOOKED_AT = 400
"""Lines; the block stands near the head of what an agent forwards."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A customer's mail inside an agent's."""

    address: str
    """As its From names it; empty when it names nobody."""
    subject: str
    date: datetime | None
    text: str
    message: Message | None = None
    """The whole mail, when it was forwarded as an attachment."""
    author: str = ""
    """Its From as it stands there; Outlook writes a bare name."""
    above: str = ""
    """What stands above it in the agent's mail."""
    part: str = ""
    """Where it is in the agent's mail, when it is attached."""
    inner: bool = False
    """One of ours wrote it: no customer may read it."""

    @property
    def name(self) -> str:
        """Of its author, as it stands there: `Kim Customer <kim@…>`, `Kim Customer [mailto:kim@…]`, bold as
        `*Kim Customer* <kim@…>`."""
        before = self.author.partition(self.address)[0] if self.address else ""
        return before.rstrip(" <[(").removesuffix("mailto:").strip(" <[(\"'*")

    @property
    def address_key(self) -> str:
        return address_key(self.address)


@dataclass(frozen=True, slots=True)
class Inside:
    """A mail inside another one that is stored already."""

    mail: Forwarded
    around: Message
    raw: bytes
    """Its bytes, when it is attached."""


def meant(found: Iterable[Forwarded], wanted: str, policy: Policy) -> Forwarded | None:
    """Of the mails inside an agent's, the one the agent means: of that very author, else of nobody of ours.

    In a chain the colleagues' remarks stand above the customer's mail. One of ours, if there is no other,
    is marked as `inner`.
    """
    best: Forwarded | None = None
    for mail in found:
        if mail.part and policy.is_own(mail.address):
            # A notice of ours that hangs on the mail is not what is forwarded.
            continue
        if mail.address_key == address_key(wanted):
            return mail
        mail = replace(mail, inner=_is_ours(mail, policy))
        if best is None or (best.inner and not mail.inner):
            best = mail
    return best


def _is_ours(mail: Forwarded, policy: Policy) -> bool:
    if mail.address:
        return policy.is_own(mail.address) or policy.agent_for(mail.address) is not None
    return any(a.name and a.name.casefold() in mail.author.casefold() for a in policy.agents)


def whole(message: Message) -> Iterator[Forwarded]:
    """The mails attached to a mail, by their headers."""
    for mail in message.nested:
        if mail.author:
            yield Forwarded(mail.author.address, mail.subject, mail.date, "", author=mail.author.shown, part=mail.part)


def inline(body_text: str) -> Iterator[Forwarded]:
    """Each block of at least a From and one more field, with the text below it."""
    lines = body_text.split("\n")[:LOOKED_AT]
    for start, line in enumerate(lines):
        read, (name, value) = _field, _field(line)
        if name != "from" and _is_marked(lines, start):
            if spoken := _spoken(lines, start, body_text):
                yield spoken
            read, (name, value) = _bare_field, _bare_field(line)
        if name != "from" or (read is _bare_field and not _ADDRESS.search(value)):
            continue
        fields = {"from": value}
        end = start + 1
        while end < len(lines) and (more := read(lines[end]))[0]:
            fields.setdefault(*more)
            end += 1
        # Thunderbird and Apple name the subject first.
        while start and (more := read(lines[start - 1]))[0] not in ("", "from"):
            fields.setdefault(*more)
            start -= 1
        if len(fields) > 1:
            text = _unquoted("\n".join(body_text.split("\n")[end:]).strip("\n"))
            address = _ADDRESS.search(fields["from"])
            yield Forwarded(
                address[0] if address else "",
                fields.get("subject", "").strip(),
                _date(fields.get("date", "")),
                text,
                author=fields["from"].strip(),
                above="\n".join(lines[:start]),
            )


def _is_marked(lines: list[str], start: int) -> bool:
    """It stands, with words, right below the line that says a mail is passed on."""
    above = next((line for line in reversed(lines[max(0, start - 3) : start]) if line.strip()), "")
    return bool(lines[start].strip()) and is_forward_mark(above)


def _spoken(lines: list[str], start: int, body_text: str) -> Forwarded | None:
    """Spark's way: `On …, Kim Customer <kim@…>, wrote:` and the mail below it, marked line by line."""
    quoted = [line.startswith(">") for line in lines]
    count = attribution(lines, quoted, start)
    found = _AUTHOR.search(" ".join(lines[start : start + count])) if count else None
    below = "\n".join(body_text.split("\n")[start + count :]).strip("\n")
    if found is None or not below.startswith(">"):
        return None
    return Forwarded(found[2], "", None, _unquoted(below), author=found[0].strip(), above="\n".join(lines[:start]))


def _unquoted(text: str) -> str:
    """Telephones quote a forwarded mail line by line."""
    lines = text.split("\n")
    marked = all(line.startswith(">") for line in lines if line.strip())
    return "\n".join(line[1:].removeprefix(" ") for line in lines).strip("\n") if marked else text


def attached(message: Message) -> Forwarded:
    """A forwarded mail that came whole."""
    return Forwarded(
        message.author.address if message.author else "", message.subject, message.date, message.body_text, message
    )


def _field(line: str) -> tuple[str, str]:
    """What a header line is, in any language, and what it says; empty when it is none."""
    found = _FIELD.fullmatch(line)
    name = field_of(found[1]) if found else ""
    return "date" if name == "sent" else name, found[2] if found else ""


def _bare_field(line: str) -> tuple[str, str]:
    """The same of a line as eM Client writes it, without a colon: `From "Kim Customer" <kim@…>`."""
    word, _, value = line.strip().partition(" ")
    name = field_of(word.rstrip(":"))
    return "date" if name == "sent" else name, value.strip()


def _date(text: str) -> datetime | None:
    """What RFC 5322 or ISO 8601 can read, or a month's name tells; a guess at 03/04 would be worse."""
    for read in (parsedate_to_datetime, datetime.fromisoformat, _with_month):
        try:
            found = read(text.strip())
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


_DATE = re.compile(r"\b(\d{1,2})\.?\s+(?:de\s+)?([^\W\d_]+)\.?,?\s+(?:de\s+)?(\d{4})\b\D{0,12}(?:(\d{1,2}):(\d{2}))?")
_POINTS = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b\D{0,12}(?:(\d{1,2}):(\d{2}))?")
"""Points between day and month stand for that order wherever they are used."""


def _with_month(text: str) -> datetime:
    """`Freitag, 27. Februar 2026 16:12`, `27.02.2026 um 16:12`. Raises `ValueError`."""
    found = _DATE.search(text) or _POINTS.search(text)
    if found is None:
        raise ValueError("no date")
    day, month, year, hour, minute = found.groups(default="0")
    number = int(month) if month.isdigit() else _months(texts.languages()).get(month.casefold(), 0)
    return datetime(int(year), number, int(day), int(hour), int(minute), tzinfo=UTC)


@lru_cache(maxsize=1)
def _months(languages: tuple[str, ...]) -> dict[str, int]:
    """Names of months, whole and shortened, in the languages there are texts in."""
    from babel.dates import get_month_names

    return {
        name.casefold().rstrip("."): number
        for language in languages
        for width in ("wide", "abbreviated")
        for number, name in get_month_names(width, "format", language.replace("-", "_")).items()
    }


def inside(raw: bytes, message: Message, wanted: str, policy: Policy) -> tuple[Forwarded | None, bytes]:
    """The mail inside an agent's mail that `#from` means, attached or quoted; with its bytes when it is attached."""
    # Its libraries take a third of a second to load, and whoever only looks at the database needs none of them.
    from gateway.mail.parse import nested, parse

    found = meant([*whole(message), *inline(message.body_text)], wanted, policy)
    if found is None or not found.part:
        return found, b""
    data = nested(raw, found.part)
    return replace(attached(parse(data)), inner=found.inner), data

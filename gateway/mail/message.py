"""What a received mail is: the values the stages hand to each other.

Names are those of RFC 5321 (envelope), RFC 5322 (header) and RFC 3464 (report).
Every text in here has been through `text.clean()`: it holds no NUL, no lone
surrogate and no control character but newline and tab, so both databases take it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

_KELVIN = "\u212a"
NULL_REVERSE_PATH = ""
"""RFC 5321 section 4.5.5. aiosmtpd hands it over as `'<>'`; we store the empty string."""


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of a header: `address` is the addr-spec, `name` the decoded display name."""

    address: str
    name: str = ""

    @property
    def key(self) -> str:
        """The address as it is compared and looked up: case-folded."""
        return address_key(self.address)

    @property
    def shown(self) -> str:
        """How a person is named in a sentence: by name, else by address; a name never poses as an address."""
        return self.name if self.name and "@" not in self.name else self.address


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """Fold an addr-spec for comparison, its domain as people write it (RFC 5890 U-labels). Local parts are compared
    without case, as mailbox providers do.

    Lower case and no more: `straße.example` and `strasse.example` are two domains (RFC 5891), and two people.
    So are the letter k and the Kelvin sign, the one sign beyond ASCII whose lower case is within.
    """
    key = _KELVIN.join(part.lower() for part in address.strip().split(_KELVIN))
    return _unicode_domain(key) if "xn--" in key else key


@lru_cache(maxsize=1024)
def _unicode_domain(key: str) -> str:
    """A domain in its ASCII form (RFC 5891 A-labels) is the one people write; what is none stays as it is."""
    import idna

    local, at, domain = key.rpartition("@")
    try:
        return f"{local}{at}{idna.decode(domain)}"
    except (idna.IDNAError, UnicodeError):
        return key


def ascii_domain(domain: str) -> str:
    """The form of a domain every mail server takes (RFC 5891); one that has none is returned as it is."""
    if domain.isascii():
        return domain
    # Loads a large table, and is needed by very few mails.
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a mail reached us (RFC 5321 section 2.3.1), apart from what it says."""

    source: str
    """`smtp`, `lmtp`, `pipe`, `imap:<mailbox>`, `portal`, `shell`, `import` or `file`."""
    reverse_path: str
    """MAIL FROM without angle brackets; `NULL_REVERSE_PATH` when null or unknown."""
    recipients: tuple[str, ...]
    """RCPT TO without angle brackets, in order, as given by the peer."""
    remote: str = ""
    """The peer's address (`192.0.2.1`), empty where there is none."""
    authenticated_as: str = ""
    """The address proven by SMTP AUTH, empty without."""

    @property
    def proven(self) -> bool:
        """The reverse path is the real one; elsewhere only a Return-Path field can say that it was null."""
        return self.source in ("smtp", "lmtp")

    @property
    def archived(self) -> bool:
        """It comes from an archive, not from somebody who waits for an answer."""
        return self.source == "import"


class Action(StrEnum):
    """RFC 3464 section 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a report says of one recipient (RFC 3464 section 2.3)."""

    action: Action
    final_recipient: str
    """The address we wrote to: Original-Recipient where it is given, else Final-Recipient."""
    status: str = ""
    """Enhanced status code such as `5.1.1`, empty when not given."""
    diagnostic_code: str = ""


class ReportType(StrEnum):
    """Which report a mail is, when it is one."""

    DELIVERY = "delivery-status"
    """RFC 3464, or a bounce in a well-known other shape."""
    DISPOSITION = "disposition-notification"
    """RFC 8098: a read receipt."""
    FEEDBACK = "feedback-report"
    """RFC 5965 (ARF): a recipient pressed "this is spam"."""
    AGGREGATE = "aggregate-report"
    """RFC 7489 (DMARC) and RFC 8460 (TLS): what another provider saw of our domain."""


@dataclass(frozen=True, slots=True)
class Report:
    """A machine's report about a mail we sent."""

    type: ReportType
    recipients: tuple[DeliveryReport, ...] = ()
    """Per recipient; empty for MDN and ARF, and when a bounce names nobody."""
    reported_ids: tuple[str, ...] = ()
    """Message-IDs (without angle brackets) of the returned mail, and of the mails it names."""
    by_system: bool = True
    """The mail shows a mail system at work; otherwise only its subject and words read like a report."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail. Its bytes are read out of the kept raw mail, never stored twice."""

    part: str
    """Where it is in the raw mail; give it to `parse.extract(raw, part)`."""
    filename: str
    """Decoded and safe: no path, no control or bidi character, never empty."""
    content_type: str
    size: int
    """Decoded size in bytes."""
    sha256: str
    """Hex digest of the decoded bytes."""
    content_id: str = ""
    """Without angle brackets; empty without."""
    inline: bool = False
    """True when the HTML body shows it in place by its Content-ID."""
    note: str = ""
    """What the reader must know of it (`unreadable: …`, `encrypted`), else empty."""


@dataclass(frozen=True, slots=True)
class NestedMessage:
    """A `message/rfc822` part: shown folded, never merged into the text."""

    part: str
    author: Address | None
    subject: str
    date: datetime | None
    message_id: str
    body_text: str


@dataclass(frozen=True, slots=True)
class Event:
    """A calendar invitation or answer (RFC 5545, 5546), in words a reader needs."""

    method: str
    """`REQUEST`, `REPLY`, `CANCEL`, …"""
    summary: str
    where: str
    starts: str = ""
    """ISO 8601, by the sender's clock: `2024-05-13T10:00+02:00`, of a whole day `2024-05-13`; empty when unknown."""
    ends: str = ""
    """The same; of whole days the last. Empty when it has none."""
    zone: str = ""
    """The name of the clock, such as `Europe/Berlin`; empty for a day, or for whoever reads it."""
    repeats: str = ""
    """`WEEKLY 2 MO,TH COUNT=10`, empty when it happens once."""
    answer: str = ""
    """For a `REPLY`: how its attendee answers, `ACCEPTED`, `DECLINED`, … (PARTSTAT)."""
    comment: str = ""
    """What they wrote beside it."""
    uid: str = field(default="", compare=False)
    """The same in its updates, cancellations and answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A mail as a person would read it, with all that was odd about it in `defects`."""

    author: Address | None
    """First usable mailbox of From, else Sender, else whoever the envelope names, else None."""
    from_: tuple[Address, ...] = ()
    author_unsure: bool = False
    """From is missing, doubled, names several people, or is written so that programs read it differently."""
    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    """Decoded, on one line."""
    message_id: str
    """Without angle brackets, never empty: derived from the content when missing."""
    message_id_derived: bool = False
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Oldest first, as in the header."""
    date: datetime | None = None
    """The Date header in UTC, None when missing or unreadable."""
    body_text: str = ""
    """The whole text, newlines as LF."""
    reply_text: str = ""
    """The new text only; equals body_text when unsure."""
    body_html: str = ""
    """The HTML body as sent (not sanitised!), or empty."""
    attachments: tuple[Attachment, ...] = ()
    widths: dict[str, int] = field(default_factory=dict)
    """Content-ID → pixels of the pictures its HTML shows in place, where that can be told."""
    nested: tuple[NestedMessage, ...] = ()
    events: tuple[Event, ...] = ()
    report: Report | None = None
    reaction: bool = False
    """It is a sign somebody pressed under a mail."""
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Lower-cased name → decoded values in order. Bounded; enough for `classify`."""
    encryption: str = ""
    """`pgp`, `smime` when the content cannot be read without a key, else empty."""
    omissions: tuple[str, ...] = ()
    """What of the mail is not shown, in words for the reader."""
    defects: tuple[str, ...] = ()
    unreadable: str = ""
    """The cause when the mail could not be read within its budget: only its raw bytes are kept."""
    sha256: str = ""
    """Hex digest of the raw bytes as received."""

    def header(self, name: str) -> str:
        """The first value of a header field, or the empty string."""
        values = self.headers.get(name.lower(), ())
        return values[0] if values else ""


class KindName(StrEnum):
    """What sort of mail this is; stable in `explain --json`."""

    CORRESPONDENCE = "correspondence"
    AUTOMATIC = "automatic"
    REPORT = "report"
    LOOP = "loop"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Kind:
    """The first classification rule that matched, and why."""

    name: KindName
    rule: str
    """Short stable name of the rule, e.g. `null-reverse-path`."""
    reason: str
    """One sentence for a person."""
    no_acknowledgement: str = ""
    """When a human mail must not be acknowledged: the rule that says so (`list`, `role-address`, …)."""

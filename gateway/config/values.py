"""What a single value of the settings may be; one that cannot be meant raises what is wrong, a bar, and the remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from gateway import texts
from gateway.core.window import LONGEST

_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
_LISTEN = re.compile(r"(\[[0-9a-fA-F:.]+\]|(?!\d+:)[^\s:\[\]]+):(\d{1,5})")
_BUDGET = re.compile(r"(\d{1,6})/([1-9]\d{0,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _in_form(value: str, form: str | re.Pattern[str], wrong: str, remedy: str) -> str:
    """The value, where it is written in this form."""
    if not re.fullmatch(form, value):
        raise ValueError(f"{value!r} is {wrong}|{remedy}")
    return value


def _address(value: str) -> str:
    return _in_form(value, _ADDRESS, "not an e-mail address", "Write it as name@example.com.")


def _listen(value: str) -> str:
    m = _LISTEN.fullmatch(value)
    if value and (not m or int(m[2]) > 65535):
        raise ValueError(f'{value!r} is not "host:port"|Write it as "127.0.0.1:2525", or "[::1]:2525" for IPv6.')
    return value


def checked_door(value: str) -> str:
    """One of several: an empty one opens nothing."""
    return _listen(value or " ")


def checked_lmtp_door(value: str) -> str:
    if value.startswith("unix:/"):
        return value
    if int(checked_door(value).rpartition(":")[2]) == 25:
        raise ValueError("LMTP must not be used on port 25 (RFC 2033 section 5)|Use another port, such as 24.")
    return value


def checked_language(value: str) -> str:
    """A language there are texts in; for a kind of one (`de-AT`, `pt_BR`) the one it is a kind of."""
    known = {tag.casefold(): tag for tag in texts.languages()}
    tag = value.casefold().replace("_", "-")
    found = known.get(tag) or known.get(tag.partition("-")[0])
    if value and not found:
        raise ValueError(f"there are no texts in {value!r}|Use one of: {', '.join(texts.languages())}.")
    return found or ""


def _named_language(value: str) -> str:
    return checked_language(value or " ")


def _budget(value: str) -> str:
    _in_form(value, _BUDGET, 'not "count/time"', 'Write it as "5/10m", "20/1h" or "100/1d".')
    if span_of(value) > LONGEST:
        # What came before is not looked at, so it would stop less than it says.
        raise ValueError(f"{value!r} counts over more than {LONGEST.days} days|Use {LONGEST.days}d or less.")
    return value


def span_of(budget: str) -> timedelta:
    """Of `count/time`."""
    time = budget.rpartition("/")[2]
    return int(time[:-1]) * _UNITS[time[-1]]


def checked_timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # The system's own word for a folder, such as "Europe".
        raise ValueError(f"there is no time zone {value!r}|Use a name such as Europe/Berlin.") from None
    return value


def checked_clock(value: str) -> str:
    return _in_form(value, r"([01]\d|2[0-3]):[0-5]\d", "not a time of day", 'Write it as "09:00".')


def checked_closing(value: str) -> str:
    return value if value == "24:00" else checked_clock(value)


def checked_optional_clock(value: str) -> str:
    return checked_clock(value) if value else value


def checked_written_out(value: object) -> object:
    """TOML has dates of its own; both spellings mean the same."""
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def checked_date(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError(f'{value!r} is not a date|Write it as "2026-12-25".') from None
    return value


def checked_url(value: str) -> str:
    form, remedy = r"https?://[^\s/?#]+(/[^\s?#]*)?", "Write it as https://support.example.com."
    try:
        parts = urlsplit(value)
        with_a_name, _ = parts.username is not None, parts.port
    except ValueError:  # A port that is none, or a bracket that is not closed.
        with_a_name, form = False, r"(?!)"
    if with_a_name:
        # Not repeated here: it may be a password, and links in mails would tell it to everybody.
        raise ValueError(f"it holds a user name or a password|{remedy}")
    return _in_form(value, form, "not a web address", remedy).rstrip("/")


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f'{value!r} is no address or network|Write it as "192.0.2.7" or "10.0.0.0/8".') from None
    return value


def checked_prefix(value: str) -> str:
    remedy = 'Write one to ten capitals and digits, a capital first: "RD".'
    return _in_form(value, r"[A-Z][A-Z0-9]{0,9}", "no prefix", remedy)


def _pattern(value: str) -> str:
    if not value.strip():
        raise ValueError('it is empty|Write what must stand there; "*" stands for anything.')
    return value


def checked_reply_address(value: str) -> str:
    if value and (value.count("{token}") != 1 or not _ADDRESS.fullmatch(value.replace("{token}", "t"))):
        raise ValueError(f"{value!r} is not an address with {{token}}|Write it as support+{{token}}@example.com.")
    return value


_TOO_LIGHT = 0.3
"""Above it the contrast to white falls below 3 to 1 (WCAG 2.2, 1.4.11)."""


def brightness(colour: str) -> float:
    """Relative luminance of `#rrggbb` as WCAG 2.2 defines it: 0 black, 1 white."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def checked_colour(value: str) -> str:
    if value and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError(f'{value!r} is not a colour|Write it as "#0a58ca".')
    if value and brightness(value) > _TOO_LIGHT:
        raise ValueError(f"{value!r} is too light to be seen on white|Use a darker shade of it.")
    return value


def checked_logo(value: str) -> str:
    if value and not re.search(r"(?i)\.(png|jpg|svg|webp)$", value):
        raise ValueError(f"{value!r} is no picture that mails and pages can show|Use a .png, .jpg, .svg or .webp file.")
    return value


HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def _hostname(value: str) -> str:
    return _in_form(value, rf"(?:{HOST_NAME.pattern})?", "not a host name", "Write it as mail.example.com.")


def checked_server(value: str) -> str:
    """A name or an address, of a mail server that may be called anything; the port has a key of its own."""
    try:
        ip_address(value)
    except ValueError:
        remedy = "Write it as mail.example.com, the port into the key for it."
        _in_form(value, r"([A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?)?", "not the name of a server", remedy)
    return value


def _own_server(value: str) -> str:
    remedy = "Write it as in the field, such as mail.example.com."
    return _in_form(value, r"[^\s;,:]+", "not the name of a server", remedy)


def _field_name(value: str) -> str:
    remedy = 'Write it without colon and value: "X-Spam".'
    return _in_form(value, r"[!-9;-~]+", "not the name of a header field", remedy)


def checked_database_url(value: str) -> str:
    """SQLite and PostgreSQL; whether it is there is asked later."""
    try:
        known = not value or (
            re.match(r"(sqlite|postgresql(\+psycopg)?)://", value) is not None and urlsplit(value).port != 0
        )
    except ValueError:
        known = False
    if not known:
        raise ValueError(
            "is no database we know|Leave it empty for SQLite, or write postgresql+psycopg://user@host/name."
        )
    if value.startswith("sqlite:") and not value.startswith("sqlite:////"):
        # In memory all is gone at the end; a relative path is another file for each folder somebody stands in.
        raise ValueError(
            "names no file by its whole path|Leave it empty for one in data_dir, or write sqlite:////PATH."
        )
    return value


def checked_processes(value: object) -> object:
    """`true` is a 1 to Python."""
    if isinstance(value, bool) or value not in ("auto", 1):
        shown = json.dumps(value, default=str)
        raise ValueError(f'{shown} is not known here|Use "auto" or 1.')
    return value


_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SEVERAL_LINES = ("signature", "imprint", "meanings")
_MOST = {"days": 36_500, "hours": 8_784, "minutes": 527_040, "seconds": 86_400, "bytes": 2**40}
"""By the last word of a key: a century, a year, a year, a day; beyond, dates end and nobody waits."""
_MOST_PIECES = 1_000_000


def checked_anything(name: str, value: object) -> None:
    """What no text and no number of the key may be, whatever the key is for."""
    control = _CONTROL_IN_LINES if name in _SEVERAL_LINES else _CONTROL
    for text in _texts_in(value):
        if control.search(text):
            raise ValueError(f"{text!r} holds a line break or another control character|Write it on one line.")
    most = _MOST.get(name.rpartition("_")[2], _MOST_PIECES)
    if isinstance(value, int) and value > most:
        raise ValueError(f"{value} is too large|Use {most} or less.")


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (text for text in value if isinstance(text, str))
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for text in pair if isinstance(text, str))


EmailAddress = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(lambda v: _address(v) if v else v)]
Listen = Annotated[str, AfterValidator(_listen)]
Door = Annotated[str, AfterValidator(checked_door)]
Server = Annotated[str, AfterValidator(checked_server)]
OwnServer = Annotated[str, AfterValidator(_own_server)]
FieldName = Annotated[str, AfterValidator(_field_name)]
OptionalUrl = Annotated[str, AfterValidator(lambda v: checked_url(v) if v else v)]
Language = Annotated[str, AfterValidator(checked_language)]
NamedLanguage = Annotated[str, AfterValidator(_named_language)]
BudgetText = Annotated[str, AfterValidator(_budget)]
Network = Annotated[str, AfterValidator(_network)]
Hostname = Annotated[str, AfterValidator(_hostname)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]

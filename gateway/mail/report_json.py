"""Notifications of services that send for us, written as JSON: a text that is one object, or a list of them.

No service's form is known by name. An object has an event, in itself or around it, and an address in a field that
names a recipient; whatever stands beside it is its status and its diagnosis.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.mail.header import Fields, message_ids
from gateway.mail.message import Action, DeliveryReport, Report, ReportType
from gateway.mail.text import one_line

SIZE_LIMIT = 200_000
OBJECTS_LIMIT = 2_000
RECIPIENTS_LIMIT = 500
DEPTH_LIMIT = 20

_EVENTS = re.compile(
    r"[\W_]*(?:(?P<complaint>(?:spam)?[_ -]?complain\w*|spam[_ -]?report)"
    r"|(?P<delayed>(?:delivery)?[_ -]?delay\w*|deferr\w*|(?:soft|transient|temporary)[_ -]?(?:bounce|fail\w*))"
    r"|(?P<failed>(?:hard|permanent|out[_ -]of[_ -]band|policy)?[_ -]?(?:bounced?|fail(?:ed|ure)?)|dropped"
    r"|reject(?:ed)?|undelivered|suppressed)"
    r"|(?P<delivered>deliver(?:y|ed)|sent))[\W_]*$",
    re.I,
)
_EVENT_FIELDS = frozenset("event eventtype event_type notificationtype notification_type recordtype type".split())
_RECIPIENT_FIELDS = frozenset(
    "emailaddress email_address email recipient rcpt_to rcptto rcpt finalrecipient final_recipient".split()
)
_TEXT_FIELDS = (
    "diagnosticcode",
    "diagnostic_code",
    "raw_reason",
    "details",
    "reason",
    "description",
    "message",
    "diag",
)
_STATUS_FIELDS = ("status", "enhanced-code", "enhanced_code", "statuscode", "error_code", "code")
_ID_FIELDS = frozenset("message-id message_id messageid smtp-id smtpid smtp_id".split())
_ADDRESS = re.compile(r"[^\s<>@\"]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,250}[A-Za-z0-9]")
STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ACTIONS = {"failed": Action.FAILED, "delayed": Action.DELAYED, "delivered": Action.DELIVERED}
_SERVICE = re.compile(r"(?i)^[^@]*(?:no-?reply|notif|bounce|mailer|daemon|postmaster|events?|webhook|alerts?)[^@]*@")


@dataclass(slots=True)
class _Found:
    events: list[str] = field(default_factory=list)
    recipients: dict[str, DeliveryReport] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    objects: int = 0


def read(text: str, fields: Fields) -> Report | None:
    """What such a notification reports, None for any other text. Words around it make it a person's."""
    start = text.lstrip()
    if start[:1] not in ("{", "[") or len(text) > SIZE_LIMIT or '"' not in start[:200]:
        return None
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(start)
    except (ValueError, RecursionError):
        return None
    rest = start[end:].strip()
    service = bool(_SERVICE.match(_address_of(fields)))
    if not isinstance(value, dict | list) or (rest and not (service or rest.startswith("--"))):
        return None
    found = _Found()
    _walk(value, "", found, 0)
    ids = tuple(dict.fromkeys(found.ids))
    if "complaint" in found.events:
        return Report(ReportType.FEEDBACK, (), ids)
    return Report(ReportType.DELIVERY, tuple(found.recipients.values()), ids) if found.recipients else None


def _address_of(fields: Fields) -> str:
    found = _ADDRESS.search(fields.text("from"))
    return found[0] if found else ""


def _walk(value: Any, event: str, found: _Found, depth: int) -> None:
    found.objects += 1
    if depth > DEPTH_LIMIT or found.objects > OBJECTS_LIMIT:
        return
    if isinstance(value, list):
        for item in value:
            _walk(item, event, found, depth + 1)
    elif isinstance(value, dict):
        fields = {str(name).casefold(): item for name, item in value.items()}
        event = _event(fields, event)
        found.events.append(event)
        found.ids += _ids(fields)
        _note(fields, event, found)
        for item in fields.values():
            if isinstance(item, str) and item.lstrip()[:2] in ('{"', "[{"):
                item = _inner(item)  # a notification in an envelope, as one string
            if isinstance(item, dict | list):
                _walk(item, event, found, depth + 1)


def _inner(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _event(fields: dict[str, Any], around: str) -> str:
    """`failed`, `delayed`, `delivered`, `complaint`, or what the objects around say."""
    names = [m.lastgroup for n in _EVENT_FIELDS if isinstance(v := fields.get(n), str) and (m := _EVENTS.match(v))]
    named = next((n for n in ("complaint", "delayed", "failed", "delivered") if n in names), "") or around
    temporary = str(fields.get("severity", "")).casefold() == "temporary"
    return "delayed" if named == "failed" and temporary else named


def _note(fields: dict[str, Any], event: str, found: _Found) -> None:
    said = str(fields.get("action", "")).casefold()
    action = next((a for a in Action if said == a.value), None) or _ACTIONS.get(event)
    if action is None:
        return
    around = fields.get("delivery-status")
    beside = fields | ({str(k).casefold(): v for k, v in around.items()} if isinstance(around, dict) else {})
    texts = [str(v) for n in _TEXT_FIELDS if isinstance(v := beside.get(n), str) and not _ADDRESS.fullmatch(v)]
    status = next((m[1] for n in (*_STATUS_FIELDS, *_TEXT_FIELDS) if (m := STATUS.search(str(beside.get(n, ""))))), "")
    named = [fields[name] for name in _RECIPIENT_FIELDS & fields.keys()]
    listed = fields.get("recipients")
    for value in [*named, *(listed if isinstance(listed, list) else ())]:
        address = _ADDRESS.search(value) if isinstance(value, str) else None
        if address and len(found.recipients) < RECIPIENTS_LIMIT:
            report = DeliveryReport(action, address[0], status, one_line(texts[0] if texts else "", 500))
            found.recipients.setdefault(report.final_recipient.casefold(), report)


def _ids(fields: dict[str, Any]) -> Iterator[str]:
    named = [v for n in _ID_FIELDS if isinstance(v := fields.get(n), str)]
    if str(fields.get("name", "")).casefold() == "message-id" and isinstance(fields.get("value"), str):
        named.append(fields["value"])
    for value in named:
        yield from message_ids(value if "<" in value else f"<{value}>") if "@" in value else ()

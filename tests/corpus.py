"""How much of a corpus of real mails is read as its owners say: `python -m tests.corpus [DIRECTORY…]`.

A corpus is a folder of `<source>.jsonl`, one record a mail: `id`, `file`, `kind`, `expect` (field → value)
and `cmp` (field → how to compare). Prints per source and field how many hold, and every miss. Ends with 1
when a mail was not read, a human's mail was taken for a machine's, or text a person wrote was cut.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.core.classify import classify
from gateway.core.policy import Mailbox, Policy
from gateway.core.token import Keys
from gateway.mail.message import Action, Attachment, Envelope, Kind, KindName, Message, ReportType
from gateway.mail.parse import parse

SHARED = Path(__file__).resolve().parents[1] / "../shared/corpus"
POLICY = Policy(
    keys=Keys(b"corpus"),
    mailboxes=(Mailbox("support@replydesk.example", "Support", "en", "support+{token}@replydesk.example"),),
)
ENVELOPE = Envelope("file", "", ("support@replydesk.example",))


@dataclass(frozen=True, slots=True)
class Record:
    """One mail and what is asserted of it."""

    id: str
    path: Path
    kind: str
    expect: dict[str, Any]
    compare: dict[str, str]
    note: str

    def message(self) -> Message:
        return parse(self.path.read_bytes(), ENVELOPE)


def records(directory: Path = SHARED) -> Iterator[Record]:
    for listing in sorted(directory.glob("*.jsonl")):
        for line in listing.read_text().splitlines():
            row = json.loads(line)
            path = directory / row["file"]
            yield Record(row["id"], path, row["kind"], row["expect"], row.get("cmp") or {}, row.get("note") or "")


def _blanks(value: str) -> str:
    return " ".join(value.split())


def _alnum(value: str) -> str:
    return re.sub(r"[\W_]+", "", value).casefold()


def _same(how: str, got: str, want: str) -> bool:
    if how == "alnum":
        return _alnum(got) == _alnum(want)
    if how == "prefix":
        return _blanks(got).startswith(_blanks(want))
    return _blanks(got) == _blanks(want)


def _within(how: str, text: str, want: str) -> bool:
    fold = _alnum if how == "alnum" else _blanks
    return fold(want) in fold(text)


def _fits(found: Attachment, want: dict[str, Any]) -> bool:
    return all(getattr(found, key) == value for key, value in want.items())


def _includes(found: tuple[Attachment, ...], wanted: list[dict[str, Any]]) -> bool:
    left = list(found)
    for want in wanted:
        match = next((a for a in left if _fits(a, want)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _recipients(message: Message) -> set[str]:
    """Who did not get the mail; where nobody failed, whose mail is delayed."""
    said = message.report.recipients if message.report else ()
    for action in (Action.FAILED, Action.DELAYED):
        if found := {r.final_recipient.casefold() for r in said if r.action is action}:
            return found
    return set()


def _is_bounce(message: Message, kind: Kind) -> bool:
    report = message.report
    failed = report is not None and any(r.action is Action.FAILED for r in report.recipients)
    return kind.name is KindName.REPORT and report is not None and report.type is ReportType.DELIVERY and failed


def _temporary(message: Message) -> bool:
    return message.report is not None and all(r.action is Action.DELAYED for r in message.report.recipients)


def _never_answered(kind: Kind) -> bool:
    return kind.name is not KindName.CORRESPONDENCE or bool(kind.no_acknowledgement)


def _by_recipient(message: Message) -> list[str]:
    return [r.status for r in message.report.recipients] if message.report else []


CHECKS: dict[str, Callable[[Message, Kind, str, Any], bool]] = {
    "from_addr": lambda m, k, how, want: m.author is not None and m.author.address == want,
    "from_name": lambda m, k, how, want: m.author is not None and _same(how, m.author.name, want),
    "subject": lambda m, k, how, want: _same(how, m.subject, want),
    "to": lambda m, k, how, want: [a.address for a in m.to] == want,
    "to_names": lambda m, k, how, want: [a.name for a in m.to] == want,
    "cc": lambda m, k, how, want: [a.address for a in m.cc] == want,
    "message_id": lambda m, k, how, want: m.message_id == want.strip("<>"),
    "in_reply_to": lambda m, k, how, want: (m.in_reply_to[0] if m.in_reply_to else "") == str(want).strip("<>"),
    "references": lambda m, k, how, want: list(m.references) == [i.strip("<>") for i in want],
    "body_text": lambda m, k, how, want: _same(how, m.body_text, want),
    "body_contains": lambda m, k, how, want: all(_within(how, m.body_text, w) for w in want),
    "body_not_contains": lambda m, k, how, want: not any(_within(how, m.body_text, w) for w in want),
    "body_html_contains": lambda m, k, how, want: all(_within(how, m.body_html, w) for w in want),
    "attachments": lambda m, k, how, want: len(m.attachments) == len(want) and _includes(m.attachments, want),
    "attachments_include": lambda m, k, how, want: _includes(m.attachments, want),
    "attachment_count": lambda m, k, how, want: len(m.attachments) == want,
    "trimmed_text": lambda m, k, how, want: _same(how, m.reply_text, want),
    "trimmed_contains": lambda m, k, how, want: all(_within(how, m.reply_text, w) for w in want),
    "is_bounce": lambda m, k, how, want: _is_bounce(m, k) is want,
    "bounced_recipients": lambda m, k, how, want: _recipients(m) == {w.casefold() for w in want},
    "bounce_temporary": lambda m, k, how, want: _temporary(m) is want,
    "dsn_status": lambda m, k, how, want: want in _by_recipient(m),
    "is_auto_generated": lambda m, k, how, want: _never_answered(k) is want,
    "new_ticket": lambda m, k, how, want: (not m.in_reply_to and not m.references) is want,
}


@dataclass(slots=True)
class Result:
    """What came of a whole corpus."""

    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    asserted: Counter[tuple[str, str]] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)
    taste: list[str] = field(default_factory=list)
    """Differences in fields the corpus itself calls its project's policy."""
    unread: list[str] = field(default_factory=list)
    mistaken: list[str] = field(default_factory=list)
    """Human mail taken for a machine's, or machine mail that would be answered."""
    cut: list[str] = field(default_factory=list)
    """Mails whose new text lacks something a person wrote."""
    mails: int = 0

    def share(self, *names: str) -> float:
        """Percent of the assertions on some fields (all without names) that hold."""
        chosen = [key for key in self.asserted if not names or key[1] in names]
        total = sum(self.asserted[key] for key in chosen)
        return 100.0 * sum(self.held[key] for key in chosen) / total if total else 100.0


def run(directory: Path = SHARED) -> Result:
    result = Result()
    ids: dict[str, Message] = {}
    for record in records(directory):
        result.mails += 1
        message = ids[record.id] = record.message()
        kind = classify(message, ENVELOPE, POLICY)
        if message.unreadable:
            result.unread.append(f"{record.id}: {message.unreadable}")
        _judge(record, message, kind, ids, result)
    return result


def _judge(record: Record, message: Message, kind: Kind, ids: dict[str, Message], result: Result) -> None:
    source = record.id.partition("/")[0]
    for name, want in record.expect.items():
        how = record.compare.get(name, "ws")
        if name == "thread_with":
            holds = ids[want].message_id in _ancestors(message, ids)
        else:
            holds = CHECKS[name](message, kind, how, want)
        if how == "policy":
            if not holds:
                result.taste.append(f"{record.id} {name}: want {want!r}, got {_shown(name, message, kind)}")
            continue
        result.asserted[source, name] += 1
        result.held[source, name] += holds
        if not holds:
            result.misses.append(f"{record.id} {name}: want {want!r}, got {_shown(name, message, kind)}")
        if name == "is_auto_generated" and not holds:
            result.mistaken.append(record.id)
        if name == "trimmed_text" and not _keeps(message.reply_text, want):
            result.cut.append(f"{record.id}: want {want!r}, got {message.reply_text!r}")
    if kind.name in (KindName.AUTOMATIC, KindName.LOOP) and record.kind == "reply-trim":
        result.mistaken.append(f"{record.id}: {kind.rule}")
    machine = record.kind in ("bounce", "auto-reply") and record.expect.get("is_auto_generated", True)
    if machine and not _never_answered(kind):
        result.mistaken.append(f"{record.id}: would be answered")


def _ancestors(message: Message, ids: dict[str, Message]) -> set[str]:
    """Every id a mail leads back to through the mails of its source."""
    known = {m.message_id: m for m in ids.values()}
    found: set[str] = set()
    waiting = [message]
    while waiting:
        mail = waiting.pop()
        for parent in {*mail.in_reply_to, *mail.references} - found:
            found.add(parent)
            waiting += [known[parent]] if parent in known else []
    return found


def _keeps(got: str, want: str) -> bool:
    """Every word that must stay is there, in order."""
    words = iter(re.findall(r"\w+", got.casefold()))
    return all(word in words for word in re.findall(r"\w+", want.casefold()))


def _shown(name: str, message: Message, kind: Kind) -> str:
    if name in ("is_bounce", "bounced_recipients", "bounce_temporary", "dsn_status"):
        return f"{kind.name} {message.report!r}"
    if name == "is_auto_generated":
        return f"{kind.name} {kind.rule} {kind.no_acknowledgement}"
    if name.startswith("attachment"):
        return repr([(a.filename, a.content_type, a.size) for a in message.attachments])
    if name.startswith("trimmed"):
        return repr(message.reply_text)
    if name.startswith("body_html"):
        return repr(message.body_html[:300])
    if name.startswith("body"):
        return repr(message.body_text[:300])
    if name.startswith("from"):
        return repr(message.author)
    return repr(getattr(message, {"to_names": "to"}.get(name, name), ""))


def main(directories: list[str]) -> int:
    bad = False
    for directory in [Path(d) for d in directories] or [SHARED]:
        if not directory.is_dir():
            print(f"There is no corpus at {directory}.")
            return 75
        result = run(directory)
        print(f"{directory.resolve()}: {result.mails} mails")
        for source, name in sorted(result.asserted):
            print(f"  {source:18} {name:20} {result.held[source, name]:4} of {result.asserted[source, name]:4}")
        for title, found in (
            ("misses", result.misses),
            ("differences of taste", result.taste),
            ("not read", result.unread),
            ("taken for what they are not", result.mistaken),
            ("cut", result.cut),
        ):
            print(f"{title}: {len(found)}")
            for line in found:
                print(f"  {line[:600]}")
        print(
            f"all {result.share():.1f} %, bounce recipients {result.share('bounced_recipients'):.1f} %, "
            f"new text {result.share('trimmed_text'):.1f} %"
        )
        bad = bad or bool(result.unread or result.mistaken or result.cut)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

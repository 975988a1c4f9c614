"""How mail programs announce the mail they quote: attribution lines, header blocks, separators.

Data and small matchers only; what to do with a match is decided in `new_text.py`. Wordings of the
programs people use (Outlook, Apple Mail, Gmail, Thunderbird, phones), German and English first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.mail import wordings
from gateway.texts import Catalogs, catalogs, mark_in

ATTRIBUTION_LINES = 6
ATTRIBUTION_LENGTH = 400
BLOCK_LINES = 14
BY_SHAPE_LINES, BY_SHAPE_WORDS, BY_SHAPE_LETTERS = 4, 14, 100
"""Of an attribution in an unknown language; words and letters beside its address."""
BY_SHAPE_NAME, BY_SHAPE_OPENING = 4, 5
"""Words of the name it begins with; letters of the word it opens with."""
WRAPPED = 60
"""Characters of a line that was wrapped, with the word below it."""

_MONTHS = (
    "jan|feb|mar|mär|mrz|apr|may|mai|maj|jun|jul|aug|sep|oct|okt|ott|out|nov|dec|dez|dic|janv|févr|mars|avr"
    "|juin|juil|août"
    "|ene|abr|ago|gen|mag|giu|lug|set|cze|lip|sie|wrz|paź|lis|gru|sty|lut|kwi|янв|фев|мар|апр|мая|июн|июл|авг"
    "|сен|окт|ноя|дек"
    "|tháng"
)
_DATE = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b|\b\d{1,2}\. ?\d{1,2}\.|\b\d{1,2}(?:st|nd|rd|th)?[. -]{0,2}(?:de )?(?:"
    + _MONTHS
    + r")\w*\b|\b(?:"
    + _MONTHS
    + r")\w*\.? \d{1,2}\b|\d{1,4}年\d{1,2}月",
    re.I,
)
_TIME = re.compile(r"\b\d{1,2}[:.h]\d{2}(?::\d{2})?\b|\d{1,2}:\d{2}|\b\d{1,2} ?[ap]\.?m\b", re.I)
_ADDRESS = re.compile(r"(?<![\w.+=-])[\w.+=-]{1,64}@[\w-]{1,63}|\[mailto:|<mailto:", re.I)

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\b\d{1,2}[./-]\d{1,2}[./-]\d\d\b")
_INLINE = re.compile(r"(?:(?<=\s)|-{2,}\s*)(?=(?:On|Am|Le) \w{2,10}[.,]? .{4,200}$)")
_BRACKETED = re.compile(r"[<(\[]\W{0,3}(?:mailto:)?[\w.+=-]{1,64}@[\w.-]{1,200}\W{0,3}[>)\]]", re.I)
_ANY_DATE = re.compile(
    r"(?<!\d)\d{4}(?!\d).{0,40}(?<![\d:.])\d{1,2}(?![\d:])|(?<![\d:])\d{1,2}(?![\d:]).{0,40}(?<!\d)\d{4}(?!\d)"
)
"""A year and a day, whatever stands between them; digits of any script."""
_ANY_TIME = re.compile(r"(?<![\d./])(?<!\d-)\d{1,2}[:.h]\d{2}(?![\d/-]|\.\d)|\b\d{1,2} ?[ap]\.?m\b", re.I)
_SENTENCE = re.compile(
    r"\b(?:I|[Ww]e|[Ii]ch|[Ww]ir|Je|[Nn]ous|[Yy]o|was|were|is|are|had|will|would|can|could|should|our|my|this"
    r"|that|she|he|they"
    r"|war|waren|ist|sind|hat|hatte|haben|wird|wurde|kann|soll|unser|mein|dass|est|était|sera|fue|è|and|und|et)\b"
)
"""Words of people who tell something, which no mail program puts in front of a quotation."""
_SECOND_PERSON = re.compile(r"(?i)\b(?:you wrote|schrieben sie|schriebst du|vous avez écrit|usted escribió)\W*$")
_LETTERS = re.compile(r"[^\W\d_]+")
_COLON = (":", "：")
_CLOSINGS = " \t*_\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_REPLIES = re.compile(r"\s*[^\W\d_][\w-]{0,11}(?: ?\[\d+\])? ?[:：]")
_DRAWN = re.compile(r"^\W*[-–—_]{3,}\s*[^\W\d_][^<>@:\d]{2,40}?\s*[-–—_]{3,}\W*$")
_PLACEHOLDER = re.compile(
    r"^\s*[-–—]{2,}\s*(?:On )?(?P<who>.{2,200}?)\s*\b(?:wrote|schrieb|a écrit|escribió)\s*:?\s*[-–—]{2,}\s*$", re.I
)
_BETWEEN = re.compile(r"^\s*>>>[^>].*[^>\s]\s*>>>\s*$")
_DASHED = re.compile(r"^[\s>*]*[-_–—]{2,}|[:：]\s*$")
_FIELD = re.compile(
    r"^[\s>|\u200e\u200f\u202a-\u202e]*[*_]{0,3}([^\W\d_][^:：*\n]{0,20}?)\s*[*_]{0,3}\s*[:：][*_]{0,3}\s*(.*)$"
)

# What the catalogs say, English here; what programs write in other languages stands in `wordings.py`.
_VERBS = mark_in("quoting", "wrote|writes|sent")
_OPENINGS = mark_in("quoting", "On|Sent from")
_SOURCES = mark_in("quoting", "Quoting")
_ORIGINALS = mark_in("quoting", "original message|original mail|original e-mail|original appointment|reply message")
_BEGINNINGS = mark_in("quoting", "begin")
_FORWARDS = mark_in("quoting", "forwarded message")
_FORWARDERS = mark_in("quoting", "forwarded by")
_FIELDS = {
    "from": mark_in("quoting", "from"),
    "sent": mark_in("quoting", "sent|sent on"),
    "date": mark_in("quoting", "date"),
    "to": mark_in("quoting", "to"),
    "cc": mark_in("quoting", "cc|bcc|reply-to|organization|sender"),
    "subject": mark_in("quoting", "subject|re"),
}


@dataclass(frozen=True, slots=True)
class _Patterns:
    """How a quotation is announced, in every language."""

    ends: re.Pattern[str]
    verb_last: re.Pattern[str]
    source: re.Pattern[str]
    opens: re.Pattern[str]
    prose: re.Pattern[str]
    original: re.Pattern[str]
    forwarded: re.Pattern[str]
    field_of: Mapping[str, str]


def _patterns() -> _Patterns:
    return _compiled(catalogs())


@lru_cache(maxsize=1)
def _compiled(languages: Catalogs) -> _Patterns:
    def words(message: str) -> list[str]:
        return [word for catalog in languages.every() for word in catalog.words_in("quoting", message)]

    def any_of(message: str, others: str = "") -> str:
        return "|".join([*map(re.escape, words(message)), *([others] if others else [])])

    verb = f"(?:{any_of(_VERBS, wordings.VERBS)})"
    originals = any_of(_ORIGINALS).replace(r"\ ", "[ -]?")
    forwards = f"(?:(?:{any_of(_BEGINNINGS)}) )?(?:{any_of(_FORWARDS)}|(?:{any_of(_FORWARDERS)}) .{{1,200}})"
    fields = {name: [*words(message), *wordings.FIELDS[name].split("|")] for name, message in _FIELDS.items()}
    return _Patterns(
        ends=re.compile(
            rf"\b{verb}\b.{{0,200}}[:：]$|\b{verb}[:：]?$|{wordings.VERB_WITHOUT_BLANKS}\s*[:：]?$|{wordings.DATED}",
            re.I,
        ),
        verb_last=re.compile(rf"(?:{verb}|{wordings.VERB_WITHOUT_BLANKS})$", re.I),
        source=re.compile(rf"(?:{any_of(_SOURCES, wordings.SOURCES)})\b", re.I),
        opens=re.compile(rf"[-–—\s]{{0,20}}(?:{any_of(_OPENINGS, wordings.OPENINGS)})(?=[\s\d:,./-])", re.I),
        prose=re.compile(
            r"(?i)\b(?:I|we|you|they|ich|wir|du|ihr|man|je|nous|vous|yo|io|eu|jsem|jsme|som|sme|jag|jeg|vi|я|мы|ми"
            r")(?: [^\W\d_]{1,4})? (?:have |had |habe |haben |hatte )?"
            rf"(?:also |already |auch |schon )?{verb}\b"
            rf"|\b{verb}(?:en)? (?:ich|wir|man|mir|ihnen|dir|euch|sie|me|you|us|to|in|that|dass"
            r"|jag|jeg|vi|já|ja|я|мы)\b"
            rf"|\b(?:that|what|as|because|like|when|but|dass|was|wie|weil|als|denn|aber|que|comme)\b.{{0,80}}\b{verb}\b"
        ),
        original=re.compile(rf"^\W*(?:{originals}|{wordings.ORIGINALS})\W*$", re.I),
        forwarded=re.compile(rf"^\W*(?:{forwards}|{wordings.FORWARDS})\W*$", re.I),
        field_of={word: name for name, found in fields.items() for word in found},
    )


def field_of(word: str) -> str:
    """What a header line of a quoted mail is, by its name in any language: `from`, `date`, …; empty for no name."""
    return _patterns().field_of.get(word.strip().casefold(), "")


def is_forward_mark(line: str) -> bool:
    """`---------- Forwarded message ---------`: what follows is what the sender wants to show."""
    return len(line) < 300 and bool(_DASHED.search(line)) and bool(_patterns().forwarded.match(line))


def is_original_mark(line: str) -> bool:
    """`-----Ursprüngliche Nachricht-----`, Android's `---- Anna wrote ----` GroupWise's `>>> Anna 6.5.24 10:12 >>>`."""
    if len(line) < 300 and _BETWEEN.match(line):
        return bool(_DATE.search(line) and _TIME.search(line))
    if len(line) > 300 or not _DASHED.search(line):
        return False
    return bool(_patterns().original.match(line) or _PLACEHOLDER.match(line))


def is_header_block(lines: Sequence[str]) -> bool:
    """True when the lines begin with the header of a quoted mail, as Outlook writes it.

    A customer's own `From: Berlin / To: Munich / Date: …` is none: either the field is one that only
    mail programs write (Sent, Gesendet), or an address must be in it.
    """
    if ":" not in lines[0] and "：" not in lines[0]:
        return False
    seen: dict[str, str] = {}
    gap = 0
    for index, line in enumerate(lines[:BLOCK_LINES]):
        found = _FIELD.match(line)
        name = field_of(found[1]) if found else ""
        if found and name:
            if name in seen and name != "cc":
                break
            seen[name] = found[2]
            gap = 0
            continue
        if index == 0 or not line.strip():
            break
        gap += 1
        if gap > 2:
            break
        seen = {n: f"{value} {line}" if n == next(reversed(seen)) else value for n, value in seen.items()}
    if len(seen) < 2 or not ({"from", "date"} & seen.keys()):
        return False
    if {"from", "to", "subject"} <= seen.keys() and _is_when(seen.get("sent", seen.get("date", ""))):
        return True
    if {"from", "sent"} <= seen.keys():
        return len(seen) > 2 or _is_moment(seen["sent"]) or _names_address(seen["from"])
    people = " ".join(seen.get(n, "") for n in ("from", "to"))
    return "date" in seen and _names_address(people) and (_is_moment(seen["date"]) or "from" in seen)


def is_block_by_shape(lines: Sequence[str], title: str) -> bool:
    """The same in a language nobody knows: four to seven lines `Word: value` that begin with a person or a moment;
    one holds an address, another a date with time, and a third the subject of a reply. `title` is the mail's own."""
    if not _FIELD.match(lines[0]) or ("@" not in lines[0] and not _ANY_TIME.search(lines[0])):
        return False
    values: dict[str, str] = {}
    for line in lines[:8]:
        found = _FIELD.match(line)
        if not found or found[1] in values:
            break
        if not values and not (_names_address(found[2]) or _is_when(found[2])):
            return False
        values[found[1]] = found[2]
    if not 4 <= len(values) <= 7:
        return False
    rest = list(values.values())
    people = [v for v in rest if _names_address(v)]
    moments = [v for v in rest if v not in people and _is_when(v)]
    if not people or not moments or rest[0] not in (*people, *moments):
        return False
    others = [v for v in rest if v not in people and v not in moments]
    return any(_REPLIES.match(v) or (v.strip() and _REPLIES.match(title) and title.endswith(v.strip())) for v in others)


def begins_header(lines: Sequence[str]) -> bool:
    """Whether lines below one that Outlook draws are the header it draws it above, in any language."""
    found = [_FIELD.match(line) for line in lines[:6]]
    return bool(found and found[0]) and (bool(found[0] and field_of(found[0][1])) or sum(map(bool, found)) > 2)


def is_drawn_mark(line: str) -> bool:
    """Words between two drawn lines: above a header, they name the mail below."""
    return len(line) < 120 and bool(_DRAWN.match(line))


def _is_when(value: str) -> bool:
    """A date with its time, in any language."""
    return bool(_ANY_TIME.search(value)) and bool(_DATE.search(value) or _ANY_DATE.search(value))


def closes(line: str) -> bool:
    """Whether a line ends like an attribution."""
    return line.rstrip(_CLOSINGS).endswith(_COLON)


def by_shape(lines: Sequence[str], before_quotation: bool, people: Sequence[str] = ()) -> int:
    """How many of the last lines are an attribution, in any language and wherever it was wrapped; 0 when they are none.

    It ends in a colon and names an address, with the date and its time where no marked quotation follows; or, above
    one, the date with its time and one of `people`, whom the mail is written to. A date alone stands in many a
    sentence of the writer's.
    """
    joined, found = "", 0
    for count, line in enumerate(reversed(lines[-BY_SHAPE_LINES:]), 1):
        text = line.strip()
        if not text or (joined and not _wraps(text, joined)):
            break
        joined = f"{text} {joined}".strip()
        if len(joined) > ATTRIBUTION_LENGTH:
            break
        if _has_shape(joined, before_quotation, people):
            found = count
    return found


def _wraps(text: str, below: str) -> bool:
    """Whether a line is so long that the next word had to go below, was broken inside an address, or names who wrote
    and when, which some programs follow with a line of their own."""
    if text.count("<") > text.count(">"):
        return True
    if len(text) <= ATTRIBUTION_LENGTH and _names_address(text) and _DATE.search(text) and _TIME.search(text):
        return True
    if len(text) > ATTRIBUTION_LENGTH:
        return False
    long = len(text) + len(below.split(maxsplit=1)[0]) >= WRAPPED
    return long and not re.search(r"[^\W\d]{4,}[.?!…]$|[?!…:：]$", text)


def _has_shape(text: str, before_quotation: bool, people: Sequence[str]) -> bool:
    around = _BRACKETED.sub(" ", text)
    words = _LETTERS.findall(around)
    if len(words) > BY_SHAPE_WORDS or len("".join(words)) > BY_SHAPE_LETTERS:
        return False
    you = bool(_SECOND_PERSON.search(text))
    if not you and (_SENTENCE.search(around) or _patterns().prose.search(text)):
        return False
    when = _is_when(around)
    if around != text:
        return when or (before_quotation and (bool(_DATE.search(around)) or _begins_with_name(text)))
    return before_quotation and when and (you or _names(text, words, people))


def _begins_with_name(text: str) -> bool:
    """`Anna Example <anna@example.com> wrote:`, in a script without capitals too."""
    address = _BRACKETED.search(text)
    before = _LETTERS.findall(text[: address.start()]) if address else []
    return 0 < len(before) <= BY_SHAPE_NAME and (len(before) == 1 or not any(word[0].islower() for word in before))


def _names(text: str, words: Sequence[str], people: Sequence[str]) -> bool:
    """Whether it names one of the people, and begins as programs do: with the date, the day of the week, a short word
    or the name."""
    spoken = {word.casefold() for word in words}
    for name in people:
        parts = {part.casefold() for part in _LETTERS.findall(name)}
        if not parts or not parts <= spoken or (len(parts) == 1 and len(words) > BY_SHAPE_WORDS // 2):
            continue
        first = _LETTERS.match(text.lstrip())
        if first is None or len(first[0]) <= BY_SHAPE_OPENING or first[0].casefold() in parts:
            return True
        return bool(re.match(r"[.,]? ?\d|[.,]", text.lstrip()[first.end() :]))
    return False


def _is_moment(value: str) -> bool:
    return bool(_DATE.search(value) or _TIME.search(value))


def attribution(lines: Sequence[str], quoted: Sequence[bool], start: int) -> int:
    """How many lines from `start` on are one attribution such as `On … wrote:`; 0 when they are none.

    `quoted` tells which lines are marked as quotation. Where one follows, little is asked of the
    wording; where none does, the line must name an address or the minute, or it is taken for prose.
    """
    joined = ""
    for count in range(1, ATTRIBUTION_LINES + 1):
        position = start + count - 1
        if position >= len(lines) or quoted[position]:
            return 0
        piece = lines[position].strip()
        if count > 1 and (not _continues(joined, piece) or (_patterns().opens.match(piece) and _DATE.search(piece))):
            return 0
        if not piece:
            if count == 1:
                return 0
            continue
        joined = f"{joined} {piece}".strip()
        if len(joined) > ATTRIBUTION_LENGTH:
            return 0
        text = joined.rstrip(" -–—*_")
        if _is_attribution(text, False) or (
            _quotation_follows(lines, quoted, position + 1) and _is_attribution(text, True)
        ):
            return count
    return 0


def inline_attribution(lines: Sequence[str], quoted: Sequence[bool], start: int) -> int:
    """Where on a line an attribution begins that a mail program glued behind the new text; -1 when none does."""
    line = lines[start]
    if len(line) > ATTRIBUTION_LENGTH or not _quotation_follows(lines, quoted, start + 1):
        return -1
    for found in _INLINE.finditer(line):
        tail = line[found.end() :].strip()
        if found.start() and _DATE.search(tail) and _TIME.search(tail) and _is_attribution(tail, True):
            return found.start()
    return -1


def opens_quotation(line: str) -> bool:
    """A field such as `From: a@b` or `Gesendet: 3. Mai 2024`: right below a drawn line it begins the quoted mail."""
    found = _FIELD.match(line)
    name = _patterns().field_of.get(found[1].strip().casefold()) if found else None
    if not found or name not in ("from", "sent", "date"):
        return False
    return bool(_names_address(found[2]) if name == "from" else _is_moment(found[2]))


def _continues(joined: str, piece: str) -> bool:
    """An attribution goes on over a line end only when it has begun like one, or is inside `<…>`."""
    if joined.count("<") > joined.count(">"):
        return True
    return bool(_patterns().opens.match(joined)) and (bool(piece) or bool(_DATE.search(joined)))


def _quotation_follows(lines: Sequence[str], quoted: Sequence[bool], start: int) -> bool:
    for position in range(start, min(start + 4, len(lines))):
        if quoted[position]:
            return True
        if lines[position].strip():
            return False
    return False


def _is_attribution(text: str, before_quotation: bool) -> bool:
    closed = text.endswith((":", "："))
    if not closed and not text.endswith(">") and not _patterns().verb_last.search(text[-20:]):
        return False
    addressed = _names_address(text)
    # Asked in this order because the wordings of every language take ten times as long as the shapes.
    if not before_quotation and not (addressed or (_YEAR.search(text) and _TIME.search(text) and _DATE.search(text))):
        return False
    opens = bool(_patterns().opens.match(text))
    if not (opens or closed) or _patterns().prose.search(text):
        return False
    verb = bool(_patterns().ends.search(text))
    if before_quotation:
        dated = addressed and _DATE.search(text) and (opens or _TIME.search(text))
        return verb or bool(_patterns().source.match(text)) or bool(dated)
    return verb and (opens or addressed)


def _names_address(text: str) -> bool:
    return ("@" in text or "mailto:" in text.casefold()) and bool(_ADDRESS.search(text))


def may_announce(line: str) -> bool:
    """A cheap first look: False for a line on which no announcement of a quotation can begin."""
    if len(line) > ATTRIBUTION_LENGTH:
        return False
    return ":" in line or "--" in line or "：" in line or line.endswith(">") or bool(_patterns().opens.match(line))

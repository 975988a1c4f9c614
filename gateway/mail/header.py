"""Header fields as text: unfolded, 8-bit made readable, encoded words decoded (RFC 5322, 2047); and the
parameters of Content-Type and Content-Disposition (RFC 2045, 2231).

Real mail breaks every rule of these, so reading is generous: words glued to text, split inside a
character, nested, or with blanks in them, missing quotes and doubled parameters are met. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message as MimeMessage

from gateway.mail import charset, text, transfer

FIELD_LIMIT = 100
"""Values kept of one field name; trace fields repeat, and 20,000 of them tell nobody more."""
NAMES_LIMIT = 500
VALUE_LIMIT = 32_768
"""Characters of one value that are read."""
IDS_LIMIT = 100
ID_LIMIT = 998
"""Octets: no line is longer (RFC 5322 section 2.1.1), and no database index takes much more."""

_WORD = re.compile(r"=\?([^?*\s]{0,60})(?:\*[^?]{0,40})?\?([bBqQ])\?((?:[^?]|\?(?!=))*)\?=")
_FOLD = re.compile(r"[\r\n]+[ \t]*")
_QUOTED_PAIR = re.compile(rb"=([0-9A-Fa-f]{2})")
_ID = re.compile(r"<([^<>]*)>")
_OF_TEXT = frozenset(("text", "txt", "plain", "html"))
_TYPE = re.compile(r"\s*\"?([A-Za-z0-9!#$&^_.+-]+)\s*/\s*([A-Za-z0-9!#$&^_.+-]+)")
_TOKEN = re.compile(r"\s*\"?'?([A-Za-z0-9!#$&^_.+-]+)")
_PARAMETER = re.compile(
    r"""[;\s]*([A-Za-z][A-Za-z0-9_.-]*(?:\*\d{1,4})?\*?)\s*=\s*   # name, name*, name*0, name*0*
        (?: "((?:[^"\\]|\\.)*)"(?=\s*(?:;|$|[A-Za-z-]+\*?\d*\*?=|[,(]))   # quoted to its end
          | "((?:[^"\\]|\\.)*)$                                    # quote never closed
          | ([^;]*) )                                              # bare, to the next semicolon
    """,
    re.X,
)
_SECTION = re.compile(r"^(.*?)(?:\*(\d{1,4}))?(\*)?$")
_EXTENDED = re.compile(r"^([A-Za-z0-9_.:-]*)'([^']*)'")
_PARAMETERS_LIMIT = 200


class Fields:
    """The fields of one header, in order, read once. Names are lower case."""

    __slots__ = ("_raw", "dropped", "hint", "to_nobody")

    def __init__(self, message: MimeMessage) -> None:
        self._raw: dict[str, list[str]] = {}
        self.hint = ""
        """Charset for raw 8-bit values, set once the body's charset is known."""
        self.to_nobody = False
        """Whether its envelope had a null reverse path, which few servers write into a field."""
        self.dropped = 0
        """How many fields were more than anyone will read."""
        for name, value in message.raw_items():
            values = (
                self._raw.setdefault(name.lower(), []) if len(self._raw) < NAMES_LIMIT else self._raw.get(name.lower())
            )
            if values is None or len(values) >= FIELD_LIMIT:
                self.dropped += 1
                continue
            values.append(str(value))

    def names(self) -> Iterable[str]:
        return self._raw

    def count(self, name: str) -> int:
        return len(self._raw.get(name, ()))

    def raw(self, name: str) -> str:
        """The first non-blank value, unfolded, 8-bit bytes made text, encoded words left as they are."""
        for value in self._raw.get(name, ()):
            found = unfold(value, self.hint)
            if found:
                return found
        return ""

    def raws(self, name: str) -> tuple[str, ...]:
        return tuple(unfold(value, self.hint) for value in self._raw.get(name, ()))

    def untouched(self, name: str) -> tuple[str, ...]:
        """Every value as it came, folds and control characters included; bytes beyond ASCII are text."""
        return tuple(
            v.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if _escaped(v) else v
            for v in (value[:VALUE_LIMIT] for value in self._raw.get(name, ()))
        )

    def text(self, name: str) -> str:
        """The first non-blank value as a person reads it, on one line."""
        return text.one_line(words(self.raw(name)))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(text.one_line(words(unfold(v, self.hint)), VALUE_LIMIT) for v in self._raw.get(name, ()))


def unfold(value: str, hint: str = "") -> str:
    """RFC 5322 section 2.2.3; bytes the parser kept as surrogates, and ISO-2022-JP, which has none, become the text
    they are."""
    value = value[:VALUE_LIMIT]
    if value.isascii() and value.isprintable():
        return value.strip()
    if "\n" in value or "\r" in value:
        value = _FOLD.sub(" ", value)
    if _escaped(value) or "\x1b$" in value:
        value = charset.decode(value.encode("utf-8", "surrogateescape"), "", hint)[0]
    return text.clean(value).strip()


def _escaped(value: str) -> bool:
    return any("\udc80" <= c <= "\udcff" for c in value)


def words(value: str) -> str:
    """Decode every RFC 2047 encoded word of a value, also where the standard allows none."""
    if "=?" not in value:
        return value
    decoded = _decode_words(value)
    if "=?" in decoded and _WORD.search(decoded) and decoded != value:
        decoded = _decode_words(decoded)  # encoded twice by a gateway on the way
    return decoded


def _decode_words(value: str) -> str:
    out: list[str] = []
    end = 0
    pending, pending_charset = b"", ""
    for word in _WORD.finditer(value):
        between = value[end : word.start()]
        end = word.end()
        data = _word_bytes(word[2], word[3])
        adjacent = not between.strip()
        if pending_charset and adjacent and word[1].lower() == pending_charset:
            pending += data  # a multi-byte character may be split between words
            continue
        if pending_charset:
            out.append(charset.decode(pending, pending_charset)[0])
        if not (pending_charset and adjacent):
            out.append(between)
        pending, pending_charset = data, word[1].lower() or "utf-8"
    if not pending_charset:
        return value
    out.append(charset.decode(pending, pending_charset)[0])
    out.append(value[end:])
    return "".join(out)


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return _QUOTED_PAIR.sub(lambda m: bytes((int(m[1], 16),)), raw.replace(b"_", b" "))
    return transfer.lenient_base64(raw)


def message_ids(value: str) -> tuple[str, ...]:
    """Message-IDs of a field without angle brackets, in order, each once; `<>` and noise dropped.

    Commas between ids, comments, folds inside an id and encoded words are all met in real mail.
    """
    value = words(value)
    found = [re.sub(r"\s+", "", m) for m in _ID.findall(value)]
    if not any(found):
        found = [part.strip("<>()\"',;") for part in re.split(r"[\s,]+", value) if "@" in part]
    clean = (text.one_line(i) for i in found if i and i.isprintable() and len(i.encode()) <= ID_LIMIT)
    ids = list(dict.fromkeys(clean))
    if len(ids) > IDS_LIMIT:
        # The first names the conversation, the last its nearest parents.
        ids = [ids[0], *ids[1 - IDS_LIMIT :]]
    return tuple(ids)


@dataclass(frozen=True, slots=True)
class Structured:
    """A structured field: `value` in lower case (`text/plain`, `attachment`), parameters by lower-case name."""

    value: str
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


def content_type(value: str, default: str = "text/plain") -> Structured:
    """`default` when there is no usable type, as RFC 2045 section 5.2 says."""
    found = _TYPE.match(value)
    kind = f"{found[1]}/{found[2]}".lower() if found else default
    rest = value[found.end() :] if found else value.partition(";")[2] if ";" in value else value
    return Structured(_as_meant(kind), parameters(rest))


def _as_meant(kind: str) -> str:
    """`plain/text` and the like, as scripts of web forms write it, is a text and no file."""
    main, _, sub = kind.partition("/")
    words = {main, sub} - {"application"}
    if main == "text" or not words or not words <= _OF_TEXT:
        return kind
    return "text/html" if "html" in words else "text/plain"


def disposition(value: str) -> Structured:
    found = _TOKEN.match(value)
    if not found:
        return Structured("", parameters(value))
    if value[found.end() :].lstrip().startswith("="):
        return Structured("", parameters(value))  # the token itself was forgotten
    return Structured(found[1].lower(), parameters(value[found.end() :]))


def parameters(value: str) -> dict[str, str]:
    """The first of each name counts; RFC 2231 forms win over plain ones, being the richer."""
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    position = 0
    for _ in range(_PARAMETERS_LIMIT):
        found = _PARAMETER.match(value, position)
        if not found or found.end() == position:
            semicolon = value.find(";", position)
            if semicolon < 0:
                break
            position = semicolon + 1
            continue
        position = found.end()
        section = _SECTION.match(found[1].lower())
        assert section  # it matches any text
        name, number, starred = section.groups()
        content = _unquote(found)
        if number or starred:
            sections.setdefault(name, {}).setdefault(int(number or 0), (content, bool(starred)))
        elif content:
            plain.setdefault(name, words(content).strip())
    for name, pieces in sections.items():
        plain[name] = _join(pieces)
    return plain


def _unquote(found: re.Match[str]) -> str:
    if found[4] is not None:
        return found[4].strip().strip("'\"").strip()
    quoted = found[2] if found[2] is not None else found[3]
    # Windows paths are sent unescaped: a backslash counts as an escape only before a quote or itself.
    return re.sub(r'\\(["\\])', r"\1", quoted) if "\\" in quoted else quoted


def _join(pieces: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 sections 3 and 4: continuations joined as bytes, for a character may be split."""
    declared = ""
    data = bytearray()
    for index, number in enumerate(sorted(pieces)):
        content, encoded = pieces[number]
        if encoded:
            mark = _EXTENDED.match(content) if index == 0 else None
            if mark:
                declared, content = mark[1], content[mark.end() :]
            data += re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes((int(m[1], 16),)), content.encode("utf-8"))
        else:
            data += content.encode("utf-8")
    return words(charset.decode(bytes(data), declared)[0]).strip()

"""Content-Type and Content-Disposition with their parameters, as generously as senders need (RFC 2045, 2231).

Reads missing quotes, blanks in unquoted names, doubled parameters, continuations and both
ways of encoding. Takes unfolded text; never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.mail import charset, header

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
    return Structured(kind, parameters(rest))


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
        name, number, starred = _SECTION.match(found[1].lower()).groups()  # type: ignore[union-attr]  # matches any text
        content = _unquote(found)
        if number or starred:
            sections.setdefault(name, {}).setdefault(int(number or 0), (content, bool(starred)))
        elif content:
            plain.setdefault(name, header.words(content).strip())
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
    return header.words(charset.decode(bytes(data), declared)[0]).strip()

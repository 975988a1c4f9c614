"""What of a person a text or a mail holds, and the text without it: address, names, own words.

Used to erase somebody. Looks where people and their mail programs write: headers, texts, HTML, mails
inside mails, text files, also Outlook's and S/MIME wrappings. It does not look into pictures, PDF or
archives; whoever needs that must drop the mail. Pure, and never raises on what a mail contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from gateway.mail import header, markup, mime, unwrap
from gateway.mail.message import address_key
from gateway.mail.mime import NESTED, Part

MARK = "[erased]"
NAME_LENGTH = 3
"""Letters of the shortest word of a name that is looked for by itself."""
LINE_LENGTH = 8
"""Signs of the shortest line that is told apart as somebody's own."""
RUN = 5
"""So many words in a row are somebody's own; fewer are everybody's."""
CODE_LENGTH = 4
"""Signs of the shortest word with a digit (a telephone or contract number) that is somebody's own."""
NESTING = 8
"""Mails inside mails that are looked into."""

_WORD = re.compile(r"\w+", re.U)
_CODE = re.compile(r"[\w+][\w./+-]*\d[\w./+-]*")
_NUMBER = re.compile(r"(?<![\w+./-])\+?\(?\d[\d \t\xa0()/.-]{5,30}\d(?![\w-])")
NUMBER_DIGITS = 7
"""Digits of the shortest telephone number that is written in several pieces."""
_TAG = re.compile(r"<[^<>]{0,2000}>")
_ENCODED = re.compile(rb"=\?|base64|quoted-printable|text/html|uuencode|charset=\"?utf-(?:16|32|7)|%[0-9a-f]{2}", re.I)
_MARK = re.compile(r"<([^<>\s]{1,998})>")
_QUOTE_MARKS = re.compile(r"^[\s>|]+")
_GAP = r"[\s>|]+"
"""What stands between two words of a text that was wrapped and quoted."""


class Traces:
    """One person. `names` are looked for whole, `parts` word by word, `texts` as far as they are repeated.

    `marks` are Message-IDs of the person's mails, which others' mails refer to.
    """

    def __init__(
        self,
        address: str,
        names: Iterable[str] = (),
        parts: Iterable[str] = (),
        texts: Iterable[str] = (),
        marks: Iterable[str] = (),
    ) -> None:
        self.address = address_key(address)
        self.names = tuple(sorted({" ".join(n.split()) for n in names if n.strip()}))
        self.parts = tuple(sorted({p for p in parts if len(p) >= NAME_LENGTH}))
        self.texts = tuple(dict.fromkeys(t for t in texts if t.strip()))
        self.marks = frozenset(m for m in marks if m)

    # --- is something of the person in it -------------------------------------------------

    def in_text(self, value: str) -> bool:
        return bool(value) and (self._found(value) or self._refers(value) or self._repeated(value))

    def in_mail(self, raw: bytes) -> bool:
        """In the bytes of a mail, as they are and decoded."""
        if any(self.in_text(text) for text in _forms(raw)):
            return True
        # Taking a mail apart is what costs; one without any encoding has said everything already.
        return bool(_ENCODED.search(raw)) and any(self.in_text(text) for text in _texts(raw, 0))

    def in_bytes(self, data: bytes) -> bool:
        """In any bytes, such as those of a database file, as they stand there."""
        return any(self._found(text) for text in _forms(data))

    def _found(self, value: str) -> bool:
        # Plain search is a hundred times quicker, and most of what is looked at holds nothing.
        lower = value.lower()
        if any(all(word in lower for word in words) for words in self._anchors) and self._who.search(value):
            return True
        if self._numbers and self._numbers.search(value):
            return True
        return any(word in value for word in self._single) and bool(self._words.search(value))

    def _refers(self, value: str) -> bool:
        return bool(self.marks) and any(mark in self.marks for mark in _MARK.findall(value))

    def _repeated(self, value: str) -> bool:
        if not self.texts:
            return False
        return bool(self._covered(value)) or any(_own(line) in self._lines for line in value.split("\n"))

    # --- the text without it --------------------------------------------------------------

    def cut(self, value: str) -> str:
        """The text with MARK where something of the person was; the very same text when nothing was."""
        if not value:
            return value
        if self.texts:
            value = "\n".join(MARK if _own(line) in self._lines else line for line in value.split("\n"))
            for start, end in reversed(self._covered(value)):
                value = value[:start] + MARK + value[end:]
        value = self._who.sub(MARK, value)
        if self._numbers:
            value = self._numbers.sub(MARK, value)
        if self.marks:
            value = _MARK.sub(lambda m: MARK if m[1] in self.marks else m[0], value)
        return self._words.sub(MARK, value) if self._single else value

    # --- how it is recognised -------------------------------------------------------------

    @cached_property
    def _who(self) -> re.Pattern[str]:
        """The address, also as lists and links write it, and the names, whole, also last name first."""
        local, _, domain = self.address.rpartition("@")
        before, behind = re.escape(local), rf"{re.escape(domain)}(?![\w-]|\.\w)"
        # Mailing lists put `erika=customer.example` behind a plus of their own.
        forms = [rf"(?<![\w.+%-]){before}(?:@|%40){behind}", rf"(?<!\w){before}={behind}"]
        for name in self.names:
            words = [re.escape(w) for w in name.split()]
            forms.append(rf"(?<!\w){_GAP.join(words)}(?!\w)")
            if len(words) == 2:
                forms.append(rf"(?<!\w){words[1]},{_GAP}{words[0]}(?!\w)")
        return re.compile("|".join(forms), re.I)

    @cached_property
    def _anchors(self) -> tuple[tuple[str, ...], ...]:
        """The words of one of these stand in every text `_who` finds something in."""
        local, _, domain = self.address.rpartition("@")
        return ((local.lower(), domain.lower()), *(tuple(n.lower().split()) for n in self.names))

    @cached_property
    def _numbers(self) -> re.Pattern[str] | None:
        """Telephone numbers of the person's own texts, whole, however their digits are grouped."""
        found = {re.sub(r"\D", "", number) for text in self.texts for number in _NUMBER.findall(text)}
        # The same number as it is dialled within a country of two digits: +49 170 and 0049 170 are 0170.
        found |= {"0" + (d[4:] if d.startswith("00") else d[2:]) for d in found if not re.match("0[1-9]", d)}
        digits = sorted((d for d in found if len(d) >= NUMBER_DIGITS), key=len, reverse=True)
        gap = r"[\s()/.-]{0,3}"
        forms = "|".join(gap.join(number) for number in digits)
        return re.compile(rf"(?<![\w+])\+?\(?(?:{forms})(?!\w)") if digits else None

    @cached_property
    def _single(self) -> tuple[str, ...]:
        """Single words: of the name as it is written, and numbers that came up in the person's own texts."""
        codes = {code.strip("./+-") for text in self.texts for code in _CODE.findall(text)}
        found = {*self.parts, *(code for code in codes if len(code) >= CODE_LENGTH)}
        return tuple(sorted(found, key=len, reverse=True))

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, self._single))})(?!\w)")

    @cached_property
    def _lines(self) -> frozenset[str]:
        lines = {_own(line) for text in self.texts for line in text.split("\n")}
        return frozenset(line for line in lines if len(line) >= LINE_LENGTH)

    @cached_property
    def _runs(self) -> frozenset[tuple[str, ...]]:
        runs: set[tuple[str, ...]] = set()
        for text in self.texts:
            words = [w.casefold() for w in _WORD.findall(text)]
            runs.update(tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))
        return frozenset(runs)

    def _covered(self, value: str) -> list[tuple[int, int]]:
        """Where a text repeats RUN words or more of the person's own, as (start, end)."""
        if not self._runs:
            return []
        found = [(m.start(), m.end(), m[0].casefold()) for m in _WORD.finditer(value)]
        spans: list[tuple[int, int]] = []
        for at in range(len(found) - RUN + 1):
            if tuple(word for _, _, word in found[at : at + RUN]) in self._runs:
                start, end = found[at][0], found[at + RUN - 1][1]
                if spans and start <= spans[-1][1]:
                    spans[-1] = (spans[-1][0], end)
                else:
                    spans.append((start, end))
        return spans


def parts_of(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The words of a person's names that are no words of others' names."""
    theirs = {word.casefold() for name in others for word in _WORD.findall(name)}
    return tuple(dict.fromkeys(w for name in names for w in _WORD.findall(name) if w.casefold() not in theirs))


def _own(line: str) -> str:
    """A line as it is compared: without quote marks, blanks and case."""
    return " ".join(_QUOTE_MARKS.sub("", line).split()).casefold()


def _forms(data: bytes) -> tuple[str, str]:
    """Bytes as the texts they may be: every name that stands there in plain sight is in one of them."""
    return data.decode("utf-8", "replace"), data.decode("latin-1")


def _texts(raw: bytes, depth: int) -> Iterator[str]:
    """Everything a mail says, decoded: fields, texts, names of files, and the same of the mails inside."""
    root, leaves = mime.tree(mime.read(raw))
    waiting = [root]
    while waiting:
        part = waiting.pop()
        waiting.extend(part.children)
        for _, value in part.mime.raw_items():
            yield header.words(header.unfold(str(value)))
        yield part.filename
    for leaf in leaves:
        yield from _leaf(leaf, depth)
        leaf.forget()


def _leaf(part: Part, depth: int) -> Iterator[str]:
    data = part.data()
    if part.content_type in NESTED and depth < NESTING:
        yield from _texts(data, depth + 1)
        return
    yield from _forms(data)
    if part.main_type == "text":
        text = part.text()[0]
        yield text
        if part.content_type == "text/html":
            plain = markup.unescape(text)
            yield plain
            yield _TAG.sub("", plain)
            yield _TAG.sub(" ", plain)
    try:
        yield from _wrapped(part, data, depth)
    except unwrap.Unreadable:
        return


def _wrapped(part: Part, data: bytes, depth: int) -> Iterator[str]:
    match unwrap.wrapper(part.content_type, part.type.get("smime-type"), part.filename):
        case "tnef":
            found = unwrap.tnef(data)
            yield from (found.text, markup.unescape(found.html), *(f.name for f in found.files))
            for file in found.files:
                yield from _forms(file.data)
        case "smime" if depth < NESTING:
            yield from _texts(unwrap.signed_content(data, depth) or b"", depth + 1)

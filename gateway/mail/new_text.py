"""The new text of a reply, in front of all that mail programs quote with it.

Who answers point by point, between the lines of a quotation, keeps the lines that are answered, as `> line`
(`answers.py`). When unsure keep everything: a line too many is read past, a line too few is a customer not
heard. Nothing is deleted here: the whole text stays beside the new one. Time is proportional
to the length, and a text too long to be written by hand is left whole.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple
from unicodedata import normalize

from gateway.mail import html_quotation, html_text, quotation
from gateway.mail.answers import Stretch, is_separator, points_below, with_questions, without_signature_below
from gateway.mail.html_text import TextLine
from gateway.mail.markup import is_painted
from gateway.texts import Catalogs, catalog, catalogs
from gateway.texts import mark as _

LINES_LIMIT = 5_000
BEGINNING, ALIKE = 8, 24
"""Lines, and letters of them, by which the beginning of a quotation in HTML is found in the plain form."""
LOOKS_LIMIT = 1_000
"""Lines whose wording is looked at closely. People write less; whatever follows is kept."""
_QUOTE = re.compile(r"^ {0,3}((?:>[ \t]?)+)")
_NO_QUOTE = re.compile(r"<<\s*$|^>>>[^>].*>>>\s*$|^>[^>@\d]*<\s*$|^> ?(?:wrote|schrieb|a écrit|escribió):\s*$")
"""Decoration such as `>>> offer <<<`, GroupWise's line above what it quotes, and the end of an address that was broken
before its bracket."""
_WORDS = re.compile(r"\w+")
_NOT_SIGNS = re.compile(r"[\W_]+")
_NOT_SIGNS_IN_LINES = re.compile(r"[^\w\n]+")
_PICTURE = re.compile(r"\[cid:([^\[\]]+)\]")
_MARKER_LINES = 4
_MARKER = _("##- Please write your reply above this line -##")

PREHEADER_FILL = "\u034f\u2007"
"""Repeated behind the line an inbox shows beside a subject (see `gateway.render.mail.preheader`)."""
_FILLED = PREHEADER_FILL * 2


def marker(language: str) -> str:
    """The first line of our mails to customers."""
    return catalog(language).gettext(_MARKER)


def markers() -> tuple[str, ...]:
    """It in every language: an answer quotes what it answers."""
    return _markers(catalogs())


@lru_cache(maxsize=1)
def _markers(every: Catalogs) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words.gettext(_MARKER) for words in every.every()))


class _Row(NamedTuple):
    """A line and what is known of it before any wording is looked at."""

    text: str
    depth: int
    """Quotations around it."""
    rule: bool = False

    @property
    def quoted(self) -> bool:
        return self.depth > 0

    @property
    def marked(self) -> str:
        """A quoted line as it is shown: one mark for each quotation around it."""
        return f"{'> ' * self.depth}{_QUOTE.sub('', self.text)}".rstrip()


def new_text(
    body_text: str,
    lines: Sequence[TextLine] = (),
    above: Sequence[str] = (),
    title: str = "",
    people: Sequence[str] = (),
) -> str:
    """What the sender wrote now; equal to `body_text` when nothing tells it from what is quoted.

    `lines` are given when the text was made from HTML: what mail programs mark there counts as quoted.
    `above` are marker lines of ours; those of every language when none is given. `title` is the mail's subject,
    `people` the names of whom it is written to: they wrote what it answers.
    """
    if lines and all(line.level for line in lines if line.text):
        return body_text
    plain = body_text.split("\n")
    if len(lines or plain) > LINES_LIMIT:
        return body_text
    rows = _above_marker(_html_rows(lines) if lines else _plain_rows(plain), above or markers())
    kept, stretches = _kept(rows, title, people)
    if len(kept) == len(rows) == len(plain):
        return body_text
    answered = with_questions(kept, stretches)
    ordinary = answered is kept
    if ordinary and stretches:
        answered = without_signature_below(kept, stretches[-1].at)
    found = re.sub(r"\n{3,}", "\n\n", "\n".join(answered)).strip() or body_text
    return body_text if ordinary and points_below(found) else found


def is_only_quoted(text: str) -> bool:
    """Whether somebody pressed Reply and wrote nothing: quoted lines, and what a program puts above them."""
    lines = text.split("\n")
    above = [row.text for row in _above_marker(_plain_rows(lines), markers())]
    rest = [line for line in above if line.strip() and not line.startswith(">") and not is_separator(line)]
    quotes = len(above) < len(lines) or any(line.startswith(">") for line in above)
    if len(rest) > quotation.ATTRIBUTION_LINES or (rest and not quotes):
        return False
    # Below words of somebody's own, whatever is left is theirs as well.
    kept = new_text(f"Yes.\n\n{text}").split("\n")
    return all(not line.strip() or is_separator(line) for line in kept[1:])


_WARNS = re.compile(
    r"[\W_]*(?:caution|warning|attention|external|extern\w*|achtung|vorsicht|warnung|sicherheitshinweis|security notice"
    r"|th(?:is|e following) (?:e-?mail|message|mail)|diese (?:e-?mail|nachricht|mail)|you don.?t often get"
    r"|sie erhalten nicht (?:oft|häufig)|prudence|mise en garde|avertissement|vous n.obtenez pas souvent|atención"
    r"|precaución|advertencia|aviso|cuidado|atenção|attenzione|avviso|avvertenza|waarschuwing|let op|uwaga|ostrzeżenie"
    r"|zewnętrzn\w+|upozornění|pozor|varning|advarsel|varoitus|huom\w*|figyelem|atenție|внимание|увага|προσοχή|dikkat"
    r"|uyarı)\b|[\W_]*(?:注意|警告|外部|【外部|주의|경고|외부)|(?=.{20,400}LearnAboutSender)",
    re.I,
)
_OF_OUTSIDE = re.compile(
    r"\b(?:outside|external|extern\w*|außerhalb|unknown|unbekannt\w*|often|häufig|oft|souvent|extérieure?|externa|fuera"
    r"|fora|extern[ao]|estern[ao]|fuori|buiten|zewn\w+|spoza|mimo|utanför|utenfor|udenfor|ulkopuol\w+|külső|внешн\w+"
    r"|зовнішн\w+|извне|εξωτερικ\w+|εκτός|harici|dışından|în afara)\b|外部|외부|LearnAboutSender",
    re.I,
)
_OF_MAIL = re.compile(
    r"\b(?:e-?mails?|messages?|mail|nachricht|sender|absender|courriel|expéditeur|correo|mensaje|remitente|messaggio"
    r"|mittente|mensagem|bericht|afzender|wiadomo\w+|nadawc\w+|zpráv\w+|správ\w+|meddelande|besked|melding|viesti"
    r"|sähköposti|üzenet\w*|письм\w+|сообщени\w+|повідомлен\w+|μήνυμα|ileti|e-?posta|mesaj)\b|メール|邮件|郵件|메일"
    r"|LearnAboutSender",
    re.I,
)
_ADVISES = re.compile(
    r"originat|came from|sent from|stammt|kommt von|wurde von|recogni[sz]|\b(?:links?|attachments?)\b|anh[aä]ng|vertrau"
    r"|trust|often get|learn why|erhalten nicht|external (?:sender|e-?mail|source)|externe[nr]? (?:absender|e-?mail)"
    r"|\b(?:liens?|pièces? jointes?|enlaces?|adjuntos?|anexos?|allegati|collegament\w|bijlagen?|koppeling\w*"
    r"|link(?:i|ów)|załącznik\w*|odkaz\w*|příloh\w*|länkar|bilag\w*|bifogade|linkk\w+|liitt\w+|ссылк\w+|вложен\w+|посилан\w+"
    r"|bağlantı\w*|linkek\w*|mellékl\w+|συνδέσμ\w+)\b|リンク|添付|链接|附件|連結|링크|첨부|LearnAboutSender",
    re.I,
)
_OF_MINE = re.compile(
    r"(?<![./@-])\b(?:I|[Mm]y|[Ii]ch|[Mm]ir|[Mm]ich|[Mm]ein\w*|[Mm]on|[Yy]o|[Mm]i[ao]|[Mm]ijn|[Mm]eu|[Mm]inha)\b"
)
_ONLY_CLOSING = re.compile(
    r"(?i)\s*(?:[^\W\d_]+ ){0,2}(?:regards|gr(?:ü|u|ue)(?:ß|ss)e?n?|cordialement|saludos|saluti|groet(?:en)?|pozdraw\w+"
    r"|cumprimentos)\b[^\n]{0,40}(?:\n+[^\n]{1,40}){0,2}\s*"
)
"""A closing and a name: nobody writes a mail of nothing else."""
_BANNER_LINES, _BANNER_LENGTH = 8, 700


def without_banner(text: str) -> str:
    """The text without the warning a mail gateway put on top ("CAUTION: This email originated from outside …"), known
    by its shape: one paragraph that begins with a warning (or has Outlook's link to why it is one) and speaks of the
    mail and of outside, but of nobody's own, and has more than a closing and a name below it."""
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and not is_separator(line)), len(lines))
    if start == len(lines) or not _WARNS.match(lines[start]):
        return text
    end, said = start, ""
    while end < len(lines) and end - start < _BANNER_LINES and (line := lines[end].strip()):
        if line.startswith("#") or is_separator(line):
            break
        if _is_banner(said) and said[-1] in ".!" and not _ADVISES.search(line):
            break
        said, end = f"{said} {line}".strip(), end + 1
    while end < len(lines) and (not lines[end].strip() or is_separator(lines[end])):
        end += 1
    rest = "\n".join(lines[end:])
    return rest if end < len(lines) and _is_banner(said) and not _ONLY_CLOSING.fullmatch(rest) else text


def _is_banner(said: str) -> bool:
    # Chinese and Japanese say it in a third of the signs.
    sized = len(said.encode()) > 40 and len(said) < _BANNER_LENGTH
    return sized and not _OF_MINE.search(said) and all(s.search(said) for s in (_OF_OUTSIDE, _OF_MAIL, _ADVISES))


def pictures_outside(html: str, ends: Callable[[str], str]) -> frozenset[str]:
    """Content-IDs of the mail's pictures that stand in its markup, but not in its new text: quoted, or in a signature.

    `ends` takes the signature off a text.
    """
    if len(html) > html_text.SIZE_LIMIT:
        return frozenset()
    lines = html_text.lines(html, pictures=True)
    text = html_text.from_lines(lines)
    return frozenset(_PICTURE.findall(text)) - frozenset(_PICTURE.findall(ends(new_text(text, lines))))


def _plain_rows(lines: Sequence[str]) -> list[_Row]:
    depths = [
        found[1].count(">") if (found := _QUOTE.match(line)) and not _NO_QUOTE.search(line) else 0 for line in lines
    ]
    # A quotation begins with one sign; three in front of a line are a prompt, or decoration.
    if not any(0 < depth < 3 for depth in depths):
        depths = [0] * len(lines)
    for index in range(1, len(lines) - 1):
        if not depths[index] and depths[index - 1] and _is_torn(lines[index - 1], lines[index], depths[index + 1] > 0):
            depths[index] = depths[index - 1]
    return [_Row(line, depth) for line, depth in zip(lines, depths, strict=True)]


def _is_torn(before: str, line: str, quotation_follows: bool) -> bool:
    """A quoted line that was broken by the sending program, so that its end lost its mark."""
    text = line.strip()
    if not text or not quotation_follows:
        return False
    if text.endswith(">") and not text.startswith("<"):
        return True
    return any(before.count(a) > before.count(b) and text.endswith(b) and a not in text for a, b in ("()", "<>", "[]"))


def _html_rows(lines: Sequence[TextLine]) -> list[_Row]:
    """Quotation marks of HTML. A plain `<blockquote>` also indents what people write themselves: it counts
    as quotation when the mail announces one before it, or when it is the last and nothing else is marked."""
    lines = _below_drawn_line(lines)
    announced = _first_announcement(lines)
    if announced < 0:
        announced = _last_block([0 if line.indented else line.level for line in lines])
    return [
        _Row(line.text, max(line.level, 1) if line.quoted or (line.level and 0 <= announced <= index) else 0, line.rule)
        for index, line in enumerate(lines)
    ]


def _below_drawn_line(lines: Sequence[TextLine]) -> Sequence[TextLine]:
    """What stands below a line of Outlook's is quoted where a header begins it; others draw the same line around a
    card, in a table or above a signature."""
    for index, line in enumerate(lines):
        below = lines[index : index + quotation.BLOCK_LINES] if line.drawn else ()
        if quotation.begins_header([found.text for found in below if found.text]):
            return [*lines[:index], *(replace(found, quoted=True) for found in lines[index:])]
    return lines


def _first_announcement(lines: Sequence[TextLine]) -> int:
    texts = [line.text for line in lines]
    marked = [line.level > 0 for line in lines]
    outside = [False] * len(lines)
    looks = 0
    for index, text in enumerate(texts):
        if lines[index].quoted:
            return index
        if not text or not quotation.may_announce(text):
            continue
        looks += 1
        if looks > LOOKS_LIMIT:
            break
        flags = outside if marked[index] else marked
        if (
            quotation.attribution(texts, flags, index)
            or quotation.is_original_mark(text)
            or quotation.is_header_block(texts[index : index + quotation.BLOCK_LINES])
        ):
            return index
    return -1


def _last_block(levels: Sequence[int]) -> int:
    """Where the last run of indented lines begins, -1 without one."""
    last = next((i for i in range(len(levels) - 1, -1, -1) if levels[i]), -1)
    while last > 0 and levels[last - 1]:
        last -= 1
    return last


def _above_marker(rows: list[_Row], above: Sequence[str]) -> list[_Row]:
    """The rows above our marker line, however it was wrapped. A marker that is quoted line by line cuts nothing:
    the answer may stand below it."""
    whole = "\n".join(row.text for row in rows)
    wanted = [found for m in above if (found := _signs_of_marker(m)) and _longest_word(m) in whole]
    if not wanted:
        return rows
    signs = _NOT_SIGNS_IN_LINES.sub("", whole.casefold().replace("_", " ")).split("\n")
    begins = list(accumulate(map(len, signs), initial=0))
    for start, end in _occurrences("".join(signs), wanted):
        index = bisect_right(begins, start) - 1
        if not rows[index].quoted and end <= begins[min(index + _MARKER_LINES, len(rows))]:
            before = _without_preheader(rows[:index])
            return before if any(row.text.strip() for row in before) else rows
    return rows


@lru_cache(maxsize=64)
def _longest_word(marker: str) -> str:
    """What a text must hold to hold the marker, however it was wrapped; no program writes it in other letters."""
    return max(_WORDS.findall(marker), key=len, default="\n")


@lru_cache(maxsize=64)
def _signs_of_marker(marker: str) -> str:
    return _NOT_SIGNS.sub("", marker.casefold())


def _occurrences(text: str, wanted: Sequence[str]) -> list[tuple[int, int]]:
    """Where one of these begins and ends, in their order."""
    return sorted(m.span() for w in wanted for m in re.finditer(re.escape(w), text))


def _without_preheader(rows: list[_Row]) -> list[_Row]:
    """The rows without the hidden line that stands above the marker in our mails: some programs quote it visibly."""
    end = len(rows)
    while end and (not rows[end - 1].text.strip() or _FILLED in rows[end - 1].text):
        end -= 1
    return rows[:end]


def _kept(rows: list[_Row], title: str, people: Sequence[str]) -> tuple[list[str], list[Stretch]]:
    """The new rows, and the quoted ones between them."""
    texts = [row.text for row in rows]
    quoted = [row.quoted for row in rows]
    kept: list[str] = []
    stretches: list[Stretch] = []
    index = looks = begins = 0
    while index < len(rows):
        text = texts[index]
        if quoted[index]:
            if not index or not quoted[index - 1]:
                stretches.append(Stretch(len(kept), bool(begins and not "".join(kept[begins - 1 :]).strip())))
            stretches[-1].lines.append(rows[index].marked)
            index += 1
            continue
        if quotation.closes(text) and quotation.inline_attribution(texts, quoted, index) < 0:
            marked = _marked_next(texts, quoted, index + 1)
            last = stretches[-1].at if stretches else 0
            if count := quotation.by_shape([*kept[max(last, len(kept) - 4) :], text], marked, people):
                kept = _without_separator(kept[: len(kept) + 1 - count])
                if not marked:
                    return kept, stretches
                begins = len(kept) + 1
                index += 1
                continue
        if not rows[index].rule and not quotation.may_announce(text):
            kept.append(text)
            index += 1
            continue
        looks += 1
        if looks > LOOKS_LIMIT or quotation.is_forward_mark(text):
            return kept + texts[index:], stretches
        if _all_below_is_quoted(rows, texts, index, title):
            kept = _without_separator(kept)
            if not _marked_next(texts, quoted, index + 1):
                return kept, stretches
            begins = len(kept) + 1
            index += 1
            continue
        if (place := quotation.inline_attribution(texts, quoted, index)) >= 0:
            kept.append(text[:place].rstrip(" -"))
            begins = len(kept) + 1
            index += 1
            continue
        if count := quotation.attribution(texts, quoted, index):
            index += count
            kept = _without_separator(kept)
            if not _marked_next(texts, quoted, index):
                return kept, stretches
            begins = len(kept) + 1
            continue
        kept.append(text)
        index += 1
    return kept, stretches


def _all_below_is_quoted(rows: Sequence[_Row], texts: Sequence[str], index: int, title: str) -> bool:
    if rows[index].rule:
        below = next((text for text in texts[index + 1 : index + 4] if text.strip()), "")
        return quotation.opens_quotation(below)
    block = texts[index : index + quotation.BLOCK_LINES]
    if quotation.is_original_mark(block[0]) or quotation.is_header_block(block):
        return True
    return quotation.is_block_by_shape(block, title)


def _marked_next(texts: Sequence[str], quoted: Sequence[bool], index: int) -> bool:
    """Whether the quotation that begins here is marked line by line; if not, it has no end."""
    while index < len(texts) and not texts[index].strip() and not quoted[index]:
        index += 1
    return index < len(texts) and quoted[index]


def _without_separator(kept: list[str]) -> list[str]:
    """Without the line, if any, that was drawn above the quotation."""
    end = len(kept)
    while end and (not kept[end - 1].strip() or is_separator(kept[end - 1]) or quotation.is_drawn_mark(kept[end - 1])):
        end -= 1
    return kept[:end] if end or not kept else kept


def told_by_markup(text: str, html: str) -> str:
    """The new text of a plain form whose HTML form marks what it quotes: cut where that begins. The whole text where
    nothing is marked, where something stands below it, or where the two forms differ."""
    if not html_quotation.marks_quotation(html) or len(html) > html_text.SIZE_LIMIT:
        return text
    rows = _html_rows(html_text.lines(html))
    begins = next((i for i, row in enumerate(rows) if row.quoted and _letters(row.text)), len(rows))
    quoted = rows[begins:]
    if not all(row.quoted or not _letters(row.text) for row in quoted):
        return text
    if any(quotation.is_forward_mark(row.text) for row in quoted[:4]):
        return text
    new, old = (_letters("".join(row.text for row in part)) for part in (rows[:begins], quoted[:BEGINNING]))
    plain = text.split("\n")
    before, above = 0, ""
    for index, line in enumerate(plain):
        letters = _letters(line)
        if letters and before >= len(new) and above.startswith(new):
            rest = letters + _letters("".join(plain[index + 1 : index + BEGINNING]))
            if old and rest[:ALIKE] == old[:ALIKE]:
                found = "\n".join(_without_separator(plain[:index])).strip()
                return text if points_below(found) else found or text
        above += letters
        before += len(letters)
        if before > len(new) + 2 * ALIKE:
            break
    return text


def answered_in_colour(new: str, html: str) -> bool:
    """Whether lines below the new text are painted and others are not: answers somebody wrote into what they quote.
    Not where a mail of ours is quoted: whoever reads of it is shown what of it is new."""
    if not is_painted(html) or len(html) > html_text.SIZE_LIMIT:
        return False
    rows = [row for row in html_text.lines(html, paints=True) if _letters(row.text)]
    plain = [_Row(row.text, 0) for row in rows]
    if _above_marker(plain, markers()) is not plain:
        return False
    rest, wanted = 0, len(_letters(new))
    while rest < len(rows) and wanted > 0:
        wanted -= len(_letters(rows[rest].text))
        rest += 1
    below = [row.painted and not quotation.may_announce(row.text) for row in rows[rest:]]
    return any(painted and index for index, painted in enumerate(below)) and 2 * sum(below) <= len(below)


def _letters(text: str) -> str:
    return _NOT_SIGNS.sub("", text if text.isascii() else normalize("NFKC", text)).casefold()

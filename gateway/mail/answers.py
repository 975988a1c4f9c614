"""Answers point by point: which quoted lines stay, because an answer stands below them.

An ordinary reply, all of it above or below one quotation, keeps none. Where answers stand between the lines
of a quotation, or below a few lines quoted by hand, each keeps the lines it answers, in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.mail import quotation

BY_HAND = 3
"""Lines that are quoted by hand at the top; more is a whole mail that is answered below."""
SENTENCE = 3
"""Words that whoever quotes by hand quotes at least."""
BEFORE = 12
"""Lines kept of the beginning of a quoted mail, in front of the first answer."""
POINTER = 250
"""Characters of a text that only points below."""
_TORN_LENGTH = 60
_POINTER = re.compile(
    r"(?im)\b(?:see|cf\.?|answer(?:s|ed|ing)?|comment(?:s|ed)?|repl(?:y|ies|ied|ying)|respon(?:se|ses|ded|ding)"
    r"|(?<!please )respond|remarks)\b.{0,40}"
    r"\b(?:below|beneath|in[- ]?line|(?:in )?between the lines|in (?:red|blue|green|bold|colou?r|caps)"
    r"|in (?:capitals|capital letters|purple|yellow|orange)|(?:within|inside|into) your (?:e-?mail|mail|message|text)"
    r"|(?:red|blue|green|bold) (?:text|font|letters))\b(?! (?:the|an?|this|that|my|our|your|with|on|at|of) )"
    r"|\bbelow in (?:red|blue|green|bold)\b|^\W*in-?line[.!]*$"
    r"|\b(?:siehe|antwort(?:en|e)?|geantwortet|kommentare?|anmerkung(?:en)?|beantwortet)\b.{0,40}"
    r"\b(?:unten|im text|in (?:rot|blau|grün|lila|farbe|fett|großbuchstaben)|darunter|inline|zwischen den zeilen"
    r"|in (?:roter|blauer|grüner|fetter) schrift|(?:rot|blau|grün|gelb|fett) (?:markiert|gedruckt|hervorgehoben))\b"
    r"(?! (?:am|im|in|auf|der|die|das) )"
    r"|\bsiehe (?:rot|blau|grün|gelb|fett)(?:(?=\W*$)|er? (?:text|schrift|markierung))"
    r"|\banbei meine (?:kommentare|antworten)"
    r"|\bs\. ?u\.|\b(?:voir|cf\.?|rép(?:ons|ond)\w*|commentaires?)(?!\w).{0,40}"
    r"\b(?:ci[- ]dessous|en[- ]dessous|plus bas|en (?:rouge|bleu|vert|gras)|dans le (?:texte|corps du))\b"
    r"|\b(?:ver|vea|respuestas?|respond(?:o|í|ido)|contest(?:o|é|ado)|comentarios?)\b.{0,40}"
    r"\b(?:abajo|en (?:rojo|azul|verde|negrita)|entre líneas)\b"
    r"|\b(?:vedi|risposte?|rispost[oa]|rispondo|commenti)\b.{0,40}"
    r"\b(?:sotto|in (?:rosso|blu|verde|grassetto|calce)|nel testo|tra le righe)\b"
    r"|\b(?:zie|(?:ge)?antwoord(?:en)?|reacties?|opmerkingen)\b.{0,40}"
    r"\b(?:hieronder|onder|in (?:het )?(?:rood|blauw|groen)|tussen de (?:tekst|regels))\b"
    r"|\b(?:ver|respostas?|respond(?:o|i|ido)|comentários?)\b.{0,40}\b(?:abaixo|em (?:vermelho|azul|verde|negrito))\b"
    r"|\bponiżej\b|\bna (?:czerwono|niebiesko)\b|\bodpowied\w+ w tekście\b"
    r"|\b(?:se|svar\w*|kommentar\w*)\b.{0,40}\b(?:nedan|nedenfor)\b|\b(?:i|med) (?:rött|rødt|blått|blåt)\b"
    r"|\bviz níže\b|\b(?:červeně|modře)\b|\bkatso alla\b|\bpunaisella\b|\blásd (?:alább|lent)\b|\bpirossal\b"
    r"|\bmai jos\b|\başağıda|\bсм(?:\.|отри) ниже\b|\bответ\w* (?:ниже|в тексте|красным|синим)\b"
    r"|\bвідпові\w+ (?:нижче|червоним|синім)\b"
    r"|παρακάτω|下記|以下に|赤字|见下|見下|如下|红色|紅色|아래"
)
"""How people say it; there is no shape to know it by."""
_SEPARATOR = re.compile(r"^\s*(?:[-_=*–—]{3,}|-- ?)\s*$")
_SIGNATURE = re.compile(r"^--[ \t]?$")
SIGNATURE_LINES, SIGNATURE_WIDTH = 4, 80
"""Of what RFC 3676 section 4.3 lets programs put below a mail."""
_MARKS = re.compile(r"^(?:> ?)+")
_WORD = re.compile(r"\w+")
_ENDS = re.compile(r"[.?!:;,…)\"“”»]$")


@dataclass(slots=True)
class Stretch:
    """Quoted lines in a row, with their marks, which stand before the new row `at`."""

    at: int
    begins: bool
    """A mail program begins to quote here: an attribution or a header stands above."""
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    """Quoted lines and the new rows below them."""

    lines: list[str]
    begins: bool
    rows: list[str]

    @property
    def answered(self) -> bool:
        return any(row.strip() for row in self.rows)


def points_below(text: str) -> bool:
    """Whether a text is short and says no more than that the answers stand in what is quoted below it."""
    return len(text) <= POINTER and bool(_POINTER.search(text))


def is_separator(row: str) -> bool:
    return bool(_SEPARATOR.match(row))


def without_signature_below(kept: list[str], below: int) -> list[str]:
    """The new rows without the signature a program put at the end of a mail whose last quotation ends above row
    `below`: the mail that is answered shows that its writer is known here. One above a quotation stays."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    start = next((i for i in range(end - 1, below - 1, -1) if _SIGNATURE.match(kept[i])), -1)
    signature = kept[start + 1 : end]
    if start < 0 or not 0 < len(signature) <= SIGNATURE_LINES or not any(row.strip() for row in kept[:start]):
        return kept
    written = any(not row.strip() or len(row) > SIGNATURE_WIDTH or row.rstrip().endswith("?") for row in signature)
    return kept if written else kept[:start]


def with_questions(kept: list[str], stretches: Sequence[Stretch]) -> list[str]:
    """The new rows `kept`, with the quoted lines between them that they answer; `kept` itself for an ordinary reply."""
    if not stretches:
        return kept
    places = [min(s.at, len(kept)) for s in stretches]
    above = kept[: places[0]]
    runs: list[_Run] = []
    for stretch, start, end in zip(stretches, places, [*places[1:], len(kept)], strict=True):
        lines = stretch.lines
        announced = _attribution(lines)
        begins, rows = stretch.begins or announced > 0, kept[start:end]
        if runs and not runs[-1].answered:
            runs[-1] = _Run([*runs[-1].lines, ">", *lines[announced:]], runs[-1].begins or begins, rows)
        else:
            runs.append(_Run(lines[announced:], begins, rows))
    begun = any(row.strip() for row in above)
    if not _point_by_point(runs, begun):
        return kept
    out = [*above]
    for index, run in enumerate(runs):
        if run.answered:
            if index == 0 and run.begins and out and out[-1].strip():
                out.append("")
            whole = not run.begins and (index or begun)
            out += [*_stripped(run.lines if whole else _last_paragraph(run.lines)), *run.rows]
    return out


def _point_by_point(runs: Sequence[_Run], begun: bool) -> bool:
    """`begun`: new text stands above the first quoted line."""
    answers = [
        index
        for index, run in enumerate(runs)
        if run.answered and not _is_footer(run, index == len(runs) - 1) and not _is_torn(run, runs[index + 1 :])
    ]
    if len(answers) != 1:
        return bool(answers)
    run, further = runs[answers[0]], runs[answers[0] + 1 :]
    if further and not further[0].begins:
        return True
    by_hand = not run.begins and len(_WORD.findall("\n".join(run.lines))) >= SENTENCE
    return by_hand and (begun or answers[0] > 0 or len(_stripped(run.lines)) <= BY_HAND)


def _is_footer(run: _Run, last: bool) -> bool:
    """What a list or a mail program puts below everything: a drawn line or two dashes begin it."""
    first = next((row for row in run.rows if row.strip()), "")
    return last and is_separator(first)


def _is_torn(run: _Run, further: Sequence[_Run]) -> bool:
    """The end of a long quoted line that lost its mark when it was broken; no answer."""
    above = _MARKS.sub("", run.lines[-1]).rstrip() if run.lines else ""
    return bool(further) and len(run.rows) == 1 and len(above) >= _TORN_LENGTH and not _ENDS.search(above)


def _attribution(lines: Sequence[str]) -> int:
    """How many lines at the beginning, quoted as well, announce the quotation."""
    plain = [_MARKS.sub("", line) for line in lines[: quotation.ATTRIBUTION_LINES + 3]]
    start = next((i for i, line in enumerate(plain) if line.strip()), len(plain))
    if start == len(plain):
        return 0
    count = quotation.attribution([*plain, "."], [False] * len(plain) + [True], start)
    return start + count if count else 0


def _last_paragraph(lines: Sequence[str]) -> list[str]:
    """What the first answer is about, of a quoted mail that begins above it."""
    found = _stripped(lines)
    start = next((i + 1 for i in range(len(found) - 1, -1, -1) if not _MARKS.sub("", found[i]).strip()), 0)
    return found[max(start, len(found) - BEFORE) :]


def _stripped(lines: Sequence[str]) -> list[str]:
    """Without the empty lines at both ends."""
    spoken = [i for i, line in enumerate(lines) if _MARKS.sub("", line).strip()]
    return list(lines[spoken[0] : spoken[-1] + 1]) if spoken else []

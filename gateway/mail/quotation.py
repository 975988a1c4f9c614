"""How mail programs announce the mail they quote: attribution lines, header blocks, separators.

Data and small matchers only; what to do with a match is decided in `new_text.py`. Wordings of the
programs people use (Outlook, Apple Mail, Gmail, Thunderbird, phones), German and English first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ATTRIBUTION_LINES = 6
ATTRIBUTION_LENGTH = 400
BLOCK_LINES = 14

_MONTHS = (
    "jan|feb|mar|mär|mrz|apr|may|mai|maj|jun|jul|aug|sep|oct|okt|ott|out|nov|dec|dez|dic|janv|févr|mars|avr|juin|juil|août"
    "|ene|abr|ago|gen|mag|giu|lug|set|cze|lip|sie|wrz|paź|lis|gru|sty|lut|kwi|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек"
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

_VERB = (
    r"(?:wrote|writes|schrieb|geschrieben|geschreven|a écrit|escribió|ha scritto|escreveu|schreef|skrev"
    r"|napisał(?:\(a\)|a)?|viết|написал(?:\(а\)|а)?|пишет|napsal(?:\(a\)|a)?|a scris|kirjoitti|írta|yazdı"
    r"|sent|ha escrit|pisze|rašė|rakstīja)"
)
_VERB_WITHOUT_BLANKS = r"(?:写道|寫道|のメール|さんは書きました|작성)"
_ENDS = re.compile(rf"\b{_VERB}\b.{{0,200}}[:：]$|\b{_VERB}[:：]?$|{_VERB_WITHOUT_BLANKS}\s*[:：]?$", re.I)
_VERB_LAST = re.compile(rf"(?:{_VERB}|{_VERB_WITHOUT_BLANKS})$", re.I)
_QUOTING = re.compile(r"(?:Quoting|Zitat von|Citando|Citat från)\b", re.I)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\b\d{1,2}[./-]\d{1,2}[./-]\d\d\b")
_OPENS = re.compile(
    r"[-–—\s]{0,20}(?:On|Am|Le|El|Il|Em|Op|Den|På|W dniu|Dnia|Dne|Vào|Pe|In data|Sent from|El día|\d{4}[-/.年]\d"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|пн|вт|ср|чт|пт|сб|вс)[a-zа-я]{0,9}[.,])(?=[\s\d:,./-])",
    re.I,
)
_INLINE = re.compile(r"(?:(?<=\s)|-{2,}\s*)(?=(?:On|Am|Le) \w{2,10}[.,]? .{4,200}$)")
_PROSE = re.compile(
    r"(?i)\b(?:I|we|you|they|ich|wir|du|ihr|man|je|nous|vous) (?:have |had |habe |haben |hatte )?"
    rf"(?:also |already |auch |schon )?{_VERB}\b"
    rf"|\b{_VERB}(?:en)? (?:ich|wir|man|mir|ihnen|dir|euch|sie|me|you|us|to|in|that|dass)\b"
    rf"|\b(?:that|what|as|because|like|when|but|dass|was|wie|weil|als|denn|aber|que|comme)\b.{{0,80}}\b{_VERB}\b"
)
_PLACEHOLDER = re.compile(
    r"^\s*[-–—]{2,}\s*(?:On )?(?P<who>.{2,200}?)\s*\b(?:wrote|schrieb|a écrit|escribió)\s*:?\s*[-–—]{2,}\s*$", re.I
)

_ORIGINAL = re.compile(
    r"^\W*(?:original[ -]?(?:message|nachricht|mail|e-mail|appointment)|ursprüngliche (?:nachricht|mail|e-mail)"
    r"|originalnachricht|(?:antwort|reply) ?(?:message|nachricht)|message d['’]origine|message original"
    r"|mensaje original|oorspronkelijk bericht|ursprungligt meddelande|oprindelig meddelelse|opprinnelig melding"
    r"|messaggio originale|mensagem original|исходное сообщение|wiadomość oryginalna|původní zpráva"
    r"|alkuperäinen viesti)"
    r"\W*$",
    re.I,
)
_FORWARDED = re.compile(
    r"^\W*(?:begin )?(?:forwarded (?:message|by .{1,200})"
    r"|(?:anfang der )?weitergeleitete[nr]? (?:nachricht|e-?mail|mail)|weitergeleitet von .{1,200}"
    r"|message (?:transféré|réexpédié)|début du message (?:transféré|réexpédié)"
    r"|mensaje reenviado|inicio del mensaje reenviado|doorgestuurd bericht|begin doorgestuurd bericht"
    r"|vidarebefordrat (?:brev|meddelande)|videresendt (?:besked|melding)|пересылаемое сообщение|messaggio inoltrato"
    r"|mensagem encaminhada|przekazana wiadomość|přeposlaná zpráva|转发邮件信息|转发的邮件)\W*$",
    re.I,
)
_DASHED = re.compile(r"^[\s>*]*[-_–—]{2,}|[:：]\s*$")

_FIELDS = {
    "from": "from|von|de|da|od|van|från|fra|от|от кого|expéditeur|mittente|remitente|nadawca|odesílatel|发件人|寄件者"
    "|差出人|보낸 사람|kimden|feladó|lähettäjä|absender",
    "sent": "sent|gesendet|envoyé|envoyé le|enviado|enviado el|enviada em|inviato|verzonden|skickat|sendt|wysłano"
    "|wysłane|odesláno|отправлено|发送时间|送信日時|보낸 날짜|gönderilen|lähetetty|küldve|sent on|gesendet am",
    "date": "date|datum|fecha|data|dato|dátum|дата|日期|päivämäärä|tarih|date d'envoi",
    "to": "to|an|à|a|para|aan|till|til|do|komu|кому|收件人|宛先|받는 사람|kime|vastaanottaja|címzett|pour|empfänger",
    "cc": "cc|kopie|kopia|copia|копия|抄送|bcc|reply-to|antwort an|organization|sender",
    "subject": "subject|betreff|objet|sujet|asunto|oggetto|onderwerp|ämne|emne|temat|předmět|тема|主题|主旨|件名|제목"
    "|konu|aihe|tárgy|assunto|re|betr",
}
_FIELD_OF = {word: name for name, words in _FIELDS.items() for word in words.split("|")}
_FIELD = re.compile(r"^[\s>|]*[*_]{0,3}([^\W\d_][^:：*\n]{0,20}?)\s*[*_]{0,3}\s*[:：][*_]{0,3}\s*(.*)$")


def is_forward_mark(line: str) -> bool:
    """`---------- Forwarded message ---------`: what follows is what the sender wants to show."""
    return len(line) < 300 and bool(_DASHED.search(line)) and bool(_FORWARDED.match(line))


def is_original_mark(line: str) -> bool:
    """`-----Ursprüngliche Nachricht-----`, or Android's `---- Anna wrote ----`."""
    if len(line) > 300 or not _DASHED.search(line):
        return False
    return bool(_ORIGINAL.match(line) or _PLACEHOLDER.match(line))


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
        name = _FIELD_OF.get(found[1].strip().casefold()) if found else None
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
    if {"from", "sent"} <= seen.keys():
        return len(seen) > 2 or _is_moment(seen["sent"]) or bool(_ADDRESS.search(seen["from"]))
    people = " ".join(seen.get(n, "") for n in ("from", "to"))
    return "date" in seen and bool(_ADDRESS.search(people)) and (_is_moment(seen["date"]) or "from" in seen)


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
        if count > 1 and (not _continues(joined, piece) or (_OPENS.match(piece) and _DATE.search(piece))):
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
    name = _FIELD_OF.get(found[1].strip().casefold()) if found else None
    if not found or name not in ("from", "sent", "date"):
        return False
    return bool(_ADDRESS.search(found[2]) if name == "from" else _is_moment(found[2]))


def _continues(joined: str, piece: str) -> bool:
    """An attribution goes on over a line end only when it has begun like one, or is inside `<…>`."""
    if joined.count("<") > joined.count(">"):
        return True
    return bool(_OPENS.match(joined)) and (bool(piece) or bool(_DATE.search(joined)))


def _quotation_follows(lines: Sequence[str], quoted: Sequence[bool], start: int) -> bool:
    for position in range(start, min(start + 4, len(lines))):
        if quoted[position]:
            return True
        if lines[position].strip():
            return False
    return False


def _is_attribution(text: str, before_quotation: bool) -> bool:
    closed = text.endswith((":", "："))
    if not closed and not text.endswith(">") and not _VERB_LAST.search(text[-20:]):
        return False
    opens, verb = bool(_OPENS.match(text)), bool(_ENDS.search(text))
    if not (opens or closed) or _PROSE.search(text):
        return False
    dated, addressed = bool(_DATE.search(text)), bool(_ADDRESS.search(text))
    if before_quotation:
        return verb or bool(_QUOTING.match(text)) or (dated and addressed and (opens or bool(_TIME.search(text))))
    if not verb or not (opens or addressed):
        return False
    return addressed or (dated and bool(_TIME.search(text)) and bool(_YEAR.search(text)))


def may_announce(line: str) -> bool:
    """A cheap first look: False for a line on which no announcement of a quotation can begin."""
    if len(line) > ATTRIBUTION_LENGTH:
        return False
    return ":" in line or "--" in line or "：" in line or line.endswith(">") or bool(_OPENS.match(line))

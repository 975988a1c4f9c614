"""What programs and companies put around the words of a person: warnings, legal notices, footers of lists, signatures
of PGP, links in links. Left out of the new text, never out of the whole.

A paragraph is known by all it speaks of together; whoever speaks of one of it means it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.mail.links import readable
from gateway.mail.new_text import without_banner

LEGAL_LEAST, GREEN_MOST, PARAGRAPH_MOST = 110, 250, 4_000
"""Characters of a legal notice, of a request to print nothing, of a paragraph that is looked at."""
FOOTER_LINES = 8

_SECRET = (
    "confidenti|confidenci|vertraulich|riservat|vertrouwelijk|poufn|důvěrn|dôvern|bizalmas|luottamuksell|konfidensi|konfidenti"
    "|fortrolig|конфиденц|конфіденц|gizli|εμπιστευτικ|privileged|rechtlich geschützt|機密|机密|保密|기밀"
    "|in error|by mistake|irrtümlich|par erreur|por error|por engano|per errore|bij vergissing|per ongeluk|omyłk"
    "|omylem|tévedés|erehdyks|av misstag|ved en fejl|ved en feil|по ошибке|помилков|yanlışlık|κατά λάθος|誤って|误收"
).split("|")
_FOR_WHOM = (
    "intended|addressee|recipient|empfänger|adressat|destinatai|destinatar|geadresseerde|ontvanger|adresat|odbiorc|příjemc|príjemc"
    "|címzett|vastaanottaj|mottag|modtag|mottak|получател|адресат|одержувач|alıcı|παραλήπτη|收件人|宛|受信者|수신"
).split("|")
_OF_MAIL = (
    "email|e-mail|message|nachricht|courriel|mensaje|correo|messaggio|mensagem|bericht|wiadomo|zpráv|správ|üzenet|viesti"
    "|sähköposti|meddel|besked|melding|сообщени|письм|повідомлен|ileti|mesaj|eposta|e-posta|μήνυμα|邮件|郵件|メール|메일"
).split("|")
_ASKS = (
    "delet|destroy|notify|inform|prohibited|unauthoris|unauthoriz|disclos|lösch|vernicht|untersagt|unbefugt"
    "|nicht gestattet|unzulässig|supprim|détrui|interdit|avertir|elimin|borr|destru|prohib|cancell|distrugg|vietat|apag"
    "|proibid|verwijder|verboden|usuni|usunąć|zabronion|smaz|vymaz|zakázán|töröl|tilos|poista|kielletty|radera|förbjud|slet"
    "|forbud|удал|уничтож|запрещ|видал|заборон|silin|yasak|διαγρ|απαγορ|删除|刪除|削除|禁止|삭제"
).split("|")
_SPOKEN = (
    "nfiden vertraulich riservat vertrouwelijk poufn důvěrn dôvern bizalmas luottamuksell "
    "fortrolig конфиденц "
    "конфіденц gizli εμπιστευτικ privileged geschützt 機密 机密 保密 기밀 error mistake irrtümlich erreur engano "
    "vergissing ongeluk omyłk omylem tévedés erehdyks misstag fejl feil ошибке помилков yanlışlık λάθος 誤って 误收 "
    "environment printing umwelt imprim ambiente milieu"
).split()
"""A cheap first look: one of these stands in every such paragraph, folded."""
_SPOKEN_ASCII = [word for word in _SPOKEN if word.isascii()]
_MINE = re.compile(r"\b(?:I|I'm|my|ich|mein\w*|mir|je|j|mon|mes|yo|mi|mis|io|mio|mia|eu|meu|minha|ik|mijn)\b")
_WE_DID = re.compile(
    r"\bwe(?:['’]ve| have)?(?: \w+)? (?:sent|mailed|forwarded|received|got)\b|\bwir haben\b|\bhaben wir\b"
    r"|\bnous avons\b"
    r"|\bhemos\b|\babbiamo\b|\bwe hebben\b|\bwij hebben\b|\bhebben wi?j\b|\bhebben we\b|\benvi[aá]mos\b|\bwysłaliśmy\b",
    re.I,
)
"""A company's notice forbids and asks; that somebody sent a mail to a wrong recipient is what a customer tells."""
_GREETING = re.compile(r"^[^\W\d_][\w.'’-]*(?: [\w.'’-]+){0,6}[,，]$")
_CLOSING = re.compile(r"^[^\d@:/<>\[\]_=|*#]{2,40}$")
CLOSING_LINES = 3
_GREEN = re.compile(
    r"(?:environment|planet).{0,60}print|print.{0,60}(?:environment|planet)|before .{0,20}printing .{0,20}mail"
    r"|umwelt.{0,60}(?:druck|papier)"
    r"|(?:druck|papier).{0,60}umwelt|(?:imprim|papier).{0,60}(?:environnement|nécessaire)|medio ?ambiente.{0,60}imprim"
    r"|imprim.{0,60}(?:medio ?ambiente|meio ambiente)|ambiente.{0,60}stampa|stampa.{0,60}ambiente"
    r"|milieu.{0,60}(?:print|afdruk)",
    re.I,
)
_BEFORE = re.compile(r"\b(?:before|bevor|vor dem|avant|antes|prima|voordat|alvorens)\b", re.I)
_DRAWN = re.compile(r"^(?:[_=-]{6,}|-- ?)$")
_DRAWN_ANYWHERE = re.compile(r"(?m)^(?:[_=-]{6,}|-- ?)$")
_DRAWINGS = ["__", "==", "--"]
_OF_LIST = re.compile(
    r"unsubscri|listinfo|mailing ?list|list-manage|/optout|list archive|leave th(?:e|is) (?:list|group)|abbestell"
    r"|austragen|abmelde|désabonn|désinscri|darse de baja|cancelar (?:la|su|a) (?:suscrip|inscri)|disiscri"
    r"|cancella l.iscrizione|afmelden|uitschrijven|wypisa[ćn]|odhlás|leiratkoz|avregistr|afmeld|отписа|відписа"
    r"|abonelikten|退订|配信停止"
    r"|you received this message because you are subscribed",
    re.I,
)
_LEADS = re.compile(r"://|www\.|\w@\w|\bsubscribed\b", re.I)
"""A list says where to go, or why it writes."""
_PGP_HEAD = re.compile(r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]+: .*\n)*\n?", re.M)
_DASH_ESCAPED = re.compile(r"(?m)^- (?=-)")
"""RFC 9580 section 7.2."""
_PGP_SIGNATURE = re.compile(r"^-----BEGIN PGP SIGNATURE-----\n(?:(?!-----).*\n)*-----END PGP SIGNATURE-----$\n?", re.M)
_PGP_SECRET = re.compile(
    r"^(-----BEGIN PGP (MESSAGE|PUBLIC KEY BLOCK)-----\n)(?:(?!-----).*\n)*(-----END PGP \2-----)$",
    re.M,
)
_MAKERS = frozenset(
    "avast avg avira bitdefender clamav eset gdata kaspersky malwarebytes mcafee norton sophos symantec".split()
)
_CHECKED = frozenset(
    "checked scanned free found geprüft überprüft gescannt gefunden virenfrei vérifié vérifiée analysé sans analizado"
    " libre controllata controllato priva privo gecontroleerd virusvrij sprawdzona wolna wolny verificado escaneado"
    " livre".split()
)
_OF_CHECKS = (
    _MAKERS
    | _CHECKED
    | frozenset(
        "this the e mail email message incoming outgoing has been was is for viruses virus no in by with using on from"
        " and any attachments spam anti antivirus software security internet total premium nod endpoint server version"
        " of signature database release date information www http https com de net org sig logo"
        " diese die nachricht wurde von auf viren es kein dieser mit der durch informationen antivirussoftware"
        " signaturdatenbank virendatenbank ausgabedatum"
        " ce cet l absence dans courrier électronique a été par le logiciel de courriel"
        " el ha este correo electrónico en busca del questa questo è stata stato per individuare con di"
        " deze op virussen door ta wiadomość została pod kątem wirusów przez oprogramowanie antywirusowe od"
        " foi quanto vírus pelo antivírus o".split()
    )
)
"""All words that virus scanners put below a mail; whoever says one word more has written it by hand."""
_MAKER_NAMES = sorted(_MAKERS)
_BESIDE = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|https?://\S+")
_LETTERS = re.compile(r"[^\W\d_]+")
_TAG_LINE = re.compile(
    r"\A\s*[\[*{(<#= ]{1,8}(?:extern(?:al|e|er|o|a)?|ext)(?:[ -]?(?:e-?mail|mail|message|sender|absender|nachricht))?"
    r"[\])}>*#= ]{1,8}[ \t]*\n+",
    re.I,
)
"""A gateway's tag on a line of its own."""


@lru_cache(maxsize=1)  # A new request without a quotation is asked about twice: as its answer, and as its text.
def without_noise(text: str) -> str:
    """The text without what nobody wrote for its reader; the text itself where nothing else would be left."""
    found = readable(_without_pgp(_TAG_LINE.sub("", without_banner(text))))
    if _has(found, _DRAWINGS) and _DRAWN_ANYWHERE.search(found):
        found = _without_footers(found)
    if _may_speak(found):
        found = _without_notices(found)
    if _has(found.lower(), _MAKER_NAMES):
        found = _without_check(found)
    return found if found == text or found.strip() else text


def _may_speak(text: str) -> bool:
    return _has(text.lower(), _SPOKEN_ASCII if text.isascii() else _SPOKEN)


def _has(said: str, words: list[str]) -> bool:
    """Whether one of the words stands in a text of small letters; a pattern of alternatives takes ten times as long."""
    return any(map(said.__contains__, words))


def _without_pgp(text: str) -> str:
    """Armour around a text goes; of what cannot be read two lines stay, which say so."""
    if "-----BEGIN PGP " not in text:
        return text
    if _PGP_HEAD.search(text):
        text = _DASH_ESCAPED.sub("", _PGP_SIGNATURE.sub("", _PGP_HEAD.sub("", text)))
    return _PGP_SECRET.sub(r"\1[…]\n\3", text).strip("\n")


def _without_notices(text: str) -> str:
    """Without paragraphs in which a company speaks, wherever its server put them. What stands in front of everything,
    below no more than a greeting, or above the name, is the sender's."""
    lines = text.split("\n")
    said = [_said(line) for line in lines]
    kept: list[str] = []
    start, begun = 0, False
    while start < len(lines):
        end = start
        while end < len(lines) and said[end]:
            end += 1
        if end > start and begun and _is_notice(" ".join(said[start:end])) and not _is_signed(lines, end):
            while kept and (not _said(kept[-1]) or _DRAWN.match(kept[-1].strip())):
                kept.pop()
        else:
            kept += lines[start:end]
            begun = begun or (end > start and not (end == start + 1 and _GREETING.match(said[start])))
        blank = end
        while end < len(lines) and not said[end]:
            end += 1
        kept += lines[blank:end]
        start = end
    return "\n".join(kept).rstrip("\n") if len(kept) < len(lines) else text


def _said(line: str) -> str:
    return line.lstrip("> ").rstrip() if line.startswith(">") else line.strip()


def _is_notice(said: str) -> bool:
    if len(said) > PARAGRAPH_MOST or "?" in said or not _may_speak(said):
        return False
    small = said.lower()
    if len(said) <= GREEN_MOST and _GREEN.search(said) and (_has(small, _OF_MAIL) or _BEFORE.search(said)):
        return True
    if len(said) < LEGAL_LEAST or _MINE.search(said) or _WE_DID.search(said):
        return False
    return all(_has(small, words) for words in (_SECRET, _FOR_WHOM, _OF_MAIL, _ASKS))


def _is_signed(lines: list[str], end: int) -> bool:
    """Whether the paragraph below is no more than a closing and a name: a company's notice stands below those."""
    while end < len(lines) and not lines[end].strip():
        end += 1
    below = [line.strip() for line in lines[end : end + CLOSING_LINES + 1]]
    below = below[: below.index("")] if "" in below else below
    return 0 < len(below) <= CLOSING_LINES and all(map(_CLOSING.match, below)) and not any(map(_DRAWN.match, below))


def _without_check(text: str) -> str:
    """Without what a virus scanner put at the end: that it checked the mail, and who made it."""
    lines = text.split("\n")
    start, first = len(lines), len(lines)
    found: set[str] = set()
    while start and (words := frozenset(_LETTERS.findall(_BESIDE.sub(" ", lines[start - 1].lower())))) <= _OF_CHECKS:
        start -= 1
        if words & (_MAKERS | _CHECKED):
            found |= words
            first = start
    if not (found & _MAKERS and found & _CHECKED):
        return text
    while first and _is_drawn_or_link(lines[first - 1].lower()):
        first -= 1
    return "\n".join(lines[:first])


def _is_drawn_or_link(line: str) -> bool:
    """Nothing, a drawn line, or only a link to a maker of virus scanners."""
    rest = _BESIDE.sub("", line) if _has(line, _MAKER_NAMES) else line
    return not rest.strip("-_= >")


def _without_footers(text: str) -> str:
    """Without the lines a mailing list puts at the end, behind a drawn line, about how to leave it."""
    lines = text.split("\n")
    kept: list[str] = []
    index = 0
    while index < len(lines):
        end = index + 1
        if kept and _DRAWN.match(_said(lines[index])):
            while (
                end < len(lines)
                and end - index <= FOOTER_LINES
                and _said(lines[end])
                and not _DRAWN.match(_said(lines[end]))
            ):
                end += 1
            footer = lines[index:end]
            if (
                len(footer) > 1
                and _OF_LIST.search(" ".join(footer))
                and _LEADS.search(" ".join(footer))
                and not any(_said(line) for line in lines[end : end + 2])
            ):
                index = end
                continue
        kept += lines[index:end]
        index = end
    return "\n".join(kept).rstrip("\n") if len(kept) < len(lines) else text

"""What anybody writes to anybody: salutations, thanks, closings, and the signature below an agent's words.

It tells nothing, so it neither is an answer by itself nor gives away what only agents have read. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection

SIGNATURE_LINES = 12
_AROUND = " \t*_–—-\xa0"
_CLOSING = re.compile(
    r"(?:with )?(?:(?:my |the )?(?:kind(?:est)?|best|warm(?:est)?|many) )?regards|yours (?:sincerely|faithfully|truly)"
    r"|sincerely(?: yours)?|(?:with )?best wishes"
    r"|(?:mit )?(?:[^\W\d_]+ ){0,3}gr(?:ü|u|ue)(?:ß|ss)e?n?(?: aus [\w-]+)?|mfg|lg|vg"
    r"|(?:bien |très )?cordialement|(?:[^\W\d_]+ )?salutations(?: distinguées)?|bien à vous"
    r"|(?:(?:un|muchos) )?(?:[^\W\d_]+ )?saludos?(?: cordial(?:es)?)?|atentamente|cordialmente"
    r"|(?:[^\W\d_]+ ){0,2}saluti|(?:met )?(?:[^\W\d_]+ )?groet(?:en|jes)?|mvg|hoogachtend"
    r"|(?:serdecznie )?pozdrawiam(?: serdecznie)?|z poważaniem|z wyrazami szacunku"
    r"|(?:com os )?(?:melhores )?cumprimentos|atenciosamente",
    re.I,
)
_THANKS = re.compile(
    r"(?:(?:many |kind )?thanks|thank you)(?: (?:very much|so much|a lot|again))?(?: in advance)?"
    r"|(?:(?:vielen|herzlichen|besten|schönen) )?dank(?:e(?: schön| sehr)?)?(?: im voraus)?"
    r"|(?:un grand )?merci(?: beaucoup| bien)?(?: d[’']avance| par avance)?|(?:muchas |mil )?gracias(?: de antemano)?"
    r"|(?:tante |molte )?grazie(?: mille)?(?: in anticipo)?|(?:hartelijk |alvast )*(?:bedankt|dank|dank u wel)"
    r"|(?:muito )?obrigad[oa](?: desde já)?|(?:z góry |bardzo |serdecznie )*dziękuj\w+(?: bardzo| z góry)?",
    re.I,
)
_SALUTATION = re.compile(
    r"(?i:dear|hello|hi|good (?:morning|afternoon|evening)|hallo|guten (?:tag|morgen|abend)|liebe[rs]?"
    r"|sehr geehrte[rs]?|moin|servus|grüezi|bonjour|bonsoir|ch(?:er|ère)s?|madame|monsieur|hola"
    r"|buen[oa]s (?:días|tardes)|estimad[oa]s?|buongiorno|gentil[ei](?:ssim\w)?|egregi[oa]|salve|ciao|beste|geachte"
    r"|goede(?:morgen|middag|ndag)|dag|dzień dobry|szanown[aiy]\w?|witam|olá|bom dia|boa tarde|car[oa]s?|prezad[oa]s?)"
    r"(?: [^\W\d_a-zß-öø-ÿ][\w.'’-]*"
    r"| (?i:und|and|et|y|e|i|en|all|zusammen|alle|allen|everyone|together|à|tous|toutes)){0,6}"
    r"[,!]?"
)
_SAYS = re.compile(r"p\.? ?s\b|.*\?$|(?:\S+\s+){4,}\S*[.!…]$|.{81,}|(?-i:(?:[a-zà-ÿ]+ ){2}[a-zà-ÿ])", re.I)
"""A line that somebody wrote for this reader."""
_NAME_WORDS = 4
_NO_NAME = re.compile(r"[:\d]|[.!]$")
_CONTACT = re.compile(
    r"\d{3}|@|\bwww\.|://|\w\.\w{2,}\b|\|"
    # How a firm's name ends.
    r"|[\w.],? (?:GmbH|gGmbH|AG|KG|SE|e\. ?V\.|Ltd|Limited|LLC|Inc|PLC|plc|SARL|SAS|SA|S\.A\.|SL|S\.L\.(?:U\.)?"
    r"|Srl|S\.r\.l\.|SpA|S\.p\.A\.|BV|B\.V\.|NV|N\.V\.|(?i:sp\. z o\. ?o\.)|Lda)\.?$"
)

_PICTURE = re.compile(r"(?i)(?<=\S)\s+\[(?:cid:[^\[\]]+|[^\[\]]+\.(?:png|jpe?g|gif|bmp|webp|svg))\][^\S\n]*$", re.M)
"""Where one stood."""


def is_formula(line: str) -> bool:
    """A salutation, thanks or a closing, and nothing else."""
    plain = " ".join(line.strip(_AROUND).split())
    bare = plain.rstrip(",.!")
    return bool(_CLOSING.fullmatch(bare) or _THANKS.fullmatch(bare) or _SALUTATION.fullmatch(plain))


def is_signature(text: str, names: Collection[str]) -> bool:
    """It begins with a closing and a short line, or with one of the full names, and nothing below says anything."""
    lines = _written(text)
    if not 0 < len(lines) <= SIGNATURE_LINES or any(map(_SAYS.match, lines)):
        return False
    if _is_name(lines[0], names):
        return _is_contact(_below(text, 1))
    short = len(lines) == 1 or (len(lines[1].split()) <= _NAME_WORDS and not _NO_NAME.search(lines[1]))
    return bool(_CLOSING.fullmatch(lines[0].rstrip(",.!"))) and short and _is_contact(_below(text, 2))


def without_logos(text: str) -> tuple[str, int]:
    """And how many there were. Below a name a picture is a logo, above it is what somebody shows."""
    return _PICTURE.subn("", text)


def is_name_alone(text: str, names: Collection[str]) -> bool:
    """One of the full names, or the first name of it."""
    line = text.strip(" \t\n*_–—-/.,!\xa0").casefold()
    return bool(line) and any(line in (name.casefold(), name.split(" ")[0].casefold()) for name in names)


def _below(text: str, head: int) -> list[str]:
    """The lines behind the first empty line that has at least so many others above it."""
    written = 0
    lines = text.split("\n")
    for n, line in enumerate(lines):
        if line.strip(_AROUND):
            written += 1
        elif written >= head:
            return _written("\n".join(lines[n:]))
    return []


def _is_contact(lines: list[str]) -> bool:
    """What stands apart below a name tells where somebody is found; what does not is something they still say."""
    return not lines or any(map(_CONTACT.search, lines))


def signature_of(text: str, names: Collection[str]) -> tuple[str, ...]:
    """The lines of the signature at the end of a text; none, where nothing marks its beginning."""
    lines = _written(text)
    for start in range(max(0, len(lines) - SIGNATURE_LINES), len(lines)):
        if is_signature("\n".join(lines[start:]), names):
            return tuple(lines[start:])
    return ()


def _written(text: str) -> list[str]:
    return [line.strip(_AROUND) for line in text.split("\n") if line.strip(_AROUND)]


def _is_name(line: str, names: Collection[str]) -> bool:
    return " " in line and line.casefold() in {name.casefold() for name in names}

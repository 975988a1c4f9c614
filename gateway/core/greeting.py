"""Whether a mail may greet its reader by name: only where the name surely is one. Pure.

A wrong name is worse than none, and a display name is a stranger's words: so it must look like a person's, and the
address must agree with it.
"""

from __future__ import annotations

import re
import unicodedata

from gateway.core.roles import is_shared
from gateway.mail.message import Address

LONGEST = 40
"""Characters."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")
_PARTICLES = frozenset(
    "al bin da das de del della den der di do dos du el la le ten ter van von vom zu zum zur".split()
)
_NO_PERSON = frozenset(
    "agency agentur apotheke atelier autohaus bakery bank bar cafe clinic club college druckerei fabrik foundation "
    "garage handel hotel institut institute kanzlei klinik lab labor logistik museum network praxis restaurant schule "
    "school software solutions stiftung store studio systems technik travel universitaet university verlag werkstatt "
    "ag assistenza atencion azienda bureau buchhaltung bv cie clientes co company contact corp desk einkauf empresa "
    "firma gbr gmbh group gruppe helpdesk hilfe inc info it kg klantenservice kontakt kundendienst limited llc ltd "
    "mail ohg office sa sales sarl service shop sl spa spzoo srl suporte support team verein vertrieb "
    "verwaltung vzw zentrale".split()
)
AGREES = 3
"""Letters of a word that stands in the address."""


def sure_name(who: Address) -> str:
    """The name to greet somebody by; empty where it may be a company's, a role's, or anything else."""
    words = who.name.split()
    if not 2 <= len(words) <= 5 or len(who.name) > LONGEST or is_shared(who):
        return ""
    if not all(_WORD.fullmatch(word) for word in words) or {_plain(word) for word in words} & _NO_PERSON:
        return ""
    if not all(_is_written_as_a_name(word) for word in words):
        return ""
    local = _plain(who.address.rpartition("@")[0])
    known = (_plain(word) for word in words)
    return " ".join(words) if any(len(word) >= AGREES and word in local for word in known) else ""


def _is_written_as_a_name(word: str) -> bool:
    return word in _PARTICLES or (word[0].isupper() and not (len(_plain(word)) > 1 and word.isupper()))


def _plain(text: str) -> str:
    """Letters only, small, without marks; umlauts as addresses have them."""
    spelt = text.casefold().translate(_SPELT)
    return "".join(c for c in unicodedata.normalize("NFKD", spelt) if c.isalpha() and c.isascii())


_SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l", "æ": "ae"})

"""Texts that read like a note of absence, in eight languages.

A program that says nothing of itself writes them, but a person may as well: whoever wrote it is asked.
"""

from __future__ import annotations

import re

from gateway.core.absence import STRONG, is_note

_LONGEST = 1_200
"""Letters of a note; whoever writes more says more."""
_GREETINGS = 3
"""Sentences that may stand before the one that says it: a greeting, thanks, what it is."""
_TURNED = (
    r"(?:not|no longer|back|nicht mehr|wieder|zurück|plus|ya no|non più|niet meer|nie|não"
    r"|is|ist|est|está|è|jest|\w+ing)"
)
_UNTIL = rf"(?:(?!\b{_TURNED}\b)[^!?;]){{0,60}}?"
"""What may stand between the verb and the absence: until when, but nothing that turns it round, and no other verb."""
_SELF = (
    (
        r"i[’' ]?a?m|i[’' ]?(?:wi)?ll be|is",
        r"out of (?:the |my )?office|out (?:until|till|from|today|this week)|not in the office|absent|unavailable"
        r"|away (?:from|until|till|on|today)|on (?:\w+ )?leave|on (?:a |my )?(?:vacation|holidays?|business trip)",
    ),
    (
        r"ich bin|bin ich|ich befinde mich|befinde ich mich|wir sind|sind wir|bin|ist",
        r"au(?:ß|ss)er haus|abwesend|verreist|erkrankt|krankgeschrieben|auf (?:dienstreise|fortbildung)"
        r"|nicht (?:im (?:büro|hause?|dienst)|am (?:arbeits)?platz|da|anwesend|(?:per e-?mail )?erreichbar)"
        r"|i[mn] (?:\w+)?(?:urlaub|ferien|krankenstand|elternzeit|mutterschutz)",
    ),
    (
        r"je (?:suis|serai)|je me trouve|est",
        r"absente?|en (?:congés?|vacances|déplacement|arrêt)|hors du bureau|indisponible|en dehors du bureau",
    ),
    (
        r"estoy|estaré|me encuentro|está",
        r"fuera de (?:la |mi )?oficina|fuera del despacho|de (?:vacaciones|baja|permiso|viaje)|ausente",
    ),
    (
        r"sono|sarò|mi trovo|è",
        r"fuori (?:ufficio|sede|dall[’']ufficio)|in (?:ferie|vacanza|malattia|congedo|maternità|trasferta)|assente"
        r"|non in ufficio",
    ),
    (
        r"ik ben|ben ik|is",
        r"niet (?:op kantoor|aanwezig|bereikbaar)|afwezig|met (?:vakantie|verlof|\w+verlof)|op vakantie|buiten kantoor",
    ),
    (
        r"jestem|będę|przebywam|jest",
        r"nieobecn[yai]|na (?:urlopie|zwolnieniu|delegacji)|poza biurem|niedostępn[ya]",
    ),
    (
        r"estou|estarei|encontro-me|está",
        r"fora do (?:escritório|gabinete)|de (?:férias|baixa|licença)|em (?:férias|licença|viagem)|ausente",
    ),
)
"""By language: how somebody says it of themselves, last of all of a person by name; and where they are."""
_OF_ONESELF = re.compile(
    "|".join(rf"(?<!\w)(?:{verb.rpartition('|')[0]})(?!\w){_UNTIL}(?<!\w)(?:{where})(?!\w)" for verb, where in _SELF),
    re.I,
)
_BY_NAME = re.compile(
    "|".join(rf"(?<!\w){verb.rpartition('|')[2]}(?!\w){_UNTIL}(?<!\w)(?:{where})(?!\w)" for verb, where in _SELF), re.I
)
_SAYS_SO = re.compile(
    r"\W*(?:this is|dies ist|das ist|c[’']est|ceci est|esto es|este es|esta es|questa è|questo è|dit is|to jest"
    rf"|esta é|este é) (?:\w+ ){{0,2}}(?:{STRONG})(?!\w)",
    re.I,
)
"""A program's own words as a sentence: "This is an automatic reply"."""
_OPENS = re.compile(
    r"\W*(?:(?:many |kind )?thank(?:s| you)|(?:vielen |herzlichen |besten )?dank|danke|merci|(?:muchas )?gracias|grazie"
    r"|(?:hartelijk )?(?:dank|bedankt)|dziękuj\w+|(?:muito )?obrigad[oa]|hello|hi|dear|hallo|guten (?:tag|morgen)"
    r"|liebe\w?|sehr geehrte\w?|bonjour|madame|monsieur|hola|buen[oa]s (?:días|tardes)|estimad\w+|buongiorno"
    r"|gentile|salve|beste|geachte|dzień dobry|szanown\w+|witam|olá|bom dia|boa tarde|prezad\w+|caro\w?)(?!\w)",
    re.I,
)
"""Greeting and thanks."""
_SENTENCE = re.compile(r"\n\s*\n|(?<=[^\W\d][.!?])\s+|(?<=\d[!?])\s+|(?<=,)[ \t]*\n\s*")
"""Where one ends: not after the number of a day, but after the line of a greeting."""


def reads_like_note(text: str, name: str) -> bool:
    """Whether a short text begins with the words of a note of absence, of its author or of `name`, which is the
    author's. A person may have written it as well."""
    if len(text) > _LONGEST:
        return False
    words = {word.casefold() for word in re.findall(r"\w{3,}", name)}
    for sentence in _SENTENCE.split(text.strip())[: _GREETINGS + 1]:
        plain = " ".join(sentence.split())
        if is_note(plain) or _SAYS_SO.match(plain) or _OF_ONESELF.search(plain):
            return True
        found = _BY_NAME.search(plain)
        if found and words & {word.casefold() for word in re.findall(r"\w+", plain[: found.start()])}:
            return True
        if not (_OPENS.match(plain) or plain.endswith(",")):
            return False
    return False

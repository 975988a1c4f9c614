"""The line that telephones and mail programs put below every mail: “Sent from my iPhone”, “Get Outlook for iOS”.

It is known by all of its words: a verb, and nothing behind it but a device or a program. A sentence that goes on, or
speaks of anything else, is its author's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

FOOTER_LENGTH = 140
"""Characters of such a line, without the links in it."""
_NAMED_LINK = re.compile(r"\[([^\[\]\n]{1,60})\]\(https?://[^()\s]{1,200}\)")
_LINK = re.compile(r"(?:[<(\[] ?)?\b(?:https?://|www\.)[^\s<>\]]+(?: ?[>)\]])?")
_AROUND = " \t*_|•·–—-\u200b\u200e\ufeff\xa0"

_PHONE, _COMPANY, _PROGRAM = "\1", "\2", "\3"
"""What stands for a device, a company that makes some, and a mail program while a line is looked at."""
_MODELS = (
    r"[\w+-]*\d[\w+/-]*|pro|max|plus|ultra|mini|lite|note|fold|flip|edge|neo|air|se|xl|mobilnego|wireless|lte|powered|by"
    r"|device|cell|os|system"
)
_DEVICES = (
    r"apple watch|iphone|iphonu|ipad|ipod(?: touch)?|i(?:pad)?os|mac(?:book|os)?|(?:systemu )?android\w{0,2}"
    r"|(?:systemu )?windows(?: ?phone)?|blackberry|galaxy|xperia|redmi|(?:google )?pixel"
    r"|smart ?phones?|(?:cell|mobile) ?phone|phone|mobile device|mobile|tablet|handheld|handy"
    r"|mobiltelefon|mobilgerät|(?:mobilen? )?gerät|telefon|téléphone(?: portable)?|portable|tablette|appareil"
    r"|tel[eé]fono(?: móvil)?|celular|móvil|dispositivo|telefonino|cellulare|telefone|telemóvel"
    r"|mobiele telefoon|telefoon|mobieltje|toestel|apparaat|telefonu|komórki|smartfona|tabletu|urządzenia|enhet|mobil"
)
_COMPANIES = (
    r"samsung|sony|huawei|honor|xiaomi|nokia|htc|lg|motorola|moto|oneplus|oppo|realme|vivo|fairphone|google"
    r"|verizon,?|t-mobile|at&t|sprint|telekom"
)
"""Who makes a telephone may also send a parcel: alone they count only behind “my”."""
_TAIL = rf"(?:[ ,-]{{1,2}}(?:{_MODELS}|{_DEVICES}|{_COMPANIES})(?!\w))"
_WINDOWS_MAIL = (
    r"(?:mail|e-?mail|correo|correio|courrier|posta|poczta|post) (?:for|für|pour|para|per|voor|dla|til|för) "
    r"(?:systemu )?windows(?: \d\d)?"
)
_PROGRAMS = (
    rf"(?:{_WINDOWS_MAIL}|(?:microsoft )?outlook(?:\.com)?|yahoo!? ?mail|aol(?: mail)?|gmail|google mail"
    r"|proton ?mail|mail orange|k-9 mail|courriel k-9 mail|thunderbird|aqua ?mail|blue ?mail|fairemail|mymail"
    r"|superhuman|workspace one boxer|blackberry hub\+?(?: inbox)?|samsung e-?mail|zoho mail|tutanota|mailspring"
    r"|edison mail|airmail)(?: (?:mobile|mobil|app|android|ios|secure e-?mail))?"
    r"|(?:gmx|web\.de|1&1|ionos|freenet|t-online|telekom|mobilen?|mail\.ru)"
    r" ?(?:e?-?mail(?: app)?|(?:iphone |android )?app)"
)
_ARTICLE = (
    r"(?:(?:a|an|the|der|dem|einem|un|il|el|la app|la aplicación|een|de|um|o|en|aplikacji|programu|aplikace) "
    r"|l['’](?:application |app )?)?"
)
_EXCUSE = (
    r"(?:[.,;–—-]? ?[-–(]? ?(?:please |bitte |veuillez |por favor,? )?"
    r"(?:excuse|forgive|pardon|apologies|entschuldig\w+|verzeih\w+|excuser|excusez|disculp\w+|perdon\w+|desculp\w+)"
    r"\b[^.?!]{0,60})?"
)


def _sent(verb: str, by: str, mine: str, on: str) -> str:
    """“Sent from my iPhone”, “Sent from Yahoo Mail on Android”."""
    phone = rf"(?:(?:{mine}) [{_PHONE}{_COMPANY}]|{_ARTICLE}{_PHONE})"
    on_phone, by_program = rf"(?: (?:{on}) {phone})?", rf"(?: (?:{on}|{by}) {_ARTICLE}{_PROGRAM})?"
    return rf"(?:{verb}) (?:{by}) ?(?:{_ARTICLE}{_PROGRAM}{on_phone}|{phone}{by_program})"


def _get(verb: str, on: str) -> str:
    """“Get Outlook for iOS”, and “Outlook für iOS beziehen” in languages that put the verb behind."""
    what = rf"{_PROGRAM} (?:{on}) ?{_PHONE}"
    return rf"(?:{verb}) {what}|{what} (?:{verb})"


_MY_GERMAN = r"mein(?:em/meiner|em|er)"
_BY_GERMAN = rf"(?:{_MY_GERMAN} [{_PHONE}{_COMPANY}]|{_ARTICLE}[{_PHONE}{_PROGRAM}])"
_SENT = (
    _sent("sent", "from|with|via|using|by|on", "my", "on|for|from|with|using"),
    _sent("gesendet|verschickt|geschickt", "von|vom|mit|über|aus", _MY_GERMAN, "auf|für|mit|von"),
    rf"(?:(?:diese )?(?:nachricht|e-?mail|mail) wurde )?(?:von|vom|mit) {_BY_GERMAN}"
    rf"(?: (?:aus|mit|auf|für) {_BY_GERMAN})? (?:gesendet|verschickt|geschickt)",
    r"von unterwegs gesendet|gesendet von unterwegs|mobil gesendet|sent from mobile|sent on the go",
    _sent(
        "envoyée?|expédiée?|message envoyé",
        "de|depuis|à partir de|avec|via|par|d['’]",
        "mon|ma",
        "sur|pour|avec|de|depuis",
    ),
    rf"provenance ?: {_PROGRAM}",
    _sent("enviado|enviada|mensaje enviado", "desde|de|con|mediante|por", "mi", "en|para|con|desde"),
    _sent("inviato|inviata", "dal|dalla|dallo|da|con|tramite", "mio|mia|il mio", "su|per|con|da"),
    _sent("verzonden|verstuurd", "vanaf|vanuit|vanop|van|met|via|door", "mijn", "op|voor|met"),
    _sent(
        "wysłane|wysłano|wysłana|wiadomość wysłana", "ze|z|za pomocą|przy użyciu|poprzez", "mojego|mego", "na|dla|w|z"
    ),
    _sent(
        "enviado|enviada",
        "do|da|de|a partir do|pelo|pela|com o|com|através do",
        "meu|minha|o meu",
        "no|na|para|com|para o",
    ),
    _sent("skickat|skickades", "från|med|via", "min|mitt", "på|för|till"),
    _sent("sendt", "fra|med|via", "min|mit|mitt", "på|til|for"),
    _sent("odesláno|odoslané|odeslané", "ze|z|zo|pomocí", "mého|svého|môjho", "pro|pre|na"),
    _sent("отправлено", "с|из|через", "моего|моей", "на|для"),
    _sent("надіслано|відправлено", "з|із|через", "мого|моєї", "на|для"),
    _sent("trimis|enviat", "de pe|din|cu|des del|des de", "meu|el meu", "pe|pentru|per a"),
)
_WORD_FOR_WORD = re.compile(
    r"sent with spark|trimis de pe (?:iphone|ipad|android)-ul meu|enviat des del meu (?:iphone|ipad)"
    r"|lähetetty (?:minun )?(?:iphone|ipad)(?:i?sta|ista|-laitteesta(?:ni)?|-puhelimesta(?:ni)?)|lähetetty androidista"
    r"|(?:az )?(?:iphone|ipad)-?(?:om|em)?-?r[óő]l küldve|küldve az (?:iphone|ipad)-?(?:om|em)?-?r[óő]l"
    r"|(?:iphone|ipad)['’](?:um|im)dan gönderildi"
    r"|(?:στάλθηκε|εστάλη) από το (?:iphone|ipad) μου"
    r"|(?:iphone|ipad|android) ?から送信|(?:发自|發自|从|從)我的 ?(?:iphone|ipad|手机|手機)(?:发送|傳送)?"
    r"|나의 (?:iphone|ipad)에서 보냄",
    re.I,
)
_GET = (
    _get("get|download", "for|on"),
    _get(
        "herunterladen|beziehen|holen|laden|abrufen|holen sie sich|hol dir|laden sie|lade|beziehen sie|erhalten sie",
        "für|auf",
    ),
    _get("obtenir|obtenez|télécharger|téléchargez", "pour|sur"),
    _get("obtener|obtén|obtenga|descargar|descarga|descargue", "para|de"),
    _get("scarica|ottieni|scaricare|ottenere", "per"),
    _get("downloaden|download|ophalen|haal|krijg|ontvang|verkrijg", "voor"),
    _get("pobierz|uzyskaj|pobierz program|pobierz aplikację", "dla|dla systemu|na|na system"),
    _get("obter|obtenha|baixe|baixar|transferir|descarregar|(?:obter|obtenha|baixe|baixar|transferir) o", "para"),
    _get("hämta|skaffa|ladda ned|ladda ner|hent|få|skaff|last ned", "för|til|for"),
    _get("získat|získejte|stáhnout|získať|získajte|stiahnuť", "pro|pre"),
    _get("скачать|получить|завантажити|отримати", "для"),
)


@lru_cache(maxsize=1)  # They take a tenth of a second, which commands that read no mail need not wait for.
def _patterns() -> tuple[re.Pattern[str], tuple[tuple[re.Pattern[str], str], ...]]:
    """A footer whose names are marks, and what the marks stand for in the order they are put in."""
    device = rf"(?:{_DEVICES})(?:['’ʼ]\w{{1,3}}|[aue]|-[^\W\d_]{{1,20}})?{_TAIL}{{0,6}}"
    of_company = rf"(?:{_COMPANIES})(?:-(?:{_DEVICES}){_TAIL}{{0,6}}|{_TAIL}{{1,6}})"
    names = (
        (_PROGRAMS, _PROGRAM),
        (rf"{of_company}|{device}", _PHONE),
        (_COMPANIES, _COMPANY),
    )
    # The programs' own lines that offer a program end without a full stop; somebody's advice to get it does not.
    footer = rf"(?:{'|'.join(_SENT)}){_EXCUSE}[.!)]?|(?:{'|'.join(_GET)})"
    marked = tuple((re.compile(rf"(?<!\w)(?:{named})(?!\w)", re.I), mark) for named, mark in names)
    return re.compile(footer, re.I), marked


def without_footer(text: str) -> str:
    """The text without such lines at its end; the text itself where there is none."""
    lines = text.rstrip().split("\n")
    end = len(lines)
    while end and (length := _of_footer(lines[:end])):
        end -= length
        while end and not lines[end - 1].strip(_AROUND):
            end -= 1
    return "\n".join(lines[:end]) if end < len(lines) else text


def _of_footer(lines: list[str]) -> int:
    """How many of the last lines are one: two where its link, or the end of it, stands on a line of its own."""
    return next((n for n in (1, 2) if n <= len(lines) and is_footer(lines[-n:])), 0)


def is_footer(lines: Iterable[str]) -> bool:
    """Whether lines together are one footer, and nothing else."""
    said = [_LINK.sub(" ", _NAMED_LINK.sub(r"\1", line)).replace("\xa0", " ").strip(_AROUND) for line in lines]
    plain = " ".join(" ".join(said).split())
    if not 0 < len(plain) <= FOOTER_LENGTH:
        return False
    if _WORD_FOR_WORD.fullmatch(plain):
        return True
    footer, names = _patterns()
    for named, mark in names:
        plain = named.sub(mark, plain)
    return footer.fullmatch(plain) is not None

"""Links as a person reads them: where they lead, and no link beside itself.

Filters of mail put a link into one of their own, so that nobody sees where it leads. Their hosts are known; the link
inside is the one address that stands there.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from urllib.parse import parse_qsl, unquote, urlsplit

URL_LIMIT = 4_000
WRAPPINGS = 3
"""Filters inside one another."""
_URL = re.compile(r"https?://[^\s<>\"']{4,4000}", re.I)
_WRAPPERS = re.compile(
    r"(?i)^https?://(?:[\w-]+\.safelinks\.protection\.outlook\.com|urldefense(?:\.proofpoint)?\.com|urldefense\.us"
    r"|linkprotect\.cudasvc\.com|secure-web\.cisco\.com|[\w.-]+\.protection\.sophos\.com|clicktime\.symantec\.com"
    r"|protect2\.fireeye\.com|[\w.-]+\.fireeye\.com|[\w.-]*\.trendmicro\.com|(?:www\.)?google\.[a-z.]{2,6}/url|lm?\.facebook\.com/l\.php"
    r"|statics\.teams\.cdn\.office\.net|deref-(?:gmx|web(?:-02)?|mail)\.\w+)[/?]"
)
_PLACES = ("url", "u", "q", "a", "redirectUrl", "target")
_PROOFPOINT_3 = re.compile(r"/v3/__(https?:/.*?)__;([\w-]*)!")
_HELD_BACK = re.compile(r"\*(\*[A-Za-z0-9_-])?")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|_hs(?:enc|mi)|mkt_tok|igshid|yclid|vero_id|oly_\w+_id)", re.I
)
_COUNTS_CLICKS = re.compile(
    r"(?i)^https?://((?:e?clicks?|track(?:ing)?|links?|lnk|trk|ct|url|email|mail|news(?:letter)?|go|t)\d*\.[\w.-]+"
    r"|[\w.-]*\b(?:sendgrid\.net|list-manage\.com|mandrillapp\.com|awstrack\.me|exct\.net|hubspotlinks\.com|mjt\.lu|rs6\.net"
    r"|sparkpostmail\.com|sendibt\d\.com|createsend\d*\.com|klclick\d*\.com|customeriomail\.com|intercom-clicks\.com))/"
)
"""Hosts that count who clicks before they lead on, by name or by the name they are given below a company's domain."""
_OPAQUE = re.compile(r"[\w%~=+-]{40}")
"""What says nothing to a person; words of an address are shorter."""
LONG = 100
"""Characters; a shorter link is no burden."""
_BEHIND = re.compile(r" ?<((?:mailto:|tel:|https?://)[^\s<>]{1,2000})>", re.I)
_NUMBER = re.compile(r"\+?[\d(][\d ()/.-]{4,30}\d$")
SHOWN_LIMIT = 200


def readable(text: str) -> str:
    """The text with each wrapped link as its target, without what only counts readers, and no link twice.

    A long link that hides where it leads is named by its host alone (`click.shop.example/…`): the whole text has it.
    """
    if "://" in text and ("tp://" in text or "tps://" in text):
        text = _URL.sub(lambda m: _targeted(m[0]), text)
    return _once_each(text) if "<" in text else text


def _targeted(found: str) -> str:
    url = found.rstrip(".,;:!?)]}*»”’")
    if "(" in url and found[len(url) : len(url) + 1] == ")":
        url += ")"
    return _named(target(url)) + found[len(url) :]


def _named(url: str) -> str:
    host = _COUNTS_CLICKS.match(url) if len(url) > LONG else None
    return f"{host[1]}/…" if host and _OPAQUE.search(url, host.end()) else url


def _once_each(text: str) -> str:
    out: list[str] = []
    end = 0
    for found in _BEHIND.finditer(text):
        before = text[max(end, found.start() - SHOWN_LIMIT) : found.start()].rpartition("\n")[2]
        number = _NUMBER.search(before[-34:]) if found[1][:4].lower() == "tel:" else None
        shown = number[0] if number else before[before.rfind(" ") + 1 :].rpartition("<")[2]
        if shown and same(shown, found[1]):
            out.append(text[end : found.start()])
            end = found.end()
    return "".join([*out, text[end:]])


def target(url: str) -> str:
    """Where a link leads that a filter has wrapped; itself for any other."""
    for _ in range(WRAPPINGS):
        inner = _inside(url) if _WRAPPERS.match(url) else ""
        if not inner:
            break
        url = inner
    return _without_tracking(url) if "?" in url else url


def same(shown: str, href: str) -> bool:
    """Whether a text already says what its link says: an address, a number, a page."""
    scheme, _, rest = href.partition(":")
    if scheme.casefold() == "tel":
        digits = re.sub(r"\D", "", rest)
        said = re.sub(r"\D", "", re.sub(r"\(0\)", "", shown))
        return len(digits) > 3 and (said.endswith(digits[-7:]) and digits.endswith(said.lstrip("0")[-7:]))
    bare, said = rest.removeprefix("//").partition("?")[0] if scheme.casefold() == "mailto" else rest, shown
    return _bare(said) == _bare(bare)


def _bare(value: str) -> str:
    return (
        re.sub(r"(?i)^(?:mailto:|tel:|https?:)?(?://)?(?:www\.)?|/$", "", value.strip("*_[]()")).rstrip("/").casefold()
    )


def _inside(url: str) -> str:
    if held := _PROOFPOINT_3.search(url):
        return _proofpoint_3(held[1], held[2])
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query)
    except ValueError:  # a host that is none
        return ""
    for name, value in pairs:
        if name not in _PLACES:
            continue
        if parts.netloc.casefold() == "urldefense.proofpoint.com" and parts.path.startswith("/v2"):
            value = unquote(value.replace("-", "%").replace("_", "/"))
        if not value.startswith("http"):
            value = _decoded(value)
        if re.match(r"(?i)https?://[^/\s]+\.", value):
            return value[:URL_LIMIT]
    written = unquote(url[8:])
    place = max(written.find("http://"), written.find("https://"))
    return written[place:] if place >= 0 and re.match(r"https?://[^/\s]+\.", written[place:]) else ""


def _decoded(value: str) -> str:
    """A target in base64, as one filter writes it; empty when it is none."""
    try:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("ascii")
    except ValueError:
        return ""


def _proofpoint_3(url: str, letters: str) -> str:
    """Signs that are no letters stand apart, in base64, and a star in their place; two stars and a letter are some."""
    try:
        signs = urlsafe_b64decode(letters + "=" * (-len(letters) % 4)).decode("utf-8")
    except ValueError:
        return ""
    place = 0

    def put(found: re.Match[str]) -> str:
        nonlocal place
        count = _LETTERS.index(found[1][1]) + 2 if found[1] else 1
        place += count
        return signs[place - count : place]

    url = re.sub(r"^(https?):/(?!/)", r"\1://", url)
    return _HELD_BACK.sub(put, url)


def _without_tracking(url: str) -> str:
    head, _, rest = url.partition("?")
    query, hash_, anchor = rest.partition("#")
    pairs = query.split("&")
    kept = [pair for pair in pairs if not _TRACKING.fullmatch(pair.partition("=")[0])]
    if len(kept) == len(pairs):
        return url
    return head + ("?" if kept else "") + "&".join(kept) + hash_ + anchor

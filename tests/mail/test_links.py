"""Links as a person reads them."""

from __future__ import annotations

import pytest

from gateway.mail import html_text, links
from gateway.mail.links import readable, target

PAGE = "https://www.shop.example/a?b=1&c=2"
QUOTED = "https%3A%2F%2Fwww.shop.example%2Fa%3Fb%3D1%26c%3D2"
SAFE = f"https://eur01.safelinks.protection.outlook.com/?url={QUOTED}&data=05%7C01&sdata=abc%3D&reserved=0"


@pytest.mark.parametrize(
    "url",
    [
        SAFE,
        f"https://eur01.safelinks.protection.outlook.com/ap/t-59584e83/?url={QUOTED}&data=05",
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__www.shop.example_a-3Fb-3D1-26c-3D2&d=DwMF&c=x&s=q&e=",
        "https://urldefense.com/v3/__https://www.shop.example/a?b=1&c=2__;!!abc!xyz$",
        "https://urldefense.com/v3/__https:/www.shop.example/a*b=1**2__;PyZjPQ!!abc!xyz$".replace("**2", "**A=2"),
        f"https://linkprotect.cudasvc.com/url?a={QUOTED}&c=E,1,abc",
        f"https://secure-web.cisco.com/1abcDEF/{QUOTED}",
        "https://eu-west-1.protection.sophos.com/?d=shop.example&u=aHR0cHM6Ly93d3cuc2hvcC5leGFtcGxlL2E_Yj0xJmM9Mg==&i=1",
        f"https://www.google.com/url?q={QUOTED}&sa=D",
        f"https://eur01.safelinks.protection.outlook.com/?url={SAFE.replace('%', '%25').replace('&', '%26')}",
    ],
)
def test_a_wrapped_link_is_its_target(url: str) -> None:
    """Whatever filter stands in front of it."""
    assert target(url) == PAGE


@pytest.mark.parametrize(
    "url",
    [
        PAGE,
        "https://www.shop.example/share?url=https://other.example/",
        "https://eur01.safelinks.protection.outlook.com/?data=05",
        "https://urldefense.com/v3/__nothing__;!!a$",
        "https://safelinks.protection.outlook.com.evil.example/?url=https%3A%2F%2Fbank.example",
    ],
)
def test_any_other_link_stays(url: str) -> None:
    """No page that only gets an address, and no filter that names none."""
    assert target(url) == url


def test_what_only_counts_readers_goes() -> None:
    """The page is the same without it."""
    url = "https://x.example/p?utm_source=a&id=7&utm_medium=b&fbclid=c#top"
    assert readable(f"See ({url}).") == "See (https://x.example/p?id=7#top)."


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("+49 123 4567<tel:+491234567>", "+49 123 4567"),
        ("0123 4567 <tel:+491234567>", "0123 4567"),
        ("+49 (0)123 4567 <tel:+491234567>", "+49 (0)123 4567"),
        ("a@b.example<mailto:a@b.example> and c", "a@b.example and c"),
        ("www.x.example<https://www.x.example/> https://x.example/y <https://x.example/y>", "www.x.example https://x.example/y"),
        ("Kim <mailto:a@b.example>", "Kim <mailto:a@b.example>"),
        ("www.bank.example<https://bad.example/>", "www.bank.example<https://bad.example/>"),
        ("+49 123 4567<tel:+499999999>", "+49 123 4567<tel:+499999999>"),
    ],
)  # fmt: skip
def test_a_link_stands_once(text: str, want: str) -> None:
    """A number, an address, a page is not said twice; what leads elsewhere is."""
    assert readable(text) == want


def test_a_number_in_html() -> None:
    """As telephones and mail programs make links of it."""
    assert html_text.to_text('<a href="tel:+491234567">+49 123 4567</a>') == "+49 123 4567"


@pytest.mark.parametrize(
    "piece", ["https://", "<https://a", "http://x.safelinks.protection.outlook.com/?url=", "a<tel:1>"]
)
def test_time_in_proportion(piece: str) -> None:
    """Longer text costs no more than longer: a hundred thousand of the worst are read."""
    assert len(links.readable(piece * 100_000)) > 0


TOKEN = "upn=u001.AbC9dEf0GhIjKlMnOpQrStUvWxYz0123456789AbC9dEf0GhIjKlMnOpQrStUvWxYz0123456789-2BQ"


@pytest.mark.parametrize(
    "link",
    [
        f"https://u1234567.ct.sendgrid.net/ls/click?{TOKEN}",
        f"https://click.shop.example/?qs={TOKEN}",
        f"https://links.news.shop.example/e3t/Ctc/{TOKEN}{TOKEN}",
    ],
)
def test_a_long_link_that_hides_its_target_is_named_by_its_host(link: str) -> None:
    host = link.split("/")[2]
    assert links.readable(f"Your order <{link}>\nSee {link}, please.") == (
        f"Your order <{host}/…>\nSee {host}/…, please."
    )


@pytest.mark.parametrize(
    "link",
    [
        f"https://files.example.com/share/{TOKEN}",
        "https://click.shop.example/order/4711",
        "https://links.example.com/" + "/".join(["a-page-with-words-in-its-name"] * 5),
    ],
)
def test_a_link_somebody_may_need_stays_whole(link: str) -> None:
    """A file that is shared has a token as well."""
    assert links.readable(f"See {link} there") == f"See {link} there"

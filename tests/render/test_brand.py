"""The look of a site: whatever colour it has, what is written on it can be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from gateway.config import settings as shapes
from gateway.core.notice import Notice
from gateway.errors import TemplateError
from gateway.portal.templates import PageTemplates
from gateway.render import brand, examples
from gateway.render.mail import Templates
from tests.render.test_golden import TEMPLATES

COLOURS = ["#000000", "#0a58ca", "#c2185b", "#777777", "#00695c", "#4d7c0f"]


def site(**keys: str) -> brand.Brand:
    return brand.of(shapes.Settings(brand=shapes.BrandSettings(**keys)))


@pytest.mark.parametrize("colour", COLOURS)
def test_what_stands_on_the_colour_can_be_read(colour: str) -> None:
    """4.5 to 1 on light and dark screens (WCAG 2.2, 1.4.3); the dark shade stands out from its paper."""
    look = site(colour=colour)
    assert brand.contrast(look.colour, look.on_colour) >= 4.5
    assert brand.contrast(look.dark_colour, look.on_dark_colour) >= 4.5
    assert brand.contrast(look.dark_colour, "#15191e") >= 7


def test_contrast_is_reckoned_as_the_standard_says() -> None:
    assert brand.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert brand.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_colour_that_cannot_be_seen_on_white_is_refused() -> None:
    with pytest.raises(ValueError, match="too light"):
        shapes.BrandSettings(colour="#ffff66")


def test_mails_bear_name_colour_and_imprint() -> None:
    """Customers' and agents'; the small print is for customers."""
    templates = Templates(brand=site(name="Muster GmbH", colour="#c2185b", imprint="Musterweg 1\nMusterstadt"))
    letter = examples.outbounds(Notice.REQUEST_RECEIVED, "de")[0]
    notice = examples.outbounds(Notice.AGENT_NOTICE, "de")[0]
    assert "Muster GmbH" in templates.html(letter)
    assert "background-color: #c2185b" in templates.html(examples.outbounds(Notice.REGISTRATION, "de")[0])
    assert "Musterweg 1<br>Musterstadt" in templates.html(letter)
    assert "Musterweg 1\nMusterstadt" in templates.text(letter)
    assert "Musterweg" not in templates.html(notice) + templates.text(notice)


def test_the_logo_comes_from_the_portal_and_has_a_name(tmp_path: Path) -> None:
    """No other host; without pictures the name is read."""
    (tmp_path / "firm.PNG").write_bytes(b"\x89PNG")
    look = site(name="Muster GmbH", logo_file="firm.PNG")
    html = Templates(brand=look).html(examples.outbounds(Notice.CLOSED, "en")[0])
    assert 'src="http://127.0.0.1:8025/static/logo.png"' in html
    assert 'alt="Muster GmbH"' in html
    pages = PageTemplates(None, UTC, look, tmp_path / "firm.PNG")
    assert pages.static["logo.png"].data == b"\x89PNG"
    pages.check()
    with pytest.raises(TemplateError, match=r"brand\.logo_file cannot be read"):
        PageTemplates(None, UTC, look, tmp_path / "none.png")


def test_an_inbox_shows_the_answer_and_not_the_marker() -> None:
    """The first words of both are hidden in the mail itself."""
    reply = examples.outbounds(Notice.REPLY, "en")[0]
    marked = replace(reply, words=replace(reply.words, marker="##- above -##"))
    body = TEMPLATES.html(marked).partition("<body")[2]
    shown = body.partition("</div>")[0]
    assert "Hello Ms Beispiel, Thank you for the picture." in shown
    assert "display: none" in shown
    assert body.index("Thank you") < body.index("##- above -##")

"""Every notice in every language, byte by byte. `GOLDEN=write pytest tests/render` accepts what is made now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway import texts
from gateway.core.notice import Notice
from gateway.render import examples
from gateway.render.mail import Templates

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = Templates()


WHOLE = ("de", "en")
"""In these every notice is kept; in the others that which every customer gets, and that which every agent gets."""
MAILS = [
    *((notice, language, amount) for notice in Notice for language in WHOLE for amount in ("full", "sparse")),
    *(
        (notice, language, "full")
        for notice in (Notice.REQUEST_RECEIVED, Notice.AGENT_NOTICE)
        for language in texts.languages()
        if language not in WHOLE
    ),
]


@pytest.mark.parametrize(("notice", "language", "amount"), MAILS)
def test_mail_is_as_it_was_accepted(notice: Notice, language: str, amount: str) -> None:
    """A change to a template or to the writing of mails shows in the mails."""
    outbound = examples.outbounds(notice, language)[amount == "sparse"]
    made = TEMPLATES.write(outbound)
    file = GOLDEN / f"{notice.value}-{language}-{amount}.eml"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(made)
    assert made == file.read_bytes()


def test_no_golden_mail_is_left_over() -> None:
    """Each accepted mail belongs to a notice that exists."""
    names = {f"{notice.value}-{language}-{amount}" for notice, language, amount in MAILS}
    assert {p.stem for p in GOLDEN.glob("*.eml")} == names

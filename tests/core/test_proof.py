"""Who is believed to be who the From field says: SMTP AUTH, or a DMARC pass of a trusted host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.proof import authentic, disproven
from gateway.mail.message import Address, Envelope, Message
from tests.core.build import ANNA, KIM, MALLORY, POLICY, envelope, message

TRUSTING = replace(POLICY, trusted_authserv_ids=("mx.example.com",))
PASS = "mx.example.com; spf=pass smtp.mailfrom=kim@customer.example; dmarc=pass header.from=customer.example"


def results(*values: str, author: Address = KIM) -> Message:
    return replace(message(author), headers={"authentication-results": values})


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("kim@customer.example", "smtp-auth"),
        ("KIM@Customer.example", "smtp-auth"),
        ("lee@customer.example", ""),
        ("", ""),
    ],
)
def test_smtp_auth_proves_that_very_address(user: str, said: str) -> None:
    """Whoever signed in is the author, and nobody else."""
    assert authentic(message(), envelope(authenticated_as=user), POLICY) == said


@pytest.mark.parametrize(
    "value",
    [
        "mx.example.com; dmarc=pass header.from=customer.example",
        "mx.example.com 1; dmarc=pass header.from=customer.example",
        "MX.example.COM; dmarc=pass (p=reject dis=none) header.from=Customer.Example",
        "mx.example.com; spf=fail smtp.mailfrom=x; dkim=pass header.d=customer.example; dmarc=pass "
        "header.from=customer.example",
        "mx.example.com; dmarc=pass header.from=kim@customer.example",
    ],
)
def test_a_trusted_pass_counts(value: str) -> None:
    """RFC 8601: the host's own words about the domain of the From field."""
    assert authentic(results(value), envelope(), TRUSTING) == "dmarc"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        ";;;;",
        "mx.example.com",
        "mx.example.com; none",
        "mx.example.com; dmarc=fail header.from=customer.example",
        "mx.example.com; dmarc=pass",
        "mx.example.com; dmarc=pass header.from=elsewhere.example",
        "mx.example.com; dmarc=pass smtp.from=customer.example",
        "mx.example.com; spf=pass smtp.mailfrom=kim@customer.example",
        "mx.example.com; dkim=pass header.d=customer.example",
        "mx.elsewhere.example; dmarc=pass header.from=customer.example",
        "mx.example.com.elsewhere.example; dmarc=pass header.from=customer.example",
        'mx.elsewhere.example; dmarc=fail reason="mx.example.com; dmarc=pass header.from=customer.example"',
        "mx.elsewhere.example (mx.example.com); dmarc=pass header.from=customer.example",
    ],
)
def test_anything_less_proves_nothing(value: str) -> None:
    """Another host, another method, another domain, a comment: none of them is a pass."""
    assert authentic(results(value), envelope(), TRUSTING) == ""


def test_the_newest_field_of_a_trusted_host_decides() -> None:
    """A sender can write an older field below; the host writes its own on top (RFC 8601 section 5)."""
    fail = PASS.replace("dmarc=pass", "dmarc=fail")
    assert authentic(results(fail, PASS), envelope(), TRUSTING) == ""
    assert authentic(results("other.example; dmarc=pass header.from=x", PASS), envelope(), TRUSTING) == "dmarc"


def test_a_field_of_a_trusted_host_that_nobody_can_read_proves_nothing() -> None:
    """A sender whom our host quotes may break its field; the forged one below must not count then."""
    broken = "mx.example.com; spf=pass smtp.mailfrom=<a b(@x; dmarc=fail header.from=customer.example"
    assert authentic(results(broken, PASS), envelope(), TRUSTING) == ""


def test_without_a_trusted_host_nobody_is_believed() -> None:
    """Anybody can write the field."""
    assert authentic(results(PASS), envelope(), POLICY) == ""


@pytest.mark.parametrize("from_", [(), (KIM, MALLORY), (KIM, KIM)])
def test_two_authors_prove_nothing(from_: tuple[Address, ...]) -> None:
    """DMARC says nothing of a From field with several mailboxes (RFC 7489 section 6.6.1)."""
    mail = replace(results(PASS), from_=from_)
    assert authentic(mail, envelope(authenticated_as=KIM.address), TRUSTING) == ""


def test_no_author_proves_nothing() -> None:
    """There is nobody to be proven."""
    assert authentic(message(None), Envelope("smtp", "", ()), TRUSTING) == ""


@pytest.mark.parametrize("user", ["form@example.com", ANNA.address])
def test_a_form_proves_nothing_about_whom_it_names(user: str) -> None:
    """Whoever fills in a form names somebody in Reply-To; that the form signed in says nothing of that person."""
    site = replace(TRUSTING, trusted_form_senders=("Form@example.com",))
    form = Address("form@example.com")
    mail = replace(results(PASS.replace("customer.example", "example.com"), author=form), reply_to=(ANNA,))
    assert authentic(mail, envelope(authenticated_as=user), site) == ""
    assert authentic(replace(mail, reply_to=()), envelope(authenticated_as=form.address), site) == "smtp-auth"


@pytest.mark.parametrize(
    ("domain", "value", "said"),
    [
        ("customer.example", "mx.example.com; dmarc=pass header.from=evil.test", True),
        ("customer.example", "mx.example.com; dmarc=none header.from=evil.test", True),
        ("customer.example", "mx.example.com; dmarc=fail header.from=customer.example", True),
        (
            "customer.example",
            "mx.example.com; dmarc=pass header.from=customer.example; dmarc=pass header.from=x.y",
            True,
        ),
        ("customer.example", "mx.elsewhere.example; dmarc=pass header.from=evil.test", False),
        ("customer.example", "mx.example.com; dmarc=pass", False),
        ("customer.example", "mx.example.com; dmarc=none header.from=customer.example", False),
        ("mail.customer.example", "mx.example.com; dmarc=pass header.from=customer.example", False),
        ("dösk.example", "mx.example.com; dmarc=pass header.from=xn--dsk-sna.example", False),
        ("dösk.example", "mx.example.com; dmarc=pass header.from=dosk.example", True),
        ("straße.example", "mx.example.com; dmarc=pass header.from=xn--strae-oqa.example", False),
        ("straße.example", "mx.example.com; dmarc=pass header.from=strasse.example", True),
    ],
)
def test_a_verdict_that_disproves(domain: str, value: str, said: bool) -> None:
    """A trusted host's no, and its word about another author than we read."""
    assert disproven(results(value, author=Address(f"kim@{domain}")), envelope(), TRUSTING) is said


def test_an_unsure_author_is_disproven() -> None:
    """Not even a pass or a sign-in counts where others may read another author."""
    mail = replace(results(PASS), author_unsure=True)
    assert disproven(mail, envelope(), TRUSTING)
    assert authentic(mail, envelope(authenticated_as=KIM.address), TRUSTING) == ""

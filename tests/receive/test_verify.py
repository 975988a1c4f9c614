"""SPF, DKIM and DMARC judged by ourselves: what counts as proof, and that neither DNS nor strangers stop us."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import dns.name
import dns.resolver
import dns.rrset
import pytest
from smtp_peer import Desk, peer, serving

from gateway.core.proof import authentic, disproven, trusted_results
from gateway.mail.dmarc import author_domain, organisation, record
from gateway.mail.message import Envelope
from gateway.mail.parse import parse
from gateway.receive.smtp.data import Hop, trace_lines
from gateway.receive.smtp.verify import Verifier
from gateway.send.signing import Signer
from tests.core.build import POLICY
from tests.receive.test_trace import AT

OURS = replace(POLICY, verifies_as="desk.test")
SENDER, STRANGER = "192.0.2.7", "198.51.100.66"
MAIL = (
    b"From: Anna <anna@agents.test>\r\nTo: support@desk.test\r\nSubject: Hello\r\n"
    b"Date: Mon, 2 Mar 2026 10:30:00 +0100\r\nMessage-ID: <1@agents.test>\r\n\r\nWords  of\tAnna\r\n\r\n"
)


class Dns:
    """Zones in a dictionary; a name that is not there does not exist, and one that says `silent` does not answer."""

    def __init__(self, **changes: str) -> None:
        self.says = {
            "agents.test TXT": "v=spf1 ip4:192.0.2.7 -all",
            "_dmarc.agents.test TXT": "v=DMARC1; p=reject",
            **{name.replace("__", " "): text for name, text in changes.items()},
        }
        self.asked: list[str] = []

    def resolve(self, qname: str, rdtype: str, *, lifetime: float, search: bool) -> Iterable[Any]:
        self.asked.append(f"{qname} {rdtype}")
        said = self.says.get(f"{qname} {rdtype}", "")
        if said == "silent":
            raise dns.resolver.LifetimeTimeout(timeout=lifetime, errors=[])
        if said == "slow":
            time.sleep(0.6)
        if not said:
            raise dns.resolver.NXDOMAIN
        text = f'"{said[:250]}" "{said[250:]}"' if rdtype == "TXT" else said
        return dns.rrset.from_text(qname + ".", 60, "IN", rdtype, text)


async def verdict(
    zones: Dns, mail: bytes = MAIL, path: str = "anna@agents.test", remote: str = SENDER
) -> tuple[dict[str, str], str, bool]:
    """(results by method, what proves the author, whether anything disproves it)"""
    envelope = Envelope("smtp", path, ("support@desk.test",), remote)
    asked = await Verifier(zones, seconds=0.5).ask(mail, "mx.agents.test", envelope)
    hop = Hop("mx.agents.test", remote, "desk.test", "ESMTP", "1", AT)
    raw = trace_lines(hop, path, asked.judge(mail) if asked else ()) + mail
    message = parse(raw, envelope)
    said = {result.method: result.result for result in trusted_results(message, envelope, OURS)}
    return said, authentic(message, envelope, OURS), disproven(message, envelope, OURS)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """(private key, what the DNS says)"""
    file = tmp_path_factory.mktemp("dkim") / "key.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", file, "2048"], check=True, capture_output=True)
    done = subprocess.run(["openssl", "rsa", "-in", file, "-pubout"], check=True, capture_output=True, text=True)
    return file.read_text(), f"v=DKIM1; k=rsa; p={''.join(done.stdout.splitlines()[1:-1])}"


def signed(mail: bytes, key: tuple[str, str], domain: str = "agents.test") -> bytes:
    return Signer(domain, "s", key[0]).sign(mail)


PASSES = {"spf": "pass", "dkim": "none", "dmarc": "pass"}


async def test_spf_of_the_authors_own_domain_proves() -> None:
    """From the host it names; from elsewhere it is disproven."""
    assert await verdict(Dns()) == (PASSES, "dmarc", False)
    said, proof, no = await verdict(Dns(), remote=STRANGER)
    assert (said["spf"], said["dmarc"], proof, no) == ("fail", "fail", "", True)


async def test_a_strangers_own_spf_proves_nothing_of_another() -> None:
    """Also of a domain whose name only begins or ends like the author's."""
    for domain in ("evil.test", "agents.test-evil.test", "notagents.test", "test"):
        zones = Dns(**{f"{domain}__TXT": "v=spf1 ip4:198.51.100.66 -all", f"_dmarc.{domain}__TXT": "v=DMARC1; p=none"})
        said, proof, no = await verdict(zones, path=f"anna@{domain}", remote=STRANGER)
        assert (said["spf"], said["dmarc"], proof, no) == ("pass", "fail", "", True)


async def test_a_signature_proves_wherever_it_comes_from(key: tuple[str, str]) -> None:
    """A list forwards it: SPF fails, DKIM does not. A changed text does."""
    zones, mail = Dns(**{"s._domainkey.agents.test__TXT": key[1]}), signed(MAIL, key)
    said, proof, no = await verdict(zones, mail, remote=STRANGER)
    assert (said, proof, no) == ({"spf": "fail", "dkim": "pass", "dmarc": "pass"}, "dmarc", False)
    said, proof, no = await verdict(zones, mail.replace(b"Words", b"Lies "), remote=STRANGER)
    assert (said["dkim"], said["dmarc"], proof, no) == ("fail", "fail", "", True)
    said, proof, _ = await verdict(zones, mail.replace(b"Words  of\tAnna", b"Words of Anna   "), remote=STRANGER)
    assert (said["dkim"], proof) == ("pass", "dmarc"), "white space does not count"


@pytest.mark.parametrize("many", [0, 600])
@pytest.mark.parametrize(
    "further", [b"Subject: #close", b"To: mallory@evil.test", b"Content-Type: multipart/mixed; boundary=of-mallory"]
)
async def test_a_further_field_in_front_of_a_signed_mail_proves_nothing(
    further: bytes, many: int, key: tuple[str, str]
) -> None:
    """The signature is of the last field of a name, and the first is read: of the text, too, by another boundary."""
    zones, mail = Dns(**{"s._domainkey.agents.test__TXT": key[1]}), b"Content-Type: text/plain\r\n" + MAIL
    fields = [b"from", b"to", b"subject", b"date", b"message-id", b"content-type"]
    mail = dkim.sign(mail, b"s", b"agents.test", key[0].encode(), include_headers=fields) + mail
    assert (await verdict(zones, mail, remote=STRANGER))[1] == "dmarc"
    author, names = b"From: Anna <anna@agents.test>\r\n", b"".join(b"X-%d: x\r\n" % n for n in range(many))
    forged = author + names + further + b"\r\n" + mail.replace(author, b"")
    said, proof, no = await verdict(zones, forged, remote=STRANGER)
    assert (said["dkim"], proof, no) == ("pass", "", False)


async def test_a_signature_that_lets_anybody_add_text_proves_nothing(key: tuple[str, str]) -> None:
    """A length in it (l=); it does not disprove either."""
    mail = dkim.sign(MAIL, b"s", b"agents.test", key[0].encode(), length=True, canonicalize=(b"relaxed", b"relaxed"))
    zones = Dns(**{"s._domainkey.agents.test__TXT": key[1]})
    said, proof, no = await verdict(zones, mail + MAIL + b"And pay this bill.\r\n", remote=STRANGER)
    assert (said["dkim"], said["dmarc"], proof, no) == ("policy", "temperror", "", False)


@pytest.mark.parametrize(
    ("fields", "algorithm", "want", "proof"),
    [
        ("from:subject", "sha256", "pass", "dmarc"),
        ("subject", "sha256", "permerror", ""),
        ("from:subject", "sha1", "policy", ""),
    ],
)
async def test_a_signature_proves_by_what_is_in_it(
    key: tuple[str, str], tmp_path: Path, fields: str, algorithm: str, want: str, proof: str
) -> None:
    """Without From in it anybody may have written another name (RFC 6376 6.1.1); SHA-1 is broken (RFC 8301)."""
    (tmp_path / "key").write_text(key[0])
    body = base64.b64encode(hashlib.new(algorithm, b"Words of Anna\r\n").digest()).decode()
    field = f"v=1; a=rsa-{algorithm}; c=relaxed/relaxed; d=agents.test; s=s; h={fields}; bh={body}; b="
    lines = {"from": "from:Anna <anna@agents.test>", "subject": "subject:Hello"}
    words = "\r\n".join([*(lines[name] for name in fields.split(":")), f"dkim-signature:{field}"])
    command = ["openssl", "dgst", f"-{algorithm}", "-sign", tmp_path / "key"]
    sign = subprocess.run(command, input=words.encode(), check=True, capture_output=True).stdout
    mail = f"DKIM-Signature: {field}{base64.b64encode(sign).decode()}\r\n".encode() + MAIL
    said, found, _ = await verdict(Dns(**{"s._domainkey.agents.test__TXT": key[1]}), mail, remote=STRANGER)
    assert (said["dkim"], found) == (want, proof)


@pytest.mark.parametrize("silent", ["agents.test TXT", "_dmarc.agents.test TXT", "s._domainkey.agents.test TXT"])
async def test_a_dns_that_does_not_answer_decides_nothing(silent: str, key: tuple[str, str]) -> None:
    """Neither proven nor disproven."""
    zones = Dns(**{"s._domainkey.agents.test__TXT": key[1]})
    zones.says[silent] = "silent"
    said, proof, no = await verdict(zones, signed(MAIL, key).replace(b"Words", b"Lies "), remote=STRANGER)
    # Where SPF and DKIM are known to fail, nothing more is to be found out.
    assert said["dmarc"] == "temperror"
    assert (proof, no) == ("", False)


async def test_a_slow_dns_is_not_waited_for() -> None:
    """After the time there is for one mail it goes on without a verdict."""
    zones = Dns(**{"agents.test__TXT": "slow"})
    assert await verdict(zones) == ({"spf": "temperror", "dkim": "none", "dmarc": "temperror"}, "", False)


async def test_without_a_policy_nothing_is_judged() -> None:
    """A domain that publishes none is like one no server of ours spoke of."""
    zones = Dns()
    del zones.says["_dmarc.agents.test TXT"]
    assert await verdict(zones) == ({"spf": "pass", "dkim": "none", "dmarc": "none"}, "", False)


@pytest.mark.parametrize(
    "head",
    [
        b"From: Anna <anna@agents.test>\r\nFrom: Eve <eve@evil.test>\r\n",
        b"From: Anna <anna@agents.test>, Eve <eve@evil.test>\r\n",
        b"From: =?utf-8?q?Anna_=3Canna=40agents=2Etest=3E?= <eve@evil.test>\r\n",
        b"From: anna@agents.test <eve@evil.test>\r\n",
        b"",
    ],
)
async def test_tricks_in_from(head: bytes) -> None:
    """Whatever else a reader might take for the author: it proves no Anna."""
    zones = Dns(**{"evil.test__TXT": "v=spf1 ip4:198.51.100.66 -all", "_dmarc.evil.test__TXT": "v=DMARC1; p=none"})
    mail = head + MAIL.partition(b"\r\n")[2]
    envelope = Envelope("smtp", "eve@evil.test", ("support@desk.test",), STRANGER)
    _, proof, _ = await verdict(zones, mail, path="eve@evil.test", remote=STRANGER)
    author = parse(mail, envelope).author
    assert not proof or (author is not None and author.key == "eve@evil.test")


@pytest.mark.parametrize(
    "forged",
    [
        b"Authentication-Results: desk.test; dmarc=pass header.from=agents.test\r\n",
        b"Return-Path: <x@y.z>\r\nAuthentication-Results: desk.test; dmarc=pass header.from=agents.test\r\n",
    ],
)
@pytest.mark.parametrize("source", ["smtp", "lmtp", "imap:support@desk.test", "pipe"])
async def test_a_field_that_only_looks_like_ours(forged: bytes, source: str) -> None:
    """It counts where only we can put one, in mail that came by SMTP."""
    said, proof, _ = await verdict(Dns(), forged + MAIL, path="eve@evil.test", remote=STRANGER)
    assert (said["dmarc"], proof) == ("fail", "")
    envelope = Envelope(source, "eve@evil.test", ("support@desk.test",), STRANGER)
    trace = trace_lines(Hop("x", STRANGER, "desk.test", "ESMTP", "1", AT), "eve@evil.test")
    raw = forged + MAIL if source.startswith("imap") else trace + forged + MAIL
    assert authentic(parse(raw, envelope), envelope, OURS) == ""
    if source == "smtp":
        received = parse(trace_lines(Hop("x", STRANGER, "desk.test", "ESMTP", "1", AT), "") + forged + MAIL, envelope)
        assert trusted_results(received, envelope, OURS) == ()


async def test_who_is_not_judged() -> None:
    """Who signed in, who is on this machine, and who came by a socket of it."""
    zones = Dns()
    for remote, user in ((SENDER, "anna@agents.test"), ("127.0.0.1", ""), ("::1", ""), ("", "")):
        assert await Verifier(zones).ask(MAIL, "x", Envelope("smtp", "", (), remote, user)) is None
    assert zones.asked == []


async def test_what_strangers_write_takes_no_time(key: tuple[str, str]) -> None:
    """White space, signatures, fields and keys without end; records that name themselves."""
    spaces = b" " * 1_000_000
    zones = Dns(**{"agents.test__TXT": "v=spf1 include:agents.test redirect=agents.test -all"})
    zones.says["s._domainkey.agents.test TXT"] = "v=DKIM1; p=" + "A" * 60_000
    one = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=agents.test; s=s; h=from%s:to; bh=AAAA; b=AAAA\r\n"
    began = time.process_time()
    for head, body in (
        (b"", spaces + b"x"),
        (one % b"", (spaces + b"x\r\n") * 5),
        (one % (b" " * 200_000 + b"x"), b""),
        (one % b"" * 1000, b"\r\n" * 1_000_000),
        (b"X: y\r\n" * 20_000 + one % b"", b""),
        (one % b"", b"\n" * 1_000_000),
        (b"\r\n " + one % b"", b""),
        (b"DKIM-Signature: \xff\r\n" + b"DKIM-Signature: d=;s=;;=\r\n", b""),
    ):
        said, proof, _ = await verdict(zones, head + MAIL + body, remote=STRANGER)
        assert said.get("dkim", "none") not in ("pass",)
        assert proof == ""
    assert time.process_time() - began < 30, "none of it is quadratic"


async def test_it_is_written_above_what_the_peer_sent() -> None:
    """Between Return-Path and Received, as the mail goes into the journal; meanwhile others are served."""
    desk, zones = Desk(), Dns()
    async with (
        serving(desk, proxy_protocol_timeout=5.0, verifier=Verifier(zones)) as server,
        peer(server, greeted=False) as client,
    ):
        await client.send(f"PROXY TCP4 {SENDER} 203.0.113.1 40000 25\r\n".encode())
        await client.line()
        for line in ("EHLO mx.agents.test", "MAIL FROM:<anna@agents.test>", "RCPT TO:<support@desk.test>", "DATA"):
            await client.ask(line)
        assert (await client.ask(MAIL.decode() + ".")).startswith("250 ")
    ((raw, _),) = desk.accepted
    assert raw.startswith(
        b"Return-Path: <anna@agents.test>\r\n"
        b"Authentication-Results: desk.test;\r\n"
        b"\tspf=pass smtp.mailfrom=agents.test;\r\n"
        b"\tdkim=none;\r\n"
        b"\tdmarc=pass header.from=agents.test\r\n"
        b"Received: from mx.agents.test"
    )


@pytest.mark.parametrize(
    ("domain", "says", "expected"),
    [
        ("a.b.firm.test", {}, "a.b.firm.test"),
        ("a.b.firm.test", {"firm.test": "v=DMARC1; p=none"}, "firm.test"),
        ("a.b.firm.test", {"b.firm.test": "v=DMARC1; psd=n", "firm.test": "v=DMARC1"}, "b.firm.test"),
        ("a.firm.test", {"test": "v=DMARC1; psd=y"}, "firm.test"),
        ("firm.test", {"firm.test": "v=DMARC1", "test": "v=DMARC1; psd=y"}, "firm.test"),
        ("one.two.three.four.five.six.seven.eight.nine.test", {"nine.test": "v=DMARC1"}, "nine.test"),
    ],
)
def test_the_organisation_of_a_domain(domain: str, says: dict[str, str], expected: str) -> None:
    """By its own word, by that of a registry, or the highest that says anything."""
    asked: list[str] = []

    def texts(name: str) -> list[str]:
        asked.append(name)
        return [says[name.removeprefix("_dmarc.")]] if name.removeprefix("_dmarc.") in says else []

    assert organisation(domain, texts).domain == expected
    assert len(asked) <= 8


@pytest.mark.parametrize(
    ("texts", "strict"),
    [
        (["v=DMARC1; p=none; adkim=s"], True),
        (["V = DMARC1;p=none;adkim=r"], False),
        (["v=spf1 -all"], None),
        (["v=DMARC1", "v=DMARC1; p=none"], None),
        ([], None),
        (["v=DMARC12; adkim=s"], None),
    ],
)
def test_records(texts: list[str], strict: bool | None) -> None:
    """One that begins with its version; two are none."""
    found = record(texts)
    assert (found.strict_dkim if found else None) is strict


@pytest.mark.parametrize("domain", ["straße.example", "xn--strae-oqa.example", "STRAßE.example"])
def test_a_domain_is_not_the_one_it_was_read_as_formerly(domain: str) -> None:
    """RFC 5891: straße.example and strasse.example are of two owners, and neither speaks for the other."""
    assert author_domain(f"From: Anna <anna@{domain}>\n".encode()) == "xn--strae-oqa.example"

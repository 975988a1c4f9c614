"""What a person takes along: their own mails, ours to them, and nothing of what stays inside."""

from __future__ import annotations

import json
import stat
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.core import token
from gateway.mail.message import Envelope
from storage.outbox import State
from tests.cli.conftest import AWAY, BOUNCER, ERIKA, REQUEST, Shop, make
from tests.conftest import NOW, named

ADDRESS = "erika@customer.example"
KARL = Envelope("smtp", "karl@customer.example", ("support@example.com",))
TOR = Envelope("smtp", "karl@karl.example", ("support@example.com",))
EVIL = REQUEST.replace("unser Drucker", "<script>alert(1)</script> unser Drucker")


def filled(shop: Shop) -> None:
    """A ticket with an answer and a note, an automatic mail, a ticket of Karl's Erika takes part in; all sent."""
    shop.feed(EVIL)
    keys = shop.desk.policy.keys

    def agent(what: str, number: int) -> None:
        to = f"support+{token.address_token(keys, 'a', named(shop.database, number), 'anna@example.com')}@example.com"
        mail = f"From: anna@example.com\nTo: {to}\nSubject: Re\nMessage-ID: <{len(what)}@x>\n"
        file = "Content-Type: text/plain\nContent-Disposition: attachment; filename=guide.txt\n\nthe guide\n"
        body = f"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n{what}\n--c\n{file}--c--\n"
        shop.feed(mail + body, Envelope("smtp", "anna@example.com", (to,)))

    agent("Guten Tag, bitte neu starten.", 1)
    agent("#note\nshe is difficult", 1)
    shop.feed(AWAY, BOUNCER)
    shop.feed(
        "From: karl@customer.example\nTo: support@example.com\nSubject: Tor\nMessage-ID: <k1@x>\n\nKarls words\n", KARL
    )
    to = f"support+{token.address_token(keys, 't', named(shop.database, 2))}@example.com"
    shop.feed(
        f"From: {ADDRESS}\nTo: {to}\nSubject: Re: Tor\nMessage-ID: <e9@x>\n\nErikas words\n",
        Envelope("smtp", ADDRESS, (to,)),
    )
    while rows := shop.database.write_now(lambda tx: tx.claims.take("t", 100, 60, NOW)):
        for row, _ in rows:
            shop.database.write_now(lambda tx, id=row.id: tx.claims.settle(id, "t", State.SENT, "250 OK", now=NOW))


@pytest.fixture
def full(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Shop:
    shop = make(tmp_path, database_url, capsys)
    filled(shop)
    return shop


def test_everything_of_the_person_is_in_it(full: Shop, tmp_path: Path) -> None:
    """Mails as they were received and sent, tickets as the status page shows them, and one page to read it all."""
    full.database.write_now(lambda tx: tx.ratings.ask(1, "five", NOW))
    asked = full.database.read_now(lambda tx: tx.ratings.find(1))
    assert asked
    full.database.write_now(lambda tx: tx.ratings.rate(asked, 4, "quick", told=False, now=NOW))
    folder = tmp_path / "out"
    said = full.out("contact", "export", ADDRESS, str(folder))
    assert "2 tickets, 3 mails from them" in said
    data = json.loads((folder / "data.json").read_text("utf-8"))
    own, others = data["tickets"]
    assert (own["rating"], own["rating_comment"]) == (4, "quick")
    assert (own["role"], [m["own"] for m in own["messages"]]) == ("requester", [True, False])
    assert own["messages"][1]["text"].strip() == "Guten Tag, bitte neu starten."
    assert own["messages"][0]["files"] == ["log.txt"]
    assert (others["role"], [m["text"].strip() for m in others["messages"]]) == ("participant", ["Erikas words"])
    first = folder / data["mails_received"][0]["file"]
    assert first.read_bytes() == EVIL.encode().replace(b"\n", b"\r\n")
    answer = [m for m in data["mails_sent"] if m["subject"].startswith("Re:")][-1]
    parsed = message_from_bytes((folder / answer["file"]).read_bytes(), policy=email_policy.default)
    assert ADDRESS in str(parsed["To"])
    everything = [
        message_from_bytes((folder / m["file"]).read_bytes(), policy=email_policy.default) for m in data["mails_sent"]
    ]
    assert any(p.get_filename() == "guide.txt" for m in everything for p in m.walk())
    html = (folder / "index.html").read_text("utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; unser Drucker" in html
    for letter in (*data["mails_received"], *data["mails_sent"]):
        assert f'href="{letter["file"]}"' in html
    full.database.close_now()


def test_what_is_inside_stays_inside(full: Shop, tmp_path: Path) -> None:
    """Notes, agents' addresses, and what others wrote on their own tickets."""
    folder = tmp_path / "out"
    full.out("contact", "export", ADDRESS, str(folder))
    texts = [(folder / "data.json").read_text("utf-8"), (folder / "index.html").read_text("utf-8")]
    texts += [p.read_bytes().decode("utf-8", "replace") for p in (folder / "mails").iterdir()]
    for hidden in ("she is difficult", "anna@example.com", "Karls words"):
        assert not any(hidden in t for t in texts), hidden
    full.database.close_now()


def test_what_others_quote_from_elsewhere_stays_out(full: Shop, tmp_path: Path) -> None:
    """As on the status page: who takes part answers between the lines of what an agent wrote to them alone."""
    keys = full.desk.policy.keys
    to = f"support+{token.address_token(keys, 't', named(full.database, 1))}@example.com"
    said = "> she has no idea of it at all\n\nErstens.\n\n> where does it stand by now?\n\nZweitens.\n"
    full.feed(
        f"From: karl@customer.example\nTo: {to}\nSubject: Re: x\nMessage-ID: <k7@x>\n\n{said}",
        Envelope("smtp", "karl@customer.example", (to,)),
    )
    full.out("contact", "export", ADDRESS, str(tmp_path / "out"))
    told = json.loads((tmp_path / "out" / "data.json").read_text("utf-8"))["tickets"][0]["messages"][-1]["text"]
    assert told.split() == ["[…]", "Erstens.", "[…]", "Zweitens."]
    full.database.close_now()


def test_only_its_owner_can_read_it(full: Shop, tmp_path: Path) -> None:
    """Whatever the umask says."""
    folder = tmp_path / "out"
    full.out("contact", "export", ADDRESS, str(folder))
    modes = {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    full.database.close_now()


def test_what_is_not_kept_is_said(full: Shop, tmp_path: Path) -> None:
    """After retention a mail is listed without its bytes."""
    with full.database.engine.begin() as connection:
        connection.execute(text("UPDATE raw SET data = NULL, deleted_at = created_at"))
        connection.execute(text("UPDATE outbox SET data = NULL"))
    folder = tmp_path / "out"
    full.out("contact", "export", ADDRESS, str(folder))
    data = json.loads((folder / "data.json").read_text("utf-8"))
    assert len(data["mails_received"]) == 2
    assert {m["file"] for m in (*data["mails_received"], *data["mails_sent"])} == {""}
    assert "no longer kept" in (folder / "index.html").read_text("utf-8")
    full.database.close_now()


def test_refusals(full: Shop, tmp_path: Path) -> None:
    """A folder with something in it, and somebody nobody knows."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    assert "is not empty" in full.refused("contact", "export", ADDRESS, str(tmp_path / "out"))
    for taken in ("mine", "mine/below"):
        said = full.refused("contact", "export", ADDRESS, str(tmp_path / "out" / taken))
        assert "name a folder that is empty or not there" in said
    assert "nothing is known" in full.refused("contact", "export", "nobody@x.example", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    full.database.close_now()


def test_german(full: Shop, tmp_path: Path) -> None:
    """The page speaks the contact's language."""
    full.database.write_now(lambda tx: tx.contacts.set_language(tx.contacts.get(ADDRESS).id, "de"))
    full.out("contact", "export", ADDRESS, str(tmp_path / "out"))
    html = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert '<html lang="de">' in html
    assert "E-Mails von Ihnen" in html
    assert ERIKA.reverse_path in html
    full.database.close_now()


def test_of_merged_tickets_each_customer_takes_the_own_side_along(shop: Shop, tmp_path: Path) -> None:
    """Their words, and nothing of the other: no word, no address, no mail."""
    shop.feed("From: karl@karl.example\nTo: support@example.com\nSubject: Tor\nMessage-ID: <k@k>\n\nDas Tor.\n", TOR)
    asked = " ".join(shop.refused("ticket", "merge", "2", "1").split())
    assert "requests of different customers" in asked
    assert "karl@karl.example" in asked
    assert shop.json("ticket", "show", "2")["requester"]["address"] == "karl@karl.example"
    assert not [row for row in shop.json("outbox", "list") if row["notice"] == "merged"]
    shop.out("ticket", "merge", "2", "1", "--yes")
    shop.capsys.readouterr()
    answer = tmp_path / "answer.txt"
    answer.write_text("Wir kommen zu beiden.\n", "utf-8")
    with answer.open() as typed, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", typed)
        shop.out("ticket", "reply", "1", "--agent", "anna@example.com")
    for who, mine, own, others in (
        (ADDRESS, 1, "unser Drucker", ("Das Tor", "karl.example", "RD-2-")),
        (TOR.reverse_path, 2, "Das Tor", ("unser Drucker", ADDRESS, "RD-1-")),
    ):
        folder = tmp_path / who
        shop.out("contact", "export", who, str(folder))
        texts = [(folder / name).read_text("utf-8") for name in ("data.json", "index.html")]
        everything = [p.read_bytes().decode("utf-8", "replace") for p in (folder / "mails").iterdir()]
        assert all(own in t for t in texts), who
        assert all("Wir kommen zu beiden." in t for t in texts), who
        told = json.loads(texts[0])["tickets"]
        assert [(t["number"], t["role"], t["status"]) for t in told] == [(mine, "requester", "waiting_on_contact")]
        assert [(o, t[:60]) for o in others for t in (*texts, *everything) if o in t] == []


def test_the_agents_mail_around_a_forwarded_one_stays_inside(shop: Shop, tmp_path: Path) -> None:
    """The customer's words are on the ticket; the mail they came in holds the agent's words and addresses."""
    around = (
        "From: Anna Agent <anna@example.com>\nTo: support@example.com\nSubject: Fwd: Box\nMessage-ID: <f1@x>\n\n"
        "#from kim@customer.example\nHe is difficult.\n\n---------- Forwarded message ---------\n"
        "From: Kim <kim@customer.example>\nDate: Mon, 2 Mar 2026 at 09:00\nSubject: Box\n"
        "To: Anna <anna@home.example>\n\nMy box is red and loud.\n"
    )
    shop.feed(around, Envelope("smtp", "anna@example.com", ("support@example.com",), "", "anna@example.com"))
    folder = tmp_path / "out"
    assert "1 ticket, 0 mails from them" in shop.out("contact", "export", "kim@customer.example", str(folder))
    texts = [p.read_bytes().decode("utf-8", "replace") for p in folder.rglob("*") if p.is_file()]
    assert any("My box is red and loud." in t for t in texts)
    for hidden in ("He is difficult", "anna@home.example", "anna@example.com"):
        assert not any(hidden in t for t in texts), hidden

"""Mails in files: each is found, once, with the bytes it had before it was stored."""

from __future__ import annotations

import mailbox
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.archive.mailstore import NoMails, Skipped, Stored, stored
from gateway.mail.delivered import envelope_of
from tests.core.build import EXAMPLES

ONE = b"From: a@x.example\nSubject: One\nDate: Mon, 02 Mar 2026 10:30:00 +0100\n\nHello\n"
TWO = b"Subject: Two\nFrom: b@x.example\n\nHi there\n\nBye\n"
LINE = b"From a@x.example Mon Mar  2 10:00:00 2026\n"
AGE = datetime(2020, 5, 1, tzinfo=UTC)


def found(path: Path) -> list[Stored]:
    return list(stored(path, Skipped()))


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (AGE.timestamp(), AGE.timestamp()))
    return path


def test_a_single_mail(tmp_path: Path) -> None:
    """Dated by its field; received when the file was written."""
    (mail,) = found(put(tmp_path / "one.eml", ONE))
    assert mail.read() == ONE
    assert mail.dated_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert mail.received_at == AGE
    assert mail.name == str(tmp_path / "one.eml")


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_an_mbox(tmp_path: Path, ends: bytes) -> None:
    """Each mail without its separator and the blank line after it; dated by the `From ` line where it has no field."""
    data = LINE + ONE + b"\n" + LINE.replace(b"10:", b"11:") + TWO + b"\n"
    one, two = found(put(tmp_path / "old", data.replace(b"\n", ends)))
    assert one.read() == ONE.replace(b"\n", ends)
    assert two.read() == TWO.replace(b"\n", ends)
    assert (one.received_at.hour, two.received_at.hour, two.dated_at) == (10, 11, None)
    assert one.name != two.name


@pytest.mark.parametrize(
    "line",
    [
        b"From - Mon Mar 02 10:00:00 2026\n",
        b"From 1234567890@xxx Mon Mar 02 10:00:00 +0000 2026\n",
        b"From a@x.example Mon Mar  2 10:00:00 2026 remote from x\n",
        b"From MAILER-DAEMON Mon Mar  2 10:00 CET 2026\n",
    ],
)
def test_separators_of_many_programs(tmp_path: Path, line: bytes) -> None:
    """Thunderbird, Google Takeout, old systems."""
    first, second = found(put(tmp_path / "old.mbox", line + ONE + b"\n" + line + TWO))
    assert (first.read(), second.read()) == (ONE, TWO)
    assert first.received_at.year == 2026


def test_prose_is_no_separator(tmp_path: Path) -> None:
    """A line that begins with `From ` separates only where it is dated, after a blank line, before a field."""
    prose = b"\nFrom here on it works\nNote: since 10:00 in 2026\n\nFrom 10:00 on 1 May 2026 it works\nnot any more\n"
    (mail,) = found(put(tmp_path / "old", LINE + ONE + prose))
    assert mail.read() == ONE + prose


@pytest.mark.parametrize(
    "data",
    [
        b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/false\n",
        b"name: replydesk\non: [push]\n\nFrom: here\n",
        b"Note: what follows\nis no mail\n",
        b"http://wiki.example/\nmailto:from@x.example\n",
    ],
)
def test_a_word_and_a_colon_make_no_mail(tmp_path: Path, data: bytes) -> None:
    """A file whose first line looks like a field is a mail only where a field of mails stands in its head."""
    path = put(tmp_path / "folder" / "users", data)
    with pytest.raises(NoMails, match="holds no mail"):
        found(path)
    skipped = Skipped()
    assert (list(stored(path.parent, skipped)), skipped.files) == ([], 1)
    assert found(put(tmp_path / "late.eml", b"X-Spam: no\n" * 200 + TWO))


def test_what_was_quoted_is_as_it_was(tmp_path: Path) -> None:
    (mail,) = found(put(tmp_path / "old", LINE + ONE + b">From here\n>>From there\n> From\n"))
    assert mail.read() == ONE + b"From here\n>From there\n> From\n"


def test_a_lone_mail_with_an_odd_first_line(tmp_path: Path) -> None:
    (mail,) = found(put(tmp_path / "one.eml", b"From somebody, some day\n" + ONE))
    assert mail.read() == ONE


def test_a_maildir_and_its_subfolders(tmp_path: Path) -> None:
    """New and read mails, of every folder; drafts, deleted ones and unfinished deliveries stay."""
    box = tmp_path / "Maildir"
    for folder in (box, box / ".Sent"):
        for part in ("cur", "new", "tmp"):
            (folder / part).mkdir(parents=True)
    put(box / "new" / "1700000000.M1.host", ONE)
    put(box / "cur" / "1700000001.M1.host:2,S", TWO)
    put(box / "cur" / "1700000002.M1.host:2,ST", TWO)
    put(box / "cur" / "1700000003.M1.host;2,D", TWO)
    put(box / "tmp" / "1700000004.M1.host", ONE[:9])
    put(box / ".Sent" / "cur" / "1700000005.M1.host:2,", ONE + b"sent")
    put(box / "dovecot.index.log", b"log: not a mail")
    put(box / "subscriptions", b"Sent")
    skipped = Skipped()
    mails = list(stored(box, skipped))
    assert sorted(m.read() for m in mails) == sorted([ONE, TWO, ONE + b"sent"])
    assert min(m.received_at for m in mails) == datetime.fromtimestamp(1700000000, UTC)
    assert (skipped.drafts, skipped.files) == (2, 0)


def test_a_folder_of_all_sorts(tmp_path: Path) -> None:
    """Found at any depth; what is no mail is counted."""
    put(tmp_path / "a" / "one.eml", ONE)
    put(tmp_path / "a" / "b" / "old.mbox", LINE + TWO + b"\n" + LINE + ONE)
    put(tmp_path / "a" / "picture.png", b"\x89PNG\r\n")
    put(tmp_path / "empty", b"")
    (tmp_path / "c" / "cur").mkdir(parents=True)
    (tmp_path / "c" / "new").mkdir()
    put(tmp_path / "c" / "new" / "1.x", TWO)
    skipped = Skipped()
    assert len(list(stored(tmp_path, skipped))) == 4
    assert skipped.files == 2


@pytest.mark.parametrize("data", [None, b"", b"\x00\x01", b"just text\n"])
def test_nothing_to_read_is_said(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        put(tmp_path / "file", data)
    with pytest.raises(NoMails, match="file"):
        found(tmp_path / "file")


@EXAMPLES
@given(st.lists(st.lists(st.sampled_from([b"text", b"", b"From x", b">From y", b"a: b", b"--b"])), min_size=1))
def test_whatever_python_writes_we_read(tmp_path_factory: pytest.TempPathFactory, bodies: list[list[bytes]]) -> None:
    """An mbox of the standard library holds as many mails for us, with the same bytes but for `>` it adds."""
    path = tmp_path_factory.mktemp("mbox") / "old"
    box = mailbox.mbox(path)
    written = [b"Subject: s\n\n" + b"\n".join(lines) + b"\n" for lines in bodies]
    for mail in written:
        message = mailbox.mboxMessage(mail)
        message.set_from("a@x.example", AGE.timetuple())
        box.add(message)
    box.close()
    read = [m.read() for m in found(path)]
    assert [r.replace(b"\n>From y", b"\nFrom y").rstrip(b"\n") for r in read] == [
        w.replace(b"\n>From y", b"\nFrom y").rstrip(b"\n") for w in written
    ]


def test_the_envelope_a_mail_once_had() -> None:
    raw = b"Return-Path: <a@x.example>\nDelivered-To: s@y.example\nX-Original-To: s@y.example\n\nhi"
    assert envelope_of(raw, "import").reverse_path == "a@x.example"
    assert envelope_of(raw, "import").recipients == ("s@y.example",)
    assert envelope_of(b"Subject: x\n\n", "import").recipients == ()

"""Played dialogs: every file in `dialogs/` is one story told over TCP to a real server.

    # the rule, in one line
    ! lmtp                      the protocol (default: smtp)
    ! max_recipients=2          an option
    ! raises=disk full          what the intake does instead of committing (see FAULTS)
    C: EHLO peer.test           sent with CRLF; consecutive lines leave in one packet
    C~ half a line              sent without CRLF
    S: 250 2.0.0 Accepted as *  the next line must be this; * stands for anything
    X:                          the server has closed the connection
    M: a@b -> c@d, e@f          a mail that must have been committed, with its envelope …
    M| Subject: hello           … and its lines, below our trace lines

Backslash escapes are those of Python's bytes; {x*70} is 70 times x. Any mail committed that no
M: tells of is a failure, and so is anything the server said that no S: expects.
"""

from __future__ import annotations

import ast
import codecs
import errno
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from smtp_peer import Desk, Peer, failing, peer, serving

from gateway.errors import OversizeMail, StorageUnavailable

DIALOGS = sorted((Path(__file__).parent / "dialogs").glob("*.txt"))


def _storage_full() -> StorageUnavailable:
    error = StorageUnavailable("journal: /var/lib/secret is full")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


FAULTS: dict[str, BaseException] = {
    "bug": ValueError("secret internals"),
    "storage": StorageUnavailable("secret database URL"),
    "disk full": _storage_full(),
    "too big": OversizeMail("secret"),
}


@dataclass
class Dialog:
    steps: list[tuple[str, str]] = field(default_factory=list)
    protocol: str = "smtp"
    fault: str = ""
    options: dict[str, object] = field(default_factory=dict)
    mails: list[tuple[str, list[bytes]]] = field(default_factory=list)


def read(path: Path) -> Dialog:
    dialog = Dialog()
    for line in path.read_text().splitlines():
        mark, text = line[:2], line[3:]
        if not line.strip() or line.startswith("#"):
            continue
        if line == "! lmtp":
            dialog.protocol = "lmtp"
        elif mark == "! ":
            name, _, value = line[2:].partition("=")
            if name == "raises":
                dialog.fault = value
            else:
                dialog.options[name] = ast.literal_eval(value)
        elif mark == "M:":
            dialog.mails.append((text, []))
        elif mark == "M|":
            dialog.mails[-1][1].append(as_bytes(text) + b"\r\n")
        elif mark in ("C:", "C~", "S:", "X:"):
            dialog.steps.append((mark, text))
        else:
            raise ValueError(f"{path.name}: {line!r}")
    return dialog


def as_bytes(text: str) -> bytes:
    text = re.sub(r"\{(.)\*(\d+)\}", lambda m: m[1] * int(m[2]), text)
    return codecs.escape_decode(text.encode())[0]


async def play(dialog: Dialog, client: Peer) -> None:
    packet = b""
    for mark, text in dialog.steps:
        if mark in ("C:", "C~"):
            packet += as_bytes(text) + (b"\r\n" if mark == "C:" else b"")
            continue
        if packet:
            await client.send(packet)
            packet = b""
        if mark == "X:":
            assert await client.closed() == b""
        else:
            said = await client.line()
            pattern = ".*".join(map(re.escape, text.split("*")))
            assert re.fullmatch(pattern, said), f"expected {text!r}, the server said {said!r}"
    assert not packet, "a dialog ends with what the server says"
    client.writer.write_eof()
    assert await client.closed() == b"", "the server said more than expected"


@pytest.mark.parametrize("path", DIALOGS, ids=lambda p: p.stem)
async def test_dialog(path: Path) -> None:
    """The server answers as written, and commits exactly the mails written."""
    dialog = read(path)
    desk = Desk(failing(FAULTS[dialog.fault]) if dialog.fault else None)
    async with serving(desk, dialog.protocol, **dialog.options) as server, peer(server, greeted=False) as client:
        await play(dialog, client)
    envelopes = [f"{e.reverse_path or '<>'} -> {', '.join(e.recipients)}" for _, e in desk.accepted]
    assert envelopes == [envelope for envelope, _ in dialog.mails]
    assert desk.mails == [b"".join(lines) for _, lines in dialog.mails]


def test_every_dialog_states_its_rule() -> None:
    """A story begins with the rule it tells."""
    assert DIALOGS
    assert all(path.read_text().startswith("# ") for path in DIALOGS)

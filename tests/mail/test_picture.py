"""How wide a picture is."""

from __future__ import annotations

import base64
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.mail.parse import parse
from gateway.mail.picture import width


def drawn(kind: str, across: int = 1234, **how: bool) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (across, 7)).save(out, kind, **how)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "how"), [("PNG", {}), ("GIF", {}), ("JPEG", {}), ("JPEG", {"progressive": True})])
def test_the_width_stands_in_the_first_bytes(kind: str, how: dict[str, bool]) -> None:
    """Of the kinds that every mail program shows."""
    data = drawn(kind, **how)
    assert width(data) == 1234
    assert width(data[:5]) == 0


def test_what_a_camera_puts_in_front_is_stepped_over() -> None:
    """EXIF with a preview, which has a width of its own."""
    data, preview = drawn("JPEG"), drawn("JPEG", 99)
    exif = b"Exif\0\0" + preview
    assert width(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + b"\xff" + data[2:]) == 1234


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b""]))
def test_broken_pictures_stop_nothing(data: bytes, begin: bytes) -> None:
    """Anybody can send one."""
    assert width(begin + data) >= 0


@pytest.mark.parametrize("filling", [b"\xff", b"\xff\x01", b"\xff\xe0\0\2"])
def test_a_picture_of_nothing_but_marks_is_given_up(filling: bytes) -> None:
    """It is looked at while everybody's mail waits."""
    start = time.perf_counter()
    assert width(b"\xff\xd8" + filling * (20_000_000 // len(filling))) == 0
    assert time.perf_counter() - start < 0.5


def test_a_mail_knows_the_pictures_it_shows() -> None:
    """By their Content-ID; a file that only hangs on it is none of them."""
    part = "--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <{}>\r\n\r\n{}\r\n"
    shot = base64.encodebytes(drawn("PNG")).decode()
    raw = (
        "From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/html\r\n\r\n<p>Look: <img src=cid:one@x></p>\r\n"
        + part.format("one@x", shot)
        + part.format("two@x", shot)
        + "--b--\r\n"
    )
    assert parse(raw.encode()).widths == {"one@x": 1234}

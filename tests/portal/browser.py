"""A browser without a screen: real HTTP, a cookie jar, and forms that are sent as they were shown."""

from __future__ import annotations

import asyncio
import http.client
import re
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Page:
    status: int
    headers: dict[str, str]
    """Lower-case names."""
    data: bytes
    path: str

    @property
    def html(self) -> str:
        return self.data.decode()

    @property
    def text(self) -> str:
        """What a reader sees, on one line."""
        bare = re.sub(r"<(head|style).*?</\1>|<[^>]+>", " ", self.html, flags=re.S)
        return re.sub(r"\s+", " ", unescape(bare))

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def hrefs(self) -> list[str]:
        return [unescape(h) for h in re.findall(r'<a [^>]*?href="([^"]*)"', self.html)]

    def field(self, name: str) -> str:
        found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', self.html)
        return unescape(found[1]) if found else ""

    def error(self, name: str) -> str:
        """The error a field is described by, as a screen reader finds it."""
        given = re.search(rf'<(?:input|textarea)[^>]*name="{name}"[^>]*aria-invalid="true"[^>]*>', self.html)
        if not given:
            return ""
        ids = re.search(r'aria-describedby="([^"]*)"', given[0])
        assert ids, "a wrong field must name its error"
        found = re.search(rf'id="{ids[1].split()[-1]}">([^<]*)<', self.html)
        assert found
        return unescape(found[1])


@dataclass
class Browser:
    """One visitor of a site on 127.0.0.1."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    """Cookie name → its Set-Cookie line."""

    async def get(self, path: str, **headers: str) -> Page:
        return await self.ask("GET", path, b"", headers)

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> Page:
        """Exactly these fields; `send` is what people do."""
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self.ask("POST", path, urlencode(fields).encode(), sent)

    async def send(self, path: str, fields: dict[str, str], *, form_at: str = "", **headers: str) -> Page:
        """Open the page with the form, fill it in, and press its button."""
        page = await self.get(form_at or path)
        hidden = {name: page.field(name) for name in ("mark", "next", "once") if page.field(name)}
        return await self.post(path, {**hidden, **fields}, **headers)

    async def upload(
        self, path: str, fields: dict[str, str], files: tuple[tuple[str, str, bytes], ...] = (), *, form_at: str = ""
    ) -> Page:
        """The same for a form that takes files (name, type, bytes)."""
        page = await self.get(form_at or path)
        hidden = {name: page.field(name) for name in ("mark", "once") if page.field(name)}
        parts = [(f'name="{name}"', value.encode()) for name, value in {**hidden, **fields}.items()]
        parts += [(f'name="files"; filename="{n}"\r\nContent-Type: {t}', data) for n, t, data in files]
        edge = "----browser7MA4YWxkTrZu0gW"
        body = b"".join(
            f"--{edge}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
            for head, data in parts
        )
        sent = {"content-type": f"multipart/form-data; boundary={edge}"}
        return await self.ask("POST", path, body + f"--{edge}--\r\n".encode(), sent)

    async def follow(self, page: Page) -> Page:
        assert page.status == 303, page.text
        return await self.get(page.location)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Page:
        return await asyncio.to_thread(self._ask, method, path, body, headers or {})

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("set-cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.attributes[name] = line
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        found = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "set-cookie"}
        return Page(answer.status, found, data, urlsplit(path).path)

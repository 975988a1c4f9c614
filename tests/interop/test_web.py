"""Real web servers in front of the status page, set up with the files of `deploy/`: it works, and knows who asks."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trustme

from tests.recipes import recipe
from tests.site import Site, free_port, until

PLACES = "/etc/letsencrypt/live/support.example.com"
VISITOR = "127.0.0.7"
"""On loopback every address of 127.0.0.0/8 is one's own."""


def _nginx(folder: Path, port: int, portal: int) -> tuple[list[str], str]:
    plain = f"127.0.0.1:{free_port()}"
    doors = {"listen 443": f"listen 127.0.0.1:{port}", "listen 80": f"listen {plain}"}
    site = recipe("nginx.conf", doors | {"127.0.0.1:8025": f"127.0.0.1:{portal}", PLACES: str(folder)})
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    main = f"daemon off; user root; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
    return ["nginx", "-p", str(folder), "-c"], f"{main}http {{ access_log off;\n{temporary}{site}}}\n"


def _apache(folder: Path, port: int, portal: int) -> tuple[list[str], str]:
    site = recipe("apache.conf", {"*:443": f"*:{port}", "127.0.0.1:8025": f"127.0.0.1:{portal}", PLACES: str(folder)})
    modules = "mpm_event authz_core ssl socache_shmcb proxy proxy_http".split()
    loaded = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in modules)
    main = f"ServerName localhost\nPidFile {folder}/pid\nErrorLog {folder}/error.log\nDefaultRuntimeDir {folder}\n"
    return ["apache2", "-DFOREGROUND", "-f"], f"{loaded}{main}Listen 127.0.0.1:{port}\n{site}"


def _caddy(folder: Path, port: int, portal: int) -> tuple[list[str], str]:
    opened = f"https://localhost:{port} {{\n    bind 127.0.0.1\n    tls {folder}/fullchain.pem {folder}/privkey.pem"
    site = recipe("Caddyfile", {"support.example.com {": opened, "127.0.0.1:8025": f"127.0.0.1:{portal}"})
    return ["caddy", "run", "--adapter", "caddyfile", "--config"], f"{{\n    admin off\n    auto_https off\n}}\n{site}"


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


SERVERS = {"nginx": _nginx, "apache2": _apache, "caddy": _caddy}


@pytest.fixture(params=SERVERS)
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Site, int, ssl.SSLContext]]:
    """The daemon behind a web server: the site, the server's port, and whom to trust."""
    name = str(request.param)
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    authority = trustme.CA()
    ours = authority.issue_cert("localhost")
    ours.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "fullchain.pem")
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    site, port = Site(tmp_path, extra='trusted_proxies = ["127.0.0.1", "::1"]\n'), free_port()
    text = site.config.read_text("utf-8")
    site.config.write_text(text.replace(f"http://127.0.0.1:{site.portal}", f"https://localhost:{port}"), "utf-8")
    words, settings = SERVERS[name](tmp_path, port, site.portal)
    (tmp_path / "front.conf").write_text(settings, "utf-8")
    site.start()
    with (tmp_path / "front.log").open("wb") as log:
        environment = {"HOME": str(tmp_path), "PATH": "/usr/sbin:/usr/bin"}
        server = subprocess.Popen([*words, tmp_path / "front.conf"], stdout=log, stderr=log, env=environment)
    try:
        until(lambda: _open(port) or server.poll() is not None)
        assert server.poll() is None, (tmp_path / "front.log").read_text()
        yield site, port, context
    finally:
        server.terminate()
        server.wait(20)
        site.stop()


def asked(
    port: int, context: ssl.SSLContext, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, str, str]:
    """Status, page and cookie; the browser has the address VISITOR."""
    with closing(
        http.client.HTTPSConnection("localhost", port, timeout=30, context=context, source_address=(VISITOR, 0))
    ) as client:
        client.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = client.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return answer.status, answer.read().decode("utf-8", "replace"), cookie


def test_visitors_are_known_apart(front: tuple[Site, int, ssl.SSLContext]) -> None:
    """The limits of sign-in attempts count the visitor's address, which no header of the visitor's own can change."""
    site, port, context = front
    status, page, _ = asked(port, context, "GET", "/healthz")
    assert (status, '"ok"' in page) == (200, True)
    status, page, cookie = asked(port, context, "GET", "/sign-in")
    assert status == 200
    mark = re.search(r'name="mark" value="([^"]+)"', page)
    assert mark
    form = urlencode({"mark": mark[1], "address": "kim@customer.example", "password": "not the right one"})
    kind = "application/x-www-form-urlencoded"
    status, page, _ = asked(
        port, context, "POST", "/sign-in", form,
        Content_Type=kind, Cookie=cookie, Origin=f"https://localhost:{port}", X_Forwarded_For="203.0.113.9",
    )  # fmt: skip
    assert status == 422, page
    (line,) = [line for line in site.read_log().splitlines() if "sign-in refused" in line]
    assert f"client={VISITOR}" in line


def test_a_renewed_certificate_is_handed_over(tmp_path: Path) -> None:
    """By certbot's hook: both files whole, for the service alone to read, then the daemon is told."""
    lineage, place = tmp_path / "live", tmp_path / "etc"
    lineage.mkdir()
    place.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (lineage / name).write_text(f"new {name}\n")
    (place / "mx.pem").write_text("old\n")
    told = {"systemctl reload replydesk": "echo reloaded"}
    hook = recipe("renewed.sh", {"/etc/replydesk": str(place), "-g replydesk ": ""} | told)
    environment = {"RENEWED_LINEAGE": str(lineage), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", hook], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "reloaded\n"
    assert (place / "mx.pem").read_text() == "new fullchain.pem\n"
    assert (place / "mx-key.pem").read_text() == "new privkey.pem\n"
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o640}
    assert len(list(place.iterdir())) == 2

"""`replydesk check`: each thing that would keep the daemon from starting is found beforehand, and nothing is made."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import config
from gateway.cli.toml import dumps
from gateway.config import beforehand
from gateway.errors import ConfigError
from storage.migrate import MOVING
from tests.cli.conftest import Shop


def findings(shop: Shop, code: int = 0) -> dict[str, list[tuple[str, str]]]:
    """Level and text of each finding, by what it is about."""
    shop.capsys.readouterr()
    assert shop.run("check", "--json") == code
    found: dict[str, list[tuple[str, str]]] = {}
    for one in json.loads(shop.capsys.readouterr().out):
        assert one["remedy"] or one["level"] != "error"
        found.setdefault(one["about"], []).append((one["level"], f"{one['text']} {one['remedy']}"))
    return found


def change(shop: Shop, old: str, new: str) -> None:
    text = shop.file.read_text("utf-8")
    assert old in text
    shop.file.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def taken() -> Iterator[str]:
    """An address somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_good_site_passes(shop: Shop) -> None:
    """No error; a line for each thing that was looked at."""
    found = findings(shop)
    assert {level for lines in found.values() for level, _ in lines} <= {"ok", "warning"}
    assert {"configuration", "folders", "secrets", "database", "templates"} <= set(found)
    assert "ok" in shop.out("check")


def test_before_the_first_start_nothing_is_made(shop: Shop) -> None:
    """What the daemon makes at its start is said to be made then; asking makes nothing."""
    shop.database.close_now()
    for file in (shop.file.parent / "var").iterdir():
        file.unlink()
    (shop.file.parent / "var").rmdir()
    found = findings(shop)
    for about in ("folders", "secrets", "database"):
        assert "made at the first start" in found[about][0][1]
    assert not (shop.file.parent / "var").exists()


def test_an_unreadable_secret(shop: Shop) -> None:
    change(shop, "[gateway]", '[gateway]\nsecret_file = "nowhere/secret"')
    assert "gateway.secret_file" in findings(shop, 1)["secrets"][0][1]


EC = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
)


@pytest.mark.parametrize("key", [EC, b"hello\n"])
def test_a_key_that_signs_nothing(shop: Shop, tmp_path: Path, key: bytes) -> None:
    """The daemon would not start with it."""
    (tmp_path / "dkim.pem").write_bytes(key)
    (tmp_path / "dkim.pem").chmod(0o600)
    with shop.file.open("a", encoding="utf-8") as file:
        file.write('[send.dkim]\ndomain = "example.com"\nselector = "s1"\nkey_file = "dkim.pem"\n')
    (found,) = (text for level, text in findings(shop, code=1)["secrets"] if level == "error")
    assert "send.dkim.key_file: is no RSA key in PEM form Make one with: replydesk dkim --make" in found
    assert "is no RSA key in PEM form" in shop.refused("run")


def test_a_secret_everybody_can_read(shop: Shop) -> None:
    (shop.file.parent / "var" / "secret").chmod(0o644)
    level, text = findings(shop)["secrets"][0]
    assert level == "warning"
    assert "chmod 600" in text


def test_a_password_file_that_is_missing(shop: Shop) -> None:
    change(shop, "[send]", '[send]\nusername = "u"\npassword_file = "relay.password"')
    assert "send.password_file" in findings(shop, 1)["secrets"][-1][1]


def test_a_broken_template_is_named_by_file_and_line(shop: Shop) -> None:
    folder = shop.file.parent / "own" / "mail" / "en"
    folder.mkdir(parents=True)
    (folder / "reply.txt.j2").write_text("Hello\n{% if %}\n")
    change(shop, "[gateway]", '[gateway]\ntemplates_dir = "own"')
    ((level, text),) = findings(shop, 1)["templates"]
    assert level == "error"
    assert f"{folder}/reply.txt.j2:2" in text


def test_an_address_that_is_taken(shop: Shop, taken: str) -> None:
    change(shop, 'listen = ""', f'listen = "{taken}"')
    ((level, text),) = findings(shop, 1)["addresses"]
    assert level == "error"
    assert f"portal.listen: {taken}" in text


def test_an_address_the_daemon_holds(shop: Shop, taken: str) -> None:
    """A daemon that runs on this data_dir may listen where it is told to."""
    change(shop, 'listen = ""', f'listen = "{taken}"')
    with (shop.file.parent / "var" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ((level, text),) = findings(shop)["addresses"]
    assert (level, "running daemon" in text) == ("ok", True)
    findings(shop, 1)


def test_another_daemon_on_the_same_file(shop: Shop) -> None:
    """It has a data_dir of its own, and no lock in ours."""
    change(shop, "[gateway]\n", '[gateway]\ndata_dir = "second"\n')
    assert findings(shop)["database"][0][0] == "ok"
    with Path(f"{shop.database.engine.url.database}").with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "a daemon with another data_dir runs on it" in findings(shop, 1)["database"][0][1]


def test_the_same_address_twice(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = f"127.0.0.1:{server.getsockname()[1]}"
    change(shop, "listen = []", f'listen = ["{free}", "{free}"]')
    assert [level for level, _ in findings(shop, 1)["addresses"]] == ["ok", "error"]


def test_an_address_within_another(shop: Shop) -> None:
    """All addresses of this machine, and one of them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    change(shop, "listen = []", f'listen = ["0.0.0.0:{port}", "[::1]:{port}", "localhost:{port}", "127.0.0.1:0"]')
    lines = findings(shop, 1)["addresses"]
    assert [level for level, _ in lines] == ["ok", "ok", "error", "ok"]
    assert f"localhost:{port} cannot be listened on beside 0.0.0.0:{port}" in lines[2][1]
    once = f"receive.smtp.listen: cannot listen on localhost:{port} beside 0.0.0.0:{port}. Use each address once"
    assert once in shop.refused("run")


def test_an_address_that_is_not_ours(shop: Shop) -> None:
    change(shop, "listen = []", 'listen = ["192.0.2.1:2525"]')
    assert "192.0.2.1:2525" in findings(shop, 1)["addresses"][0][1]


def test_a_low_port_is_for_the_unit_to_allow(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks is not root and has not the unit's right: that says nothing about the service."""
    monkeypatch.setattr(beforehand, "refusal", lambda _: PermissionError(errno.EACCES, "Permission denied"))
    monkeypatch.setattr(os, "getresuid", lambda: (1000, 1000, 1000))
    change(shop, "listen = []", 'listen = ["0.0.0.0:25"]')
    ((level, text),) = findings(shop)["addresses"]
    assert (level, "CAP_NET_BIND_SERVICE" in text) == ("warning", True)


def test_unix_sockets(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One somebody answers on is taken; one left behind is free; a file is neither."""
    left, alive, file = tmp_path / "left", tmp_path / "alive", tmp_path / "file"
    file.touch()
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind("left")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("alive")
        server.listen()
        change(shop, "[portal]", f'[receive.lmtp]\nlisten = ["unix:{left}", "unix:{alive}", "unix:{file}"]\n[portal]')
        levels = [level for level, _ in findings(shop, 1)["addresses"]]
    assert levels == ["ok", "error", "error"]


def test_a_unix_socket_with_too_long_a_path(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / ("x" * 100)).mkdir()
    change(shop, "[portal]", f'[receive.lmtp]\nlisten = ["unix:{tmp_path / ("x" * 100)}/lmtp"]\n[portal]')
    ((level, text),) = findings(shop, 1)["addresses"]
    assert (level, "has at most 107 bytes" in text) == ("error", True)


def test_a_mailbox_nobody_works_for(shop: Shop) -> None:
    """Whoever gets its mail instead is named."""
    change(shop, 'name = "Anna Agent"', 'name = "Anna Agent"\nmailboxes = ["help@example.com"]')
    change(shop, 'name = "Bob Agent"', 'name = "Bob Agent"\nlead = true\nmailboxes = ["help@example.com"]')
    assert not [text for _, text in findings(shop).get("agents", [])]  # By its alias.
    with shop.file.open("a", encoding="utf-8") as file:
        file.write('[[mailboxes]]\naddress = "sales@example.com"\n')
    ((level, text),) = findings(shop)["agents"]
    assert (level, "mailboxes[1].address: no agent works for sales@example.com, so the leads are told" in text) == (
        "warning",
        True,
    )


def test_tickets_of_a_mailbox_that_is_gone(shop: Shop) -> None:
    """They are answered by another one: that may be meant, and is said."""
    change(shop, 'address = "support@example.com"', 'address = "desk@example.com"')
    (_, (level, text)) = findings(shop)["database"]
    assert level == "warning"
    assert "1 open ticket is of support@example.com, which is no mailbox any more: desk@example.com answers" in text


def test_a_relay_that_does_not_answer_is_a_warning(shop: Shop, taken: str) -> None:
    """Mail waits; the daemon can start."""
    change(shop, 'transport = "file"', f'transport = "smtp"\nport = {taken.rpartition(":")[2]}')
    assert findings(shop)["relay"][0][0] == "ok"
    change(shop, f"port = {taken.rpartition(':')[2]}", "port = 1")
    assert findings(shop)["relay"][0][0] == "warning"


def test_authorities_that_cannot_be_used(shop: Shop, taken: str) -> None:
    """Of the relay: the daemon would not start."""
    relay = f'transport = "smtp"\nport = {taken.rpartition(":")[2]}\nsecurity = "starttls"\nca_file = "ca.pem"'
    change(shop, 'transport = "file"', relay)
    ((level, text),) = findings(shop, 1)["relay"]
    assert (level, "send.ca_file: ca.pem cannot be used" in text) == ("error", True)
    trustme.CA().cert_pem.write_to_path(shop.file.parent / "ca.pem")
    assert findings(shop)["relay"][0][0] == "ok"


def test_the_secrets_of_mailboxes(shop: Shop) -> None:
    """Each file a mailbox needs, by its key."""
    box = '[[receive.imap]]\nmailbox = "support@example.com"\nhost = "imap.example.com"\n'
    change(shop, "[portal]", f'{box}password_file = "imap-password"\n[portal]')
    assert "receive.imap[0].password_file" in findings(shop, 1)["secrets"][-1][1]
    (shop.file.parent / "imap-password").write_text("x")
    (shop.file.parent / "imap-password").chmod(0o600)
    assert findings(shop)["secrets"][-1][0] == "ok"


@pytest.mark.parametrize(
    ("tls", "line", "level", "said"),
    [
        (True, "anna@example.com:$argon2id$x", "ok", "1 of the agents may sign in"),
        (True, "left@example.com:$argon2id$x", "warning", "left@example.com can sign in nowhere"),
        (True, "anna@example.com:secret", "error", "line 1 is not address:hash"),
        (False, "anna@example.com:$argon2id$x", "error", "passwords are not taken without TLS"),
    ],
)
def test_agents_who_may_sign_in(shop: Shop, tls: bool, line: str, level: str, said: str) -> None:
    ours = trustme.CA().issue_cert("localhost")
    ours.private_key_and_cert_chain_pem.write_to_path(shop.file.parent / "mx.pem")
    (shop.file.parent / "passwords").write_text(line)
    keys = 'tls_certificate = "mx.pem"\ntls_key = "mx.pem"\n' if tls else ""
    change(shop, "[receive.smtp]", f'[receive.smtp]\n{keys}passwords_file = "passwords"')
    ((found, text),) = findings(shop, 1 if level == "error" else 0)["logins"]
    assert (found, said in text, "secret" in text) == (level, True, False)


@pytest.mark.parametrize(
    ("listen", "proxies", "warned"),
    [("0.0.0.0:0", "", True), ("0.0.0.0:0", '"192.0.2.1"', False), ("127.0.0.1:0", "", False)],
)
def test_balancers_nobody_named(shop: Shop, listen: str, proxies: str, warned: bool) -> None:
    """Whoever reaches the listener could say that he is somebody else; on this machine that is nobody."""
    change(shop, "listen = []", f'listen = ["{listen}"]\nproxy_protocol = true\nproxies = [{proxies}]')
    assert ("balancers" in findings(shop)) is warned


def test_figures_need_an_address_of_their_own(shop: Shop, taken: str) -> None:
    change(shop, "[portal]", f'[metrics]\nlisten = "{taken}"\n[portal]')
    assert f"metrics.listen: {taken}" in findings(shop, 1)["addresses"][0][1]


def test_a_certificate_that_cannot_be_used(shop: Shop) -> None:
    (shop.file.parent / "cert.pem").write_text("no certificate")
    change(shop, "[receive.smtp]", '[receive.smtp]\ntls_certificate = "cert.pem"\ntls_key = "cert.pem"')
    assert "receive.smtp.tls_certificate" in findings(shop, 1)["certificate"][0][1]
    change(shop, '\ntls_certificate = "cert.pem"\ntls_key = "cert.pem"', '\nimplicit_tls_listen = ["127.0.0.1:4650"]')
    assert "is missing" in findings(shop, 1)["certificate"][0][1]


def test_a_database_that_is_down_or_of_another_version(shop: Shop) -> None:
    with shop.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    assert findings(shop)["database"][0][0] == "warning"
    for revision, said in (("9999", "newer Replydesk"), (f"{MOVING}0021", "not finished")):
        with shop.database.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        ((level, text),) = findings(shop, 1)["database"]
        assert (level, said in text) == ("error", True)
        assert said in shop.refused("stats")
    change(shop, shop.database.url, "postgresql+psycopg://replydesk@127.0.0.1:1/replydesk")
    ((level, text),) = findings(shop, 1)["database"]
    assert (level, "127.0.0.1" in text) == ("error", True)


def test_dump_is_what_was_understood(shop: Shop) -> None:
    """TOML that reads back as the same settings, every key of every table in it."""
    dumped = shop.out("check", "--dump")
    again = config.build(tomllib.loads(dumped), shop.file)
    assert again == config.load(shop.file)
    assert "session_hours = 12" in dumped


def test_dump_shows_no_password(shop: Shop) -> None:
    change(shop, shop.database.url, "postgresql+psycopg://replydesk:hunter2@db.example:5432/replydesk")
    dumped = shop.out("check", "--dump")
    assert "hunter2" not in dumped
    assert 'database_url = "postgresql+psycopg://replydesk:***@db.example:5432/replydesk"' in dumped


def test_dump_shows_no_password_behind_the_name(shop: Shop) -> None:
    """Where the database library takes it as well."""
    change(shop, shop.database.url, "postgresql+psycopg:///desk?host=db.example&password=hunter2&sslpassword=hunter3")
    dumped = shop.out("check", "--dump")
    assert 'database_url = "postgresql+psycopg:///desk?host=db.example&password=***&sslpassword=***"' in dumped


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"a": 1, "b": True, "c": "x", "d": [], "e": ["1", "2"]},
        {"a": 'quote " back \\ line\nDEL\x7f tab\t ü 😀 \x01'},
        {"t": {"x": 1, "u": {"y": 2}}, "z": 3},
        {"only": {"inner": {"deep": {"x": 1}}}},
        {"rows": [{"a": 1, "sub": {"b": 2}}, {"a": 3}], "plain": [1, 2], "empty": {}},
    ],
)
def test_toml_reads_back(table: dict[str, Any]) -> None:
    """Whatever is written is what a reader understands."""
    assert tomllib.loads(dumps(table)) == table


def test_a_missing_certificate_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    """Neither a second process nor a database is waited for."""
    data = {
        "mailboxes": [{"address": "support@example.com"}],
        "receive": {"smtp": {"listen": [], "implicit_tls_listen": ["127.0.0.1:0"]}},
        "portal": {"listen": ""},
    }
    with pytest.raises(ConfigError, match="is missing for implicit_tls_listen"):
        beforehand.try_start(config.build(data, tmp_path / "replydesk.toml"), ())

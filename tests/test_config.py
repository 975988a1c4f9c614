"""The settings: each mistake names key, file and remedy; secrets come from files and are never shown."""

from __future__ import annotations

import os
import shutil
import stat
import threading
import tomllib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import Settings
from gateway.config.only_one import only_one
from gateway.core.token import Keys
from gateway.core.window import Budget
from gateway.errors import ConfigError

BOX = {"address": "support@example.com", "reply_address": "support+{token}@example.com"}
PARTS = {"name": "Parts", "counts_as": "waiting_on_us"}
FILE = Path("/etc/replydesk/site.toml")


def build(**tables: Any) -> Settings:
    return config.build({"mailboxes": [BOX], **tables}, FILE)


def written(tmp_path: Path, text: str = "", **files: str) -> Settings:
    for name, content in files.items():
        (tmp_path / name.replace("_", ".")).write_text(content, "utf-8")
    (tmp_path / "site.toml").write_text(f'{text}\n[[mailboxes]]\naddress = "support@example.com"\n', "utf-8")
    return config.load(tmp_path / "site.toml")


# --- mistakes ----------------------------------------------------------------------------------

ANNA, BOB = {"address": "anna@example.com"}, {"address": "bob@example.com"}
MISTAKES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"gatway": {}}, "gatway", "unknown key", "Did you mean 'gateway'?"),
    ({"gateway": {"datadir": "x"}}, "gateway.datadir", "unknown key", "Did you mean 'data_dir'?"),
    ({"gateway": {"xyz": 1}}, "gateway.xyz", "unknown key", "Known here: data_dir, "),
    ({"receive": {"smtp": {"lisen": []}}}, "receive.smtp.lisen", "unknown key", "Did you mean 'listen'?"),
    ({"mailboxes": [BOX | {"adress": "x"}]}, "mailboxes[0].adress", "unknown key", "Did you mean 'address'?"),
    ({"file": "x"}, "file", "unknown key", "Remove it."),
    ({"mailboxes": [{}]}, "mailboxes[0].address", "is missing", "Set it."),
    ({"mailboxes": []}, "mailboxes", "there is none", "Add a [[mailboxes]] table"),
    ({"mailboxes": [BOX, BOX]}, "mailboxes[1].address", "is there twice", "Remove one"),
    ({"mailboxes": [BOX | {"aliases": ["SUPPORT@example.com"]}]}, "mailboxes[0].address", "there twice", "Remove one"),
    ({"mailboxes": [{"address": "nobody"}]}, "mailboxes[0].address", "'nobody' is not an e-mail", "name@example.com"),
    ({"mailboxes": [{"address": "a@b@c"}]}, "mailboxes[0].address", "is not an e-mail", "name@example.com"),
    ({"mailboxes": [{"address": "a@b\nBcc: x@y"}]}, "mailboxes[0].address", "is not an e-mail", "name@example.com"),
    ({"mailboxes": [BOX | {"reply_address": "x@y.example"}]}, "mailboxes[0].reply_address", "{token}", "support+"),
    ({"mailboxes": [BOX | {"language": "sv"}]}, "mailboxes[0].language", "no texts in 'sv'", "en, de"),
    ({"agents": [{"address": "Support@example.com"}]}, "agents[0].address", "is a mailbox", "of their own"),
    ({"agents": [{"address": "support+anna@example.com"}]}, "agents[0].address", "is a mailbox", "of their own"),
    (
        {"mailboxes": [{"address": "a@b.example"}], "agents": [{"address": "a+anna@b.example"}]},
        "agents[0].address",
        "is a mailbox",
        "of their own",
    ),
    ({"agents": [ANNA | {"aliases": ["support@example.com"]}]}, "agents[0].address", "is a mailbox", "of their own"),
    ({"agents": [ANNA | {"mailboxes": ["x@example.com"]}]}, "agents[0].mailboxes", "is no mailbox", "[[mailboxes]]"),
    ({"agents": [ANNA, BOB | {"aliases": ["Anna@example.com"]}]}, "agents[1].address", "is there twice", "Remove one"),
    ({"gateway": {"operator": "support@example.com"}}, "gateway.operator", "one of the mailboxes", "another address"),
    ({"gateway": {"operator": "support+x@example.com"}}, "gateway.operator", "one of the mailboxes", "another address"),
    ({"gateway": {"operator": "root"}}, "gateway.operator", "is not an e-mail address", "name@example.com"),
    ({"gateway": {"public_url": "support.example.com"}}, "gateway.public_url", "is not a web address", "https://"),
    ({"gateway": {"public_url": "https://x.example/?a=b"}}, "gateway.public_url", "is not a web address", "https://"),
    ({"gateway": {"public_url": "https://me:pw@x.example"}}, "gateway.public_url", "a user name or a pass", "https://"),
    ({"gateway": {"default_language": "sv"}}, "gateway.default_language", "no texts in 'sv'", "en, de"),
    ({"gateway": {"timezone": "Berlin"}}, "gateway.timezone", "no time zone 'Berlin'", "Europe/Berlin"),
    ({"gateway": {"timezone": "../etc/passwd"}}, "gateway.timezone", "no time zone", "Europe/Berlin"),
    ({"gateway": {"reference_prefix": "rd-"}}, "gateway.reference_prefix", "'rd-'", "capitals"),
    ({"gateway": {"log_format": "xml"}}, "gateway.log_format", '"xml"', "'text', 'json'"),
    ({"gateway": {"trusted_form_senders": ["x"]}}, "gateway.trusted_form_senders[0]", "not an e-mail", "name@"),
    ({"receive": {"smtp": {"listen": ["2525"]}}}, "receive.smtp.listen[0]", 'not "host:port"', "127.0.0.1:2525"),
    ({"receive": {"smtp": {"listen": ["25:00"]}}}, "receive.smtp.listen[0]", 'not "host:port"', "127.0.0.1:2525"),
    ({"receive": {"smtp": {"listen": ["x:99999"]}}}, "receive.smtp.listen[0]", 'not "host:port"', "[::1]:2525"),
    ({"receive": {"smtp": {"listen": "x:25"}}}, "receive.smtp.listen", "several", '["x:25"]'),
    ({"receive": {"smtp": {"hostname": "a b"}}}, "receive.smtp.hostname", "is not a host name", "mail.example.com"),
    ({"receive": {"smtp": {"tls_key": "k"}}}, "receive.smtp.tls_key", "belong together", "Set both or none."),
    ({"receive": {"smtp": {"max_recipients": 0}}}, "receive.smtp.max_recipients", "0 is too small", "1 or more"),
    ({"send": {"port": 70000}}, "send.port", "70000 is too large", "65535 or less"),
    ({"send": {"port": "25"}}, "send.port", "no whole number", "in digits"),
    ({"send": {"transport": "pigeon"}}, "send.transport", '"pigeon"', "'smtp', 'file'"),
    ({"send": {"username": "x"}}, "send.password_file", "is missing for send.username", "Name the file"),
    ({"send": {"auth": "xoauth2"}}, "send.username", 'is missing for auth = "xoauth2"', "Name the account"),
    ({"send": {"auth": "xoauth2", "username": "x"}}, "send.oauth_token_url", "is missing", "Set it."),
    (
        {"send": {"auth": "xoauth2", "username": "x", "oauth_token_url": "https://t.example", "oauth_client_id": "c"}},
        "send.oauth_client_secret_file",
        "neither it nor",
        "docs/imap.md",
    ),
    ({"portal": {"allow_replies": 1}}, "portal.allow_replies", "1 is neither", "true or false"),
    ({"lifecycle": {"close_after_days": 3}}, "lifecycle.remind_after_days", "not before", "Make it smaller"),
    ({"lifecycle": {"reopen_window_days": -1}}, "lifecycle.reopen_window_days", "-1 is too small", "0 or more"),
    ({"hours": {"days": ["monday"]}}, "hours.days[0]", '"monday"', "'mon', 'tue'"),
    ({"hours": {"days": ["mon"], "open": "9"}}, "hours.open", "'9' is not a time of day", '"09:00"'),
    ({"hours": {"open": "24:00"}}, "hours.open", "'24:00' is not a time of day", '"09:00"'),
    ({"hours": {"days": ["mon"], "open": "17:00"}}, "hours.close", "is not after hours.open", "09:00 and 17:00"),
    ({"hours": {"days": ["mon"], "holidays": ["25.12."]}}, "hours.holidays[0]", "'25.12.' is not a date", "2026-12-25"),
    ({"hours": {"days": ["mon"], "holidays": ["2026-02-30"]}}, "hours.holidays[0]", "not a date", "2026-12-25"),
    ({"hours": {"holidays": ["2026-12-25"]}}, "hours.days", "open on holidays too", "Name the weekdays"),
    ({"digest": {"agents_at": "24:00"}}, "digest.agents_at", "is not a time of day", '"09:00"'),
    ({"digest": {"review_at": "morning"}}, "digest.review_at", "is not a time of day", '"09:00"'),
    ({"statuses": [PARTS | {"name": "Closed"}]}, "statuses[0].name", "is there already", "another name"),
    ({"statuses": [PARTS, PARTS | {"name": "PARTS"}]}, "statuses[1].name", "is there already", "another name"),
    ({"statuses": [PARTS | {"labels": {"de": "Gelöst"}}]}, "statuses[0].labels.de", "is there already", "another name"),
    ({"statuses": [PARTS | {"labels": {"sv": "x"}}]}, "statuses[0].labels.sv", "no texts in 'sv'", "en, de"),
    ({"statuses": [PARTS | {"counts_as": "solved"}]}, "statuses[0].counts_as", '"solved"', "'waiting_on_us'"),
    ({"canary": {"every_minutes": 5}, "send": {"transport": "file"}}, "canary.every_minutes", "come back", "to 0"),
    ({"canary": {"every_minutes": -1}}, "canary.every_minutes", "-1 is too small", "0 or more"),
    ({"retention": {"tickets_mode": "burn"}}, "retention.tickets_mode", '"burn"', "'anonymise', 'delete'"),
    ({"limits": {"automatic_mail": ["5 per day"]}}, "limits.automatic_mail[0]", 'not "count/time"', "5/10m"),
    ({"limits": {"max_message_bytes": 10}}, "limits.max_message_bytes", "10 is too small", "1024 or more"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tables", "key", "problem", "remedy"), MISTAKES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_mistake_names_key_file_and_remedy(tables: dict[str, Any], key: str, problem: str, remedy: str) -> None:
    """One line that tells the operator what to do next."""
    with pytest.raises(ConfigError) as caught:
        build(**tables)
    error = caught.value
    assert error.key == key
    assert problem in error.problem
    assert remedy in error.remedy
    assert str(error).startswith(f"{FILE}: {key}: ")
    assert "\n" not in str(error).replace("\\n", "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"[gateway", "is not valid TOML"), (b"a = 1\na = 2", "is not valid TOML"), (b"\xff", "is not UTF-8 text")],
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes, problem: str) -> None:
    """The file is named, and what is wrong with it."""
    (tmp_path / "site.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        config.load(tmp_path / "site.toml")
    assert str(tmp_path / "site.toml") in str(caught.value)


# --- where it is found ----------------------------------------------------------------------------


def test_the_file_is_given_named_by_the_environment_or_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that order; a file that is named must be there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(config.ENVIRONMENT, raising=False)
    monkeypatch.setattr("gateway.config.reading.DEFAULT_PATHS", ("replydesk.toml", str(tmp_path / "etc.toml")))
    with pytest.raises(ConfigError, match="no configuration found"):
        config.load()
    for name in ("etc", "replydesk", "environment", "given"):
        path = tmp_path / f"{name}.toml"
        path.write_text(f'[gateway]\ndata_dir = "{name}"\n[[mailboxes]]\naddress = "support@example.com"')
        if name == "environment":
            monkeypatch.setenv(config.ENVIRONMENT, str(path))
        found = config.load(path if name == "given" else None)
        assert found.gateway.data_dir == name
    for missing in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match="there is no such file"):
            config.load(missing)


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command was started; absolute ones stay."""
    monkeypatch.chdir("/")
    settings = written(tmp_path, '[gateway]\ntemplates_dir = "words"\n[send]\ndirectory = "out"')
    assert settings.data_dir == tmp_path / "var"
    assert settings.templates_dir == tmp_path / "words"
    assert settings.outgoing_dir == tmp_path / "var" / "out"
    assert settings.path("/srv/x") == Path("/srv/x")
    assert build().templates_dir is None


def test_a_rule_may_name_a_mailbox_by_its_alias() -> None:
    """Whoever works for it works for it by either name."""
    boxes = [{"address": "a@example.com"}, {"address": "b@example.com", "aliases": ["alias@example.com"]}]
    for works, named in (("alias", "b"), ("b", "alias"), ("alias", "alias")):
        agents = [{"address": "bob@example.com", "mailboxes": [f"{works}@example.com"]}]
        rule = {"name": "x", "body": ["a"], "assign": "bob@example.com", "hand_to": f"{named}@example.com"}
        config.build({"mailboxes": boxes, "agents": agents, "rules": [rule]}, Path("x.toml"))
        other = {**rule, "hand_to": "a@example.com"}
        with pytest.raises(ConfigError, match="does not work for a@example"):
            config.build({"mailboxes": boxes, "agents": agents, "rules": [other]}, Path("x.toml"))


def test_the_host_name_is_the_mailboxs_domain_unless_told() -> None:
    """What the greeting says."""
    assert build().hostname == "example.com"
    assert build(receive={"smtp": {"hostname": "mx.example.com"}}).hostname == "mx.example.com"
    assert build(mailboxes=[{"address": "support@bücher.example"}]).hostname == "xn--bcher-kva.example"


def test_mail_of_a_domain_with_umlauts_may_be_signed() -> None:
    """The key's domain is written as the DNS has it."""
    signing = {"domain": "xn--bcher-kva.example", "selector": "a", "key_file": "k"}
    settings = build(mailboxes=[{"address": "support@bücher.example"}], send={"dkim": signing})
    assert settings.send.dkim.domain == "xn--bcher-kva.example"


# --- secrets ----------------------------------------------------------------------------------------


def test_a_secret_is_read_without_its_newline(tmp_path: Path) -> None:
    """Blanks inside it are its own."""
    settings = written(tmp_path, pass_txt=" a b \r\n")
    assert config.read_secret(settings, "send.password_file", "pass.txt") == " a b "


def test_a_secret_comes_from_the_credentials_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd's LoadCredential= comes before a file of that name, which may be root's alone."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "relay").write_text("from systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    settings = written(tmp_path)
    assert config.read_secret(settings, "send.password_file", "relay") == "from systemd"
    (tmp_path / "relay").write_text("beside\n")
    assert config.read_secret(settings, "send.password_file", "relay") == "from systemd"


def test_what_runs_beside_the_service_finds_its_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `check` or a verb in a shell. A file beside the settings that can be read comes first."""
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "relay").write_text("from systemd\n")
    monkeypatch.setattr("gateway.config.secret_files.OF_THE_UNIT", tmp_path / "unit")
    settings = written(tmp_path)
    assert config.read_secret(settings, "send.password_file", "relay") == "from systemd"
    (tmp_path / "relay").write_text("beside\n")
    assert config.read_secret(settings, "send.password_file", "relay") == "beside"
    with pytest.raises(ConfigError, match="LoadCredential"):
        config.read_secret(settings, "send.password_file", "nothing")


@pytest.mark.parametrize(
    ("url", "second", "refused"),
    [
        ("sqlite:///{tmp}/shared.db", "sqlite:///{tmp}/shared.db", True),
        ("sqlite:///{tmp}/shared.db", "sqlite:///{tmp}/link.db", True),
        ("", "sqlite:///{tmp}/a/replydesk.sqlite3", True),
        ("sqlite:///{tmp}/a/own.db", "sqlite:///{tmp}/a/own.db", True),
        ("sqlite:///{tmp}/shared.db", "sqlite:///{tmp}/other.db", False),
        ("", "", False),
        ("postgresql://u@h/x", "postgresql://u@h/x", False),
    ],
)
def test_one_file_has_one_daemon(tmp_path: Path, url: str, second: str, refused: bool) -> None:
    """With a data_dir of its own, too, it would send what the first has claimed; on a server they may share."""
    (tmp_path / "link.db").symlink_to(tmp_path / "shared.db")
    (tmp_path / "a").mkdir()

    def settings(name: str, database: str) -> Settings:
        gateway = {"data_dir": name, "database_url": database.format(tmp=tmp_path)}
        return config.build({"gateway": gateway}, tmp_path / "replydesk.toml")

    told = pytest.raises(ConfigError, match=r"gateway.database_url: another daemon runs on .*use another database_url")
    with only_one(settings("a", url)), told if refused else nullcontext(), only_one(settings("b", second)):
        pass
    with only_one(settings("b", second)):
        pass


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_what_root_locks_is_the_services_afterwards(tmp_path: Path) -> None:
    """Root restores on a new machine, and the service starts."""
    settings = written(tmp_path)
    settings.data_dir.mkdir()
    shutil.chown(settings.data_dir, "nobody")
    with only_one(settings):
        pass
    assert (settings.data_dir / "lock").owner() == "nobody"


def test_a_lock_is_no_link(tmp_path: Path) -> None:
    """What it leads to would be emptied, and by root given to the service."""
    settings, other = written(tmp_path), tmp_path / "shadow"
    settings.data_dir.mkdir()
    other.write_text("root")
    (settings.data_dir / "lock").symlink_to(other)
    with pytest.raises(ConfigError, match=r"gateway\.data_dir"), only_one(settings):
        pass
    assert other.read_text() == "root"


def test_a_service_keeps_its_data_where_systemd_lets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is run beside it with the same file looks there too; a folder that is named counts before all."""
    assert written(tmp_path).data_dir == tmp_path / "var"
    assert config.build({}, Path("/etc/replydesk/replydesk.toml")).data_dir == Path("/var/lib/replydesk")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/private/desk:/var/lib/other")
    assert written(tmp_path).data_dir == Path("/var/lib/private/desk")
    assert config.build({"gateway": {"data_dir": "own"}}, tmp_path / "x.toml").data_dir == tmp_path / "own"


@pytest.mark.parametrize(
    ("listen", "host", "refused"),
    [
        ("0.0.0.0:25", "127.0.0.1", True),
        ("0.0.0.0:25", "mx.example.com", True),
        ("[::]:25", "localhost", True),
        ("127.0.0.1:25", "localhost", True),
        ("192.0.2.1:25", "192.0.2.1", True),
        ("192.0.2.1:25", "127.0.0.1", False),
        ("127.0.0.1:2525", "127.0.0.1", False),
        ("0.0.0.0:25", "relay.example.com", False),
    ],
)
def test_our_own_door_is_no_relay(listen: str, host: str, refused: bool, tmp_path: Path) -> None:
    """Every mail of ours would be refused there for good."""
    data = {"receive": {"smtp": {"listen": [listen], "hostname": "mx.example.com"}}, "send": {"host": host}}
    if refused:
        with pytest.raises(ConfigError, match=r"send\.host: .*:25 is Replydesk itself"):
            config.build(data, tmp_path / "x.toml")
    else:
        config.build(data, tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "No such file"), (b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_secret_that_cannot_be_read(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """Key, file and cause are named."""
    settings = written(tmp_path)
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        config.read_secret(settings, "send.password_file", "x")
    assert "send.password_file" in str(caught.value)
    assert str(tmp_path / "x") in str(caught.value)


def test_the_signing_secret_is_made_once(tmp_path: Path) -> None:
    """At the first start, for the service's user only; ever after it is the same."""
    settings = written(tmp_path)
    keys = config.signing_keys(settings)
    path = tmp_path / "var" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(keys.secret) == 2 * config.SECRET_BYTES
    assert config.signing_keys(settings) == keys
    assert [p.name for p in path.parent.iterdir()] == ["secret"]
    assert config.signing_keys(written(tmp_path / "var", "")) != keys


def test_two_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    """Or half of the marks given out would be nobody's."""
    settings = written(tmp_path)
    found: list[Keys] = []
    threads = [threading.Thread(target=lambda: found.append(config.signing_keys(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 8
    assert len({k.secret for k in found}) == 1


def test_earlier_secrets_are_further_lines(tmp_path: Path) -> None:
    """The first signs, all verify."""
    one, two = "a" * 40, "b" * 40
    settings = written(tmp_path, '[gateway]\nsecret_file = "keys.txt"', keys_txt=f"{one}\n\n  {two}\n")
    assert config.signing_keys(settings) == Keys(one.encode(), (two.encode(),))


@pytest.mark.parametrize("content", ["short", "a" * 40 + "\nshort", "   \n"])
def test_a_short_secret_is_refused(tmp_path: Path, content: str) -> None:
    """With the command that makes a good one; what was there is not repeated."""
    settings = written(tmp_path, '[gateway]\nsecret_file = "keys.txt"', keys_txt=content)
    with pytest.raises(ConfigError, match="token_hex") as caught:
        config.signing_keys(settings)
    assert "short\n" not in str(caught.value)
    assert "a" * 40 not in str(caught.value)


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "var").write_text("")
    with pytest.raises(ConfigError, match=r"gateway\.data_dir") as caught:
        config.signing_keys(written(tmp_path))
    assert "cannot be written" in str(caught.value)


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    """Neither settings nor policy hold one, however they are printed."""
    settings = written(
        tmp_path,
        '[gateway]\ndatabase_url = "postgresql+psycopg://u@h/n"\ndatabase_password_file = "pw.txt"',
        pw_txt="hunter2",
    )
    keys = config.signing_keys(settings)
    shown = f"{settings!r} {settings} {settings.model_dump()} {keys!r} {keys} {config.policy(settings, keys)!r}"
    assert keys.secret.decode() not in shown
    assert "hunter2" not in shown


# --- the database's address ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("postgresql+psycopg://user@db.example/desk", "postgresql+psycopg://user:p%40%2F%3A%25@db.example/desk"),
        ("postgresql+psycopg://user:old@db:5433/desk?sslmode=require",
         "postgresql+psycopg://user:p%40%2F%3A%25@db:5433/desk?sslmode=require"),
        ("postgresql+psycopg://us%40er@[::1]/desk", "postgresql+psycopg://us%40er:p%40%2F%3A%25@[::1]/desk"),
    ],
)  # fmt: skip
def test_the_password_is_put_into_the_url(tmp_path: Path, url: str, whole: str) -> None:
    """Quoted, whatever signs it has."""
    text = f'[gateway]\ndatabase_url = "{url}"\ndatabase_password_file = "pw.txt"'
    assert config.database_url(written(tmp_path, text, pw_txt="p@/:%\n")) == whole


def test_without_a_password_file_the_url_is_as_written(tmp_path: Path) -> None:
    """Empty means SQLite."""
    assert config.database_url(build()) == ""
    text = '[gateway]\ndatabase_url = "postgresql+psycopg://desk"\ndatabase_password_file = "pw.txt"'
    with pytest.raises(ConfigError, match="names no user"):
        config.database_url(written(tmp_path, text, pw_txt="x"))


# --- what the core is told ------------------------------------------------------------------------------


def test_the_policy_is_what_the_file_says() -> None:
    """Mailboxes, agents, budgets and own addresses, in the core's own words."""
    settings = build(
        mailboxes=[
            BOX | {"name": "Desk", "aliases": ["Help@example.com"]},
            {"address": "de@example.de", "language": "de"},
        ],
        agents=[{"address": "anna@example.com", "name": "Anna", "lead": True, "mailboxes": ["Support@example.com"]}],
        limits={"automatic_mail": ["5/10m", "6/2h"], "new_tickets": ["7/3d"], "reopens": []},
        lifecycle={"reopen_window_days": 5},
    )
    policy = config.policy(settings, Keys(b"x" * 32))
    assert [(b.address, b.language) for b in policy.mailboxes] == [
        ("support@example.com", "en"),
        ("de@example.de", "de"),
    ]
    assert policy.own_addresses == {"support@example.com", "help@example.com", "de@example.de"}
    assert policy.acknowledgement_budgets == (Budget(5, 10), Budget(6, 120))
    assert (policy.new_ticket_budgets, policy.reopen_budgets) == ((Budget(7, 3 * 24 * 60),), ())
    assert [a.name for a in policy.agents_for("support@example.com")] == ["Anna"]
    assert [a.name for a in policy.agents_for("de@example.de")] == ["Anna"]  # Nobody works for it: the lead.
    assert policy.reopen_window_days == 5


def test_the_settings_cannot_be_changed() -> None:
    """What was checked is what runs."""
    with pytest.raises(Exception, match="frozen"):
        build().gateway.data_dir = "x"  # type: ignore[misc]


def test_the_example_is_valid() -> None:
    """A start for everybody."""
    path = Path(__file__).parents[1] / "config.example.toml"
    assert config.load(path) == config.build(tomllib.loads(path.read_text("utf-8")), path)


def test_what_is_handed_to_another_process_is_the_same(tmp_path: Path) -> None:
    """Whatever kind of value it is, and also when the file says something else by then."""
    file = tmp_path / "replydesk.toml"
    file.write_text(
        '[[mailboxes]]\naddress = "Hilfe@bücher.example"\nname = "Hilfe"\n'
        '[[agents]]\naddress = "anna@bücher.example"\nname = "Ännchen"\n'
        '[hours]\ndays = ["mon"]\nholidays = ["2026-12-25"]\n'
        '[[rules]]\nname = "Late"\nsubject = ["invoice"]\n'
        'header = { X-Priority = "1" }\nabout = "any"\ntag = ["money"]\n'
        '[limits]\nautomatic_mail = ["3/1h"]\n[send]\ntransport = "file"\n',
        "utf-8",
    )
    settings = config.load(file)
    said = config.to_hand_over(settings)
    file.write_text("[half", "utf-8")
    assert config.handed_over(said, file) == settings

"""Reading the settings, with errors that help.

A wrong key names key, file and remedy. Secrets come from files or from $CREDENTIALS_DIRECTORY,
never from the command line, and are never shown. The keys themselves are in `settings`.
"""

from __future__ import annotations

import difflib
import os
import secrets
import tomllib
from collections.abc import Sequence
from datetime import date, time
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from gateway import texts
from gateway.config.settings import BUDGET, ImapSettings, SendSettings, Settings
from gateway.core.commands import STATUS_WORDS
from gateway.core.hours import Hours
from gateway.core.lifecycle import Status
from gateway.core.policy import Agent, Mailbox, Policy, SiteStatus
from gateway.core.token import Keys
from gateway.core.window import Budget
from gateway.errors import ConfigError
from gateway.mail.message import address_key

__all__ = [
    "Settings",
    "agent_addresses",
    "build",
    "database_url",
    "hours",
    "load",
    "policy",
    "read_secret",
    "signing_keys",
]

ENVIRONMENT = "REPLYDESK_CONFIG"
DEFAULT_PATHS = ("replydesk.toml", "/etc/replydesk/replydesk.toml")
SECRET_BYTES = 32
_MINUTES = {"m": 1, "h": 60, "d": 1440}


def load(path: str | Path | None = None) -> Settings:
    """Read the settings. Raises `ConfigError` for the first thing that is wrong."""
    file = _find(path)
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            "", f"cannot be read ({error.strerror})", "Check its path and permissions.", str(file)
        ) from None
    except UnicodeDecodeError:
        raise ConfigError("", "is not UTF-8 text", "Save it as UTF-8.", str(file)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("", f"is not valid TOML: {error}", "Correct that line.", str(file)) from None
    return build(data, file)


def build(data: dict[str, Any], file: Path) -> Settings:
    """Settings from parsed TOML; `file` is named in errors and is what paths are relative to."""
    if "file" in data:
        raise ConfigError("file", "unknown key", "Remove it.", str(file))
    # Before all else, for settings name languages.
    texts.use(_templates_dir(data, file))
    try:
        settings = Settings(**data, file=file.absolute())
    except ValidationError as error:
        raise _explained(error, file) from None
    _cross_check(settings)
    return settings


def _templates_dir(data: dict[str, Any], file: Path) -> Path | None:
    """Of settings that are not checked yet."""
    gateway = data.get("gateway")
    given = gateway.get("templates_dir") if isinstance(gateway, dict) else None
    return file.absolute().parent / given if given and isinstance(given, str) else None


def _find(path: str | Path | None) -> Path:
    given = path or os.environ.get(ENVIRONMENT)
    if given:
        file = Path(given)
        if not file.is_file():
            raise ConfigError(
                "", "there is no such file", "Give --config FILE; config.example.toml is a start.", str(file)
            )
        return file
    for candidate in DEFAULT_PATHS:
        if Path(candidate).is_file():
            return Path(candidate)
    raise ConfigError(
        "", f"no configuration found in {' or '.join(DEFAULT_PATHS)}", f"Give --config FILE or set {ENVIRONMENT}."
    )


def _explained(error: ValidationError, file: Path) -> ConfigError:
    first = error.errors(include_url=False)[0]
    key = _key(first["loc"])
    said = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        name, known = str(first["loc"][-1]), _keys_at(first["loc"][:-1])
        near = difflib.get_close_matches(name, known, 1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        return ConfigError(key, "unknown key", remedy, str(file))
    if first["type"] == "missing":
        return ConfigError(key, "is missing", "Set it.", str(file))
    problem, _, remedy = said.partition("|")
    shown = "" if remedy or isinstance(first["input"], dict | list) else f" (it is {first['input']!r})"
    return ConfigError(key, problem + shown, remedy or "See config.example.toml.", str(file))


def _key(location: Sequence[int | str]) -> str:
    """`mailboxes[0].address` from pydantic's location."""
    out = ""
    for part in location:
        if part == "[key]":  # pydantic's word for what is wrong with a key of a table itself
            continue
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def _keys_at(location: Sequence[int | str]) -> list[str]:
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue
        kind = model.model_fields[part].annotation
        model = kind if isinstance(kind, type) else kind.__args__[0]
    return [name for name in model.model_fields if name != "file"]


def _cross_check(settings: Settings) -> None:
    """What no single key can tell."""
    if not settings.mailboxes:
        raise settings.error("mailboxes", "there is none", "Add a [[mailboxes]] table with the support address.")
    own: dict[str, str] = {}
    for n, box in enumerate(settings.mailboxes):
        for address in (box.address, *box.aliases):
            if address_key(address) in own:
                raise settings.error(f"mailboxes[{n}].address", f"{address} is there twice", "Remove one of them.")
            own[address_key(address)] = box.address
    is_own = policy(settings, Keys(b"")).is_own
    if settings.gateway.operator and is_own(settings.gateway.operator):
        raise settings.error(
            "gateway.operator", "is one of the mailboxes", "Alarms would become tickets; use another address."
        )
    people: set[str] = set()
    for n, agent in enumerate(settings.agents):
        for address in (agent.address, *agent.aliases):
            if address_key(address) in people:
                raise settings.error(f"agents[{n}].address", f"{address} is there twice", "Remove one of them.")
            people.add(address_key(address))
            if is_own(address):
                raise settings.error(
                    f"agents[{n}].address", f"{address} is a mailbox", "Agents need addresses of their own."
                )
        for box_address in agent.mailboxes:
            if address_key(box_address) not in own:
                raise settings.error(
                    f"agents[{n}].mailboxes", f"{box_address} is no mailbox", "Name one of [[mailboxes]]."
                )
    if settings.hours.holidays and not settings.hours.days:
        raise settings.error(
            "hours.days", "is empty, so it is open on holidays too", 'Name the weekdays, e.g. ["mon", "tue"].'
        )
    if settings.hours.days and settings.hours.open >= settings.hours.close:
        raise settings.error("hours.close", "is not after hours.open", "Set both, such as 09:00 and 17:00.")
    for n, status in enumerate(settings.statuses):
        before = {w.casefold() for s in settings.statuses[:n] for w in (s.name, *s.labels.values())}
        if status.name.casefold() in STATUS_WORDS or status.name.casefold() in before:
            raise settings.error(f"statuses[{n}].name", f"{status.name!r} is there already", "Choose another name.")
        for language, label in status.labels.items():
            if label.casefold() in STATUS_WORDS or label.casefold() in before:
                key = f"statuses[{n}].labels.{language}"
                raise settings.error(key, f"{label!r} is there already", "Choose another name.")
    life = settings.lifecycle
    if life.waiting_solved_after_days and life.waiting_remind_after_days >= life.waiting_solved_after_days:
        raise settings.error(
            "lifecycle.waiting_remind_after_days",
            "is not before waiting_solved_after_days",
            "Make it smaller, or 0 for no reminder.",
        )
    if life.close_after_days and life.remind_after_days >= life.close_after_days:
        raise settings.error(
            "lifecycle.remind_after_days", "is not before close_after_days", "Make it smaller, or 0 for no reminder."
        )
    if settings.canary.every_minutes and settings.send.transport == "file":
        raise settings.error(
            "canary.every_minutes",
            'is set, but send.transport = "file" sends nothing that could come back',
            "Set it to 0.",
        )
    if bool(settings.receive.smtp.tls_certificate) != bool(settings.receive.smtp.tls_key):
        raise settings.error("receive.smtp.tls_key", "certificate and key belong together", "Set both or none.")
    _check_imap(settings, set(own))
    send = settings.send
    if send.auth == "xoauth2":
        if not send.username:
            raise settings.error("send.username", 'is missing for auth = "xoauth2"', "Name the account that sends.")
        _check_oauth(settings, "send", send)
    elif send.username and not send.password_file:
        raise settings.error("send.password_file", "is missing for send.username", "Name the file with the password.")


def _check_imap(settings: Settings, own: set[str]) -> None:
    seen: set[str] = set()
    for n, account in enumerate(settings.receive.imap):
        key, name = f"receive.imap[{n}]", address_key(account.mailbox)
        if name not in own:
            raise settings.error(f"{key}.mailbox", f"{account.mailbox} is no mailbox", "Name one of [[mailboxes]].")
        if name in seen:
            raise settings.error(
                f"{key}.mailbox", f"{account.mailbox} is there twice", "Name one of its aliases for a second account."
            )
        seen.add(name)
        if account.auth == "xoauth2":
            _check_oauth(settings, key, account)
        elif not account.password_file:
            raise settings.error(f"{key}.password_file", f'is missing for auth = "{account.auth}"', "Set it.")
        folders = [account.folder, *([account.move_to] if account.after == "move" else []), account.sent_folder]
        used = [folder.casefold() for folder in folders if folder]
        if len(used) != len(set(used)):
            raise settings.error(f"{key}.folder", "is named for two purposes", "Use different folders.")


def _check_oauth(settings: Settings, key: str, account: ImapSettings | SendSettings) -> None:
    for field in ("oauth_token_url", "oauth_client_id"):
        if not getattr(account, field):
            raise settings.error(f"{key}.{field}", 'is missing for auth = "xoauth2"', "Set it.")
    if not (account.oauth_client_secret_file or account.oauth_refresh_token_file):
        raise settings.error(
            f"{key}.oauth_client_secret_file", "neither it nor oauth_refresh_token_file is set", "See docs/imap.md."
        )


# --- secrets -----------------------------------------------------------------------------


def read_secret(settings: Settings, key: str, value: str) -> str:
    """The content of a secret's file, without the newline at its end."""
    path = settings.path(value)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and not path.exists() and (Path(credentials) / value).exists():
        path = Path(credentials) / value
    try:
        found = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "not UTF-8 text"
        raise settings.error(
            key, f"{path} cannot be read ({cause})", "Make it readable for the service's user."
        ) from None
    if not found:
        raise settings.error(key, f"{path} is empty", "Put the secret into it.")
    return found


def signing_keys(settings: Settings) -> Keys:
    """The signing secret; made at the first start when no file is named. Further lines are earlier secrets."""
    name = settings.gateway.secret_file
    if not name:
        path = settings.data_dir / "secret"
        if not path.exists():
            _make_secret(settings, path)
        name = str(path)
    lines = [line.strip() for line in read_secret(settings, "gateway.secret_file", name).splitlines() if line.strip()]
    if not lines or any(len(line) < SECRET_BYTES for line in lines):
        raise settings.error(
            "gateway.secret_file",
            f"a secret is shorter than {SECRET_BYTES} characters",
            "Make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        )
    return Keys(lines[0].encode(), tuple(line.encode() for line in lines[1:]))


def _make_secret(settings: Settings, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole or not at all: a half-written secret would orphan every mark given out under it.
        temporary = path.with_suffix(f".{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    except OSError as error:
        raise settings.error(
            "gateway.data_dir",
            f"{path.parent} cannot be written ({error.strerror})",
            "Create it for the service's user.",
        ) from None


def database_url(settings: Settings) -> str:
    """The URL with the password from its file put in."""
    url = settings.gateway.database_url
    if not settings.gateway.database_password_file:
        return url
    password = read_secret(settings, "gateway.database_password_file", settings.gateway.database_password_file)
    parts = urlsplit(url)
    if not parts.username:
        raise settings.error(
            "gateway.database_url", "names no user for the password", "Write postgresql+psycopg://user@host/name."
        )
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(
        netloc=f"{quote(unquote(parts.username), safe='')}:{quote(password, safe='')}@{host}"
    ).geturl()


# --- for the pure core -------------------------------------------------------------------


def policy(settings: Settings, keys: Keys) -> Policy:
    """What the core may know of the settings."""
    gateway, limits, life = settings.gateway, settings.limits, settings.lifecycle
    return Policy(
        keys=keys,
        mailboxes=tuple(
            Mailbox(
                b.address,
                b.name,
                b.language or gateway.default_language,
                b.reply_address,
                b.signature,
                tuple(b.aliases),
                b.first_response_hours,
                b.next_response_hours,
            )
            for b in settings.mailboxes
        ),
        agents=tuple(
            Agent(a.address, a.name, a.lead, tuple(a.mailboxes), tuple(a.aliases), a.language, a.signature)
            for a in settings.agents
        ),
        default_language=gateway.default_language,
        languages=texts.languages(),
        public_url=gateway.public_url,
        operator=gateway.operator,
        reference_prefix=gateway.reference_prefix,
        trusted_authserv_ids=tuple(gateway.trusted_authserv_ids),
        trusted_form_senders=tuple(gateway.trusted_form_senders),
        reopen_window_days=life.reopen_window_days,
        close_after_days=life.close_after_days,
        remind_after_days=life.remind_after_days,
        link_days=settings.portal.link_days,
        null_reverse_path=settings.send.null_reverse_path,
        acknowledgement_budgets=_budgets(limits.automatic_mail),
        new_ticket_budgets=_budgets(limits.new_tickets),
        reopen_budgets=_budgets(limits.reopens),
        notify_customers_of_status=life.notify_customers_of_status,
        hold_minutes=settings.send.hold_minutes,
        hours=hours(settings),
        business_days=life.count == "business",
        waiting_remind_after_days=life.waiting_remind_after_days,
        waiting_solved_after_days=life.waiting_solved_after_days,
        rating_after_hours=settings.rating.after_hours,
        rating_scale=settings.rating.scale,
        rating_change_days=settings.rating.change_days,
        statuses=tuple(
            SiteStatus(s.name, Status(s.counts_as), dict(s.labels), dict(s.meanings)) for s in settings.statuses
        ),
        own_addresses=frozenset(address_key(a) for b in settings.mailboxes for a in (b.address, *b.aliases)),
    )


def agent_addresses(settings: Settings) -> list[str]:
    """Every address an agent may write from."""
    return [address for agent in settings.agents for address in (agent.address, *agent.aliases)]


def hours(settings: Settings) -> Hours:
    """The business calendar."""
    h = settings.hours
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return Hours(
        ZoneInfo(settings.gateway.timezone),
        frozenset(names.index(d) for d in h.days),
        time.fromisoformat(h.open),
        None if h.close == "24:00" else time.fromisoformat(h.close),
        frozenset(date.fromisoformat(d) for d in h.holidays),
    )


def _budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    found = (BUDGET.fullmatch(text) for text in texts)
    return tuple(Budget(int(m[1]), int(m[2]) * _MINUTES[m[3]]) for m in found if m)

"""The shape of the settings: every key, its type and its default, in the order of config.example.toml.

A value that cannot be meant raises here with what is wrong, a bar, and the remedy; `config` makes
the sentence for the operator of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gateway import texts
from gateway.config.lines import line_of
from gateway.errors import ConfigError

_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
_LISTEN = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):(\d{1,5})")
_SYSTEM = Path("/etc/replydesk")
BUDGET = re.compile(r"(\d{1,6})/(\d{1,6})([mhd])")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError(f"{value!r} is not an e-mail address|Write it as name@example.com.")
    return value


def _listen(value: str) -> str:
    m = _LISTEN.fullmatch(value)
    if value and (not m or int(m[2]) > 65535):
        raise ValueError(f'{value!r} is not "host:port"|Write it as "127.0.0.1:2525", or "[::1]:2525" for IPv6.')
    return value


def _listen_or_path(value: str) -> str:
    return value if value.startswith("unix:/") else _listen(value)


def _language(value: str) -> str:
    if value and value not in texts.languages():
        raise ValueError(f"there are no texts in {value!r}|Use one of: {', '.join(texts.languages())}.")
    return value


def _budget(value: str) -> str:
    if not BUDGET.fullmatch(value):
        raise ValueError(f'{value!r} is not "count/time"|Write it as "5/10m", "20/1h" or "100/1d".')
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no time zone {value!r}|Use a name such as Europe/Berlin.") from None
    return value


def _clock(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f'{value!r} is not a time of day|Write it as "09:00".')
    return value


def _closing(value: str) -> str:
    return value if value == "24:00" else _clock(value)


def _optional_clock(value: str) -> str:
    return _clock(value) if value else value


def _written_out(value: object) -> object:
    """TOML has dates of its own; both spellings mean the same."""
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def _date(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError(f'{value!r} is not a date|Write it as "2026-12-25".') from None
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise ValueError(f"{value!r} is not a web address|Write it as https://support.example.com.")
    return value.rstrip("/")


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f'{value!r} is no address or network|Write it as "192.0.2.7" or "10.0.0.0/8".') from None
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9]{0,9}", value):
        raise ValueError(f'{value!r} is no prefix|Write one to ten capitals and digits, a capital first: "RD".')
    return value


def _reply_address(value: str) -> str:
    if value and (value.count("{token}") != 1 or not _ADDRESS.fullmatch(value.replace("{token}", "t"))):
        raise ValueError(f"{value!r} is not an address with {{token}}|Write it as support+{{token}}@example.com.")
    return value


_TOO_LIGHT = 0.3
"""Above it the contrast to white falls below 3 to 1 (WCAG 2.2, 1.4.11)."""


def brightness(colour: str) -> float:
    """Relative luminance of `#rrggbb` as WCAG 2.2 defines it: 0 black, 1 white."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colour(value: str) -> str:
    if value and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError(f'{value!r} is not a colour|Write it as "#0a58ca".')
    if value and brightness(value) > _TOO_LIGHT:
        raise ValueError(f"{value!r} is too light to be seen on white|Use a darker shade of it.")
    return value


def _logo(value: str) -> str:
    if value and not re.search(r"(?i)\.(png|jpg|svg|webp)$", value):
        raise ValueError(f"{value!r} is no picture that mails and pages can show|Use a .png, .jpg, .svg or .webp file.")
    return value


def _hostname(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value):
        raise ValueError(f"{value!r} is not a host name|Write it as mail.example.com.")
    return value


EmailAddress = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(lambda v: _address(v) if v else v)]
Listen = Annotated[str, AfterValidator(_listen)]
OptionalUrl = Annotated[str, AfterValidator(lambda v: _url(v) if v else v)]
Language = Annotated[str, AfterValidator(_language)]
BudgetText = Annotated[str, AfterValidator(_budget)]
Network = Annotated[str, AfterValidator(_network)]
Hostname = Annotated[str, AfterValidator(_hostname)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class GatewaySettings(_Section):
    data_dir: str = ""
    database_url: str = ""
    database_password_file: str = ""
    public_url: Annotated[str, AfterValidator(_url)] = "http://127.0.0.1:8025"
    default_language: Annotated[str, AfterValidator(_language)] = "en"
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    secret_file: str = ""
    operator: OptionalAddress = ""
    reference_prefix: Annotated[str, AfterValidator(_prefix)] = "RD"
    templates_dir: str = ""
    trusted_authserv_ids: list[str] = []
    trusted_form_senders: list[EmailAddress] = []
    trusted_spam_fields: list[str] = []
    log_format: Literal["text", "json"] = "text"
    processes: Literal["auto", 1] = "auto"


class MailboxSettings(_Section):
    address: EmailAddress
    name: str = ""
    language: Language = ""
    reply_address: Annotated[str, AfterValidator(_reply_address)] = ""
    aliases: list[EmailAddress] = []
    signature: str = ""
    first_response_hours: NotNegative = 0
    next_response_hours: NotNegative = 0
    assign: Literal["nobody", "round_robin", "least_open"] = "nobody"
    announce: Literal["team", "assignee", "board", "digest"] = "team"


class StatusSettings(_Section):
    name: Annotated[str, Field(min_length=1, max_length=40)]
    counts_as: Literal["waiting_on_us", "waiting_on_contact"]
    labels: dict[Language, Annotated[str, Field(min_length=1, max_length=40)]] = {}
    meanings: dict[Language, Annotated[str, Field(min_length=1)]] = {}


class AgentSettings(_Section):
    address: EmailAddress
    name: str = ""
    lead: bool = False
    mailboxes: list[EmailAddress] = []
    aliases: list[EmailAddress] = []
    language: Language = ""
    signature: str = ""


class SmtpSettings(_Section):
    listen: list[Listen] = ["127.0.0.1:2525"]
    hostname: Hostname = ""
    tls_certificate: str = ""
    tls_key: str = ""
    implicit_tls_listen: list[Listen] = []
    passwords_file: str = ""
    verify_senders: bool = False
    max_recipients: Positive = 100
    timeout_seconds: Positive = 300
    connections_per_ip: Positive = 50
    max_connections: Positive = 500
    proxy_protocol: bool = False
    proxies: list[Network] = []


class LmtpSettings(_Section):
    listen: list[Annotated[str, AfterValidator(_listen_or_path)]] = []
    proxy_protocol: bool = False
    proxies: list[Network] = []


class ImapSettings(_Section):
    mailbox: EmailAddress
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    security: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str = ""
    username: str = ""
    auth: Literal["login", "plain", "xoauth2"] = "login"
    password_file: str = ""
    oauth_token_url: OptionalUrl = ""
    oauth_client_id: str = ""
    oauth_client_secret_file: str = ""
    oauth_refresh_token_file: str = ""
    oauth_scope: str = ""
    folder: Annotated[str, Field(min_length=1)] = "INBOX"
    backlog: Literal["new", "all", "none"] = "new"
    after: Literal["move", "flag", "leave"] = "move"
    move_to: Annotated[str, Field(min_length=1)] = "Replydesk"
    sent_folder: str = ""
    idle: bool = True
    poll_seconds: Positive = 60
    alarm_after_minutes: Positive = 15


class ReceiveSettings(_Section):
    smtp: SmtpSettings = SmtpSettings()
    lmtp: LmtpSettings = LmtpSettings()
    imap: list[ImapSettings] = []


class DkimSettings(_Section):
    domain: Hostname = ""
    selector: str = ""
    key_file: str = ""


class SendSettings(_Section):
    dkim: DkimSettings = DkimSettings()
    transport: Literal["smtp", "file"] = "smtp"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    security: Literal["none", "starttls", "tls"] = "none"
    ca_file: str = ""
    username: str = ""
    auth: Literal["password", "xoauth2"] = "password"
    password_file: str = ""
    oauth_token_url: OptionalUrl = ""
    oauth_client_id: str = ""
    oauth_client_secret_file: str = ""
    oauth_refresh_token_file: str = ""
    oauth_scope: str = ""
    directory: str = "outgoing"
    hostname: Hostname = ""
    connections: Annotated[int, Field(ge=1, le=100)] = 6
    timeout_seconds: Positive = 60
    give_up_after_hours: Positive = 120
    null_reverse_path: bool = True
    hold_minutes: Annotated[int, Field(ge=0, le=1440)] = 0
    max_attachment_bytes: NotNegative = 15728640


class PortalSettings(_Section):
    listen: Listen = "127.0.0.1:8025"
    allow_replies: bool = False
    session_hours: Positive = 12
    session_idle_minutes: Positive = 120
    link_days: Positive = 30
    trusted_proxies: list[Network] = []


class BrandSettings(_Section):
    name: str = ""
    colour: Annotated[str, AfterValidator(_colour)] = ""
    logo_file: Annotated[str, AfterValidator(_logo)] = ""
    imprint: str = ""


class HoursSettings(_Section):
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    open: Annotated[str, AfterValidator(_clock)] = "09:00"
    close: Annotated[str, AfterValidator(_closing)] = "17:00"
    holidays: list[Annotated[str, BeforeValidator(_written_out), AfterValidator(_date)]] = []


class LifecycleSettings(_Section):
    count: Literal["calendar", "business"] = "calendar"
    close_after_days: NotNegative = 7
    remind_after_days: NotNegative = 3
    waiting_remind_after_days: NotNegative = 0
    waiting_solved_after_days: NotNegative = 0
    reopen_window_days: NotNegative = 0
    notify_customers_of_status: bool = True
    answering_assigns: bool = True


class DigestSettings(_Section):
    agents_at: Annotated[str, AfterValidator(_optional_clock)] = "07:30"
    review_at: Annotated[str, AfterValidator(_optional_clock)] = "07:30"


class RatingSettings(_Section):
    after_hours: NotNegative = 0
    scale: Literal["five", "two"] = "five"
    change_days: Positive = 14


class RetentionSettings(_Section):
    tickets_days: NotNegative = 0
    tickets_mode: Literal["anonymise", "delete"] = "anonymise"
    raw_days: NotNegative = 0
    held_days: NotNegative = 0
    outbox_days: NotNegative = 0


class CanarySettings(_Section):
    every_minutes: NotNegative = 0
    alarm_after_minutes: Positive = 15


class LimitsSettings(_Section):
    max_message_bytes: Annotated[int, Field(ge=1024)] = 26214400
    automatic_mail: list[BudgetText] = ["5/10m", "20/1d"]
    automatic_mail_domain: list[BudgetText] = ["200/1h", "600/1d"]
    automatic_mail_total: list[BudgetText] = ["5000/1h"]
    alike_mails: list[BudgetText] = ["10/1h"]
    new_tickets: list[BudgetText] = ["20/1h"]
    reopens: list[BudgetText] = ["10/1h"]
    parse_seconds: Positive = 20
    memory_bytes: Annotated[int, Field(ge=4194304)] = 67108864


class MetricsSettings(_Section):
    listen: Listen = ""


class Settings(_Section):
    """The whole file. Paths inside are relative to the folder it lies in."""

    gateway: GatewaySettings = GatewaySettings()
    mailboxes: list[MailboxSettings] = [MailboxSettings(address="support@example.com", name="Example Support")]
    agents: list[AgentSettings] = []
    receive: ReceiveSettings = ReceiveSettings()
    send: SendSettings = SendSettings()
    portal: PortalSettings = PortalSettings()
    brand: BrandSettings = BrandSettings()
    hours: HoursSettings = HoursSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()
    statuses: list[StatusSettings] = []
    digest: DigestSettings = DigestSettings()
    rating: RatingSettings = RatingSettings()
    retention: RetentionSettings = RetentionSettings()
    canary: CanarySettings = CanarySettings()
    limits: LimitsSettings = LimitsSettings()
    metrics: MetricsSettings = MetricsSettings()
    file: Annotated[Path, Field(exclude=True)] = Path("replydesk.toml")

    def path(self, value: str) -> Path:
        """A path of the file, made absolute."""
        return (self.file.parent / value).absolute()

    @property
    def data_dir(self) -> Path:
        if self.gateway.data_dir:
            return self.path(self.gateway.data_dir)
        given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
        if given or self.file.parent == _SYSTEM:
            # The service may write nowhere else, and what an operator runs beside it must look there too.
            return Path(given or "/var/lib/replydesk")
        return self.path("var")

    @property
    def templates_dir(self) -> Path | None:
        return self.path(self.gateway.templates_dir) if self.gateway.templates_dir else None

    @property
    def outgoing_dir(self) -> Path:
        return self.data_dir / self.send.directory

    @property
    def hostname(self) -> str:
        """Our name in greetings and trace lines."""
        return self.receive.smtp.hostname or self.mailboxes[0].address.rpartition("@")[2]

    def listens(self) -> Iterator[tuple[str, str]]:
        """Every address the daemon listens on, after the key that names it."""
        smtp = self.receive.smtp
        yield from (("receive.smtp.listen", address) for address in smtp.listen)
        yield from (("receive.smtp.implicit_tls_listen", address) for address in smtp.implicit_tls_listen)
        yield from (("receive.lmtp.listen", address) for address in self.receive.lmtp.listen)
        for key, address in (("portal.listen", self.portal.listen), ("metrics.listen", self.metrics.listen)):
            if address:
                yield key, address

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(key, problem, remedy, str(self.file), line_of(self.file, key))


def host_and_port(address: str) -> tuple[str, int]:
    """Of `host:port` or `[host]:port`, without the brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)

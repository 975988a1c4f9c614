"""The shape of the settings: every key, its type and its default, in the order of config.example.toml.

A value that cannot be meant raises here with what is wrong, a bar, and the remedy; `config` makes
the sentence for the operator of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from gateway.config.lines import line_of
from gateway.config.values import (
    BudgetText,
    Door,
    EmailAddress,
    FieldName,
    Hostname,
    Language,
    Listen,
    NamedLanguage,
    Network,
    NotNegative,
    OptionalAddress,
    OptionalUrl,
    OwnServer,
    Pattern,
    Positive,
    Server,
    checked_anything,
    checked_clock,
    checked_closing,
    checked_colour,
    checked_database_url,
    checked_date,
    checked_language,
    checked_lmtp_door,
    checked_logo,
    checked_optional_clock,
    checked_prefix,
    checked_processes,
    checked_reply_address,
    checked_timezone,
    checked_url,
    checked_written_out,
)
from gateway.errors import ConfigError
from gateway.mail.message import ascii_domain

_SYSTEM = Path("/etc/replydesk")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @field_validator("*")
    @classmethod
    def _sane(cls, value: object, info: ValidationInfo) -> object:
        checked_anything(info.field_name or "", value)
        return value


class GatewaySettings(_Section):
    data_dir: str = ""
    database_url: Annotated[str, AfterValidator(checked_database_url)] = ""
    database_password_file: str = ""
    public_url: Annotated[str, AfterValidator(checked_url)] = "http://127.0.0.1:8025"
    default_language: Annotated[str, AfterValidator(checked_language)] = "en"
    languages: list[NamedLanguage] = []
    timezone: Annotated[str, AfterValidator(checked_timezone)] = "UTC"
    secret_file: str = ""
    operator: OptionalAddress = ""
    reference_prefix: Annotated[str, AfterValidator(checked_prefix)] = "RD"
    templates_dir: str = ""
    trusted_authserv_ids: list[OwnServer] = []
    trusted_form_senders: list[EmailAddress] = []
    trusted_spam_fields: list[FieldName] = []
    log_format: Literal["text", "json"] = "text"
    processes: Annotated[Literal["auto", 1], BeforeValidator(checked_processes)] = "auto"


class MailboxSettings(_Section):
    address: EmailAddress
    name: str = ""
    language: Language = ""
    reply_address: Annotated[str, AfterValidator(checked_reply_address)] = ""
    aliases: list[EmailAddress] = []
    signature: str = ""
    first_response_hours: NotNegative = 0
    next_response_hours: NotNegative = 0
    assign: Literal["nobody", "round_robin", "least_open"] = "nobody"
    announce: Literal["team", "assignee", "board", "digest"] = "team"


class StatusSettings(_Section):
    name: Annotated[str, Field(min_length=1, max_length=40)]
    counts_as: Literal["waiting_on_us", "waiting_on_contact"]
    labels: dict[NamedLanguage, Annotated[str, Field(min_length=1, max_length=40)]] = {}
    meanings: dict[NamedLanguage, Annotated[str, Field(min_length=1)]] = {}


class RuleSettings(_Section):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    about: Literal["new", "reply", "any"] = "new"
    mailbox: list[EmailAddress] = []
    sender: list[Pattern] = []
    subject: list[Pattern] = []
    header: dict[FieldName, Pattern] = {}
    body: list[Pattern] = []
    authentication: Literal["", "pass", "fail", "none"] = ""
    hours: Literal["", "open", "closed"] = ""
    tag: list[str] = []
    assign: OptionalAddress = ""
    hand_to: OptionalAddress = ""
    status: str = ""
    fold: bool = False
    acknowledge: bool = True


class AgentSettings(_Section):
    address: EmailAddress
    name: str = ""
    lead: bool = False
    mailboxes: list[EmailAddress] = []
    aliases: list[EmailAddress] = []
    language: Language = ""
    signature: str = ""


class SmtpSettings(_Section):
    listen: list[Door] = ["127.0.0.1:2525"]
    hostname: Hostname = ""
    tls_certificate: str = ""
    tls_key: str = ""
    implicit_tls_listen: list[Door] = []
    passwords_file: str = ""
    verify_senders: bool = False
    max_recipients: Positive = 100
    timeout_seconds: Positive = 300
    connections_per_ip: Positive = 50
    max_connections: Positive = 500
    proxy_protocol: bool = False
    proxies: list[Network] = []


class LmtpSettings(_Section):
    listen: list[Annotated[str, AfterValidator(checked_lmtp_door)]] = []
    proxy_protocol: bool = False
    proxies: list[Network] = []


class _ImapAccount(_Section):
    """What it takes to sign in at an IMAP server."""

    host: Server
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


class ImapSettings(_ImapAccount):
    mailbox: EmailAddress
    host: Annotated[Server, Field(min_length=1)]
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
    host: Annotated[Server, Field(min_length=1)] = "127.0.0.1"
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
    sign_in: Literal["password", "link", "both"] = "password"
    allow_replies: bool = False
    allow_requests: bool = False
    session_hours: Positive = 12
    session_idle_minutes: Positive = 120
    link_days: Positive = 30
    trusted_proxies: list[Network] = []


class BrandSettings(_Section):
    name: str = ""
    colour: Annotated[str, AfterValidator(checked_colour)] = ""
    logo_file: Annotated[str, AfterValidator(checked_logo)] = ""
    imprint: str = ""


class HoursSettings(_Section):
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    open: Annotated[str, AfterValidator(checked_clock)] = "09:00"
    close: Annotated[str, AfterValidator(checked_closing)] = "17:00"
    holidays: list[Annotated[str, BeforeValidator(checked_written_out), AfterValidator(checked_date)]] = []


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
    agents_at: Annotated[str, AfterValidator(checked_optional_clock)] = "07:30"
    review_at: Annotated[str, AfterValidator(checked_optional_clock)] = "07:30"
    report_at: Annotated[str, AfterValidator(checked_optional_clock)] = "07:30"


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


class BoardSettings(_ImapAccount):
    host: Server = ""
    folder: Annotated[str, Field(min_length=1)] = "Tickets"
    closed_days: NotNegative = 30
    poll_seconds: Positive = 3
    alarm_after_minutes: Positive = 15


class CanarySettings(_Section):
    every_minutes: NotNegative = 0
    alarm_after_minutes: Positive = 15


class LimitsSettings(_Section):
    max_message_bytes: Annotated[int, Field(ge=1024)] = 26214400
    automatic_mail: list[BudgetText] = ["5/10m", "20/1d", "60/7d"]
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
    rules: list[RuleSettings] = []
    digest: DigestSettings = DigestSettings()
    rating: RatingSettings = RatingSettings()
    retention: RetentionSettings = RetentionSettings()
    board: BoardSettings = BoardSettings()
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
        return self.receive.smtp.hostname or ascii_domain(self.mailboxes[0].address.rpartition("@")[2])

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


def loopback_of(host: str) -> str:
    """Where whoever listens on all addresses of this machine (`0.0.0.0`, `::`) is reached on it; empty for others."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    return ("127.0.0.1" if address.version == 4 else "::1") if address.is_unspecified else ""

"""What no single key can tell: keys that contradict each other. Raises `ConfigError` for the first."""

from __future__ import annotations

from gateway import texts
from gateway.config.core_policy import policy
from gateway.config.rules import check_rules
from gateway.config.settings import BoardSettings, ImapSettings, SendSettings, Settings, host_and_port, loopback_of
from gateway.config.values import HOST_NAME
from gateway.core.policy import plain_address
from gateway.core.status_words import status_words
from gateway.core.token import Keys
from gateway.core.verbs import misread, verb_of
from gateway.mail.message import address_key, ascii_domain

NO_MAILBOX = 'Add a [[mailboxes]] table with address = "…", the support address.'


def check(settings: Settings) -> None:
    own = _check_mailboxes(settings)
    _check_agents(settings, own)
    _check_hours(settings)
    _check_statuses(settings)
    _check_orders(settings)
    check_rules(settings, own)
    _check_lifecycle(settings)
    if settings.canary.every_minutes and settings.send.transport == "file":
        raise settings.error(
            "canary.every_minutes",
            'is set, but send.transport = "file" sends nothing that could come back',
            "Set it to 0.",
        )
    if bool(settings.receive.smtp.tls_certificate) != bool(settings.receive.smtp.tls_key):
        raise settings.error("receive.smtp.tls_key", "certificate and key belong together", "Set both or none.")
    _check_imap(settings, own)
    _check_board(settings)
    _check_send(settings)
    for key, address in settings.listens():
        if key.startswith("receive.smtp."):
            check_relay(settings, *host_and_port(address))
    _check_balancers(settings)
    _check_dkim(settings)


def _check_orders(settings: Settings) -> None:
    """A catalog of the site may write an order with a word that means another, and agents would be shown it."""
    for language, written, verb in misread() if texts.catalogs().site else ():
        known = verb_of(written.removeprefix("#").casefold())
        means = f"is read as #{known}" if known else "is no order"
        where = f"locale/{language}: {written!r} stands for #{verb}, and {means}"
        remedy = (
            f'Let it be one of the words for {verb.value!r} (msgctxt "command"), and of no other order in any language.'
        )
        raise settings.error("gateway.templates_dir", where, remedy)


def _check_balancers(settings: Settings) -> None:
    receive = settings.receive
    for key, proxied, proxies in (
        ("receive.smtp", receive.smtp.proxy_protocol, receive.smtp.proxies),
        ("receive.lmtp", receive.lmtp.proxy_protocol, receive.lmtp.proxies),
    ):
        if proxies and not proxied:
            remedy = "Set proxy_protocol = true, or leave proxies empty."
            raise settings.error(f"{key}.proxies", "is set, but nobody is expected to say who is behind them", remedy)


def _check_dkim(settings: Settings) -> None:
    signing = settings.send.dkim
    named = (signing.domain, signing.selector, signing.key_file)
    if any(named) and not all(named):
        raise settings.error("send.dkim", "domain, selector and key_file belong together", "Set all or none.")
    domain = signing.domain.casefold()
    addresses = [a for box in settings.mailboxes for a in (box.address, *box.aliases)]
    written = [ascii_domain(a.rpartition("@")[2]).casefold() for a in addresses]
    if domain and not any(d == domain or d.endswith(f".{domain}") for d in written):
        remedy = f"Name the domain of [[mailboxes]]: {written[0]}."
        raise settings.error("send.dkim.domain", f"no mail leaves from {signing.domain}", remedy)


def _check_mailboxes(settings: Settings) -> set[str]:
    """The keys of every address of ours."""
    if not settings.mailboxes:
        raise settings.error("mailboxes", "there is none", NO_MAILBOX)
    own: set[str] = set()
    for n, box in enumerate(settings.mailboxes):
        for address in (box.address, *box.aliases):
            if address_key(address) in own:
                raise settings.error(f"mailboxes[{n}].address", f"{address} is there twice", "Remove one of them.")
            own.add(address_key(address))
            if not ascii_domain(address.rpartition("@")[2]).isascii():
                problem = f"the domain of {address} has no form that mail servers know"
                raise settings.error(f"mailboxes[{n}].address", problem, "Write it as name@example.com.")
    if not (settings.hostname.startswith("[") or HOST_NAME.fullmatch(settings.hostname)):
        problem = f"{settings.hostname} is not a host name, and we would greet by it"
        remedy = 'Set receive.smtp.hostname, such as "mail.example.com".'
        raise settings.error("mailboxes[0].address", problem, remedy)
    return own


def _check_agents(settings: Settings, own: set[str]) -> None:
    ours = policy(settings, Keys(b"")).is_own

    def is_own(address: str) -> bool:
        """Mail servers bring "name+anything" to "name": what is sent there would come back to us."""
        return ours(address) or plain_address(address_key(address)) in own

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


def _check_hours(settings: Settings) -> None:
    if settings.hours.holidays and not settings.hours.days:
        raise settings.error(
            "hours.days", "is empty, so it is open on holidays too", 'Name the weekdays, e.g. ["mon", "tue"].'
        )
    if settings.hours.days and settings.hours.open >= settings.hours.close:
        raise settings.error("hours.close", "is not after hours.open", "Set both, such as 09:00 and 17:00.")


def _check_statuses(settings: Settings) -> None:
    ours = status_words()
    for n, status in enumerate(settings.statuses):
        before = {w.casefold() for s in settings.statuses[:n] for w in (s.name, *s.labels.values())}
        if status.name.casefold() in ours or status.name.casefold() in before:
            raise settings.error(f"statuses[{n}].name", f"{status.name!r} is there already", "Choose another name.")
        for language, label in status.labels.items():
            if label.casefold() in ours or label.casefold() in before:
                key = f"statuses[{n}].labels.{language}"
                raise settings.error(key, f"{label!r} is there already", "Choose another name.")


def _check_lifecycle(settings: Settings) -> None:
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
        _check_port(settings, key, account)
        if account.auth == "xoauth2":
            _check_oauth(settings, key, account)
        elif not account.password_file:
            raise settings.error(f"{key}.password_file", f'is missing for auth = "{account.auth}"', "Set it.")
        folders = [account.folder, *([account.move_to] if account.after == "move" else []), account.sent_folder]
        used = [folder.casefold() for folder in folders if folder]
        if len(used) != len(set(used)):
            raise settings.error(f"{key}.folder", "is named for two purposes", "Use different folders.")


def _check_board(settings: Settings) -> None:
    board = settings.board
    if not board.host:
        for n, box in enumerate(settings.mailboxes):
            if box.announce == "board":
                remedy = "Set [board] host, or announce to the team."
                raise settings.error(f"mailboxes[{n}].announce", "there is no board, so nobody would hear", remedy)
        return
    _check_port(settings, "board", board)
    if not board.username:
        raise settings.error("board.username", "is missing for board.host", "Name the account the agents share.")
    if board.auth == "xoauth2":
        _check_oauth(settings, "board", board)
    elif not board.password_file:
        raise settings.error("board.password_file", f'is missing for auth = "{board.auth}"', "Set it.")
    parts = board.folder.split("/")
    if not all(part.strip() for part in parts) or board.folder.casefold() == "inbox":
        raise settings.error(
            "board.folder", f"{board.folder!r} is no folder of its own", 'Write it as "Tickets" or "Shared/Tickets".'
        )


def _check_send(settings: Settings) -> None:
    send = settings.send
    _check_port(settings, "send", send)
    if send.auth == "xoauth2":
        if not send.username:
            raise settings.error("send.username", 'is missing for auth = "xoauth2"', "Name the account that sends.")
        _check_oauth(settings, "send", send)
    elif send.username and not send.password_file:
        raise settings.error("send.password_file", "is missing for send.username", "Name the file with the password.")
    elif send.password_file and not send.username:
        raise settings.error("send.username", "is missing for send.password_file", "Name who signs in.")


_SPOKEN = {25: ("none", "starttls"), 143: ("none", "starttls"), 465: ("tls",), 587: ("none", "starttls"), 993: ("tls",)}
"""What is spoken on the ports of RFC 8314 and of old; anything may be on others."""


def _check_port(settings: Settings, key: str, account: BoardSettings | ImapSettings | SendSettings) -> None:
    """Two sides of which one begins in TLS and one does not wait for each other until the time is up."""
    spoken = _SPOKEN.get(account.port)
    if spoken and account.security not in spoken:
        problem = f'security = "{account.security}" is not spoken on port {account.port}'
        raise settings.error(f"{key}.security", problem, f'Set security = "{spoken[-1]}", or the other port.')


_HERE = frozenset(("127.0.0.1", "::1", "localhost"))


def check_relay(settings: Settings, host: str, port: int) -> None:
    """We listen here. Raises `ConfigError` when our own mails would come to this door: they would all be refused."""
    send, host = settings.send, host.strip("[]")
    reached = host == send.host or {host, send.host} <= _HERE
    if loopback_of(host):
        reached = send.host in _HERE | {settings.hostname}
    if send.transport == "smtp" and port == send.port and reached:
        problem = f"{send.host}:{send.port} is Replydesk itself, which takes mail for its own mailboxes only"
        raise settings.error("send.host", problem, "Name the server that takes your outgoing mail.")


def _check_oauth(settings: Settings, key: str, account: BoardSettings | ImapSettings | SendSettings) -> None:
    for field in ("oauth_token_url", "oauth_client_id"):
        if not getattr(account, field):
            raise settings.error(f"{key}.{field}", 'is missing for auth = "xoauth2"', "Set it.")
    if not (account.oauth_client_secret_file or account.oauth_refresh_token_file):
        raise settings.error(
            f"{key}.oauth_client_secret_file", "neither it nor oauth_refresh_token_file is set", "See docs/imap.md."
        )

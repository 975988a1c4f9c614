"""What `replydesk init` asks, in order: why it asks, a default where one is known, a flag of its name.

Pure: answers in, answers out. Answers obey the same rules as the settings they become.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from gateway.cli import WrongUsage
from gateway.config import Settings
from gateway.config.plain import explained

Answers = Mapping[str, str]

LMTP, IMAP, MX = "lmtp", "imap", "mx"
WAYS = {
    LMTP: "Postfix or Exim on this machine hands it over",
    IMAP: "it is fetched from a mailbox by IMAP (Gmail, Microsoft 365, a hoster, Dovecot)",
    MX: "senders come to this machine directly, port 25; there is no other mail server",
}


class WrongAnswer(WrongUsage):
    """It cannot be what was meant; the text says why and how to write it."""


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    """Its flag is `--name`."""
    asks: str
    why: str
    default: Callable[[Answers], str] = lambda _: ""
    when: Callable[[Answers], bool] = lambda _: True
    key: str = ""
    """Of the settings, whose rules hold for the answer."""
    needed: bool = True


def domain(answers: Answers) -> str:
    return answers.get("address", "").rpartition("@")[2]


def _is(*ways: str) -> Callable[[Answers], bool]:
    return lambda answers: answers.get("way") in ways


def _relay(answers: Answers) -> str:
    if answers.get("way") == LMTP:
        return "127.0.0.1:25"
    host = answers.get("imap", "").partition(":")[0]
    if host == "outlook.office365.com":
        return "smtp.office365.com:587"
    return f"smtp.{host.removeprefix('imap.')}:587" if host.startswith("imap.") else f"{host}:587" if host else ""


def is_local(server: str) -> bool:
    return server.rpartition(":")[0].strip("[]") in ("127.0.0.1", "::1", "localhost")


def questions(timezone: str) -> Sequence[Question]:
    """`timezone` is this machine's."""
    return (
        Question("address", "Which address do customers write to?", "Your support address.", key="mailboxes.address"),
        Question(
            "name",
            "Which name do they see beside it?",
            "It stands in front of the address in every mail.",
            lambda a: f"{domain(a).partition('.')[0].capitalize()} Support",
        ),
        Question("way", "How does its mail get here?", "\n".join(f"{way:5} {what}" for way, what in WAYS.items())),
        Question(
            "imap", "Which server holds the mailbox?", "host or host:port, such as imap.example.com.", when=_is(IMAP)
        ),
        Question(
            "imap-user", "Who signs in there?", "Mostly the address.", lambda a: a["address"], _is(IMAP), needed=False
        ),
        Question(
            "hostname",
            "What is this machine called in DNS?",
            "The MX record of your domain names it; its greeting says it.",
            lambda a: f"mx.{domain(a)}",
            _is(MX),
            "receive.smtp.hostname",
        ),
        Question(
            "certificate",
            "Which certificate shows that it is?",
            "A PEM file; senders then come encrypted. Empty: without.",
            when=_is(MX),
            needed=False,
        ),
        Question("key", "And its key?", "A PEM file.", when=lambda a: bool(a.get("certificate"))),
        Question(
            "relay",
            "Which server takes the mail you send?",
            "host:port. 127.0.0.1:25 is a mail server on this machine; your provider names its own, mostly port 587.",
            _relay,
        ),
        Question(
            "relay-user",
            "Who signs in there?",
            "Empty: nobody needs to.",
            lambda a: a.get("imap-user", "") if a.get("way") == IMAP else "",
            lambda a: not is_local(a["relay"]),
            needed=False,
        ),
        Question(
            "plus",
            "Does mail to " + "support+anything@… arrive, too? (yes or no)",
            "Then every answer finds its ticket, whatever a mail program leaves out. Postfix (with the lines below), "
            "Gmail and Microsoft 365 do it; send one and see.",
            lambda a: "no" if a.get("way") == IMAP else "yes",
        ),
        Question(
            "agents",
            "Who answers? (addresses, with commas between)",
            'They get every request, and answer in their own mail program: "Anna <anna@example.com>, bob@example.com".',
        ),
        Question(
            "operator",
            "Who is told when something is broken?",
            "An address that does not end at this desk.",
            lambda a: people(a["agents"])[0][1] if a.get("agents") else "",
            key="gateway.operator",
        ),
        Question("language", "Which language do customers read?", "", lambda _: "en", key="gateway.default_language"),
        Question("timezone", "In which time zone?", "For dates in mails.", lambda _: timezone, key="gateway.timezone"),
        Question(
            "url",
            "Under which address do customers reach the status page?",
            "It stands in every mail. Your web server hands it on to 127.0.0.1:8025; deploy/ has the lines for it.",
            lambda a: f"https://support.{domain(a)}",
            key="gateway.public_url",
        ),
    )


_ASKED_FOR = {
    "send.host": "relay",
    "gateway.operator": "operator",
    "receive.imap": "imap",
    "agents": "agents",
    "mailboxes": "address",
}


def asked_for(key: str) -> str:
    """The question whose answer a key of the settings holds; empty when none does, or its rule is the answer's."""
    return next((name for begun, name in _ASKED_FOR.items() if key.startswith(begun)), "")


def people(value: str) -> list[tuple[str, str]]:
    """Names and addresses of `Anna <anna@example.com>, bob@example.com`."""
    return [(name, address) for name, address in getaddresses([value]) if name or address]


def accepted(question: Question, answer: str) -> str:
    """The answer as it is kept. Raises `WrongAnswer`."""
    answer = answer.strip()
    if not answer:
        if question.needed:
            raise WrongAnswer(f"{question.asks} It must be said.")
        return ""
    if question.name == "way" and answer not in WAYS:
        raise WrongAnswer(f"{answer!r} is none of {', '.join(WAYS)}.")
    if question.name == "plus" and answer not in ("yes", "no"):
        raise WrongAnswer(f"{answer!r} is neither yes nor no.")
    if question.name == "agents":
        for _, address in people(answer):
            _obeys("agents.address", address)
    elif question.name in ("relay", "imap"):
        host, _, port = answer.rpartition(":") if ":" in answer else (answer, "", "")
        if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
            raise WrongAnswer(f"{answer!r} is no server. Write it as host:port.")
    elif question.key:
        _obeys(question.key, answer)
    return answer


def _obeys(key: str, answer: str) -> None:
    """The rule of a key of the settings."""
    model: Any = Settings
    *tables, name = key.split(".")
    for table in tables:
        kind = model.model_fields[table].annotation
        model = kind if isinstance(kind, type) else kind.__args__[0]
    field = model.model_fields[name]
    try:
        rule: Any = Annotated[field.annotation, *field.metadata]
        TypeAdapter(rule).validate_python(answer)
    except ValidationError as error:
        raise WrongAnswer(". ".join(explained(error.errors()[0]))) from None

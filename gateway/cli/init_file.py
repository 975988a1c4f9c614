"""The configuration `replydesk init` writes: the example with every key and comment, and the answers put into it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial

from gateway.cli.init_questions import IMAP, LMTP, MX, Answers, is_local, people
from gateway.config.lines import lines
from gateway.config.settings import host_and_port

Value = str | bool | int | list[str]
RELAY_PASSWORD, IMAP_PASSWORD = "relay-password", "imap-password"
"""Files beside the configuration, and systemd credentials of that name."""
_SETTING = re.compile(r"(\w+ = )(?:\"[^\"]*\"|\[[^\]]*\]|[^#]*?)(\s*#.*)?")


def written(example: str, answers: Answers, password_files: Mapping[str, str], data_dir: str = "") -> str:
    """`password_files`: where the passwords of `relay` and `imap` lie, if there are any."""
    text = _repeated(example, "[[agents]]", [_agent(name, address) for name, address in people(answers["agents"])])
    if answers["way"] == IMAP:
        text = _repeated(text, "[[receive.imap]]", [_imap(answers, password_files)])
    for key, value in {"gateway.data_dir": data_dir, **_values(answers, password_files)}.items():
        text = _set(text, key, value)
    return text


def _values(answers: Answers, password_files: Mapping[str, str]) -> dict[str, Value]:
    user, _, domain = answers["address"].rpartition("@")
    host, port = _server(answers["relay"], 25 if is_local(answers["relay"]) else 587)
    found: dict[str, Value] = {
        "gateway.public_url": answers["url"].rstrip("/"),
        "gateway.default_language": answers["language"],
        "gateway.timezone": answers["timezone"],
        "gateway.operator": answers["operator"],
        "mailboxes.[0].address": answers["address"],
        "mailboxes.[0].name": answers["name"],
        "mailboxes.[0].reply_address": f"{user}+{{token}}@{domain}" if answers["plus"] == "yes" else "",
        "send.host": host,
        "send.port": port,
        "send.security": answers.get("relay-security") or _security(host, port),
        "send.ca_file": answers.get("ca-file", ""),
        # A web server on this machine hands the status page on.
        "portal.trusted_proxies": ["127.0.0.1", "::1"],
    }
    if answers.get("relay-user"):
        found |= {"send.username": answers["relay-user"], "send.password_file": password_files["relay"]}
    if answers["way"] == MX:
        found |= {
            "receive.smtp.listen": ["0.0.0.0:25"],
            "receive.smtp.hostname": answers["hostname"],
            "receive.smtp.tls_certificate": answers.get("certificate", ""),
            "receive.smtp.tls_key": answers.get("key", ""),
        }
    else:
        # A door nobody needs is a door to watch.
        found["receive.smtp.listen"] = []
    if answers["way"] == LMTP:
        found["receive.lmtp.listen"] = ["127.0.0.1:2424"]
    return found


def _agent(name: str, address: str) -> dict[str, Value]:
    return {"address": address, "name": name or address.partition("@")[0].capitalize()}


def _imap(answers: Answers, password_files: Mapping[str, str]) -> dict[str, Value]:
    host, port = _server(answers["imap"], 993)
    return {
        "mailbox": answers["address"],
        "host": host,
        "port": port,
        "security": answers.get("imap-security") or ("starttls" if port == 143 else "tls"),
        "ca_file": answers.get("ca-file", ""),
        "username": answers.get("imap-user", ""),
        "password_file": password_files["imap"],
    }


def _server(value: str, port: int) -> tuple[str, int]:
    return host_and_port(value) if re.search(r":\d+$", value) else (value, port)


def _security(host: str, port: int) -> str:
    if port == 465:
        return "tls"
    return "none" if is_local(f"{host}:{port}") else "starttls"


def _repeated(text: str, heading: str, tables: Sequence[Mapping[str, Value]]) -> str:
    """The example of a table that may be repeated, once for each of `tables`, no comment any more."""
    found = re.search(rf"(?m)^#: {re.escape(heading)}\n(?:#: .*\n)*", text)
    assert found, heading  # the example has it; a test reads them both
    plain = re.sub(r"(?m)^#: (\w+ = .*?)?( +#|$)", r"\1   \2", found[0].replace(f"#: {heading}", heading))
    made = []
    for table in tables:
        one = plain
        for key, value in table.items():
            one = re.sub(rf"(?m)^{key} = .*$", partial(_assigned, value), one, count=1)
        made.append(one)
    return text.replace(found[0], "\n".join(made))


def _assigned(value: Value, found: re.Match[str]) -> str:
    return _line(found[0], value)


def _set(text: str, key: str, value: Value) -> str:
    number = lines(text)[tuple(key.split("."))]
    rows = text.split("\n")
    rows[number - 1] = _line(rows[number - 1], value)
    return "\n".join(rows)


def _line(line: str, value: Value) -> str:
    """The same key with another value, its comment where it was."""
    found = _SETTING.fullmatch(line)
    assert found, line  # a line of the example, each of which is a key, a value and a comment
    begun = found[1] + _toml(value)
    comment = (found[2] or "").strip()
    return f"{begun:39} {comment}".rstrip()


def _toml(value: Value) -> str:
    """JSON's strings, numbers, lists and truths are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

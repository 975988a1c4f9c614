"""What of an agent's text may go to a customer: nothing that only agents were shown.

The new text is told from the quoted notice before (`mail.new_text`); this is the second fence. A quoted
line stays only if the customers know it from the conversation (`known_quotes`). Marks made for agents and agents'
addresses are taken out. When an inner line stands unquoted in the text, nothing is sent at all:
better an agent who sends again than a customer who reads what was not meant for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from gateway.core import commands, token
from gateway.core.formulas import SIGNATURE_LINES, is_formula, signature_of
from gateway.core.known_quotes import SHORT, KnownWords, folded, pieces, recognised, spoken, unquoted
from gateway.core.notice import FILE_PATH
from gateway.core.policy import Mailbox, Policy
from gateway.core.ticket import Entry, EntryKind
from gateway.mail.message import address_key
from gateway.mail.new_text import is_only_quoted, markers
from gateway.mail.sent_from import without_footer

_SIGNATURE = re.compile(r"^-- ?$", re.M)
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\",;:]+[^\s<>()\[\]\",;:.]")
_LINK = re.compile(r"<?https?://[^\s<>]+>?")
CUT_LINES, CUT_LENGTH = 5, 80
"""Lines, and characters of each, that a receipt names of what was cut."""
WRAPPINGS = 3
"""Mail filters put a link, percent-encoded, into one of their own."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The text for the customer."""

    text: str
    cut: tuple[str, ...] = ()
    """Lines, or what stood in them, taken out because customers do not know them."""
    inseparable: bool = False
    """Inner text stands in the middle of the agent's own: send nothing."""
    inner_line: str = ""
    """A line of it that only agents have read."""
    command_below: str = ""
    """A command found under the text: it may have been meant."""


def for_customers(text: str, box: Mailbox, policy: Policy, entries: Iterable[Entry]) -> Outgoing:
    """The agent's text as a customer may read it. `entries`: the ticket's history."""
    if is_only_quoted(text):
        return Outgoing("")
    history = tuple(entries)
    public = _lines(e.body_text for e in history if e.kind is EntryKind.CORRESPONDENCE)
    inner = _inner_lines(history, policy) - public
    found = pieces(without_signature(text))
    known = iter(recognised(KnownWords(history), [(0, lines) for quoted, lines in found if quoted]))
    kept: list[str] = []
    cut: list[str] = []
    for quoted, lines in found:
        passed = next(known) if quoted else [True] * len(lines)
        shown_lines: list[str] = []
        for line, passes in zip(lines, passed, strict=True):
            if not quoted and commands.is_command(line):
                return Outgoing("", command_below=line.strip())
            if not passes:
                cut.append(unquoted(line).strip())
                continue
            plain = folded(unquoted(line))
            if _marked(line):
                return Outgoing("", inseparable=True)
            if len(plain) >= SHORT and plain in inner:
                return Outgoing("", inseparable=True, inner_line=line.strip())
            shown = _LINK.sub(lambda m: m[0] if may_lead(m[0].strip("<>"), policy) else "", line)
            if shown != line:
                cut.append(line.strip())
            shown_lines.append(_without_addresses(shown, box, policy))
        kept += spoken(shown_lines) if quoted else shown_lines
    return Outgoing("\n".join(kept).strip(), tuple(cut))


def named(cut: tuple[str, ...]) -> str:
    """The lines that were cut, as the receipt names them."""
    lines = [f"“{clipped(line)}”" for line in cut[:CUT_LINES]]
    return ", ".join([*lines, *(["…"] if len(cut) > CUT_LINES else [])])


def clipped(line: str) -> str:
    """The beginning of a line, as receipts name it."""
    return f"{line[:CUT_LENGTH]}{'…' * (len(line) > CUT_LENGTH)}"


def may_lead(url: str, policy: Policy) -> bool:
    """Whether a link may stand in a customer's mail: not one to a file that was made for an agent, not to an agent."""
    plain = url
    for _ in range(WRAPPINGS):
        plain = unquote(plain)
    plain = plain.casefold()
    if (agents := _agents(policy)) and agents.search(plain):
        return False
    if any(_made_for_agents(found, policy) for found in _ADDRESS.findall(plain)):
        return False
    _, ours, path = plain.partition(policy.public_url.partition("://")[2].casefold())
    return not ours or FILE_PATH not in path


def without_access(text: str, policy: Policy) -> str:
    """Without the links of ours that let in whoever has them, or act in the name of whom they were sent to: a customer
    who passes such a mail on to us shows it to whoever reads the conversation, agents too."""
    links = rf"({re.escape(policy.public_url)}/(?:register|reset|enter|rate|close)/)[\w.~-]+"
    return re.sub(links, r"\1[…]", text)


def without_signature(text: str) -> str:
    """The site has signatures of its own (`mailboxes.signature`). Two dashes above more than that divide a text."""
    cut = _SIGNATURE.search(text)
    text = text[: cut.start()] if cut and text.count("\n", cut.end()) <= SIGNATURE_LINES else text
    return without_footer(text)


def says_more(text: str, than: str) -> bool:
    """It has lines that are not in the other text; a signature stands in both."""
    return bool(_lines([without_signature(text)]) - _lines([than]))


def _inner_lines(history: tuple[Entry, ...], policy: Policy) -> set[str]:
    """What only agents have read: neither what anybody writes to anybody, nor what agents put below every mail."""
    inner = _lines(remark for e in history for remark in e.remarks)
    for e in (e for e in history if e.kind is not EntryKind.CORRESPONDENCE):
        said = (line for line in e.body_text.split("\n") if not is_formula(unquoted(line)))
        agent = policy.agent_for(e.author.address)
        signed = signature_of(e.new_text, (agent.name, e.author.name)) if agent else ()
        inner |= _lines(said) - _lines(signed)
    return inner


def _lines(texts: Iterable[str]) -> set[str]:
    return {plain for text in texts for line in text.split("\n") if (plain := folded(unquoted(line)))}


def _marked(line: str) -> bool:
    """Our marker line: what follows it is the notice."""
    plain = folded(line)
    return any(folded(marker) in plain for marker in markers())


def _without_addresses(line: str, box: Mailbox, policy: Policy) -> str:
    """Agents are reached by the mailbox; their own addresses, and addresses made for them, stay inside."""

    def put(m: re.Match[str]) -> str:
        address = m[0].removeprefix("mailto:")
        return box.address if policy.agent_for(address) or _made_for_agents(address, policy) else m[0]

    if "@" not in line:
        return line
    line, agents = _ADDRESS.sub(put, line), _agents(policy)
    return agents.sub(box.address, line) if agents else line


def _agents(policy: Policy) -> re.Pattern[str] | None:
    """Any agent's address, wherever it stands; None without agents."""
    keys = sorted(policy.agent_keys)
    return re.compile(rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, keys))})(?![\w-])", re.I) if keys else None


def _made_for_agents(address: str, policy: Policy) -> bool:
    if token.is_agents_message_id(address):
        return True
    return any(mark.startswith(("a", "b")) for mark in policy.tokens_in(address_key(address)))

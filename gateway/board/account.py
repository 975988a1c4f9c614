"""The board's folders in an IMAP account: what lies there, and the few things that are done to it.

Whatever a server cannot do is done another way (MOVE, UIDPLUS, CONDSTORE, NAMESPACE). Mails without a card's field are
looked at once and never touched.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.core.board import FIELD, CardSteps, SeenCard
from gateway.receive.imap import syntax
from gateway.receive.imap.account import Refused
from gateway.receive.imap.client import ImapMailbox, portions

SEEN, FLAGGED, DELETED = r"\Seen", r"\Flagged", r"\Deleted"
RIGHTS = "lrwstipekxa"
"""What the account needs on the root and below (RFC 4314), as docs/board.md has it."""
_FULL = re.compile(r"\[OVERQUOTA\]|quota exceeded|over quota", re.I)
"""RFC 5530, and as servers say it that do not know it."""
_TOO_LARGE = re.compile(r"\[(?:TOOBIG|LIMIT)\]|too (?:big|large)|size (?:is|exceeds)", re.I)
"""RFC 7889 and RFC 5530, and as Cyrus and Exchange say it."""
_FIELD = re.compile(rb"^" + FIELD.encode() + rb":[ \t]*(\S+)", re.I | re.M)

ReadCard = Callable[[str], tuple[int, str] | None]
"""Ticket and version of a field's value; None for what is no card of ours."""


@dataclass
class _Folder:
    """A folder as it was looked at last."""

    uidvalidity: int = 0
    figures: Mapping[str, int] = field(default_factory=dict)
    cards: dict[int, tuple[int, str] | None] = field(default_factory=dict)
    """UID → ticket and version; None for a mail that is no card."""
    flags: dict[int, frozenset[str]] = field(default_factory=dict)


class BoardAccount:
    """The folders below the board's root, over one connection."""

    def __init__(self, mailbox: ImapMailbox, read_card: ReadCard) -> None:
        self._mailbox, self._read_card = mailbox, read_card
        self._folders: dict[str, _Folder] = {}
        self._selected = ""
        self.delimiter = "/"
        self.root = ""
        self.denied: dict[str, str] = {}
        """Folder → what the server said when it refused us something there. Nothing is done in it until `forgive`."""

    def forgive(self) -> None:
        """Try again what was refused: rights may have been given meanwhile."""
        self.denied.clear()

    @contextlib.contextmanager
    def _permitted(self, folder: str) -> Iterator[None]:
        """What a server refuses in one folder is no reason to leave the others alone."""
        try:
            yield
        except Refused as error:
            self.denied[folder] = str(error)

    # --- folders ------------------------------------------------------------------------------

    async def open(self, folder: str) -> None:
        """Find out where the root is and how folders are named below it; `folder` is written with `/`."""
        spaces: list[tuple[str, str]] = []
        if "NAMESPACE" in self._mailbox.capabilities:
            spaces = syntax.namespaces(await self._mailbox.say("NAMESPACE"))
        named = folder.replace("/", ".").casefold()
        within = (s for s in spaces if s[0] and f"{named}.".startswith(_plain(s[0])))
        if spaces:
            # The folder may be written with the prefix of another namespace, which has a delimiter of its own.
            self.delimiter = next(within, spaces[0])[1]
        else:
            found = syntax.listed(await self._mailbox.say("LIST", '""', '""'))
            self.delimiter = found[0].delimiter if found else "/"
        if not self.delimiter:
            raise Refused("the server knows no folders in folders, which the board needs")
        self.root = self.delimiter.join(folder.split("/"))
        prefixes = [_plain(prefix) for prefix, _ in spaces if prefix]
        if spaces and spaces[0][0] and not any(f"{named}.".startswith(prefix) for prefix in prefixes):
            self.root = spaces[0][0] + self.root

    def below(self, name: str) -> str:
        """The whole name of a folder of the board."""
        return f"{self.root}{self.delimiter}{name}"

    async def tree(self) -> list[str]:
        """Every folder below the root that can hold mails, whoever made it.

        The root is named as in the settings, however the server writes it: `inbox` is INBOX to all, and on many servers
        (Exchange) `tickets` is Tickets. Under two names a card would be two, of which one is removed.
        """
        root, pattern = self.below(""), syntax.folder_name(self.below("*"))
        found = syntax.listed(await self._mailbox.say("LIST", '""', pattern))
        there = [
            root + f.name[len(root) :]
            for f in found
            if f.name[: len(root)].casefold() == root.casefold() and not f.attributes & {r"\noselect", r"\nonexistent"}
        ]
        for name in self._folders.keys() - set(there):
            del self._folders[name]
        return there

    async def make(self, names: Sequence[str]) -> None:
        """Folders that are missing. One that appeared meanwhile is as good; one that is there and not shown to us is
        left alone, for a card in it would be written anew at each look."""
        said = {}
        for name in names:
            try:
                await self._mailbox.make(name)
            except Refused as error:
                said[name] = str(error)
        if names:
            there = await self.tree()
            hidden = "the server says it is there, and does not list it"
            self.denied |= {name: said.get(name, hidden) for name in names if name not in there}

    async def drop_empty(self, name: str) -> bool:
        """Remove a folder of ours that nothing lies in; True when it is gone."""
        with contextlib.suppress(Refused):
            figures = await self._figures(name)
            if figures.get("MESSAGES") or any(other.startswith(name + self.delimiter) for other in await self.tree()):
                return False
            await self._leave(name)
            await self._mailbox.say("DELETE", syntax.folder_name(name))
            return True
        return False

    async def _leave(self, name: str) -> None:
        """What is selected cannot be removed."""
        if self._selected == name:
            await self._select("INBOX")

    # --- what lies there ----------------------------------------------------------------------

    async def cards(self, names: Sequence[str], *, anew: bool = False) -> list[SeenCard]:
        """Every card in these folders; folders whose figures did not change are not opened. `anew`: all are."""
        if self._selected:
            await self._mailbox.refresh()
        found = []
        for name in names:
            known = self._folders.setdefault(name, _Folder())
            try:
                figures = await self._figures(name)
                if anew or figures != known.figures:
                    await self._look(name, known, figures)
            except Refused as error:
                known.figures = {}
                if name in await self.tree():
                    self.denied[name] = str(error)
                continue  # else somebody removed it meanwhile
            found += [self._seen(name, known, uid, card) for uid, card in known.cards.items() if card]
        return found

    def validities(self) -> dict[str, int]:
        """UIDVALIDITY of each folder that was looked at: another one means another folder."""
        return {name: known.uidvalidity for name, known in self._folders.items() if known.uidvalidity}

    @staticmethod
    def _seen(name: str, known: _Folder, uid: int, card: tuple[int, str]) -> SeenCard:
        flags = known.flags.get(uid, frozenset())
        return SeenCard(name, uid, *card, DELETED.casefold() in flags, flags)

    async def _figures(self, name: str) -> dict[str, int]:
        wanted = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN"
        if "CONDSTORE" in self._mailbox.capabilities:
            # It changes with every flag as well.
            wanted += " HIGHESTMODSEQ"
        return syntax.status(await self._mailbox.say("STATUS", syntax.folder_name(name), f"({wanted})"))

    async def _look(self, name: str, known: _Folder, figures: Mapping[str, int]) -> None:
        selected = await self._select(name)
        if selected.uidvalidity != known.uidvalidity:
            known.uidvalidity, known.cards = selected.uidvalidity, {}
        known.flags = {}
        if figures.get("MESSAGES", 1):
            lines = await self._mailbox.say("UID FETCH", "1:*", "(UID FLAGS)")
            known.flags = {m.uid: m.flags or frozenset() for m in syntax.fetched(lines)}
        known.cards = {uid: card for uid, card in known.cards.items() if uid in known.flags}
        for some in portions(sorted(known.flags.keys() - known.cards.keys())):
            what = f"(UID BODY.PEEK[HEADER.FIELDS ({FIELD})])"
            for m in syntax.fetched(await self._mailbox.say("UID FETCH", syntax.uid_set(some), what)):
                said = _FIELD.search(m.raw or b"")
                known.cards[m.uid] = self._read_card(said[1].decode("ascii", "replace")) if said else None
        known.figures = dict(figures)

    async def _select(self, name: str) -> syntax.Selected:
        self._selected = ""
        found = await self._mailbox.select(name)
        self._selected = name
        return found

    # --- what is done -------------------------------------------------------------------------

    async def write(self, folder: str, flags: Sequence[str], moment: datetime, data: bytes) -> bool:
        """Put a card into a folder. False: the server does not let us."""
        with self._permitted(folder):
            await self._mailbox.append(folder, flags, moment, data)
        return folder not in self.denied

    def found_too_large(self, folder: str) -> bool:
        """What was refused there was one card for its size, which is no reason to leave the others alone."""
        if not _TOO_LARGE.search(self.denied[folder].partition("the server said")[2]):
            return False
        del self.denied[folder]
        return True

    def permitted(self, steps: CardSteps, folders: Mapping[str, str]) -> CardSteps:
        """Without what was refused; what was there of tickets whose cards we may not write stays. `folders`: place →
        name."""
        kept = {want.number for want in steps.write if folders[want.place] in self.denied}
        return replace(
            steps,
            write=tuple(want for want in steps.write if want.number not in kept),
            back=tuple((card, want) for card, want in steps.back if not self.denies(card, folders[want.place])),
            undelete=tuple(card for card in steps.undelete if card.folder not in self.denied),
            remove=tuple(c for c in steps.remove if c.number not in kept and c.folder not in self.denied),
        )

    async def move(self, card: SeenCard, folder: str) -> None:
        """Put a card where it belongs."""
        if self.denies(card, folder):
            return
        # Which of the two it does not permit is hard to tell.
        with self._permitted(_way(card, folder)):
            await self._open(card.folder)
            await self._mailbox.move([card.uid], folder)

    def denies(self, card: SeenCard, folder: str) -> bool:
        """It was refused already, in one of the two folders or between them."""
        return bool(self.denied.keys() & {card.folder, folder, _way(card, folder)})

    async def undelete(self, cards: Sequence[SeenCard]) -> None:
        """Somebody deleted them, and they are not gone yet."""
        for folder, uids in _by_folder(c for c in cards if c.folder not in self.denied).items():
            with self._permitted(folder):
                await self._open(folder)
                for some in portions(uids):
                    which = syntax.uid_set(some)
                    await self._mailbox.say("UID STORE", which, "-FLAGS.SILENT", f"({DELETED})")
                    await self._done(f"UID STORE {which}", f"UID {which} DELETED")

    async def remove(self, cards: Sequence[SeenCard]) -> None:
        """Cards that are no use any more. Nothing that somebody else marked as deleted goes with them."""
        for folder, uids in _by_folder(c for c in cards if c.folder not in self.denied).items():
            with self._permitted(folder):
                await self._open(folder)
                for some in portions(uids):
                    await self._expunge(some)

    async def _expunge(self, uids: Sequence[int]) -> None:
        which = syntax.uid_set(uids)
        await self._mailbox.say("UID STORE", which, "+FLAGS.SILENT", f"({DELETED})")
        if self.expunges_alone:
            await self._mailbox.say("UID EXPUNGE", which)
            await self._done(f"UID EXPUNGE {which}", f"UID {which}")
            return
        if set(await self._mailbox.search("DELETED")) <= set(uids):
            await self._mailbox.say("EXPUNGE")
        await self._done(f"UID STORE {which}", f"UID {which} UNDELETED")

    async def _done(self, command: str, unchanged: str) -> None:
        """Dovecot says OK where rights are missing, and does nothing."""
        if await self._mailbox.search(unchanged):
            raise Refused(f"{command}: the server said OK and did not do it")

    @property
    def expunges_alone(self) -> bool:
        """Deleted cards can be made to go without anything else."""
        return "UIDPLUS" in self._mailbox.capabilities

    async def _open(self, folder: str) -> None:
        if self._selected != folder:
            await self._select(folder)

    async def close(self) -> None:
        await self._mailbox.close()


def _plain(prefix: str) -> str:
    """A prefix however its delimiter is written: `inbox.`."""
    return prefix.replace("/", ".").casefold()


def _way(card: SeenCard, folder: str) -> str:
    return f"{card.folder} → {folder}"


def _by_folder(cards: Iterable[SeenCard]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for card in cards:
        found.setdefault(card.folder, []).append(card.uid)
    return found


def why_denied(denied: Mapping[str, str]) -> str:
    """Why the server refuses us folders, and the remedy: the account is full, or rights are missing."""
    full = {folder: said for folder, said in denied.items() if _FULL.search(said.partition("the server said")[2])}
    others = {folder: said for folder, said in denied.items() if folder not in full}
    causes = (
        (full, f"the board's account is full, raise its quota or remove mails there, {len(full)} folders wait"),
        (
            others,
            f"the server refuses us {len(others)} of the board's folders, give {RIGHTS} to its account there",
        ),
    )
    return "; ".join(
        f"{cause}: " + "; ".join(f"{folder}: {said}" for folder, said in sorted(which.items())[:5])
        for which, cause in causes
        if which
    )

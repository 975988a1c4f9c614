"""`replydesk contact erase ADDRESS`: one person removed everywhere, and a certificate of it.

The database first, in one transaction; then its free pages, the mails in the outgoing folder, and last a
search through the files for what must not be there any more. Whatever interrupted it, a second run does the
rest, though nobody of the name is known any more. docs/privacy.md says what goes and what stays.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli import WrongUsage, show
from gateway.cli.site import Site, now
from gateway.errors import ReplydeskError
from storage import backup
from storage.erasure import compact
from storage.erasure.compact import Compacted
from storage.erasure.erase import Erased, erase, refuse
from storage.erasure.person import Survey, survey
from storage.erasure.steps import NOBODY

if TYPE_CHECKING:
    from gateway.cli.show import Json

_TICKET_OF_ID = re.compile(rb"^Message-ID:\s*<rd\.(\d+)\.", re.I | re.M)
_HEADER = 65_536
WORDS = {
    "contacts": "Contact",
    "sessions": "Sessions",
    "tickets_deleted": "Tickets deleted",
    "tickets_shared": "Tickets shared with others, emptied of this person",
    "entries": "Entries",
    "texts_of_others": "Texts of others cut",
    "mails_received": "Mails received from them",
    "mails_never_decided": "… of these never decided about",
    "raw_mails": "Raw mails deleted",
    "attachments": "Attachments deleted",
    "mails_sent": "Mails sent to them or about their tickets",
    "texts_of_mails_to_others": "Texts of mails to others deleted",
    "mails_to_others_not_sent": "Mails to others not sent",
    "drafts_dropped": "Drafts of agents that named them, dropped",
    "message_ids": "Message-IDs",
    "other_texts": "Other texts cut",
    "files": "Files in the outgoing folder",
}
OUT_OF_REACH = (
    "the log (journalctl, or wherever standard error goes): it names addresses",
    "backups made before now",
    "mailboxes: of agents, of the customer, and IMAP folders we read",
    "logs and queues of mail servers on the way",
)


@dataclass(frozen=True, slots=True)
class Certificate:
    address: str
    erased_at: datetime
    forced: bool
    counts: dict[str, int]
    compacted: Compacted | None
    """None on PostgreSQL."""
    vacuum: str
    """The command the operator must run, empty when nothing is left to do."""
    searched: tuple[int, int]
    """(files, bytes)"""
    still_found: tuple[str, ...]
    ambiguous: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Nothing is left to do for the operator."""
        return self.clean and not self.vacuum

    @property
    def clean(self) -> bool:
        """Nothing is left where we could look."""
        return not self.still_found and (self.compacted is None or self.compacted.done)


def run(site: Site, args: argparse.Namespace) -> int:
    """0: nothing is left that we can reach; 1: refused, or a certificate names what is left to do.

    A person with several addresses is erased under each, the one that is written to last.
    """
    policy = site.policy
    if policy.is_own(args.address) or policy.agent_for(args.address) or "@" not in args.address:
        raise ReplydeskError(f"{args.address} is not a customer: mailboxes and agents are in the configuration")
    person = site.database.read_now(lambda tx: tx.second_addresses.person(args.address))
    addresses = [a.address for a in (*person[1:], *person[:1])] or [args.address]
    certificates = [_one(site, args, address, known=bool(person)) for address in addresses]
    if args.json:
        show.as_json(_as_json(certificates[-1]) | {"also": [_as_json(c) for c in certificates[:-1]]})
    else:
        for certificate in certificates:
            _tell(site, certificate)
    return 0 if all(c.clean for c in certificates) else 1


def _one(site: Site, args: argparse.Namespace, address: str, *, known: bool) -> Certificate:
    policy = site.policy
    ours = {NOBODY.address, *(b.name for b in policy.mailboxes), *(a.name for a in policy.agents)} - {""}
    found, _ = site.database.read_now(lambda tx: survey(tx.connection, address, ours, show.mails_looked_at))
    moment = now()
    if not found.empty:
        refuse(found, force=args.force)
        if not args.yes:
            _ask(found, address)
    erased = site.database.write_now(lambda tx: erase(tx, found, ours, address, moment, force=args.force))
    certificate = _finish(site, args, address, erased, found, moment)
    if not known and found.empty and not certificate.counts["files"] and certificate.clean:
        raise ReplydeskError(f"nothing is known of {address}")
    return certificate


def _ask(found: Survey, address: str) -> None:
    if not sys.stdin.isatty():
        raise WrongUsage("erasing cannot be undone: say --yes where nobody can be asked")
    show.facts(
        [
            ("Known as", ", ".join(sorted(found.names))),
            ("Tickets to be deleted", _numbers(found.whole)),
            ("Tickets shared with others", _numbers(found.part)),
            ("Mails received", str(len(found.journal | found.undecided))),
            ("Raw mails that name them", str(len(found.raws))),
            ("Mails to others that name them", str(len(found.naming))),
        ]
    )
    print("This cannot be undone. To erase, type the address: ", end="", flush=True)
    if sys.stdin.readline().strip().casefold() != address.strip().casefold():
        raise ReplydeskError("nothing was erased")


def _numbers(tickets: set[int]) -> str:
    return f"{len(tickets)} (#{', #'.join(str(n) for n in sorted(tickets)[:20])})" if tickets else "none"


# --- what is not in the tables ----------------------------------------------------------------


def _finish(
    site: Site, args: argparse.Namespace, address: str, erased: Erased, found: Survey, moment: datetime
) -> Certificate:
    compacted = compact.overwrite(site.database) if site.database.is_sqlite else None
    counts = erased.counts | {"files": _remove_files(site.settings.outgoing_dir, erased)}
    searched = sorted({*compact.files(site.database), *_data_files(site.settings.data_dir)})
    still = tuple(str(path) for path in searched if compact.holds(path, erased.known.everywhere))
    return Certificate(
        address,
        moment,
        args.force,
        counts,
        compacted,
        "" if compacted else backup.vacuum(site.database),
        (len(searched), sum(path.stat().st_size for path in searched)),
        still,
        tuple(sorted(found.ambiguous)),
    )


def _remove_files(folder: Path, erased: Erased) -> int:
    """Mails the file transport wrote: to the person, about their tickets, or with something of them in it."""
    removed = 0
    for path in sorted(folder.glob("*.eml")) if folder.is_dir() else ():
        data = path.read_bytes()
        if _concerns(path.name, data, erased):
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _concerns(name: str, data: bytes, erased: Erased) -> bool:
    mark = _TICKET_OF_ID.search(data[:_HEADER])
    ticket, known = int(mark[1]) if mark else 0, erased.known
    if ticket in erased.tickets or known.everywhere.address in name.casefold():
        return True
    return (known.near if ticket in erased.shared else known.everywhere).in_mail(data)


def _data_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink() and not path.name.endswith("-shm"):
            yield path


# --- the certificate ----------------------------------------------------------------------------


def _tell(site: Site, c: Certificate) -> None:
    print("Certificate of erasure")
    show.facts(
        [("Person", c.address), ("Erased", show.when(c.erased_at, site.zone)), ("Forced", "yes" if c.forced else "")]
    )
    print()
    show.facts((name, str(c.counts.get(key, 0))) for key, name in WORDS.items())
    print()
    if c.compacted is not None:
        size = f"{show.size(c.compacted.before)} before, {show.size(c.compacted.after)} after"
        if c.compacted.done:
            print(f"Free pages overwritten: {size}.")
        else:
            print(f"Free pages are not overwritten yet: {c.compacted.cause or 'the log is still being read'}.")
    if c.vacuum:
        print(f"PostgreSQL keeps dead rows in its files until this has run: {c.vacuum}")
    if c.compacted is not None and not c.compacted.done:
        print("Older pages may still be in the file: say the same once more, later or with the daemon stopped, until")
        print("it says that nothing is known of them.")
    count, length = c.searched
    print(f"Searched {count} files, {show.size(length)}: {'STILL FOUND in' if c.still_found else 'found nothing.'}")
    for path in c.still_found:
        print(f"  {path}")
    for name in c.ambiguous:
        show.text(f"“{name}” does not tell this person from others: searched for on their own tickets only.")
    print("Out of reach:")
    for place in OUT_OF_REACH:
        print(f"  {place}")


def _as_json(c: Certificate) -> dict[str, Json]:
    return {
        "address": c.address,
        "erased_at": show.iso(c.erased_at),
        "forced": c.forced,
        "complete": c.complete,
        "counts": {key: c.counts.get(key, 0) for key in WORDS},
        "free_pages_overwritten": c.compacted.done if c.compacted else None,
        "to_do": c.vacuum,
        "searched": {"files": c.searched[0], "bytes": c.searched[1]},
        "still_found": list(c.still_found),
        "ambiguous_names": list(c.ambiguous),
        "out_of_reach": list(OUT_OF_REACH),
    }

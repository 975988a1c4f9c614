"""What a requester is shown of a mail, for a search that finds nothing else.

The index has each mail whole: with what somebody else who takes part quotes from elsewhere, and an agent's answer from
the moment it is written. The pages show neither, and that a word stands in a mail is something said of it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.core import known_quotes, sides
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from storage.search import has_words

EntriesOf = Callable[[int], Iterable[Entry]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks for words."""

    key: str
    wanted: str
    given_by: datetime | None
    """Answers of agents from after this can still be taken back; None: that does not matter."""

    def finds(self, mails: Iterable[Entry], ticket: Ticket, subject: str, entries_of: EntriesOf) -> bool:
        """Whether what they are shown of one of these mails of a ticket has all the words, together with the subject as
        they know it. `entries_of` is asked for its conversation only where one quotes something, and once for all."""
        given = [entry for entry in mails if self._is_given(entry)]
        texts = known_quotes.for_customers(given, self._readable(ticket, entries_of), self.key)
        return any(self._has_words(subject, entry, text) for entry, text in zip(given, texts, strict=True))

    def _has_words(self, subject: str, entry: Entry, text: str) -> bool:
        own = entry.author.key == self.key and entry.role is not Role.AGENT
        shown = entry.body_text if own else text
        return has_words(self.wanted, subject, (shown, *(a.filename for a in entry.attachments)))

    def _is_given(self, entry: Entry) -> bool:
        return entry.role is not Role.AGENT or self.given_by is None or entry.created_at <= self.given_by

    def _readable(self, ticket: Ticket, entries_of: EntriesOf) -> Iterator[Entry]:
        for entry in entries_of(ticket.number):
            if entry.kind is EntryKind.CORRESPONDENCE and self._is_given(entry):
                yield from sides.visible(ticket, self.key, (entry,))

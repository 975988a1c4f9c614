"""How agents may call our own statuses, in a mail or at the shell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from gateway import texts
from gateway.core.lifecycle import Status, agent_label
from gateway.texts import Catalogs, mark_in

_STATUS_WORDS: dict[Status, str] = {
    Status.NEW: mark_in("status", "new"),
    Status.WAITING_ON_US: mark_in("status", "waiting on us|us|open"),
    Status.WAITING_ON_CONTACT: mark_in("status", "waiting on contact|waiting on customer|contact|customer|waiting"),
    Status.SOLVED: mark_in("status", "solved"),
    Status.CLOSED: mark_in("status", "closed"),
}


def status_words() -> Mapping[str, Status]:
    """How agents may call our own statuses, in every language."""
    return _status_words(texts.catalogs())


def status_called(name: str, language: str) -> str:
    """How who reads a language may call one of our statuses behind `#status`; a name of the site's stays as it is."""
    status = next((s for s in _STATUS_WORDS if s.value == name.replace(" ", "_")), None)
    if status is None:
        return name
    word, label = texts.catalog(language).words_in("status", _STATUS_WORDS[status])[0], agent_label(status, language)
    # Words are kept in small letters, and in German a customer has a large one.
    shown = label[0].lower() + label[1:].partition(" (")[0]
    return shown if shown.casefold() == word else word


@lru_cache(maxsize=1)
def _status_words(catalogs: Catalogs) -> dict[str, Status]:
    found: dict[str, Status] = {}
    for words in catalogs.every():
        for status, message in _STATUS_WORDS.items():
            for word in words.words_in("status", message):
                found.setdefault(word, status)
    return found

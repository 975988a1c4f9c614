"""A request that is not served: a status, and the friendly page that goes with it."""

from __future__ import annotations

from gateway.portal.words import Words


class Refusal(Exception):
    """Raise it anywhere while a request is handled. Header names are written with `_` for `-`."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def said(status: int, words: Words) -> tuple[str, str]:
    """Title and text of the page for a status."""
    if status == 413:
        return words.large_title, words.large
    if status in (405, 415):
        return words.method_title, words.method
    if status == 429:
        return words.often_title, words.often
    if status == 503:
        return words.away_title, words.away
    if status >= 500:
        return words.fault_title, words.fault
    if status in (400, 403, 408):
        return words.forged_title, words.forged
    return words.missing_title, words.missing

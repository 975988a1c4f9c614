"""A password from a file, read at each login."""

from __future__ import annotations

from collections.abc import Callable


class Password:
    """A `Credential`. Raises what reading the file raises."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    async def get(self) -> str:
        return self._read()

    def rejected(self) -> bool:
        return False

"""A request that is not served: a status, and the friendly page that goes with it."""

from __future__ import annotations

from gateway.portal.views import View


class Refusal(Exception):
    """Raise it anywhere while a request is handled; without a page of its own, the status has one.

    Header names are written with `_` for `-`.
    """

    def __init__(self, status: int, page: View | None = None, **headers: str) -> None:
        super().__init__(str(status))
        self.status, self.page = status, page
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

"""Sentences about requests that are answered together. Pure."""

from __future__ import annotations

from gateway.texts import mark as _

TOGETHER: dict[str, str] = {
    "goes_on_as_before": _("Your request {0} is handled together with another one. Our answers reach you as before."),
    "goes_on_under": _("Your request {0} goes on under the reference {1}."),
    "goes_on_apart": _("Your request {0} is handled by itself again, under this reference."),
    "closes_together": _("We have noted that your request is done for you. It is closed together with the other one."),
    "asks_close": _("{0} asks to close it. It stays as it is, for others ask something here as well."),
    "merge_differs": _(
        "{0} and {1} are requests of different customers. Answers would go to all of them; nobody would read what the "
        "others wrote before."
    ),
    "merge_brings": _(
        "{0} took part in only one of these ({1}), and would read what was written in the other as soon as somebody "
        "answers."
    ),
}

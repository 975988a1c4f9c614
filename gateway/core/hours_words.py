"""What an acknowledgement says about when somebody will answer, in words."""

from __future__ import annotations

from datetime import datetime

from gateway.core.hours import Hours
from gateway.core.policy import Policy
from gateway.core.ticket import Ticket

_DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
}
_EN = "January February March April May June July August September October November December"
_DE = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
_MONTHS = {"en": tuple(_EN.split()), "de": tuple(_DE.split())}
_HERE = {"en": "We are here on {0}, {1} to {2}.", "de": "Sie erreichen uns {0}, {1} bis {2} Uhr."}
_CLOSED = {
    "en": "We are closed right now and will be back on {0}.",
    "de": "Zurzeit ist niemand da; ab {0} sind wir wieder für Sie da.",
}
_ANSWER = {"en": "You can expect our answer by {0}.", "de": "Mit unserer Antwort können Sie bis {0} rechnen."}
_MOMENT = {"en": "{0}, {1} {2}, at {3}", "de": "{0}, {1}. {2}, {3} Uhr"}
_TO, _AND = {"en": " to ", "de": " bis "}, {"en": " and ", "de": " und "}


def sentences(ticket: Ticket, policy: Policy, language: str, now: datetime) -> tuple[str, ...]:
    """Business hours, the next opening while closed, and the expected answer; what the site has set of these."""
    tongue = language if language in _HERE else "en"
    hours = policy.hours
    said = []
    if not hours.always:
        closes = hours.closes.strftime("%H:%M") if hours.closes else "24:00"
        said.append(_HERE[tongue].format(_days(hours, tongue), hours.opens.strftime("%H:%M"), closes))
        opening = hours.next_opening(now)
        if opening and opening > now:
            said.append(_CLOSED[tongue].format(_moment(opening, hours, tongue)))
    if ticket.due_at is not None:
        said.append(_ANSWER[tongue].format(_moment(ticket.due_at, hours, tongue)))
    return tuple(said)


def _days(hours: Hours, tongue: str) -> str:
    """`Monday to Friday`, or each day by name where there are gaps."""
    days = sorted(hours.days)
    told = [_DAYS[tongue][d] for d in days]
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return told[0] + _TO[tongue] + told[-1]
    return told[0] if len(told) == 1 else ", ".join(told[:-1]) + _AND[tongue] + told[-1]


def _moment(moment: datetime, hours: Hours, tongue: str) -> str:
    local = moment.astimezone(hours.zone)
    month = _MONTHS[tongue][local.month - 1]
    return _MOMENT[tongue].format(_DAYS[tongue][local.weekday()], local.day, month, local.strftime("%H:%M"))

"""Role addresses: mailboxes of a machine or an office, where no person reads an answer (RFC 2142, RFC 3834).

The one table for every use: who is not acknowledged, who does not join a ticket, who gets no
reminder and no news of a status.
"""

from __future__ import annotations

import re

_LOCAL_PARTS = re.compile(
    # They say themselves that nobody reads there, alone or as a part: `billing.no-reply`, `bounce+7`.
    r"(?:.*[-_.+])?(?:no[-_.]?reply\d*|do[-_.]?not[-_.]?reply|nicht-?antworten|keine-?antwort|ne-?pas-?repondre"
    r"|auto-?reply|autoresponder|bounces?)(?:[-_.+=].*)?"
    r"|(?:no-?reply|do-?not-?reply).*"
    # Offices and programs, alone or with a detail (RFC 5233).
    r"|(?:postmaster|mailer-?daemon|root|daemon|cron|abuse|hostmaster|webmaster|notifications|majordomo|listserv"
    r"|listmaster|mailman|nobody|undisclosed-recipients|www-data)(?:\+.*)?"
    # The machinery of mailing lists.
    r"|owner-.*|.*-(?:owner|request|bounces)",
    re.I,
)


def is_role(address: str) -> bool:
    """Whether an address, or the key of one, is a role's; something without `@` is none."""
    return _LOCAL_PARTS.fullmatch(address.rpartition("@")[0]) is not None

"""Role addresses: mailboxes of a machine or an office, where no person reads an answer (RFC 2142, RFC 3834).

The one table for every use: who is not acknowledged, who does not join a ticket, who gets no
reminder and no news of a status.
"""

from __future__ import annotations

import re

from gateway.mail import lists
from gateway.mail.message import Address, Message

_LOCAL_PARTS = re.compile(
    # They say themselves that nobody reads there, alone or as a part: `billing.no-reply`, `bounce+7`.
    r"(?:.*[-_.+])?(?:no[-_.]?reply\d*|do[-_.]?not[-_.]?reply|nicht-?antworten|keine-?antwort|ne-?pas-?repondre"
    r"|auto-?reply|autoresponder|bounces?)(?:[-_.+=].*)?"
    r"|(?:no-?reply|do-?not-?reply).*"
    # Offices and programs, alone or with a detail (RFC 5233).
    r"|(?:post[-_.]?master|mailer-?daemon|root|daemon|cron|abuse|hostmaster|webmaster|notifications|majordomo|listserv"
    r"|listmaster|mailman|nobody|undisclosed-recipients|www-data|mailer|wordpress|forms?|web-?form|contact-?form"
    r"|kontakt-?formular|voice-?mail|mailbox-?messaging|anonymous|anonymer-?anrufer|(?:tele)?fax|scan(?:ner)?|scan-?to-?mail|copier"
    r"|kopierer|printer|drucker|monitor(?:ing)?|nagios|icinga|zabbix|jenkins|alerts?)(?:\+.*)?"
    # The machinery of mailing lists.
    r"|owner-.*|.*-(?:owner|request|bounces)",
    re.I,
)


def is_role(address: str) -> bool:
    """Whether an address, or the key of one, is a role's; something without `@` is none. `.invalid` is no domain at
    all (RFC 2606)."""
    local, at, domain = address.rpartition("@")
    nowhere = bool(at) and domain.casefold().rpartition(".")[2] == "invalid"
    unread = domain.casefold().startswith(("noreply.", "no-reply.")) or ".noreply." in domain.casefold()
    return nowhere or unread or _LOCAL_PARTS.fullmatch(local) is not None


_SHARED = re.compile(
    r"(?:web-?|contact-?|kontakt-?)?(?:form|formular|formulare|forms)|wordpress|typo3|joomla|drupal|apache|httpd|php"
    r"|w(?:ww|eb)(?:-?(?:site|server|host|page|seite|mail(?:er)?|app|shop|admin))?|cms|scan(?:ner)?|mfp|copier|kopierer"
    r"|fax|voice-?mail|anrufbeantworter|mailbox|mailer|mailbot|(?:[\w-]+-)?(?:bot|robot|service-?account)",
    re.I,
)
_CALLER = re.compile(
    r"(?:(?:incoming |missed )?(?:call|fax|sms|voice-?mail|message)|(?:verpasster )?anruf|(?:sprach)?nachricht|appel"
    r"|llamada|chiamata|oproep|po[lł]ączenie)?(?: (?:from|von|de|da|van|od))?:? ?[+\d][\d ()/.-]{4,}",
    re.I,
)
_FORMS = (
    *("wpcf7", "wordpress", "shopify", "typeform", "jotform", "formresponse.", "wufoo", "gravityforms"),
    *("gravity-forms", "formspree", "ninjaforms", "ninja-forms", "wpforms", "formresponses@netlify", "web3forms"),
    *("form-submission@squarespace", "no-reply-forms@webflow", "@formsubmit.co", "@usebasin.com", "cognitoforms"),
)


def is_shared(who: Address) -> bool:
    """Whether mails of many people come from an address: a form, a scanner, a telephone system."""
    local = who.address.partition("@")[0]
    return is_role(who.address) or bool(_SHARED.fullmatch(local) or _CALLER.fullmatch(who.name)) or " via " in who.name


def is_known_form(message: Message) -> bool:
    """Whether a well-known form sent it, by a field only it writes, its program or its address."""
    said = (message.author.address if message.author else "", message.header("x-mailer"), *message.headers)
    return any(map("\n".join(said).lower().__contains__, _FORMS))


def is_by_list(message: Message) -> bool:
    """Whether a list sends it on under an address of its own ("Nora via Info", in other languages in other words)."""
    author = message.author
    listed = any(name.startswith("list-") or name == "x-beenthere" for name in message.headers)
    return listed and author is not None and (" via " in author.name or is_list(author, message))


def is_list(who: Address, message: Message) -> bool:
    """Whether all of a list read what is sent to an address, by the list's own fields."""
    return bool(lists.among(message, (who,)))

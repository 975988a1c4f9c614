"""From a decided notice to a mail: header values and words, not yet text.

Obeys RFC 5322 section 3.6.4 (threading), RFC 3834 (automatic mail) and DESIGN's "What we send".
Pure: the same scene gives the same mail, so a retry repeats its Message-ID.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway import texts
from gateway.core import clock, entry_words, hours, known_quotes, outgoing_text, sides, statuses, token
from gateway.core import language as tongue
from gateway.core.buttons import CLOSABLE, button_of, choices_of, downloads, mailbox_of, order, plain_subject, speaks_as
from gateway.core.labels import HEADLINES, SUBJECTS
from gateway.core.lifecycle import Status
from gateway.core.notice import (
    AttachedFile,
    Audience,
    Button,
    Line,
    ListedTicket,
    Notice,
    NoticeRequest,
    Outbound,
    Picture,
    Section,
    TicketWords,
    Words,
)
from gateway.core.person_traces import MARK
from gateway.core.policy import Mailbox, Policy
from gateway.core.sentences import text_of
from gateway.core.signature import closing
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.core.token import Named
from gateway.mail.message import NULL_REVERSE_PATH, Address, address_key
from gateway.mail.new_text import marker
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject
from gateway.texts import mark as _

CONVERSATION_LINES = 12
"""Entries of the conversation repeated in a mail."""
LISTED = 100
"""Tickets named in one mail; the rest is counted."""
_ERASED, _UNNAMED = _("(erased)"), _("(no sender)")


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a notice may speak of."""

    now: datetime
    cause: str
    """What it was decided for, and when (`journal:17:…`, `act:…`): with recipient and notice it names this one mail."""
    ticket: Ticket | None = None
    entry: Entry | None = None
    """The entry this is about."""
    text: str = ""
    """What a customer gets of the entry."""
    conversation: tuple[Entry, ...] = ()
    """Earlier entries, oldest first."""
    is_cut: bool = False
    """There are still earlier ones than `conversation` has."""
    refers_to: tuple[str, ...] = ()
    """Message-IDs of the customer's mails on the ticket, oldest first."""
    files: tuple[AttachedFile, ...] = ()
    languages: Mapping[str, str] = field(default_factory=dict)
    """Address key → language the contact is known to want."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Address key → what the contact is called, for an address that an agent wrote alone."""
    listed: tuple[Ticket, ...] = ()
    """The recipient's own open tickets."""
    sections: tuple[Section, ...] = ()
    """Parts of a digest."""
    access_state: str = ""
    """Mark of what a link rests on that signs in or sets a password: it acts only while that is so."""
    leads_to: str = ""
    """Path of the page of the portal whoever signs in by this mail wanted to see."""
    html: str = ""
    """`text` with the agent's formatting."""
    faces: Mapping[int, Ticket] = field(default_factory=dict)
    """Tickets that were merged into this one, by number: what their customers know it by."""
    merged: Ticket | None = None
    """The ticket that was merged into this one just now."""
    picture: Picture | None = None
    """Of a digest."""


_NEVER_ANSWERED = frozenset({Notice.CANARY, Notice.OPERATOR_ALARM, Notice.AGENT_RECEIPT})
_UNMARKED = _NEVER_ANSWERED | {
    Notice.REGISTRATION,
    Notice.REGISTERED,
    Notice.PASSWORD_RESET,
    Notice.SIGN_IN,
    Notice.CLOSED,
    Notice.RATING_REQUEST,
    Notice.RATED,
}
"""Mails with nothing below that a reply would repeat."""
_ASKING = ("kept", "drafts")
"""Headlines of receipts that want an answer; some mail programs keep nothing but its address."""
_WITH_CONVERSATION = frozenset(
    {
        Notice.REPLY,
        Notice.CLOSE_CONFIRMATION,
        Notice.SOLVED_REMINDER,
        Notice.WAITING_REMINDER,
        Notice.AGENT_NOTICE,
        Notice.STATUS_CHANGED,
    }
)
_AUTO_REPLIED = frozenset({Notice.REQUEST_RECEIVED, Notice.REGISTRATION, Notice.TICKET_LIST, Notice.AGENT_RECEIPT})
"""RFC 3834 section 5: an answer to a mail. Other automatic mail is auto-generated."""


def compose(request: NoticeRequest, scene: Scene, policy: Policy) -> Outbound:
    """One notice to one recipient."""
    if name := scene.names.get(request.recipient.key, "") if not request.recipient.name else "":
        request = replace(request, recipient=replace(request.recipient, name=name))
    scene = _as_read(request, scene)
    ticket = scene.ticket
    box = mailbox_of(ticket, policy)
    named = ticket.named if ticket else token.NOTHING
    agent = policy.agent_for(request.recipient.address) if request.audience is Audience.AGENT else None
    if request.audience in (Audience.CUSTOMER, Audience.ADVISER):
        # A list of own requests speaks as the mails about the newest of them.
        about = ticket or next(iter(scene.listed), None)
        theirs = scene.languages.get(request.recipient.key, "")
        language = tongue.of_customer(theirs, about, mailbox_of(about, policy), policy)
    else:
        language = tongue.of_agent(agent, box if ticket else None, policy)
    holder = request.recipient.key if agent else ""
    audience = "a" if agent else "b" if request.audience is Audience.ADVISER else "c"
    # Only its domain is in our ids, and that stays: they lead from one mail to the next.
    domain = box.domain
    box = speaks_as(request, ticket, box, policy)
    identity = f"{request.notice}\0{scene.cause}\0{request.recipient.key}\0{request.headline}"
    message_id = token.message_id(policy.keys, named, audience, holder, identity, domain)
    root = token.message_id(policy.keys, named, audience, holder, "root", domain)
    heard = scene.refers_to if request.audience in (Audience.CUSTOMER, Audience.ADVISER) else ()
    by_agent = _human(request, scene)
    # A conversation that we begin answers nothing: there is no mail the customer could have.
    begins = by_agent and not heard and not scene.conversation
    root_id = [root] if ticket and not begins else []
    return Outbound(
        request.notice,
        request.audience,
        request.recipient,
        _from(request, scene, box, by_agent),
        _reply_to(request, box, policy, named, holder, audience),
        _reverse_path(request, box, policy, by_agent),
        _subject(request, ticket, box, policy, language, begins=begins),
        message_id,
        heard[-1] if heard else "".join(root_id),
        tuple(dict.fromkeys((*heard, *root_id, message_id))),
        "" if by_agent else "auto-replied" if request.notice in _AUTO_REPLIED else "auto-generated",
        scene.now,
        _words(request, scene, policy, box, language, message_id),
        scene.files if _carries_text(request, scene) else (),
        named.number,
        base_subject(ticket.subject) if ticket and audience == "c" else "",
        token.thread_index(policy.keys, named, ticket.created_at) if ticket and audience == "c" else "",
    )


def _as_read(request: NoticeRequest, scene: Scene) -> Scene:
    """The scene as its reader may see it: of customers whose tickets were merged each has the own side only, an
    adviser nothing but what they wrote."""
    ticket, key = scene.ticket, request.recipient.key
    if request.audience is Audience.ADVISER:
        theirs = (e.message_id for e in scene.conversation if e.role is Role.ADVISER and e.author.key == key)
        return replace(scene, conversation=(), refers_to=tuple(filter(None, theirs)))
    if request.audience is not Audience.CUSTOMER or ticket is None:
        return scene
    if scene.entry and scene.entry.kind is EntryKind.COMMENT:
        # What an order beside a note, or a question to an adviser, has them told of has none of its words.
        scene = replace(scene, text="", html="", files=())
    if not sides.is_shared(ticket):
        seen, refers_to = sides.for_one(ticket, scene.conversation, scene.refers_to, key)
        return replace(scene, conversation=seen, refers_to=refers_to)
    seen = sides.visible(ticket, key, scene.conversation)
    ids = {e.message_id for e in seen if e.role is not Role.AGENT}
    return replace(
        scene,
        ticket=sides.of_reader(ticket, scene.faces.get(sides.face(ticket, key), ticket)),
        entry=scene.entry if scene.entry and scene.entry.side in sides.sees(ticket, key) else None,
        conversation=seen,
        refers_to=tuple(i for i in scene.refers_to if i in ids),
    )


def _human(request: NoticeRequest, scene: Scene) -> bool:
    """A human wrote it: an agent's answer, whichever notice carries it."""
    says = bool(scene.text or scene.files)
    return _answer(request, scene) and says and scene.entry is not None and scene.entry.role is Role.AGENT


def _carries_text(request: NoticeRequest, scene: Scene) -> bool:
    return (request.notice is Notice.AGENT_NOTICE and not request.brief) or _answer(request, scene)


def _answer(request: NoticeRequest, scene: Scene) -> bool:
    return request.notice in (Notice.REPLY, Notice.CLOSE_CONFIRMATION) and scene.entry is not None


def _from(request: NoticeRequest, scene: Scene, box: Mailbox, by_agent: bool) -> Address:
    if by_agent and scene.entry and scene.entry.author.name:
        return Address(box.address, f"{scene.entry.author.name} ({box.name})" if box.name else scene.entry.author.name)
    # Of an agent without a name nobody but agents reads the address.
    unnamed = request.audience is not Audience.AGENT and scene.entry and scene.entry.role is Role.AGENT
    if _carries_text(request, scene) and scene.entry and scene.entry.author.shown and not unnamed:
        return Address(box.address, f"{scene.entry.author.shown} – {box.name}" if box.name else "")
    return Address(box.address, box.name)


def _reply_to(
    request: NoticeRequest, box: Mailbox, policy: Policy, ticket: Named, holder: str, audience: str
) -> Address | None:
    drafts = request.notice is Notice.AGENT_RECEIPT and request.headline in _ASKING
    if not box.reply_address or not (drafts or (ticket.number and request.notice not in _NEVER_ANSWERED)):
        return None
    mark = token.address_token(policy.keys, "t" if audience == "c" else audience, ticket, holder)
    return Address(box.reply_address.replace("{token}", mark), box.name)


def _reverse_path(request: NoticeRequest, box: Mailbox, policy: Policy, by_agent: bool) -> str:
    # RFC 3834 section 3.3: what answers automatically must not be answered by a bounce.
    if not by_agent and request.notice in _AUTO_REPLIED and policy.null_reverse_path:
        return NULL_REVERSE_PATH
    return box.address


def _subject(
    request: NoticeRequest, ticket: Ticket | None, box: Mailbox, policy: Policy, language: str, *, begins: bool
) -> str:
    """The customer's subject with the reference once; for agents the headline before it."""
    own = SUBJECTS.get(request.notice)
    if own and request.headline == "all_clear":
        return f"Replydesk: {_headline(request.headline, language)}"
    if own:
        return texts.catalog(language).gettext(own)
    if ticket is None:
        return _headline(request.headline, language) or "Replydesk"
    reference = f"[{policy.reference(ticket)}]"
    if request.audience is Audience.ADVISER:
        # The ticket's own subject is a customer's.
        asked = texts.catalog(language).gettext(_("Question from {name}"), name=box.name or box.address)
        return f"{'' if begins else 'Re: '}{asked} {reference}"
    base = plain_subject(ticket, policy)
    if request.audience is Audience.CUSTOMER:
        base = base or texts.catalog(language).gettext("Your request")
        return f"{'' if begins else 'Re: '}{base[:180]} {reference}"
    headline = _headline(request.headline, language)
    # A request that has no subject is none of the agent's.
    colon = texts.catalog(language).pgettext("behind a label", ":")
    return f"{headline}{colon} {base[:160]} {reference}" if base else f"{headline} {reference}"


def _headline(word: str, language: str) -> str:
    return texts.catalog(language).gettext(HEADLINES[word]) if word in HEADLINES else word


# --- words -------------------------------------------------------------------------------


def _words(request: NoticeRequest, scene: Scene, policy: Policy, box: Mailbox, language: str, message_id: str) -> Words:
    entry, ticket = scene.entry, scene.ticket
    to_agent = request.audience in (Audience.AGENT, Audience.OPERATOR)
    text, html, author, signature, names = "", "", "", "", tuple[str, ...]()
    if request.brief:
        entry = None
    if entry is not None and request.notice is Notice.AGENT_NOTICE:
        text = entry_words.for_agents(entry, policy, language, entry_words.ENTRY_LENGTH)
        html = entry_words.marked_up(entry, scene.html, policy, language)
        author, names = entry.author.shown, entry_words.names(entry, language, scene.files, pictures=True)
    elif entry is not None and _answer(request, scene):
        text, html, names = scene.text, scene.html, entry_words.names(entry, language, scene.files)
        author, signature = closing(text, entry.author, box, policy)
    elif request.notice is Notice.CANARY:
        text = scene.text
    button, expires, mailto = button_of(request, scene, policy, box, language)
    return Words(
        notice=request.notice,
        language=language,
        marker="" if request.notice in _UNMARKED or ticket is None else marker(language),
        recipient=request.recipient,
        sender=box.name or box.address,
        sender_address=box.address,
        ticket=None
        if ticket is None or request.audience is Audience.ADVISER
        else _ticket_words(ticket, policy, language, to_agent, request.recipient.key == ticket.requester.key),
        button=button,
        text=text,
        html=html,
        author=author,
        attachments=names,
        conversation=_conversation(request, scene, box, policy, language),
        headline=_headline(request.headline, language),
        remarks=_remarks(request, scene, policy, language),
        signature=signature,
        also_to=tuple(a for a in _also_to(request, scene) if not policy.is_own(a)),
        expires=expires,
        evidence=entry.evidence if entry and to_agent else "",
        adviser=_adviser(request, scene),
        close_mailto=mailto,
        downloads=downloads(scene.files, message_id, policy, language, now=scene.now)
        if _carries_text(request, scene)
        else (),
        closes_at=_closes_at(request, scene, policy),
        omitted=max(0, len(_earlier(request, scene)) - CONVERSATION_LINES),
        omits_more=scene.is_cut,
        acts=_acts(request, ticket, policy, language),
        brief=request.brief,
        sections=scene.sections,
        listed=tuple(_listed(t, policy, language) for t in scene.listed[:LISTED]),
        choices=choices_of(request, scene, policy, language),
        statuses=statuses.meanings(policy, language) if request.notice is Notice.REQUEST_RECEIVED else (),
        picture=replace(scene.picture, content_id=f"picture.{message_id}") if scene.picture else None,
    )


def _acts(request: NoticeRequest, ticket: Ticket | None, policy: Policy, language: str) -> tuple[Button, ...]:
    """What an agent may do with a touch; nothing where all that is left is to know it."""
    agent = policy.agent_for(request.recipient.address)
    if request.notice is not Notice.AGENT_NOTICE or ticket is None or agent is None or ticket.status is Status.CLOSED:
        return ()
    taken = address_key(ticket.assignee) in agent.keys
    names = (*(() if taken else ("take",)), *(() if request.brief else ("solved", "wait", "note")))
    made = (order(ticket, agent, policy, name, language) for name in names)
    return tuple(button for button in made if button)


def _adviser(request: NoticeRequest, scene: Scene) -> str:
    """Whose mail an agent is told of, where that is no customer's."""
    told = request.notice is Notice.AGENT_NOTICE and not request.brief and scene.entry
    return told.author.address if told and told.role is Role.ADVISER else ""


def _also_to(request: NoticeRequest, scene: Scene) -> tuple[str, ...]:
    """For a customer: who else gets this. For an agent: who gets the answer, when that is more than the requester."""
    ticket, notice = scene.ticket, request.notice
    if ticket is None or request.audience is Audience.ADVISER:
        return ()
    if notice is Notice.AGENT_NOTICE:
        stranger = scene.entry is not None and scene.entry.role is Role.STRANGER
        told = (bool(ticket.participants) or stranger) and not (request.brief or _adviser(request, scene))
        return tuple(a.address for a in _answered(ticket)) if told else ()
    if notice is Notice.REPLY or (notice is Notice.CLOSE_CONFIRMATION and scene.text):
        people = _answered(ticket) if request.shared_with is None else request.shared_with
        return tuple(a.address for a in people if a.key != request.recipient.key and "@" in a.key)
    return ()


def _remarks(request: NoticeRequest, scene: Scene, policy: Policy, language: str) -> tuple[str, ...]:
    """Sentences in the reader's language; what the entry itself remarks is not said twice."""
    entry, ticket, now = scene.entry, scene.ticket, scene.now
    own = entry.remarks if entry and request.notice is Notice.AGENT_NOTICE and not request.brief else ()
    own = tuple(filter(None, (entry_words.besides(r, ticket.number) for r in own))) if ticket is not None else own
    said = tuple(text_of(r, language) for r in dict.fromkeys((*request.remarks, *own)))
    if request.notice is Notice.MERGED and request.headline and ticket is not None:
        return (text_of(code("goes_on_apart", policy.reference(ticket)), language),)
    if request.notice is Notice.MERGED and ticket is not None and scene.merged is not None:
        old, new = (policy.reference(t) for t in (scene.merged, ticket))
        return (text_of(code("goes_on_as_before", old) if old == new else code("goes_on_under", old, new), language),)
    if (more := len(scene.listed) - LISTED) > 0:
        words = texts.catalog(language)
        said = (*said, words.gettext(_("And {count} more: {url}"), count=more, url=f"{policy.public_url}/tickets"))
    if request.notice is not Notice.REQUEST_RECEIVED or ticket is None:
        return said
    return (*said, *hours.in_words(policy.hours, ticket.due_at, language, now))


def _listed(ticket: Ticket, policy: Policy, language: str) -> ListedTicket:
    label, url = statuses.label(ticket, policy, language), f"{policy.public_url}/tickets/{ticket.number}"
    return ListedTicket(policy.reference(ticket), ticket.subject, label, ticket.last_activity_at, url)


def _ticket_words(ticket: Ticket, policy: Policy, language: str, to_agent: bool, confirms: bool) -> TicketWords:
    audience = Audience.AGENT if to_agent else Audience.CUSTOMER
    holder = policy.agent_for(ticket.assignee) if ticket.assignee else None
    reached = (a for a in _answered(ticket) if not policy.is_own(a.address))
    return TicketWords(
        ticket.number,
        policy.reference(ticket),
        ticket.subject,
        ticket.status,
        statuses.label(ticket, policy, language, audience, confirms=confirms),
        statuses.meaning(ticket, policy, language, confirms=to_agent or confirms),
        ticket.requester,
        ticket.created_at,
        ticket.last_activity_at,
        ((holder.name if holder else "") or ticket.assignee) if to_agent else "",
        ticket.due_at if to_agent else None,
        ticket.tags if to_agent else (),
        next((a.shown if a is ticket.requester else a.address for a in reached), ""),
    )


def _answered(ticket: Ticket) -> tuple[Address, ...]:
    """Who is in a conversation and has an address: a fax has none, nor has somebody who was erased."""
    return tuple(a for a in (ticket.requester, *ticket.participants) if "@" in a.key)


def _conversation(
    request: NoticeRequest, scene: Scene, box: Mailbox, policy: Policy, language: str
) -> tuple[Line, ...]:
    """What went before, newest first."""
    shown, to_agent = _earlier(request, scene)[-CONVERSATION_LINES:][::-1], request.audience is Audience.AGENT
    if to_agent:
        said = [entry_words.for_agents(e, policy, language) for e in shown]
    else:
        read = known_quotes.for_customers(shown, scene.conversation, request.recipient.key)
        said = [entry_words.shortened(outgoing_text.without_access(t, policy), language) for t in read]
    return tuple(_line(e, box, text, language) for e, text in zip(shown, said, strict=True))


def _earlier(request: NoticeRequest, scene: Scene) -> list[Entry]:
    """Entries a mail repeats: for customers correspondence only, for agents everything a human wrote."""
    if request.notice not in _WITH_CONVERSATION or request.brief:
        return []
    shown = {EntryKind.CORRESPONDENCE}
    if request.audience is Audience.AGENT:
        shown |= {EntryKind.COMMENT, EntryKind.REPORT, EntryKind.AUTOMATIC}
    mine = scene.entry.id if scene.entry and (_human(request, scene) or request.audience is Audience.AGENT) else 0
    return [e for e in scene.conversation if e.kind in shown and e.id != mine]


def _closes_at(request: NoticeRequest, scene: Scene, policy: Policy) -> datetime | None:
    if request.notice not in CLOSABLE or not policy.close_after_days:
        return None
    since = scene.ticket.solved_at if scene.ticket and scene.ticket.solved_at else scene.now
    return clock.closes_at(since, scene.ticket.reminded_at if scene.ticket else None, policy)


def _line(entry: Entry, box: Mailbox, text: str, language: str) -> Line:
    role = {Role.AGENT: "agent", Role.SYSTEM: "system"}.get(entry.role, "customer")
    # A customer knows an agent by name; the address is not for them.
    name = entry.author.name or box.name or box.address if entry.role is Role.AGENT else entry.author.shown
    if role == "customer" and not entry.author.name and "@" not in name:
        # Of somebody who was erased there is no text either; a fax has one.
        name = texts.catalog(language).gettext(_ERASED if entry.body_text.strip() in ("", MARK) else _UNNAMED)
    internal = entry.kind is EntryKind.COMMENT
    return Line(name, role, entry.created_at, text, entry_words.names(entry, language), internal)

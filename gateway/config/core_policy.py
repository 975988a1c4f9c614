"""What the core may know of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from gateway import texts
from gateway.config.canned import texts_in
from gateway.config.settings import RuleSettings, Settings
from gateway.config.values import span_of
from gateway.core import tags
from gateway.core.hours import Hours
from gateway.core.lifecycle import Status
from gateway.core.policy import Agent, Mailbox, Policy, SiteStatus
from gateway.core.rules import Concerns, SiteRule
from gateway.core.token import Keys
from gateway.core.window import Budget
from gateway.mail.message import address_key


def _languages(settings: Settings) -> tuple[str, ...]:
    """Those mails may be written in: what the site wants of all there are texts in, and what it names elsewhere."""
    gateway = settings.gateway
    named = {
        gateway.default_language,
        *(b.language for b in settings.mailboxes),
        *(a.language for a in settings.agents),
    }
    return tuple(tag for tag in texts.languages() if not gateway.languages or tag in {*gateway.languages, *named})


def policy(settings: Settings, keys: Keys) -> Policy:
    """What the core may know of the settings."""
    gateway, limits, life = settings.gateway, settings.limits, settings.lifecycle
    return Policy(
        keys=keys,
        mailboxes=tuple(
            Mailbox(
                b.address,
                b.name,
                b.language or gateway.default_language,
                b.reply_address,
                b.signature,
                tuple(b.aliases),
                b.first_response_hours,
                b.next_response_hours,
                b.assign,
                b.announce,
            )
            for b in settings.mailboxes
        ),
        agents=tuple(
            Agent(a.address, a.name, a.lead, tuple(a.mailboxes), tuple(a.aliases), a.language, a.signature)
            for a in settings.agents
        ),
        default_language=gateway.default_language,
        languages=_languages(settings),
        public_url=gateway.public_url,
        operator=gateway.operator,
        reference_prefix=gateway.reference_prefix,
        trusted_authserv_ids=tuple(gateway.trusted_authserv_ids),
        verifies_as=settings.hostname if settings.receive.smtp.verify_senders else "",
        trusted_form_senders=tuple(gateway.trusted_form_senders),
        trusted_spam_fields=tuple(name.casefold() for name in gateway.trusted_spam_fields),
        reopen_window_days=life.reopen_window_days,
        close_after_days=life.close_after_days,
        remind_after_days=life.remind_after_days,
        link_days=settings.portal.link_days,
        passwords=settings.portal.sign_in != "link",
        null_reverse_path=settings.send.null_reverse_path,
        acknowledgement_budgets=_budgets(limits.automatic_mail),
        domain_budgets=_budgets(limits.automatic_mail_domain),
        total_budgets=_budgets(limits.automatic_mail_total),
        alike_budgets=_budgets(limits.alike_mails),
        new_ticket_budgets=_budgets(limits.new_tickets),
        reopen_budgets=_budgets(limits.reopens),
        notify_customers_of_status=life.notify_customers_of_status,
        answering_assigns=life.answering_assigns,
        max_attachment_bytes=settings.send.max_attachment_bytes,
        hold_minutes=settings.send.hold_minutes,
        hours=hours(settings),
        business_days=life.count == "business",
        waiting_remind_after_days=life.waiting_remind_after_days,
        waiting_solved_after_days=life.waiting_solved_after_days,
        rating_after_hours=settings.rating.after_hours,
        rating_scale=settings.rating.scale,
        rating_change_days=settings.rating.change_days,
        statuses=tuple(
            SiteStatus(s.name, Status(s.counts_as), dict(s.labels), dict(s.meanings)) for s in settings.statuses
        ),
        rules=tuple(_rule(r) for r in settings.rules),
        texts=texts_in(settings.templates_dir),
        own_addresses=frozenset(address_key(a) for b in settings.mailboxes for a in (b.address, *b.aliases))
        | _of_board(settings),
    )


def _of_board(settings: Settings) -> frozenset[str]:
    """The account whose folders agents share: mail programs send from it unless told otherwise, and who reads there are
    the agents. Where it is named as an agent's or the operator's, it is theirs."""
    account = settings.board.username if settings.board.host else ""
    theirs = {address_key(a) for a in (*agent_addresses(settings), settings.gateway.operator)}
    return frozenset({address_key(account)} - theirs) if "@" in account else frozenset()


def _rule(r: RuleSettings) -> SiteRule:
    return SiteRule(
        r.name,
        Concerns(r.about),
        mailbox=tuple(r.mailbox),
        sender=tuple(r.sender),
        subject=tuple(r.subject),
        header={name.casefold(): holds for name, holds in r.header.items()},
        body=tuple(r.body),
        authentication=r.authentication,
        hours=r.hours,
        tag=tags.read(" ".join(r.tag)) or (),
        assign=r.assign,
        hand_to=r.hand_to,
        status=r.status,
        fold=r.fold,
        acknowledge=r.acknowledge,
    )


def agent_addresses(settings: Settings) -> list[str]:
    """Every address an agent may write from."""
    return [address for agent in settings.agents for address in (agent.address, *agent.aliases)]


def hours(settings: Settings) -> Hours:
    """The business calendar."""
    h = settings.hours
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return Hours(
        ZoneInfo(settings.gateway.timezone),
        frozenset(names.index(d) for d in h.days),
        time.fromisoformat(h.open),
        None if h.close == "24:00" else time.fromisoformat(h.close),
        frozenset(date.fromisoformat(d) for d in h.holidays),
    )


def _budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    return tuple(Budget(int(text.partition("/")[0]), span_of(text) // timedelta(minutes=1)) for text in texts)

"""A mail judged by itself: with a site's settings, but without its database."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.core.case import Case
    from gateway.core.policy import Policy
    from gateway.core.token import Keys
    from gateway.mail.message import Envelope


def throw_away_keys() -> Keys:
    from gateway.core.token import Keys

    return Keys(os.urandom(32))


def policy_of(settings: Settings) -> Policy:
    """The daemon makes the secret, at its first start; until then nothing was signed with it."""
    from gateway import config

    has_secret = config.has_secret(settings)
    return config.policy(settings, config.signing_keys(settings) if has_secret else throw_away_keys())


def case_of(raw: bytes, envelope: Envelope, policy: Policy, now: datetime, authentication: str = "") -> Case:
    """No ticket, contact or earlier mail is known. `authentication`: `pass`, `fail`, `none`, whatever the mail says."""
    from gateway.core import commands, statuses, thread
    from gateway.core.case import Case, Facts
    from gateway.core.classify import classify
    from gateway.core.proof import authentic, disproven
    from gateway.mail.parse import parse

    message = parse(raw, envelope)
    proven = {"pass": "dmarc", "": authentic(message, envelope, policy)}.get(authentication, "")
    forged = authentication == "fail" or (not authentication and disproven(message, envelope, policy))
    return Case(
        message=message,
        envelope=envelope,
        kind=classify(message, envelope, policy),
        keys=thread.without_foreign(thread.keys(message, envelope, policy), thread.Known(), policy.keys),
        choice=thread.Choice(),
        known=thread.Known(),
        policy=policy,
        facts=Facts(now, authentic=proven, disproven=forged),
        order=commands.read(message.reply_text, policy.languages, statuses.words(policy)),
    )

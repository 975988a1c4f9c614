"""What a relay's answers mean, and when a mail is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.retry import About, Outcome, Phase, Result, answered, broken, next_attempt

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FIVE_DAYS = timedelta(days=5)

SENT, DEFERRED, UNCERTAIN, FAILED = Result.SENT, Result.DEFERRED, Result.UNCERTAIN, Result.FAILED

ANSWERS = [
    # The first digit decides (RFC 5321 section 4.2.1).
    (Phase.END, 250, "2.0.0 Ok: queued as 4XJz", SENT, About.MAIL),
    (Phase.END, 251, "will forward", SENT, About.MAIL),
    (Phase.RECIPIENT, 450, "4.2.0 Greylisted, try again later", DEFERRED, About.MAIL),
    (Phase.DATA, 451, "4.3.0 queue file write error", DEFERRED, About.MAIL),
    (Phase.END, 452, "4.3.1 Insufficient system storage", DEFERRED, About.MAIL),
    (Phase.RECIPIENT, 550, "5.1.1 No such user here", FAILED, About.MAIL),
    (Phase.RECIPIENT, 550, "No such user here", FAILED, About.MAIL),
    (Phase.RECIPIENT, 550, "5.1.1 <a@b.example>: User unknown in relay recipient table", FAILED, About.MAIL),
    (Phase.RECIPIENT, 550, "5.5.0 Requested action not taken: mailbox unavailable", FAILED, About.MAIL),
    (Phase.RECIPIENT, 552, "5.2.2 Mailbox full", FAILED, About.MAIL),
    (Phase.RECIPIENT, 556, "5.1.10 Domain does not accept mail", FAILED, About.MAIL),
    (Phase.RECIPIENT, 501, "5.1.3 Bad recipient address syntax", FAILED, About.MAIL),
    (Phase.RECIPIENT, 550, "5.7.1 You may not write to this list", FAILED, About.MAIL),
    (Phase.DATA, 554, "5.5.1 no valid recipients", FAILED, About.MAIL),
    # The message itself is refused.
    (Phase.MAIL, 552, "5.3.4 Message size exceeds fixed limit", FAILED, About.MAIL),
    (Phase.MAIL, 550, "5.6.7 Non-ASCII addresses not permitted", FAILED, About.MAIL),
    (Phase.END, 552, "Message too large", FAILED, About.MAIL),
    (Phase.END, 554, "5.7.1 Refused by content filter", FAILED, About.MAIL),
    (Phase.END, 552, "5.7.0 Blocked because of its content", FAILED, About.MAIL),
    (Phase.END, 550, "5.7.1 we do not relay spam", FAILED, About.MAIL),
    # What the relay thinks of us burns no mail.
    (Phase.MAIL, 530, "5.7.0 Authentication required", DEFERRED, About.SETUP),
    (Phase.MAIL, 550, "null sender refused", DEFERRED, About.SETUP),
    (Phase.MAIL, 553, "5.1.8 Sender domain not found", DEFERRED, About.SETUP),
    (Phase.MAIL, 501, "5.5.4 Syntax error in parameters", DEFERRED, About.SETUP),
    (Phase.MAIL, 555, "5.5.4 Unsupported option: SIZE", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 535, "5.7.8 Authentication credentials invalid", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 554, "5.7.1 <a@b.example>: Relay access denied", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 550, "relay not permitted", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 550, "5.7.1 Relaying denied. Proper authentication required.", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 553, "5.7.1 <s@x.example>: Sender address rejected: not owned by user", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 554, "5.7.1 <h[192.0.2.1]>: Client host rejected: Access denied", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 530, "5.7.0 Must issue a STARTTLS command first", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 550, "5.7.0 Not allowed", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 503, "5.5.1 Bad sequence of commands", DEFERRED, About.SETUP),
    (Phase.END, 550, "5.7.60 SMTP; Client may not send as this sender", DEFERRED, About.SETUP),
    (Phase.END, 554, "5.7.0 Your quota of outgoing mails is used up", DEFERRED, About.SETUP),
    (Phase.END, 550, "5.7.26 This mail is unauthenticated, which violates our DMARC policy", DEFERRED, About.SETUP),
    (
        Phase.END,
        550,
        "5.7.1 Unauthenticated email from x.example is not accepted due to its DMARC policy",
        DEFERRED,
        About.SETUP,
    ),
    (Phase.RECIPIENT, 550, "5.7.23 SPF validation failed", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 550, "5.7.25 Reverse DNS does not match", DEFERRED, About.SETUP),
    (Phase.END, 550, "5.4.5 Daily user sending limit exceeded", DEFERRED, About.SETUP),
    (Phase.END, 554, "Daily sending quota exceeded", DEFERRED, About.SETUP),
    (
        Phase.RECIPIENT,
        554,
        "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        DEFERRED,
        About.SETUP,
    ),
    (Phase.RECIPIENT, 550, "5.7.511 Access denied, banned sender", DEFERRED, About.SETUP),
    (Phase.RECIPIENT, 550, "5.2.2 Mailbox quota exceeded", FAILED, About.MAIL),
    (Phase.RECIPIENT, 552, "Quota exceeded for this mailbox", FAILED, About.MAIL),
    # No relay to talk to.
    (Phase.CONNECT, 421, "4.3.2 too many connections", DEFERRED, About.RELAY),
    (Phase.CONNECT, 554, "5.7.1 no access from here", DEFERRED, About.RELAY),
    (Phase.CONNECT, 535, "5.7.8 wrong password", DEFERRED, About.RELAY),
    (Phase.MAIL, 421, "closing", DEFERRED, About.RELAY),
    (Phase.RECIPIENT, 421, "4.7.0 slow down", DEFERRED, About.MAIL),
    # Answers that are none.
    (Phase.END, 354, "go on", UNCERTAIN, About.MAIL),
    (Phase.END, 42, "", UNCERTAIN, About.MAIL),
    (Phase.DATA, 250, "ok", DEFERRED, About.MAIL),
    (Phase.RECIPIENT, 354, "go on", DEFERRED, About.MAIL),
]


@pytest.mark.parametrize(("phase", "code", "text", "result", "about"), ANSWERS)
def test_an_answer_means(phase: Phase, code: int, text: str, result: Result, about: About) -> None:
    """One row of the table: phase and reply decide the outcome and whom it is about."""
    outcome = answered(phase, code, text)
    assert (outcome.result, outcome.about) == (result, about)
    assert str(code) in outcome.reply


@pytest.mark.parametrize(
    ("phase", "result", "about"),
    [
        (Phase.CONNECT, DEFERRED, About.RELAY),
        (Phase.MAIL, DEFERRED, About.RELAY),
        (Phase.RECIPIENT, DEFERRED, About.MAIL),
        (Phase.DATA, DEFERRED, About.MAIL),
        (Phase.END, UNCERTAIN, About.MAIL),
    ],
)
def test_silence_means(phase: Phase, result: Result, about: About) -> None:
    """Without an answer only the phase decides: uncertain from the final dot on, never failed."""
    assert broken(phase, "lost") == Outcome(result, f"{phase.value}: lost", about)


def test_only_a_refused_recipient_begins_with_its_code() -> None:
    """A reply that begins with 5 marks the address as undeliverable, so a refused message must not."""
    assert answered(Phase.RECIPIENT, 550, "5.1.1 unknown").reply == "550 5.1.1 unknown"
    for phase in (Phase.MAIL, Phase.DATA, Phase.END):
        assert not answered(phase, 552, "5.3.4 too big").reply.startswith("5")
    assert not answered(Phase.RECIPIENT, 530, "5.7.0 Authentication required").reply.startswith("5")


def test_a_reply_is_one_clean_line() -> None:
    """Both databases take every reply, whatever bytes the relay sent."""
    reply = answered(Phase.END, 550, "one\ntwo\0\udcff" + "x" * 5_000).reply
    assert "\n" not in reply
    assert "\0" not in reply
    reply.encode()
    assert len(reply) < 1_100


def schedule(give_up_after: timedelta = FIVE_DAYS, identity: str = "a@example.com") -> list[timedelta]:
    """The delays of a mail that is always deferred."""
    delays, now = [], NOW
    while (due := next_attempt(len(delays) + 1, NOW, now, identity, give_up_after)) is not None:
        delays.append(due - now)
        now = due
    return delays


def test_delays_grow_to_four_hours() -> None:
    """1, 2, 5, 15, 30, 60 minutes, 2 hours, then every 4 hours, each within a tenth."""
    minutes = [d / timedelta(minutes=1) for d in schedule()]
    for got, meant in zip(minutes[:-1], [1, 2, 5, 15, 30, 60, 120] + [240] * len(minutes), strict=False):
        assert meant * 0.9 <= got <= meant * 1.1


@pytest.mark.parametrize("hours", [1, 24, 120])
def test_the_last_attempt_is_at_the_very_end(hours: int) -> None:
    """A mail is tried during the whole time it has, and not longer."""
    assert sum(schedule(timedelta(hours=hours)), timedelta()) == timedelta(hours=hours)


def test_after_the_time_is_over_it_is_given_up() -> None:
    """From the end on there is no further attempt, however few there were."""
    assert next_attempt(1, NOW, NOW + FIVE_DAYS, "a", FIVE_DAYS) is None
    assert next_attempt(1, NOW, NOW + FIVE_DAYS - timedelta(seconds=1), "a", FIVE_DAYS) == NOW + FIVE_DAYS


def test_jitter_depends_on_the_mail_only() -> None:
    """The same mail gets the same time again; mails deferred together come back apart."""
    assert schedule(identity="a") == schedule(identity="a")
    firsts = {next_attempt(4, NOW, NOW, f"{n}@example.com", FIVE_DAYS) for n in range(50)}
    assert len(firsts) == 50

"""The sentences of the portal that every language must have. A missing one does not pass mypy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `{name}` marks what is put in."""

    language: str
    language_name: str

    portal: str
    skip: str
    languages: str
    my_tickets: str
    sign_in: str
    sign_out: str
    signed_in_as: str
    by_mail: str

    address: str
    password: str
    password_new: str
    password_again: str
    password_hint: str

    sign_in_title: str
    sign_in_intro: str
    sign_in_forgot: str
    sign_in_wrong: str
    sign_in_often: str
    please_sign_in: str
    signed_out: str

    forgot_title: str
    forgot_intro: str
    forgot_button: str
    forgot_sent_title: str
    forgot_sent: str

    register_title: str
    register_intro: str
    register_button: str
    reset_title: str
    reset_intro: str
    reset_button: str

    address_missing: str
    address_wrong: str
    password_missing: str
    password_short: str
    password_long: str
    password_is_address: str
    passwords_differ: str

    link_wrong_title: str
    link_wrong: str
    link_wrong_close: str
    link_expired_title: str
    link_expired: str
    link_used_title: str
    link_used: str
    new_link: str

    close_title: str
    close_intro: str
    close_button: str
    close_keep: str
    closed_title: str
    closed_text: str
    close_expired: str
    file_expired: str
    file_wrong: str
    view_ticket: str

    link_wrong_rate: str
    rate_title: str
    rate_question: str
    rate_hint: str
    rate_good: str
    rate_bad: str
    rate_comment: str
    rate_button: str
    rate_open: str
    rate_missing: str
    rate_long: str
    rate_before: str
    rate_until: str
    rate_over_title: str
    rate_over: str
    rated_title: str
    rated_text: str
    rate_change: str

    tickets_title: str
    search: str
    status: str
    status_all: str
    status_open: str
    apply: str
    clear: str
    none_yet: str
    none_found: str
    created: str
    last_activity: str
    statuses_title: str
    newer: str
    older: str
    page: str
    pages: str

    facts: str
    reference: str
    people: str
    conversation: str
    newest_first: str
    nothing_yet: str
    all_messages: str
    you: str
    unconfirmed: str
    whole_message: str
    shortened: str
    original: str
    attachments: str
    pictures_one: str
    pictures_many: str
    file_type: str
    reply_button: str
    reply_hint: str
    reopen_hint: str
    confirm_button: str
    reply_title: str
    reply_text: str
    reply_solved: str
    reply_send: str
    reply_empty: str
    reply_long: str
    reply_done: str
    reply_closed: str
    your_text: str

    original_title: str
    back_to_ticket: str
    remote_blocked: str
    nested: str
    not_shown: str
    gone_title: str
    gone: str

    missing_title: str
    missing: str
    ticket_missing_title: str
    ticket_missing: str
    forged_title: str
    forged: str
    method_title: str
    method: str
    large_title: str
    large: str
    often_title: str
    often: str
    fault_title: str
    fault: str
    away_title: str
    away: str
    start_page: str

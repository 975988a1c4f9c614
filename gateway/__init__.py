"""Replydesk: an e-mail-first support gateway.

The walk of a mail, in nine steps:

1. `receive` takes bytes and an envelope from the network and hands them to the journal.
2. `storage.journal` commits both; only now the peer hears `250`.
3. `flow` takes the journal row up and parses it (`mail.parse`): broken mail gives defects.
4. `core.classify` says what sort of mail it is, by the first rule that matches.
5. `core.thread` finds the ticket it belongs to, and how good the evidence is.
6. `core.decide` says what shall happen, as a value with reasons.
7. `storage.tickets` stores it; `core.compose` and `render` write the notices.
8. `storage.outbox` keeps the notices and `storage.journal` settles the mail: one transaction.
9. `send` claims each notice, delivers it, and writes down how that ended.
"""

__version__ = "0.2.0"

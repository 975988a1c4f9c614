"""Imported by the server that `tests.process` forks from: everything a command or the daemon may need."""

from __future__ import annotations

import gc
from datetime import UTC
from importlib import import_module

from gateway.cli import NOUNS
from gateway.core.notice import Notice
from gateway.portal import examples as page_examples
from gateway.portal.templates import PageTemplates
from gateway.render import examples as mail_examples
from gateway.render.mail import Templates
from tests import remember  # noqa: F401  # what is compiled here

for noun in NOUNS:
    import_module(f"gateway.cli.{noun.replace('-', '_')}")
for name in (
    "aioimaplib",
    "aiosmtplib",
    "css_inline",
    "gateway.daemon",
    "gateway.archive.importer",
    "prometheus_client",
    "psycopg",
    "rich.console",
    "rich.progress",
    "rich.table",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "storage.audit",
    "storage.migrate",
    "gateway.send",
):
    import_module(name)
# Most of what a test sends and shows is English: what few tests need in another language is compiled there.
mails, pages = Templates(), PageTemplates(None, UTC)
for notice in Notice:
    mails.write(mail_examples.outbounds(notice, "en")[0])
for frame, view in page_examples.pages("en"):
    pages.page(frame, view)
# What all share is not copied only because the collector counted it.
gc.collect()
gc.freeze()

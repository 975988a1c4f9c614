"""Imported by the server that `tests.process` forks from: everything a command or the daemon may need."""

from __future__ import annotations

import gc
from datetime import UTC
from importlib import import_module

from gateway.cli import NOUNS
from gateway.portal.templates import PageTemplates
from gateway.render.mail import Templates
from tests import remember  # noqa: F401  # what is compiled here

for noun in NOUNS:
    import_module(f"gateway.cli.{noun}")
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
Templates().check()
PageTemplates(None, UTC).check()
# What all share is not copied only because the collector counted it.
gc.collect()
gc.freeze()

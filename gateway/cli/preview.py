"""`replydesk preview NOTICE`: one notice as it would be sent, told of a made-up ticket.

With a configuration the site's own templates and time zone are used.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.notice import Notice

if TYPE_CHECKING:
    from gateway.render.mail import Templates


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notice", choices=[n.value for n in Notice], metavar="NOTICE", help=", ".join(Notice))
    parser.add_argument("--language", default="en", help="language of the texts (default: en)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--text", dest="form", action="store_const", const="text", help="the text body (default)")
    form.add_argument("--html", dest="form", action="store_const", const="html", help="the HTML body")
    parser.set_defaults(form="text")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import WrongUsage
    from gateway.render import examples

    templates = _templates(args.config)
    if args.language not in templates.languages:
        known = ", ".join(templates.languages)
        raise WrongUsage(f"there are no templates in {args.language!r}. Use one of: {known}.")
    outbound = examples.outbounds(Notice(args.notice), args.language)[0]
    print(templates.html(outbound) if args.form == "html" else templates.text(outbound), end="")
    return 0


def _templates(config: str | None) -> Templates:
    from zoneinfo import ZoneInfo

    from gateway.config import DEFAULT_PATHS, ENVIRONMENT, load
    from gateway.render import brand
    from gateway.render.mail import Templates

    # Templates can be looked at before there is a configuration.
    if not config and ENVIRONMENT not in os.environ and not any(Path(p).is_file() for p in DEFAULT_PATHS):
        return Templates()
    settings = load(config)
    return Templates(settings.templates_dir, ZoneInfo(settings.gateway.timezone), brand.of(settings))

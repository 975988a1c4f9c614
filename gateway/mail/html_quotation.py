"""How mail programs mark in HTML what they quote: frames around it, elements it begins with, lines drawn above it."""

from __future__ import annotations

import re

QUOTE_CLASS = re.compile(
    r"(?i)(?:^|[\s_])(?:gmail_quote(?:_container)?|gmail_attr|yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra"
    r"|moz-cite-prefix)(?=$|\s)"
)
QUOTE_NAMES = frozenset(("quote", "quoted-content"))
"""Of the frames GMX and Web.de draw around what they quote."""
_MARK_WORDS = (
    "_quote zmail_extra moz-cite reference-message divrplyfwdmsg appendonsend stopspelling olk_src separator-line "
    "replysplit isforwardcontent border-top"
).split()
_MARK_OF_BLOCK, _MARK_OF_NAME = re.compile(r"<blockquote[^>]{0,300}\bcite"), re.compile("name=.quote")
QUOTE_START_ID = re.compile(
    r"(?i)^(?:x_)*(?:divRplyFwdMsg|appendonsend|stopSpelling|OLK_SRC_BODY_SECTION|yahoo_quoted_.*"
    r"|mail-editor-reference-message-container|ms-outlook-mobile-body-separator-line|replySplit|isForwardContent)$"
)
OUTLOOK_RULE = re.compile(
    r"(?i)border:\s*none;\s*border-top:\s*solid\s+#[0-9a-f]{6}\s+1\.0pt"
    r"|border-top-color:\s*rgb\(229,\s*229,\s*229\)|border-top:\s*1px\s+solid\s+(?:#e5e5e5|rgb\(229,\s*229,\s*229\))"
)


def marks_quotation(html: str) -> bool:
    """A cheap first look: False for markup in which no mail program marks a quotation."""
    small = html.lower()
    return bool(
        any(map(small.__contains__, _MARK_WORDS)) or _MARK_OF_BLOCK.search(small) or _MARK_OF_NAME.search(small)
    )

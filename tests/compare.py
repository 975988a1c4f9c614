"""Other readers on the same mails: `python -m tests.compare`; they have a place of their own (`make compare`).

Three questions: what of a reply is new (quotequail, mail-parser-reply, email-reply-parser), what a page says
(inscriptis, html2text), and in which charset undeclared bytes are (charset-normalizer). The others run in their own
interpreter: this file is both the one that asks and the one that answers (`--answer`).
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).parents[1] / ".compare/bin/python"

PAGES = (
    ("<table><tr><td><p>Lamp</p></td><td></td><td><p>3</p></td></tr></table>", r"^\W*Lamp *\|? *\| *3\W*$"),
    (
        "<table><tr><td>Lamp</td><td>2</td></tr><tr><td>Desk</td><td>1</td></tr></table>",
        r"Lamp[ |]+2\W*\n\W*Desk[ |]+1",
    ),
    ("<p>Price: <s>100</s> 80</p>", r"[~-]+100[~-]+ 80"),
    ('<div style="display:none">Secret</div><p>Shown</p>', r"^\s*Shown\s*$"),
    ('<p style="font-size:0">Secret</p><p>Shown</p>', r"^\s*Shown\s*$"),
    ("<style>.x{display:none}</style><p class=x>Secret</p><p>Shown</p>", r"^\s*Shown\s*$"),
    ('<p>See <a href="https://x.example/a">the page</a></p>', r"the page\W+https://x\.example/a"),
    ("<ol><li>one</li><li>two</li></ol>", r"1\. one\s+2\. two"),
    ("<p>Hello</p><blockquote>old</blockquote>", r"Hello\s+> old"),
    ("<p>a &lt; b &amp; c&nbsp;d</p>", r"^\s*a < b & c d\s*$"),
    ("<p>never closed <b>bold<p>next", r"never closed \**bold\**\s+next"),
)
"""Markup, and what a person reads there."""
CHARSETS = {
    "cp1252": "de fr es it nl pt sv da nb fi",
    "iso8859-2": "pl cs hu ro hr",
    "cp1250": "pl cs hu hr sk",
    "cp1251": "ru uk bg",
    "koi8_r": "ru",
    "iso8859-7": "el",
    "cp1254": "tr",
    "cp1255": "he",
    "cp1256": "ar fa",
    "cp932": "ja",
    "euc_jp": "ja",
    "iso2022_jp": "ja",
    "gb18030": "zh-CN",
    "big5": "zh-TW",
    "cp949": "ko",
    "utf-8": "de pl ru ja ar",
}


def _trimmed() -> list[tuple[str, str, str]]:
    """(set, text, what of it is new)."""
    from gateway.mail.parse import parse
    from tests import corpus, replies

    found = [
        ("corpus", record.message().body_text, record.expect["trimmed_text"])
        for record in (corpus.records() if corpus.SHARED.is_dir() else ())
        if "trimmed_text" in record.expect
    ]
    written = (reply for reply in replies.replies() if "html" not in reply.id)
    return found + [("generated", parse(reply.raw).body_text, reply.new) for reply in written]


def _bytes() -> list[tuple[str, str, bytes]]:
    """(charset, text, bytes) of what people answer, four times for a text of some length."""
    from tests import replies

    found = []
    for charset, names in CHARSETS.items():
        for language in (replies.LANGUAGES[name] for name in names.split() if name in replies.LANGUAGES):
            for text in (language.answer, f"{language.answer} {language.quoted} {language.original}. " * 4):
                data = text.encode(charset, "ignore")
                found.append((charset, data.decode(charset), data))
    return found


def _ours() -> dict[str, Callable[[Any], str]]:
    from gateway.mail import charset, html_text, new_text

    return {
        "new": new_text.new_text,
        "page": html_text.to_text,
        "charset": lambda data: charset.decode(bytes.fromhex(data))[0],
    }


def _readers() -> dict[str, tuple[str, Callable[[Any], str]]]:
    """Name → (question, reader); what is not installed is left out."""
    makers = {
        "quotequail": ("quotequail", "new", _quotequail),
        "mail-parser-reply": ("mailparser_reply", "new", _mail_parser_reply),
        "email-reply-parser": ("email_reply_parser", "new", lambda module: module.EmailReplyParser.parse_reply),
        "inscriptis": ("inscriptis", "page", lambda module: module.get_text),
        "html2text": ("html2text", "page", lambda module: module.html2text),
        "charset-normalizer": ("charset_normalizer", "charset", _charset_normalizer),
    }
    found: dict[str, tuple[str, Callable[[Any], str]]] = {}
    for name, (module, question, make) in makers.items():
        if importlib.util.find_spec(module):
            found[name] = (question, make(importlib.import_module(module)))
    return found


def _quotequail(module: Any) -> Callable[[str], str]:
    def new(text: str) -> str:
        if not (found := module.unwrap(text)):
            return text
        return "\n".join(found[place] for place in ("text_top", "text_bottom") if place in found)

    return new


def _mail_parser_reply(module: Any) -> Callable[[str], str]:
    languages = ["en", "de", "fr", "es", "it", "nl", "pl", "sv", "da", "cs", "ja", "ko", "zh"]
    return lambda text: module.EmailReplyParser(languages=languages).parse_reply(text=text) or ""


def _charset_normalizer(module: Any) -> Callable[[str], str]:
    return lambda data: str(module.from_bytes(bytes.fromhex(data)).best())


def answer(asked: dict[str, list[Any]]) -> dict[str, Any]:
    """By reader: its answers to the question it is for, and its seconds."""
    found = {}
    for name, (question, reader) in _readers().items():
        started, answers = time.process_time(), []
        for item in asked[question]:
            try:
                answers.append(reader(item))
            except Exception as error:  # a reader that raises has not read
                answers.append(f"{type(error).__name__}")
        found[name] = (question, answers, time.process_time() - started)
    return found


def main() -> int:
    trimmed, undeclared = _trimmed(), _bytes()
    asked = {
        "new": [text for _, text, _ in trimmed],
        "page": [markup for markup, _ in PAGES],
        "charset": [data.hex() for *_, data in undeclared],
    }
    judges: dict[str, list[tuple[str, Callable[[str], bool]]]] = {
        "new": [(kind, lambda got, want=want: got.split() == want.split()) for kind, _, want in trimmed],
        "page": [("pages", lambda got, want=want: bool(re.search(want, got))) for _, want in PAGES],
        "charset": [("charsets", lambda got, want=want: got == want) for _, want, _ in undeclared],
    }
    found = {}
    for question, reader in _ours().items():
        started = time.process_time()
        found[f"Replydesk ({question})"] = (question, list(map(reader, asked[question])), time.process_time() - started)
    if PYTHON.is_file():
        command = [str(PYTHON), str(Path(__file__)), "--answer"]
        said = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=600)
        found |= json.loads(said.stdout)
    else:
        print("The other readers are not here: `make compare` puts them into a place of their own.")
    for name, (question, answers, seconds) in found.items():
        sets = dict.fromkeys(kind for kind, _ in judges[question])
        for kind in sets:
            right = [judge(got) for (of, judge), got in zip(judges[question], answers, strict=True) if of == kind]
            print(
                f"  {name:22} {kind:10} {sum(right):4} of {len(right):4}   {1000 * seconds / len(answers):6.2f} ms each"
            )
    return 0


if __name__ == "__main__":
    if "--answer" in sys.argv:
        print(json.dumps(answer(json.load(sys.stdin))))
    else:
        sys.exit(main())

"""Replies as mail programs write them, in many languages, with what of each is new: `python -m tests.replies`.

Programs differ in how they announce what they quote, whether they mark it, where they wrap it, and what their
HTML says of it. The wordings are from knowledge of the programs; a reader that knows the shapes needs none of them.
Prints how many are read exactly and every one that is not; ends with 1 when a word of the writer is lost.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape
from pathlib import Path

from gateway.mail.parse import parse

WHO = "Anna Example <anna@example.com>"
WIDTH = 72


@dataclass(frozen=True, slots=True)
class Language:
    """How one language says it. Places: `{who}`."""

    answer: str
    """What is new; paragraphs divided by `|`."""
    quoted: str
    gmail: str
    apple: str
    thunderbird: str
    outlook: str
    """`From|Sent|To|Subject|date`."""
    original: str


LANGUAGES = {
    name: Language(**row) for name, row in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One mail. `new` is what its writer wrote."""

    id: str
    raw: bytes
    new: str


def _wrapped(line: str) -> str:
    """As programs wrap: at a blank, and an address may lose its bracket."""
    out = ""
    for word in line.split(" "):
        last = len(out) - out.rfind("\n") - 1
        out += ("\n" if out and last + len(word) >= WIDTH else " " if out else "") + word
    return out


def _mail(id: str, new: str, text: str = "", html: str = "") -> Reply:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Kim <kim@customer.example>", WHO, "Re: Lamp"
    mail["Message-ID"] = f"<{id.replace(' ', '.')}@customer.example>"
    if text:
        mail.set_content(text)
    if html:
        (mail.add_alternative if text else mail.set_content)(html, subtype="html")
    return Reply(id, mail.as_bytes(), new)


def _block(language: Language, bold: bool = False) -> list[tuple[str, str]]:
    sender, sent, to, subject, date = language.outlook.split("|")
    return [(sender, WHO), (sent, date), (to, "Kim <kim@customer.example>"), (subject, "Re: Lamp")]


def replies(names: tuple[str, ...] = tuple(LANGUAGES)) -> Iterator[Reply]:
    for name in names:
        yield from _in(name, LANGUAGES[name])


def _in(name: str, language: Language) -> Iterator[Reply]:
    new = language.answer.replace("|", "\n\n")
    old = f"Hello Kim,\n\n{language.quoted}\n\nAnna"
    marked = "\n".join(f"> {line}".rstrip() for line in old.split("\n"))
    new_html = "".join(f"<p>{escape(p)}</p>" for p in language.answer.split("|"))
    old_html = "".join(f"<p>{escape(p)}</p>" for p in old.split("\n\n"))

    announced = {
        "gmail": language.gmail.format(who=WHO),
        "apple": language.apple.format(who=WHO),
        "thunderbird": language.thunderbird,
    }
    html = {
        "gmail": f'{new_html}<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
        f'{{}}<br></div><blockquote class="gmail_quote">{old_html}</blockquote></div>',
        "apple": f'{new_html}<div><br><blockquote type="cite"><div>{{}}</div><br>{old_html}</blockquote></div>',
        "thunderbird": f'{new_html}<div class="moz-cite-prefix">{{}}<br></div>'
        f'<blockquote type="cite">{old_html}</blockquote>',
    }
    for program, line in announced.items():
        markup = html[program].format(escape(line))
        blank = "" if program == "thunderbird" else "\n"
        yield _mail(f"{name} {program} marked", new, f"{new}\n\n{line}\n{blank}{marked}\n")
        yield _mail(f"{name} {program} wrapped", new, f"{new}\n\n{_wrapped(line)}\n{blank}{marked}\n")
        yield _mail(f"{name} {program} html", new, html=markup)
        yield _mail(f"{name} {program} both", new, f"{new}\n\n{_wrapped(line)}\n{blank}{marked}\n", markup)
        if program != "thunderbird":
            yield _mail(f"{name} {program} unmarked", new, f"{new}\n\n{line}\n\n{old}\n")
            yield _mail(f"{name} {program} unmarked both", new, f"{new}\n\n{_wrapped(line)}\n\n{old}\n", markup)

    block = _block(language)
    plain = "\n".join(f"{label}: {value}" for label, value in block)
    rich = "<br>".join(f"<b>{escape(label)}:</b> {escape(value)}" for label, value in block)
    frames = {
        "outlook": '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg" dir="ltr">{}</div>',
        "outlook classic": "<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt'><p>{}</p></div>",
        "outlook mobile": '<div id="ms-outlook-mobile-signature"></div><div class="ms-outlook-mobile-reference-message '
        'skipProofing"><hr><div>{}</div></div>',
    }
    yield _mail(f"{name} outlook text", new, f"{new}\n\n________________________________\n{plain}\n\n{old}\n")
    yield _mail(f"{name} outlook text bare", new, f"{new}\n\n{plain}\n\n{old}\n")
    yield _mail(f"{name} outlook original", new, f"{new}\n\n-----{language.original}-----\n{plain}\n\n{old}\n")
    for program, frame in frames.items():
        markup = f"{new_html}{frame.format(rich)}{old_html}"
        yield _mail(f"{name} {program} html", new, html=markup)
        yield _mail(f"{name} {program} both", new, f"{new}\n\n{plain}\n\n{old}\n", markup)
    if name in ("en", "de", "fr", "es", "it", "zh-CN"):
        yield from _web(name, new, old, marked, new_html, old_html)


def _web(name: str, new: str, old: str, marked: str, new_html: str, old_html: str) -> Iterator[Reply]:
    """Web mailers, whose frames are the same in every language."""
    line = escape(LANGUAGES[name].gmail.format(who=WHO))
    frames = {
        "yahoo": f'<div id="yahoo_quoted_123" class="yahoo_quoted"><div>{line}</div><div>{old_html}</div></div>',
        "proton": f'<div class="protonmail_quote">{line}<br><blockquote class="protonmail_quote" type="cite">{old_html}'
        "</blockquote></div>",
        "gmx": f'<div name="quote" style="margin:10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid '
        f'#C3D9E5;"><div>{line}</div><div name="quoted-content">{old_html}</div></div>',
        "zoho": f'<div class="zmail_extra"><div>---- {line} ----</div><blockquote>{old_html}</blockquote></div>',
        "qq": "<div><br></div><div style='font-size:12px'>------------------&nbsp;原始邮件&nbsp;------------"
        f"</div><div style='background:#efefef'><div><b>发件人:</b> {escape(WHO)};</div>"
        f"<div><b>发送时间:</b>&nbsp;2024年5月6日 10:12"
        f"</div><div><b>收件人:</b>&nbsp;Kim</div><div><b>主题:</b>&nbsp;Lamp</div></div>{old_html}",
        "samsung": f"<div>-------- Original message --------</div><div>From: {escape(WHO)}</div>"
        f"<div>Date: 06/05/2024 10:12 (GMT+01:00)</div><div>To: Kim</div><div>Subject: Lamp</div>{old_html}",
    }  # fmt: skip
    for program, frame in frames.items():
        yield _mail(f"{name} {program} html", new, html=f"{new_html}{frame}")
    yield _mail(f"{name} the bat", new, f"{new}\n\nMonday, May 6, 2024, 10:12:00 AM, you wrote:\n\n{marked}\n")


def exact(reply: Reply, got: str) -> bool:
    return got.split() == reply.new.split()


def lost(reply: Reply, got: str) -> bool:
    """Whether a word of the writer is missing."""
    words = iter(re.findall(r"\w+", got.casefold()))
    return not all(word in words for word in re.findall(r"\w+", reply.new.casefold()))


def main(names: tuple[str, ...]) -> int:
    held: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    losses = 0
    for reply in replies(names or tuple(LANGUAGES)):
        got = parse(reply.raw).reply_text
        form = reply.id.partition(" ")[2]
        asked[form] += 1
        held[form] += exact(reply, got)
        if lost(reply, got):
            losses += 1
            print(f"LOST {reply.id}: {got!r}")
        elif not exact(reply, got):
            print(f"{reply.id}: {got[len(reply.new) :][:160]!r}")
    for form in asked:
        print(f"  {form:24} {held[form]:4} of {asked[form]:4}")
    print(f"exact {sum(held.values())} of {sum(asked.values())} in {len(names or LANGUAGES)} languages, {losses} lost")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))

"""Templates: what a site may change, what is refused at start, and how words are shown."""

from __future__ import annotations

import random
import re
import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gateway import texts
from gateway.core.compose import Scene, compose
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Download, Line, Notice, NoticeRequest, Outbound, Words
from gateway.core.policy import Policy
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.errors import TemplateError
from gateway.mail.message import Address
from gateway.mail.new_text import PREHEADER_FILL
from gateway.render import examples
from gateway.render.mail import PACKAGED, Templates, explained, filled, preheader, quoted, reflow

REPLY = examples.outbounds(Notice.REPLY, "de")[0]
NOTICE = examples.outbounds(Notice.AGENT_NOTICE, "en")[0]
OURS = tuple(sorted(texts.languages()))
RECEIVED = examples.outbounds(Notice.REQUEST_RECEIVED, "en")[0]
CLOSING = examples.outbounds(Notice.CLOSE_CONFIRMATION, "en")[0]


@pytest.fixture(scope="module")
def packaged() -> Templates:
    return Templates()


def site(tmp_path: Path, name: str, source: str) -> Templates:
    """A site that overrides one file under mail/."""
    file = tmp_path / "mail" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    return Templates(tmp_path)


def refusal(templates: Templates) -> str:
    with pytest.raises(TemplateError) as refused:
        templates.check()
    return str(refused.value)


# --- what a site may change


def test_packaged_templates_pass_their_own_check(packaged: Templates) -> None:
    """Every language, every notice, with much and with little to tell."""
    packaged.check()
    assert packaged.languages == OURS


def test_site_folder_wins_over_the_package(tmp_path: Path) -> None:
    """One file is changed, all others stay."""
    templates = site(tmp_path, "de/reply.txt.j2", "Hier spricht die Firma.\n{{ mail.text }}\n")
    templates.check()
    assert templates.text(REPLY).startswith("Hier spricht die Firma.\nGuten Tag")
    assert templates.html(REPLY) == Templates().html(REPLY)


def test_site_changes_the_layout_of_every_mail(tmp_path: Path) -> None:
    """A layout of one's own is inherited by the packaged texts."""
    source = (PACKAGED / "mail" / "layout.html.j2").read_text().replace("#1c2126", "#a10050")
    templates = site(tmp_path, "layout.html.j2", source)
    templates.check()
    assert "color: #a10050" in templates.html(RECEIVED)


def test_site_includes_pieces_of_its_own(tmp_path: Path) -> None:
    """mail/parts is the place for them."""
    site(tmp_path, "parts/footer.j2", "The footer")
    templates = site(tmp_path, "en/reply.txt.j2", "{{ mail.text }}\n{% include 'mail/parts/footer.j2' %}")
    templates.check()
    assert templates.text(examples.outbounds(Notice.REPLY, "en")[0]).endswith("The footer\n")


def test_site_adds_a_language(tmp_path: Path) -> None:
    """A complete folder is a language, also without a catalog; dates follow it."""
    names = {"labels.j2", *(f"{n.value}.{form}.j2" for n in Notice for form in ("txt", "html"))}
    for file in (PACKAGED / "mail" / name for name in names):
        site(tmp_path, f"sv/{file.name}", file.read_text().replace("{{ mail | hello }}", "Hej,"))
    templates = Templates(tmp_path)
    templates.check()
    words = replace(CLOSING.words, language="sv", text="")
    assert templates.languages == (*OURS, "sv")
    assert "Hej," in templates.text(replace(CLOSING, words=words))
    assert "19 mars 2026" in templates.text(replace(CLOSING, words=words))


def test_site_adds_a_language_by_a_catalog(tmp_path: Path) -> None:
    """No template is needed for it; what is not translated is English."""
    file = tmp_path / "locale" / "sv" / "LC_MESSAGES" / "replydesk.po"
    file.parent.mkdir(parents=True)
    file.write_text('msgid "Hello {name},"\nmsgstr "Hej {name},"\n')
    texts.use(tmp_path)
    try:
        templates = Templates(tmp_path)
        templates.check()
    finally:
        texts.use(None)
    assert templates.languages == (*OURS, "sv")
    said = templates.text(replace(CLOSING, words=replace(CLOSING.words, language="sv", text="")))
    assert "Hej Erika Beispiel," in said
    assert "19 mars 2026" in said
    assert "reply with #close" in said


@pytest.mark.parametrize("outbound", [REPLY, CLOSING], ids=lambda o: o.notice.value)
def test_an_answer_of_files_alone_names_them(packaged: Templates, outbound: Outbound) -> None:
    """Also one that is fetched by a link, which stood below words only; and says whom it is from."""
    film = Download("film.mp4", "30 MB", "https://desk.example/file/1", datetime(2026, 4, 1, tzinfo=UTC))
    words = replace(outbound.words, text="", html="", attachments=("scan.pdf",), downloads=(film,))
    alone = replace(outbound, words=words)
    for said in (packaged.text(alone), packaged.html(alone)):
        assert all(part in said for part in ("scan.pdf", "film.mp4", film.url, words.sender))


def test_an_arabic_name_keeps_the_date_behind_it_in_its_place(packaged: Templates) -> None:
    """In the plain text, which has no markup for it: names are apart from what is written from the left."""
    name, when = "\u0639\u0645\u0631", datetime(2026, 3, 12, 15, 5, tzinfo=UTC)
    words = replace(
        REPLY.words, conversation=(Line(name, "customer", when, "Hi"),), attachments=(f"{name}.pdf", "scan.pdf")
    )
    said = packaged.text(replace(REPLY, words=words))
    assert f"\u2068{name}\u2069, " in said
    assert f"\u2068{name}.pdf\u2069, scan.pdf" in said
    assert "\u2068" not in packaged.text(REPLY)


def test_a_file_for_one_language_wins_over_that_for_all(tmp_path: Path) -> None:
    """Both may build on ours."""
    site(tmp_path, "reply.txt.j2", "{% extends 'mail/letter.txt.j2' %}{% block remarks %}All. {% endblock %}")
    letter = "{% block letter %}Nur de {{ mail.text }}{% endblock %}"
    templates = site(tmp_path, "de/reply.txt.j2", "{% extends 'mail/reply.txt.j2' %}" + letter)
    templates.check()
    english = templates.text(examples.outbounds(Notice.REPLY, "en")[0])
    assert "All." in english
    assert "Nur de" not in english
    assert "Nur de" in templates.text(REPLY)
    assert "All." in templates.text(REPLY)


def test_a_file_for_one_language_is_built_on_by_ours(tmp_path: Path) -> None:
    """A reminder is the question again, as the site asks it; labels are those of the site."""
    labels = (PACKAGED / "mail" / "labels.j2").read_text()
    site(tmp_path, "de/labels.j2", labels.replace('_("Kind regards")', '"Servus"'))
    file = (PACKAGED / "mail" / "close_confirmation.txt.j2").read_text()
    templates = site(tmp_path, "de/close_confirmation.txt.j2", file.replace('{{ _("You can', 'Ja. {{ _("You can'))
    templates.check()
    said = templates.text(examples.outbounds(Notice.SOLVED_REMINDER, "de")[0])
    assert "Ja. Sie" in said
    assert "Servus" in said


def test_values_are_no_markup_and_no_formats(tmp_path: Path) -> None:
    """What goes into a text of a catalog is shown as it stands, and reaches nothing."""
    source = "<p>{{ _('To {name} {name.__class__}', name=mail.recipient.address) }}</p>"
    templates = site(tmp_path, "closed.html.j2", source)
    closed = examples.outbounds(Notice.CLOSED, "en")[0]
    words = replace(closed.words, recipient=Address("<b>{x}</b>"))
    assert "To &lt;b&gt;{x}&lt;/b&gt; {name.__class__}" in templates.html(replace(closed, words=words))


def test_unknown_language_is_written_in_english(packaged: Templates) -> None:
    """A contact's wish must not stop a mail."""
    words = replace(RECEIVED.words, language="tlh")
    assert packaged.write(replace(RECEIVED, words=words)) == packaged.write(RECEIVED)


# --- what is refused at start


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("de/reply.txt.j2", "{{ mail.text }}\n\n{% if mail.author %}\n", "mail/de/reply.txt.j2:3: Unexpected end"),
        ("en/closed.txt.j2", "a\nb\n{{ mail.tickt.reference }}\n", "mail/en/closed.txt.j2:3: 'gateway.core.notice.W"),
        ("en/closed.html.j2", "a\n{{ tickt }}\n", "mail/en/closed.html.j2:2: 'tickt' is undefined"),
        ("en/closed.txt.j2", "{{ mail.sender | shout }}", "mail/en/closed.txt.j2:1: No filter named 'shout'"),
        ("en/registered.txt.j2", "\n{{ mail.ticket.reference }}", "mail/en/registered.txt.j2:2: 'None' has no"),
        ("en/closed.txt.j2", "{% include 'mail/parts/no.j2' %}", "mail/parts/no.j2 is missing"),
        ("reply.html.j2", "a\n{% include 'mail/no.j2' %}", "/mail/reply.html.j2:2: mail/no.j2 is missing"),
        ("layout.txt.j2", "x\n{% blok page %}\n", "mail/layout.txt.j2:2: Encountered unknown tag 'blok'"),
        ("de/replay.txt.j2", "x", "mail/de/replay.txt.j2: no mail is made from a template of this name. Did you mean"),
        ("en/sub/reply.txt.j2", "x", "mail/en/sub/reply.txt.j2: no mail is made"),
        ("frame.html.j2", "x", "mail/frame.html.j2: no mail is made"),
        ("sv/reply.txt.j2", "{{ mail.text }}", "mail/sv/request_received.txt.j2 is missing"),
        ("en/reply.txt.j2", "{{ mail.author }}", "mail/en/reply.txt.j2: the mail does not show mail.text"),
        ("de/registration.html.j2", "<p>Hallo</p>", "registration.html.j2: the mail does not show mail.button.url"),
    ],
)
def test_broken_template_is_refused_by_file_and_line(tmp_path: Path, name: str, source: str, said: str) -> None:
    """Not when a customer waits for an answer."""
    assert said in refusal(site(tmp_path, name, source))


def test_template_that_is_not_utf_8_is_refused_by_file_and_line(tmp_path: Path) -> None:
    """By the file that is there, whichever language was about to be written."""
    templates = site(tmp_path, "reply.html.j2", "")
    file = tmp_path / "mail" / "reply.html.j2"
    file.write_bytes("Hallo\nGrüße".encode("latin-1"))
    assert f"{file}:2: this is not UTF-8. Save it as UTF-8" in refusal(templates)


def test_template_that_fails_on_a_sparse_mail_is_refused(tmp_path: Path) -> None:
    """What is there in most mails need not be there in all."""
    templates = site(tmp_path, "en/closed.txt.j2", "{{ mail.ticket.reference }}\n{{ mail.button.url }}")
    assert "mail/en/closed.txt.j2:2: 'None' has no attribute 'url'" in refusal(templates)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    """A misspelt path would silently mean no changes at all."""
    assert "there is no such folder" in refusal(Templates(tmp_path / "tmplates"))


@pytest.mark.parametrize(
    "source",
    [
        "{{ mail.__class__.__mro__ }}",
        "{{ mail.recipient.__init__.__globals__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ '{0.__class__}'.format(mail) }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{% include '/etc/passwd' %}",
        "{% include 'mail/../../../../../../etc/passwd' %}",
        "{% for i in range(10**9) %}{% endfor %}",
    ],
)
def test_sandbox_holds(tmp_path: Path, source: str) -> None:
    """A template reaches the words of its mail and nothing else."""
    assert "mail/en/closed.txt.j2" in refusal(site(tmp_path, "en/closed.txt.j2", source))


# --- how words are shown

HOSTILE = "<script>alert(1)</script> & <img src=x onerror=y> \"'{{ 7*7 }}"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;img src=x onerror=y&gt; \"'{{ 7*7 }}"


def hostile_words(words: Words, value: str) -> Words:
    """Every word a stranger can choose."""
    assert words.ticket
    return replace(
        words,
        text=value,
        author=value,
        attachments=(value,),
        recipient=Address("a@example.net", value),
        also_to=(value,),
        remarks=(value,),
        conversation=(Line(value, "customer", examples.NOW, value, (value,)),),
        ticket=replace(words.ticket, subject=value, requester=Address("a@example.net", value), assignee=value),
    )


@pytest.mark.parametrize("outbound", [NOTICE, CLOSING, REPLY, RECEIVED], ids=lambda o: o.notice.value)
def test_markup_in_words_is_text(packaged: Templates, outbound: Outbound) -> None:
    """A customer's text is never run, neither by a mail program nor by the template engine."""
    html = packaged.html(replace(outbound, subject=HOSTILE, words=hostile_words(outbound.words, HOSTILE)))
    assert "<script" not in html
    assert "<img" not in html
    assert SHOWN in html


@pytest.mark.parametrize(
    "value",
    ["שלום עולם", "😀👩‍👩‍👧 ok", "x" * 20_000, "a\r\nb\rc", "\n\n\n", " ", "two\n\n\n\nlines", "> quoted\n-- \nsig"],
)
def test_odd_words_make_a_mail(packaged: Templates, value: str) -> None:
    """Whatever the words are, the mail travels: ASCII, short lines."""
    for outbound in (NOTICE, CLOSING, REPLY):
        raw = packaged.write(replace(outbound, words=hostile_words(outbound.words, value)))
        assert raw.isascii()
        assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_line_breaks_of_a_text_are_kept(packaged: Templates) -> None:
    """Also where white-space is not understood (Outlook)."""
    words = replace(REPLY.words, text="one\n\n  two")
    assert "one<br><br>  two" in packaged.html(replace(REPLY, words=words))
    assert "one\n\n  two" in packaged.text(replace(REPLY, words=words))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("notice", list(Notice))
def test_marker_is_the_first_line_a_reader_sees(packaged: Templates, notice: Notice, language: str) -> None:
    """People write above it; without one the mail begins with its own words."""
    outbound = examples.outbounds(notice, language)[0]
    marked = replace(outbound, words=replace(outbound.words, marker="##- above -##"))
    body = packaged.html(marked).partition("<body")[2]
    assert packaged.text(marked).startswith("##- above -##\n\n")
    before = re.sub(r'<div class="preheader".*?</div>|<!--.*?-->', "", body.partition("##- above -##")[0])
    assert not re.sub(r"<[^>]*>", "", before.partition(">")[2]).strip()
    assert "##-" not in packaged.text(replace(outbound, words=replace(outbound.words, marker="")))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("notice", list(Notice))
def test_mail_loads_nothing_and_shouts_nothing(packaged: Templates, notice: Notice, language: str) -> None:
    """No picture, no script, no remote content, no exclamation mark; in the right language; tables lay out."""
    outbound = examples.outbounds(notice, language)[0]
    html = packaged.html(outbound)
    for forbidden in ("<img", "src=", "<script", "<link", "@import", "url("):
        assert forbidden not in html
    assert f'<html lang="{language}"' in html
    assert html.count("<table") == html.count('role="presentation"')
    assert "!" not in packaged.text(outbound).replace("\n! ", "\n")


def test_addresses_of_pages_stand_on_lines_of_their_own(packaged: Templates) -> None:
    """So that a mail program finds where they end."""
    for notice in Notice:
        for line in packaged.text(examples.outbounds(notice, "de")[0]).split("\n"):
            assert "https://" not in line or line.startswith("https://")


def test_internal_notes_are_marked_as_such(packaged: Templates) -> None:
    """An agent must see at a glance what the customer never saw."""
    assert "(internal note)" in packaged.text(NOTICE)
    assert "(internal note)" in packaged.html(NOTICE)


@pytest.mark.parametrize("outbound", [NOTICE, RECEIVED], ids=["to an agent", "to a customer"])
def test_names_and_subjects_keep_to_themselves(packaged: Templates, outbound: Outbound) -> None:
    """What stands beside an Arabic name keeps its order: the day of "محمد, 12. March" moved to the front."""
    words = outbound.words
    assert words.ticket
    line = Line("محمد علي", "customer", outbound.date, "مرحبا")
    told = replace(
        words, conversation=(line,), author=words.author and "نور", ticket=replace(words.ticket, subject="سؤال")
    )
    html = packaged.html(replace(outbound, words=told))
    for shown in filter(None, (line.author, told.author, "سؤال")):
        assert re.search(rf'dir="auto"[^>]*>{shown}<', html), shown


def test_a_heading_somebody_wrote_stands_out(packaged: Templates) -> None:
    """Our own small grey headings are for parts of a mail, not for what an answer is about."""
    rich = replace(REPLY, words=replace(REPLY.words, html="<h2>What to do</h2><p>Restart it.</p>"))
    style = re.findall(r'<h2[^>]*style="([^"]*)"[^>]*>What to do<', packaged.html(rich))[0]
    assert "font-size: 19px" in style
    assert "color: #1c2126" in style


def test_each_line_begins_at_its_own_side(packaged: Templates) -> None:
    """An Arabic line below an English one, in text and in what was formatted."""
    rich = replace(REPLY, words=replace(REPLY.words, html="<p>Hello</p><div>مرحبا</div><ul><li>شكرا</li></ul>"))
    styles = re.findall(r'<(?:p|div|li)[^>]*style="([^"]*)"[^>]*>(?:Hello|مرحبا|شكرا)<', packaged.html(rich))
    styles += re.findall(r'class="text" dir="auto" style="([^"]*)"', packaged.html(REPLY))
    assert len(styles) >= 4
    assert all("unicode-bidi: plaintext" in style and "text-align: start" in style for style in styles)


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=5), "Opened just now"),
        (timedelta(minutes=5), "Opened 5 minutes ago"),
        (timedelta(days=3), "Opened 3 days ago"),
        (timedelta(days=-1), "Opened just now"),
    ],
)
def test_age_is_counted_at_the_date_of_the_mail(packaged: Templates, age: timedelta, shown: str) -> None:
    """A retry tomorrow says the same."""
    assert NOTICE.words.ticket
    ticket = replace(NOTICE.words.ticket, created_at=NOTICE.date - age)
    assert shown in packaged.text(replace(NOTICE, words=replace(NOTICE.words, ticket=ticket)))


def test_dates_are_shown_in_the_time_zone_of_the_site() -> None:
    """With its name, for a reader may live in another."""
    templates = Templates(timezone=timezone(timedelta(hours=5, minutes=30), "IST"))
    assert "9. März 2026, 13:42 Uhr IST:" in templates.text(REPLY)


def test_paragraphs_are_filled() -> None:
    """A paragraph of a template is one paragraph of the mail, whatever its line breaks."""
    assert reflow("a\nb\n\n  c  \n \n") == "a b\n\nc\n\n"
    assert reflow(" \n") == ""
    assert max(map(len, reflow("word " * 60).split("\n"))) <= 72


def test_long_words_stay_whole() -> None:
    """An address of a page that is broken does not work."""
    url = "https://example.com/" + "x" * 100
    assert filled(f"see {url} there") == f"see\n{url}\nthere"
    assert quoted("a\n\nb") == "> a\n>\n> b"


@pytest.mark.parametrize(
    ("lead", "kept"),
    [(">", "> >"), (">> ", "> >> "), ("> >", "> > >"), ("    ", ">     "), ("> - ", "> > "), ("", "> ")],
)
def test_a_broken_line_is_quoted_to_its_end(lead: str, kept: str) -> None:
    """The rest of what somebody quoted is not taken for their own words, nor does code lose its indentation."""
    first, *rest = quoted(lead + "word " * 30).split("\n")
    assert first.startswith(f"> {lead}word")
    assert rest
    assert all(line.startswith(f"{kept}word") and len(line) <= 72 for line in rest)


def test_a_wide_indentation_breaks_no_line_too_often() -> None:
    """Half of a line is left for words."""
    assert max(len(line) for line in quoted(" " * 60 + "word " * 30).split("\n")) <= 72
    assert len(quoted(" " * 60 + "word " * 30).split("\n")) <= 6


# --- what the core composes

CUSTOMER = Address("erika@example.net", "Erika Beispiel")


def scene(now: datetime, language: str) -> Scene:
    ticket = Ticket(
        number=7,
        status=Status.SOLVED,
        subject="Frage",
        requester=CUSTOMER,
        mailbox="support@example.com",
        created_at=now,
        last_activity_at=now,
        language=language,
    )
    asked = Entry(
        id=1,
        ticket=7,
        kind=EntryKind.CORRESPONDENCE,
        author=CUSTOMER,
        role=Role.REQUESTER,
        body_text="Frage?",
        reply_text="Frage?",
        created_at=now,
    )
    answer = Entry(
        id=2,
        ticket=7,
        kind=EntryKind.CORRESPONDENCE,
        author=Address("anna@example.com", "Anna"),
        role=Role.AGENT,
        body_text="Ja.",
        reply_text="Ja.",
        created_at=now,
    )
    return Scene(
        now=now,
        cause="journal:1",
        ticket=ticket,
        entry=answer,
        text="Ja.",
        conversation=(asked,),
        refers_to=("first@example.net",),
    )


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("notice", list(Notice))
def test_every_notice_the_core_composes_can_be_written(
    packaged: Templates, policy: Policy, notice: Notice, language: str
) -> None:
    """The words compose gives are the words the templates need."""
    audience = examples.outbounds(notice, language)[0].audience
    recipient = CUSTOMER if audience is Audience.CUSTOMER else Address("anna@example.com", "Anna")
    outbound = compose(
        NoticeRequest(notice, recipient, audience, "reply", ("a\nb",)), scene(examples.NOW, language), policy
    )
    raw = packaged.write(outbound)
    assert f"Message-ID: <{outbound.message_id}>".encode() in raw.replace(b"\r\n ", b" ")


def test_preheader_is_the_beginning_of_the_text() -> None:
    """What `textwrap.shorten` makes of the whole, although only its first words are looked at."""
    rng = random.Random(3)
    for _ in range(2_000):
        words = ("x" * rng.choice([1, 2, 9, 40, 99, 100, 101, 700]) for _ in range(rng.randrange(40)))
        text = "".join(word + rng.choice([" ", "\n", "  \n\n ", "-", "\u00a0", "\t"]) for word in words)
        shown = textwrap.shorten(text, 100, placeholder=" …")
        assert str(preheader(text)) == shown + PREHEADER_FILL * (100 - len(shown))


@pytest.mark.parametrize("notice", Notice)
def test_mail_is_drawn_by_words_engine(notice: Notice) -> None:
    """Outlook on Windows knows tables, widths as attributes and padding of cells; of a link it draws no padding."""
    html = Templates().html(examples.outbounds(notice, "de")[0])
    style = html.partition("</style>")[2]
    assert not re.search(
        r"display: ?(flex|grid)|position:|float:|background-image|<(section|article|button|form)\b", style
    )
    assert all('role="presentation"' in table for table in re.findall(r"<table[^>]*>", style))
    assert re.search(r'<table class="frame"[^>]* width="100%"', style)
    assert '<!--[if mso]><table role="presentation" width="600"' in style
    for cell in re.findall(r'<td class="cell[^>]*>', style):
        assert "mso-padding-alt: 11px 22px" in cell
        assert "border: 1px solid" in cell
    assert len(html) <= 60_000


@pytest.mark.parametrize("outbound", [REPLY, NOTICE], ids=["reply", "notice"])
def test_pictures_and_code_fit_a_narrow_screen(packaged: Templates, outbound: Outbound) -> None:
    """A picture keeps its shape there, and a long line of code does not make all of the mail small."""
    html = '<p><img src="cid:1@desk.example" width="560" height="420"></p><pre>code</pre>'
    shown = packaged.html(replace(outbound, words=replace(outbound.words, html=html)))
    picture, code = (re.findall(rf'<{tag}\b[^>]*style="([^"]*)"', shown)[0] for tag in ("img", "pre"))
    assert "max-width: 100%" in picture
    assert "height: auto" in picture
    assert "white-space: pre-wrap" in code


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("#wait – wait for the customer", "<strong>#wait</strong> – wait for the customer"),
        ("#list [mine|open] – which", "<strong>#list [mine|<wbr>open]</strong> – which"),
        ("#5 <b> – a subject", "#5 &lt;b&gt; – a subject"),
        ("also 2026-11-01", 'also <span class="whole">2026-11-01</span>'),
    ],
)
def test_an_order_stands_out_and_a_date_stays_whole(text: str, shown: str) -> None:
    """On a phone #help breaks between the words of an order."""
    assert explained(text) == shown

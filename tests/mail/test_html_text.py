"""HTML as the lines a person reads."""

from __future__ import annotations

import pytest

from gateway.mail import html_quotation, html_text


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("<p>Eins</p><p>Zwei</p>", "Eins\n\nZwei"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("  viel \n  Raum&nbsp;! ", "viel Raum !"),
        ('<a href="https://x.example/a?b=1&amp;c=2">hier</a>', "hier <https://x.example/a?b=1&c=2>"),
        ('<a href="https://x.example/">https://x.example</a>', "https://x.example"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example"),
        ('<a href="javascript:alert(1)">x</a>', "x"),
        ("<ul><li>a<li>b<ol start=3><li>c<li>d</ol></ul>", "- a\n- b\n\n  3. c\n  4. d"),
        ("<table><tr><th>A<th>B<tr><td>1<td>2</table>", "A | B\n1 | 2"),
        ("<blockquote>alt<blockquote>älter</blockquote></blockquote>", "> alt\n>\n> > älter"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<h1>T</h1>text", "T\n\ntext"),
        ('<img alt="Logo"><img alt="😀"><img src=x>', "[Logo]😀"),
        ("<p class=MsoNormal>a</p><p class=MsoNormal>b</p>", "a\nb"),
        ("<style>p{}</style><script>x()</script><title>t</title>sichtbar", "sichtbar"),
        ("<head><title>t</title><body>sichtbar", "sichtbar"),
        ('<div style="display:none">Vorschau</div>sichtbar', "sichtbar"),
        ("<style>.p{max-height:0;overflow:hidden}</style><div class=p>Vorschau</div>sichtbar", "sichtbar"),
        ("<!-- weg -->da<!--[if mso]>weg<![endif]-->", "da"),
        ("<![if !mso]>da<![endif]>", "da"),
        ("5 < 6 & 7 > 2 &euro; &#x41; &unknown;", "5 < 6 & 7 > 2 € A &unknown;"),
        ("a<b title='x > y'>b</b>", "ab"),
        (f"<blockquote type='&#{'9' * 5000}'>a</blockquote>b &#{'9' * 5000}; c", "> a\n>\nb \ufffd c"),
        ('<a title="never closed>a</a>b', "ab"),
        ("<o:p>&nbsp;</o:p>x", "x"),
        ("<meta class=gmail_quote>x<br class=gmail_quote>y", "x\ny"),
        ("", ""),
    ],
)
def test_to_text(markup: str, want: str) -> None:
    """Links, lists, tables, quotations and paragraphs are kept; what is not shown is not read."""
    assert html_text.to_text(markup) == want


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("<tr><td><p>Lamp</p></td><td><p>2</p></td></tr><tr><td><div>Bulb</div><td><td>3", "Lamp | 2\nBulb | | 3"),
        ("<tr><td>Lamp<td>2<tr><td><td><td>4", "Lamp | 2\n4"),
        ("<tr><td>a<td>b<td>c<tr><td><td><td>4", "a | b | c\n| | 4"),
        ("<tr><td>Anna<br>Berlin</td><td>2</td></tr>", "Anna Berlin | 2"),
        ("<tr><td>1<br>2<br>3<br>4</td><td>side</td></tr>", "1\n2\n3\n4\nside"),
        ("<tr><td></td><td>alone</td></tr>", "alone"),
        ("<tr><td><table><tr><td>a<td>b<tr><td>c<td>d</table></td><td>side</td></tr>", "a | b\nc | d\nside"),
        ("<tr><td>a<td>b<td>c<tr><td rowspan=2>Lamp<td>A<td>1<tr><td>B<td>2", "a | b | c\nLamp | A | 1\n| B | 2"),
        ("<tr><td colspan=2>Name<td>No.<tr><td>Kim<td>Doe<td>2", "Name | | No.\nKim | Doe | 2"),
        ("<tr><td>a<td>1<td>2<tr><td colspan=2>Total<td>3", "a | 1 | 2\nTotal | | 3"),
        ("<tr><td rowspan=2>Item<td colspan=2>Price<tr><td>net<td>gross", "Item | Price\n| net | gross"),
        ("<tr><td rowspan=2>Logo<td>Kim Doe<tr><td>Berlin", "Logo | Kim Doe\nBerlin"),
        ("<tr><td colspan=0 rowspan=x>a<td>b", "a | b"),
    ],
)
def test_a_table_is_read_row_by_row(markup: str, want: str) -> None:
    """A row is one line and an empty cell keeps its place; a page laid out in columns is read column by column."""
    assert html_text.to_text(f"<table>{markup}</table>") == want


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("<ol><li>a<li value=7>b<li>c</ol>", "1. a\n7. b\n8. c"),
        ("<ol type=a start=26><li>y<li>z</ol>", "z. y\naa. z"),
        ('<ol style="margin:0;list-style-type: upper-roman"><li>a<li>b<li>c<li>d</ol>', "I. a\nII. b\nIII. c\nIV. d"),
        ("<ol start=-1 type=A><li>a<li>b<li>c</ol>", "-1. a\n0. b\nA. c"),
        ("<ol reversed start=2><li>a<li>b</ol>", "2. a\n1. b"),
        ("<ol reversed='reversed'><li>a<li>b</ol>", "- a\n- b"),
        ("<ol title='reversed' type=disc start=99999999><li value=x>a</ol>", "1. a"),
    ],
)
def test_an_item_has_the_number_a_browser_shows(markup: str, want: str) -> None:
    """Whoever answers “as for b” means it; a list that counts down from a number nobody wrote has none."""
    assert html_text.to_text(markup) == want


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("<input type=checkbox checked>OK<br><input type='checkbox' title='checked'>News", "[x] OK\n[ ] News"),
        ("<ul><li><input disabled type=checkbox checked=''>a<li aria-checked=false>b</ul>", "- [x] a\n- [ ] b"),
        ("<select><option>red<option selected>blue</select>", "red\n[x] blue"),
        ("Name: <input value='Kim Doe'><input type=hidden value=s3cret><input type=password value=x>", "Name: Kim Doe"),
    ],
)
def test_what_a_form_was_filled_in_with_is_read(markup: str, want: str) -> None:
    """A box that is checked is told from one that is not; what nobody sees stays away."""
    assert html_text.to_text(markup) == want


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("10<sup>-3</sup> m<sup>2</sup>", "10⁻³ m²"),
        ("1<sup>st</sup> M<sup>lle</sup> $19<sup>.99</sup>", "1st Mlle $19.99"),
        ("a<sup><p>1</p></sup>b<sup></sup><p>c", "a\n\n1\nb\n\nc"),
        ("says <q>stop</q>.", "says “stop”."),
        ("Thanks <span style='font-family:Wingdings'>J</span>", "Thanks 🙂"),
        ("<font face=Wingdings>þ<font face=Arial>J</font></font>", "☑J"),
        ("<font face=Wingdings>Jo, hello</font><span style='font-family:Calibri,Wingdings'>J</span>", "Jo, helloJ"),
    ],
)
def test_a_sign_is_read_as_it_looks(markup: str, want: str) -> None:
    """An exponent is no factor, and the smiley of Outlook no letter."""
    assert html_text.to_text(markup) == want


@pytest.mark.parametrize(
    "markup", ["<s>100</s> 80", "<p><del>100</del> 80", "<b style='text-decoration: line-through'>100</b> 80"]
)
def test_what_is_struck_out_is_marked(markup: str) -> None:
    """The old price is told from the new one."""
    assert html_text.to_text(markup) == "~~100~~ 80"


@pytest.mark.parametrize(
    "markup",
    [
        "<p hidden>x</p>",
        "<p style='opacity:0'>x</p>",
        "<p style='font-size: 0px;'>x</p>",
        "<p style='font-size:0.1pt'>x</p>",
        "<p style='opacity:.0'>x</p>",
        "<table><tr style='visibility:collapse'><td>x</td></tr></table>",
        "<p style='position:absolute;clip:rect(0 0 0 0)'>x</p>",
        "<p style='clip: rect(1px, 1px, 1px, 1px); position: absolute !important'>x</p>",
        "<p style='clip-path:inset(50%)'>x</p>",
        "<p style='position:absolute;right:-9999px'>x</p>",
        "<p style='transform:scale(0)'>x</p>",
        "<p style='color:transparent'>x</p>",
        "<p style='color: rgba(0, 0, 0, 0)'>x</p>",
        "<p style='color:rgb(0 0 0 / 0%)'>x</p>",
        "<font color='#ffffff00'>x</font>",
        "<p style='text-indent:-999px'>x</p>",
        "<p style='max-height:0;overflow:hidden'>x</p>",
        "<p style='color:#ffffff;font-size:1px'>x</p>",
        "<style>.a{color:red} p.pre, .y{display:none}</style><p class='b pre'>x</p>",
        "<style><!-- /* of the list */ .pre{display:none} --></style><p class=pre>x</p>",
    ],
)
def test_what_nobody_sees_is_not_read(markup: str) -> None:
    """Texts that shops hide in front of their mail, however they hide them."""
    assert html_text.to_text(f"{markup}<p>seen</p>") == "seen"


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='display:none'>Vorschau<p>Die Lampe",
        "<p><span style='display:none'>x</p><p>Die Lampe</p>",
        "<table><tr><td style='display:none'>x<td>Die Lampe</table>",
        "<div hidden><div>x</div><p>Die Lampe</p>",
    ],
)
def test_what_hides_without_an_end_hides_nothing(markup: str) -> None:
    """HTML may leave out the end of an element, and all of the mail would be gone with it."""
    assert "Die Lampe" in html_text.to_text(markup)


@pytest.mark.parametrize(
    "markup",
    [
        "<td style='font-size:0'><p style='font-size:14px'>x</p></td>",
        "<p style='opacity:0.8;max-height:0.5em'>x</p>",
        "<p style='font-size:0.5em;color:rgb(255,0,0)'>x</p>",
        "<p style='color:#000000'>x</p>",
        "<p style='opacity:.05;clip:rect(0 0 0 0);transform:scale(0.9)'>x</p>",
        "<p style='position:absolute;clip:rect(0 600px 200px 0);clip-path:circle(0.5em);bottom:-2px'>x</p>",
        "<p style='background:linear-gradient(red,blue);background-clip:text;color:transparent'>x</p>",
        "<div style='color:transparent'><p style='color:#111'>x</p></div>",
        "<p aria-hidden=true title='it is hidden here'>x</p>",
        "<p style='margin-left:113.4pt;text-indent:-113.4pt'>x</p>",
        "<style>[data-ogsc] .light, u + .body .light { display:none }</style><p class=light>x</p>",
        "<style>.phone .wide{display:none}</style><p class=wide>x</p>",
        "<style>@media print{.a{display:none}}</style><p class=a>x</p>",
    ],
)
def test_what_somebody_sees_is_read(markup: str) -> None:
    """What only looks as if it were hidden stays."""
    assert html_text.to_text(markup) == "x"


@pytest.mark.parametrize(
    ("markup", "marked"),
    [
        ("<p>a<blockquote type=cite>b</blockquote>c", ["b"]),
        ("<p>a<div class=gmail_quote>b</div>c", ["b"]),
        ("<p>a<blockquote>b</blockquote>c", []),
        ("<p>a<hr id=stopSpelling>b<p>c", ["b", "c"]),
        ("<p>a<blockquote class=gmail_quote>b</blockquote>c", []),
    ],
)
def test_marked_by_mail_programs(markup: str, marked: list[str]) -> None:
    """Only what a mail program itself marks as the earlier mail is `quoted`; an indented line has a level."""
    assert [line.text for line in html_text.lines(markup) if line.quoted and line.text] == marked


def test_depth_costs_nothing() -> None:
    """A hundred thousand open elements are one pass over the text; levels are shown up to a limit."""
    lines = html_text.lines("<blockquote>" * 20_000 + "deep")
    assert lines[-1].text == "deep"
    assert lines[-1].level == 20


@pytest.mark.parametrize(
    "mark",
    [
        *('<div class="GMAIL_QUOTE">', "<div class=yahoo_quoted>", "<div class=zmail_extra>", "<div class=moz-cite-x>"),
        *("<div id=mail-editor-reference-message-container>", "<div id=x_divRplyFwdMsg>", "<div id=appendonsend>"),
        *("<div id=stopSpelling>", "<span id=OLK_SRC_BODY_SECTION>", "<hr id=ms-outlook-mobile-body-separator-line>"),
        *("<p id=replySplit>", "<p id=isForwardContent>", "<div style='Border-Top:solid'>", '<div name="quote">'),
        '<blockquote style="x" type="cite">',
    ],
)
def test_marks_of_a_quotation_are_seen_at_the_first_look(mark: str) -> None:
    """However they are written; nothing else counts as one."""
    assert html_quotation.marks_quotation(f"<p>Thank you</p>{mark}old")
    assert html_quotation.marks_quotation(f"<p>Thank you</p>{mark.upper()}old")
    assert not html_quotation.marks_quotation("<p>A quote of our price</p><blockquote>text</blockquote>")


def test_an_address_in_brackets_is_no_element() -> None:
    """Scripts write `Kim <kim@x.example>` into their markup as it is, and whom to answer would be gone."""
    markup = "<p>Name: Kim <kim@x.example><br>Lamp <b>17</b></p>"
    assert html_text.to_text(markup) == "Name: Kim <kim@x.example>\nLamp 17"

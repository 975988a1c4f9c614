"""HTML of strangers, made safe to show."""

from __future__ import annotations

import pytest

from gateway.mail import html_safe


@pytest.mark.parametrize(
    ("markup", "gone"),
    [
        ("<script>alert(1)</script>", "alert"),
        ("<style>x{}</style>", "x{}"),
        ('<img src="https://x.example/p.gif">', "src"),
        ('<img src="data:image/svg+xml,x">', "data"),
        ('<a href="javascript:x()">a</a>', "javascript"),
        ('<a href="/tickets/1">a</a>', "tickets"),
        ('<p style="background:url(//x)" onclick="x()" class=a id=b>t</p>', "="),
        ("<form action=x><input><button>b</button></form>", "<form"),
        ("<svg><script>x</script></svg><math><mtext></math>", "script"),
        ('<base href="//x"><link href="//x"><meta http-equiv=refresh>', "//x"),
        ("<iframe src=x>f</iframe>", "iframe"),
        ("<noscript><p title='</noscript><img src=x onerror=y>'>", "onerror=y>'"),
    ],
)
def test_sanitise_removes(markup: str, gone: str) -> None:
    """No script, style, form, frame, remote content or way into the portal survives."""
    assert gone not in html_safe.sanitise(f"<p>vor</p>{markup}<p>nach</p>")


def test_sanitise_keeps_what_people_write() -> None:
    """Text, emphasis, links, lists and tables stay; links open nothing of ours."""
    shown = html_safe.sanitise(
        '<p>a <b>b</b> <a href="https://x.example/">c</a></p><ul><li>d</ul><table><tr><td>e</table>'
    )
    assert '<a href="https://x.example/" rel="noopener noreferrer nofollow">c</a>' in shown
    assert all(piece in shown for piece in ("<b>b</b>", "<li>d</li>", "<td>e</td>"))


def test_inline_pictures_are_shown_in_place() -> None:
    """A picture by Content-ID gets the URL the portal gives it, escaped ids included; others keep their text."""
    shown = html_safe.sanitise(
        '<img src="cid:a@b"><img src="CID:c%40d" alt=C><img src="cid:x" alt=X>', {"a@b": "/f/1", "c@d": "/f/2"}
    )
    assert shown == '<img src="/f/1"><img src="/f/2" alt="C"><img alt="X">'


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 50_000 + "innen",
        "<b><i>" * 5_000 + "innen",
        ("<font a>" * 150 + "<p>x" * 30_000) + "innen",
        "x" * 2_500_000,
    ],
    ids=["deep", "formatting", "reopened", "long"],
)
def test_what_would_take_long_is_shown_as_text(markup: str) -> None:
    """Depth, reopened formatting and length are capped before the sanitiser sees them."""
    assert html_safe.sanitise(markup).startswith("<pre>")


@pytest.mark.parametrize(
    ("markup", "remote"),
    [
        ('<img src="https://x.example/p.gif">', True),
        ("<td background=//x.example/b.png>", True),
        ("<p style='background:url(http://x)'>", True),
        ('<img src="cid:a"><a href="https://x.example">link</a>', False),
        ("<p>http://x.example/a.png</p>", False),
    ],
)
def test_remote_content_is_noticed(markup: str, remote: bool) -> None:
    """What the mail wanted to load is known, so that the reader can be told it was not."""
    assert html_safe.has_remote_content(markup) is remote


def test_a_picture_that_is_not_loaded_leaves_its_name() -> None:
    """Browsers show a sign of damage for one without a source; one without a name, as trackers are, is gone."""
    html = '<img src="https://a.example/x" alt=\'A "b" src= > <i>\'><img src="cid:a" alt="ok"><img src="//t.example/1">'
    shown = html_safe.for_page(html, {"a": "/f"})
    assert shown == ('<span class="unloaded">A &quot;b&quot; src= &gt; &lt;i&gt;</span><img src="/f" alt="ok">')


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ('<p>a</p><div style="display:none">b <div>c</div> d</div><p>e</p>', "<p>a</p><p>e</p>"),
        ("<style>.x{display:none}</style><p>a<span class=x>b</span></p>", "<p>a</p>"),
        ("<p hidden>b</p><p>a</p>", "<p>a</p>"),
        ("<p>a</p><div style='display:none'>b<p>c</p>", "<p>a</p><div>b<p>c</p></div>"),
        (
            '<p>Yes, <span style="text-decoration:line-through">for <b>90</b></span> for 80</p>',
            "<p>Yes, <span><s>for </s><b><s>90</s></b></span> for 80</p>",
        ),
        ('<p style="text-decoration:line-through">a<p>b</p>', "<p><s>a</s></p><p>b</p>"),
        (
            '<div style="text-decoration: line-through">a<div hidden>b</div>c</div>d',
            "<div><s>a</s><s>c</s></div>d",
        ),
        ("<p hidden>x</p><p>3 < 4 <me@x.example></p>", "<p>3 &lt; 4 &lt;me@x.example&gt;</p>"),
        ("<div hidden>b</div><img src=cid:x>", "<div>b</div>"),
        ("<p style='text-decoration:line-through'>a<i hidden>b</i></p>", "<p><s>a</s></p>"),
        ("<p><input type=checkbox checked> yes <input type=checkbox> no</p>", "<p>[x]  yes [ ]  no</p>"),
        ("<p>Size <input value='<b>XL' style='text-decoration:line-through'>.</p>", "<p>Size &lt;b&gt;XL.</p>"),
        ("<p hidden>b</p><ul><li aria-checked=true>a</ul>", "<ul><li>[x] a</li></ul>"),
        ("<p>a<del>b</del></p>", "<p>a<del>b</del></p>"),
    ],
)
def test_a_page_shows_what_a_mail_program_would(html: str, shown: str) -> None:
    """What a style hides is not there, and what one strikes out is struck out, though styles are not kept; which box is
    ticked and what stands in a field is told, though forms are not."""
    assert html_safe.for_page(html, {}) == shown

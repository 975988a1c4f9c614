"""`replydesk preview`: what a notice looks like, before any is sent."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from gateway.cli import preview
from gateway.core.notice import Notice
from gateway.errors import ReplydeskError


def run(*words: str, config: str | None = None) -> int:
    parser = argparse.ArgumentParser()
    preview.configure(parser)
    return preview.run(argparse.Namespace(**vars(parser.parse_args(words)), config=config))


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of this machine is found."""
    monkeypatch.delenv("REPLYDESK_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("notice", list(Notice))
def test_every_notice_can_be_looked_at(notice: Notice, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a configuration, as text."""
    assert run(notice.value) == 0
    assert capsys.readouterr().out.strip()


def test_language_and_form_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """German HTML, for instance."""
    run("close_confirmation", "--language", "de", "--html")
    html = capsys.readouterr().out
    assert html.startswith("<!DOCTYPE html>")
    assert ">Ticket schließen</a>" in html


def test_templates_and_time_zone_of_the_site_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The preview shows what customers will get."""
    config = tmp_path / "site.toml"
    config.write_text(
        '[gateway]\ntemplates_dir = "texts"\ntimezone = "UTC"\n[[mailboxes]]\naddress = "support@example.com"\n'
    )
    texts = tmp_path / "texts" / "mail" / "en"
    texts.mkdir(parents=True)
    (texts / "closed.txt.j2").write_text("Bye, {{ mail.recipient.name }}.\n")
    run("closed", config=str(config))
    assert capsys.readouterr().out == "Bye, Erika Beispiel.\n"


def test_unknown_language_is_refused() -> None:
    """The answer names those there are."""
    with pytest.raises(ReplydeskError, match="Use one of: de, en"):
        run("closed", "--language", "xx")


def test_unknown_notice_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the known ones are listed."""
    with pytest.raises(SystemExit) as stopped:
        run("replay")
    assert stopped.value.code == 2
    assert "'reply'" in capsys.readouterr().err

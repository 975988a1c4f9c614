"""The figures the reader must hold on the corpus of real mails, where that is at hand."""

from __future__ import annotations

import pytest

from tests import corpus


@pytest.mark.skipif(not corpus.SHARED.is_dir(), reason="the corpus of real mails is not here")
def test_real_mails_are_read_as_a_person_would() -> None:
    """Nothing unread, nobody mistaken, nothing cut; 99 % of all, 97 % of bounces, 85 % of new texts."""
    result = corpus.run()
    assert (result.unread, result.mistaken, result.cut) == ([], [], [])
    assert result.share() >= 99
    assert result.share("bounced_recipients") >= 97
    assert result.share("trimmed_text") >= 85

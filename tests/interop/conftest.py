"""Fixtures for tests with real mail servers. All of them are marked `interop`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import dovecot as dovecot_module
from tests.interop.dovecot import Dovecot

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    if dovecot_module.MISSING:
        pytest.skip(dovecot_module.MISSING)
    with dovecot_module.running() as running:
        yield running

"""Fixtures for tests with real mail servers. All of them are marked `interop`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import dovecot as dovecot_module
from tests.interop import exim as exim_module
from tests.interop import postfix as postfix_module
from tests.interop import unprivileged
from tests.interop.dovecot import Dovecot
from tests.sink import Sink

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


@pytest.fixture
def needs_postfix() -> None:
    if postfix_module.MISSING:
        pytest.skip(postfix_module.MISSING)


@pytest.fixture(scope="session")
def needs_exim() -> None:
    if reason := exim_module.missing():
        pytest.skip(reason)


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder a user without rights can reach and write."""
    with unprivileged.folder() as folder:
        yield folder


@pytest.fixture
def world() -> Iterator[Sink]:
    """Where mail to customers ends, in a loop of its own."""
    sink, started, stop = Sink(), threading.Event(), threading.Event()

    async def serve() -> None:
        async with sink.running():
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    with contextlib.ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(stop.set)
        assert started.wait(10)
        yield sink

"""The reading list of docs/flow.md: short enough for one sitting, complete, and what really happens."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.sink import Sink
from tests.site import Site
from tests.trace_mail import ROOT, way_of_a_new_mail

LINES, FILES = 700, 10


def reading_list() -> list[tuple[str, str]]:
    """(file, qualified name) of each function, in order."""
    listed = (ROOT / "docs/flow.md").read_text("utf-8").split("<!-- reading -->")[1].split("<!-- /reading -->")[0]
    rows = re.findall(r"^\| `(\S+)` \| (.*) \|$", listed, re.M)
    return [(file, name) for file, names in rows for name in re.findall(r"`([\w.]+)`", names)]


def length(file: str, name: str) -> int:
    """Lines of a function with its docstring; a name that is not there fails."""
    scope: ast.Module | ast.ClassDef = ast.parse((ROOT / file).read_text("utf-8"))
    *classes, function = name.split(".")
    for word in classes:
        (scope,) = (n for n in scope.body if isinstance(n, ast.ClassDef) and n.name == word)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    (found,) = (n for n in scope.body if isinstance(n, kinds) and n.name == function)
    assert found.end_lineno is not None
    return found.end_lineno - found.lineno + 1


def test_it_can_be_read_in_one_sitting() -> None:
    """At most 700 lines in 10 files."""
    listed = reading_list()
    assert len({file for file, _ in listed}) <= FILES
    assert sum(length(file, name) for file, name in listed) <= LINES


async def test_a_new_mail_goes_this_way(tmp_path: Path) -> None:
    """From the socket to the relay each function of the list is called, so the list tells what happens."""
    async with Sink().running() as relay:
        site = Site(tmp_path, send=f'transport = "smtp"\nhost = "127.0.0.1"\nport = {relay.port}\nsecurity = "none"')
        walked = await way_of_a_new_mail(site, lambda: len(relay.received) >= 2)
    assert [step for step in reading_list() if step not in walked] == []

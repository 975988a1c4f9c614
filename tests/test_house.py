"""The house itself: the example equals the code, modules say what they are for, nothing has grown too large."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import gateway
from gateway.cli import main
from gateway.config import Settings
from gateway.core.notice import Notice
from gateway.core.policy import Policy

ROOT = Path(__file__).parents[1]
SOURCES = sorted(p for folder in ("gateway", "storage", "templates") for p in (ROOT / folder).rglob("*.py"))
WRITTEN_BY_HAND = [p for p in SOURCES if "versions" not in p.parts]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
EXAMPLE = (ROOT / "config.example.toml").read_text("utf-8")
LIMIT = 450
"""Lines of a module."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- the example of the settings --------------------------------------------------------------

# Tables that may be repeated stand as comments, for there is none by default.
UNCOMMENTED = re.sub(r"(?m)^#: ?", "", EXAMPLE)


def defaults(model: type[BaseModel], example: dict[str, Any], where: str = "") -> list[str]:
    """What differs between the example and the defaults of the code, as sentences."""
    wrong = [f"{where}{key}: not in the code" for key in example.keys() - model.model_fields.keys()]
    for key, field in model.model_fields.items():
        if where == "" and key == "file":
            continue
        path = where + key
        if key not in example:
            wrong.append(f"{path}: not in the example")
            continue
        value, inner = example[key], section(field.annotation)
        if inner is not None:
            for one in value if isinstance(value, list) else [value]:
                wrong += defaults(inner, one, f"{path}.")
        elif (
            not field.is_required()
            and f"{where}{key}" not in SHOWN
            and field.get_default(call_default_factory=True) != value
        ):
            wrong.append(f"{path}: {value!r} in the example, {field.default!r} in the code")
    return wrong


SHOWN = {"mailboxes.name", "agents.name", "receive.imap.username", "receive.imap.password_file"}
"""Keys whose example is not their default."""


def section(annotation: Any) -> type[BaseModel] | None:
    """The table behind an annotation, alone or in a list."""
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def test_the_example_equals_the_defaults() -> None:
    """Key by key, also in tables that may be repeated: what is shown is what a missing key means."""
    assert defaults(Settings, tomllib.loads(UNCOMMENTED)) == []


def test_the_example_stands_in_the_order_of_the_code() -> None:
    """Who reads one finds their way in the other."""
    shown = list(tomllib.loads(UNCOMMENTED))
    assert shown == [key for key in Settings.model_fields if key != "file"]


def test_every_key_of_the_example_has_one_comment() -> None:
    """On its line, in a column of its own."""
    lines = [line for line in UNCOMMENTED.splitlines() if re.match(r"\w+ = ", line)]
    assert len(lines) > 60
    assert [line for line in lines if not re.search(r" # \S", line)] == []


def test_the_defaults_of_the_core_are_those_of_the_example() -> None:
    """A policy built without settings, as tests do, behaves like a site without settings."""
    from gateway.config import build, policy
    from gateway.core.token import Keys

    built = policy(build({}, Path("x.toml")), Keys(b""))
    plain = Policy(Keys(b""), built.mailboxes)
    for field in plain.__dataclass_fields__:
        if field not in ("own_addresses", "hours"):
            assert getattr(plain, field) == getattr(built, field), field


# --- modules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """In its docstring; an empty file says all it has to say."""
    tree = ast.parse(path.read_text("utf-8"))
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize("path", WRITTEN_BY_HAND, ids=name)
def test_a_module_fits_in_a_head(path: Path) -> None:
    """When it grows it holds two jobs."""
    assert len(path.read_text("utf-8").splitlines()) <= LIMIT


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_nothing_is_left_for_later(path: Path) -> None:
    """No stub, and no silenced check without its reason."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", line), number
        silenced = re.search(r"#\s*(?:noqa|type: ignore)\S*(?: \S+)?(.*)", line)
        assert not silenced or re.search(r"\w{3}", silenced[1]), number


@pytest.mark.parametrize("path", [p for p in SOURCES if {"core", "mail"} & {*p.relative_to(ROOT).parts}], ids=name)
def test_the_core_waits_for_nothing(path: Path) -> None:
    """Pure: no await, no clock, no randomness."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncWith | ast.AsyncFor)
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("utcnow", "today"), node.lineno
            if node.attr == "now" and isinstance(node.value, ast.Name):
                assert node.value.id not in ("datetime", "date", "time"), node.lineno


def test_one_name_for_one_thing() -> None:
    """No class name stands twice in the house."""
    found = [n.name for p in SOURCES for n in ast.walk(ast.parse(p.read_text("utf-8"))) if isinstance(n, ast.ClassDef)]
    public = [n for n in found if not n.startswith("_")]
    assert sorted({n for n in public if public.count(n) > 1}) == []


def test_no_wait_can_lose_its_cancellation() -> None:
    """`asyncio.wait_for` does on Python 3.11: `asyncio.timeout` is used instead, in tests too."""
    tests = (p for p in ROOT.glob("tests/**/*.py") if p.name != "test_house.py")
    assert [str(p) for p in (*SOURCES, *tests) if "wait_for(" in p.read_text("utf-8")] == []


def test_tests_with_real_mail_servers_are_where_they_are_looked_for() -> None:
    """`make interop` looks in two folders only."""
    marked = (
        p for p in ROOT.glob("tests/**/*.py") if p.name != "test_house.py" and "mark.interop" in p.read_text("utf-8")
    )
    assert {p.parent.name for p in marked} == {"interop", "board"}
    assert "INTEROP := tests/interop tests/board\n" in (ROOT / "Makefile").read_text("utf-8")


# --- what belongs together ----------------------------------------------------------------------------


@pytest.mark.parametrize("notice", Notice)
def test_every_notice_has_its_templates(notice: Notice) -> None:
    """As text and as HTML, once for all languages."""
    for form in ("txt", "html"):
        assert (ROOT / "templates" / "mail" / f"{notice.value}.{form}.j2").is_file()


def test_the_readme_names_the_two_commands() -> None:
    """Nobody needs a third to see it run."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make demo" in readme
    assert "make test" in readme


PLACE = re.compile(r"[\w.-]*[\w-]/[\w./-]*|[\w.-]+\.(?:py|md|toml|po)")
"""A path of the repository as a page writes it."""


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/glossary.md"])
def test_every_place_named_for_contributors_exists(page: str) -> None:
    """Whoever follows a page arrives."""
    text = (ROOT / page).read_text("utf-8")
    named = re.findall(r"`([^`\s]+)`", text) + re.findall(r"(?m)^(\S+) {2,}", text)
    links = [str((ROOT / page).parent / link) for link in re.findall(r"\]\(([^)]+)\)", text)]
    places = [place for place in named if PLACE.fullmatch(place) and place != "replydesk.po"]
    assert len(places) > 15
    assert [place for place in [*places, *links] if not (ROOT / place).exists()] == []


def test_every_table_named_for_contributors_is_where_the_page_says() -> None:
    """`a line of TABLE in a file`: it is defined there, also after somebody moved it."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"of (_?[A-Z]+) in `(\S+\.py)`", page)
    assert len(named) > 4
    assert [(table, file) for table, file in named if f"\n{table}: " not in (ROOT / file).read_text("utf-8")] == []


def test_the_picture_of_the_house_shows_every_folder() -> None:
    """A new folder of the gateway gets its line."""
    picture = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    folders = [path.parent.name for path in (ROOT / "gateway").glob("*/__init__.py")]
    assert [folder for folder in folders if f"\ngateway/{folder}/ " not in picture] == []


def test_the_version_is_one() -> None:
    """The package, the program and the changelog name the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == gateway.__version__
    assert project["scripts"] == {"replydesk": f"{main.__module__}:{main.__name__}"}
    assert gateway.__version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_hashes_and_no_registry(file: str) -> None:
    """Every package is pinned to bytes, wherever they come from."""
    lock = (ROOT / file).read_text("utf-8")
    assert "://" not in lock
    packages = re.findall(r"(?m)^[a-z0-9_.-]+==", lock)
    assert len(packages) > 40
    assert lock.count("--hash=sha256:") >= len(packages)


def test_production_gets_what_was_tested_and_no_workshop() -> None:
    """The same versions as developers have, all the program names, and nothing that only they need."""
    found = [
        set(re.findall(r"(?m)^([a-z0-9_.-]+==\S+)", (ROOT / f"requirements{kind}.lock").read_text("utf-8")))
        for kind in ("", "-dev")
    ]
    assert found[0] < found[1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = {re.split(r"[\[<>=]", one)[0] for one in project["project"]["dependencies"]}
    locked = {one.partition("==")[0] for one in found[0]}
    assert named <= locked
    assert not {re.split(r"[\[<>=]", one)[0] for one in project["dependency-groups"]["dev"]} & locked

"""`replydesk templates list|copy|diff`: templates of your own, and what changed in ours since they were copied.

`copy` keeps the packaged text it copied in `.copied`, so that after an upgrade `diff` can say what
is new in ours, apart from what you changed yourself.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ReplydeskError

if TYPE_CHECKING:
    from collections.abc import Sequence

ORIGINALS = ".copied"


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="every template, and which of them you have replaced")
    listing.add_argument("--json", action="store_true", help="for programs")
    copy = verbs.add_parser("copy", help="copy packaged templates, to be changed; one that is there is left alone")
    copy.add_argument("paths", nargs="+", metavar="PATH", help="as `list` names it, such as mail/reply.html.j2")
    diff = verbs.add_parser("diff", help="what changed in the packaged ones since you copied them (exit code 1)")
    diff.add_argument("--own", action="store_true", help="what you changed in yours, instead")
    diff.add_argument("paths", nargs="*", metavar="PATH", help="(default: all of yours)")


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.cli import WrongUsage
    from gateway.render.templates import PACKAGED

    settings = config.load(args.config)
    own = settings.templates_dir
    ours = {
        str(path.relative_to(PACKAGED)): path
        for path in sorted(PACKAGED.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc", ".mo")
    }
    if args.verb == "list":
        return _list(ours, own, args.json)
    if own is None:
        key, remedy = "gateway.templates_dir", 'Name a folder, e.g. "templates", beside the file.'
        raise settings.error(key, "is not set", remedy)
    strangers = [path for path in args.paths if path not in ours]
    if strangers:
        raise WrongUsage(f"there is no template {strangers[0]}; `replydesk templates list` names them")
    if args.verb == "copy":
        return _copy({path: ours[path] for path in args.paths}, own)
    chosen = args.paths or [path for path in ours if (own / path).is_file()]
    return _diff({path: ours[path] for path in chosen}, own, args.own)


def _list(ours: dict[str, Path], own: Path | None, as_json: bool) -> int:
    from gateway.cli import show

    states = {path: _state(path, packaged, own) for path, packaged in ours.items()}
    if as_json:
        show.json_array({"path": path, "state": state} for path, state in states.items())
    else:
        show.table(("state", "template"), [(state, path) for path, state in states.items()])
    return 0


def _state(path: str, packaged: Path, own: Path | None) -> str:
    if own is None or not (own / path).is_file():
        return "packaged"
    copied = own / ORIGINALS / path
    if not copied.is_file():
        return "yours"
    return "yours" if copied.read_bytes() == packaged.read_bytes() else "yours, packaged one changed"


def _copy(chosen: dict[str, Path], own: Path) -> int:
    from shutil import copyfile

    for path, packaged in chosen.items():
        if (own / path).exists():
            print(f"{own / path} is there already and was left alone")
            continue
        for place in (own / ORIGINALS / path, own / path):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                copyfile(packaged, place)
            except OSError as error:
                raise ReplydeskError(f"{place} cannot be written ({error.strerror})") from None
        print(own / path)
    print("Change them, look with `replydesk preview`, then `systemctl reload replydesk`.")
    return 0


def _diff(chosen: dict[str, Path], own: Path, yours: bool) -> int:
    """1 when something differs, as diff(1)."""
    differs = False
    for path, packaged in chosen.items():
        copied, mine = own / ORIGINALS / path, own / path
        if not mine.is_file():
            raise ReplydeskError(f"{mine} is not there; `replydesk templates copy {path}` makes it")
        if yours:
            before, after, names = copied if copied.is_file() else packaged, mine, ("packaged", "yours")
        else:
            before, after, names = copied if copied.is_file() else mine, packaged, ("copied", "packaged now")
        differs |= _shown(path, before, after, names)
    if not differs:
        print("Nothing changed.")
    return 1 if differs else 0


def _shown(path: str, before: Path, after: Path, names: Sequence[str]) -> bool:
    from difflib import unified_diff

    old, new = (place.read_text("utf-8", "replace").splitlines() for place in (before, after))
    lines = list(unified_diff(old, new, f"{path} ({names[0]})", f"{path} ({names[1]})", lineterm=""))
    for line in lines:
        print(line)
    return bool(lines)

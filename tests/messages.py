"""`make messages`: every text of the code and the templates into the catalogs, and what is missing there.

Texts nobody uses any more are taken out; git has them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from gateway.texts.catalog import FILE, PACKAGED, placeholders

TOP = Path(__file__).parent.parent
METHODS = [("gateway/**.py", "python"), ("templates/**.j2", "jinja2")]
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "words_in": ((1, "c"), 2),
    "mark_in": ((1, "c"), 2),
    "mark_many": (1, 2),
}


_UNWANTED = ('"POT-', '"PO-Rev', '"Report-Msgid', '"Last-Tr', '"Language-Team', '"Generated-By')
"""Heads of a catalog that nobody keeps."""


def extracted() -> Catalog:
    """Every text there is, with where it stands."""
    catalog = Catalog(project="replydesk", charset="utf-8", fuzzy=False)
    options = {"templates/**.j2": {"silent": "false"}}
    found = extract_from_dir(str(TOP), METHODS, options, KEYWORDS, directory_filter=_ours)
    for file, _, message, _, context in found:
        catalog.add(message, locations=[(file, 0)], context=context)
    return catalog


def catalogs() -> list[Path]:
    return sorted(PACKAGED.glob(f"*/{FILE}"))


def load(file: Path) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream, locale=file.parent.parent.name, abort_invalid=True)


def faults(file: Path, template: Catalog) -> Iterator[str]:
    """What a catalog lacks, has too much, or fills with other values than its key."""
    catalog = load(file)
    for wanted in template:
        if wanted.id and catalog.get(_key(wanted), wanted.context) is None:
            yield f"{file}: {_key(wanted)!r} is missing; run `make messages`"
    for message in catalog:
        if not message.id:
            continue
        if template.get(_key(message), message.context) is None or message.fuzzy:
            yield f"{file}:{message.lineno}: {_key(message)!r} is used nowhere; run `make messages`"
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        if not all(texts):
            yield f"{file}:{message.lineno}: {_key(message)!r} has no translation"
            continue
        keys = message.id if isinstance(message.id, tuple) else (message.id,)
        # A form of its own for one thing need not name the number.
        free = {"count"} if len(keys) > 1 else set()
        if any(placeholders(t) - free != placeholders(keys[-1]) - free for t in texts):
            yield f"{file}:{message.lineno}: {_key(message)!r} has other {{words}} than its translation"


def update(file: Path, template: Catalog) -> None:
    """Keep what is translated, add what is new, take out what is gone."""
    known = load(file)
    catalog = Catalog(locale=file.parent.parent.name, project="replydesk", version="1", charset="utf-8", fuzzy=False)
    catalog.header_comment = known.header_comment
    for wanted in template:
        if wanted.id:
            message = catalog.add(wanted.id, locations=wanted.locations, context=wanted.context)
            if (old := known.get(_key(wanted), wanted.context)) and type(old.id) is type(wanted.id):
                message.string = old.string
    with file.open("wb") as stream:
        write_po(stream, catalog, width=100, omit_header=False, sort_by_file=True, include_lineno=False)
    lines = file.read_text("utf-8").split("\n")
    file.write_text("\n".join(line for line in lines if not line.startswith(_UNWANTED)), "utf-8")


def _key(message: Message) -> str:
    return message.id[0] if isinstance(message.id, tuple) else message.id


def _ours(folder: str) -> bool:
    at = Path(folder)
    return at == TOP or at.relative_to(TOP).parts[0] in ("gateway", "templates")


def main() -> int:
    template = extracted()
    said = []
    for file in catalogs():
        update(file, template)
        said += list(faults(file, template))
    print("\n".join(said) or f"{len(template)} texts, none without a translation.")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())

"""The one way templates are found and run: for mails here, for pages in the portal.

They come from the site's folder first, then from the package. A site's run in a sandbox, a missing
word is an error, and their texts and dates are those of one language: each has an environment of its own.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import lru_cache
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    nodes,
    pass_eval_context,
)
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import EvalContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

import templates
from gateway.texts import Catalog
from gateway.texts.catalog import PLACE

PACKAGED = Path(templates.__path__[0])


def environment(words: Catalog, override: Path | None, timezone: tzinfo, *, shared: str = "") -> Environment:
    """Templates in a language; `override` is the site's folder.

    A name such as `FOLDER/de/NAME` that is no file means `FOLDER/NAME` when `shared` names the folder: a
    site may have a file of its own for one language.
    """
    folders = [*([override] if override else []), PACKAGED]
    found = _Files(folders)
    once = PrefixLoader({shared: PrefixLoader({words.language: _Files([f / shared for f in folders])})})
    # Our own templates need no sandbox, which costs a quarter of the time; a site's may not reach further.
    kind = ImmutableSandboxedEnvironment if override else Environment
    made = kind(
        loader=ChoiceLoader([found, once]) if shared else found,
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    _speak(made, words, timezone)
    return made


class _Files(FileSystemLoader):
    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError as error:
            # Jinja does not say which file it read.
            files = (Path(folder, template) for folder in self.searchpath)
            file = next(str(f) for f in files if f.is_file())
            line = error.object.count(b"\n", 0, error.start) + 1
            raise TemplateSyntaxError("this is not UTF-8. Save it as UTF-8", line, template, file) from None


def _speak(made: Environment, words: Catalog, timezone: tzinfo) -> None:
    """Texts and dates of the language. Markup in a text of a catalog is meant; in a value it is escaped."""

    @pass_eval_context
    def gettext(context: EvalContext, message: str, /, **values: object) -> str:
        return _safe(context, words.gettext(message, **_values(context, values)))

    @pass_eval_context
    def pgettext(context: EvalContext, about: str, message: str, /, **values: object) -> str:
        return _safe(context, words.pgettext(about, message, **_values(context, values)))

    @pass_eval_context
    def ngettext(context: EvalContext, one: str, many: str, count: int, /, **values: object) -> str:
        return _safe(context, words.ngettext(one, many, count, **_values(context, values)))

    def moment(value: datetime) -> str:
        return words.moment(value, timezone)

    def short_moment(value: datetime) -> str:
        return words.short_moment(value, timezone)

    def day(value: datetime) -> str:
        return words.day(value, timezone)

    made.code_generator_class = _spoken(words)
    made.globals.update(_=gettext, gettext=gettext, pgettext=pgettext, ngettext=ngettext)
    made.filters.update(moment=moment, short_moment=short_moment, day=day)


@lru_cache(maxsize=32)  # a reload brings new catalogs
def _spoken(words: Catalog) -> type[CodeGenerator]:
    """Translates while a template is compiled: looking texts up for each mail costs a fifth of its rendering."""

    class Spoken(CodeGenerator):
        def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # jinja2's name
            super().visit_Template(_Translation(words).visit(node), frame)

    return Spoken


class _Translation(NodeTransformer):
    """`_("Hello {name}", name=x)` becomes the pieces of the translated text around `x`."""

    def __init__(self, words: Catalog) -> None:
        self._words = words

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # jinja2's name
        self.generic_visit(node)
        said = [arg.value for arg in node.args if isinstance(arg, nodes.Const)]
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        if len(said) != len(node.args) or node.dyn_args or node.dyn_kwargs:
            return node
        if name in ("_", "gettext") and len(said) == 1:
            text = self._words.template(said[0])
        elif name == "pgettext" and len(said) == 2:
            text = self._words.template(said[1], about=said[0])
        else:
            return node
        values = {given.key: given.value for given in node.kwargs}
        pieces = PLACE.split(text)
        if not values.keys() >= set(pieces[1::2]):
            # A text of the site with a place nobody fills: its error comes when it is run, with its line.
            return node
        line = {"lineno": node.lineno}
        parts: list[nodes.Expr] = [
            values[piece] if at % 2 else nodes.MarkSafeIfAutoescape(nodes.Const(piece, **line), **line)
            for at, piece in enumerate(pieces)
            if piece
        ]
        return parts[0] if len(pieces) == 1 and parts else nodes.Concat(parts, **line)


def _values(context: EvalContext, values: dict[str, object]) -> dict[str, object]:
    return {name: escape(value) for name, value in values.items()} if context.autoescape else values


def _safe(context: EvalContext, text: str) -> str:
    return Markup(text) if context.autoescape else text  # noqa: S704  # values are escaped, the rest is a catalog's


def located(error: Exception, name: str) -> str:
    """`FILE:LINE: what is wrong`, for any error a template can cause."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}: {error.message}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(".j2")]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
    if isinstance(error, TemplateNotFound):
        return f"{where}: {error.name} is missing. Put it there, or take out what asks for it."
    return f"{where}: {error}"

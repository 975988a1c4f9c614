"""What would only cost a test run time: compiling the same text again, and waiting for a disk nobody takes away.

A test opens a site and a database of its own, as a process of the product does once in its life; compiling page and
mail templates and SQL statements again for each of them took most of the suite's time. Tests read mails by the standard
library, which takes a header apart each time it is asked for. Keys are all that the result depends on. A daemon that a
test starts is a process of its own and compiles, and waits for its disk, as ever.
"""

from __future__ import annotations

from email.headerregistry import HeaderRegistry
from email.policy import EmailPolicy
from functools import lru_cache
from types import CodeType
from typing import Any

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from jinja2.sandbox import ImmutableSandboxedEnvironment
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from gateway.render import templates


class _Templates(BytecodeCache):
    """By name and source, by what makes code of it in a language, by sandbox, and by the filters of the environment."""

    def __init__(self) -> None:
        self._held: dict[tuple[object, ...], CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        bucket = Bucket(environment, self.get_cache_key(name, filename), self.get_source_checksum(source))
        bucket.code = self._held.get(self._key(bucket))
        return bucket

    def set_bucket(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._held[self._key(bucket)] = bucket.code

    @staticmethod
    def _key(bucket: Bucket) -> tuple[object, ...]:
        made = bucket.environment
        return bucket.key, bucket.checksum, made.code_generator_class, made.sandboxed, frozenset(made.filters)


class _Statements(dict[Any, Any]):
    """As SQLAlchemy's own cache, whose keys begin with the dialect, of which each engine has one."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


_FETCH = EmailPolicy.header_fetch_parse


@lru_cache(10_000)
def _taken_apart(policy: EmailPolicy, name: str, value: str) -> Any:
    return _FETCH(policy, name, value)


def _fetched(policy: EmailPolicy, name: str, value: str) -> Any:
    return (_taken_apart if type(value) is str else _FETCH)(policy, name, value)


_TEMPLATES, _STATEMENTS = _Templates(), _Statements()


class _Environment(Environment):
    def __init__(self, **settings: Any) -> None:
        super().__init__(bytecode_cache=_TEMPLATES, **settings)


class _Sandbox(ImmutableSandboxedEnvironment):
    def __init__(self, **settings: Any) -> None:
        super().__init__(bytecode_cache=_TEMPLATES, **settings)


def _engine_created(dialect: type[DefaultDialect], engine: Engine) -> None:
    engine.update_execution_options(compiled_cache=_STATEMENTS)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "checkout", _no_waiting)


def _no_waiting(connection: Any, record: Any, _: Any) -> None:
    """No test takes the power from this process: a commit need not be on the disk, as with PostgreSQL's here."""
    if not record.info.get("no_waiting"):
        connection.execute("PRAGMA synchronous=OFF")
        record.info["no_waiting"] = True


# Each for the rest of the run; mypy takes no replacing of classes and methods.
templates.Environment = _Environment  # type: ignore[misc]
templates.ImmutableSandboxedEnvironment = _Sandbox  # type: ignore[misc]
DefaultDialect.engine_created = classmethod(_engine_created)  # type: ignore[assignment]  # SQLAlchemy's own hook
EmailPolicy.header_fetch_parse = _fetched  # type: ignore[method-assign]
HeaderRegistry.__getitem__ = lru_cache(HeaderRegistry.__getitem__)  # type: ignore[method-assign,assignment]

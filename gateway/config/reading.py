"""Reading the settings, with errors that help: a wrong key names file, line, key and remedy."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway import texts
from gateway.config.checks import NO_MAILBOX, check
from gateway.config.lines import line_of, text_of
from gateway.config.plain import explained
from gateway.config.settings import Settings
from gateway.errors import ConfigError

ENVIRONMENT = "REPLYDESK_CONFIG"
DEFAULT_PATHS = ("replydesk.toml", "/etc/replydesk/replydesk.toml")


def load(path: str | Path | None = None) -> Settings:
    """Read the settings. Raises `ConfigError` for the first thing that is wrong."""
    file = _find(path)
    try:
        data = tomllib.loads(text_of(file))
    except OSError as error:
        raise ConfigError(
            "", f"cannot be read ({error.strerror})", "Check its path and permissions.", str(file)
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("", "is not UTF-8 text", "Save it as UTF-8.", str(file), line) from None
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, file) from None
    if "mailboxes" not in data:
        raise ConfigError("mailboxes", "there is none", NO_MAILBOX, str(file))
    return build(data, file)


def handed_over(said: bytes, file: Path) -> Settings:
    """What `to_hand_over` said, whatever stands in the file by now."""
    return build(json.loads(said), file)


def to_hand_over(settings: Settings) -> bytes:
    """For another process, which is to go by the same settings."""
    return settings.model_dump_json(exclude_unset=True).encode()


def build(data: dict[str, Any], file: Path) -> Settings:
    """Settings from parsed TOML; `file` is named in errors and is what paths are relative to."""
    if "file" in data:
        raise ConfigError("file", "unknown key", "Remove it.", str(file), line_of(file, "file"))
    # Before all else, for settings name languages.
    texts.use(_templates_dir(data, file))
    try:
        settings = Settings(**data, file=file.absolute())
    except ValidationError as error:
        raise _explained(error, file) from None
    check(settings)
    return settings


def _templates_dir(data: dict[str, Any], file: Path) -> Path | None:
    """Of settings that are not checked yet."""
    gateway = data.get("gateway")
    given = gateway.get("templates_dir") if isinstance(gateway, dict) else None
    return file.absolute().parent / given if given and isinstance(given, str) else None


def _find(path: str | Path | None) -> Path:
    given = path or os.environ.get(ENVIRONMENT)
    if given:
        file = Path(given)
        if not file.is_file():
            raise ConfigError(
                "", "there is no such file", "Give --config FILE; config.example.toml is a start.", str(file)
            )
        return file
    for candidate in DEFAULT_PATHS:
        if Path(candidate).is_file():
            return Path(candidate)
    raise ConfigError(
        "", f"no configuration found in {' or '.join(DEFAULT_PATHS)}", f"Give --config FILE or set {ENVIRONMENT}."
    )


def _not_toml(error: tomllib.TOMLDecodeError, file: Path) -> ConfigError:
    said, _, place = str(error).partition(" (at ")
    found = re.match(r"line (\d+)", place)
    line = int(found[1]) if found else len(text_of(file).splitlines())
    return ConfigError("", f"is not valid TOML: {said}", "Correct that line.", str(file), line)


def _explained(error: ValidationError, file: Path) -> ConfigError:
    first = error.errors(include_url=False)[0]
    key = _key(first["loc"])
    if first["type"] == "extra_forbidden":
        name, known = str(first["loc"][-1]), _keys_at(first["loc"][:-1])
        near = difflib.get_close_matches(name, known, 1)
        problem, remedy = "unknown key", f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
    elif first["type"] == "missing":
        problem, remedy = "is missing", "Set it."
    else:
        problem, remedy = explained(first)
    return ConfigError(key, problem, remedy, str(file), line_of(file, key))


def _key(location: Sequence[int | str]) -> str:
    """`mailboxes[0].address` from pydantic's location."""
    out = ""
    for part in location:
        if part == "[key]":  # pydantic's word for what is wrong with a key of a table itself
            continue
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def _keys_at(location: Sequence[int | str]) -> list[str]:
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue
        kind = model.model_fields[part].annotation
        model = kind if isinstance(kind, type) else kind.__args__[0]
    return [name for name in model.model_fields if name != "file"]

"""Strict reading of a TOML table into a dataclass: what is unknown or of the wrong type is told,
never ignored."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from typing import Any, TypeVar, get_type_hints

from otolith.core.errors import ConfigError, nearest

_Built = TypeVar("_Built")


def known(content: Any, options: Iterable[str], where: str) -> None:
    """Raise ConfigError where `content` is no table, or has a key that is not among `options`."""
    options = list(options)
    if not isinstance(content, dict):
        raise ConfigError(f"{where} is no table of settings.")
    for key in content:
        if key not in options:
            raise ConfigError(
                f"{where} has no setting '{key}'; known are "
                f"{', '.join(options)}.{nearest(key, options)}"
            )


def build(cls: type[_Built], content: Any, where: str) -> _Built:
    """Build a dataclass from a TOML table; ConfigError where a key is unknown, missing or of
    another type."""
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    known(content, list(fields), where)
    hints = get_type_hints(cls)
    checked: dict[str, Any] = {}
    for key, value in content.items():
        checked[key] = _checked(value, str(hints[key]), f"{key} in {where}")
    for key, f in fields.items():
        needed = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if needed and key not in checked:
            raise ConfigError(f"{where} lacks {key}.")
    return cls(**checked)


def _checked(value: Any, hint: str, where: str) -> Any:
    """Hold a TOML value against a field's type, written as text, and turn lists into tuples."""
    if "Literal" in hint:
        options = re.findall(r"'([^']*)'", hint)
        if value not in options:
            raise ConfigError(
                f"{where} is one of {', '.join(options)}; found "
                f"{value!r}.{nearest(str(value), options)}"
            )
        return value
    if "tuple" in hint:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{where} is a list of names in quotes; found {value!r}.")
        return tuple(value)
    if "dict" in hint:
        if not isinstance(value, MappingABC) or not all(
            isinstance(item, str) for item in value.values()
        ):
            raise ConfigError(
                f'{where} looks like {{"1" = "walking", "2" = "sitting"}}; found {value!r}.'
            )
        return dict(value)
    kinds: tuple[tuple[str, type | tuple[type, ...], str], ...] = (
        ("bool", bool, "true or false"),
        ("float", (int, float), "a number"),
        ("int", int, "a whole number"),
        ("str", str, 'text in quotes "…"'),
    )
    for word, kind, words in kinds:
        if word in hint:
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise ConfigError(f"{where} is {words}; found {value!r}.")
            return float(value) if word == "float" and isinstance(value, (int, float)) else value
    raise AssertionError(hint)

"""Settings are the constructor: a frozen dataclass with a sentence under each field; an unknown key
fails."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from otolith.core.errors import ConfigError, OtolithError, nearest

Settings = TypeVar("Settings")


def configure(kind: type[Settings], given: Mapping[str, Any], who: str) -> Settings:
    """Build a settings dataclass from keywords or from what JSON or TOML held.

    Raises ConfigError for an unknown key (naming the nearest) or a value of another type than the
    field's.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"{who} takes settings by name, such as {{ seed = 1 }}; found {given!r:.80}."
        )
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in hints:
            raise ConfigError(
                f"{who} has no setting '{key}'; it has {', '.join(hints)}.{nearest(key, hints)}"
            )
        value = _tuples(value)
        if not _fits(value, hints[key]):
            raise ConfigError(f"{who}: '{key}' is {_words(hints[key])}; found {value!r:.200}.")
        if hints[key] is float:
            value = _float(value, who, key)
        if not _finite(value):
            raise ConfigError(f"{who}: '{key}' is {value}, which is no number to work with.")
        values[key] = value
    return kind(**values)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """The type of each field; Any where it cannot be found out."""
    try:
        known = get_type_hints(kind)
    except NameError:  # a name that only the type checker imports
        known = {}
    return {field.name: known.get(field.name, Any) for field in dataclasses.fields(kind)}


def _tuples(value: Any) -> Any:
    """Lists as tuples, however deep: settings do not change."""
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type. Whole numbers are numbers, but true and false are none."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Union or kind is types.UnionType:
        return any(_fits(value, part) for part in parts)
    if kind is Literal:
        return any(value == part and type(value) is type(part) for part in parts)
    if kind is tuple:
        if not isinstance(value, tuple):
            return False
        wanted = parts[:1] * len(value) if parts[1:] == (...,) else parts
        return len(value) == len(wanted) and all(map(_fits, value, wanted))
    if kind in (dict, Mapping):
        return isinstance(value, Mapping) and all(
            _fits(key, parts[0]) and _fits(part, parts[1]) for key, part in value.items()
        )
    if hint is float or hint is int:
        return isinstance(value, int | float if hint is float else int) and not isinstance(
            value, bool
        )
    return hint is Any or not isinstance(hint, type) or isinstance(value, hint)


def _words(hint: Any) -> str:
    """A type as a reader of TOML knows it."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Union or kind is types.UnionType:
        return " or ".join(_words(part) for part in parts if part is not type(None))
    if kind is Literal:
        *first, last = (f"'{part}'" for part in parts)
        return f"{', '.join(first)} or {last}" if first else last
    if kind is tuple:
        several = parts[1:] == (...,)
        return (
            f"a list, each {_words(parts[0])}"
            if several
            else f"a list of {len(parts)}, each {_words(parts[0])}"
        )
    if kind in (dict, Mapping):
        return "a table"
    plain = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: 'text in quotes "…"',
    }
    return plain.get(hint, f"of type {getattr(hint, '__name__', hint)}")


def _float(value: float, who: str, key: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ConfigError(f"{who}: '{key}' is {value!r:.80}, which is too large.") from error


def _finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@contextmanager
def built_from(settings: Mapping[str, Any] | None, who: str) -> Iterator[None]:
    """Say that settings do not go together where a library finds it out: sizes below 1, a share
    above 1, no memory.

    Without settings every error stays what it is.
    """
    try:
        yield
    except OtolithError:
        raise
    except (ValueError, TypeError, RuntimeError, ArithmeticError, IndexError, MemoryError) as error:
        if not settings:
            raise
        told = ", ".join(f"{key} = {value!r:.80}" for key, value in settings.items())
        raise ConfigError(
            f"{who} cannot work with {told}: {str(error) or type(error).__name__:.300}"
        ) from error


class Configured:
    """Something built from settings, that can say how to build it again."""

    Config: ClassVar[type[Any]]
    config: Any

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Take keywords as settings."""
        self.config = configure(self.Config, settings, type(self).__name__)

    def settings(self) -> dict[str, Any]:
        """Return the settings as what JSON writes."""
        content: dict[str, Any] = dataclasses.asdict(self.config)
        return content

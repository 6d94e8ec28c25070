"""Settings are the constructor: a frozen dataclass with a sentence under each field; an unknown key fails."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from otolith.errors import ConfigError, nearest

Settings = TypeVar("Settings")


def configure(kind: type[Settings], given: Mapping[str, Any], who: str) -> Settings:
    """Build a settings dataclass from keywords or from what JSON or TOML held.

    Raises ConfigError for an unknown key (naming the nearest) or a value of another type than the default's.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(f"{who} takes settings by name, such as {{ seed = 1 }}; found {given!r:.80}.")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in fields:
            raise ConfigError(f"{who} has no setting '{key}'; it has {', '.join(fields)}.{nearest(key, fields)}")
        default = fields[key].default
        if isinstance(value, list):
            value = tuple(tuple(v) if isinstance(v, list) else v for v in value)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        mistyped = default is not None and default is not dataclasses.MISSING and not isinstance(value, type(default))
        if mistyped and value is not None:
            raise ConfigError(
                f"{who}: '{key}' is {value!r}, but its default {default!r} is of type {type(default).__name__}."
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{who}: '{key}' is {value}, which is no number to work with.")
        values[key] = value
    return kind(**values)


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

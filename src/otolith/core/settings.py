"""Settings are the constructor: a frozen dataclass, checked when built, with a sentence under each
field.

The one typed builder of constructors, recipes, mappings, `--set` and checkpoints. A field states
its range in its type, and pydantic (https://docs.pydantic.dev) checks it, strictly: text is never
read as a number, true is no whole number, and None goes only where the type says so.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    NotRequired,
    Required,
    TypeVar,
    dataclass_transform,
    get_type_hints,
)

from annotated_types import Ge, Gt, Interval
from typing_extensions import override

from otolith.core.errors import ConfigError, OtolithError, nearest

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Settings = TypeVar("Settings")

Positive = Annotated[float, Gt(0)]
"""A number above 0."""
NonNegative = Annotated[float, Ge(0)]
"""A number of 0 or more."""
Share = Annotated[float, Interval(ge=0, le=1)]
"""A number from 0 to 1."""
Count = Annotated[int, Ge(1)]
"""A whole number of 1 or more."""
Index = Annotated[int, Ge(0)]
"""A whole number of 0 or more."""
Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]
"""What numpy and torch both take as a seed."""

# What pydantic calls things in Python, in the words of TOML and JSON.
_WORDS = {
    "bool_type": "should be true or false",
    "dict_type": "should be a table",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "mapping_type": "should be a table",
    "missing": "is missing",
    "string_type": 'should be text in quotes "…"',
    "tuple_type": "should be a list",
}


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, dataclasses.Field))
def settings(kind: type[Settings]) -> type[Settings]:
    """Make a class a frozen dataclass whose constructor refuses what does not fit its fields.

    Lists become tuples, and numpy's scalars plain numbers. The constructor raises ConfigError, as
    `configure` does; a class's `__post_init__` sees checked values.

    >>> @settings
    ... class Noise:
    ...     deviation: Positive = 0.05
    >>> Noise(deviation=1)
    Noise(deviation=1.0)
    >>> Noise(deviaton=1)
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: Noise has no setting 'deviaton'; it has deviation. Did you \
mean 'deviation'?
    """
    made: Any = dataclasses.dataclass(frozen=True)(kind)
    build: Callable[..., None] = made.__init__
    names = [field.name for field in dataclasses.fields(made)]

    @functools.wraps(build)
    def __init__(self: object, *given: object, **named: object) -> None:  # noqa: N807
        by_place = dict(zip(names[: len(given)], given, strict=True))
        if twice := by_place.keys() & named:
            raise ConfigError(f"{kind.__name__} is given {', '.join(sorted(twice))} twice.")
        build(self, **_checked(made, by_place | named, kind.__name__))

    # How pydantic checks a field of this type: a table becomes the settings, with their errors.
    def schema(source: object, handler: object) -> Any:
        from pydantic_core.core_schema import no_info_plain_validator_function

        return no_info_plain_validator_function(
            lambda value: value if isinstance(value, made) else configure(made, value, "the table")
        )

    made.__init__ = __init__
    made.__get_pydantic_core_schema__ = staticmethod(schema)
    return made  # type: ignore[no-any-return]


def configure(kind: type[Settings], given: Mapping[str, object], who: str) -> Settings:
    """Build settings from keywords, or from what TOML or JSON held.

    `who` begins the message. Raises ConfigError for an unknown setting (naming the nearest), a
    missing one, and a value that does not fit: another type, a number out of range, NaN, infinity.

    >>> @settings
    ... class Schedule:
    ...     epochs: Count = 10
    >>> configure(Schedule, {"epochs": -3}, "The recipe")
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: The recipe: 'epochs' should be greater than or equal to 1; \
given -3.
    """
    return kind(**_checked(kind, given, who))


def refuse_unknown(given: object, options: Iterable[str], who: str) -> None:
    """Raise ConfigError where `given` is no table, or has a key that is not among `options`.

    >>> refuse_unknown({"sede": 1}, ["seed"], "The recipe")
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: The recipe has no setting 'sede'; it has seed. Did you ...
    """
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"{who} takes settings by name, such as {{ seed = 1 }}; given {given!r:.80}."
        )
    options = list(options)
    for key in given:
        if key not in options:
            raise ConfigError(
                f"{who} has no setting '{key}'; it has {', '.join(options) or 'none'}."
                f"{nearest(key, options)}"
            )


def field_docs(kind: type) -> dict[str, str]:
    """Return the docstring under each field of a settings class, as one line.

    >>> from otolith.core.catalog import Placement
    >>> field_docs(Placement)["words"]
    'How a person would say it.'
    """
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    docs[name] = " ".join(text.split())
    return docs


def _checked(kind: type, given: Mapping[str, object], who: str) -> dict[str, Any]:
    """Return settings as what their fields take."""
    fields = dataclasses.fields(kind)
    refuse_unknown(given, [field.name for field in fields], who)
    if not given and not any(map(_is_needed, fields)):
        return {}  # defaults alone: pydantic takes 40 ms to import

    from pydantic import ValidationError

    plain = {key: _plain(value) for key, value in given.items()}
    try:
        return _adapter(kind).validate_python(plain)
    except ValidationError as error:
        raise ConfigError(f"{who}{_sentence(error.errors(include_url=False))}") from error


def _sentence(errors: list[Any]) -> str:
    """Say what is wrong with the first setting that does not fit.

    A union has an error for each of its members, all with the same beginning of `loc`. What is
    wrong is said before what is missing.
    """
    first = min(errors, key=lambda error: bool(error["type"] == "missing"))
    key, *within = first["loc"]
    if first["type"] == "value_error":  # raised by the settings within
        return f", {'.'.join(map(str, first['loc']))}: {first['ctx']['error']}"
    where = key + "".join(f"[{part}]" for part in within if isinstance(part, int))
    if first["type"] == "missing":
        return f": '{where}' {_WORDS['missing']}."
    takes = (
        _WORDS.get(error["type"], re.sub("^(Input|Tuple) ", "", error["msg"]))
        for error in errors
        if error["loc"][0] == key
    )
    sentence = " or ".join(dict.fromkeys(takes)).replace(" or should be", " or")
    # Only a Literal says what is expected: 'mean' or 'sum'.
    options = str(first.get("ctx", {}).get("expected", "")).split("'")[1::2]
    given = first["input"]
    return f": '{where}' {sentence}; given {given!r:.200}.{nearest(str(given), options)}"


@functools.cache
def _adapter(kind: type) -> TypeAdapter[dict[str, Any]]:
    from pydantic import ConfigDict, TypeAdapter
    from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

    hints = get_type_hints(kind, include_extras=True)
    make: Any = TypedDict
    shape = make(
        kind.__name__,
        {
            field.name: (Required if _is_needed(field) else NotRequired)[hints[field.name]]
            for field in dataclasses.fields(kind)
        },
    )
    shape.__pydantic_config__ = ConfigDict(
        strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )
    return TypeAdapter(shape)


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _plain(value: object) -> object:
    """Lists as tuples, however deep, as settings do not change; numpy's numbers as Python's."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


@contextmanager
def built_from(settings: Mapping[str, object] | None, who: str) -> Iterator[None]:
    """Turn a library's error into a ConfigError that quotes the settings it was built from.

    For what no field can state: sizes that do not go together, or do not go into memory. Without
    settings every error stays what it is.

    >>> with built_from({"width": 7, "heads": 2}, "Encoder 'mine'"):
    ...     raise ValueError("7 does not divide by 2")
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: Encoder 'mine' cannot work with width = 7, heads = 2: ...
    """
    try:
        yield
    except OtolithError:
        raise
    except (ValueError, TypeError, RuntimeError, ArithmeticError, IndexError, MemoryError) as error:
        if not settings:
            raise
        given = ", ".join(f"{key} = {value!r:.80}" for key, value in settings.items())
        raise ConfigError(
            f"{who} cannot work with {given}: {str(error) or type(error).__name__:.300}"
        ) from error


def _default(kind: type, name: str) -> object:
    field: Any = {field.name: field for field in dataclasses.fields(kind)}[name]
    made = field.default_factory is not dataclasses.MISSING
    return field.default_factory() if made else field.default


@settings
class NoSettings:
    """Nothing to set."""


class Configured:
    """Something built from settings, that can say how to build it again."""

    Config: ClassVar[type[Any]] = NoSettings
    config: Any

    def configure(self, settings: Mapping[str, object]) -> None:
        """Take keywords as settings."""
        self.config = configure(self.Config, settings, type(self).__name__)

    def settings(self) -> dict[str, Any]:
        """Return the settings as what JSON writes."""
        content: dict[str, Any] = dataclasses.asdict(self.config)
        return content

    @override
    def __repr__(self) -> str:
        """Name the class and the settings that differ from their defaults, in 300 characters."""
        changed = [
            f"{name}={value!r}"
            for name, value in vars(self.config).items()
            if value != _default(type(self.config), name)
        ]
        text = f"{type(self).__name__}({', '.join(changed)})"
        return text if len(text) <= 300 else f"{text[:299]}…"

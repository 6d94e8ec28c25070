"""A command is generated from its job: the options from the fields, the help from their docstrings.

A job is a settings class whose fields are what can be typed. A field that is itself a settings
class (`pretrain: PretrainConfig`) gives its fields as options, and a table of its name to recipes;
a field that is a mapping (`objective_settings`) is such a table alone ([objective]).
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from annotated_types import Ge, Interval, Le
from typer.core import TyperCommand
from typing_extensions import override

from otolith.cli.recipe import take_recipe
from otolith.core.errors import ConfigError
from otolith.core.options import RUN, Option
from otolith.core.settings import configure, field_docs
from otolith.core.terminal import tell

UNIT = re.compile(r"_(hz|s)$")
NOT_IN_RECIPES = ("recipe", "overwrite", "quiet", "as_json", "version", "trust", "max_bytes")
"""Options that are no part of what is done, and whom one trusts, which nobody else can say."""


@dataclass(frozen=True)
class Leaf:
    """A field that can be typed, or be a recipe's table."""

    path: tuple[str, ...]
    """The fields that lead to it, from the job's own down."""
    owner: type
    kind: Any
    """Its type, without None and without metadata."""
    default: Any
    option: Option
    bounds: Mapping[str, float]

    @property
    def name(self) -> str:
        """The field."""
        return self.path[-1]

    @property
    def key(self) -> str:
        """What a recipe calls it, and the command with hyphens."""
        return UNIT.sub("", self.name)

    @property
    def flags(self) -> tuple[str, ...]:
        """What is typed."""
        flag = f"--{self.key.replace('_', '-')}"
        if self.kind is bool and self.default is not False and not self.option.flags:
            return (f"{flag}/--no{flag[1:]}",)
        return self.option.flags or (flag,)

    @property
    def table(self) -> str:
        """The recipe's table that the field is; empty where it is an option."""
        return self.name.removesuffix("_settings") if _is_mapping(self.kind) else ""

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is dataclasses.MISSING


def leaves(job: Any) -> tuple[Leaf, ...]:
    """Return everything that a job can be told, in the order of its fields.

    Fields of configs within it stand where the config stands.

    >>> from otolith.cli.simulating import Simulate
    >>> [leaf.flags[0] for leaf in leaves(Simulate) if leaf.name in ("rate_hz", "frame_rate")]
    ['--rate', '--frame-rate']
    """
    hints = get_type_hints(job, include_extras=True)
    out: list[Leaf] = []
    for field in dataclasses.fields(job):
        kind, metadata = _apart(hints[field.name])
        option = next((each for each in metadata if isinstance(each, Option)), Option())
        if dataclasses.is_dataclass(kind):
            for leaf in leaves(kind):
                panel = leaf.option.panel or option.panel
                below = dataclasses.replace(leaf.option, panel=panel)
                out.append(dataclasses.replace(leaf, path=(field.name, *leaf.path), option=below))
        else:
            path, bounds = (field.name,), _bounds(metadata)
            out.append(Leaf(path, job, kind, _default(field), option, bounds))
    return tuple(out)


def _default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def _apart(hint: Any) -> tuple[Any, list[Any]]:
    """A type without None and metadata, and the metadata."""
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        kind, within = _apart(inner)
        return kind, [*within, *metadata]
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        if len(members) == 1:
            return _apart(members[0])
    return hint, []


def _bounds(metadata: Sequence[Any]) -> dict[str, float]:
    """The least and the most that a number may be, both included."""
    out: dict[str, Any] = {}
    for each in metadata:
        if isinstance(each, Ge | Interval) and each.ge is not None:
            out["min"] = each.ge
        if isinstance(each, Le | Interval) and each.le is not None:
            out["max"] = min(out.get("max", each.le), each.le)
    return out


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) in (dict, Mapping) or kind in (dict, Mapping)


def signature(job: type) -> inspect.Signature:
    """Return the signature that typer makes a command of."""
    parameters = [_parameter(leaf) for leaf in leaves(job) if not leaf.table]
    version = typer.Option(
        "--version", help="Print the version and stop.", callback=tell_version, is_eager=True,
        rich_help_panel=RUN,
    )  # fmt: skip
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter("context", keyword, annotation=typer.Context),
            *parameters,
            inspect.Parameter(
                "version", keyword, default=False, annotation=Annotated[bool, version]
            ),
        ]
    )


def _parameter(leaf: Leaf) -> inspect.Parameter:
    kind, option = _typed(leaf), leaf.option
    # Of a number's range the message tells: on the help page it takes half of the line.
    metavar = option.metavar or (f"<{kind.__name__}>" if kind in (int, float) else None)
    declared: Any
    if option.argument:
        declared = typer.Argument(metavar=option.metavar or None)
    else:
        more: dict[str, Any] = dict(leaf.bounds) if kind in (int, float) else {}
        if leaf.name == "recipe":
            more = {"callback": take_recipe, "is_eager": True}
        panel = option.panel or None
        declared = typer.Option(*leaf.flags, metavar=metavar, rich_help_panel=panel, **more)
    default = leaf.default
    if leaf.required:
        default = inspect.Parameter.empty
    elif default is None or default == ():
        kind, default = kind | None, None
    elif isinstance(default, tuple):
        default = ",".join(map(str, default))
    elif kind is str:
        default = str(default)
    keyword, annotation = inspect.Parameter.KEYWORD_ONLY, Annotated[kind, declared]
    return inspect.Parameter(leaf.name, keyword, default=default, annotation=annotation)


def _typed(leaf: Leaf) -> Any:
    """The type that typer reads; text where `_value` reads it."""
    if get_origin(leaf.kind) is tuple:
        several = leaf.option.repeated or leaf.option.argument
        return list[get_args(leaf.kind)[0]] if several else str  # type: ignore[misc]
    plain = leaf.kind in (bool, int, float, str, Path) or get_origin(leaf.kind) is Literal
    return leaf.kind if plain else str


def build(job: type, command: str, typed: Mapping[str, Any], recipe: Mapping[str, Any]) -> Any:
    """Build a job from what was typed and, where it was not, from a recipe's entries.

    >>> from otolith.cli.listing import List
    >>> build(List, "list", {"family": "heads"}, {"as_json": True})
    List(family='heads', as_json=True)

    Raises ConfigError, in the words of whoever typed, for whatever cannot be.
    """
    values: dict[tuple[str, ...], Any] = {}
    for leaf in leaves(job):
        # What is typed wins.
        for source in (typed, recipe):
            if leaf.name in source:
                values[leaf.path] = _value(leaf, source[leaf.name])
                break
    try:
        return _configured(job, (), values, command)
    except ConfigError as error:
        # Whoever typed an option knows it by its flag, not by its field.
        message = str(error)
        for leaf in leaves(job):
            if leaf.name in typed:
                message = message.replace(f"'{leaf.name}'", leaf.flags[0])
        raise ConfigError(message) from error


def _configured(
    kind: type, path: tuple[str, ...], values: Mapping[tuple[str, ...], Any], command: str
) -> Any:
    given = {}
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        here = (*path, field.name)
        if here in values:
            given[field.name] = values[here]
        elif dataclasses.is_dataclass(hints[field.name]):
            given[field.name] = _configured(hints[field.name], here, values, command)
    return configure(kind, given, f"otolith {command}")


def _value(leaf: Leaf, raw: Any) -> Any:
    """What was typed, or stands in a recipe, as the field takes it."""
    if get_origin(leaf.kind) is not tuple:
        return _element(leaf.kind, raw)
    if isinstance(raw, str):
        raw = [raw] if leaf.option.repeated or leaf.option.argument else words(raw)
    if not isinstance(raw, list | tuple):
        return raw
    return tuple(_element(get_args(leaf.kind)[0], part) for part in raw)


def _element(kind: Any, raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    if kind is Path:
        return Path(raw)
    for number in (int, float):
        if number in map(_plain_type, get_args(kind)):
            try:
                return number(raw)
            except ValueError:
                continue
    return raw


def _plain_type(hint: Any) -> Any:
    return _apart(hint)[0]


def words(text: str) -> list[str]:
    """Return what stands between commas, spaces around it left out.

    >>> words("left_wrist, head")
    ['left_wrist', 'head']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def tell_version(asked: bool) -> None:
    """Print the version and stop, if asked."""
    from otolith import __version__

    if asked:
        tell(f"otolith {__version__}")
        raise typer.Exit


class JobCommand(TyperCommand):
    """A command whose help is read from the source of its job only when somebody asks for it."""

    job: type

    @override
    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        by_name = {leaf.name: leaf for leaf in leaves(self.job)}
        for parameter in self.params:
            leaf = by_name.get(parameter.name or "")
            if leaf is not None:
                parameter.help = leaf.option.help or _markup(  # type: ignore[attr-defined]
                    field_docs(leaf.owner).get(leaf.name, "")
                )
        super().format_help(ctx, formatter)


def _markup(text: str) -> str:
    """A docstring in the terminal's markup."""
    return re.sub(r"`([^`]*)`", r"\1", text.replace("[", r"\["))

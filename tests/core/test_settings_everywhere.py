"""Every settings class of the toolkit refuses what does not fit its fields, and nothing is recorded
that was not built."""

from __future__ import annotations

import dataclasses
import importlib
import math
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

import otolith
from otolith.core.errors import ConfigError
from otolith.core.settings import _is_needed, configure, field_docs
from otolith.data.study import Cut
from otolith.learn.objectives.multi3net import Multi3Net
from otolith.learn.objectives.pim import PIM
from otolith.learn.training.adapt import AdaptConfig

SOURCE = Path(otolith.__file__).parent


def _settings_classes() -> dict[str, type]:
    """Every class of src under `@settings`."""
    kinds: dict[str, type] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        names = re.findall(r"^@settings\nclass (\w+)", text, re.MULTILINE)
        if names:
            parts = path.relative_to(SOURCE.parent).with_suffix("").parts
            module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
            kinds |= {f"{module.__name__}.{name}": getattr(module, name) for name in names}
    return kinds


KINDS = _settings_classes()
assert len(KINDS) > 40
FIELDS = [(kind, field.name) for kind in KINDS.values() for field in dataclasses.fields(kind)]


def _hint(kind: type, name: str) -> Any:
    return get_type_hints(kind)[name]


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test__field__what_does_not_fit__is_refused_and_named(kind: type, name: str) -> None:
    hint = _hint(kind, name)
    wrong: list[object] = [object()]
    if type(None) not in get_args(hint):
        wrong.append(None)
    if hint in (int, float):
        wrong += ["5", True, math.nan, math.inf, -math.inf]
    if hint is int:
        wrong += [1.5, -3]
    if hint is str:
        wrong += [5, ["a"]]
    if get_origin(hint) is tuple:
        wrong += ["ab", [object()]]
    if get_origin(hint) is Literal:
        wrong += [f"{get_args(hint)[0]}x", 1]
    for value in wrong:
        for build in (lambda given: kind(**given), lambda given: configure(kind, given, "here")):
            with pytest.raises(ConfigError, match=name):
                build({name: value})


ONE_OF = {"Who": "write one of", "Label": "needs either"}
"""Tables of a mapping where one of several keys must be written -> what an empty one is told."""


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test__class__default__passes_its_own_rules_and_every_field_has_a_sentence(kind: type) -> None:
    if any(map(_is_needed, dataclasses.fields(kind))):
        pytest.skip("it has no default")
    if kind.__name__ in ONE_OF:
        with pytest.raises(ConfigError, match=ONE_OF[kind.__name__]):
            kind()
        return
    default: Any = kind()
    given = {field.name: getattr(default, field.name) for field in dataclasses.fields(kind)}
    assert configure(kind, given, "here") == default
    # A mapping's reference is its module's docstring; what all commands share is said once.
    if not kind.__module__.startswith(("otolith.data.readers.mapping", "otolith.cli.")):
        assert field_docs(kind).keys() == given.keys()


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test__class__misspelt_field__names_the_nearest(kind: type, name: str) -> None:
    misspelt = f"{name}x"
    for build in (lambda given: kind(**given), lambda given: configure(kind, given, "here")):
        with pytest.raises(ConfigError, match=f"no setting '{misspelt}'.*Did you mean '{name}"):
            build({misspelt: 1})


def text(name: str, value: str) -> Any:
    """A setting that mypy would refuse."""
    return {name: value}


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: PIM(triad="compas"), "PIM: 'triad' .*given 'compas'. Did you mean 'compass'?"),
        (lambda: PIM(traid="compass"), "PIM has no setting 'traid'.*Did you mean 'triad'?"),
        (lambda: PIM(bins=-3), "PIM: 'bins' should be greater than or equal to 2; given -3"),
        (lambda: PIM(bins=None), "PIM: 'bins' should be a whole number; given None"),
        (lambda: Multi3Net(sensors="eahc"), "Did you mean 'each'?"),
        (lambda: Cut(**text("overlap", "0.5")), "'overlap' should be a number; given '0.5'"),
        (lambda: Cut(**text("seconds", "5")), "Cut: 'seconds' should be a number; given '5'"),
        (lambda: Cut(overlap=1.0), "should be less than 1"),
        (lambda: Cut(label_rule="insid"), "Did you mean 'inside'?"),  # type: ignore[arg-type]
        (lambda: AdaptConfig(steps=-3), "'steps' should be greater than or equal to 1"),
        (lambda: AdaptConfig(mode="frozn"), "Did you mean 'frozen'?"),  # type: ignore[arg-type]
    ],
)
def test__constructor__case_of_the_plan__is_one_sentence(build: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build()


def test__windows__text_for_a_number__is_refused(toy_study: otolith.Study) -> None:
    for choice in ({"overlap": "0.5"}, {"seconds": "5"}, {"rate_hz": -3}, {"slot": 3}):
        with pytest.raises(ConfigError, match=next(iter(choice))):
            toy_study.windows(**choice)  # type: ignore[arg-type]


def test__what_is_recorded__is_what_was_built() -> None:
    built = PIM(triad="compass", clip_percentile=[1, 99])
    assert built.settings()["clip_percentile"] == (1.0, 99.0)
    assert PIM(**built.settings()).config == built.config
    assert dataclasses.asdict(Cut(seconds=2)) == dataclasses.asdict(Cut(seconds=2.0))

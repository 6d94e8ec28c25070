"""What all tests share: one thread each, checked shapes, a seeded generator, and the real
recordings where at hand."""

from __future__ import annotations

import os

# Before anything loads numpy or torch: each test process keeps to one thread, so that two of them
# do not fight over two cores and sums come out in the same order every time.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from beartype import BeartypeConf, FrozenDict, beartype
from hypothesis import settings
from jaxtyping import AbstractArray, jaxtyped

HOW_TO_GET_DATA = (
    "set it to the folder that holds data/hapt, data/utd_mhad, data/mex and data/ipol_gait"
)

# A deadline would be a timed assertion, which fails on a busy machine; a fixed order of examples
# makes a red test red for everybody. `pytest --hypothesis-profile explore` looks further.
settings.register_profile("otolith", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("otolith")

# numpy's numbers are numbers
_check = beartype(
    conf=BeartypeConf(
        hint_overrides=FrozenDict(
            {int: int | np.integer, float: float | int | np.floating | np.integer}
        )
    )
)


class _ShapeLoader(SourceFileLoader):
    """Runs a module and then makes its functions refuse arrays that have another shape than their
    signature says.

    jaxtyping's own import hook puts its check below every other decorator, where it would be handed
    to numba to compile; here only what is still a plain function once the module has run is
    wrapped.
    """

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        for name, value in list(vars(module).items()):
            if (
                isinstance(value, FunctionType)
                and value.__module__ == module.__name__
                and _names_a_shape(value)
            ):
                setattr(module, name, jaxtyped(value, typechecker=_check))


class _ShapeFinder(MetaPathFinder):
    """Finds modules of array functions, where a wrong shape gives a wrong number and no error."""

    rooms = (
        "otolith.motion.rotations",
        "otolith.data.signals",
        "otolith.data.physics",
        "otolith.learn.metrics",
        "otolith.motion.simulation",
    )

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(self.rooms):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _ShapeLoader(spec.loader.name, spec.loader.path)
        return spec


def _names_a_shape(function: FunctionType) -> bool:
    def within(hint: Any) -> bool:
        return (isinstance(hint, type) and issubclass(hint, AbstractArray)) or any(
            map(within, get_args(hint))
        )

    try:
        hints = get_type_hints(function)
    except NameError:  # names that only the type checker imports cannot be checked at run time
        return False
    return any(map(within, hints.values()))


sys.meta_path.insert(0, _ShapeFinder())


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that draws the same numbers in every run."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real recordings; without it, a test that asks for it is skipped."""
    root = os.environ.get("OTOLITH_DATA")
    if not root:
        pytest.skip(f"OTOLITH_DATA is unset: {HOW_TO_GET_DATA}")
    folder = Path(root).expanduser() / "data"
    if not folder.is_dir():
        # A wrong path is a mistake to mend, not a machine without data.
        pytest.fail(f"OTOLITH_DATA is {root}, but {folder} is not a folder: {HOW_TO_GET_DATA}")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that the real recordings were not read, so that a green run is not taken for more
    than it is."""
    if not os.environ.get("OTOLITH_DATA"):
        terminalreporter.write_line(
            f"NOT RUN: the tests on real recordings. OTOLITH_DATA is unset: {HOW_TO_GET_DATA}.",
            yellow=True,
            bold=True,
        )


@pytest.fixture(scope="session")
def toy_study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A study of six people, two wrists and three activities."""
    from toy import write_toy_study

    return write_toy_study(tmp_path_factory.mktemp("toy") / "study")


@pytest.fixture(scope="session")
def toy_windows(toy_study: Any) -> Any:
    """Its labelled windows of 2 s at 50 Hz: 12 channels, 33 of each person, 11 of each of their
    activities."""
    return toy_study.windows()


@pytest.fixture(scope="session")
def paired_study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same study with texts, and with vectors of a video that one person lacks."""
    from toy import add_modalities, write_toy_study

    study = write_toy_study(tmp_path_factory.mktemp("paired") / "study")
    add_modalities(study.folder)
    return study


@pytest.fixture(scope="session")
def paired_windows(paired_study: Any) -> Any:
    """Its labelled windows."""
    return paired_study.windows()

"""Trying a recipe before its own data are there: the same methods, small, on what OTOLITH_DATA
holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from otolith.cli.progress import bar, counter
from otolith.core.errors import ConfigError

IMPORT, SIMULATE = "import:", "simulate:"
"""`import:utd_mhad` is $OTOLITH_DATA/data/utd_mhad, imported; `simulate:bandai_namco` the clips of
$OTOLITH_DATA/mocap/bandai_namco on both wrists."""


def at_hand(name: str, folder: Path, quiet: bool) -> str:
    """Return a study's folder; what is to be imported or simulated is, once, into `folder`.

    Raises ConfigError where OTOLITH_DATA does not say where it lies.
    """
    kind = next((kind for kind in (IMPORT, SIMULATE) if name.startswith(kind)), None)
    if kind is None:
        return name
    out = folder / _plain(name)
    if (out / "study.json").exists():
        return str(out)
    source = _source(name, "data" if kind == IMPORT else "mocap", name.removeprefix(kind))
    if kind == IMPORT:
        from otolith.data.datasets.dataset import import_dataset

        with counter(quiet, name) as tick:
            import_dataset(source, name.removeprefix(kind), out, progress=tick)
    else:
        from otolith.motion.simulation.simulate_study import simulate_study

        with bar(quiet, "recordings", "clips are looked for") as show:
            simulate_study([source], out, on_error="skip", progress=show)
    return str(out)


def methods_at_hand(
    methods: Mapping[str, Mapping[str, Any]], folder: Path, quiet: bool
) -> dict[str, dict[str, Any]]:
    """Return methods whose `pretrain_on` and `add` name folders."""
    out: dict[str, dict[str, Any]] = {}
    for name, method in methods.items():
        if not isinstance(method, Mapping):
            raise ConfigError(
                f"A method of a recipe is a table: [method.{name}]; found {method!r:.80}."
            )
        out[name] = dict(method)
        for key in ("pretrain_on", "add"):
            if key in method:
                named = method[key]
                if not isinstance(named, list | tuple) or not all(
                    isinstance(folder, str) for folder in named
                ):
                    raise ConfigError(
                        f"[method.{name}]: '{key}' is a list of folders; found {named!r:.80}."
                    )
                out[name][key] = all_at_hand(method[key], folder, quiet)
    return out


def all_at_hand(names: Sequence[str], folder: Path, quiet: bool) -> list[str]:
    """Return the folders of several studies; `people` stays."""
    return [at_hand(name, folder, quiet) for name in names]


def _source(name: str, room: str, folder: str) -> Path:
    data = os.environ.get("OTOLITH_DATA")
    if not data:
        raise ConfigError(
            f"'{name}' lies where OTOLITH_DATA points, which is unset: set it to the folder with "
            f"{room}/."
        )
    path = Path(os.path.expanduser(data)) / room / folder
    if not path.is_dir():
        raise ConfigError(f"'{name}' is not there: OTOLITH_DATA has no {room}/{folder} ({path}).")
    return path


def _plain(name: str) -> str:
    return name.replace(":", "-").replace("/", "-")

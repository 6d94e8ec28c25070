"""Table 1 and Figure 2 of Multi3Net+ by two recipes, on small files in MM-Fit's layout; and the
page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from otolith.cli.app import app
from otolith.data.skeleton import HUMAN36M
from otolith.data.study import Study, write_study
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.sensor import simulate


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def said(*words: object) -> str:
    result = typed(*words)
    assert result.exit_code == 0, result.output
    return result.output


def write_mm_fit_pose(path: Path, motion: Motion, first_frame: int) -> None:
    """MM-Fit's (3, frames, 1 + 17): frames are counted, then joints of Human3.6M; mm, z up."""
    places, _ = motion.forward([name or "head" for name in HUMAN36M])
    frames = np.arange(first_frame, first_frame + motion.frames)
    counted = np.broadcast_to(frames, (3, motion.frames))[..., None]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.concatenate([counted, 1000.0 * np.moveaxis(places, -1, 0)], axis=2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Poses at 30 Hz as a camera gives them, and watches that were started some seconds earlier."""
    folder = tmp_path_factory.mktemp("mm_fit")
    real = []
    for number, activity in enumerate(("boxing", "squat")):
        motion = make(activity, seconds=20.0, rate_hz=120.0)
        watch = simulate(
            motion, ("left_wrist", "right_wrist"), 100.0, name=f"w{number:02d}", noise_of="watch"
        )
        real.append(watch.__class__(watch.id, f"p{number}", watch.streams))
        seen = motion.cut(240, motion.frames)
        seen = replace(seen, rotations=seen.rotations[::4], root=seen.root[::4], rate_hz=30.0)
        write_mm_fit_pose(
            folder / "mm-fit" / f"w{number:02d}" / f"w{number:02d}_pose_3d.npy", seen, 300
        )
    write_study(folder / "real", real, name="mm_fit")
    said(
        "simulate",
        folder / "mm-fit",
        "--recipe",
        "mm_fit_wrists",
        "--out",
        folder / "sim",
        "--quiet",
    )
    return folder


def test__recipes__mm_fit__give_table_and_figure(folder: Path, tmp_path: Path) -> None:
    assert [entry["clip"] for entry in Study.load(folder / "sim").entries] == ["w00", "w01"]
    pair = (folder / "sim", folder / "real", "--recipe", "multi3net_plus_table1")
    found = json.loads(said("fidelity", *pair, "--json", "--quiet"))
    assert [(row["real"], row["sensor"]) for row in found] == [
        (workout, wrist) for workout in ("w00", "w01") for wrist in ("left_wrist", "right_wrist")
    ]
    for row in found:
        assert row["delay_s"] == pytest.approx(2.0, abs=0.05)
        assert row["acceleration"]["magnitude_mse"] < 0.3  # of no relation at all it would be 2
    told = said(
        "fidelity", *pair, "--figure", tmp_path / "two.svg", "--html", tmp_path / "page.html"
    )
    with pytest.raises(
        AssertionError, match=r"two\.svg already exists"
    ):  # nothing is replaced unasked
        said("fidelity", *pair, "--figure", tmp_path / "two.svg")
    mean = np.mean([row["acceleration"]["magnitude_mse"] for row in found])
    assert [
        line for line in told.splitlines() if line.startswith("mean of 4") and f"{mean:.3f}" in line
    ]
    assert "w01, right wrist" in (tmp_path / "two.svg").read_text()
    page = (tmp_path / "page.html").read_text()
    assert "mean of 4" in page and "Coherence" in page and "What was fitted" in page


def test__fidelity__nothing_to_compare__says_why(folder: Path, tmp_path: Path) -> None:
    named = Study.load(folder / "real").recording("w00")
    (wrist, _) = named.streams
    short = wrist.__class__(wrist.name, wrist.channels, wrist.time_s[:5], wrist.values[:5], 100.0)
    write_study(tmp_path / "short", [named.__class__("w00", "p0", (short,))], name="short")
    result = typed("fidelity", folder / "sim", tmp_path / "short", "--fit", "none")
    assert result.exit_code == 2
    assert "left_wrist" in result.output

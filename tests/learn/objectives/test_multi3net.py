"""Multi3Net against plain float64 loops, with whatever a window may lack, and every row of its
tables."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toy import add_modalities, toy_recording, write_toy_study

from otolith import Cut, write_study
from otolith.core.errors import ConfigError, OtolithError, StudyError
from otolith.data.batch import Batch
from otolith.data.paired import write_modality
from otolith.data.study import Study
from otolith.data.windows import Windows
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives._decoders import Decoder, squared_error
from otolith.learn.objectives.multi3net import Multi3Net, sensor_vectors, signal, signals_from_poses
from otolith.learn.training.loader import Loader
from otolith.learn.training.pretrain import pretrain
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime

CPU = Runtime("cpu", "fp32", 1)
JOINTS = ("pelvis", "left_hip", "right_hip", "left_wrist", "right_wrist")
SMALL: dict[str, Any] = {
    "text": "vectors",
    "modality_settings": {"text": {"kind": "text"}},
    "text_encoder_settings": {"filters": [4, 4, 4]},
    "pose_encoder_settings": {
        "joint_width": 8,
        "heads": 2,
        "spatial_depth": 1,
        "temporal_depth": 1,
    },
    "frames": 6,
}
ENCODER: dict[str, Any] = {"width": 32, "heads": 2}
PAIRS = (
    "contrast_text_pose",
    "contrast_text_left_wrist",
    "contrast_text_right_wrist",
    "contrast_pose_left_wrist",
    "contrast_pose_right_wrist",
    "contrast_left_wrist_right_wrist",
)


def add_poses(
    folder: Path, without: tuple[str, ...] = (), handless: tuple[str, ...] = (), late_s: float = 0.0
) -> None:
    """Poses of five joints at 20 a second, which swing; some recordings have none, or no right
    wrist."""
    for number, entry in enumerate(Study.load(folder).entries):
        if entry["id"] in without:
            continue
        time_s = np.arange(0, entry["duration_s"] + 0.02, 0.05) + late_s
        columns = {"time_s": time_s}
        for place, joint in enumerate(JOINTS):
            if joint == "right_wrist" and entry["id"] in handless:
                continue
            for axis, letter in enumerate("xyz"):
                swing = 0.3 * np.sin((1 + number) * time_s + place + axis)
                columns[f"{joint}.{letter}"] = 0.2 * place - 0.1 * axis + swing
        write_modality(folder, "pose", entry["id"], columns)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """Four people: one without vectors of words, one without poses, one whose right wrist no pose
    shows."""
    study = write_toy_study(tmp_path_factory.mktemp("posed") / "study", people=4, seconds_each=6.0)
    add_modalities(study.folder, without=("p1-1",), width=24)
    add_poses(study.folder, without=("p2-1",), handless=("p3-1",))
    return study.windows().hide_labels()


def built(
    windows: Windows, encoder: str = "channel_attention", **settings: Any
) -> tuple[Multi3Net, Encoder, Batch]:
    sizes = ENCODER if encoder == "channel_attention" else {}
    start = PretrainedEncoder.fresh(windows, encoder, **sizes)
    goal = Multi3Net(**SMALL | settings)
    torch.manual_seed(0)
    goal.fit(windows, start.encoder)
    batch = Loader(windows, goal.targets(windows)).batch(np.arange(len(windows)))
    batch.values = start.standardise(batch.values)
    return goal.eval(), start.encoder.eval(), batch


def rows_of(batch: Batch, rows: list[int]) -> Batch:
    modalities = {name: part[rows] for name, part in batch.modalities.items()}
    parts = {name: getattr(batch, name)[rows] for name in ("values", "present", "received")}
    return dataclasses.replace(batch, **parts, code=None, modalities=modalities)


def in_doubles(goal: nn.Module, encoder: nn.Module, batch: Batch) -> Batch:
    goal.double()
    encoder.double()
    modalities = {
        n: p.double() if p.is_floating_point() else p for n, p in batch.modalities.items()
    }
    return dataclasses.replace(batch, values=batch.values.double(), modalities=modalities)


def contrast(q: Tensor, k: Tensor, rows: list[int], tau: float) -> float:
    """The one-sided InfoNCE over some rows, by loops."""

    def likeness(i: int, j: int) -> float:
        x, y = q[i].detach().numpy(), k[j].detach().numpy()
        return math.exp(float(x @ y) / math.sqrt(float(x @ x) * float(y @ y)) / tau)

    return sum(-math.log(likeness(i, i) / sum(likeness(i, j) for j in rows)) for i in rows) / len(
        rows
    )


def test__multi3net__every_term__is_its_formula_in_float64(windows: Windows) -> None:
    goal, encoder, batch = built(windows)
    rows = [0, 1, 15, 16, 30, 31, 45, 46]
    batch = in_doubles(goal, encoder, rows_of(batch, rows))
    batch.present[0, 6:] = False  # and one window has no right wrist
    batch.values[0, 6:] = 0.0
    batch.received[1, 50] = False  # whose middle sample was lost
    with torch.no_grad():
        losses = goal(encoder, batch)
        each = encoder(batch).sensors
        assert each is not None
        vectors = {"left_wrist": each[:, 0], "right_wrist": each[:, 1]}
        vectors["text"] = goal.encoders["text"](batch.modalities["text"])
        vectors["pose"] = goal.encoders["pose"](*goal._pose(batch.modalities))
        there = {name: list(range(8)) for name in vectors} | {
            "right_wrist": list(range(1, 8)),
            "text": [i for i in range(8) if i not in (2, 3)],
            "pose": [i for i in range(8) if i not in (4, 5)],
        }
        assert tuple(losses) == (*PAIRS, "pose_to_imu", "imu_to_imu")
        for name in PAIRS:
            a, b = next((a, b) for a in vectors for b in vectors if name == f"contrast_{a}_{b}")
            both = [i for i in there[a] if i in there[b]]
            assert float(losses[name]) == pytest.approx(
                contrast(vectors[a], vectors[b], both, 0.07), rel=1e-6
            ), name
        drawn = {
            "pose": goal.decoders["pose"](vectors["pose"]),
            "imu": goal.decoders["imu"](goal.join(each.flatten(1))),
        }
        for name, whose in (("pose", there["pose"]), ("imu", list(range(8)))):
            total, count = 0.0, 0
            for i in whose:
                if i == 1:
                    continue
                count += 1
                for channel in range(6 if i == 0 else 12):
                    total += float(drawn[name][i, channel, 0] - batch.values[i, channel, 50]) ** 2
            assert float(losses[f"{name}_to_imu"]) == pytest.approx(total / count, rel=1e-6)


@pytest.mark.parametrize("unit", [False, True])
def test__squared_error__of_whole_windows__is_its_formula(
    unit: bool, rng: np.random.Generator
) -> None:
    drawn, true = (torch.from_numpy(rng.normal(size=(3, 4, 5))) for _ in range(2))
    asked = torch.ones(3, 4, 5, dtype=torch.bool)
    asked[0, 1] = False
    asked[1, :, 2] = False
    total, moments = 0.0, 0
    for i in range(3):
        for at in range(5):
            rows = [c for c in range(4) if asked[i, c, at]]
            if not rows:
                continue
            x, y = drawn[i, rows, at].numpy(), true[i, rows, at].numpy()
            if unit:
                x, y = x / math.sqrt(x @ x), y / math.sqrt(y @ y)
            total, moments = total + float((x - y) @ (x - y)), moments + 1
    assert float(squared_error(drawn, true, asked, unit)) == pytest.approx(
        total / moments, rel=1e-9
    )
    assert float(squared_error(drawn, true, torch.zeros_like(asked))) == 0.0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"contrast": 0.0, "pose_to_imu": 0.0}, ("imu_to_imu",)),
        ({"contrast": 0.0, "imu_to_imu": 0.0}, ("pose_to_imu",)),
        ({"pose_to_imu": 0.0, "imu_to_imu": 0.0}, PAIRS),
        ({"contrast_text": False}, (*PAIRS[3:], "pose_to_imu", "imu_to_imu")),
        ({"pose_encoder": ""}, (*PAIRS[1:3], PAIRS[5], "imu_to_imu")),
        (
            {"sensors": "together"},
            (PAIRS[0], "contrast_text_imu", "contrast_pose_imu", "pose_to_imu", "imu_to_imu"),
        ),
    ],
)
def test__multi3net__a_row_of_the_tables__has_its_terms_and_learns_all_it_builds(
    windows: Windows, settings: dict[str, Any], expected: tuple[str, ...]
) -> None:
    goal, encoder, batch = built(windows, **settings)
    losses = goal(encoder, batch)
    assert tuple(losses) == expected
    torch.stack(list(losses.values())).sum().backward()
    for part in (goal, *([encoder] if "imu_to_imu" in losses or "contrast" in expected[0] else [])):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test__multi3net__weights__scale_their_terms(windows: Windows) -> None:
    goal, encoder, batch = built(windows)
    other, again, same = built(
        windows, contrast=0.5, pose_to_imu=2.0, imu_to_imu=3.0, symmetric=True
    )
    with torch.inference_mode():
        plain, scaled = goal(encoder, batch), other(again, same)
    assert float(scaled["pose_to_imu"]) == pytest.approx(2 * float(plain["pose_to_imu"]))
    assert float(scaled["imu_to_imu"]) == pytest.approx(3 * float(plain["imu_to_imu"]))
    assert float(scaled[PAIRS[0]]) > 0.75 * float(plain[PAIRS[0]])  # half of two directions


def test__multi3net__encoder_that_mixes_sensors__sees_each_by_itself(windows: Windows) -> None:
    goal, encoder, batch = built(windows, "tpn")
    changed = rows_of(batch, list(range(len(batch))))
    changed.values[:, 6:] *= -1.0
    with torch.inference_mode():
        first, there = sensor_vectors(encoder, batch, goal.places)
        second, _ = sensor_vectors(encoder, changed, goal.places)
        alone = rows_of(batch, list(range(len(batch))))
        alone.present[:, 6:] = False
        alone.values[:, 6:] = 0.0
        torch.testing.assert_close(first[:, 0], encoder(alone).pooled)
    assert there.all() and first.shape == (len(batch), 2, 96)
    assert torch.equal(first[:, 0], second[:, 0]) and not torch.equal(first[:, 1], second[:, 1])


def test__multi3net__whole_window__is_drawn_and_scored(windows: Windows) -> None:
    goal, encoder, batch = built(windows, target="window")
    with torch.inference_mode():
        true, asked = signal(batch, "window")
        assert torch.equal(true, batch.values) and asked.shape == true.shape
        assert (
            goal.decoders["imu"](goal.join(encoder(batch).sensors.flatten(1))).shape == true.shape
        )
        drawn, present = signals_from_poses(goal, windows)
    assert drawn.shape == (len(windows), 12, 100)
    assert present.tolist() == [recording != "p2-1" for recording in windows.recording]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "lacking", ["nothing", "text", "pose", "some poses", "both", "right wrist", "everything"]
)
def test__multi3net__a_batch_that_lacks_something__still_has_finite_losses_and_gradients(
    windows: Windows, lacking: str, precision: str
) -> None:
    goal, encoder, batch = built(windows)
    goal.train()
    if lacking in ("text", "both", "everything"):
        batch.modalities["text_present"][:] = False
    if lacking in ("pose", "both", "everything"):
        batch.modalities["pose_present"][:] = False
    if lacking == "some poses":
        batch.modalities["pose_present"][::2] = False
    if lacking in ("right wrist", "everything"):
        batch.present[:, 6:] = False
    if lacking == "everything":
        batch.present[:] = False
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        total = torch.stack(list(goal(encoder, batch).values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert all(
        torch.isfinite(p.grad).all()
        for p in [*goal.parameters(), *encoder.parameters()]
        if p.grad is not None
    )


def test__multi3net__joints__that_no_pose_has_are_left_out_and_the_rest_masked(
    windows: Windows,
) -> None:
    goal, _, batch = built(windows)
    assert set(goal.joints) == set(JOINTS)
    whose = windows.recording == "p3-1"
    known = batch.modalities["pose_joints"].numpy()
    assert (
        not known[whose, goal.joints.index("right_wrist")].any()
        and known[whose].sum(axis=1).tolist() == [4] * 15
    )
    notes = goal.report()["notes"]
    assert any("no text in recordings p1-1: " in note for note in notes)
    assert any("no pose in recordings p2-1: " in note for note in notes)


def test__multi3net__poses__are_standardised_over_the_training_people_joint_by_joint(
    windows: Windows,
) -> None:
    goal, _, batch = built(windows)
    poses, known = goal._pose(batch.modalities)
    assert not poses[~known[:, None].expand(poses.shape[:3])].any()
    for joint in range(len(goal.joints)):
        own = poses[known[:, joint], :, joint].flatten(0, 1).double()
        torch.testing.assert_close(own.mean(dim=0), torch.zeros(3).double(), atol=1e-5, rtol=0)
        torch.testing.assert_close(
            own.std(dim=0, correction=0), torch.ones(3).double(), atol=1e-4, rtol=0
        )


def test__multi3net__share_of_modalities__is_a_part_of_those_there(windows: Windows) -> None:
    half, all_ = (built(windows, modality_fraction=share)[2].modalities for share in (0.5, 1.0))
    for name in ("text_present", "pose_present"):
        assert not (half[name] & ~all_[name]).any()
        assert 0 < int(half[name].sum()) < int(all_[name].sum())


def test__multi3net__nobody_has_what_it_needs__names_recordings(tmp_path: Path) -> None:
    study = write_toy_study(tmp_path / "bare", people=4, seconds_each=4.0)
    bare = study.windows().hide_labels()
    start = PretrainedEncoder.fresh(bare, "channel_attention", **ENCODER)
    with pytest.raises(
        ConfigError, match=r"learns from pose, .* p0-1, p1-1, p2-1 and 1 more\. .*pose_encoder = "
    ):
        Multi3Net(text="").fit(bare, start.encoder)
    add_poses(study.folder)
    with pytest.raises(ConfigError, match=r"learns from text, .* p0-1, .*contrast_text = false"):
        Multi3Net(text="minilm").fit(bare, start.encoder)
    one = study.windows(placements=("left_wrist",)).hide_labels()
    alone = PretrainedEncoder.fresh(one, "channel_attention", **ENCODER)
    with pytest.raises(ConfigError, match=r"nothing to contrast one sensor \(left_wrist\) with"):
        Multi3Net(text="", pose_encoder="").fit(one, alone.encoder)


def test__multi3net__poses_out_of_step__are_told(tmp_path: Path) -> None:
    study = write_toy_study(tmp_path / "late", people=3, seconds_each=4.0)
    add_poses(study.folder, late_s=0.06)
    late = study.windows().hide_labels()
    with pytest.raises(StudyError, match="out of step by more than half a pose"):
        Multi3Net(text="").fit(
            late, PretrainedEncoder.fresh(late, "channel_attention", **ENCODER).encoder
        )


def test__multi3net__a_wrist_that_some_lack__is_masked_or_refused(tmp_path: Path) -> None:
    people = [
        toy_recording(f"p{i}", 4.0, ("left_wrist",) if i == 3 else ("left_wrist", "right_wrist"))
        for i in range(4)
    ]
    study = write_study(tmp_path / "some", people, name="toy", cut=Cut(seconds=2.0, rate_hz=50.0))
    with pytest.raises(OtolithError, match="right_wrist"):
        study.windows()
    some = study.windows(missing="mask").hide_labels()
    goal, encoder, batch = built(some, text="", pose_encoder="")
    losses = goal(encoder, batch)
    assert tuple(losses) == ("contrast_left_wrist_right_wrist", "imu_to_imu")
    assert all(torch.isfinite(loss) for loss in losses.values())


def test__multi3net__settings_out_of_range__are_refused() -> None:
    for settings, said in (
        ({"contrast": 0.0, "pose_to_imu": 0.0, "imu_to_imu": 0.0}, "one of them above 0"),
        ({"target": "frame"}, "'middle' or 'window'; given 'frame'"),
        ({"sensors": "all"}, "'each' or 'together'; given 'all'"),
        ({"frames": 0}, "'frames' should be greater than or equal to 1"),
        (
            {"pose_encoder_settings": {"spatial_dept": 1}},
            "pose_former has no setting 'spatial_dept'",
        ),
        (
            {"text_encoder": "text_mlp", "text_encoder_settings": {"blocks": 2}},
            "text_mlp has no setting",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            Multi3Net(**settings)


def test__multi3net__pretraining__goes_through_and_is_saved(
    windows: Windows, tmp_path: Path
) -> None:
    model = pretrain(
        windows,
        "multi3net",
        "channel_attention",
        out=tmp_path / "encoder",
        runtime=CPU,
        objective_settings=SMALL,
        encoder_settings=ENCODER,
        epochs=2,
        batch_size=16,
    )
    assert {"train_contrast_text_pose", "validation_imu_to_imu", "mean_cosine"} <= model.history[
        0
    ].keys()
    again = PretrainedEncoder.load(tmp_path / "encoder")
    assert again.record["fitted"]["joints"] == 5
    np.testing.assert_array_equal(again.embed(windows, CPU), model.embed(windows, CPU))


@pytest.mark.parametrize("length", [1, 50])
def test__decoder__of_64_windows__leaves_less_than_a_hundredth_of_the_variance(length: int) -> None:
    torch.manual_seed(0)
    # Of up to 5 Hz, as bodies move: every window, channel and tone with a strength and a phase of
    # its own.
    moments = torch.arange(length)[:, None] / 50.0 + torch.rand(64, 12, 1, 1)
    true = (torch.randn(64, 12, 1, 5) * (2 * torch.pi * torch.arange(1, 6) * moments).sin()).sum(
        dim=-1
    )
    vectors = torch.randn(64, 256)
    decoder = Decoder(256, 12, length, dropout=0.0).train()
    assert decoder(vectors).shape == true.shape
    optimiser = torch.optim.Adam(decoder.parameters(), lr=3e-3)
    asked = torch.ones_like(true, dtype=torch.bool)
    for _ in range(150):
        loss = squared_error(decoder(vectors), true, asked)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) / 12 < 0.01 * float(true.var())

"""Multi3Net: words, poses and sensors in contrast, and the signal regressed from each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, NonNegative, Positive, Share, configure, settings
from otolith.data.batch import Batch
from otolith.data.channels import sensors
from otolith.data.skeleton import FINGERS, POSE_JOINTS
from otolith.data.windows import Windows
from otolith.learn import encoders
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.encoders.modality_encoder import ModalityEncoder
from otolith.learn.modalities.poses import poses_of
from otolith.learn.objectives._contrast import info_nce
from otolith.learn.objectives._decoders import Decoder, squared_error
from otolith.learn.objectives._modalities import Companions, Contrastive, kept
from otolith.learn.objectives.objective import Fitted

TEXT, POSE, IMU = "text", "pose", "imu"
_WINDOWS_AT_ONCE = 4096
"""Windows whose poses are read at once."""
_LEAST_SPREAD_M = 0.01
"""A joint that is always at the origin, as the pelvis nearly is, must not be blown up."""
_INSTEAD = {
    TEXT: "A study has texts in partners/text.parquet (docs/recordings.md); without any, set "
    "contrast_text = false.",
    POSE: "A study has poses in partners/pose/ (docs/recordings.md); without any, set pose_encoder "
    '= "".',
}


@settings
class Multi3NetConfig:
    """Settings of Multi3Net; its tables vary `contrast`, `pose_to_imu`, `imu_to_imu`."""

    contrast: NonNegative = 1.0
    """Weight of every contrast of two; 0 leaves them out."""
    contrast_text: bool = True
    """Whether words are contrasted too: the paper's prose says so, the caption of its figure 4 does
    not."""
    pose_to_imu: NonNegative = 1.0
    """Weight of the regression of the sensors' signal from the pose."""
    imu_to_imu: NonNegative = 1.0
    """Weight of the regression of the sensors' signal from their own vectors."""
    target: Literal["middle", "window"] = "middle"
    """What is regressed: `middle`, the middle sample, as published, or the whole `window`."""
    unit_targets: bool = False
    """Whether what is drawn and what is true are brought to length 1 before they are compared."""
    text: str = "minilm"
    """The modality of words; empty to leave words out: otolith list modalities."""
    text_encoder: str = "text_resnet"
    """What learns on those vectors: `text_resnet`, or `text_mlp` as Multi3Net had it."""
    pose_encoder: str = "pose_former"
    """What learns on poses: `pose_former`, or `pose_attention` as Multi3Net had it; empty to leave
    poses out."""
    text_encoder_settings: dict[str, object] = field(default_factory=dict)
    """Settings of the text encoder."""
    pose_encoder_settings: dict[str, object] = field(default_factory=dict)
    """Settings of the pose encoder."""
    modality_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of the modality of words, under `text`."""
    modality_fraction: Share = 1.0
    """Share of the windows whose words and poses are seen."""
    frames: Count = 30
    """Moments of a window at which the pose is looked at."""
    hands: bool = True
    """Whether fingers are looked at where a pose has them."""
    sensors: Literal["each", "together"] = "each"
    """`each`: a vector for every sensor, as published; `together`: one vector of all of them."""
    temperature: Positive = 0.07
    """τ of the contrast, which stays."""
    symmetric: bool = False
    """Whether each contrast is asked both ways; published, the second finds none of the first."""
    decoder_dropout: Share = 0.1
    """Share of features dropped in the decoders while training."""


class Multi3Net(Contrastive):
    """Contrast between words, pose and every sensor, and regression of the sensors' signal.

    Source: Ray et al., "Improving IMU based human activity recognition using simulated multimodal
    representations and a MoE classifier" (2025), https://doi.org/10.3389/fcomp.2025.1569205, after
    Fortes Rey et al., "Enhancing Inertial Hand based HAR through Joint Representation of Language,
    Pose and Synthetic IMUs" (2024), https://arxiv.org/abs/2406.01316. With t, p and s_1 … s_S the
    vectors of text, pose and sensors, x the true signal, P and R decoders,

        L = Σ over pairs (a, b) of InfoNCE(a, b; τ) + ‖x − P(p)‖² + ‖x − R(s_1 … s_S)‖²

    over the pairs text-pose, text-sensor, pose-sensor and sensor-sensor: six for two wrists.
    Squares are summed over channels and averaged over samples. Poses are joint positions, centred,
    turned to face x, and standardised over the training people; the paper has SMPL angles. An
    encoder that mixes sensors sees each by itself. A window without text, pose or a sensor trains
    what it can.

    Raises ConfigError for settings out of range, and where no window has the text or pose it needs.

    >>> Multi3Net(text="", contrast=0.0)  # the regressions alone: a row of the paper's table
    Multi3Net(contrast=0.0, text='')
    """

    Config: ClassVar[type[Any]] = Multi3NetConfig
    config: Multi3NetConfig
    pose_mean: Tensor
    """(J, 3) over the training people."""
    pose_spread: Tensor
    """(J, 3)"""
    mixes_studies: ClassVar[bool] = False

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        c = self.config
        if not max(c.contrast, c.pose_to_imu, c.imu_to_imu):
            raise ConfigError("Multi3Net needs weights of 0 or more, and one of them above 0.")
        for name, given in (
            (c.text_encoder, c.text_encoder_settings),
            (c.pose_encoder, c.pose_encoder_settings),
        ):
            if name:
                configure(encoders.MODALITY_ENCODERS.resolve(name).Config, given, name)
        self.with_text = bool(c.text and c.contrast_text and c.contrast)
        self.with_pose = bool(c.pose_encoder and (c.contrast or c.pose_to_imu))
        text = {TEXT: c.text if self.with_text else ""}
        self.companions = Companions(text, c.modality_settings, c.modality_fraction)
        self.places: dict[str, list[int]] = {}
        """The channels of each sensor."""
        self.joints: tuple[str, ...] = ()
        """The joints that any pose has."""
        self.facts: Fitted = {}
        self.register_buffer("pose_mean", torch.zeros(0, 3))
        self.register_buffer("pose_spread", torch.ones(0, 3))
        self.encoders = nn.ModuleDict()
        self.decoders = nn.ModuleDict()
        self.join: nn.Module = nn.Identity()

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """See which windows have words and poses, and build their encoders and the decoders."""
        c, width, channels = self.config, encoder.dimension, windows.channels
        self.places = {IMU: list(range(len(channels)))}
        # Published: each sensor is an input, and a partner of the contrast, by itself.
        if c.sensors == "each":
            self.places = {
                sensor: [i for i, channel in enumerate(channels) if channel.sensor == sensor]
                for sensor in sensors(channels)
            }
        self._see_modalities(windows)
        if c.contrast and not list(self._pairs()):
            raise ConfigError(
                f"There is nothing to contrast one sensor ({', '.join(self.places)}) with: give "
                "words or poses a part, or set contrast = 0."
            )
        modality_encoders: dict[str, nn.Module] = {}
        if self.with_text:
            shape: tuple[int, ...] = (self.companions.roles[TEXT].dimension,)
            modality_encoders[TEXT] = _built(c.text_encoder, shape, width, c.text_encoder_settings)
        if self.with_pose:
            shape = (c.frames, len(self.joints), 3)
            modality_encoders[POSE] = _built(c.pose_encoder, shape, width, c.pose_encoder_settings)
        self.encoders = nn.ModuleDict(modality_encoders)

        # The order of these decides which random numbers each starts from.
        length = 1 if c.target == "middle" else windows.length
        decoders: dict[str, nn.Module] = {}
        if self.with_pose and c.pose_to_imu:
            decoders[POSE] = Decoder(width, len(channels), length, c.decoder_dropout)
        if c.imu_to_imu:
            if len(self.places) > 1:
                self.join = nn.Linear(width * len(self.places), width)
            decoders[IMU] = Decoder(width, len(channels), length, c.decoder_dropout)
        self.decoders = nn.ModuleDict(decoders)

    def _see_modalities(self, windows: Windows) -> None:
        """Count the windows with words, poses and each sensor; ConfigError where nobody has any."""
        self.facts = {"windows_with": {}, "notes": []}
        present: dict[str, np.ndarray] = {}
        if self.with_text:
            self.companions.fit(windows)
            present[TEXT] = self.companions.vectors(windows)[TEXT].present
        if self.with_pose:
            present[POSE] = self._see_poses(windows)
        for name, has in present.items():
            self.facts["windows_with"][name] = int(has.sum())
            lacking = sorted({*windows.recording.tolist()} - {*windows.recording[has].tolist()})
            rest = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            some = ", ".join(lacking[:3]) + rest
            if not has.any():
                raise ConfigError(
                    f"Multi3Net learns from {name}, and no recording has any: {some}. "
                    f"{_INSTEAD[name]}"
                )
            if lacking:
                note = f"no {name} in recordings {some}: their windows train without"
                self.facts["notes"].append(note)
        for name, places in self.places.items():
            if not windows.present[:, places].any():
                note = f"no window has {name}, whose weights learn nothing"
                self.facts["notes"].append(note)

    def _see_poses(self, windows: Windows) -> Bool[np.ndarray, " N"]:
        """Take joints, mean and spread from the training people; return who has a pose."""
        joints = (*POSE_JOINTS, *(FINGERS if self.config.hands else ()))
        present, count = [], np.zeros(len(joints))
        total, square = np.zeros((2, len(joints), 3))
        for poses, known in _poses(windows, self.config.frames, joints):
            present.append(known.any(axis=1))
            count += known.sum(axis=0) * self.config.frames  # unknown joints add 0 to the sums
            total += poses.sum(axis=(0, 1), dtype=np.float64)
            square += np.square(poses, dtype=np.float64).sum(axis=(0, 1))
        known = count > 0
        self.joints = tuple(np.array(joints)[known].tolist())
        mean = total[known] / count[known, None]
        # Rounding can leave a difference of squares just below 0.
        spread = np.sqrt(np.maximum(square[known] / count[known, None] - mean**2, 0))
        self.pose_mean = torch.from_numpy(mean.astype(np.float32))
        spread = np.maximum(spread, _LEAST_SPREAD_M)
        self.pose_spread = torch.from_numpy(spread.astype(np.float32))
        return np.concatenate(present)

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the vectors of words, the poses (N, F, J, 3) and their joints (N, J), and which
        windows have them."""
        targets = self.companions.targets(windows) if self.with_text else {}
        if self.with_pose:
            parts = list(_poses(windows, self.config.frames, self.joints))
            poses, known = (np.concatenate(each) for each in zip(*parts, strict=True))
            # The same windows lose their poses as lose their words.
            present = known.any(axis=1) & kept(windows, self.config.modality_fraction)
            targets |= {POSE: poses, f"{POSE}_joints": known, f"{POSE}_present": present}
        return targets

    def _pairs(self) -> Iterator[tuple[str, str]]:
        modalities = [TEXT] * self.with_text + [POSE] * self.with_pose
        yield from itertools.combinations([*modalities, *self.places], 2)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the losses, weighted: one `contrast_` a pair, `pose_to_imu` and `imu_to_imu`."""
        c = self.config
        each, has_sensor = sensor_vectors(encoder, batch, self.places)  # (B, S, D), (B, S)
        vectors = dict(zip(self.places, each.unbind(1), strict=True))
        present = dict(zip(self.places, has_sensor.unbind(1), strict=True))
        # Text and pose, (B, D) each.
        for name, module in self.encoders.items():
            present[name] = batch.modalities[f"{name}_present"]
            given = [batch.modalities[TEXT]] if name == TEXT else self._pose(batch.modalities)
            vectors[name] = _of_the_present(module, given, present[name], each.shape[2:], each)
        if self.training and c.contrast:
            self._spread.add(each.mean(dim=1))

        losses: dict[str, Tensor] = {}
        for a, b in self._pairs() if c.contrast else ():
            both = present[a] & present[b]
            term = info_nce(vectors[a], vectors[b], c.temperature, both, c.symmetric)
            losses[f"contrast_{a}_{b}"] = c.contrast * term
        true, measured = signal(batch, c.target)  # (B, C, L) each
        # What each decoder reads, its weight, and the windows that have it.
        sources = {}
        if POSE in self.decoders:
            sources[POSE] = c.pose_to_imu, vectors[POSE], present[POSE]
        if IMU in self.decoders:
            sources[IMU] = c.imu_to_imu, self.join(each.flatten(1)), has_sensor.any(dim=1)
        for name, (weight, source, rows) in sources.items():
            drawn = _of_the_present(self.decoders[name], [source], rows, true.shape[1:], true)
            asked = measured & rows[:, None, None]
            losses[f"{name}_to_imu"] = weight * squared_error(drawn, true, asked, c.unit_targets)
        return losses

    def _pose(self, targets: Mapping[str, Tensor]) -> list[Tensor]:
        """Return standardised poses (B, F, J, 3), 0 for unknown joints, and which are known."""
        known = targets[f"{POSE}_joints"]
        poses = (targets[POSE] - self.pose_mean) / self.pose_spread
        return [poses * known[:, None, :, None], known]

    @override
    def report(self) -> Fitted:
        """Return how many windows have words and poses, and which recordings have none."""
        return {**self.facts, "joints": len(self.joints)}


def sensor_vectors(
    encoder: Encoder, batch: Batch, places: Mapping[str, Sequence[int]]
) -> tuple[Tensor, Tensor]:
    """Return a vector for each sensor (B, S, D), and which windows have it (B, S).

    places: the channels of each sensor. An encoder that mixes sensors is shown one at a time.
    """
    present = torch.stack([batch.present[:, p].any(dim=1) for p in places.values()], dim=1)
    if len(places) == 1:
        return encoder(batch).pooled[:, None] * present[..., None], present
    if encoder.keeps_sensors_apart:
        each = encoder(batch).sensors
        assert each is not None
        return each, present
    shown = batch.present.new_zeros(len(places), len(batch.channels))
    for number, channels in enumerate(places.values()):
        shown[number, list(channels)] = True
    # (S·B, C, T): every sensor shown by itself, sensor after sensor.
    alone = replace(
        batch,
        values=(batch.values[None] * shown[:, None, :, None]).flatten(0, 1),
        present=(batch.present[None] & shown[:, None]).flatten(0, 1),
        received=batch.received.repeat(len(shown), 1),
        code=None,
        modalities={},
    )
    each = encoder(alone).pooled.unflatten(0, (len(shown), -1)).transpose(0, 1)
    return each * present[..., None], present


def signal(batch: Batch, target: Literal["middle", "window"]) -> tuple[Tensor, Tensor]:
    """Return the signal to regress (B, C, L), and what of it was measured; L is 1 for `middle`."""
    measured = batch.present[..., None] & batch.received[:, None]
    if target == "window":
        return batch.values, measured
    middle = batch.values.shape[-1] // 2
    return batch.values[..., middle : middle + 1], measured[..., middle : middle + 1]


@torch.inference_mode()
def signals_from_poses(
    goal: Multi3Net, windows: Windows
) -> tuple[Float[np.ndarray, "N C L"], Bool[np.ndarray, " N"]]:
    """Return the signals that a trained Multi3Net regresses from the poses of some windows, in
    standard deviations, and which windows have a pose.

    Raises ConfigError where it was not trained to.
    """
    if POSE not in goal.decoders:
        raise ConfigError(
            "This Multi3Net was not trained to draw signals from poses: pose_to_imu above 0 does."
        )
    goal.eval()
    device = goal.pose_mean.device
    drawn, present = [], []
    for poses, known in _poses(windows, goal.config.frames, goal.joints):
        targets = {POSE: torch.from_numpy(poses), f"{POSE}_joints": torch.from_numpy(known)}
        targets = {name: tensor.to(device) for name, tensor in targets.items()}
        vectors = goal.encoders[POSE](*goal._pose(targets))
        drawn.append(goal.decoders[POSE](vectors).float().cpu().numpy())
        present.append(known.any(axis=1))
    return np.concatenate(drawn), np.concatenate(present)


def _built(
    name: str, shape: tuple[int, ...], width: int, settings: Mapping[str, object]
) -> ModalityEncoder:
    built: ModalityEncoder = encoders.MODALITY_ENCODERS.resolve(name)(shape, width, **settings)
    return built


def _poses(
    windows: Windows, frames: int, joints: Sequence[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield poses (n, F, J, 3) and which joints are known (n, J), some windows at a time."""
    for start in range(0, max(len(windows), 1), _WINDOWS_AT_ONCE):
        yield poses_of(windows[start : start + _WINDOWS_AT_ONCE], frames, joints)


def _of_the_present(
    module: nn.Module, given: Sequence[Tensor], present: Tensor, shape: Sequence[int], like: Tensor
) -> Tensor:
    """Apply a module to the rows that are present; the others become 0, and no batch statistics see
    them."""
    if bool(present.all()):
        whole: Tensor = module(*given)
        return whole
    rows = present.nonzero().squeeze(1)
    if not len(rows):
        return like.new_zeros(len(present), *shape)
    made: Tensor = module(*(part[rows] for part in given))
    return made.new_zeros(len(present), *shape).index_copy(0, rows, made)

"""Multi3Net: words, poses and worn sensors brought together, and the sensors' signal drawn from
each."""

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
from otolith.learn.objectives._modalities import Companions, Spread, collapse_notes, kept
from otolith.learn.objectives.objective import Objective

TEXT, POSE, IMU = "text", "pose", "imu"
_CHUNK = 4096
"""Windows whose poses are read at once."""


@settings
class Multi3NetConfig:
    """Settings of Multi3Net; `contrast`, `pose_to_imu`, `imu_to_imu` give the rows of its tables."""

    contrast: NonNegative = 1.0
    """Weight of every contrast of two; 0 leaves them out."""
    contrast_text: bool = True
    """Whether words are contrasted too: the paper's prose says so, the caption of its figure 4 does
    not."""
    pose_to_imu: NonNegative = 1.0
    """Weight of drawing the sensors' signal from the pose."""
    imu_to_imu: NonNegative = 1.0
    """Weight of drawing the sensors' signal from their own vectors."""
    target: Literal["middle", "window"] = "middle"
    """What is drawn: `middle`, the middle sample, as published, or the whole `window`."""
    unit_targets: bool = False
    """Whether what is drawn and what is true are brought to length 1 before they are compared."""
    text: str = "minilm"
    """The modality that makes vectors of words; empty to leave words out: otolith list modalities."""
    text_encoder: str = "text_resnet"
    """What learns on those vectors: `text_resnet`, or `text_mlp` as Multi3Net had it."""
    pose_encoder: str = "pose_former"
    """What learns on poses: `pose_former`, or `pose_attention` as Multi3Net had it; empty to leave
    poses out."""
    text_encoder_settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the text encoder."""
    pose_encoder_settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the pose encoder."""
    modality_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
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


class Multi3Net(Objective):
    """Contrast between words, pose and every sensor, and regression of the sensors' signal.

    Source: Ray et al., "Improving IMU based human activity recognition using simulated multimodal
    representations and a MoE classifier" (2025), https://doi.org/10.3389/fcomp.2025.1569205, after
    Fortes Rey et al., "Enhancing Inertial Hand based HAR through Joint Representation of Language,
    Pose and Synthetic IMUs" (2024), https://arxiv.org/abs/2406.01316. With t, p and s_1 … s_S the
    vectors of text, pose and sensors, x the true signal,

        L = Σ over pairs (a, b) of InfoNCE(a, b; τ) + ‖x − P(p)‖² + ‖x − R(s_1 … s_S)‖²

    over the pairs text-pose, text-sensor, pose-sensor and sensor-sensor: six for two wrists.
    Squares are summed over channels and averaged over samples. Poses are joint positions, centred
    and turned to face x, and standardised over the training people; the paper has SMPL angles. An
    encoder that mixes sensors sees each by itself, the others absent. A window without text, pose
    or a sensor trains what it can. Batches of several studies are not mixed.

    Raises ConfigError for settings out of range, and where no window has the text or the pose that
    is asked for.
    """

    Config: ClassVar[type[Any]] = Multi3NetConfig
    config: Multi3NetConfig
    pose_mean: Tensor
    pose_spread: Tensor
    mixes_studies: ClassVar[bool] = False

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        c = self.config
        if not max(c.contrast, c.pose_to_imu, c.imu_to_imu):
            raise ConfigError("Multi3Net needs weights of 0 or more, and one of them above 0.")
        for name, given in (
            (c.text_encoder, c.text_encoder_settings),
            (c.pose_encoder, c.pose_encoder_settings),
        ):
            kind = encoders.MODALITY_ENCODERS.resolve(name) if name else None
            if kind:
                configure(kind.Config, given, name)
        self.with_text = bool(c.text and c.contrast_text and c.contrast)
        self.with_pose = bool(c.pose_encoder and (c.contrast or c.pose_to_imu))
        self.companions = Companions(
            {TEXT: c.text if self.with_text else ""}, c.modality_settings, c.modality_fraction
        )
        self.places: dict[str, list[int]] = {}
        """The channels of each sensor."""
        self.joints: tuple[str, ...] = ()
        """The joints that any pose has."""
        self.facts: dict[str, Any] = {}
        self.register_buffer("pose_mean", torch.zeros(0, 3))
        self.register_buffer("pose_spread", torch.ones(0, 3))
        self.encoders = nn.ModuleDict()
        self.decoders = nn.ModuleDict()
        self.join: nn.Module = nn.Identity()
        self.spread = Spread()

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """See what goes with the windows, and build the encoders of words and poses and the
        decoders."""
        c, width = self.config, encoder.dimension
        self.places = {IMU: list(range(len(windows.channels)))}
        if c.sensors == "each":
            names = [channel.sensor for channel in windows.channels]
            self.places = {
                s: [i for i, n in enumerate(names) if n == s] for s in sensors(windows.channels)
            }
        self.facts = {"windows_with": {}, "notes": []}
        self._meet(windows)
        if c.contrast and not list(self.pairs()):
            raise ConfigError(
                f"There is nothing to contrast one sensor ({', '.join(self.places)}) with: give "
                f"words or poses a part, "
                "or set contrast = 0."
            )
        length = 1 if c.target == "middle" else windows.length
        built = nn.ModuleDict()
        if self.with_text:
            numbers = (self.companions.roles[TEXT].dimension,)
            built[TEXT] = _modality_encoder(c.text_encoder, numbers, width, c.text_encoder_settings)
        if self.with_pose:
            shape = (c.frames, len(self.joints), 3)
            built[POSE] = _modality_encoder(c.pose_encoder, shape, width, c.pose_encoder_settings)
        self.encoders = built
        decoders = nn.ModuleDict()
        if self.with_pose and c.pose_to_imu:
            decoders[POSE] = Decoder(width, len(windows.channels), length, c.decoder_dropout)
        if c.imu_to_imu:
            self.join = (
                nn.Linear(width * len(self.places), width)
                if len(self.places) > 1
                else nn.Identity()
            )
            decoders[IMU] = Decoder(width, len(windows.channels), length, c.decoder_dropout)
        self.decoders = decoders

    def _meet(self, windows: Windows) -> None:
        """See who goes with the windows; ConfigError where nobody does who is needed."""
        there: dict[str, np.ndarray] = {}
        if self.with_text:
            self.companions.fit(windows)
            there[TEXT] = self.companions.vectors(windows)[TEXT].present
        if self.with_pose:
            asked = (*POSE_JOINTS, *(FINGERS if self.config.hands else ()))
            there[POSE] = self._meet_poses(windows, asked)
        for name, has in there.items():
            self.facts["windows_with"][name] = int(has.sum())
            lack = sorted({*windows.recording.tolist()} - {*windows.recording[has].tolist()})
            some = ", ".join(lack[:3]) + (f" and {len(lack) - 3} more" if len(lack) > 3 else "")
            if not has.any():
                raise ConfigError(
                    f"Multi3Net learns from {name}, and no recording has any: {some}. "
                    f"{_INSTEAD[name]}"
                )
            if lack:
                self.facts["notes"].append(
                    f"no {name} in recordings {some}: their windows train without"
                )
        present = windows.present
        for name, places in self.places.items():
            if not present[:, places].any():
                self.facts["notes"].append(f"no window has {name}, whose weights learn nothing")

    def _meet_poses(self, windows: Windows, asked: Sequence[str]) -> Bool[np.ndarray, " N"]:
        """See which joints there are, where and how far apart; return which windows have a pose."""
        found, count, total, square = (
            [],
            np.zeros(len(asked)),
            np.zeros((len(asked), 3)),
            np.zeros((len(asked), 3)),
        )
        for poses, known in _poses(windows, self.config.frames, asked):
            found.append(known.any(axis=1))
            count += known.sum(axis=0) * self.config.frames  # what is not known is 0 in the sums
            total += poses.sum(axis=(0, 1), dtype=np.float64)
            square += np.square(poses, dtype=np.float64).sum(axis=(0, 1))
        there = count > 0
        self.joints = tuple(
            joint for joint, any_ in zip(asked, there.tolist(), strict=True) if any_
        )
        mean = total[there] / count[there, None]
        spread = np.sqrt(np.maximum(square[there] / count[there, None] - mean**2, 0))
        # A joint that is always at the origin, as the pelvis nearly is, must not be blown up.
        self.pose_mean = torch.from_numpy(mean.astype(np.float32))
        self.pose_spread = torch.from_numpy(np.maximum(spread, 0.01).astype(np.float32))
        return np.concatenate(found)

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the vectors of words, the poses (N, F, J, 3) and their joints (N, J), and which
        windows have them."""
        out = self.companions.targets(windows) if self.with_text else {}
        if self.with_pose:
            parts = list(_poses(windows, self.config.frames, self.joints))
            keep = kept(windows, self.config.modality_fraction)
            poses, known = (np.concatenate(each) for each in zip(*parts, strict=True))
            out |= {
                POSE: poses,
                f"{POSE}_joints": known,
                f"{POSE}_present": known.any(axis=1) & keep,
            }
        return out

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield who is contrasted with whom."""
        others = [TEXT] * self.with_text + [POSE] * self.with_pose
        yield from itertools.combinations([*others, *self.places], 2)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the losses, weighted: one `contrast_` a pair, `pose_to_imu` and `imu_to_imu`."""
        c = self.config
        each, there = self.each_sensor(encoder, batch)
        vectors = dict(zip(self.places, each.unbind(1), strict=True))
        present = dict(zip(self.places, there.unbind(1), strict=True))
        for name, module in self.encoders.items():
            present[name] = batch.modalities[f"{name}_present"]
            given = [batch.modalities[TEXT]] if name == TEXT else self._pose(batch.modalities)
            vectors[name] = _of_the_present(module, given, present[name], each.shape[2:], each)
        if self.training and c.contrast:
            self.spread.add(each.mean(dim=1))
        losses: dict[str, Tensor] = {}
        if c.contrast:
            for a, b in self.pairs():
                both = present[a] & present[b]
                term = info_nce(vectors[a], vectors[b], c.temperature, both, c.symmetric)
                losses[f"contrast_{a}_{b}"] = c.contrast * term
        true, asked = self.signal(batch)
        for name, weight in ((POSE, c.pose_to_imu), (IMU, c.imu_to_imu)):
            if name in self.decoders:
                of = vectors[POSE] if name == POSE else self.join(each.flatten(1))
                rows = present[POSE] if name == POSE else there.any(dim=1)
                drawn = _of_the_present(self.decoders[name], [of], rows, true.shape[1:], true)
                term = squared_error(drawn, true, asked & rows[:, None, None], c.unit_targets)
                losses[f"{name}_to_imu"] = weight * term
        return losses

    def _pose(self, of: Mapping[str, Tensor]) -> list[Tensor]:
        known = of[f"{POSE}_joints"]
        return [(of[POSE] - self.pose_mean) / self.pose_spread * known[:, None, :, None], known]

    def each_sensor(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return a vector for each sensor (B, S, D), and which windows have it (B, S)."""
        there = torch.stack(
            [batch.present[:, places].any(dim=1) for places in self.places.values()], dim=1
        )
        if len(self.places) == 1:
            return encoder(batch).pooled[:, None] * there[..., None], there
        own = torch.zeros(
            len(self.places), len(batch.channels), dtype=torch.bool, device=batch.values.device
        )
        for number, places in enumerate(self.places.values()):
            own[number, places] = True
        if encoder.keeps_sensors_apart:
            each = encoder(batch).sensors
            assert each is not None
            return each, there
        alone = replace(
            batch,
            values=(batch.values[None] * own[:, None, :, None]).flatten(0, 1),
            present=(batch.present[None] & own[:, None]).flatten(0, 1),
            received=batch.received.repeat(len(own), 1),
            code=None,
            modalities={},
        )
        each = encoder(alone).pooled.unflatten(0, (len(own), -1)).transpose(0, 1)
        return each * there[..., None], there

    def signal(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what is to be drawn (B, C, L), and which of it was measured."""
        measured = batch.present[..., None] & batch.received[:, None]
        if self.config.target == "window":
            return batch.values, measured
        middle = batch.values.shape[-1] // 2
        return batch.values[..., middle : middle + 1], measured[..., middle : middle + 1]

    @torch.inference_mode()
    def drawn_from_pose(
        self, windows: Windows
    ) -> tuple[Float[np.ndarray, "N C L"], Bool[np.ndarray, " N"]]:
        """Return the signals that the poses of some windows give, in standard deviations, and which
        have a pose.

        L is 1 where the middle sample is drawn. Raises ConfigError where nothing was trained to
        draw from poses.
        """
        if POSE not in self.decoders:
            raise ConfigError(
                "This Multi3Net was not trained to draw signals from poses: pose_to_imu above 0 "
                "does."
            )
        self.eval()
        device = next(self.parameters()).device
        drawn, present = [], []
        for poses, known in _poses(windows, self.config.frames, self.joints):
            of = {
                POSE: torch.from_numpy(poses).to(device),
                f"{POSE}_joints": torch.from_numpy(known).to(device),
            }
            drawn.append(
                self.decoders[POSE](self.encoders[POSE](*self._pose(of))).float().cpu().numpy()
            )
            present.append(known.any(axis=1))
        return np.concatenate(drawn), np.concatenate(present)

    @override
    def measured(self) -> dict[str, float]:
        """Return whether vectors of different windows still differ."""
        return self.spread.figures()

    @override
    def complaints(self, history: Sequence[Mapping[str, float]]) -> list[str]:
        """Return a sentence where they collapsed."""
        return collapse_notes(history)

    @override
    def report(self) -> dict[str, Any]:
        """Return how many windows have words and poses, and whose do not."""
        return self.facts | {"joints": len(self.joints)}


_INSTEAD = {
    TEXT: "A study has texts in partners/text.parquet (docs/recordings.md); without any, set "
    "contrast_text = false.",
    POSE: "A study has poses in partners/pose/ (docs/recordings.md); without any, set pose_encoder "
    '= "".',
}


def _modality_encoder(
    name: str, shape: tuple[int, ...], width: int, settings: Mapping[str, Any]
) -> ModalityEncoder:
    built: ModalityEncoder = encoders.MODALITY_ENCODERS.resolve(name)(shape, width, **settings)
    return built


def _poses(
    windows: Windows, frames: int, joints: Sequence[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, max(len(windows), 1), _CHUNK):
        yield poses_of(windows[start : start + _CHUNK], frames, joints)


def _of_the_present(
    module: nn.Module, given: Sequence[Tensor], present: Tensor, shape: Sequence[int], like: Tensor
) -> Tensor:
    """Apply a module to the rows that are there, so that no batch statistics see the others, which
    become 0."""
    if bool(present.all()):
        whole: Tensor = module(*given)
        return whole
    rows = present.nonzero().squeeze(1)
    if not len(rows):
        return like.new_zeros(len(present), *shape)
    made: Tensor = module(*(part[rows] for part in given))
    return made.new_zeros(len(present), *shape).index_copy(0, rows, made)

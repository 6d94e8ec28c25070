"""What pretraining leaves: an encoder with its statistics, its schema and its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NotRequired

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from typing_extensions import TypedDict, override

from otolith.core.catalog import trusted
from otolith.core.errors import ChannelError, CheckpointError, ConfigError, OtolithError
from otolith.core.settings import built_from
from otolith.core.templates import render
from otolith.core.text import card_line
from otolith.data.batch import Batch
from otolith.data.channels import Channel, channel_names
from otolith.data.windows import Windows
from otolith.learn import encoders
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder, Standardise
from otolith.learn.modalities.alignment import Alignment, AlignmentFacts
from otolith.learn.training import checkpoint
from otolith.learn.training.loader import Loader
from otolith.learn.training.records import Record, read_as
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.seen import training_facts
from otolith.learn.training.statistics import channel_statistics

if TYPE_CHECKING:
    from sklearn.utils import Tags

ENCODER, SCALE, PART = "encoder.", "standardise.", "alignment."
"""Prefixes of the saved weights: the encoder, the statistics, the shared space."""
MOST_SAMPLES = 1_000_000
"""Longest window, and highest rate in Hz, that a config may state: tables of that length are built
before any weight is read."""


class Cutting(TypedDict):
    """Arguments of `Study.windows`."""

    seconds: float
    rate_hz: float
    quantities: list[str]
    slot: str
    placements: list[str]


class Schema(TypedDict):
    """What an encoder takes."""

    channels: list[str]
    rate_hz: float
    length: int
    """Samples of a window."""
    gravity: str


class Member(TypedDict):
    """Which member of a family was built, and from what."""

    name: str
    settings: dict[str, object]


class EncoderConfig(TypedDict):
    """What config.json says of an encoder."""

    schema: Schema
    encoder: Member
    alignment: NotRequired[AlignmentFacts | None]
    record: Record
    history: list[dict[str, float]]


@dataclass(repr=False)
class PretrainedEncoder:
    """An encoder that knows its channels, rate and window, whom it was trained on, and how.

    It is also a scikit-learn transformer of Windows into vectors, already fitted: `fit` checks that
    the windows fit and learns nothing, so nothing of a test fold can enter it.

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from otolith.data.windows import Windows
    >>> windows = Windows.from_array(
    ...     np.random.default_rng(0).normal(size=(8, 3, 50)), ["walk", "sit"] * 4,
    ...     rate_hz=50, channels=["waist.acc.x", "waist.acc.y", "waist.acc.z"],
    ... )
    >>> encoder = PretrainedEncoder.fresh(windows, "features")
    >>> make_pipeline(encoder, LogisticRegression()).fit(windows, windows.labels).score(
    ...     windows, windows.labels
    ... )
    1.0
    """

    encoder: Encoder
    standardise: Standardise
    gravity: str = "included"
    record: Record = field(default_factory=Record)
    """Objective, people, data hashes, seed, versions, commit."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Losses of every epoch."""
    alignment: Alignment | None = None
    """The space shared with texts, video or poses, if it was pretrained with them."""

    @property
    def name(self) -> str:
        """The encoder's public name."""
        return encoders.FAMILY.name_of(self.encoder)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that it takes, in order."""
        return self.encoder.channels

    @override
    def __repr__(self) -> str:
        record, encoder = self.record, self.encoder
        return (
            f"PretrainedEncoder('{self.name[:60]}', {record.get('objective', 'none')!s:.60}, "
            f"{len(self.channels)} channels x {encoder.length} samples at {encoder.rate_hz:g} Hz "
            f"-> {encoder.dimension} numbers, {len(record.get('subjects', []))} people)"
        )

    @classmethod
    def fresh(
        cls,
        windows: Windows,
        encoder: str | type[Encoder] = "tpn",
        seed: int = 0,
        **settings: object,
    ) -> PretrainedEncoder:
        """Build an encoder with random weights, and the statistics of these windows' people."""
        torch.manual_seed(seed)
        name = encoder if isinstance(encoder, str) else encoder.__name__
        with built_from(settings, f"Encoder '{name}'"):
            built = encoders.FAMILY.resolve(encoder)(
                windows.channels, windows.rate_hz, windows.length, **settings
            )
        standardise = Standardise(len(windows.channels))
        statistics = channel_statistics(windows)
        # Hand-made features are computed from SI units: only the range is clipped.
        for part in ("mean", "std", "low", "high") if built.learns else ("low", "high"):
            getattr(standardise, part).copy_(torch.from_numpy(getattr(statistics, part)))
        facts = training_facts(windows)
        record: Record = {
            "objective": "none",
            "subjects": windows.subjects,
            "studies": {windows.study: windows.study_hash},
            "people": facts["people"],
            "recordings": facts["recordings"],
            "seed": seed,
        }
        return cls(built, standardise, windows.gravity, record)

    def encode(self, batch: Batch) -> Embeddings:
        """Standardise a batch and encode it."""
        embeddings: Embeddings = self.encoder(replace(batch, values=self.standardise(batch.values)))
        return embeddings

    def narrowed(self, channels: Sequence[Channel]) -> PretrainedEncoder:
        """Return the part for some of the channels, such as one wrist of two, with its weights.

        Raises ConfigError where the encoder mixes its sensors, or has no such channels.
        """
        # Statistics are per channel: those of the others go with their weights.
        part = self.encoder.narrowed(channels)
        place = [self.channels.index(channel) for channel in part.channels]
        return replace(self, encoder=part, standardise=self.standardise.part(place))

    def to(self, device: str) -> PretrainedEncoder:
        """Move the weights to a device."""
        for part in (self.encoder, self.standardise, self.alignment):
            if part is not None:
                part.to(device)
        return self

    def require(self, windows: Windows) -> None:
        """Raise ChannelError where windows do not fit this encoder."""
        who = f"this encoder ('{self.name}')"
        if windows.gravity != self.gravity:
            raise ChannelError(
                f"These windows have gravity {windows.gravity}, {who} was made for gravity "
                f"{self.gravity}. Import the recordings that way, or pretrain on these."
            )
        # Networks with a linear layer over time take one length only.
        length = None if self.encoder.any_length else self.encoder.length
        windows.require(self.channels, self.encoder.rate_hz, length, who)

    @torch.inference_mode()
    def embed(
        self,
        windows: Windows,
        runtime: Runtime | None = None,
        batch_size: int = 512,
        space: Literal["encoder", "shared"] = "encoder",
    ) -> Float[np.ndarray, "N D"]:
        """Return one float32 vector a window: the encoder's own (N, D), or with `space` "shared" a
        unit vector (N, E) of the space shared with texts, video or poses.

        Raises ChannelError where the windows do not fit, ConfigError for "shared" without such a
        space.
        """
        self.require(windows)
        if space not in ("encoder", "shared"):
            raise ConfigError(f"space is 'encoder' or 'shared', not '{space}'.")
        shared = self.require_alignment() if space == "shared" else None
        runtime = runtime or Runtime.choose()
        self.to(runtime.device).encoder.eval()  # no dropout: a window has one vector
        width = shared.width if shared else self.encoder.dimension
        out = np.empty((len(windows), width), dtype=np.float32)
        start = 0
        with runtime.active(), runtime.autocast():
            for batch in Loader(windows, batch_size=batch_size, device=runtime.device).epoch():
                vectors = self.encode(batch).pooled
                if shared:
                    vectors = functional.normalize(shared.motion(vectors).float(), dim=-1)
                out[start : start + len(vectors)] = vectors.float().cpu().numpy()
                start += len(vectors)
        return out

    def fit(self, X: Windows, y: object = None) -> PretrainedEncoder:
        """Check that the windows fit, and return the encoder as it is."""
        self.require(X)
        return self

    def transform(self, X: Windows) -> Float[np.ndarray, "N D"]:
        """Return one float32 vector a window, (N, D)."""
        return self.embed(X)

    def fit_transform(self, X: Windows, y: object = None) -> Float[np.ndarray, "N D"]:
        """Return `transform(X)`."""
        return self.transform(X)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return a name for each of the D numbers."""
        return np.array(self.encoder.feature_names(), dtype=object)

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return no parameters: scikit-learn finds nothing to tune here."""
        return {}

    def __sklearn_clone__(self) -> PretrainedEncoder:
        return self  # its weights are not a fold's to forget

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import Tags, TargetTags, TransformerTags

        return Tags("transformer", TargetTags(required=False), TransformerTags(["float32"]))

    def require_alignment(self) -> Alignment:
        """Return the shared space; ConfigError, with the command to get one, if there is none."""
        if self.alignment is None:
            raise ConfigError(
                f"This encoder ('{self.name}', objective {self.record.get('objective', 'none')}) "
                "shares no space with texts, video or poses. Pretrain one on a study that has "
                "them: otolith pretrain STUDY --objective primus --out ENCODER"
            )
        return self.alignment

    def cutting(self) -> Cutting:
        """Return the arguments of `Study.windows` that cut windows for this encoder."""
        places = list(dict.fromkeys(channel.placement for channel in self.channels))
        hidden = places == ["imu"]  # the slot that hides a sensor's place
        return {
            "seconds": self.encoder.length / self.encoder.rate_hz,
            "rate_hz": self.encoder.rate_hz,
            "quantities": list(dict.fromkeys(channel.quantity for channel in self.channels)),
            "slot": "imu" if hidden else "",
            "placements": [] if hidden else places,
        }

    def schema(self) -> Schema:
        """Return what an input must be."""
        return {
            "channels": channel_names(self.channels),
            "rate_hz": self.encoder.rate_hz,
            "length": self.encoder.length,
            "gravity": self.gravity,
        }

    def facts(self) -> dict[str, object]:
        """Return what builds encoder and shared space again, weights aside."""
        member = {"name": self.name, "settings": self.encoder.settings()}
        shared = {"alignment": self.alignment.facts()} if self.alignment else {}
        return {"encoder": member, **shared}

    def weights(self) -> dict[str, Tensor]:
        """Return all weights and statistics under the names that they are saved by."""
        tensors = checkpoint.pack(self.encoder, ENCODER) | checkpoint.pack(self.standardise, SCALE)
        return tensors | (checkpoint.pack(self.alignment, PART) if self.alignment else {})

    def load_weights(self, tensors: Mapping[str, Tensor], where: str) -> None:
        """Load what `weights` returned; raises CheckpointError where anything does not fit."""
        checkpoint.load_into(self.encoder, tensors, ENCODER, where)
        statistics = dict(tensors)
        if not {f"{SCALE}low", f"{SCALE}high"} & tensors.keys():
            # The first format had no range: nothing is clipped.
            unlimited = {n: getattr(self.standardise, n) for n in ("low", "high")}
            statistics |= {f"{SCALE}{name}": tensor for name, tensor in unlimited.items()}
        checkpoint.load_into(self.standardise, statistics, SCALE, where)
        if self.alignment:
            checkpoint.load_into(self.alignment, tensors, PART, where)
            self.alignment.eval()
        elif strange := [name for name in tensors if name.startswith(PART)]:
            raise CheckpointError(
                f"{where} holds weights of an alignment ({strange[0]}, …) that {checkpoint.CONFIG} "
                "does not describe: it was edited. Copy the whole folder again."
            )

    def save(self, folder: str | Path, finish: checkpoint.Finish | None = None) -> None:
        """Write the checkpoint folder; `finish` writes further files into it before it is whole."""
        config = {
            "schema": self.schema(),
            **self.facts(),
            "record": self.record,
            "history": self.history,
        }
        files = {checkpoint.CARD: self.card()}
        checkpoint.save(Path(folder), "encoder", config, self.weights(), files, finish)

    @classmethod
    def load(cls, folder: str | Path, *, trust: str | Sequence[str] = ()) -> PretrainedEncoder:
        """Read a checkpoint folder.

        trust: your own packages, such as "my_lab", whose members it may name, and models that its
        modalities may load. Nothing else is imported. Raises CheckpointError that says what does
        not fit, UnknownNameError for a name that is not trusted.
        """
        trust = trusted(trust)
        config, tensors = checkpoint.load(folder, "encoder")
        checkpoint.refuse_strangers(tensors, (ENCODER, SCALE, PART), str(folder))
        try:
            loaded = cls.build(config, tensors, trust)
        except OtolithError:
            raise
        except checkpoint.ODD_CONFIG as error:
            raise CheckpointError(
                f"{folder}: {checkpoint.CONFIG} is incomplete or was edited "
                f"({type(error).__name__}: {error}). Copy the whole folder again."
            ) from error
        loaded.load_weights(tensors, str(folder))
        return loaded

    @classmethod
    def build(
        cls, content: object, tensors: Mapping[str, Tensor], trust: Sequence[str] = ()
    ) -> PretrainedEncoder:
        """Build what a config describes, without its weights; CheckpointError where it was edited.

        It may ask for no more weights than `tensors` holds.
        """
        config = read_as(EncoderConfig, content)
        schema, facts = config["schema"], config.get("alignment")
        channels, rate_hz, length = _input(schema)
        name, settings = config["encoder"]["name"], config["encoder"]["settings"]
        kind = encoders.FAMILY.stored(name, trust, "The checkpoint")
        # Before anything is allocated: the config may have been edited to fill the memory.
        with checkpoint.no_more_weights(tensors, [settings, facts]):
            encoder = kind(channels, rate_hz, length, **settings)
            shared = Alignment.build(facts, trust) if facts else None
        if shared and shared.dimension != encoder.dimension:
            raise CheckpointError(
                f"The alignment takes vectors of {shared.dimension} numbers, encoder '{name}' "
                f"makes {encoder.dimension}: config.json was edited."
            )
        standardise, gravity = Standardise(len(channels)), schema["gravity"]
        return cls(encoder, standardise, gravity, config["record"], config["history"], shared)

    def card(self) -> str:
        """Return what a person should know before using this encoder, in Markdown."""
        roles = self.alignment.roles.items() if self.alignment else ()
        studies = self.record.get("studies", {}).items()
        values = {
            "name": self.name,
            "record": self.record,
            "objective": self.record.get("objective", "none"),
            "schema": self.schema(),
            "dimension": self.encoder.dimension,
            "shared": self.alignment,
            "names": ", ".join(f"{name} ('{role.modality}')" for name, role in roles),
            "people": self.record.get("subjects", []),
            "studies": ", ".join(f"{name} ({sha256})" for name, sha256 in studies),
        }
        return render(
            "otolith.learn", "encoder.md", lambda v: card_line(str(v)), values, html=False
        )


def _input(schema: Schema) -> tuple[tuple[Channel, ...], float, int]:
    """Return channels, rate and length that a config states; CheckpointError for odd ones."""
    channels = tuple(Channel.parse(name) for name in schema["channels"])
    rate_hz, length = schema["rate_hz"], schema["length"]
    if not channels:
        raise CheckpointError("The schema in config.json names no channel: it was edited.")
    if not 1 <= length <= MOST_SAMPLES:
        raise CheckpointError(
            f"A window holds 1 to {MOST_SAMPLES:,} samples; config.json says {str(length)[:40]}."
        )
    if not 0 < rate_hz <= MOST_SAMPLES:
        raise CheckpointError(
            f"A rate is above 0 Hz, to {MOST_SAMPLES:,}; config.json says {str(rate_hz)[:40]}."
        )
    return channels, rate_hz, length

"""What pretraining leaves: an encoder with the statistics, the schema and the record that belong to
it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from otolith.core.catalog import trusted
from otolith.core.errors import ChannelError, CheckpointError, ConfigError, OtolithError
from otolith.core.settings import built_from
from otolith.core.text import card_line
from otolith.data.batch import Batch
from otolith.data.channels import Channel, channel_names
from otolith.data.windows import Windows
from otolith.learn import encoders
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder, Standardise
from otolith.learn.modalities.alignment import Alignment
from otolith.learn.training import checkpoint
from otolith.learn.training.loader import Loader
from otolith.learn.training.records import sound_record
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.seen import training_facts
from otolith.learn.training.statistics import channel_statistics


@dataclass
class PretrainedEncoder:
    """An encoder that knows which channels, rate and window it was made for, on whom, and how."""

    encoder: Encoder
    standardise: Standardise
    gravity: str = "included"
    record: dict[str, Any] = field(default_factory=dict)
    """Objective, subjects, data hash, seed, versions, commit: how this came about."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Losses of every epoch."""
    alignment: Alignment | None = None
    """The space that it shares with texts, video or poses, where it was pretrained with them."""

    @property
    def name(self) -> str:
        """The encoder's public name."""
        return encoders.FAMILY.name_of(self.encoder)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that it takes, in order."""
        return self.encoder.channels

    @classmethod
    def fresh(
        cls, windows: Windows, encoder: str | type[Encoder] = "tpn", seed: int = 0, **settings: Any
    ) -> PretrainedEncoder:
        """Build an encoder with random weights for some windows, and take the statistics of their
        people."""
        torch.manual_seed(seed)
        with built_from(
            settings, f"Encoder '{encoder if isinstance(encoder, str) else encoder.__name__}'"
        ):
            built = encoders.FAMILY.resolve(encoder)(
                windows.channels, windows.rate_hz, windows.length, **settings
            )
        standardise = Standardise(len(windows.channels))
        found = channel_statistics(windows)
        # Hand-made features are computed from SI units, of which only the range is kept in bounds.
        for name in ("mean", "std", "low", "high") if built.learns else ("low", "high"):
            getattr(standardise, name).copy_(torch.from_numpy(getattr(found, name)))
        record = {
            "objective": "none",
            "subjects": windows.subjects,
            "studies": {windows.study: windows.study_hash},
        }
        return cls(
            built, standardise, windows.gravity, record | training_facts(windows) | {"seed": seed}
        )

    def encode(self, batch: Batch) -> Embeddings:
        """Standardise a batch and encode it."""
        embeddings: Embeddings = self.encoder(replace(batch, values=self.standardise(batch.values)))
        return embeddings

    def narrowed(self, channels: Sequence[Channel]) -> PretrainedEncoder:
        """Return the part that takes some of the channels, such as one wrist of two, with its
        weights and statistics.

        Raises ConfigError where the encoder does not keep its sensors apart, or has no such
        channels.
        """
        part = self.encoder.narrowed(channels)
        place = [self.channels.index(channel) for channel in part.channels]
        return replace(self, encoder=part, standardise=self.standardise.part(place))

    def to(self, device: str) -> PretrainedEncoder:
        """Move the weights to a device."""
        self.encoder.to(device)
        self.standardise.to(device)
        if self.alignment:
            self.alignment.to(device)
        return self

    def require(self, windows: Windows) -> None:
        """Raise ChannelError where windows do not fit this encoder."""
        if windows.gravity != self.gravity:
            raise ChannelError(
                f"These windows have gravity {windows.gravity}, this encoder ('{self.name}') was "
                f"made for gravity "
                f"{self.gravity}. Import the recordings that way, or pretrain on these."
            )
        length = None if self.encoder.any_length else self.encoder.length
        windows.require(
            self.channels, self.encoder.rate_hz, length, f"this encoder ('{self.name}')"
        )

    @torch.inference_mode()
    def embed(
        self,
        windows: Windows,
        runtime: Runtime | None = None,
        batch_size: int = 512,
        space: Literal["encoder", "shared"] = "encoder",
    ) -> Float[np.ndarray, "N D"]:
        """Return one float32 vector for each window: the encoder's own (N, D), or with `space`
        "shared" a unit vector (N, E) in the space that it shares with texts, video or poses.

        Raises ChannelError where the windows do not fit, ConfigError for "shared" where there is no
        such space.
        """
        self.require(windows)
        if space not in ("encoder", "shared"):
            raise ConfigError(f"space is 'encoder' or 'shared', not '{space}'.")
        shared = self.require_alignment() if space == "shared" else None
        runtime = runtime or Runtime.choose()
        self.encoder.eval()
        width = shared.width if shared else self.encoder.dimension
        out = np.empty((len(windows), width), dtype=np.float32)
        self.to(runtime.device)
        with runtime.active(), runtime.autocast():
            start = 0
            for batch in Loader(windows, batch_size=batch_size, device=runtime.device).epoch():
                pooled = self.encode(batch).pooled
                vectors = (
                    functional.normalize(shared.motion(pooled).float(), dim=-1)
                    if shared
                    else pooled.float()
                )
                out[start : start + len(vectors)] = vectors.cpu().numpy()
                start += len(vectors)
        return out

    def require_alignment(self) -> Alignment:
        """Return the shared space; ConfigError, which says how to get one, where there is none."""
        if self.alignment is None:
            raise ConfigError(
                f"This encoder ('{self.name}', objective {self.record.get('objective', 'none')}) "
                f"shares no space with "
                "texts, video or poses. Pretrain one on a study that has them: otolith pretrain "
                "STUDY --objective "
                "primus --out ENCODER"
            )
        return self.alignment

    def cutting(self) -> dict[str, Any]:
        """Return how a study is to be cut so that its windows fit this encoder, as `Study.windows`
        takes it."""
        places = list(dict.fromkeys(channel.placement for channel in self.channels))
        hidden = places == ["imu"]  # the slot under which a sensor's place is not shown
        return {
            "seconds": self.encoder.length / self.encoder.rate_hz,
            "rate_hz": self.encoder.rate_hz,
            "quantities": list(dict.fromkeys(channel.quantity for channel in self.channels)),
            "slot": "imu" if hidden else "",
            "placements": [] if hidden else places,
        }

    def schema(self) -> dict[str, Any]:
        """Return what an input must be."""
        return {
            "channels": channel_names(self.channels),
            "rate_hz": self.encoder.rate_hz,
            "length": self.encoder.length,
            "gravity": self.gravity,
        }

    def save(self, folder: str | Path, finish: checkpoint.Finish | None = None) -> None:
        """Write the checkpoint folder; `finish` writes further files into it before it is whole."""
        config = {
            "schema": self.schema(),
            "encoder": {"name": self.name, "settings": self.encoder.settings()},
            "record": self.record,
            "history": self.history,
        }
        tensors = checkpoint.pack(self.encoder, "encoder.") | checkpoint.pack(
            self.standardise, "standardise."
        )
        if self.alignment:
            config["alignment"] = self.alignment.facts()
            tensors |= checkpoint.pack(self.alignment, PART)
        checkpoint.save(
            Path(folder), "encoder", config, tensors, {checkpoint.CARD: self.card()}, finish
        )

    @classmethod
    def load(cls, folder: str | Path, *, trust: str | Sequence[str] = ()) -> PretrainedEncoder:
        """Read a checkpoint folder.

        trust: packages of your own, such as "my_lab", whose members it may name, and models that
        its modalities may load; without it a checkpoint names what is in Otolith's tables, and
        nothing else is imported.

        Raises CheckpointError that says what does not fit, UnknownNameError for a name that is not
        trusted.
        """
        trust = trusted(trust)
        config, tensors = checkpoint.load(folder, "encoder")
        checkpoint.refuse_strangers(tensors, ("encoder.", "standardise.", PART), str(folder))
        try:
            loaded = cls.build(config, tensors, trust)
        except OtolithError:
            raise
        except checkpoint.ODD_CONFIG as error:
            raise CheckpointError(
                f"{folder}: {checkpoint.CONFIG} is incomplete or was edited "
                f"({type(error).__name__}: {error}). Copy "
                "the whole folder again."
            ) from error
        checkpoint.load_into(loaded.encoder, tensors, "encoder.", str(folder))
        load_standardise(loaded.standardise, tensors, str(folder))
        load_alignment(loaded.alignment, tensors, str(folder))
        return loaded

    @classmethod
    def build(
        cls, config: dict[str, Any], tensors: Mapping[str, Tensor], trust: Sequence[str] = ()
    ) -> PretrainedEncoder:
        """Build what a config describes, weights not loaded yet, of which it may not want more than
        there are."""
        schema = config["schema"]
        channels = tuple(Channel.parse(name) for name in schema["channels"])
        if not channels:
            raise CheckpointError("The schema in config.json names no channel: it was edited.")
        length = schema["length"]
        if type(length) is not int or not 1 <= length <= MOST_SAMPLES:
            raise CheckpointError(
                f"A window holds 1 to {MOST_SAMPLES:,} samples; config.json says "
                f"{str(length)[:40]}."
            )
        rate_hz = schema["rate_hz"]
        if type(rate_hz) not in (int, float) or not 0 < rate_hz <= MOST_SAMPLES:
            raise CheckpointError(
                f"A rate is above 0 Hz, to {MOST_SAMPLES:,}; config.json says {str(rate_hz)[:40]}."
            )
        kind = encoders.FAMILY.stored(config["encoder"]["name"], trust, "The checkpoint")
        facts = config.get("alignment")
        settings = config["encoder"]["settings"]
        with checkpoint.no_more_weights(tensors, [settings, facts]):
            encoder = kind(channels, rate_hz, length, **settings)
            shared = Alignment.build(facts, trust) if facts else None
        if shared and shared.dimension != encoder.dimension:
            raise CheckpointError(
                f"The alignment takes vectors of {shared.dimension} numbers, encoder "
                f"'{config['encoder']['name']}' "
                f"makes {encoder.dimension}: config.json was edited."
            )
        standardise = Standardise(len(channels))
        record, history = sound_record(config["record"]), config["history"]
        if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
            raise CheckpointError("The history in config.json is no list of tables: it was edited.")
        return cls(encoder, standardise, schema["gravity"], record, history, shared)

    def card(self) -> str:
        """Return what a person should know before using this encoder."""
        record = self.record
        trained = (
            "trained" if record.get("objective", "none") != "none" else "RANDOM (never trained)"
        )
        people = record.get("subjects", [])
        lines = [
            f"# Encoder '{self.name}'",
            "",
            f"- weights of the encoder: {trained}; objective: {record.get('objective', 'none')}; "
            f"no classifier inside",
            f"- input: {', '.join(channel_names(self.channels))} at {self.encoder.rate_hz:g} Hz, "
            f"{self.encoder.length} samples, SI units, gravity {self.gravity}",
            f"- output: {self.encoder.dimension} numbers a window",
            *self._shared_words(),
            f"- learnt from {len(people)} people: {', '.join(people)}",
            f"- studies (content hash): "
            f"{', '.join(f'{k} ({v})' for k, v in record.get('studies', {}).items())}",
            f"- seed {record.get('seed')}, versions {record.get('versions')}, commit "
            f"{record.get('commit')}",
            "",
            "People listed here must not be tested on. Use: `otolith adapt ENCODER STUDY --shots 8 "
            "--out RECOGNISER`.",
        ]
        return "".join(f"{card_line(line)}\n" for line in lines)

    def _shared_words(self) -> list[str]:
        if not self.alignment:
            return []
        names = ", ".join(
            f"{name} ('{role.modality}')" for name, role in self.alignment.roles.items()
        )
        return [f"- shares a space of {self.alignment.width} numbers with {names}"]


SCALE = "standardise."
"""What the statistics of the channels are saved under."""
MOST_SAMPLES = 1_000_000
"""In a window or a second of an encoder that a file describes: tables are made of that length
before it is loaded."""
PART = "alignment."
"""What the weights of the shared space are saved under."""


def load_standardise(standardise: Standardise, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load the statistics; where they were saved without a range, as they first were, nothing is
    clipped."""
    given = dict(tensors)
    if not {f"{SCALE}low", f"{SCALE}high"} & given.keys():
        given |= {f"{SCALE}{name}": getattr(standardise, name) for name in ("low", "high")}
    checkpoint.load_into(standardise, given, SCALE, where)


def load_alignment(alignment: Alignment | None, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load the weights of the shared space; CheckpointError where there are some and no space, or
    too few."""
    if alignment:
        checkpoint.load_into(alignment, tensors, PART, where)
        alignment.eval()
    elif strange := [name for name in tensors if name.startswith(PART)]:
        raise CheckpointError(
            f"{where} holds weights of an alignment ({strange[0]}, …) that {checkpoint.CONFIG} "
            f"does not know of: it "
            "was edited. Copy the whole folder again."
        )

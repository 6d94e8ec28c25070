"""A recogniser as a folder of data: written whole, read strictly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from otolith.core.catalog import trusted
from otolith.core.errors import CheckpointError, DataError, OtolithError
from otolith.core.files import refuse_existing
from otolith.core.settings import configure
from otolith.learn import heads
from otolith.learn.heads.head import ClosedHead, Head
from otolith.learn.training import checkpoint
from otolith.learn.training.adapt import AdaptConfig, Adapted
from otolith.learn.training.pretrained import (
    PART,
    PretrainedEncoder,
    load_alignment,
    load_standardise,
)
from otolith.learn.training.records import sound_record
from otolith.use.card import card
from otolith.use.chain import SignalChain

if TYPE_CHECKING:
    from otolith.use.recogniser import Recogniser

KIND = "recogniser"
_PARTS = ("encoder.", "standardise.", "head.", PART)
_CLASS_TYPES = {"O": "text", "U": "text", "b": "bool", "i": "int64", "u": "int64", "f": "float64"}


def save(
    recogniser: Recogniser, folder: Path, overwrite: bool, finish: checkpoint.Finish | None = None
) -> None:
    """Write a fitted recogniser; DataError where the folder holds something else."""
    refuse_existing(folder, KIND, overwrite)
    checkpoint.refuse_strange_folder(folder, KIND)
    adapted = recogniser.adapted_
    head = adapted.head
    kind = _CLASS_TYPES.get(recogniser.classes_.dtype.kind)
    if kind is None:
        raise DataError(
            f"Classes of type {recogniser.classes_.dtype} cannot be saved; use text or whole "
            f"numbers."
        )
    classes = (
        [str(c) for c in recogniser.classes_] if kind == "text" else recogniser.classes_.tolist()
    )
    config = {
        "schema": recogniser.chain_.schema(),
        "signal": recogniser.chain_.steps(),
        "encoder": {"name": adapted.encoder.name, "settings": adapted.encoder.encoder.settings()},
        "head": {
            "name": heads.FAMILY.name_of(head),
            "settings": head.settings(),
            "shapes": head.shapes() if isinstance(head, ClosedHead) else None,
        },
        "classes": classes,
        "classes_type": kind,
        "record": recogniser.record_,
    }
    tensors = checkpoint.pack(adapted.encoder.encoder, "encoder.")
    tensors |= checkpoint.pack(adapted.encoder.standardise, "standardise.") | checkpoint.pack(
        head, "head."
    )
    if adapted.encoder.alignment:
        config["alignment"] = adapted.encoder.alignment.facts()
        tensors |= checkpoint.pack(adapted.encoder.alignment, PART)
    checkpoint.save(folder, KIND, config, tensors, {checkpoint.CARD: card(config)}, finish)


def load(cls: type[Recogniser], folder: Path, trust: str | Sequence[str] = ()) -> Recogniser:
    """Read a saved recogniser.

    Raises CheckpointError where anything is missing, of another shape, left over or damaged;
    UnknownNameError for an encoder or head that no table holds.
    """
    where = str(folder)
    trust = trusted(trust)
    config, tensors = checkpoint.load(folder, KIND)
    checkpoint.refuse_strangers(tensors, _PARTS, where)
    try:
        chain = SignalChain.load(config["schema"], config["signal"], where)
        record = sound_record(config["record"])
        encoder = PretrainedEncoder.build(
            {name: config.get(name) for name in ("schema", "encoder", "alignment")}
            | {"record": record["pretraining"], "history": []},
            tensors,
            trust,
        )
        classes = np.array(config["classes"], dtype=_dtype(config["classes_type"]))
        settings = configure(AdaptConfig, record["adaptation"]["settings"], "adaptation")
        head = _head(
            config["head"], _seen_by_head(encoder, settings), len(classes), tensors, where, trust
        )
        precision = record["runtime"]["precision"]
        n_features = len(chain.channels) * chain.length
    except OtolithError:
        raise
    except checkpoint.ODD_CONFIG as error:
        raise CheckpointError(
            f"{where}: {checkpoint.CONFIG} is incomplete or was edited ({type(error).__name__}: "
            f"{error}). Copy the "
            "whole folder again from where it was made."
        ) from error
    checkpoint.load_into(encoder.encoder, tensors, "encoder.", where)
    load_standardise(encoder.standardise, tensors, where)
    checkpoint.load_into(head, tensors, "head.", where)
    if isinstance(head, ClosedHead) and (odd := head.odd()):
        raise CheckpointError(
            f"{where}: the head cannot be one that was fitted: {odd}. Copy the whole folder again."
        )
    load_alignment(encoder.alignment, tensors, where)
    encoder.encoder.eval()
    head.eval()
    loaded = cls(
        encoder,
        config["head"]["name"],
        mode=settings.mode,
        rate_hz=chain.rate_hz,
        channels=chain.channels,
        gravity=chain.gravity,  # type: ignore[arg-type]
        head_settings=config["head"]["settings"] or None,
        precision=precision,
        **{name: getattr(settings, name) for name in _SCHEDULE},
    )
    loaded.adapted_ = Adapted(encoder, head, tuple(str(name) for name in classes), settings)
    loaded.chain_, loaded.classes_, loaded.record_ = chain, classes, record
    loaded.n_features_in_ = n_features
    return loaded


_SCHEDULE = (
    *("steps", "epochs", "batch_size", "learning_rate", "head_learning_rate"),
    *("patience", "staged_learning_rate", "weight_decay", "warmup", "space", "balanced", "seed"),
)


def _seen_by_head(encoder: PretrainedEncoder, settings: AdaptConfig) -> int:
    return (
        encoder.require_alignment().width
        if settings.space == "shared"
        else encoder.encoder.dimension
    )


def _dtype(kind: str) -> Any:
    return {"text": object, "bool": bool, "int64": np.int64, "float64": np.float64}[kind]


def _head(
    content: dict[str, Any],
    dimension: int,
    classes: int,
    tensors: dict[str, Tensor],
    where: str,
    trust: Sequence[str],
) -> Head:
    kind = heads.FAMILY.stored(content["name"], trust, "The checkpoint")
    if not issubclass(kind, ClosedHead):
        with checkpoint.no_more_weights(tensors, content["settings"]):
            built: Head = kind(dimension, classes, **content["settings"])
        return built
    there = {
        n.removeprefix("head."): list(t.shape) for n, t in tensors.items() if n.startswith("head.")
    }
    # Before anything is allocated: an edited shape could ask for all memory.
    if content["shapes"] != there:
        raise CheckpointError(
            f"{where}: the head's weights have shapes {there}, {checkpoint.CONFIG} says "
            f"{content['shapes']}. Copy the "
            "whole folder again from where it was made."
        )
    with checkpoint.no_more_weights(tensors, content["settings"]):
        closed: Head = kind.empty(dimension, classes, content["shapes"], **content["settings"])
    return closed

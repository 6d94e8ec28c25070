"""A recogniser as a folder of data: written whole, read strictly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
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
from otolith.learn.training.pretrained import ENCODER, PART, SCALE, PretrainedEncoder
from otolith.learn.training.records import Record, read_as
from otolith.use.card import card
from otolith.use.chain import SignalChain

if TYPE_CHECKING:
    from otolith.use.recogniser import Recogniser

KIND = "recogniser"
_PARTS = (ENCODER, SCALE, "head.", PART)
_DTYPES = {"text": object, "bool": bool, "int64": np.int64, "float64": np.float64}
_CLASS_TYPES = {"O": "text", "U": "text", "b": "bool", "i": "int64", "u": "int64", "f": "float64"}


def save(
    recogniser: Recogniser, folder: Path, overwrite: bool, finish: checkpoint.Finish | None = None
) -> None:
    """Write a fitted recogniser; DataError where the folder holds something else."""
    refuse_existing(folder, KIND, overwrite)
    # overwrite replaces a recogniser, never a folder of something else.
    checkpoint.refuse_strange_folder(folder, KIND)
    encoder, head, classes = (
        recogniser.adapted_.encoder,
        recogniser.adapted_.head,
        recogniser.classes_,
    )
    kind = _CLASS_TYPES.get(classes.dtype.kind)
    if kind is None:
        raise DataError(
            f"Classes of type {classes.dtype} cannot be saved; use text or whole numbers."
        )
    config = {
        "schema": recogniser.chain_.schema(),
        "signal": recogniser.chain_.steps(),
        **encoder.facts(),
        "head": {
            "name": heads.FAMILY.name_of(head),
            "settings": head.settings(),
            "shapes": head.shapes() if isinstance(head, ClosedHead) else None,
        },
        "classes": [str(c) for c in classes] if kind == "text" else classes.tolist(),
        "classes_type": kind,
        "record": recogniser.record_,
    }
    tensors = encoder.weights() | checkpoint.pack(head, "head.")
    checkpoint.save(folder, KIND, config, tensors, {checkpoint.CARD: card(config)}, finish)


def load(cls: type[Recogniser], folder: Path, trust: str | Sequence[str] = ()) -> Recogniser:
    """Read a saved recogniser.

    Raises CheckpointError where anything is missing, of another shape, left over or damaged;
    UnknownNameError for an encoder or head that no table holds.
    """
    where = str(folder)
    config, tensors = checkpoint.load(folder, KIND)
    # A weight too many means that another version or another hand wrote it.
    checkpoint.refuse_strangers(tensors, _PARTS, where)
    try:
        loaded = _built(cls, config, tensors, where, trusted(trust))
    except OtolithError:
        raise
    except checkpoint.ODD_CONFIG as error:
        raise CheckpointError(
            f"{where}: {checkpoint.CONFIG} is incomplete or was edited ({type(error).__name__}: "
            f"{error}). Copy the whole folder again from where it was made."
        ) from error
    encoder, head = loaded.adapted_.encoder, loaded.adapted_.head
    encoder.load_weights(tensors, where)
    checkpoint.load_into(head, tensors, "head.", where)
    if isinstance(head, ClosedHead) and (odd := head.odd()):
        raise CheckpointError(
            f"{where}: the head cannot be one that was fitted: {odd}. Copy the whole folder again."
        )
    encoder.encoder.eval()
    head.eval()
    return loaded


def _built(
    cls: type[Recogniser],
    config: dict[str, Any],
    tensors: dict[str, Tensor],
    where: str,
    trust: Sequence[str],
) -> Recogniser:
    """A recogniser of the right shape, its weights still to be read."""
    chain = SignalChain.load(config["schema"], config["signal"], where)
    record = read_as(Record, config["record"], "record")
    stored = {name: config.get(name) for name in ("schema", "encoder", "alignment")}
    stored |= {"record": record["pretraining"], "history": []}
    encoder = PretrainedEncoder.build(stored, tensors, trust)
    classes = np.array(config["classes"], dtype=_DTYPES[config["classes_type"]])
    # Checked like settings that a user types: the file may have been edited.
    settings = configure(AdaptConfig, record["adaptation"]["settings"], "adaptation")
    shared = settings.space == "shared"
    width = encoder.require_alignment().width if shared else encoder.encoder.dimension
    head = _head(config["head"], width, len(classes), tensors, where, trust)
    loaded = cls(
        encoder,
        config["head"]["name"],
        rate_hz=chain.rate_hz,
        channels=chain.channels,
        gravity=chain.gravity,  # type: ignore[arg-type]
        # fit goes on from here with the same head.
        head_settings=config["head"]["settings"] or None,
        precision=str(record["runtime"]["precision"]),
        **asdict(settings),
    )
    loaded.adapted_ = Adapted(encoder, head, tuple(str(name) for name in classes), settings)
    loaded.chain_, loaded.classes_, loaded.record_ = chain, classes, record
    loaded.n_features_in_ = len(chain.channels) * chain.length
    return loaded


def _head(
    content: dict[str, Any],
    dimension: int,
    classes: int,
    tensors: dict[str, Tensor],
    where: str,
    trust: Sequence[str],
) -> Head:
    kind = heads.FAMILY.stored(content["name"], trust, "The checkpoint")
    settings: dict[str, Any] = content["settings"]
    closed = issubclass(kind, ClosedHead)
    prefix = "head."
    shapes = {
        n.removeprefix(prefix): list(t.shape) for n, t in tensors.items() if n.startswith(prefix)
    }
    # Before anything is allocated: an edited shape could ask for all memory.
    if closed and content["shapes"] != shapes:
        raise CheckpointError(
            f"{where}: the head's weights have shapes {shapes}, {checkpoint.CONFIG} says "
            f"{content['shapes']}. Copy the whole folder again from where it was made."
        )
    with checkpoint.no_more_weights(tensors, settings):
        if closed:
            empty: Head = kind.empty(dimension, classes, content["shapes"], **settings)
            return empty
        built: Head = kind(dimension, classes, **settings)
        return built

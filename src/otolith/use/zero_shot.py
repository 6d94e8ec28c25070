"""A recogniser from words alone, or from words and a few examples."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from otolith.core.errors import ConfigError, OtolithWarning, nearest
from otolith.data.study import Study
from otolith.data.windows import Windows
from otolith.learn.heads.text import TEMPLATES, UNKNOWN, TextHead, place_words, prompts_of, words_of
from otolith.learn.training.adapt import AdaptConfig, Adapted
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.records import Adaptation
from otolith.learn.training.runtime import Runtime
from otolith.use.chain import SignalChain
from otolith.use.record import record_of

if TYPE_CHECKING:
    from otolith.use.recogniser import Recogniser


def from_words(
    encoder: str | Path | PretrainedEncoder,
    labels: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    templates: Sequence[str] = TEMPLATES,
    unknown: float | None = None,
    examples: Windows | None = None,
    runtime: Runtime | None = None,
    trust: str | Sequence[str] = (),
    **settings: Any,
) -> Recogniser:
    """Make a recogniser of classes that are only described, by an encoder that shares a space with
    text.

    labels: names of the classes, which go into each of the `templates`; or sentences of its own for
    each. unknown: cosine below which a window is of no class. examples: labelled windows of some of
    the classes, which draw them from where the words lie (`TextHead`). trust: what an encoder's
    folder may name, as `PretrainedEncoder.load` takes it. `settings` are those of the text head.

    Raises ConfigError where the encoder shares no space with text, or for odd labels; ChannelError
    where the examples do not fit.
    """
    from otolith.use.recogniser import Recogniser

    if not isinstance(encoder, PretrainedEncoder):
        encoder = PretrainedEncoder.load(encoder, trust=trust)
    prompts = prompts_of(labels, templates)
    runtime = runtime or Runtime.choose()
    space = encoder.require_alignment()
    names = [*prompts, *[UNKNOWN] * (unknown is not None)]
    given = {"unknown": unknown, **settings}
    encoder.to("cpu")
    head = place_words(TextHead(space.width, len(names), **given), words_of(space, prompts))
    if examples is not None:
        examples = _of_these_classes(examples, list(prompts))
        head.fit(encoder.embed(examples, runtime, space="shared"), examples.code, 0)
    config = AdaptConfig(mode="frozen", space="shared")
    made = Recogniser(
        encoder,
        "text",
        rate_hz=encoder.encoder.rate_hz,
        channels=encoder.channels,
        gravity="removed" if encoder.gravity == "removed" else "included",
        head_settings=given,
        device=runtime.device,
        precision=runtime.precision,
        threads=runtime.threads,
        **dataclasses.asdict(config),
    )
    made.adapted_ = Adapted(encoder, head.eval(), tuple(names), config)
    made.classes_ = np.array(names, dtype=object)
    made.chain_ = SignalChain.of_encoder(encoder)
    made.n_features_in_ = len(encoder.channels) * encoder.encoder.length
    facts = _facts(examples, names)
    facts |= {"words": prompts, "settings": dataclasses.asdict(config)}
    made.record_ = record_of(encoder.record, facts, runtime)
    return made


def _facts(examples: Windows | None, names: Sequence[str]) -> Adaptation:
    """On whom the recogniser was trained, besides its encoder."""
    code = examples.code if examples is not None else np.zeros(0, dtype=np.int64)
    count = np.bincount(code, minlength=len(names)).tolist()
    return {
        "subjects": examples.subjects if examples is not None else [],
        "studies": {examples.study: examples.study_hash} if examples is not None else {},
        "origin": examples.origin if examples is not None else "measured",
        "windows": len(code),
        "labels": dict(zip(names, count, strict=True)),
        "encoder_moved": False,
    }


def few_examples(
    study: Study, encoder: PretrainedEncoder, labels: Sequence[str], shots: int | str, seed: int
) -> Windows:
    """Return a few labelled windows of a study, cut as the encoder takes them.

    Raises ConfigError where the study has none of these labels.
    """
    cutting = encoder.cutting()
    # Some labels give no window of this length; those are no examples.
    available = study.windows(**cutting, missing="drop").labelled.classes
    shared = [name for name in labels if name in available]
    if not shared:
        raise ConfigError(
            f"Study '{study.name}' has no label of {', '.join(labels)}; it has "
            f"{', '.join(available)}.{nearest(labels[0], available)}"
        )
    windows = study.windows(**cutting, labels=shared, missing="drop")
    return windows.labelled.few(shots, seed)


def _of_these_classes(windows: Windows, names: list[str]) -> Windows:
    """Return the labelled windows of some classes, their codes in the order of these names."""
    windows = windows[np.isin(windows.labels.astype(str), names) & windows.is_labelled]
    if absent := [name for name in names if name not in set(windows.labels.tolist())]:
        warnings.warn(
            f"No example is labelled {', '.join(absent)}: there the words count alone.",
            OtolithWarning,
            stacklevel=4,
        )
    code = np.array([names.index(name) for name in windows.labels], dtype=np.int64)
    return dataclasses.replace(windows, code=code, classes=tuple(names))

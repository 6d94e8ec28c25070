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
from otolith.data.windows import Cut, Windows
from otolith.learn.heads.text import TEMPLATES, UNKNOWN, TextHead, prompts_of, words_of
from otolith.learn.training.adapt import AdaptConfig, Adapted
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime, commit, versions
from otolith.use.chain import SignalChain

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

    start = (
        encoder
        if isinstance(encoder, PretrainedEncoder)
        else PretrainedEncoder.load(encoder, trust=trust)
    )
    prompts = prompts_of(labels, templates)
    runtime = runtime or Runtime.choose()
    space = start.require_alignment()
    names = [*prompts, *[UNKNOWN] * (unknown is not None)]
    given = {"unknown": unknown, **settings}
    start.to("cpu")
    head = TextHead(space.width, len(names), **given).say(words_of(space, prompts))
    count = np.zeros(len(names), dtype=int)
    if examples is not None:
        examples = _of_these_classes(examples, list(prompts))
        head.fit(start.embed(examples, runtime, space="shared"), examples.code, 0)
        count = np.bincount(examples.code, minlength=len(names))
    config = AdaptConfig(mode="frozen", space="shared")
    made = Recogniser(
        start,
        "text",
        mode="frozen",
        space="shared",
        rate_hz=start.encoder.rate_hz,
        channels=start.channels,
        gravity="removed" if start.gravity == "removed" else "included",
        head_settings=given,
        device=runtime.device,
        precision=runtime.precision,
        threads=runtime.threads,
    )
    made.adapted_ = Adapted(start, head.eval(), tuple(names), config)
    made.classes_ = np.array(names, dtype=object)
    made.chain_ = chain_of(start)
    made.n_features_in_ = len(start.channels) * start.encoder.length
    made.record_ = {
        "pretraining": start.record,
        "adaptation": {
            "subjects": examples.subjects if examples is not None else [],
            "studies": {examples.study: examples.study_hash} if examples is not None else {},
            "origin": examples.origin if examples is not None else "measured",
            "windows": int(count.sum()),
            "labels": {name: int(n) for name, n in zip(names, count, strict=True)},
            "words": prompts,
            "encoder_moved": False,
            "settings": dataclasses.asdict(config),
        },
        "runtime": runtime.record(),
        "versions": versions(),
        "commit": commit(),
    }
    return made


def few_examples(
    study: Study, encoder: PretrainedEncoder, labels: Sequence[str], shots: int | str, seed: int
) -> Windows:
    """Return a few labelled windows of a study, cut as the encoder takes them.

    Raises ConfigError where the study has none of these labels.
    """
    there = study.windows(**encoder.cutting(), missing="drop").labelled
    shared = [name for name in labels if name in there.classes]
    if not shared:
        raise ConfigError(
            f"Study '{study.name}' has no label of {', '.join(labels)}; it has "
            f"{', '.join(there.classes)}."
            f"{nearest(labels[0], there.classes)}"
        )
    return study.windows(**encoder.cutting() | {"labels": shared}, missing="drop").labelled.few(
        shots, seed
    )


def chain_of(encoder: PretrainedEncoder) -> SignalChain:
    """Return the signal chain that an encoder was pretrained behind."""
    known = encoder.cutting()
    recipe = encoder.record.get("windows", {}).get("recipe", {})
    cut = Cut(
        seconds=known["seconds"],
        rate_hz=known["rate_hz"],
        overlap=0.0,
        label_rule="unlabelled",
        quantities=tuple(known["quantities"]),
        placements=tuple(known["placements"]),
        slot=known["slot"],
        pad=bool(recipe.get("pad", False)),
    )
    length = encoder.encoder.length
    return SignalChain(encoder.channels, encoder.encoder.rate_hz, length, encoder.gravity, cut)


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

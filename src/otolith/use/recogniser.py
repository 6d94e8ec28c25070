"""The recogniser: an encoder, a head and the signal chain before them, in scikit-learn's manners."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from otolith.core.errors import ChannelError, ConfigError, DataError, OtolithWarning
from otolith.data.channels import Channel
from otolith.data.recording import Recording
from otolith.data.windows import Windows
from otolith.learn import encoders
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.heads.head import Head
from otolith.learn.metrics.accuracy import accuracy
from otolith.learn.training.adapt import AdaptConfig, Adapted, adapt
from otolith.learn.training.adding import with_added
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime, commit, versions
from otolith.learn.training.seen import check_unseen, training_facts
from otolith.use.chain import SignalChain
from otolith.use.timeline import UNKNOWN, Timeline


class Recogniser(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns activities from a few labelled windows and recognises them in new recordings.

    `X` is Windows, which know their channels, rate and labels; or an array (N, C, T) in SI units
    with `y`, for which `rate_hz` and `channels` say what it holds. A two-dimensional array holds
    the same numbers row by row: all samples of the first channel, then of the second.

    encoder: what pretraining left, the folder it was saved in, or the name of an encoder, which
    then starts from
        random weights (a name in the table wins over a folder of that name).
    head: the name of a head; `mode`: "finetune" moves the encoder with the head, "frozen" leaves it
    as it is,
        "staged" moves it once the head has learnt.
    rate_hz, channels, gravity: of arrays only. steps, epochs, batch_size, learning_rate,
    head_learning_rate, patience, staged_learning_rate, weight_decay,
        warmup, balanced: the fixed schedule; `space`: what the head sees; see `AdaptConfig`.
    head_settings, encoder_settings: further settings of the head, and of an encoder that is built
    by name. seed, device, precision, threads: the same four, the same result, bit for bit.

    After `fit`: `classes_`, `n_features_in_` (numbers in a window), `adapted_` (encoder and head),
    `chain_` (the signal chain), `record_` (on whom and how it was trained).
    """

    classes_: np.ndarray
    n_features_in_: int
    adapted_: Adapted
    chain_: SignalChain
    record_: dict[str, Any]

    def __init__(
        self,
        encoder: str | Path | PretrainedEncoder | type[Encoder] = "tpn",
        head: str | type[Head] = "mlp",
        *,
        mode: Literal["finetune", "frozen", "staged"] = "finetune",
        rate_hz: float | None = None,
        channels: Sequence[str | Channel] | None = None,
        gravity: Literal["included", "removed"] = "included",
        steps: int = AdaptConfig.steps,
        epochs: int = AdaptConfig.epochs,
        batch_size: int = AdaptConfig.batch_size,
        learning_rate: float = AdaptConfig.learning_rate,
        head_learning_rate: float = AdaptConfig.head_learning_rate,
        patience: int = AdaptConfig.patience,
        staged_learning_rate: float = AdaptConfig.staged_learning_rate,
        weight_decay: float = AdaptConfig.weight_decay,
        warmup: int = AdaptConfig.warmup,
        space: Literal["encoder", "shared"] = "encoder",
        balanced: bool = AdaptConfig.balanced,
        head_settings: dict[str, Any] | None = None,
        encoder_settings: dict[str, Any] | None = None,
        seed: int = 0,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.mode = mode
        self.rate_hz = rate_hz
        self.channels = channels
        self.gravity = gravity
        self.steps = steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.patience = patience
        self.staged_learning_rate = staged_learning_rate
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.space = space
        self.balanced = balanced
        self.head_settings = head_settings
        self.encoder_settings = encoder_settings
        self.seed = seed
        self.device = device
        self.precision = precision
        self.threads = threads

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        add: Sequence[Windows] = (),
        progress: Callable[[int, int, float], None] | None = None,
    ) -> Recogniser:
        """Learn from labelled windows; unlabelled ones are left out. `progress(step, steps, loss)`
        is called often.

        `add`: windows of other studies, such as simulated ones; those that have one of the classes
        are learnt from too. Raises DataError without two classes, ChannelError where windows and
        encoder do not fit, ConfigError where an array comes without `y`, `rate_hz` or `channels`.
        """
        if isinstance(X, Windows):
            if y is not None:
                raise ConfigError(
                    "Windows carry their labels themselves: call fit(windows) without y."
                )
            windows, classes = _with_classes_present(X)
        else:
            windows, classes = self._labelled_array(X, y)
        start = self._starting_encoder(windows)
        runtime = self._runtime()
        learnt = with_added(windows, add) if add else windows
        self.adapted_ = adapt(
            start,
            learnt,
            self.head,
            runtime=runtime,
            head_settings=self.head_settings,
            progress=progress,
            mode=self.mode,
            steps=self.steps,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            head_learning_rate=self.head_learning_rate,
            patience=self.patience,
            staged_learning_rate=self.staged_learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            space=self.space,
            balanced=self.balanced,
            seed=self.seed,
        )
        self.classes_ = classes
        self.chain_ = SignalChain.of(windows)
        self.n_features_in_ = len(windows.channels) * windows.length
        count = np.bincount(windows.code, minlength=len(classes)).tolist()
        moved = not self.adapted_.head.closed and self.mode != "frozen"
        self.record_ = {
            "pretraining": start.record if isinstance(X, Windows) else _nameless(start.record),
            "adaptation": {
                "subjects": windows.subjects if isinstance(X, Windows) else [],
                **_facts(learnt if isinstance(X, Windows) else windows, [windows, *add]),
                "studies": {windows.study: windows.study_hash} if windows.study else {},
                "origin": windows.origin,
                "windows": len(windows),
                "labels": dict(zip(windows.classes, count, strict=True)),
                "added": {
                    o.study: int(n) for o, n in zip(add, np.bincount(learnt.part)[1:], strict=True)
                },
                "encoder_moved": moved,
                "settings": asdict(self.adapted_.config),
            },
            "runtime": runtime.record(),
            "versions": versions(),
            "commit": commit(),
        }
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "N K"]:
        """Return the probability of each class, in the order of `classes_`.

        Raises scikit-learn's NotFittedError before `fit`, ChannelError where the windows do not
        fit.
        """
        check_is_fitted(self)
        windows = X if isinstance(X, Windows) else self._array(X)
        chain = self.chain_
        windows.require(chain.channels, chain.rate_hz, chain.length, "this recogniser")
        if windows.gravity != chain.gravity:
            raise ChannelError(
                f"These windows have gravity {windows.gravity}, this recogniser was trained with "
                f"gravity "
                f"{chain.gravity}. Import the recordings that way, or fit a recogniser to windows "
                f"like these."
            )
        return self.adapted_.probabilities(windows, self._runtime())

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each window: text for Windows, else what `y` held.

        Labelled windows are taken for a test: it warns where their people were trained on.
        """
        predicted = self._predicted(X)
        if isinstance(X, Windows) and X.is_labelled.any():
            check_unseen(self.record_, X, "This recogniser")
        return predicted

    def _predicted(self, X: Any) -> np.ndarray:
        probability = self.predict_proba(X)
        predicted: np.ndarray = self.classes_[probability.argmax(axis=1)]
        return predicted

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the share of labelled windows that are recognised (`otolith.learn.metrics` has
        macro_f1 and others).

        Warns where people of these windows were trained on, by the recogniser or by its encoder:
        then the share is too good, also where other windows of theirs were learnt from.
        """
        if not isinstance(X, Windows):
            return float(super().score(X, y, sample_weight))
        if y is not None or sample_weight is not None:
            raise ConfigError("Windows carry their labels themselves: call score(windows) alone.")
        windows = X.labelled
        if not len(windows):
            raise DataError(
                "None of these windows has a label, so there is nothing to score against."
            )
        share = accuracy(windows.labels.astype(str), self._predicted(windows).astype(str))
        check_unseen(self.record_, windows, "This recogniser")
        return share

    def recognise(
        self, recording: Recording, overlap: float = 0.5, allow_placement: bool = False
    ) -> Timeline:
        """Recognise a whole recording, window by window on a regular grid, through the same signal
        chain.

        Nothing is said about a gap, and a window with more than a fifth of its samples lost gets an
        empty label. `allow_placement` lets a single sensor be worn elsewhere than in training.
        Raises ChannelError where the recording does not fit, DataError where it is shorter than a
        window.
        """
        check_is_fitted(self)
        for sensor, verdict in recording.gravity_verdicts().items():
            if recording.gravity == "included" and not verdict.plausible:
                warnings.warn(
                    f"'{recording.id}', {sensor}: {verdict.sentence()}.",
                    OtolithWarning,
                    stacklevel=2,
                )
        windows, unknown = self.chain_.windows(recording, overlap, allow_placement)
        probability = self.adapted_.probabilities(windows, self._runtime())
        label = self.classes_.astype(str).astype(object)[probability.argmax(axis=1)]
        label[unknown] = UNKNOWN
        probability[unknown] = np.nan
        first = windows.store.pieces[windows.piece] - windows.first_row[:, None]
        # A padded window lasts as long as what was recorded of it.
        inside = np.clip(first, 0, windows.length) / windows.rate_hz
        return Timeline(
            recording.id,
            tuple(str(name) for name in self.classes_),
            windows.start_s + inside[:, 0],
            windows.start_s + inside[:, 1],
            label,
            probability,
            recording.start,
        )

    def save(
        self,
        folder: str | Path,
        overwrite: bool = False,
        finish: Callable[[Path], object] | None = None,
    ) -> None:
        """Write model.safetensors, config.json and a card for people into a folder, whole or not at
        all.

        finish: writes further files into the folder before it is whole. Raises DataError where the
        folder already holds something; `overwrite` replaces an older recogniser only, and leaves
        what else lies there.
        """
        from otolith.use.saving import save

        check_is_fitted(self)
        save(self, Path(folder), overwrite, finish)

    @classmethod
    def load(
        cls, folder: str | Path, *, trust: str | Sequence[str] = (), **parameters: Any
    ) -> Recogniser:
        """Read a saved recogniser; `parameters` such as device="cuda" or precision="fp32" replace
        the saved ones.

        trust: packages of your own, such as "my_lab", whose members it may name; nothing else is
        imported. Raises CheckpointError, or UnknownNameError for a name that is not trusted, and
        says what to do.
        """
        from otolith.use.saving import load

        loaded = load(cls, Path(folder), trust)
        loaded.set_params(**parameters)
        return loaded

    def _runtime(self) -> Runtime:
        return Runtime.choose(self.device, self.precision, self.threads)

    def _starting_encoder(self, windows: Windows) -> PretrainedEncoder:
        encoder = self.encoder
        if (
            isinstance(encoder, (str, Path))
            and encoder not in encoders.FAMILY
            and _is_folder(encoder)
        ):
            encoder = PretrainedEncoder.load(encoder)
        if isinstance(encoder, PretrainedEncoder):
            if self.encoder_settings:
                raise ConfigError(
                    "encoder_settings belong to an encoder that is built by name, not to a saved "
                    "one."
                )
            return encoder
        kind = str(encoder) if isinstance(encoder, Path) else encoder
        return PretrainedEncoder.fresh(windows, kind, self.seed, **self.encoder_settings or {})

    def _labelled_array(self, X: Any, y: Any) -> tuple[Windows, np.ndarray]:
        if y is None:
            # scikit-learn's words, which its own checks look for
            raise ConfigError(
                "Recogniser requires y to be passed, but the target y is None: give y with an "
                "array."
            )
        X = _plain(X)
        flat, y = validate_data(self, _flat(X), y, dtype=np.float32)
        check_classification_targets(y)
        if not self.rate_hz or not self.channels:
            raise ConfigError(
                "An array does not say what it holds: give Recogniser(rate_hz=50, "
                "channels=['left_wrist.acc.x', …]), "
                "or pass Windows (study.windows(...))."
            )
        channels = tuple(Channel.parse(c) if isinstance(c, str) else c for c in self.channels)
        classes, code = np.unique(y, return_inverse=True)
        windows = _windows_of(
            _unflat(X, flat, len(channels)), channels, float(self.rate_hz), self.gravity
        )
        return dataclasses.replace(
            windows, code=code.astype(np.int64), classes=tuple(map(str, classes))
        ), classes

    def _array(self, X: Any) -> Windows:
        chain, X = self.chain_, _plain(X)
        flat = validate_data(self, _flat(X), reset=False, dtype=np.float32)
        return _windows_of(
            _unflat(X, flat, len(chain.channels)), chain.channels, chain.rate_hz, chain.gravity
        )


def _with_classes_present(windows: Windows) -> tuple[Windows, np.ndarray]:
    """Keep the labelled windows, and of the classes those that have one; a class without any cannot
    be learnt."""
    windows = windows.labelled
    present = np.unique(windows.code)
    absent = [name for code, name in enumerate(windows.classes) if code not in present]
    if absent and len(present):
        warnings.warn(
            f"No window is labelled {', '.join(absent)}: the recogniser will never say so.",
            OtolithWarning,
            stacklevel=3,
        )
    classes = tuple(windows.classes[code] for code in present)
    windows = dataclasses.replace(
        windows, code=np.searchsorted(present, windows.code), classes=classes
    )
    return windows, np.array(classes, dtype=object)


def _facts(learnt: Windows, parts: Sequence[Windows]) -> dict[str, Any]:
    """Whom the head learnt from; where labels of other studies were added, people already carry
    their study's name."""
    facts = training_facts(learnt)
    return facts if len(parts) == 1 else facts | {"people": learnt.subjects}


def _nameless(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an encoder that was made for an array, whose people nobody knows."""
    return (
        record
        if record.get("objective", "none") != "none"
        else record | {"subjects": [], "studies": {}, "people": []}
    )


def _is_folder(text: str | Path) -> bool:
    return Path(text).exists() or isinstance(text, Path) or "/" in text


def _plain(X: Any) -> Any:
    return X if hasattr(X, "shape") else np.asarray(X)


def _flat(X: Any) -> Any:
    return np.reshape(X, (len(X), -1)) if len(X.shape) == 3 else X


def _unflat(X: Any, flat: np.ndarray, channels: int) -> np.ndarray:
    """Return (N, C, T); DataError where the array does not divide into that many channels."""
    given = X.shape[1] if len(X.shape) == 3 else channels
    if given != channels or flat.shape[1] % channels:
        raise DataError(
            f"Windows of {channels} channels need an array (windows, {channels}, samples), or the "
            f"same numbers in two "
            f"dimensions; found shape {tuple(X.shape)}."
        )
    return flat.reshape(len(flat), channels, -1)


def _windows_of(
    values: np.ndarray, channels: tuple[Channel, ...], rate_hz: float, gravity: str
) -> Windows:
    windows = Windows.from_array(values, rate_hz=rate_hz, channels=channels)
    return dataclasses.replace(windows, gravity=gravity)

"""The recogniser: an encoder, a head and their signal chain, as a scikit-learn classifier."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from typing_extensions import override

from otolith.core.errors import ConfigError, DataError, OtolithWarning, nearest
from otolith.core.frames import html_table
from otolith.data.channels import Channel, channel_names
from otolith.data.recording import Recording
from otolith.data.windows import Windows
from otolith.learn import encoders
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.heads.head import Head
from otolith.learn.metrics.accuracy import accuracy
from otolith.learn.training.adapt import AdaptConfig, Adapted, adapt
from otolith.learn.training.adding import with_added
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.records import Record
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.seen import check_unseen
from otolith.use.arrays import Meaning, array_windows, labelled_array
from otolith.use.chain import SignalChain
from otolith.use.record import adapted_on, nameless, record_of
from otolith.use.timeline import UNKNOWN, Timeline

TRAINING = {field.name: field.default for field in dataclasses.fields(AdaptConfig)}
"""Parameters that are the fields of `AdaptConfig`, with their defaults."""


class Recogniser(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns activities from a few labelled windows and recognises them in new recordings.

    `X` is Windows, which know their channels, rate and labels; or an array (N, C, T) in SI units
    with `y`, for which `rate_hz` and `channels` say what it holds. A two-dimensional array holds
    the same numbers row by row: all samples of the first channel, then of the second.

    encoder: what pretraining left, the folder it was saved in, or the name of an encoder, which
    then starts from random weights (a name in the table wins over a folder of that name).
    head: the name of a head, or its class.
    rate_hz, channels, gravity: of arrays only.
    head_settings, encoder_settings: of the head, and of an encoder that is built by name.
    device, precision, threads: with the same three and the same seed, results agree bit for bit.
    training: every field of `AdaptConfig`, such as mode, steps, learning_rate and seed.

    After `fit`: `classes_`, `n_features_in_` (numbers in a window), `adapted_` (encoder and head),
    `chain_` (the signal chain), `record_` (on whom and how it was trained).

    >>> import numpy as np
    >>> X, y = np.random.default_rng(0).normal(size=(8, 1, 50)), ["rest", "walk"] * 4
    >>> recogniser = Recogniser("features", "logistic", rate_hz=50, channels=["head.acc.x"])
    >>> recogniser.fit(X, y).predict(X[:2]).shape
    (2,)
    >>> Recogniser(stebs=5)
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: Recogniser has no parameter 'stebs'. Did you mean 'steps'?
    """

    classes_: np.ndarray
    n_features_in_: int
    adapted_: Adapted
    chain_: SignalChain
    record_: Record
    seed: int

    def __init__(
        self,
        encoder: str | Path | PretrainedEncoder | type[Encoder] = "tpn",
        head: str | type[Head] = "mlp",
        *,
        rate_hz: float | None = None,
        channels: Sequence[str | Channel] | None = None,
        gravity: Literal["included", "removed"] = "included",
        head_settings: dict[str, Any] | None = None,
        encoder_settings: dict[str, Any] | None = None,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        **training: Any,
    ) -> None:
        _refuse_unknown(training, TRAINING)
        self.encoder = encoder
        self.head = head
        self.rate_hz = rate_hz
        self.channels = channels
        self.gravity = gravity
        self.head_settings = head_settings
        self.encoder_settings = encoder_settings
        self.device = device
        self.precision = precision
        self.threads = threads
        # Stored untouched, as scikit-learn asks of constructors; the values are checked in fit.
        for name, default in TRAINING.items():
            setattr(self, name, training.get(name, default))

    def set_params(self, **params: Any) -> Recogniser:
        """Set parameters, as scikit-learn does; ConfigError names the nearest to an unknown one."""
        _refuse_unknown((name.partition("__")[0] for name in params), self.get_params(deep=False))
        super().set_params(**params)
        return self

    @override
    def __repr__(self, N_CHAR_MAX: int = 240) -> str:
        text = super().__repr__(N_CHAR_MAX)
        return text if len(text) <= 300 else f"{text[:299]}…"

    def _repr_html_(self) -> str:
        facts: dict[str, object] = {"encoder": str(self.encoder)[:80], "head": self.head}
        if hasattr(self, "record_"):
            after = self.record_["adaptation"]
            facts |= {
                "classes": ", ".join(map(str, self.classes_)),
                "channels": ", ".join(channel_names(self.chain_.channels)),
                "windows": f"{self.chain_.cut.seconds:g} s at {self.chain_.rate_hz:g} Hz",
                "trained on": f"{after['windows']} windows of {len(after['subjects'])} people",
            }
        return html_table("Recogniser" if len(facts) > 2 else "Recogniser, not fitted", facts)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows, in place of scikit-learn's diagram of parameters."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

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
        """Learn from labelled windows; unlabelled ones are left out.

        add: windows of other studies, such as simulated ones; those that have one of the classes
        are learnt from too. `progress(step, steps, loss)` is called often. Raises DataError without
        two classes, ChannelError where windows and encoder do not fit, ConfigError for a parameter
        out of range, or where an array comes without `y`, `rate_hz` or `channels`.
        """
        named = isinstance(X, Windows)
        if named:
            _refuse_other_labels(X, y)
        windows, classes = _with_classes_present(X) if named else labelled_array(self, X, y)
        start = self._starting_encoder(windows)
        runtime = self._runtime()
        # Windows of other studies are trained on but not counted as labels of this one.
        learnt = with_added(windows, add) if add else windows
        self.adapted_ = adapt(
            start,
            learnt,
            self.head,
            runtime=runtime,
            head_settings=self.head_settings,
            progress=progress,
            **{name: getattr(self, name) for name in TRAINING},
        )
        self.classes_ = classes
        self.chain_ = SignalChain.of(windows)
        self.n_features_in_ = len(windows.channels) * windows.length
        before = start.record if named else nameless(start.record)
        after = adapted_on(self.adapted_, windows, learnt, add, named)
        self.record_ = record_of(before, after, runtime)
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "N K"]:
        """Return the probability of each class, in the order of `classes_`.

        Raises scikit-learn's NotFittedError before `fit`, ChannelError where the windows do not
        fit.
        """
        check_is_fitted(self)
        chain = self.chain_
        if not isinstance(X, Windows):
            meaning = Meaning(chain.channels, chain.rate_hz, chain.gravity)
            X = array_windows(self, X, meaning)
        chain.require(X)
        return self.adapted_.probabilities(X, self._runtime())

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
        """Return the accuracy on labelled windows; `otolith.learn.metrics` has macro_f1 and others.

        Warns where the recogniser or its encoder was trained on people of these windows: then the
        figure is too good, on other windows of theirs too.
        """
        if not isinstance(X, Windows):
            return float(super().score(X, y, sample_weight))
        _refuse_other_labels(X, y)
        if sample_weight is not None:
            raise ConfigError("Windows are scored with equal weights: call score(windows) alone.")
        windows = X.labelled
        if not len(windows):
            raise DataError("None of these windows has a label: there is nothing to score against.")
        share = accuracy(windows.labels.astype(str), self._predicted(windows).astype(str))
        check_unseen(self.record_, windows, "This recogniser")
        return share

    def recognise(
        self, recording: Recording, overlap: float = 0.5, allow_placement: bool = False
    ) -> Timeline:
        """Recognise a whole recording, window by window on a regular grid.

        The recording goes through the signal chain of the training. A gap has no window, and a
        window with more than a fifth of its samples lost has no label. `allow_placement` lets a
        single sensor be worn elsewhere than in training. Raises ChannelError where the recording
        does not fit, DataError where it is shorter than a window.
        """
        check_is_fitted(self)
        for sensor, verdict in recording.gravity_verdicts().items():
            if recording.gravity == "included" and not verdict.plausible:
                message = f"'{recording.id}', {sensor}: {verdict.sentence()}."
                warnings.warn(message, OtolithWarning, stacklevel=2)
        # The same function that cut the training windows.
        windows, lost = self.chain_.windows(recording, overlap, allow_placement)
        probability = self.adapted_.probabilities(windows, self._runtime())
        label = self.classes_.astype(str).astype(object)[probability.argmax(axis=1)]
        label[lost] = UNKNOWN
        # An empty cell in the CSV, where 1 / K would look like an answer.
        probability[lost] = np.nan
        first = windows.store.pieces[windows.piece] - windows.first_row[:, None]
        # A padded window lasts as long as what was recorded of it.
        inside = np.clip(first, 0, windows.length) / windows.rate_hz
        start_s, end_s = (windows.start_s + moment for moment in inside.T)
        classes = tuple(map(str, self.classes_))
        return Timeline(recording.id, classes, start_s, end_s, label, probability, recording.start)

    def save(
        self,
        folder: str | Path,
        overwrite: bool = False,
        finish: Callable[[Path], object] | None = None,
    ) -> None:
        """Write model.safetensors, config.json and a card into a folder, whole or not at all.

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
        """Read a saved recogniser; `parameters` such as device="cuda" replace the saved ones.

        trust: packages of your own, such as "my_lab", whose members it may name; nothing else is
        imported. Raises CheckpointError, or UnknownNameError for a name that is not trusted, and
        says what to do.
        """
        from otolith.use.saving import load

        return load(cls, Path(folder), trust).set_params(**parameters)

    def _runtime(self) -> Runtime:
        return Runtime.choose(self.device, self.precision, self.threads)

    def _starting_encoder(self, windows: Windows) -> PretrainedEncoder:
        encoder = self.encoder
        if isinstance(encoder, str | Path) and encoder not in encoders.FAMILY and _is_path(encoder):
            encoder = PretrainedEncoder.load(encoder)
        if not isinstance(encoder, PretrainedEncoder):
            kind = str(encoder) if isinstance(encoder, Path) else encoder
            return PretrainedEncoder.fresh(windows, kind, self.seed, **self.encoder_settings or {})
        if self.encoder_settings:
            raise ConfigError(
                "encoder_settings belong to an encoder that is built by name, not to a saved one."
            )
        return encoder


def _refuse_other_labels(windows: Windows, y: Any) -> None:
    """scikit-learn's splitters pass the labels along; other ones would be ignored in silence."""
    if y is not None and list(map(str, y)) != windows.labels.tolist():
        raise ConfigError(
            "Windows carry their labels themselves, and y differs from them: leave y out."
        )


def _signature() -> inspect.Signature:
    """The constructor with every field of `AdaptConfig`: scikit-learn reads its parameters here."""
    written = inspect.signature(Recogniser.__init__)
    shown = [p for p in written.parameters.values() if p.kind is not p.VAR_KEYWORD]
    keyword = inspect.Parameter.KEYWORD_ONLY
    fields = [inspect.Parameter(n, keyword, default=value) for n, value in TRAINING.items()]
    return written.replace(parameters=[*shown, *fields])


# get_params, clone and help() read the signature, not the body.
Recogniser.__init__.__signature__ = _signature()  # type: ignore[attr-defined]


def _is_path(given: str | Path) -> bool:
    return isinstance(given, Path) or "/" in given or Path(given).exists()


def _refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            hint = nearest(name, known)
            raise ConfigError(f"Recogniser has no parameter '{name}'.{hint}")


def _with_classes_present(windows: Windows) -> tuple[Windows, np.ndarray]:
    """Keep the labelled windows, and of the classes those that have one."""
    windows = windows.labelled
    # A class without windows would keep an output that nothing ever trains.
    present = np.unique(windows.code)
    absent = [name for code, name in enumerate(windows.classes) if code not in present]
    if absent and len(present):
        warnings.warn(
            f"No window is labelled {', '.join(absent)}: the recogniser will never say so.",
            OtolithWarning,
            stacklevel=3,
        )
    classes = tuple(windows.classes[code] for code in present)
    code = np.searchsorted(present, windows.code)
    kept = dataclasses.replace(windows, code=code, classes=classes)
    return kept, np.array(classes, dtype=object)

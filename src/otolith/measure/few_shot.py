"""One fold, one method: pretrain without labels, adapt with k of them, test on people never seen."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from otolith.core.catalog import OWN_PATH
from otolith.core.errors import CheckpointError, OtolithWarning, ReadError
from otolith.core.files import SEAL, digest, inside, read_json, seal_holds, write_sealed
from otolith.core.locks import only_writer
from otolith.core.settings import configure
from otolith.data.paired import FOLDER as MODALITIES
from otolith.data.paired import model_stamp
from otolith.data.study import Study
from otolith.data.windows import Cut, Windows
from otolith.learn import heads
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import Head
from otolith.learn.heads.logistic import Logistic, fit_each
from otolith.learn.metrics.accuracy import accuracy
from otolith.learn.metrics.balanced_accuracy import balanced_accuracy
from otolith.learn.metrics.macro_f1 import macro_f1
from otolith.learn.splits import Parts
from otolith.learn.training import checkpoint
from otolith.learn.training.adapt import adapt
from otolith.learn.training.adding import with_added
from otolith.learn.training.pretrain import partial_of, pretrain
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.measure.methods import Method
from otolith.measure.sides import sides_of
from otolith.measure.statistics import Shots

CELL_FORMAT = 3


@dataclass(frozen=True)
class Fold:
    """Everything that one worker needs to know of one fold of one method."""

    study: str
    """Folder of the study."""
    cut: dict[str, Any]
    missing: str
    method: Method
    number: int
    test: tuple[str, ...]
    """The people held out."""
    shots: tuple[Shots, ...]
    draws: int
    seed: int
    runtime: Runtime
    out: str
    """Folder of the whole benchmark: finished cells and encoders go there."""
    parts: Parts | None = None
    """The authors' own lists of recordings, where they decide instead of people."""
    away: tuple[str, ...] = ()
    """People who take no part at all."""
    pictured: bool = False
    """Whether the report shows how this fold's encoder sees windows."""


class FoldRun:
    """The cells of one fold of one method; what is finished is kept under a content hash and not
    made again."""

    def __init__(self, fold: Fold, told: Callable[[str], None] = lambda text: None) -> None:
        self.fold, self.method, self._told = fold, fold.method, told
        cut = configure(Cut, fold.cut, "the cut of a fold")
        sides = sides_of(
            Study.load(fold.study),
            cut,
            fold.missing,
            fold.method,
            fold.test,
            fold.parts,
            fold.away,
        )
        self.train, self.test, self.plain = sides.train, sides.test, sides.plain
        self.others, self.added, self.left_out = sides.others, sides.added, sides.left_out
        self.seed = fold.seed * 1009 + fold.number
        self._encoder: PretrainedEncoder | None = None
        self._vectors: tuple[np.ndarray, np.ndarray] | None = None
        self._solved: dict[Shots, tuple[list[np.ndarray], float]] = {}

    def cells(self) -> list[tuple[Shots, int]]:
        """Return the cells of this fold, all labels once and each number of shots in every draw."""
        return [
            (k, draw)
            for k in self.fold.shots
            for draw in range(1 if k == "all" else self.fold.draws)
        ]

    @property
    def encoder_key(self) -> str:
        """Hash of all that decides the pretrained encoder."""
        m, f = self.method, self.fold
        what: list[Any] = [
            m.objective,
            m.encoder,
            m.objective_settings,
            m.encoder_settings,
            m.pretrain,
        ]
        what += [self.train.hash] if m.objective == "labels" else []
        folders = self.pretraining.folders
        what += [model_stamp(str(folders[name] / MODALITIES)) for name in sorted(folders)]
        return digest([CELL_FORMAT, self.pretraining.hash, what, self.pretraining_seed, f.runtime])

    @cached_property
    def pretraining(self) -> Windows:
        """The windows that the encoder is pretrained on."""
        own = [self.plain] if "people" in self.method.pretrain_on else []
        whole = Windows.concatenate([*own, *self.others]) if own or self.others else self.plain
        if self.method.pretrain_share >= 1.0:
            return whole
        drawn = {id: int(digest(id)[:8], 16) / 16**8 for id in set(whole.recording.tolist())}
        return whole[np.array([drawn[id] < self.method.pretrain_share for id in whole.recording])]

    @property
    def pretraining_seed(self) -> int:
        """One encoder serves all folds where no person of the study had a part in it."""
        return (
            self.fold.seed * 1009
            if self.others and "people" not in self.method.pretrain_on
            else self.seed
        )

    def cell_path(self, shots: Shots, draw: int) -> Path:
        """Return where a finished cell is kept."""
        method = self.method.to_json() | {"name": ""}
        what = [self.encoder_key, self.train.hash, self.test.hash, method, shots, draw]
        what += [other.hash for other in self.added]
        return inside(Path(self.fold.out), f"cells/{digest(what)}.json")

    def encoder(self) -> PretrainedEncoder:
        """Return the encoder of this fold, pretrained on its training people if the method asks for
        it."""
        if self._encoder is None:
            m = self.method
            if m.objective == "none":
                self._encoder = PretrainedEncoder.fresh(
                    self.train, m.encoder, self.seed, **m.encoder_settings
                )
            else:
                folder = inside(Path(self.fold.out), f"encoders/{self.encoder_key}")
                folder.parent.mkdir(parents=True, exist_ok=True)
                # Folds on other processes may want the same encoder: one makes it, the others wait.
                self._told("waits for its encoder")
                with only_writer(checkpoint.lock_of(folder.resolve()), str(folder), wait=True):
                    self._encoder = kept_encoder(folder, m)
                    if (
                        self._encoder is not None
                    ):  # made whole by a run that was stopped before it tidied up
                        checkpoint.remove_state(partial_of(folder))
                    if self._encoder is None and m.objective == "labels":
                        self._encoder = self._supervised()
                        self._encoder.save(folder)
                    elif self._encoder is None:
                        self._encoder = pretrain(
                            self.pretraining,
                            m.objective,
                            m.encoder,
                            out=folder,
                            runtime=self.fold.runtime,
                            objective_settings=m.objective_settings,
                            encoder_settings=m.encoder_settings,
                            progress=self._tell_epoch,
                            **{"seed": self.pretraining_seed} | m.pretrain,
                        )
            if m.pretrain_placements:
                self._encoder = self._encoder.narrowed(self.train.channels)
        return self._encoder

    def _tell_epoch(self, epoch: int, epochs: int, losses: dict[str, float]) -> None:
        self._told(f"pretrains, epoch {epoch} of at most {epochs}, loss {losses['train']:.3f}")

    def _supervised(self) -> PretrainedEncoder:
        """An encoder that learnt from all labels of the training people, together with a head that
        is left behind."""
        m = self.method
        fresh = PretrainedEncoder.fresh(self.train, m.encoder, self.seed, **m.encoder_settings)
        settings: dict[str, Any] = {"seed": self.seed} | m.pretrain
        self._told("learns from every label")
        adapted = adapt(fresh, self.train, runtime=self.fold.runtime, **settings)
        adapted.encoder.record |= {"objective": "labels"}
        return adapted.encoder

    def finished(self, shots: Shots, draw: int) -> dict[str, Any] | None:
        """Return a cell's row from its file; None where it is not finished, or damaged."""
        path, m, fold = self.cell_path(shots, draw), self.method, self.fold
        kept = read_kept(path, _CELL)
        if kept is None:
            return None
        whose = {
            "shots": shots,
            "draw": draw,
            "fold": fold.number,
            "seed": fold.seed,
            "study": self.train.study,
        }
        whose |= {"objective": m.objective, "encoder": m.encoder, "head": m.head}
        if any(kept.get(key) != told for key, told in whose.items()):
            warnings.warn(
                f"{path} holds another cell; it is made again.", OtolithWarning, stacklevel=2
            )
            return None
        return kept | {"method": m.name}

    def run(self, shots: Shots, draw: int) -> dict[str, Any]:
        """Return one cell's row, from its file where it is finished."""
        path = self.cell_path(shots, draw)
        if (kept := self.finished(shots, draw)) is not None:
            return kept
        encoder = self.encoder()
        started = time.perf_counter()
        few = self.few(shots, draw)
        if issubclass(heads.FAMILY.resolve(self.method.head), Logistic) and not self.added:
            draws, seconds = self._logistic(encoder, shots)
            row = self._row(shots, draw, few, draws[draw].argmax(axis=1), seconds)
        else:
            predicted = self._predict(encoder, few, self.fold.seed * 1009 + draw)
            row = self._row(shots, draw, few, predicted, time.perf_counter() - started)
        write_sealed(path, row)
        return row

    def few(self, shots: Shots, draw: int) -> Windows:
        """Return the labelled windows of a cell, all that there are for its head to learn from."""
        return self.train.few(shots, self.fold.seed * 1009 + draw)

    def _predict(self, encoder: PretrainedEncoder, few: Windows, seed: int) -> np.ndarray:
        m = self.method
        settings: dict[str, Any] = {"mode": m.mode, "seed": seed} | m.adapt
        runtime = self.fold.runtime
        learnt = with_added(few, self.added) if self.added else few
        if not heads.FAMILY.resolve(m.head).closed:
            model = adapt(
                encoder, learnt, m.head, runtime=runtime, head_settings=m.head_settings, **settings
            )
            code: np.ndarray = model.probabilities(self.test, runtime).argmax(axis=1)
            return code
        train, test = self._embedded(encoder)
        few_vectors = train[self._places(few)]
        if self.added:
            more = encoder.embed(learnt[len(few) :], runtime, space=m.adapt.get("space", "encoder"))
            few_vectors = np.concatenate([few_vectors, more])
        model = adapt(
            encoder,
            learnt,
            m.head,
            runtime=runtime,
            head_settings=m.head_settings,
            vectors=few_vectors,
            **settings,
        )
        predicted: np.ndarray = probabilities(model.head, test).argmax(axis=1)
        return predicted

    def probabilities(self, encoder: PretrainedEncoder, shots: Shots) -> list[np.ndarray]:
        """Return the probabilities (N, K) of the held-out windows, of each draw of the head
        logistic; all draws are fitted together."""
        return self._logistic(encoder, shots)[0]

    def _logistic(self, encoder: PretrainedEncoder, shots: Shots) -> tuple[list[np.ndarray], float]:
        """Return the probabilities of each draw, and the seconds of one."""
        if shots not in self._solved:
            started = time.perf_counter()
            train, test = self._embedded(encoder)
            draws = [self._places(self.few(shots, draw)) for k, draw in self.cells() if k == shots]
            problems = [(train[rows], self.train.code[rows]) for rows in draws]
            fitted = fit_each(problems, len(self.train.classes), **self.method.head_settings)
            measured = [probabilities(head, test) for head in fitted]
            self._solved[shots] = measured, (time.perf_counter() - started) / len(draws)
        return self._solved[shots]

    def _embedded(self, encoder: PretrainedEncoder) -> tuple[np.ndarray, np.ndarray]:
        """What an encoder that stands still makes of both sides; one pass serves all draws."""
        if self._vectors is None:
            runtime, space = self.fold.runtime, self.method.adapt.get("space", "encoder")
            train, test = (
                encoder.embed(side, runtime, space=space) for side in (self.train, self.test)
            )
            self._vectors = train, test
        return self._vectors

    def _places(self, few: Windows) -> list[int]:
        place = {
            row: i for i, row in enumerate(zip(self.train.piece, self.train.first_row, strict=True))
        }
        return [place[row] for row in zip(few.piece, few.first_row, strict=True)]

    def _row(
        self, shots: Shots, draw: int, few: Windows, predicted: np.ndarray, seconds: float
    ) -> dict[str, Any]:
        true, classes = self.test.code, self.test.classes
        confusion = np.zeros((len(classes), len(classes)), dtype=int)
        np.add.at(confusion, (true, predicted), 1)
        people = {}
        for person in self.test.subjects:
            own = self.test.subject == person
            people[person] = scores(true[own], predicted[own]) | {"windows": int(own.sum())}
        notes = [
            f"class '{name}': {count} labelled windows where {shots} were asked for, all used"
            for name, count in self.train.short_classes(shots).items()
        ]
        unseen = sorted(set(np.unique(true)) - set(np.unique(few.code)))
        notes += [
            f"class '{classes[i]}' is in the held-out people but not in the training people"
            for i in unseen
        ]
        m = self.method
        return {
            "method": m.name,
            "objective": m.objective,
            "encoder": m.encoder,
            "head": m.head,
            "study": self.train.study,
            "shots": shots,
            "fold": self.fold.number,
            "draw": draw,
            "seed": self.fold.seed,
            **scores(true, predicted),
            "seconds": round(seconds, 3),
            "pretrained_on": self._pretrained_on(),
            "train_subjects": self.train.subjects,
            "test_subjects": self.test.subjects,
            "train_windows": len(few),
            "per_subject": people,
            "confusion": confusion.tolist(),
            "notes": notes,
        }

    def _pretrained_on(self) -> list[str]:
        if self.method.objective == "none":
            return []
        own = [self.plain.study] if "people" in self.method.pretrain_on else []
        return [*own, *(other.study for other in self.others)]

    def losses(self) -> list[dict[str, Any]]:
        """Return the pretraining's losses, epoch by epoch."""
        if self.method.objective == "none":
            return []
        where = {"study": self.train.study, "method": self.method.name, "fold": self.fold.number}
        where |= {"seed": self.fold.seed}
        return [
            where
            | {"epoch": int(row["epoch"]), "train": row["train"], "validation": row["validation"]}
            for row in self.encoder().history
        ]

    def notes(self) -> list[str]:
        """Return what the objective could not measure or make use of."""
        if self.method.objective == "none":
            return self.left_out
        fitted = self.encoder().record.get("fitted", {})
        told = [
            f"{self.train.study}, {self.method.name}: {note}" for note in fitted.get("notes", [])
        ]
        return self.left_out + told

    def picture(self, most: int = 1200) -> dict[str, Any]:
        """Return a flat picture (t-SNE) of the held-out people's windows as the encoder sees them,
        unadapted."""
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE

        chosen = np.sort(np.random.default_rng(0).permutation(len(self.test))[:most])
        windows = self.test[chosen]
        vectors = self.encoder().embed(windows, self.fold.runtime)
        vectors = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-8)
        flat = PCA(min(30, *vectors.shape), random_state=0).fit_transform(vectors)
        if len(flat) > 10:
            flat = TSNE(
                perplexity=min(30, len(flat) / 4), random_state=0, init="pca"
            ).fit_transform(flat)
        return {
            "study": self.train.study,
            "method": self.method.name,
            "fold": self.fold.number,
            "x": [round(float(v), 3) for v in flat[:, 0]],
            "y": [round(float(v), 3) for v in flat[:, 1]],
            "label": windows.labels.tolist(),
            "subject": windows.subject.tolist(),
        }


def kept_encoder(folder: Path, method: Method) -> PretrainedEncoder | None:
    """Return an encoder that this benchmark pretrained before; None where there is none, or a
    damaged one.

    It may name what the caller's own method names, and nothing else.
    """
    if not (folder / "config.json").exists():
        return None
    try:
        return PretrainedEncoder.load(folder, trust=_named_by_caller(method))
    except CheckpointError as error:
        warnings.warn(f"{error} It is made again.", OtolithWarning, stacklevel=2)
        checkpoint.remove(folder)
        return None


def _named_by_caller(method: Method) -> list[str]:
    """Packages and models that a method names: whoever wrote it trusts them."""

    def named(content: Any, key: str = "") -> Iterator[str]:
        if isinstance(content, str) and OWN_PATH.fullmatch(content):
            yield content.partition(":")[0]
        elif isinstance(content, str) and content and key in ("model", "file"):  # of modalities
            yield content
        elif isinstance(content, dict):
            for name, value in content.items():
                yield from named(value, name)

    return [*named(method.encoder), *named(method.objective_settings)]


_CELL = frozenset(
    ["method", "study", "shots", "fold", "draw", "seed", "macro_f1", "per_subject", "confusion"]
)


def read_kept(path: Path, keys: Collection[str]) -> dict[str, Any] | None:
    """Return what a benchmark finished before; None where it is absent or damaged, and is made
    again."""
    if not path.exists():
        return None
    try:
        content = read_json(path)
    except ReadError:
        content = None
    if not isinstance(content, dict) or not content.keys() >= set(keys) or not seal_holds(content):
        warnings.warn(f"{path} is damaged; it is made again.", OtolithWarning, stacklevel=2)
        return None
    content.pop(SEAL, None)
    return content


def scores(
    true: Sequence[int] | np.ndarray, predicted: Sequence[int] | np.ndarray
) -> dict[str, float]:
    """Return the three scores of every row, 0 to 1."""
    return {
        "macro_f1": macro_f1(true, predicted),
        "accuracy": accuracy(true, predicted),
        "balanced_accuracy": balanced_accuracy(true, predicted),
    }


def probabilities(head: Head, vectors: np.ndarray) -> np.ndarray:
    """Return (N, K) float32 probabilities of embeddings that were made before.

    Batches are those of `Adapted.probabilities`: rounding follows the shape of a batch.
    """
    import torch

    parts = torch.split(torch.from_numpy(vectors), 512)
    with torch.inference_mode():
        batches = [head(Embeddings(part[:, None], part)).float().softmax(-1) for part in parts]
        return torch.cat(batches).numpy()

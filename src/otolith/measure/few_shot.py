"""One fold, one method: pretrain without labels, adapt with k of them, test on new people."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

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
from otolith.learn.training.seen import check_unseen
from otolith.measure.methods import Method, completed
from otolith.measure.sides import sides_of
from otolith.measure.statistics import Shots

CELL_FORMAT = 4


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

    def __init__(self, fold: Fold, say: Callable[[str], None] = lambda text: None) -> None:
        self.fold, self.method, self._say = fold, fold.method, say
        self._complete = completed(fold.method).to_json()
        """With all defaults: a hash of these holds for whatever says the same in other words."""
        cut = configure(Cut, fold.cut, "the cut of a fold")
        study = Study.load(fold.study)
        sides = sides_of(study, cut, fold.missing, fold.method, fold.test, fold.parts, fold.away)
        self.train, self.test, self.plain = sides.train, sides.test, sides.plain
        self.others, self.added, self.left_out = sides.others, sides.added, sides.left_out
        # A prime apart: fold 3 of one seed does not share its draws with fold 2 of the next.
        self.seed = fold.seed * 1009 + fold.number
        self._solved: dict[Shots, tuple[list[np.ndarray], float]] = {}

    def cells(self) -> list[tuple[Shots, int]]:
        """Return the cells of this fold, all labels once and each number of shots in every draw."""
        draws = self.fold.draws
        return [(k, draw) for k in self.fold.shots for draw in range(1 if k == "all" else draws)]

    @property
    def encoder_key(self) -> str:
        """Hash of all that decides the pretrained encoder."""
        names = ("objective", "encoder", "objective_settings", "encoder_settings", "pretrain")
        what: list[Any] = [self._complete[name] for name in names]
        what += [self.train.hash] if self.method.objective == "labels" else []
        windows = self.pretraining
        stamps = [
            model_stamp(str(folder / MODALITIES)) for _, folder in sorted(windows.folders.items())
        ]
        seed, runtime = self.pretraining_seed, self.fold.runtime
        return digest([CELL_FORMAT, windows.hash, what + stamps, seed, runtime])

    @cached_property
    def pretraining(self) -> Windows:
        """The windows that the encoder is pretrained on."""
        people = [self.plain] if "people" in self.method.pretrain_on else []
        sets = [*people, *self.others]
        whole = Windows.concatenate(sets) if sets else self.plain
        if self.method.pretrain_share >= 1.0:
            return whole
        # By the hash of an id, not by a generator: a larger share holds a smaller one.
        drawn = {id: int(digest(id)[:8], 16) / 16**8 for id in set(whole.recording.tolist())}
        return whole[np.array([drawn[id] < self.method.pretrain_share for id in whole.recording])]

    @property
    def pretraining_seed(self) -> int:
        """One encoder serves all folds if it was pretrained without any subject of this study."""
        strangers = self.others and "people" not in self.method.pretrain_on
        return self.fold.seed * 1009 if strangers else self.seed

    def cell_path(self, shots: Shots, draw: int) -> Path:
        """Return where a finished cell is kept."""
        hashes = [self.encoder_key, self.train.hash, self.test.hash]
        added = [other.hash for other in self.added]
        what = [*hashes, self._complete | {"name": ""}, shots, draw, *added]
        return inside(Path(self.fold.out), f"cells/{digest(what)}.json")

    @cached_property
    def encoder(self) -> PretrainedEncoder:
        """The encoder of this fold, pretrained on its training people if the method asks for it."""
        if self.method.objective == "none":  # random weights have seen nobody
            encoder = self._fresh()
        else:
            encoder = self._pretrained()
            who = f"The encoder of method '{self.method.name}'"
            check_unseen(encoder.record, self.test, who, refuse=True)
        return encoder.narrowed(self.train.channels) if self.method.pretrain_placements else encoder

    def _fresh(self) -> PretrainedEncoder:
        settings = self.method.encoder_settings
        return PretrainedEncoder.fresh(self.train, self.method.encoder, self.seed, **settings)

    def _pretrained(self) -> PretrainedEncoder:
        method = self.method
        folder = inside(Path(self.fold.out), f"encoders/{self.encoder_key}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Folds on other processes may want the same encoder: one makes it, the others wait.
        self._say("waits for its encoder")
        with only_writer(checkpoint.lock_of(folder.resolve()), str(folder), wait=True):
            if encoder := kept_encoder(folder, method):
                # made whole by a run that was stopped before it tidied up
                checkpoint.remove_state(partial_of(folder))
                return encoder
            if method.objective == "labels":
                encoder = self._supervised()
                encoder.save(folder)
                return encoder
            return pretrain(
                self.pretraining,
                method.objective,
                method.encoder,
                out=folder,
                runtime=self.fold.runtime,
                objective_settings=method.objective_settings,
                encoder_settings=method.encoder_settings,
                progress=lambda epoch, epochs, losses: self._say(
                    f"pretrains, epoch {epoch} of at most {epochs}, loss {losses['train']:.3f}"
                ),
                **{"seed": self.pretraining_seed, **method.pretrain},
            )

    def _supervised(self) -> PretrainedEncoder:
        """An encoder that learnt from all labels of the training people, together with a head that
        is left behind."""
        self._say("learns from every label")
        settings: dict[str, Any] = {"seed": self.seed, **self.method.pretrain}
        adapted = adapt(self._fresh(), self.train, runtime=self.fold.runtime, **settings)
        adapted.encoder.record |= {"objective": "labels"}
        return adapted.encoder

    def finished(self, shots: Shots, draw: int) -> dict[str, Any] | None:
        """Return a cell's row from its file; None where it is not finished, or damaged."""
        path = self.cell_path(shots, draw)
        kept = read_kept(path, _CELL)
        if kept is None:
            return None
        expected = self._whose(shots, draw)
        expected.pop("method")  # a method may be renamed
        if any(kept.get(key) != value for key, value in expected.items()):
            warnings.warn(
                f"{path} holds another cell; it is made again.", OtolithWarning, stacklevel=2
            )
            return None
        return kept | {"method": self.method.name}

    def _whose(self, shots: Shots, draw: int) -> dict[str, Any]:
        method, fold = self.method, self.fold
        return {
            "method": method.name,
            "objective": method.objective,
            "encoder": method.encoder,
            "head": method.head,
            "study": self.train.study,
            "shots": shots,
            "fold": fold.number,
            "draw": draw,
            "seed": fold.seed,
        }

    def run(self, shots: Shots, draw: int) -> dict[str, Any]:
        """Return one cell's row, from its file where it is finished."""
        if (kept := self.finished(shots, draw)) is not None:
            return kept
        encoder = self.encoder
        started = time.perf_counter()
        few = self.few(shots, draw)
        if self._batched:
            draws, seconds = self._logistic(shots)
            probability = draws[draw]
        else:
            probability = self._predict(encoder, few, self.fold.seed * 1009 + draw)
            seconds = time.perf_counter() - started
        row = {
            **self._whose(shots, draw),
            **self._scored(probability.argmax(axis=1)),
            "seconds": round(seconds, 3),
            "pretrained_on": self._pretrained_on(),
            "train_subjects": self.train.subjects,
            "test_subjects": self.test.subjects,
            "train_windows": len(few),
            "notes": self._notes(shots, few),
        }
        write_sealed(self.cell_path(shots, draw), row)
        return row

    @property
    def _batched(self) -> bool:
        return issubclass(heads.FAMILY.resolve(self.method.head), Logistic) and not self.added

    def few(self, shots: Shots, draw: int) -> Windows:
        """Return the labelled windows of a cell, all that there are for its head to learn from."""
        return self.train.few(shots, self.fold.seed * 1009 + draw)

    def _predict(self, encoder: PretrainedEncoder, few: Windows, seed: int) -> np.ndarray:
        method, runtime = self.method, self.fold.runtime
        settings: dict[str, Any] = {"mode": method.mode, "seed": seed, **method.adapt}
        settings |= {"runtime": runtime, "head_settings": method.head_settings}
        learnt = with_added(few, self.added) if self.added else few
        if not heads.FAMILY.resolve(method.head).closed:
            model = adapt(encoder, learnt, method.head, **settings)
            return model.probabilities(self.test, runtime)
        train, test = self._embedded
        vectors = train[self._places(few)]
        if self.added:
            more = encoder.embed(learnt[len(few) :], runtime, space=self._space)
            vectors = np.concatenate([vectors, more])
        model = adapt(encoder, learnt, method.head, vectors=vectors, **settings)
        return probabilities(model.head, test)

    def probabilities(self, shots: Shots) -> list[np.ndarray]:
        """Return the probabilities (N, K) of the held-out windows, of each draw of the head
        logistic; all draws are fitted together."""
        return self._logistic(shots)[0]

    def _logistic(self, shots: Shots) -> tuple[list[np.ndarray], float]:
        """Return the probabilities of each draw, and the seconds of one."""
        if shots not in self._solved:
            started = time.perf_counter()
            train, test = self._embedded
            draws = [self._places(self.few(shots, draw)) for k, draw in self.cells() if k == shots]
            problems = [(train[rows], self.train.code[rows]) for rows in draws]
            fitted = fit_each(problems, len(self.train.classes), **self.method.head_settings)
            measured = [probabilities(head, test) for head in fitted]
            self._solved[shots] = measured, (time.perf_counter() - started) / len(draws)
        return self._solved[shots]

    @property
    def _space(self) -> Literal["encoder", "shared"]:
        return "shared" if self.method.adapt.get("space") == "shared" else "encoder"

    @cached_property
    def _embedded(self) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of both sides by a frozen encoder; one pass serves all draws."""
        train, test = (
            self.encoder.embed(side, self.fold.runtime, space=self._space)
            for side in (self.train, self.test)
        )
        return train, test

    def _places(self, few: Windows) -> list[int]:
        rows = zip(self.train.piece, self.train.first_row, strict=True)
        place = {row: number for number, row in enumerate(rows)}
        return [place[row] for row in zip(few.piece, few.first_row, strict=True)]

    def _scored(self, predicted: np.ndarray) -> dict[str, Any]:
        """Scores over all held-out windows, of each person, and what was taken for what."""
        true, classes = self.test.code, self.test.classes
        confusion = np.zeros((len(classes), len(classes)), dtype=int)
        np.add.at(confusion, (true, predicted), 1)
        people = {}
        for person in self.test.subjects:
            rows = self.test.subject == person
            people[person] = scores(true[rows], predicted[rows]) | {"windows": int(rows.sum())}
        return {
            **scores(true, predicted),
            "per_subject": people,
            "confusion": confusion.tolist(),
        }

    def _notes(self, shots: Shots, few: Windows) -> list[str]:
        unseen = sorted(set(np.unique(self.test.code)) - set(np.unique(few.code)))
        return [
            *(
                f"class '{name}': {count} labelled windows where {shots} were asked for, all used"
                for name, count in self.train.short_classes(shots).items()
            ),
            *(
                f"class '{self.test.classes[code]}' is in the held-out people but not in the "
                f"training people"
                for code in unseen
            ),
        ]

    def _pretrained_on(self) -> list[str]:
        if self.method.objective == "none":
            return []
        people = [self.plain.study] if "people" in self.method.pretrain_on else []
        return [*people, *(other.study for other in self.others)]

    def losses(self) -> list[dict[str, Any]]:
        """Return the pretraining's losses, epoch by epoch."""
        if self.method.objective == "none":
            return []
        where = {"study": self.train.study, "method": self.method.name, "fold": self.fold.number}
        names = ("epoch", "train", "validation")
        return [
            {**where, "seed": self.fold.seed} | {name: row[name] for name in names}
            for row in self.encoder.history
        ]

    def notes(self) -> list[str]:
        """Return what the objective could not measure or make use of."""
        if self.method.objective == "none":
            return self.left_out
        notes = self.encoder.record.get("fitted", {}).get("notes", [])
        who = f"{self.train.study}, {self.method.name}"
        return [*self.left_out, *(f"{who}: {note}" for note in notes)]

    def picture(self, most: int = 1200) -> dict[str, Any]:
        """Return a flat picture (t-SNE) of the held-out people's windows as the encoder sees them,
        unadapted."""
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE

        chosen = np.sort(np.random.default_rng(0).permutation(len(self.test))[:most])
        windows = self.test[chosen]
        vectors = self.encoder.embed(windows, self.fold.runtime)
        vectors = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-8)
        flat = PCA(min(30, *vectors.shape), random_state=0).fit_transform(vectors)
        if len(flat) > 10:
            perplexity = min(30, len(flat) / 4)
            flat = TSNE(perplexity=perplexity, random_state=0, init="pca").fit_transform(flat)
        x, y = ([round(float(value), 3) for value in axis] for axis in flat.T[:2])
        return {
            "study": self.train.study,
            "method": self.method.name,
            "fold": self.fold.number,
            "x": x,
            "y": y,
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
    """Return the three scores of every row, 0 to 1.

    >>> scores([0, 0, 1, 1], [0, 0, 1, 0])["accuracy"]
    0.75
    """
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

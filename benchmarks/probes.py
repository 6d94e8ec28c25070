"""Linear probes of a whole few-shot sweep: solved together, against scikit-learn's
LogisticRegression one by one.

All draws, numbers of labels and folds of people of HAPT, on what two encoders (random weights) and
the hand-made features make of its windows; both sides fit the same standardised vectors. Prints a
table in Markdown, then one line of JSON. Run: OTOLITH_DATA=… python benchmarks/probes.py [--draws
5] [--threads 1] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from otolith.learn.heads.logistic import Logistic, fit_each

SHOTS = (10, 20, 50, 100, 200, 500)
Problem = tuple[np.ndarray, np.ndarray]
"""Vectors and the class of each."""
ENCODERS = ("stacked_rnn", "tpn", "features")


def made() -> tuple[list[Problem], list[tuple[np.ndarray, np.ndarray]], int]:
    """Return small problems of noise, to see that it runs."""
    rng = np.random.default_rng(0)
    middle = rng.normal(size=(5, 24))
    code = np.arange(60) % 5
    several = [(middle[code] + rng.normal(size=(60, 24)), code) for _ in range(12)]
    return several, [(several[0][0], code)] * len(several), 5


def sweep(
    windows: Any, vectors: np.ndarray, draws: int
) -> tuple[list[Problem], list[tuple[np.ndarray, np.ndarray]]]:
    """Return the problems of a sweep, and what each is tested on."""
    from otolith.learn.splits import people_folds

    problems, tests = [], []
    for people in people_folds(windows.subjects, 5):
        out = np.isin(windows.subject, people)
        rows = np.flatnonzero(~out)
        training = windows[rows]
        place = {
            at: i
            for i, at in zip(
                rows, zip(training.piece, training.first_row, strict=True), strict=True
            )
        }
        for shots in SHOTS:
            for draw in range(draws):
                few = training.few(shots, draw)
                chosen = [place[at] for at in zip(few.piece, few.first_row, strict=True)]
                problems.append((vectors[chosen], windows.code[chosen]))
                tests.append((vectors[out], windows.code[out]))
    return problems, tests


def predict(head: Logistic, vectors: np.ndarray) -> np.ndarray:
    """Return the most likely class of each vector."""
    code: np.ndarray = (vectors @ head.weight.numpy().T + head.bias.numpy()).argmax(axis=1)
    return code


def rival(problem: Problem) -> Any:
    """Fit one probe with scikit-learn, and return what it says of vectors."""
    from sklearn.linear_model import LogisticRegression

    known, code = problem
    mean, std = known.mean(axis=0), known.std(axis=0)
    std = np.where(std < 1e-8, 1.0, std)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = LogisticRegression(max_iter=2000).fit((known - mean) / std, code)
    return lambda vectors: fitted.predict((vectors - mean) / std)


def compare(
    problems: list[Problem], tests: list[tuple[np.ndarray, np.ndarray]], classes: int
) -> dict[str, float]:
    """Time both sides, and compare their accuracies."""
    fit_each(problems[:2], classes)
    rival(problems[0])
    begin = time.perf_counter()
    ours = fit_each(problems, classes)
    together = time.perf_counter() - begin
    begin = time.perf_counter()
    theirs = [rival(problem) for problem in problems]
    alone = time.perf_counter() - begin
    first = np.array(
        [(predict(one, x) == y).mean() for one, (x, y) in zip(ours, tests, strict=True)]
    )
    second = np.array([(one(x) == y).mean() for one, (x, y) in zip(theirs, tests, strict=True)])
    return {
        "ours_s": together,
        "rival_s": alone,
        "ratio": alone / together,
        "accuracy_points": 100 * float(first.mean()),
        "points_apart": 100 * abs(float((first - second).mean())),
        "largest_points_apart": 100 * float(np.abs(first - second).max()),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="small problems of noise, to see that it runs"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows: list[dict[str, Any]] = []
    if chosen.quick:
        problems, tests, classes = made()
        rows.append(
            {"what": f"{len(problems)} probes of noise"} | compare(problems, tests, classes)
        )
    else:
        rows = on_hapt(chosen.draws, chosen.threads)
    print("| what | together | one by one | times as fast | accuracy | apart, mean | apart, most |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['what']} | {row['ours_s']:.2f} s | {row['rival_s']:.2f} s | "
            f"{row['ratio']:.1f} | "
            f"{row['accuracy_points']:.1f} % | {row['points_apart']:.2f} | "
            f"{row['largest_points_apart']:.2f} |"
        )
    print()
    print(json.dumps({"benchmark": "probes", "threads": chosen.threads, "rows": rows}))


def on_hapt(draws: int, threads: int) -> list[dict[str, Any]]:
    """Measure on the real study."""
    from otolith.data.datasets.dataset import import_dataset
    from otolith.learn.training.pretrained import PretrainedEncoder
    from otolith.learn.training.runtime import Runtime
    from otolith.measure.sides import labelled_windows

    data = os.environ.get("OTOLITH_DATA")
    if not data:
        raise SystemExit(
            "SKIPPED: OTOLITH_DATA is unset: set it to the folder that holds data/hapt."
        )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        study = import_dataset(Path(data) / "data" / "hapt", "hapt", Path(folder) / "hapt")
        windows = labelled_windows(study, study.cut)
        for name in ENCODERS:
            encoder = PretrainedEncoder.fresh(windows, name, 0)
            vectors = encoder.embed(windows, Runtime("cpu", "fp32", threads))
            problems, tests = sweep(windows, vectors, draws)
            size = f"{vectors.shape[1]} numbers"
            what = f"hapt, {name} ({size}), {len(problems)} probes of 60 to 3000 windows"
            bound = {"at_least": 10.0} if name == "stacked_rnn" else {}
            rows.append({"what": what} | compare(problems, tests, len(windows.classes)) | bound)
    return rows


if __name__ == "__main__":
    main()

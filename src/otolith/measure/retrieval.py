"""Retrieval: from motion the text, video or pose that belongs to it, and back."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from otolith.core.errors import DataError
from otolith.data.windows import Windows
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.seen import check_unseen

TOPS = (1, 5, 10)
_ROWS = 1024


def ranks(
    queries: Float[np.ndarray, "N E"],
    answers: Float[np.ndarray, "M E"],
    query_group: Int[np.ndarray, " N"],
    answer_group: Int[np.ndarray, " M"],
) -> Int[np.ndarray, " N"]:
    """Return for each query the rank of its best right answer, 1 for the first.

    Right are the answers of its group; likeness is the inner product. A wrong answer that is as
    like counts as better, so that a constant retrieves nothing. Raises DataError for a query whose
    group no answer has.

    >>> ranks(np.eye(2), np.eye(2)[::-1], np.array([0, 1]), np.array([0, 1]))
    array([2, 2])
    """
    out = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _ROWS):  # not all queries by all answers at once
        part = slice(start, start + _ROWS)
        scores = queries[part] @ answers.T
        right = query_group[part, None] == answer_group
        if not right.any(axis=1).all():
            number = start + int((~right.any(axis=1)).argmax())
            raise DataError(f"Query {number} has no right answer.")
        # Ties count against the query: >= and not >.
        best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
        out[part] = 1 + ((scores >= best) & ~right).sum(axis=1)
    return out


def scores_of(
    queries: Float[np.ndarray, "N E"],
    answers: Float[np.ndarray, "M E"],
    query_group: Int[np.ndarray, " N"],
    answer_group: Int[np.ndarray, " M"],
) -> dict[str, float]:
    """Return recall at 1, 5 and 10 (`r1`, `r5`, `r10`) and the mean reciprocal rank (`mrr`).

    All are from 0 to 1. `chance_r1` is what guessing gets; `queries` and `answers` are counts.

    Source: Moon et al., "IMU2CLIP" (2022), https://arxiv.org/abs/2210.14395, table 1.

    >>> eye = np.eye(4)
    >>> result = scores_of(eye, eye, np.arange(4), np.arange(4))
    >>> result["r1"], result["mrr"], result["chance_r1"]
    (1.0, 1.0, 0.25)
    """
    rank = ranks(queries, answers, query_group, answer_group)
    right = query_group[:, None] == answer_group
    return {
        "queries": len(queries),
        "answers": len(answers),
        **{f"r{top}": float((rank <= top).mean()) for top in TOPS},
        "mrr": float((1 / rank).mean()),
        "chance_r1": float(right.mean()) if len(queries) else 0.0,
    }


def retrieve(
    encoder: PretrainedEncoder, windows: Windows, runtime: Runtime | None = None
) -> list[dict[str, str | float]]:
    """Return a row for each modality that encoder and windows share, and each direction.

    Windows with the same text or vector share it as their right answer. Warns where the encoder was
    pretrained on people of these windows. Raises ConfigError where it shares no space with
    anything, DataError where no window has a modality.
    """
    space = encoder.require_alignment()
    # In the shared space, where all vectors have length 1.
    motion = encoder.embed(windows, runtime, space="shared")
    encoder.to("cpu")
    rows: list[dict[str, str | float]] = []
    for name, role in space.roles.items():
        vectors = role.ask().vectors(windows)
        if not vectors.present.any() or vectors.dimension != role.dimension:
            continue
        queries = motion[vectors.present]
        values = vectors.values[vectors.present]
        # One answer per text: with repeats, chance would depend on how often a text occurs.
        different, group = np.unique(values, axis=0, return_inverse=True)
        answers, group = space.place(name, different), group.reshape(-1)
        each = np.arange(len(different))
        to, back = (
            scores_of(queries, answers, group, each),
            scores_of(answers, queries, each, group),
        )
        rows += [{"direction": f"imu to {name}", **to}, {"direction": f"{name} to imu", **back}]
    if not rows:
        raise DataError(
            "None of these windows has what the encoder was aligned with "
            f"({', '.join(space.roles)}): see modalities in docs/recordings.md."
        )
    check_unseen(encoder.record, windows, "This encoder")
    return rows

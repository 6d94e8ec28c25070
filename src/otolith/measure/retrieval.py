"""Retrieval: from motion the text, video or pose that belongs to it, and back."""

from __future__ import annotations

from typing import Any

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
    asked: Int[np.ndarray, " N"],
    given: Int[np.ndarray, " M"],
) -> Int[np.ndarray, " N"]:
    """Return for each query at which place its best right answer stands, 1 for the first; right are
    those of its group.

    Likeness is the inner product. A wrong answer that is as like counts as better, so that a
    constant finds nothing. Raises DataError for a query whose group no answer has.
    """
    out = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _ROWS):
        part = slice(start, start + _ROWS)
        scores = queries[part] @ answers.T
        right = asked[part, None] == given
        if not right.any(axis=1).all():
            raise DataError(
                f"Query {start + int((~right.any(axis=1)).argmax())} has no right answer."
            )
        best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
        out[part] = 1 + ((scores >= best) & ~right).sum(axis=1)
    return out


def scores_of(
    queries: Float[np.ndarray, "N E"],
    answers: Float[np.ndarray, "M E"],
    asked: Int[np.ndarray, " N"],
    given: Int[np.ndarray, " M"],
) -> dict[str, float]:
    """Return the share of queries with a right answer among the first 1, 5 and 10 (`r1`, `r5`,
    `r10`), the mean of 1/place (`mrr`), all 0 to 1; what guessing gets (`chance_r1`), and how many
    `queries` and `answers` there are.

    Source: Moon et al., "IMU2CLIP" (2022), https://arxiv.org/abs/2210.14395, table 1.
    """
    place = ranks(queries, answers, asked, given)
    found = {f"r{top}": float((place <= top).mean()) for top in TOPS}
    chance = float((asked[:, None] == given).mean()) if len(asked) else 0.0
    counts = {"queries": len(queries), "answers": len(answers)}
    return counts | found | {"mrr": float((1 / place).mean()), "chance_r1": chance}


def retrieve(
    encoder: PretrainedEncoder, windows: Windows, runtime: Runtime | None = None
) -> list[dict[str, Any]]:
    """Return a row for each modality that the encoder was aligned with and these windows have, and
    each direction.

    Windows with the same text or vector share it as their right answer. Warns where the encoder was
    pretrained on people of these windows. Raises ConfigError where it shares no space with
    anything, DataError where no window has a modality.
    """
    space = encoder.require_alignment()
    motion = encoder.embed(windows, runtime, space="shared")
    encoder.to("cpu")
    rows: list[dict[str, Any]] = []
    for name, role in space.roles.items():
        found = role.ask().vectors(windows)
        if not found.present.any() or found.dimension != role.dimension:
            continue
        own = motion[found.present]
        different, group = np.unique(found.values[found.present], axis=0, return_inverse=True)
        placed, each = space.place(name, different), np.arange(len(different))
        for direction, scores in (
            (f"imu to {name}", scores_of(own, placed, group.reshape(-1), each)),
            (f"{name} to imu", scores_of(placed, own, each, group.reshape(-1))),
        ):
            rows.append({"direction": direction} | scores)
    if not rows:
        raise DataError(
            f"None of these windows has what the encoder was aligned with "
            f"({', '.join(space.roles)}): see modalities in "
            "docs/recordings.md."
        )
    check_unseen(encoder.record, windows, "This encoder")
    return rows

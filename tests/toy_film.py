"""A video of a few seconds, written by a test: a grey picture that gets lighter."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np


def film(path: Path, seconds: float = 6.0, rate: int = 25, dropped: slice | None = None) -> Path:
    """Write it with a stamp on every frame, some frames left out if asked; return where it is."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, rate)
        numbers = np.arange(round(seconds * rate))
        kept = np.delete(numbers, dropped) if dropped else numbers
        for number in kept:
            picture = np.full((48, 64, 3), 20 + 200 * number // len(numbers), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(number), Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path

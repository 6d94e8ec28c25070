"""Vectors of video by the picture tower of CLIP: frames, averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, UInt8

from otolith.errors import ConfigError, StudyError
from otolith.files import atomic_path, digest
from otolith.partners._clip import MODEL, load
from otolith.partners.files import FOLDER, places, read_table
from otolith.partners.partner import Partner, PartnerVectors
from otolith.windows import Windows

# What CLIP's pictures were normalised with: mean and deviation of red, green and blue.
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
_DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
_BATCH = 32


@dataclass(frozen=True)
class ClipVideoConfig:
    """Which CLIP looks at the pictures, and how often."""

    model: str = MODEL
    """Folder of a CLIP model, or its name on the model hub, from where it is fetched once."""
    frames_per_second: float = 10.0
    """How many pictures of a second are looked at."""


class ClipVideo(Partner):
    """Frozen picture vectors of CLIP, averaged over a window's frames and L2-normalised.

    As CLIP4Clip does without parameters: Luo et al., "CLIP4Clip: An Empirical Study of CLIP for End to End Video Clip
    Retrieval" (2021), https://arxiv.org/abs/2104.08860. Which file belongs to a recording stands in the study's
    `partners/video.parquet`: recording, file (from the study's folder on, or absolute) and start_s, the moment of the
    file at which the recording starts.
    """

    Config: ClassVar[type[Any]] = ClipVideoConfig
    kind: ClassVar[str] = "video"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if self.config.frames_per_second <= 0:
            raise ConfigError(f"frames_per_second is above 0; found {self.config.frames_per_second}.")

    @cached_property
    def model(self) -> Any:
        """The picture tower, loaded on first use."""
        return load(self.config.model, "pictures")[0]

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self.model.config.projection_dim)

    def vectors(self, windows: Windows) -> PartnerVectors:
        """Return the vector of each window that its video shows to at least a half.

        Raises StudyError for a video that is missing, damaged, or without pictures, naming the file.
        """
        values = np.zeros((len(windows), self.dimension), dtype=np.float32)
        present = np.zeros(len(windows), dtype=bool)
        files: dict[Path, dict[str, tuple[Path, float]]] = {}
        for folder, recording, rows in places(windows):
            if folder not in files:
                files[folder] = _videos(folder)
            if recording not in files[folder]:
                continue
            path, start_s = files[folder][recording]
            found = self._kept(folder, path, windows.start_s[rows] + start_s, windows.seconds)
            present[rows] = np.isfinite(found).all(axis=1)
            values[rows] = np.nan_to_num(found)
        return PartnerVectors(values, present)

    def _kept(self, folder: Path, path: Path, starts_s: np.ndarray, seconds: float) -> Float[np.ndarray, "N E"]:
        if not path.is_file():
            raise StudyError(
                f"The video {path} is not there. Correct the file's name in {folder / FOLDER}/video.parquet."
            )
        facts = path.stat()
        key = digest([self.settings(), path.name, facts.st_size, facts.st_mtime_ns, starts_s.tolist(), seconds])
        cache = folder / ".cache" / "partners" / f"video-{key}.npy"
        if cache.exists():
            return np.asarray(np.load(cache, allow_pickle=False))
        found = self.encode(path, starts_s, seconds)
        with atomic_path(cache) as temporary, temporary.open("wb") as out:
            np.save(out, found)
        return found

    def encode(self, path: Path, starts_s: Float[np.ndarray, " N"], seconds: float) -> Float[np.ndarray, "N E"]:
        """Return the vector of each stretch of a video; NaN where less than half of it was filmed."""
        step_s = 1.0 / self.config.frames_per_second
        times: list[float] = []
        vectors: list[np.ndarray] = []
        waiting: list[np.ndarray] = []
        for time_s, picture in frames(path, step_s):
            times.append(time_s)
            waiting.append(picture)
            if len(waiting) == _BATCH:
                vectors.append(self._look(waiting))
                waiting = []
        if waiting:
            vectors.append(self._look(waiting))
        seen, when = np.concatenate(vectors), np.array(times)
        out = np.full((len(starts_s), seen.shape[1]), np.nan, dtype=np.float32)
        for number, start in enumerate(starts_s):
            inside = (when >= start - step_s / 2) & (when < start + seconds - step_s / 2)
            if inside.sum() * step_s >= 0.5 * seconds:
                mean = seen[inside].mean(axis=0)
                out[number] = mean / np.linalg.norm(mean)
        return out

    def _look(self, pictures: list[np.ndarray]) -> Float[np.ndarray, "n E"]:
        import torch
        from torch.nn import functional

        size = int(self.model.config.vision_config.image_size)
        batch = torch.from_numpy(np.stack([square(picture, size) for picture in pictures]))
        with torch.inference_mode():
            pooled = self.model.vision_model(pixel_values=batch).pooler_output
            found: np.ndarray = functional.normalize(self.model.visual_projection(pooled), dim=-1).numpy()
        return found


def frames(path: Path, step_s: float) -> Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]:
    """Walk through a video's pictures, the nearest to each multiple of `step_s`, with their time from its beginning.

    Times come from the stamps of the pictures, so that a rate that changes does no harm; where there is no picture
    near a moment, none is given. Raises StudyError for a file without pictures or one that cannot be decoded.
    """
    try:
        import av
    except ImportError as error:
        raise ConfigError("Reading video needs PyAV. Type: pip install 'otolith[video]'") from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise StudyError(f"{path} has no video stream; found {[s.type for s in container.streams]}.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            wanted, first, before = 0, None, None
            for frame in container.decode(stream):
                if frame.time is None:
                    continue
                first = frame.time if first is None else first
                time_s = frame.time - first
                # The one before is nearer to a moment that lies less than half way to this one.
                while before is not None and wanted * step_s < (before[0] + time_s) / 2:
                    if abs(before[0] - wanted * step_s) <= step_s / 2:
                        yield wanted * step_s, before[1].to_ndarray(format="rgb24")
                    wanted += 1
                before = (time_s, frame)
            if before is None:
                raise StudyError(f"{path} holds no picture.")
            while abs(before[0] - wanted * step_s) <= step_s / 2:
                yield wanted * step_s, before[1].to_ndarray(format="rgb24")
                wanted += 1
    except av.error.FFmpegError as error:
        raise StudyError(f"{path} cannot be decoded as video ({error}).") from error


def square(picture: UInt8[np.ndarray, "H W 3"], size: int) -> Float[np.ndarray, "3 S S"]:
    """Return a picture as CLIP takes it: the shorter side `size` pixels (bicubic), the middle cut out, normalised."""
    from PIL import Image

    image = Image.fromarray(picture)
    scale = size / min(image.size)
    wide, high = (max(size, round(side * scale)) for side in image.size)
    image = image.resize((wide, high), Image.Resampling.BICUBIC)
    left, top = (wide - size) // 2, (high - size) // 2
    cut = np.asarray(image.crop((left, top, left + size, top + size)), dtype=np.float32) / 255.0
    return np.ascontiguousarray(((cut - _MEAN) / _DEVIATION).transpose(2, 0, 1))


def _videos(folder: Path) -> dict[str, tuple[Path, float]]:
    path = folder / FOLDER / "video.parquet"
    if not path.exists():
        raise StudyError(f"There is no {path}: Parquet with the columns recording, file and start_s.")
    table = read_table(path, ("recording", "file", "start_s"))
    rows = table.select(["recording", "file", "start_s"]).to_pylist()
    return {row["recording"]: (folder / row["file"], float(row["start_s"])) for row in rows}

"""Vectors of video by the picture tower of CLIP: frames, averaged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, UInt8
from typing_extensions import override

from otolith.core.caches import HASHES, cache_folder, read_arrays, write_arrays
from otolith.core.checksums import sha256_of
from otolith.core.errors import ConfigError, DataError, StudyError
from otolith.core.files import digest, inside
from otolith.core.settings import Positive, settings
from otolith.core.text import printable
from otolith.data.paired import (
    FOLDER,
    durations,
    is_there,
    model_stamp,
    places,
    read_table,
    refuse_stranger,
)
from otolith.data.parquet import number_column, text_column
from otolith.data.windows import Windows
from otolith.learn.modalities._clip import MODEL, load
from otolith.learn.modalities.modality import Modality, ModalityVectors

# What CLIP's pictures were normalised with: mean and deviation of red, green and blue.
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
_DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
_BATCH = 32
_LONGEST_S = 2 * 86_400.0
# A playlist that calls itself a film would make FFmpeg open other files and addresses.
_ONE_FILE = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg",
}
VIDEOS = f"{FOLDER}/video_files.parquet"


@settings
class ClipVideoConfig:
    """Which CLIP looks at the pictures, and how often."""

    model: str = MODEL
    """Folder of a CLIP model, or its name on the model hub, from where it is fetched once."""
    frames_per_second: Positive = 10.0
    """How many pictures of a second are looked at."""


class ClipVideo(Modality):
    """Frozen picture vectors of CLIP, averaged over a window's frames and L2-normalised.

    As CLIP4Clip does without parameters: Luo et al., "CLIP4Clip: An Empirical Study of CLIP for End
    to End Video Clip Retrieval" (2021), https://arxiv.org/abs/2104.08860. Which file belongs to a
    recording stands in the study's `partners/video_files.parquet`: recording, file (from the
    study's folder on, and in it) and start_s, the moment of the file at which the recording starts.
    """

    Config: ClassVar[type[Any]] = ClipVideoConfig
    kind: ClassVar[str] = "video"

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        if not 0 < self.config.frames_per_second <= 1_000:
            raise ConfigError(
                f"frames_per_second is above 0, up to 1,000; found {self.config.frames_per_second}."
            )

    @cached_property
    def _model(self) -> Any:
        """The picture tower, loaded on first use."""
        return load(self.config.model, "pictures", self.trust)[0]

    @override
    def vectors(self, windows: Windows) -> ModalityVectors:
        """Return the vector of each window of which its video shows at least a half.

        Raises StudyError where no study says which videos it has, and for a video that is missing,
        damaged, or without pictures.
        """
        folders = set(windows.folders.values())
        files = {folder: _videos(folder) for folder in folders if is_there(folder, VIDEOS)}
        if not files:
            searched = ", ".join(map(str, windows.folders.values())) or "windows of arrays"
            raise StudyError(f"There is no {VIDEOS} (recording, file, start_s) in {searched}.")
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for folder, recording, rows in places(windows):
            if recording in files.get(folder, {}):
                path, start_s = files[folder][recording]
                time_s, seen = self._kept(folder, path)
                starts_s = windows.start_s[rows] + start_s
                parts.append((rows, self._mean(time_s, seen, starts_s, windows.seconds)))
        # Where all vectors are cached, the model need not be on this machine any more.
        dimension = parts[0][1].shape[1] if parts else int(self._model.config.projection_dim)
        return ModalityVectors.gathered(len(windows), dimension, parts)

    def _kept(
        self, folder: Path, path: Path
    ) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, "F E"]]:
        """Return the vectors of a video, from the study's cache if it was encoded before."""
        _refuse_elsewhere(folder, path)
        if not path.is_file():
            raise StudyError(
                f"The video {path} is not there. Correct the file's name in {folder / VIDEOS}."
            )
        content = sha256_of(path, cache_folder(folder) / HASHES)
        key = digest([self.settings(), model_stamp(self.config.model), content])
        cache = cache_folder(folder, "partners") / f"video-{key}.cache"
        if (kept := read_arrays(cache, key)) is not None:
            return kept[1]["time_s"], kept[1]["seen"]
        time_s, seen = self._encode(path)
        write_arrays(cache, key, None, {"time_s": time_s, "seen": seen})
        return time_s, seen

    def _encode(self, path: Path) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, "F E"]]:
        """Return when a video's pictures were taken, in s, and their L2-normalised vectors."""
        times: list[float] = []
        vectors: list[np.ndarray] = []
        pictures = frames(path, 1.0 / self.config.frames_per_second)
        # A film of hours is never in memory at once.
        while batch := list(itertools.islice(pictures, _BATCH)):
            times += [time_s for time_s, _ in batch]
            vectors.append(self._look([picture for _, picture in batch]))
        return np.array(times, dtype=np.float32), np.concatenate(vectors)

    def _mean(
        self, time_s: np.ndarray, seen: np.ndarray, starts_s: np.ndarray, seconds: float
    ) -> Float[np.ndarray, "N E"]:
        """Return the normalised mean of each stretch's pictures; NaN where less than half of it was
        filmed."""
        step_s = 1.0 / self.config.frames_per_second
        out = np.full((len(starts_s), seen.shape[1]), np.nan, dtype=np.float32)
        for number, start in enumerate(starts_s):
            inside = (time_s >= start - step_s / 2) & (time_s < start + seconds - step_s / 2)
            if inside.any() and inside.sum() * step_s >= 0.5 * seconds:
                mean = seen[inside].mean(axis=0)
                out[number] = mean / np.linalg.norm(mean)
        return out

    def _look(self, pictures: list[np.ndarray]) -> Float[np.ndarray, "n E"]:
        import torch
        from torch.nn import functional

        model = self._model
        size = int(model.config.vision_config.image_size)
        batch = torch.from_numpy(np.stack([square(picture, size) for picture in pictures]))
        with torch.inference_mode():
            pooled = model.vision_model(pixel_values=batch).pooler_output
            unit = functional.normalize(model.visual_projection(pooled), dim=-1)
        vectors: np.ndarray = unit.numpy()
        return vectors


def frames(path: Path, step_s: float) -> Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]:
    """Yield a video's pictures, the nearest to each multiple of `step_s`, with that time from the
    first picture.

    A moment without a picture within half a step is left out. Raises StudyError for a file without
    pictures or one that cannot be decoded.
    """
    try:
        import av
    except ImportError as error:
        raise ConfigError("Reading video needs PyAV. Type: pip install 'otolith[video]'") from error
    try:
        with av.open(str(path), options=_ONE_FILE, metadata_errors="replace") as container:
            for time_s, frame in _nearest(_stamped(path, container), step_s):
                yield time_s, frame.to_ndarray(format="rgb24")
    except DataError:
        raise
    except (av.error.FFmpegError, ValueError, OverflowError, LookupError) as error:
        raise StudyError(f"{path} cannot be decoded as video ({error}).") from error


def _stamped(path: Path, container: Any) -> Iterator[tuple[float, Any]]:
    """Yield pictures with their stamps, in seconds from the first: the rate may change."""
    if not container.streams.video:
        kinds = [stream.type for stream in container.streams]
        raise StudyError(f"{path} has no video stream; it has {kinds}.")
    stream, first = container.streams.video[0], None
    stream.thread_type = "AUTO"
    for frame in container.decode(stream):
        if frame.time is None:
            continue
        first = frame.time if first is None else first
        if abs(frame.time - first) > _LONGEST_S:
            raise StudyError(
                f"{path}: a picture has its stamp {frame.time - first:.0f} s after the first: it "
                "is damaged."
            )
        yield frame.time - first, frame
    if first is None:
        raise StudyError(f"{path} holds no picture.")


def _nearest(stamped: Iterator[tuple[float, Any]], step_s: float) -> Iterator[tuple[float, Any]]:
    number = 0
    before_s, before = -np.inf, None
    for time_s, frame in stamped:
        # The one before is nearer to a moment that lies less than half way to this one.
        while before is not None and number * step_s < (before_s + time_s) / 2:
            if abs(before_s - number * step_s) <= step_s / 2:
                yield number * step_s, before
            number += 1
        before_s, before = time_s, frame
    while abs(before_s - number * step_s) <= step_s / 2:
        yield number * step_s, before
        number += 1


def square(picture: UInt8[np.ndarray, "H W 3"], size: int) -> Float[np.ndarray, "3 S S"]:
    """Return a picture as CLIP takes it: the shorter side `size` pixels (bicubic), the middle cut
    out, normalised."""
    from PIL import Image

    image = Image.fromarray(picture)
    scale = size / min(image.size)
    wide, high = (max(size, round(side * scale)) for side in image.size)
    image = image.resize((wide, high), Image.Resampling.BICUBIC)
    left, top = (wide - size) // 2, (high - size) // 2
    cut = np.asarray(image.crop((left, top, left + size, top + size)), dtype=np.float32) / 255.0
    return np.ascontiguousarray(((cut - _MEAN) / _DEVIATION).transpose(2, 0, 1))


def _refuse_elsewhere(folder: Path, path: Path) -> None:
    """Raise DataError for a video outside of its study: its table may come from a stranger."""
    if not path.is_relative_to(folder):
        raise StudyError(
            f"{folder / VIDEOS} names {printable(path, 200)}, which lies outside of the study. Put "
            f"the video into the "
            "study's folder."
        )
    inside(folder, path.relative_to(folder).as_posix())


def _videos(folder: Path) -> dict[str, tuple[Path, float]]:
    path = folder / VIDEOS
    table = read_table(path, ("recording", "file", "start_s"))
    lasts = durations(folder)
    out: dict[str, tuple[Path, float]] = {}
    texts = (text_column(path, table, name) for name in ("recording", "file"))
    rows = zip(*texts, number_column(path, table, "start_s").tolist(), strict=True)
    for number, (recording, file, start_s) in enumerate(rows):
        if not recording or not file or not np.isfinite(start_s):
            raise StudyError(f"{path}: row {number} is incomplete: {recording}, {file}, {start_s}.")
        refuse_stranger(path, number, recording, lasts)
        out[recording] = (folder / file, float(start_s))
    return out

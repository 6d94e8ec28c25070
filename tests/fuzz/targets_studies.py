"""Study folders and what lies in them: study.json, streams, segments, modality files, caches,
journals, markers."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.target import Target

CACHE = ("study/.cache",)


def small_study(folder: Path, people: int = 2) -> Any:
    """A study of a few seconds: two wrists, three activities."""
    from toy import write_toy_study

    return write_toy_study(folder / "study", people=people, seconds_each=2.0)


def _study(folder: Path) -> None:
    small_study(folder)


def _read_study(given: Path, out: Path, harmed: str) -> Any:
    from otolith import Study

    study = Study.load(given / "study")
    facts = study.info()
    del facts["hash"]  # of the bytes of study.json, whose layout may change
    return list(study), facts, study.rows


def _modalities(folder: Path) -> None:
    from toy import add_modalities

    from otolith.data.paired import write_modality
    from otolith.data.study_check import verify_study

    study = small_study(folder)
    add_modalities(study.folder, without=("p1-1",))
    for recording in study:
        time_s = np.arange(0.0, recording.duration_s, 0.1)
        write_modality(study.folder, "pose", recording.id, {"time_s": time_s} | _pose(len(time_s)))
    verify_study(study.folder, accept_edits=True)  # study.json vouches for them from now on


@cache
def _pose(frames: int) -> dict[str, np.ndarray]:
    from otolith.data.skeleton import JOINTS

    rng = np.random.default_rng(0)
    return {f"{joint}.{axis}": rng.normal(size=frames) for joint in JOINTS[:22] for axis in "xyz"}


def _texts(given: Path, out: Path, harmed: str) -> Any:
    from otolith import Study
    from otolith.data.paired import read_texts

    return read_texts(given / "study"), Study.load(given / "study").modalities


def _poses(given: Path, out: Path, harmed: str) -> Any:
    from otolith import Study
    from otolith.data.paired import read_modality

    return [
        read_modality(given / "study", "pose", entry["id"])
        for entry in Study.load(given / "study").entries
    ]


def _cut(folder: Path) -> None:
    """With the store that windows are cut from, so that no case has to make it."""
    from otolith import Study

    _modalities(folder)
    Study.load(folder / "study").windows()


def _vectors(given: Path, out: Path, harmed: str) -> Any:
    from otolith import Study
    from otolith.learn import modalities as modalities

    found = modalities.FAMILY.resolve("vectors")(name="video").vectors(
        Study.load(given / "study").windows()
    )
    return found.values, found.present


def _pose_vector(given: Path, out: Path, harmed: str) -> Any:
    from otolith import Study
    from otolith.learn import modalities as modalities

    found = modalities.FAMILY.resolve("pose_vector")().vectors(
        Study.load(given / "study").windows()
    )
    return found.values, found.present


def _npy(folder: Path) -> None:
    from otolith import Study

    small_study(folder)
    windows = Study.load(folder / "study").windows()
    np.save(
        folder / "vectors.npy",
        np.random.default_rng(0).normal(size=(len(windows), 8)).astype(np.float32),
    )


def _vectors_npy(given: Path, out: Path, harmed: str) -> Any:
    from otolith import Study
    from otolith.learn import modalities as modalities

    file = str(given / "vectors.npy")
    found = modalities.FAMILY.resolve("vectors")(file=file).vectors(
        Study.load(given / "study").windows()
    )
    if not np.isfinite(found.values).all():
        raise AssertionError("vectors that are not finite")
    return found.values, found.present


def _film(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from toy_film import film

    from otolith.data.study_check import verify_study

    small_study(folder, people=1)
    (folder / "study" / "partners").mkdir(exist_ok=True)
    film(folder / "study" / "partners" / "a.mp4", seconds=1.0)
    rows = {"recording": ["p0-1"], "file": ["partners/a.mp4"], "start_s": [0.0]}
    pq.write_table(pa.table(rows), folder / "study" / "partners" / "video_files.parquet")
    verify_study(folder / "study", accept_edits=True)


def _pictures(given: Path, out: Path, harmed: str) -> Any:
    from otolith.learn.modalities.clip_video import frames

    return [
        (time_s, picture) for time_s, picture in frames(given / "study" / "partners" / "a.mp4", 0.2)
    ]


def _video_files(given: Path, out: Path, harmed: str) -> Any:
    """A model that sees only how large pictures are."""
    from otolith import Study
    from otolith.learn.modalities.clip_video import ClipVideo

    class Sizes(ClipVideo):
        dimension = 2  # type: ignore[assignment]

        def _look(self, pictures: list[np.ndarray]) -> np.ndarray:
            return np.array([picture.shape[:2] for picture in pictures], dtype=np.float32)

    found = Sizes().vectors(Study.load(given / "study").windows())
    return found.values, found.present


def _windows(given: Path, out: Path, harmed: str) -> Any:
    """A damaged cache is made again, and the windows are those that they were."""
    from otolith import Study

    return Study.load(given / "study").windows().values()


def _arrays(folder: Path) -> None:
    from otolith.core.caches import write_arrays

    rng = np.random.default_rng(0)
    write_arrays(
        folder / "made.cache",
        "this",
        {"a": [1, 2]},
        {"x": rng.normal(size=(40, 3)), "n": np.arange(9)},
    )


def _read_arrays(given: Path, out: Path, harmed: str) -> Any:
    from otolith.core.caches import read_arrays
    from otolith.core.errors import ReadError

    found = read_arrays(given / "made.cache", "this")
    if found is None:
        raise ReadError("it is made again")
    return found


def _simulated(folder: Path) -> None:
    from otolith.motion.simulation.simulate_study import SimulateConfig, simulate_study

    config = SimulateConfig(bodies=1, rate_hz=25.0, pose_rate_hz=10.0)
    simulate_study(["procedural:walking", "procedural:squat"], folder / "study", config)
    lines = (folder / "study" / "simulated.jsonl").read_text(encoding="utf-8")
    (folder / "as_written.txt").write_text(lines, encoding="utf-8")


def _journal(given: Path, out: Path, harmed: str) -> Any:
    """A journal is opened again: a line counts as it was written, or not at all."""
    from otolith.core.errors import ReadError
    from otolith.core.files import SEAL
    from otolith.core.ownership import owned
    from otolith.motion.simulation.journal import Journal

    lines = (given / "as_written.txt").read_text(encoding="utf-8").splitlines()
    settings = json.loads(lines[0])["settings"]
    written = [{k: v for k, v in json.loads(line).items() if k != SEAL} for line in lines[1:]]
    with owned(given / "study", "study") as mine:
        journal = Journal(mine, settings)
        found = list(journal.lines())
    strange = [line["id"] for line in found if line not in written]
    if strange:
        raise AssertionError(f"lines that nobody wrote: {strange}")
    if len(found) < len(written):
        raise ReadError(
            f"{len(written) - len(found)} lines are not there, and what they speak of is made again"
        )
    latest = {
        str(line["id"]): line for line in found
    }  # of an id that occurs twice the later line counts
    return sorted(latest.items())


def _owned(folder: Path) -> None:
    """A study that a user's own files stand in."""
    from fuzz.targets_tables import _csv

    (folder / "tables").mkdir()
    _csv(folder / "tables")
    from otolith.data.readers import import_tables

    import_tables(folder / "tables", folder / "tables" / "mapping.toml", folder / "study")
    for name in MINE:
        path = folder / "study" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("my own\n")


MINE = (
    "notes.txt",
    "recordings/mine.csv",
    "recordings/mine.parquet",
    "partners/mine.parquet",
    "films/mine.mp4",
)


def _overwrite(given: Path, out: Path, harmed: str) -> Any:
    """Whatever a marker or study.json says, what is the user's stays."""
    from otolith.core.errors import OtolithError
    from otolith.data.readers import import_tables

    try:
        import_tables(
            given / "tables", given / "tables" / "mapping.toml", given / "study", overwrite=True
        )
    except OtolithError:
        refused = True
        raise
    else:
        refused = False
    finally:
        lost = [name for name in MINE if not (given / "study" / name).is_file()]
        lost += [
            name
            for name in MINE
            if name not in lost and (given / "study" / name).read_text() != "my own\n"
        ]
        if lost:
            raise AssertionError(f"the user's files are gone or changed: {', '.join(lost)}")
    return refused


def reseal(given: Path, harmed: str) -> None:
    """Make every hash that study.json holds fit the files again."""
    from otolith.core.files import SEAL, content_digest, file_digest

    path = given / "study" / "study.json"
    content = json.loads(path.read_bytes())
    for name, facts in _files_of(content):
        file = given / "study" / name
        if file.is_file():
            facts |= {"sha256": file_digest(file), "bytes": file.stat().st_size}
    content[SEAL] = content_digest(content)
    path.write_text(json.dumps(content))


def _files_of(tree: Any, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every file that study.json vouches for: named by the entry itself, or by the key that it
    stands under."""
    if isinstance(tree, list):
        return [one for inner in tree for one in _files_of(inner)]
    if not isinstance(tree, dict):
        return []
    file = tree.get("file", name)
    own = [(file, tree)] if isinstance(file, str) and "sha256" in tree else []
    return own + [one for key, inner in tree.items() for one in _files_of(inner, key)]


def _ours(name: str, write: Callable[[Path], None], read: Any, *harmed: str, **more: Any) -> Target:
    return Target(
        name, write, read, promise="ours", harmed=harmed, writes=more.pop("writes", CACHE), **more
    )


TARGETS = (
    _ours("study_json", _study, _read_study, "study/study.json", reseal=reseal),
    _ours("study_streams", _study, _read_study, "study/recordings/*", reseal=reseal),
    _ours("study_segments", _study, _read_study, "study/segments.parquet", reseal=reseal),
    _ours(
        "modality_texts", _modalities, _texts, "study/partners/text.parquet", reseal=reseal,
        covers=("modality minilm", "modality sentence", "modality clip_text"),
    ),
    _ours("modality_poses", _modalities, _poses, "study/partners/pose/*", reseal=reseal),
    _ours(
        "modality_pose_vector", _cut, _pose_vector, "study/partners/pose/*", reseal=reseal,
        covers=("modality pose_vector",),
    ),
    _ours(
        "modality_vectors", _cut, _vectors, "study/partners/video.parquet", reseal=reseal, covers=("modality vectors",),
    ),
    Target(
        "modality_vectors_npy", _npy, _vectors_npy, ("modality vectors",), "rest", ("vectors.npy",), factors=(),
        writes=CACHE,
    ),
    _ours(
        "modality_video_files", _film, _video_files, "study/partners/video_files.parquet", reseal=reseal,
        covers=("modality clip_video",),
    ),
    Target("film", _film, _pictures, ("modality clip_video",), "rest", ("study/partners/a.mp4",), factors=()),
    _ours("store", _cut, _windows, "study/.cache/*"),
    _ours("cache_arrays", _arrays, _read_arrays, "made.cache"),
    _ours("journal", _simulated, _journal, "study/simulated.jsonl", writes=("study",)),
    Target(
        "overwrite", _owned, _overwrite, (), "rest", ("study/study.json", "study/.*"), factors=(),
        writes=("study",),
    ),
)  # fmt: skip

"""CLIP's two towers on a tiny random model, and pictures out of videos that this writes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy import write_toy_study
from toy_film import film

from otolith import Study
from otolith.core.errors import ConfigError, DataError, OtolithWarning, StudyError
from otolith.data.windows import Windows
from otolith.learn.modalities.clip_text import ClipText
from otolith.learn.modalities.clip_video import ClipVideo, frames, square

av = pytest.importorskip("av")
transformers = pytest.importorskip("transformers")


def test__frames__even_rate__one_picture_a_moment(tmp_path: Path) -> None:
    found = list(frames(film(tmp_path / "a.mp4"), 0.1))
    np.testing.assert_allclose(
        [time_s for time_s, _ in found], np.arange(61) * 0.1, atol=1e-9
    )  # the last picture is 40 ms before
    light = np.array([picture.mean() for _, picture in found])
    np.testing.assert_allclose(light, 20 + 200 * np.arange(61) * 0.1 / 6.0, atol=6.0)


def test__frames__rate_that_changes__times_stay_true(tmp_path: Path) -> None:
    found = list(frames(film(tmp_path / "a.mkv", dropped=slice(50, 100)), 0.1))
    times = np.array([time_s for time_s, _ in found])
    assert not ((times > 2.06) & (times < 3.94)).any()  # two seconds without a picture give none
    light = np.array([picture.mean() for _, picture in found])
    np.testing.assert_allclose(light, 20 + 200 * times / 6.0, atol=6.0)


def test__frames__no_picture_in_it__says_so(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(StudyError, match="no video stream"):
        list(frames(tmp_path / "sound.mkv", 0.1))
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    with pytest.raises(StudyError, match="cannot be decoded"):
        list(frames(tmp_path / "junk.mp4", 0.1))


def test__square__any_shape__the_middle_of_the_picture() -> None:
    picture = np.zeros((40, 100, 3), dtype=np.uint8)
    picture[:, 45:55] = 255
    found = square(picture, 32)
    assert found.shape == (3, 32, 32) and found.dtype == np.float32
    assert found[0, 16, 16] == pytest.approx((1 - 0.48145466) / 0.26862954, abs=1e-3)
    assert found[0, 16, 0] == pytest.approx(-0.48145466 / 0.26862954, abs=1e-3)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study", people=2, seconds_each=4.0)


def filmed(study: Study, file: str, start_s: float = 1.0) -> None:
    (study.folder / "partners").mkdir(exist_ok=True)
    table = pa.table({"recording": [study.entries[0]["id"]], "file": [file], "start_s": [start_s]})
    pq.write_table(table, study.folder / "partners" / "video_files.parquet")


def test__clip_video__windows__get_the_mean_of_their_own_frames(
    clip: str, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(study.folder / "film.mp4")
    filmed(study, "film.mp4")
    modality = ClipVideo(model=clip)
    windows = study.windows(seconds=2.0, overlap=0.0, label_rule="unlabelled", labels=())
    found = modality.vectors(windows)
    own = windows.recording == study.entries[0]["id"]
    assert found.present[own].tolist() == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]  # 1 of the 2 seconds at the end
    assert not found.present[~own].any()
    np.testing.assert_allclose(np.linalg.norm(found.values[found.present], axis=1), 1.0, atol=1e-5)
    pictures = [
        picture
        for time_s, picture in frames(study.folder / "film.mp4", 0.1)
        if 0.95 <= time_s < 2.95
    ]
    mean = modality._look(pictures).mean(axis=0)
    np.testing.assert_allclose(found.values[own][0], mean / np.linalg.norm(mean), atol=1e-5)
    monkeypatch.setattr(
        ClipVideo, "_encode", None
    )  # what was looked at once is kept, for any other cut too
    np.testing.assert_array_equal(ClipVideo(model=clip).vectors(windows).values, found.values)
    other = study.windows(seconds=1.0, overlap=0.0, label_rule="unlabelled", labels=())
    assert ClipVideo(model=clip).vectors(other).present.sum() == 5


def test__clip_video__a_damaged_cache_or_another_film__is_looked_at_again(
    clip: str, study: Study
) -> None:
    film(study.folder / "film.mp4")
    filmed(study, "film.mp4")
    windows = study.windows(seconds=2.0)
    first = ClipVideo(model=clip).vectors(windows)
    (kept,) = (study.folder / ".cache" / "partners").glob("video-*.cache")
    kept.write_bytes(kept.read_bytes()[:-4])
    with pytest.warns(OtolithWarning, match=r"video-\w+\.cache cannot be used .* it is made again"):
        np.testing.assert_array_equal(ClipVideo(model=clip).vectors(windows).values, first.values)
    film(study.folder / "film.mp4", seconds=2.0)  # another film under that name
    assert ClipVideo(model=clip).vectors(windows).present.sum() < first.present.sum()


def test__clip_video__shorter_than_half_a_window__has_no_vector(clip: str, study: Study) -> None:
    film(study.folder / "film.mp4", seconds=0.8)
    filmed(study, "film.mp4", start_s=0.0)
    found = ClipVideo(model=clip).vectors(study.windows(seconds=2.0))
    assert not found.present.any() and found.dimension == 12


def test__clip_video__one_study_of_two_is_filmed__the_other_has_none(
    clip: str, study: Study, tmp_path: Path
) -> None:
    film(study.folder / "film.mp4")
    filmed(study, "film.mp4", start_s=0.0)
    shutil.copytree(
        study.folder, tmp_path / "b", ignore=shutil.ignore_patterns(".cache", "partners")
    )
    other = replace(Study.load(tmp_path / "b"), name="b")
    both = Windows.concatenate([study.windows(seconds=2.0), other.windows(seconds=2.0)])
    present = ClipVideo(model=clip).vectors(both).present
    assert present[: len(both) // 2].any() and not present[len(both) // 2 :].any()


@pytest.mark.parametrize("how", ["absolute", "above", "link"])
def test__clip_video__a_film_outside_of_the_study__is_not_opened(
    how: str, clip: str, study: Study, tmp_path: Path
) -> None:
    elsewhere = film(tmp_path / "private.mp4")
    (study.folder / "film.mp4").symlink_to(elsewhere)
    filmed(study, {"absolute": str(elsewhere), "above": "../private.mp4", "link": "film.mp4"}[how])
    with pytest.raises(
        DataError, match=r"outside of the study|cannot name a file|link that leads out"
    ):
        ClipVideo(model=clip).vectors(study.windows(seconds=2.0))


@pytest.mark.parametrize("name", ["list.m3u8", "film.mp4", "list.ffconcat"])
def test__frames__a_playlist_that_names_another_file__is_not_followed(
    name: str, tmp_path: Path
) -> None:
    film(tmp_path / "private.mp4")
    said = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nprivate.mp4\n#EXT-X-ENDLIST\n"
    (tmp_path / name).write_text(
        "ffconcat version 1.0\nfile private.mp4\n" if "concat" in name else said
    )
    with pytest.raises(StudyError, match="cannot be decoded"):
        list(frames(tmp_path / name, 0.1))


def test__clip_video__row_of_another_study__is_named(clip: str, study: Study) -> None:
    filmed(study, "film.mp4")
    table = pq.read_table(study.folder / "partners" / "video_files.parquet")
    pq.write_table(
        table.set_column(0, "recording", [["nobody"]]),
        study.folder / "partners" / "video_files.parquet",
    )
    with pytest.raises(StudyError, match="row 0 is of recording 'nobody'"):
        ClipVideo(model=clip).vectors(study.windows(seconds=2.0))


def test__clip_video__row_without_a_start__is_named(clip: str, study: Study) -> None:
    filmed(study, "film.mp4", start_s=float("nan"))
    with pytest.raises(StudyError, match="row 0 is incomplete"):
        ClipVideo(model=clip).vectors(study.windows(seconds=2.0))


def test__clip_video__another_model_in_the_same_folder__is_asked_again(
    clip: str, study: Study, tmp_path: Path
) -> None:
    film(study.folder / "film.mp4")
    filmed(study, "film.mp4", start_s=0.0)
    shutil.copytree(clip, tmp_path / "model")
    windows = study.windows(seconds=2.0)
    first = ClipVideo(model=str(tmp_path / "model")).vectors(windows)
    loaded = transformers.CLIPModel.from_pretrained(tmp_path / "model")
    loaded.visual_projection.weight.data.neg_()
    loaded.save_pretrained(tmp_path / "model")
    second = ClipVideo(model=str(tmp_path / "model")).vectors(windows)
    np.testing.assert_allclose(second.values, -first.values, atol=1e-5)


def test__clip_video__missing_file_or_table__is_named(clip: str, study: Study) -> None:
    windows = study.windows(seconds=2.0)
    with pytest.raises(StudyError, match="recording, file, start_s"):
        ClipVideo(model=clip).vectors(windows)
    filmed(study, "gone.mp4")
    with pytest.raises(StudyError, match=r"gone.mp4 is not there"):
        ClipVideo(model=clip).vectors(windows)
    with pytest.raises(ConfigError, match="frames_per_second"):
        ClipVideo(frames_per_second=0.0)


def test__clip_text__words__are_unit_vectors_and_long_ones_told(clip: str) -> None:
    modality = ClipText(model=clip)
    vectors = modality.encode(["walking", "sitting stairs"])
    assert vectors.shape == (2, 12) == (2, modality.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    with pytest.warns(OtolithWarning, match="longer than the 8 tokens"):
        modality.encode(["walking " * 30])


def test__clip__model_that_is_not_there__says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vectors of your own"):
        ClipText(model=str(tmp_path / "none")).encode(["walking"])


def test__frames__metadata_that_are_no_text__and_stamps_years_apart__end_in_our_errors(
    tmp_path: Path,
) -> None:
    path = film(tmp_path / "a.mp4", seconds=1.0)
    content = bytearray(path.read_bytes())
    content[content.index(b"Lavf")] = 0xB4  # the name of the program that wrote it
    path.write_bytes(content)
    assert len(list(frames(path, 0.2))) == 6
    durations = content.index(b"stts")
    content[durations + 12 : durations + 16] = (2**30).to_bytes(4, "big")
    path.write_bytes(content)
    try:
        assert len(list(frames(path, 0.2))) <= 6
    except StudyError as error:
        assert "damaged" in str(error) or "decoded" in str(error)

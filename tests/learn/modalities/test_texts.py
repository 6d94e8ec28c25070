"""The words of windows, and frozen models that read them."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy import BagOfWords, write_toy_study

from otolith import Study
from otolith.core.errors import ConfigError, OtolithWarning, StudyError
from otolith.data.paired import TEXTS, Text, read_texts, write_texts
from otolith.data.windows import Windows
from otolith.learn.modalities.minilm import MiniLM
from otolith.learn.modalities.sentence import Sentence
from otolith.learn.modalities.texts import texts_of


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study", people=2, seconds_each=4.0)


def words(
    study: Study, *texts: tuple[float, float, str] | tuple[float, float, str, str]
) -> Windows:
    id = study.entries[0]["id"]
    write_texts(study.folder, [Text(id, *text) for text in texts])
    return study.windows(seconds=2.0, overlap=0.0, label_rule="unlabelled", labels=())


def test__texts_of__the_text_that_covers_most__is_the_windows(study: Study) -> None:
    windows = words(study, (0.0, 2.5, "first"), (2.5, 5.0, "second"), (5.9, 6.1, "short"))
    found = texts_of(windows)
    assert found[:4] == ["first", "second", "second", "short"]
    assert set(found[4:]) == {""}  # the end of this recording, and the other one


def test__texts_of__two_that_cover_as_much__the_nearer_middle_wins(study: Study) -> None:
    windows = words(study, (0.0, 100.0, "long"), (0.5, 3.5, "near"), (-50.0, 50.0, "early"))
    assert (
        texts_of(windows)[0] == "early"
    )  # all of 0 to 2 s; its middle lies at 0 s, that of the first at 50 s
    assert texts_of(words(study, (0.0, 4.0, "its own"), (-6.0, 6.0, "wider")))[0] in (
        "its own",
        "wider",
    )


def test__texts_of__blank_and_labels__are_left_out_when_asked(study: Study) -> None:
    windows = words(
        study, (0.0, 4.0, "  "), (0.0, 4.0, "walking", "label"), (4.0, 8.0, "seen", "diary")
    )
    assert texts_of(windows)[:3] == ["walking", "walking", "seen"]
    assert texts_of(windows, labels=False)[:3] == ["", "", "seen"]


def test__texts_of__windows_of_two_studies__each_read_their_own(
    study: Study, tmp_path: Path
) -> None:
    first = words(study, (0.0, 4.0, "ours"))
    shutil.copytree(study.folder, tmp_path / "b", ignore=shutil.ignore_patterns(".cache"))
    other = replace(Study.load(tmp_path / "b"), name="b")
    second = words(other, (0.0, 4.0, "theirs"))
    both = Windows.concatenate([first, second])
    found = dict(zip(both.recording, texts_of(both), strict=True))
    assert set(texts_of(both)) == {"ours", "theirs", ""}
    assert texts_of(both[len(first) :])[0] == "theirs"
    assert len(found) == 4


def test__texts_of__two_parts_of_one_study__are_both_read(study: Study) -> None:
    windows = words(study, (0.0, 4.0, "ours"))
    both = Windows.concatenate([windows[2:4], windows[:2]])
    assert texts_of(both) == ["", "", "ours", "ours"]


def test__texts_of__windows_of_arrays__have_none() -> None:
    made = Windows.from_array(np.zeros((3, 1, 50)), rate_hz=50.0, channels=["left_wrist.acc.x"])
    assert texts_of(made) == ["", "", ""]


def test__read_texts__damaged__says_which_row(study: Study) -> None:
    first, second = (entry["id"] for entry in study.entries)
    write_texts(study.folder, [Text(first, 0.0, 1.0, "x"), Text(second, 3.0, 2.0, "y")])
    with pytest.raises(StudyError, match=r"row 1 .* 3.0 to 2.0 s"):
        read_texts(study.folder)
    (study.folder / TEXTS).write_bytes(b"PAR1 no more")
    with pytest.raises(StudyError, match="damaged"):
        read_texts(study.folder)


def test__read_texts__rows_that_do_not_line_up__are_named(study: Study) -> None:
    first, second = (entry["id"] for entry in study.entries)
    write_texts(study.folder, [Text(first, 0.0, 1.0, "x"), Text(f"{second}x", 0.0, 1.0, "y")])
    with pytest.raises(
        StudyError, match=rf"row 1 is of recording '{second}x', which the study has not"
    ):
        read_texts(study.folder)
    write_texts(
        study.folder,
        [Text(first, 0.0, 1.0, "x"), Text(first, 90.0, 91.0, "after the end, as notes may be")],
    )
    assert len(read_texts(study.folder)[first]) == 2
    write_texts(study.folder, [Text(first, 1.6e9, 1.6e9 + 5.0, "on another clock")])
    with pytest.raises(
        StudyError, match=r"go from 1600000000.0 to .* the recording from 0 to 12.0 s"
    ):
        read_texts(study.folder)


def test__minilm__sentences_that_mean_alike__lie_near_and_work_offline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    vectors = MiniLM().encode(
        ["a person walks upstairs", "someone climbs the stairs", "washing the dishes"]
    )
    assert vectors.shape == (3, MiniLM.dimension) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test__minilm__long_text_and_other_languages__are_read_and_told_once() -> None:
    with pytest.warns(OtolithWarning, match="1 of 3 texts are longer than the 256 tokens") as told:
        vectors = MiniLM().encode(["walk " * 2000, "eine Person geht", "人が歩く"])
    assert len(told) == 1
    assert np.isfinite(vectors).all()


def test__vectors__texts__are_kept_and_only_new_ones_are_read(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    encode = MiniLM.encode

    def counted(self: MiniLM, texts: Sequence[str]) -> np.ndarray:
        asked.append(list(texts))
        return encode(self, texts)

    monkeypatch.setattr(MiniLM, "encode", counted)
    windows = words(study, (0.0, 4.0, "walking"), (4.0, 8.0, "resting"))
    first = MiniLM().vectors(windows)
    again = MiniLM().vectors(windows)
    more = MiniLM().vectors(words(study, (0.0, 4.0, "walking"), (4.0, 8.0, "running")))
    assert asked == [["resting", "walking"], ["running"]]
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.values[0], more.values[0])
    assert first.present.sum() == 4
    assert (first.values[~first.present] == 0).all()


def test__vectors__all_kept__the_model_need_not_be_there(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = words(study, (0.0, 4.0, "walking"))
    first = Sentence(model=str(MiniLM()._folder)).vectors(windows)
    monkeypatch.setattr(Sentence, "_model", None)
    np.testing.assert_array_equal(
        Sentence(model=str(MiniLM()._folder)).vectors(windows).values, first.values
    )


def test__vectors__no_text_at_all__nothing_is_present(study: Study) -> None:
    found = MiniLM().vectors(study.windows(seconds=2.0))
    assert not found.present.any() and found.dimension == 384


def test__sentence__model_that_is_not_there__says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="minilm"):
        Sentence(model=str(tmp_path / "nothing")).encode(["walking"])


def test__sentence__instruction__changes_the_vector() -> None:
    folder = str(MiniLM()._folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OtolithWarning)
        plain, told = (
            Sentence(model=folder, instruction=what).encode(["walking"])
            for what in ("", "Represent the activity")
        )
    assert 0.2 < float(plain[0] @ told[0]) < 0.99


def test__vectors__a_damaged_cache__is_made_again_with_a_word(study: Study) -> None:
    windows = words(study, (0.0, 4.0, "ours"), (4.0, 8.0, "theirs"))
    first = BagOfWords().vectors(windows)
    (kept,) = (study.folder / ".cache" / "partners").glob("text-*.cache")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    with pytest.warns(
        OtolithWarning,
        match=r"text-\w+\.cache cannot be used \(its content is damaged\); it is made",
    ):
        again = BagOfWords().vectors(windows)
    np.testing.assert_array_equal(again.values, first.values)
    np.testing.assert_array_equal(
        BagOfWords().vectors(windows).values, first.values
    )  # and there is nothing to say


@pytest.mark.parametrize("column", ["recording", "start_s", "end_s", "text"])
def test__read_texts__columns_of_another_type__are_told(column: str, study: Study) -> None:
    words(study, (0.0, 4.0, "ours"))
    table = pq.read_table(study.folder / TEXTS)
    odd = pa.array([b"x" if column in ("recording", "text") else "x"] * len(table))
    pq.write_table(
        table.set_column(table.column_names.index(column), column, odd), study.folder / TEXTS
    )
    with pytest.raises(StudyError, match=rf"column {column} holds"):
        read_texts(study.folder)


def test__modalities__file_that_study_json_vouches_for_and_is_gone__is_told(tmp_path: Path) -> None:
    from otolith.data.study_check import verify_study

    study = write_toy_study(tmp_path / "study", people=2, seconds_each=2.0)
    assert read_texts(study.folder) == {} and study.modalities == {}
    write_texts(study.folder, [Text("p0-1", 0.0, 1.0, "rests")])
    verify_study(study.folder, accept_edits=True)
    (study.folder / TEXTS).unlink()
    with pytest.raises(StudyError, match="is missing"):
        read_texts(study.folder)
    with pytest.raises(StudyError, match="is missing"):
        assert Study.load(study.folder).modalities

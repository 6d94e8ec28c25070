"""Nothing of the user's is deleted or overwritten: what we write into is ours by a marker, file by
file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toy import write_toy_study

from otolith.core.errors import DataError
from otolith.core.files import SEAL
from otolith.core.locks import only_writer
from otolith.core.ownership import MARKER, claim, owned
from otolith.data.paired import Text, write_texts
from otolith.data.study import Study
from otolith.motion.simulation.journal import FILE
from otolith.motion.simulation.simulate_study import SimulateConfig, simulate_study

SHORT = ("procedural:walking",)


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with files of the user's own, named as ours would be."""
    folder = tmp_path / "mine"
    for name in (
        "recordings/mine.parquet",
        "recordings/p0.left_wrist.parquet",
        "segments.parquet",
        "partners/pose/a.parquet",
        "results.csv",
        ".cache/notes",
        "film.mp4",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    return folder


@pytest.mark.parametrize("overwrite", [False, True])
def test__simulate__into_a_folder_of_other_files__is_refused_and_all_stay(
    mine: Path, overwrite: bool
) -> None:
    before = everything(mine)
    with pytest.raises(DataError, match="did not write"):
        simulate_study(SHORT, mine, overwrite=overwrite)
    assert everything(mine) == before


def test__write_study__into_a_folder_of_other_files__is_refused_and_all_stay(mine: Path) -> None:
    before = everything(mine)
    with pytest.raises(DataError, match="did not write"):
        write_toy_study(mine)
    assert everything(mine) == before


@pytest.mark.parametrize("config", [SimulateConfig(), SimulateConfig(seed=1)])
def test__simulate__over_a_study_with_files_of_the_users__keeps_them(
    tmp_path: Path, config: SimulateConfig
) -> None:
    out = tmp_path / "out"
    simulate_study(SHORT, out)
    own = {
        name: out / name
        for name in (
            "recordings/mine.parquet",
            "partners/pose/mine.parquet",
            "notes.csv",
            "a/b.mp4",
        )
    }
    for path in own.values():
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    simulate_study(("procedural:squat",), out, config, overwrite=True)
    assert all(path.read_text() == "mine" for path in own.values())
    assert len(list((out / "recordings").glob("*.parquet"))) == 1 + 2, (
        "what the older simulation wrote is gone"
    )


def test__write_study__over_an_older_one__removes_what_that_one_named_only(tmp_path: Path) -> None:
    out = write_toy_study(tmp_path / "out").folder
    write_texts(out, [Text("p0", 0.0, 1.0, "words")])
    (out / "recordings" / "p0.mine.parquet").write_text("mine")
    simulate_study(SHORT, out, overwrite=True)
    assert (out / "recordings" / "p0.mine.parquet").read_text() == "mine"
    assert len(Study.load(out)) == 1
    named = {
        Path(stream["file"]).name
        for entry in Study.load(out).entries
        for stream in entry["streams"]
    }
    assert {path.name for path in (out / "recordings").iterdir()} == named | {"p0.mine.parquet"}
    assert (
        not list((out / "partners").glob("*.parquet"))
        or (out / "partners" / "text.parquet").exists()
    )


def test__write_study__file_of_the_users_in_the_way__is_refused(tmp_path: Path) -> None:
    out = write_toy_study(tmp_path / "out").folder
    named = json.loads((out / "study.json").read_text())["recordings"][0]["streams"][0]["file"]
    marker = (out / MARKER).read_text().replace(json.dumps([named]) + "\n", "")
    (out / MARKER).write_text(marker)
    (out / "study.json").unlink()
    (out / named).write_text("mine")
    with pytest.raises(DataError, match="would be replaced"):
        write_toy_study(out)
    assert (out / named).read_text() == "mine"


def test__write_study__study_without_a_marker__is_known_by_its_study_json(tmp_path: Path) -> None:
    out = write_toy_study(tmp_path / "out").folder
    (out / MARKER).unlink()
    (out / "mine.txt").write_text("mine")
    write_toy_study(out)
    assert (out / MARKER).exists() and (out / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "link/outside.txt"])
def test__settle__hostile_marker__removes_nothing_outside(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.txt").write_text("mine")
    out = write_toy_study(tmp_path / "out").folder
    (out / "link").symlink_to(tmp_path)
    with (out / MARKER).open("a") as opened:
        opened.write(json.dumps([name]) + "\n")
    write_toy_study(out)
    assert (tmp_path / "outside.txt").read_text() == "mine" and Path("/etc/hostname").exists()


def test__write_study__recordings_are_a_link_elsewhere__is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    out = write_toy_study(tmp_path / "out").folder
    for path in (out / "recordings").iterdir():
        path.rename(tmp_path / "elsewhere" / path.name)
    (out / "recordings").rmdir()
    (out / "recordings").symlink_to(tmp_path / "elsewhere")
    before = everything(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="link that leads out"):
        write_toy_study(out)
    assert everything(tmp_path / "elsewhere") == before


def test__owned__nothing_comes_of_it__leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), owned(tmp_path / "new", "study"):
        raise RuntimeError
    assert not (tmp_path / "new").exists()


def test__owned__other_kind_or_file__is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="is a file"), owned(tmp_path / "file", "study"):
        pass
    with owned(tmp_path / "results", "benchmark") as mine:
        mine.claim(["results.json"])
        (tmp_path / "results" / "results.json").touch()
    with pytest.raises(DataError, match="holds a benchmark"), owned(tmp_path / "results", "study"):
        pass


def test__claim__line_that_was_cut_off__is_dropped(tmp_path: Path) -> None:
    with owned(tmp_path / "out", "study") as mine:
        mine.claim(["a"])
        (tmp_path / "out" / "a").touch()
    with (tmp_path / "out" / MARKER).open("a") as opened:
        opened.write('["b')
    claim(tmp_path / "out", "c")
    (tmp_path / "out" / "b").write_text("mine")
    with owned(tmp_path / "out", "study") as mine:
        assert mine.named == {"a", "c"}
        with pytest.raises(DataError, match="would be replaced"):
            mine.claim(["b"])


def test__journal__damaged_lines_and_lost_files__are_made_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    whole = everything(simulate_study((*SHORT, "procedural:squat"), out).folder)
    lines = (out / FILE).read_bytes().splitlines(keepends=True)
    (out / FILE).write_bytes(lines[0] + b'{"id": 3}\n\xff\x00\n' + lines[1] + lines[2][:40])
    next((out / "recordings").iterdir()).unlink()
    again = everything(simulate_study((*SHORT, "procedural:squat"), out).folder)
    assert {name: content for name, content in again.items() if name != FILE} == {
        name: content for name, content in whole.items() if name != FILE
    }


def test__simulate__again_over_a_damaged_file__makes_that_recording_again(tmp_path: Path) -> None:
    study = simulate_study((*SHORT, "procedural:squat"), tmp_path / "out")
    whole = everything(study.folder)
    for file in sorted(study.checksums)[::3]:
        content = bytearray((study.folder / file).read_bytes())
        content[len(content) // 2] ^= 1
        (study.folder / file).write_bytes(content)
    again = everything(simulate_study((*SHORT, "procedural:squat"), study.folder).folder)
    assert {name for name, content in again.items() if content != whole[name]} <= {FILE}


def test__simulate__again_over_one_of_an_older_version__adds_what_that_lacks(
    tmp_path: Path,
) -> None:
    study = simulate_study(SHORT, tmp_path / "out")
    whole = everything(study.folder)
    header, *lines = map(json.loads, (study.folder / FILE).read_text().splitlines())
    for line in (header, *lines):
        del line[SEAL]
    for line in lines:
        for stream in line["entry"]["streams"]:
            del stream["bytes"]
        for part in line["entry"]["partners"].values():
            del part["bytes"], part["sha256"]
    (study.folder / FILE).write_text("".join(json.dumps(line) + "\n" for line in (header, *lines)))
    (study.folder / MARKER).unlink()
    inodes = {path: path.stat().st_ino for path in study.folder.glob("recordings/*")}
    again = simulate_study(SHORT, study.folder)
    assert everything(study.folder).keys() == whole.keys()
    assert again.hash == study.hash
    assert inodes == {path: path.stat().st_ino for path in study.folder.glob("recordings/*")}


def test__write_study__over_one_of_an_older_version__keeps_modality_files_brought_by_hand(
    tmp_path: Path,
) -> None:
    study = write_toy_study(tmp_path / "study", people=2)
    (study.folder / MARKER).unlink()
    own = ["partners/text.parquet", "partners/pose/p0-1.parquet", "partners/video.parquet"]
    for name in own:
        (study.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (study.folder / name).write_text("mine")
    write_toy_study(study.folder, people=1)
    assert {name: (study.folder / name).read_text() for name in own} == dict.fromkeys(own, "mine")
    assert not (study.folder / "recordings" / "p1-1.left_wrist.parquet").exists()


HOLD = """
import sys, time
from pathlib import Path
from otolith.core.files import atomic_folder, atomic_path
from otolith.core.ownership import owned
out = Path(sys.argv[1])
file, folder = atomic_path(out / "a.json"), atomic_folder(out / "folder", ())
with owned(out, "study"), file as one, folder as two:
    one.write_text("half"), (two / "x").write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test__owned__another_process_writes__is_refused_and_its_files_stay(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    with (
        pytest.raises(DataError, match="Another command is writing"),
        owned(tmp_path / "out", "study"),
    ):
        pass
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before


def test__owned__process_was_killed__its_leftovers_go(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    writer.kill()
    writer.wait()
    assert len(list((tmp_path / "out").glob(".*.otolith.tmp"))) == 2
    (tmp_path / "out" / ".other.tmp").write_text("mine")
    with owned(tmp_path / "out", "study"):
        assert not list((tmp_path / "out").glob(".*.otolith.tmp"))
        assert (tmp_path / "out" / ".other.tmp").read_text() == "mine"


def test__only_writer__waits__goes_on_when_the_other_has_ended(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from otolith.core.locks import only_writer\n"
        "with only_writer(pathlib.Path(sys.argv[1]), 'x', wait=True): print('in')"
    )
    with only_writer(tmp_path / ".lock", "x"):
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True
        )
        with only_writer(tmp_path / ".lock", "x"):
            assert other.poll() is None
    assert other.communicate(timeout=120)[0] == "in\n" and os.listdir(tmp_path) == []

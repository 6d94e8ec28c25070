"""A stranger's file: what it names is looked up in our tables, and nothing of his is imported,
called or fetched."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from resealed import edit_config
from typer.testing import CliRunner

from otolith import Report, Study
from otolith.cli.app import app
from otolith.cli.jobs import NOT_IN_RECIPES
from otolith.core.catalog import Family, trusted
from otolith.core.errors import CheckpointError, ConfigError, OtolithError, UnknownNameError
from otolith.core.files import write_json
from otolith.data.windows import Windows
from otolith.learn import encoders, heads, objectives
from otolith.learn import modalities as modalities
from otolith.learn.modalities._models import model_folder, refuse_code
from otolith.learn.modalities.alignment import Alignment, Role
from otolith.learn.modalities.sentence import Sentence
from otolith.learn.modalities.vectors import Vectors
from otolith.learn.training.checkpoint import CONFIG
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.measure.methods import Method, parse_method
from otolith.use.recogniser import Recogniser

EVIL = """
from pathlib import Path
from otolith.learn.encoders.tpn import TPN
from otolith.learn.heads.linear import LinearHead
from otolith.learn.modalities.pose_vector import PoseVector
Path(__file__).with_name("sprung").touch()
class Mine(TPN): pass
class Head(LinearHead): pass
class Modality(PoseVector): pass
def called(*given, **settings): Path(__file__).with_name("called").touch()
"""
HOSTILE = [
    *("subprocess:getoutput", "os:system", "builtins:eval", "pathlib:Path", "antigravity:fly"),
    *(
        "otolith.core.files:os",
        "otolith.cli.console:run",
        "otolith.learn.heads.linear:LinearHead",
        "otolith.learn.encoders.tpn:TPN",
    ),
    *(
        "otolith.learn.heads.linear:LinearHead.__init__",
        "evil_lab:Mine",
        "evil_lab.inner:Mine",
        ".evil_lab:Mine",
        "..:evil_lab",
    ),
    *(
        "evil_lab",
        "evil_lab.Mine",
        "evil_lab:",
        ":Mine",
        "evil_lab::Mine",
        " evil_lab:Mine",
        "evil_lab:Mine\n",
    ),
    *(
        "ｅvil_lab:Mine",
        "evіl_lab:Mine",
        "evil_lab:Mine\x1b[31m",
        "evil_lab:Mine\0",
        "",
        "a" * 100_000,
    ),
    *(["evil_lab:Mine"], {"evil_lab:Mine": 1}, None, 3, True, 0.5, [["tpn"]]),
]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that can be imported, and leaves a mark when it is."""
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "evil_lab.py").write_text(EVIL, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("evil_lab", None)


def quiet(lab: Path) -> bool:
    return (
        "evil_lab" not in sys.modules
        and not (lab / "sprung").exists()
        and not (lab / "called").exists()
    )


@pytest.fixture
def encoder(toy_windows: Windows, tmp_path: Path) -> Path:
    made = PretrainedEncoder.fresh(toy_windows, "tpn", seed=5)
    torch.manual_seed(0)
    made.alignment = Alignment(made.encoder.dimension, 8, {"text": Role("minilm", {}, 384)})
    made.save(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:40])
def test__a_file__names_what_is_in_no_table__nothing_is_imported(
    name: Any, encoder: Path, lab: Path
) -> None:
    before = set(sys.modules)
    for table in (
        encoders.FAMILY,
        encoders.MODALITY_ENCODERS,
        heads.FAMILY,
        modalities.FAMILY,
        objectives.FAMILY,
    ):
        with pytest.raises(UnknownNameError):
            table.stored(name)
    original = json.loads((encoder / CONFIG).read_text())
    changes: tuple[Callable[[dict[str, Any]], None], ...] = (
        lambda c: c["encoder"].update(name=name),
        lambda c: c["alignment"]["modalities"]["text"].update(modality=name),
    )
    for change in changes:
        write_json(encoder / CONFIG, original)
        edit_config(encoder, change)
        with pytest.raises(OtolithError):
            PretrainedEncoder.load(encoder)
    assert quiet(lab)
    assert not {
        n for n in set(sys.modules) - before if n.partition(".")[0] in ("antigravity", "evil_lab")
    }


def test__a_file__names_getoutput_as_modality__runs_no_command(
    encoder: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    edit_config(
        encoder,
        lambda c: c["alignment"]["modalities"].update(
            text={
                "modality": "subprocess:getoutput",
                "settings": {"cmd": f"touch {mark}"},
                "dimension": 384,
            }
        ),
    )
    with pytest.raises(UnknownNameError, match="Nothing was imported"):
        PretrainedEncoder.load(encoder)
    for trust in ((), None, ("my_lab",)):
        with pytest.raises(UnknownNameError):
            Role("subprocess:getoutput", {"cmd": f"touch {mark}"}, trust=trust).ask()
    assert not mark.exists()


def leaves(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    if isinstance(content, str):
        yield at
    for key, value in items:
        yield from leaves(value, (*at, key))


def put(content: Any, at: tuple[Any, ...], value: Any) -> Any:
    changed = json.loads(json.dumps(content))
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return changed


def test__a_checkpoint__any_text_replaced_by_a_path__nothing_is_imported(
    encoder: Path, lab: Path
) -> None:
    original = json.loads((encoder / CONFIG).read_text())
    for place in leaves(original):
        write_json(encoder / CONFIG, put(original, place, "evil_lab:Mine"))
        edit_config(encoder, lambda _: None)
        try:
            PretrainedEncoder.load(encoder)
        except OtolithError:
            continue
    assert quiet(lab)


def test__a_study_or_report__any_text_replaced_by_a_path__nothing_is_imported(
    toy_study: Study, tmp_path: Path, lab: Path
) -> None:
    import shutil

    folder = Path(shutil.copytree(toy_study.folder, tmp_path / "study"))
    original = json.loads((folder / "study.json").read_text())
    places = list(leaves(original))
    for place in [*places[:40], *places[40 :: max(1, len(places) // 40)]]:
        write_json(folder / "study.json", put(original, place, "evil_lab:Mine"))
        try:
            Study.load(folder).windows(seconds=1.0)
        except OtolithError:
            continue
    row = {
        "method": "evil_lab:Mine",
        "objective": "evil_lab:Mine",
        "encoder": "evil_lab:Mine",
        "head": "evil_lab:Mine",
    }
    write_json(
        tmp_path / "results.json",
        {"otolith_report": 1, "rows": [row], "studies": [], "methods": [row]},
    )
    with pytest.raises(OtolithError):
        Report.load(tmp_path)
    assert quiet(lab)


def test__trust__a_package_that_the_caller_names__is_loaded(
    toy_windows: Windows, tmp_path: Path, lab: Path
) -> None:
    from importlib import import_module

    made = PretrainedEncoder.fresh(toy_windows, import_module("evil_lab").Mine)
    made.save(tmp_path / "own")
    sys.modules.pop("evil_lab")
    (lab / "sprung").unlink()
    for trust in ((), ("evil",), ("evil_lab_more",), ("evil_lab.inner",), ("EVIL_LAB",)):
        with pytest.raises(UnknownNameError, match="--trust evil_lab"):
            PretrainedEncoder.load(tmp_path / "own", trust=trust)
    assert quiet(lab)
    assert PretrainedEncoder.load(tmp_path / "own", trust="evil_lab").name == "evil_lab:Mine"
    edit_config(tmp_path / "own", lambda c: c["encoder"].update(name="evil_lab:called"))
    with pytest.raises(UnknownNameError, match="no subclass of"):
        PretrainedEncoder.load(tmp_path / "own", trust=("evil_lab",))
    edit_config(tmp_path / "own", lambda c: c["encoder"].update(name="evil_lab:Head"))
    with pytest.raises(UnknownNameError, match="no subclass of"):
        PretrainedEncoder.load(tmp_path / "own", trust=("evil_lab",))
    assert not (lab / "called").exists()


@pytest.mark.parametrize(
    "name", ["subprocess", "os.path", "otolith", "otolith.core.files", "", " ", 3, None]
)
def test__trust__python_itself_or_nothing__is_refused(name: Any, encoder: Path) -> None:
    with pytest.raises(ConfigError, match="trust names"):
        trusted((name,))
    with pytest.raises(ConfigError, match="trust names"):
        PretrainedEncoder.load(encoder, trust=(name,))


def test__trust__said_in_the_file_itself__counts_for_nothing(encoder: Path, lab: Path) -> None:
    edit_config(
        encoder, lambda c: c.update(trust=["evil_lab"]) or c["encoder"].update(name="evil_lab:Mine")
    )
    with pytest.raises(UnknownNameError):
        PretrainedEncoder.load(encoder)
    edit_config(
        encoder,
        lambda c: (
            c["encoder"].update(name="tpn")
            or c["alignment"]["modalities"]["text"].update(
                modality="evil_lab:Modality", trust=["evil_lab"]
            )
        ),
    )
    with pytest.raises(CheckpointError, match="whom to trust"):
        PretrainedEncoder.load(encoder)
    assert quiet(lab) and "trust" in NOT_IN_RECIPES


def test__a_caller__names_what_is_no_member__is_told_before_it_is_called(lab: Path) -> None:
    tables = (
        encoders.FAMILY,
        encoders.MODALITY_ENCODERS,
        heads.FAMILY,
        modalities.FAMILY,
        objectives.FAMILY,
    )
    for table in tables:
        for given in ("evil_lab:called", "subprocess:getoutput", print, Path, object()):
            with pytest.raises(UnknownNameError, match="no subclass of"):
                table.resolve(given)
    with pytest.raises(UnknownNameError, match="no subclass of"):
        parse_method(
            Method("odd", objective="evil_lab:called").name,
            {"odd": {"objective": "evil_lab:called"}},
        )
    assert encoders.FAMILY.resolve("evil_lab:Mine").__name__ == "Mine"
    with pytest.raises(UnknownNameError, match="cannot be called"):
        Family("thing", {}).resolve("otolith.core.files:MAX_JSON_BYTES")
    assert not (lab / "called").exists()


def test__every_command_that_reads_a_checkpoint__takes_trust(encoder: Path) -> None:
    run = CliRunner()
    edit_config(encoder, lambda c: c["encoder"].update(name="my_lab.models:Mine"))
    for words in (
        ["adapt", str(encoder), "study", "--out", "o"],
        ["retrieve", str(encoder), "study"],
        ["recognise", str(encoder), "a.csv", "--labels", "walking,sitting"],
    ):
        told = run.invoke(app, words)
        assert told.exit_code == 2 and "--trust my_lab" in told.output, told.output
        trusting = run.invoke(app, [*words, "--trust", "my_lab"])
        assert trusting.exit_code == 2 and "needs my_lab, which is not installed" in trusting.output


def test__a_recogniser__with_a_head_of_a_stranger__is_refused_and_trusted(
    toy_windows: Windows, tmp_path: Path, lab: Path
) -> None:
    made = Recogniser("features", "logistic", device="cpu", threads=1).fit(toy_windows.few(2))
    made.save(tmp_path / "recogniser")
    edit_config(tmp_path / "recogniser", lambda c: c["head"].update(name="evil_lab:Head"))
    with pytest.raises(UnknownNameError, match="--trust evil_lab"):
        Recogniser.load(tmp_path / "recogniser")
    assert quiet(lab)
    with pytest.raises(
        OtolithError
    ):  # now imported, and found to be another kind of head than was saved
        Recogniser.load(tmp_path / "recogniser", trust="evil_lab")
    assert (lab / "sprung").exists()


@pytest.mark.parametrize("name", ["no-such-owner-of-mine/no-such-model", "gpt-nothing-like-it"])
def test__a_model__that_only_a_file_names__is_not_fetched(name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"nothing is fetched because a file says so.*--trust {name}"
    ):
        model_folder(name, ())


@pytest.mark.parametrize("how", ["absolute", "relative", "parent", "looks like a hub name"])
def test__a_folder_or_file__that_only_a_checkpoint_names__is_not_read(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_windows: Windows
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "model").mkdir(parents=True)
    name = {"absolute": str(tmp_path / "owner"), "relative": "./owner", "parent": "../owner"}.get(
        how, "owner/model"
    )
    with pytest.raises(ConfigError, match="because a file says so"):
        model_folder(name, ())
    role = Role("sentence", {"model": name}, 384, trust=())
    asked = role.ask()
    assert isinstance(asked, Sentence)
    with pytest.raises(ConfigError, match="because a file says so"):
        asked.encode(["walking"])
    reading = Role("vectors", {"file": str(tmp_path / "x.npy")}, 3, trust=()).ask()
    with pytest.raises(ConfigError, match="because a file says so"):
        reading.vectors(toy_windows)
    with pytest.raises(OtolithError, match="cannot name a file"):
        Vectors(name="../../elsewhere").vectors(toy_windows)
    if how != "parent":
        assert model_folder(name, (name,)) == model_folder(name, None) == Path(name)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "modeling_mine.Mine", "path": ""},
        {"type": "subprocess.getoutput", "path": ""},
        {"type": "sentence_transformers.util.misc.import_from_string", "path": ""},
        {"type": "sentence_transformers.models.Pooling", "path": "../elsewhere"},
        {"type": ["sentence_transformers.models.Pooling"], "path": ""},
        "sentence_transformers.models.Pooling",
    ],
)
def test__a_model_folder__that_names_code__is_refused(part: Any, tmp_path: Path) -> None:
    (tmp_path / "modeling_mine.py").write_text(EVIL, encoding="utf-8")
    write_json(tmp_path / "modules.json", [part])
    with pytest.raises(ConfigError, match="No code of others is run"):
        refuse_code(tmp_path)
    with pytest.raises(ConfigError, match="No code of others is run"):
        Sentence(model=str(tmp_path)).encode(["walking"])
    assert not (tmp_path / "sprung").exists()

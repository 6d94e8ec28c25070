"""The rules of the house that no single module can hold: who imports whom, what is listed, what
stays out."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError

import otolith
from otolith.motion import rotations

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "otolith"

# From the ground up. A room may import from the floors below it and from itself; motion and learn,
# on one floor, are strangers to each other.
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(floor.split())
    for floor in ("core", "data", "motion learn", "measure", "use", "show", "cli", "__main__")
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
BESIDE = {"__init__.py", "__main__.py", "py.typed"}
"""The only files at the top of the package."""

# Modules and calls that run code when they load a file.
LOADS_CODE = frozenset({"pickle", "cloudpickle", "dill", "marshal", "shelve"})
CODE_CALLS = frozenset({"eval", "exec", "torch.load", "joblib.load", "pandas.read_pickle"})


def python_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def room_of(path: Path, source: Path) -> str:
    return path.relative_to(source).with_suffix("").parts[0]


def imported_rooms(path: Path, source: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, room) for every import from the package, at any depth, in any form."""
    rooms = {entry.stem for entry in source.iterdir()}
    package = [source.name, *path.relative_to(source).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *filter(None, [node.module])])
            modules = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            name, _, rest = module.partition(".")
            if name != source.name or rest == "__version__":
                continue
            room = rest.partition(".")[0]
            # a public name taken from the package itself may come from anywhere, so it counts as
            # the top floor
            yield node.lineno, room if room in rooms and room != "__init__" else "cli"


def upward_imports(source: Path) -> list[str]:
    """Return what points up or sideways, as sentences."""
    wrong = []
    for path in python_files(source):
        room = room_of(path, source)
        if room == "__init__":
            continue
        for line, target in imported_rooms(path, source):
            if room != target and FLOOR[target] >= FLOOR[room]:
                wrong.append(
                    f"{path.relative_to(source)}:{line} imports {target}, which is not on a floor "
                    f"below {room}"
                )
    return wrong


def test__imports__point_down_only() -> None:
    unknown = {room_of(path, SOURCE) for path in python_files(SOURCE)} - FLOOR.keys() - {"__init__"}
    assert not unknown, f"rooms without a floor: {sorted(unknown)}; give them one in FLOORS"
    wrong = upward_imports(SOURCE)
    assert not wrong, "\n".join(wrong)


def test__the_top_of_the_package__holds_rooms_and_nothing_beside_them() -> None:
    entries = {path.name for path in SOURCE.iterdir() if path.name != "__pycache__"}
    assert entries - BESIDE == {room for floor in FLOORS for room in floor} - {"__main__"}


@pytest.mark.parametrize(
    "line",
    [
        "import otolith.learn.training.pretrain",
        "from otolith.learn.training.pretrain import pretrain",
        "from otolith import learn",
        "from otolith import Recogniser",
        "from ..learn import training",
        "def later():\n    from otolith.learn.training import pretrain",
        "from otolith.measure.report import Report",
    ],
)
def test__imports__upward_or_sideways__is_seen(line: str, tmp_path: Path) -> None:
    source = tmp_path / "otolith"
    for room in ("motion", "learn", "measure"):
        (source / room).mkdir(parents=True)
        (source / room / "__init__.py").touch()
    (source / "motion" / "rotations.py").write_text(line, encoding="utf-8")
    assert len(upward_imports(source)) == 1


def test__imports__downward_and_within__is_fine(tmp_path: Path) -> None:
    source = tmp_path / "otolith"
    for room in ("core", "data"):
        (source / room).mkdir(parents=True)
    for name in ("core/errors.py", "data/resample.py"):
        (source / name).touch()
    (source / "data" / "filters.py").write_text(
        "import numpy\nfrom otolith import __version__, core\nfrom otolith.data.resample import f\n"
        "from . import resample\nfrom ..core import errors\n",
        encoding="utf-8",
    )
    assert upward_imports(source) == []


def tree_of(readme: str) -> list[str]:
    """Return the paths of the README's tree: indented under their folder, several on a line, a
    purpose behind."""
    blocks = [
        block
        for block in re.findall(r"^```\w*\n(.*?)^```", readme, re.M | re.S)
        if "src/otolith/" in block
    ]
    paths: list[str] = []
    for block in blocks[:1]:
        folders: list[tuple[int, str]] = []
        for line in block.splitlines():
            line = re.sub(r"[│├└─]", " ", line)
            if not line.strip():
                continue
            indent = len(line) - len(line.lstrip())
            while folders and folders[-1][0] >= indent:
                folders.pop()
            parent = folders[-1][1] if folders else ""
            names = re.split(r"\s{2,}|\s+#", line.strip(), maxsplit=1)[0].split()
            paths += [parent + name for name in names]
            if names[-1].endswith("/"):
                folders.append((indent, parent + names[-1]))
    return paths


def test__readme__tree__matches_the_disk() -> None:
    if not (ROOT / "README.md").is_file():
        pytest.skip("README.md is not written yet")
    paths = tree_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert paths, "README.md shows no tree: a fenced block that holds a line src/otolith/"
    absent = [path for path in paths if not (ROOT / path).exists()]
    assert not absent, f"in the README's tree but not on disk: {absent}"
    listed = {
        path.removeprefix("src/otolith/").rstrip("/")
        for path in paths
        if path.startswith("src/otolith/")
    }
    rooms = {room_of(path, SOURCE) for path in python_files(SOURCE)}
    here = {room if (SOURCE / room).is_dir() else f"{room}.py" for room in rooms}
    assert not here - listed, f"on disk but not in the README's tree: {sorted(here - listed)}"


def test__readme__tree__is_read_with_folders_and_several_names() -> None:
    tree = "Makefile    what to type\nsrc/otolith/\n  errors.py units.py   a b\n"
    tree += "  signals/   c\ntests/   d\n"
    assert tree_of(f"# A\n```\n{tree}```\n") == [
        "Makefile",
        "src/otolith/",
        "src/otolith/errors.py",
        "src/otolith/units.py",
        "src/otolith/signals/",
        "tests/",
    ]


def test__public_names__are_sorted_and_resolve() -> None:
    assert list(otolith.__all__) == sorted(set(otolith.__all__))
    absent = [name for name in otolith.__all__ if not hasattr(otolith, name)]
    assert not absent


def test__import__is_light() -> None:
    heavy = {"torch", "sklearn", "scipy.signal", "matplotlib", "numba", "accelerate", "pandas"}
    script = "import sys, json, otolith; print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    loaded = set(json.loads(printed))  # one line and nothing else: the import itself prints nothing
    assert "otolith" in loaded
    assert not heavy & loaded


def code_loading(text: str) -> list[str]:
    """Return each use of something that runs code from a file, as "line: what"."""
    uses = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = (
                [node.module]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
            uses += [
                f"{node.lineno}: {name}"
                for name in modules
                if name and name.partition(".")[0] in LOADS_CODE
            ]
        elif isinstance(node, ast.Call):
            given = {
                keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords
            }
            # With `weights_only=True` in so many words, torch reads tensors and plain values and
            # runs nothing.
            tensors_only = (
                ast.unparse(node.func) == "torch.load" and given.get("weights_only") is True
            )
            if ast.unparse(node.func) in CODE_CALLS and not tensors_only:
                uses.append(f"{node.lineno}: {ast.unparse(node.func)}")
            for keyword in node.keywords:
                stated = (keyword.arg, getattr(keyword.value, "value", None))
                if stated in {("allow_pickle", True), ("weights_only", False)}:
                    uses.append(f"{node.lineno}: {ast.unparse(keyword)}")
    return uses


def test__source__loads_data_never_code() -> None:
    uses = [
        f"{path.relative_to(ROOT)}:{use}"
        for path in python_files(SOURCE)
        for use in code_loading(path.read_text())
    ]
    assert not uses


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "eval(x)",
        "np.load(x, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=safe)",
    ],
)
def test__source__code_loading__is_seen(line: str) -> None:
    assert len(code_loading(line)) == 1
    assert len(code_loading("torch.load(path, weights_only=False)")) == 2
    assert not code_loading(
        "model.eval()\nnp.load(x, allow_pickle=False)\ntorch.load(x, weights_only=True)\n"
    )


def test__repository__holds_no_large_file() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of what belongs to the repository")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    assert files
    assert not [path.name for path in files if path.is_file() and path.stat().st_size > 2**20]


def test__version__is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = re.search(
        r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M
    )
    assert cited is not None
    assert project["version"] == otolith.__version__ == cited[1].strip("\"'")


def test__constraints__pin_every_dependency_and_name_no_host() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    shared = ("docs", "text", "video")
    needed = [*project["dependencies"], *extras["dev"], *(n for e in shared for n in extras[e])]
    needed.remove(f"otolith[{','.join(shared)}]")
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line[:1] != "#"
    ]
    pinned = dict(line.split("==") for line in lines)  # a URL or a path is no pin and fails here
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in pinned}
    assert pinned["torch"] == "2.13.0"
    assert not {re.match(r"[\w-]+", need)[0].replace("_", "-") for need in needed} - normal


def test__signatures__wrong_shape__is_refused_while_testing() -> None:
    with pytest.raises(TypeCheckError):
        rotations.normalise(np.zeros((3, 3)))

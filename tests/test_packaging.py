"""What is installed is complete: the wheel, the sdist, and the wheel built from the sdist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import hatchling.build
import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOME = PROJECT["urls"]["Homepage"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel, the sdist unpacked, and the wheel built from that sdist, as pip builds them."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        wheel = folder / hatchling.build.build_wheel(str(folder))
        sdist = folder / hatchling.build.build_sdist(str(folder))
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        source = folder / sdist.name.removesuffix(".tar.gz")
        patch.chdir(source)
        second = folder / "second" / hatchling.build.build_wheel(str(folder / "second"))
    return {"wheel": wheel, "sdist": source, "second": second}


def inside(folder: Path) -> set[str]:
    """Every file under a folder but what Python caches."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test__wheel__holds_the_whole_package_and_nothing_beside_it(built: dict[str, Path]) -> None:
    held = names(built["wheel"])
    facts = {name for name in held if ".dist-info/" in name}
    assert held - facts == inside(ROOT / "src")
    assert "otolith/py.typed" in held
    assert {".py", ".toml", ".html", ".css"} <= {Path(name).suffix for name in held}
    assert {Path(name).name for name in facts} >= {"LICENSE", "NOTICE", "entry_points.txt"}
    assert names(built["second"]) == held


def test__sdist__holds_what_the_repository_tracks(built: dict[str, Path]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so there is no list of what belongs to the repository")
    tracked = {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    absent = tracked - inside(built["sdist"])
    assert not {name for name in absent if not name.startswith(".ci/")}


def test__wheel__from_an_empty_folder__runs_what_needs_its_files(
    built: dict[str, Path], tmp_path: Path
) -> None:
    package, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    zipfile.ZipFile(built["wheel"]).extractall(package)
    elsewhere.mkdir()

    def run(*words: str) -> str:
        # The wheel comes before the clone, and the packages of this environment behind it.
        code = f"import sys; sys.path[:0] = {[str(package), *map(str, sys.path[1:])]!r}\n"
        code += "import otolith, runpy; sys.argv[0] = 'otolith'\n"
        code += f"assert otolith.__file__.startswith({str(package)!r}), otolith.__file__\n"
        code += "runpy.run_module('otolith', run_name='__main__')"
        ran = subprocess.run(
            [sys.executable, "-P", "-c", code, *words],
            cwd=elsewhere,
            capture_output=True,
            text=True,
            env={"PATH": "", "HOME": str(elsewhere)},
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert PROJECT["version"] in run("--version")
    assert "primus_table1" in run("list", "recipes")
    run(
        "simulate", "procedural", "--bodies", "1", "--out", "study", "--quiet",
        "--placements", "left_wrist,right_wrist",
    )  # fmt: skip
    run("info", "study", "--html", "page.html")
    assert (elsewhere / "page.html").read_text(encoding="utf-8").count("<style") == 1


def imported(path: Path) -> set[str]:
    """The packages that a file imports, at any depth."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.append(node.module or "")
    tops = {module.partition(".")[0] for module in modules}
    return tops - set(sys.stdlib_module_names) - {"otolith"}


def test__dependencies__name_whatever_the_package_imports() -> None:
    """What only our own environment brings would be absent from an empty one."""
    needs = [need for extra in PROJECT["optional-dependencies"].values() for need in extra]
    needs += PROJECT["dependencies"]
    stated = {re.match(r"[\w.-]+", need)[0].lower().replace("_", "-") for need in needs}
    # Brought, and needed, by transformers, numba, matplotlib and pydantic; rerun is rerun-sdk.
    stated |= {"huggingface-hub", "llvmlite", "pillow", "pydantic-core", "rerun"}
    owners = packages_distributions()
    undeclared = {
        f"{path.name}: {module}"
        for path in (ROOT / "src").rglob("*.py")
        for module in imported(path)
        if not stated & {n.lower().replace("_", "-") for n in owners.get(module, [module])}
    }
    assert not undeclared


def test__readme__links_and_figures__work_outside_of_the_repository(built: dict[str, Path]) -> None:
    text = zipfile.ZipFile(built["wheel"]).read(f"otolith-{PROJECT['version']}.dist-info/METADATA")
    metadata = Parser().parsestr(text.decode())
    assert all(HOME in url for url in metadata.get_all("Project-URL"))
    links = re.findall(r"\]\(([^)\s]+)\)", metadata.get_payload())
    assert links
    places = {
        f"{HOME}/blob/main/": ROOT,
        f"{HOME.replace('https://github.com', 'https://raw.githubusercontent.com')}/main/": ROOT,
    }
    for link in links:
        base = next((base for base in places if link.startswith(base)), None)
        assert base is not None, f"README.md: {link} leads nowhere from a page of the package"
        target = places[base] / link.removeprefix(base).partition("#")[0]
        assert target.exists(), f"README.md: there is no {target}"

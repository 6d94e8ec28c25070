"""Documentation is run: the README's blocks, the examples, and every command and link that a page
shows."""

from __future__ import annotations

import dataclasses
import pkgutil
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
from toy import write_toy_study
from typer.testing import CliRunner

import otolith
from otolith.cli.app import COMMANDS, app
from otolith.core import catalog
from otolith.learn.objectives.pim import PIMConfig
from otolith.learn.training.adapt import AdaptConfig
from otolith.learn.training.pretrain import PretrainConfig
from otolith.measure.methods import METHODS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def commands(page: Path) -> list[list[str]]:
    """Return every `otolith …` line of the shell blocks, and of those indented by four."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    lines += [line[4:] for line in text.splitlines() if line.startswith("    otolith ")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        shlex.split(line, comments=True)
        for line in joined.splitlines()
        if line.strip().startswith("otolith ")
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test__example__runs_and_prints(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test__readme__python_blocks__run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy_study(
        tmp_path / "my_study", people=3, places=("left_wrist", "right_wrist"), seconds_each=30.0
    )
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    (block,) = blocks(ROOT / "README.md", "python")
    # The schedule is a hundred epochs; what is tested is that the lines fit together.
    monkeypatch.setattr(PretrainConfig, "__init__", _fewer(PretrainConfig, epochs=1))
    monkeypatch.setattr(AdaptConfig, "__init__", _fewer(AdaptConfig, steps=2, epochs=1))
    exec(compile(block, "README.md", "exec"), names)
    assert set(names["recogniser"].predict(names["windows"].hide_labels())) <= {
        "resting",
        "shaking",
        "walking",
    }


def _fewer(kind: type, **less: int) -> Any:
    original = kind.__init__  # type: ignore[misc]

    def build(self: Any, **settings: Any) -> None:
        original(self, **settings | less)

    return build


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test__page__commands__exist_with_these_options(page: Path) -> None:
    known = {
        name: CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
        for name in (row.name for row in COMMANDS)
    }
    for words in commands(page):
        assert words[1] in known or words[1] == "--version", (
            f"{page.name}: there is no command {words[1]}"
        )
        wrong = [
            w
            for w in words[2:]
            if w.startswith("--") and w.partition("=")[0] not in known[words[1]]
        ]
        assert not wrong, f"{page.name}: otolith {words[1]} has no {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test__page__make_targets__exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    text = page.read_text(encoding="utf-8")
    named = {
        target
        for pair in re.findall(r"^\s*make ([a-z]+)|`make ([a-z]+)", text, re.M)
        for target in pair
        if target
    }
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test__page__links__lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    # These two are made by measuring, which a fresh copy may not have done.
    made = {"docs/figures/few_shot.svg", "docs/benchmarks.md", "benchmarks.md"}
    absent = [
        link
        for link in links
        if "://" not in link and link not in made and not (page.parent / link).exists()
    ]
    assert not absent


def test__index__links_to_every_page_once() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    linked = re.findall(r"\]\((\w+\.md)\)", text)
    assert sorted(linked) == sorted(pages)


def test__architecture__files__exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|data|motion|learn|measure|use|show|cli)/[\w/]*(?:\.py)?)`", text)
    assert len(named) > 30
    absent = [name for name in named if not (ROOT / "src" / "otolith" / name).exists()]
    assert not absent


def names_in(text: str) -> list[str]:
    """Every dotted name of the package in a page's `code`."""
    spans = re.findall(r"`([^`\n]+)`", text)
    return [name for span in spans for name in re.findall(r"(?<![\w/.-])otolith(?:\.\w+)+", span)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test__page__dotted_names__resolve(page: Path) -> None:
    examples = {"otolith.learn.objectives.mine", "otolith.learn.objectives.energy"}
    for name in {*names_in(page.read_text(encoding="utf-8"))} - examples:
        pkgutil.resolve_name(name)


def test__changelog__renames__lead_from_an_old_name_to_one_that_resolves() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    table = text.partition("### Renamed")[2].partition("\n### ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    assert len(rows) > 15
    for _, old, new in rows:
        for name in names_in(new):
            # one row stands for many modules: otolith.X
            assert name.endswith(".X") or pkgutil.resolve_name(name) is not None
        for name in names_in(old):
            if name not in ("otolith.X", "otolith.motion", "otolith.benchmark"):  # these stay
                with pytest.raises((ImportError, AttributeError), match="otolith"):
                    pkgutil.resolve_name(name)


@pytest.mark.parametrize(
    "kind", [PIMConfig, PretrainConfig, AdaptConfig], ids=lambda kind: kind.__name__
)
def test__pim_page__names_every_setting_with_its_default(kind: type) -> None:
    text = (ROOT / "docs" / "pim.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(kind):
        rows = re.findall(rf"^\| `{field.name}` \| ([^|]*) \|", text, re.M)
        assert str(field.default) in rows, (
            f"docs/pim.md: the default of {kind.__name__}.{field.name} is {field.default}"
        )


def test__evaluation_page__names_every_method_and_metric() -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert not [name for name in (*METHODS, *catalog.family("metrics")) if f"`{name}`" not in text]


def test__adding_page__its_objective__pretrains_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block, *_) = blocks(ROOT / "docs" / "adding.md", "python")
    (tmp_path / "my_lab.py").write_text(block, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    windows = write_toy_study(tmp_path / "study", people=3).windows()
    encoder = otolith.pretrain(windows, "my_lab:Energy", epochs=2)
    assert encoder.history[-1]["train"] < encoder.history[0]["train"]
    assert encoder.record["objective"] == "my_lab:Energy"

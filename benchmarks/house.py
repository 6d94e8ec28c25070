"""How the source reads: size, density, comments, complexity, arrows; before, now, and beside
thirteen peers.

    python benchmarks/house.py [--before COMMIT] [--worst 10]

"Before" is tag v0.1, the last commit before the rebuild, exported from git into a temporary folder
and measured by the same functions in the same run. Every number is of `src/` alone. Definitions:

- code: lines that hold a token which is neither a comment nor part of a docstring;
- comment: lines with a comment, alone or behind code;
- docstring: lines of the string of a module, class, function or field;
- complexity: radon's cyclomatic complexity of every function and method;
- arrow: a folder (or file) at the top of the package that imports from another; a circle is an
  arrow in both directions, over any number of steps;
- public function: at the top of a module, with no underscore in its name or its file's;
- without an example: neither its docstring has a `>>>` block, nor the docstrings of the family that
  it is part of (a folder with a table FAMILY: its `__init__.py`, or the file of its promise).
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "7fb40faac590c20ec0df1206ae8b5d8a0c61655e"
"""The last commit before the rebuild (tag v0.1)."""

# Measured over the sources of 13 codebases: lightly, gaitmap, tpcp, torchgeo, TabPFN, equinox,
# nanochat, roma, httpx, skorch, braindecode, accelerate and aeon.
PEERS = {
    "median file, lines": "134 to 384",
    "largest file, lines": "543 to 4,359",
    "comment lines per 100": "2.6 to 17.9",
    "docstring lines per 100": "20.6 to 53.9",
    "characters per non-blank line": "37 to 52",
    "complexity, 90th percentile": "3 to 10",
    "public names": "61 to 670",
    "names at the top of the package": "8 to 24",
}
MOST_LINES, MOST_ARGUMENTS = 60, 7
VAGUE = frozenset({"found", "own", "told", "there", "wanted"})
"""Names that say nothing of what they hold."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Source:
    """One file, taken apart."""

    path: Path
    text: str
    tree: ast.Module
    docstring_lines: set[int] = field(default_factory=set)
    comment_lines: set[int] = field(default_factory=set)
    code_lines: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> Source:
        """Take a file apart into lines of code, comments and docstrings."""
        text = path.read_text(encoding="utf-8")
        source = cls(path, text, ast.parse(text))
        for node in ast.walk(source.tree):
            for string in _docstrings(node):
                source.docstring_lines |= set(
                    range(string.lineno, (string.end_lineno or string.lineno) + 1)
                )
        skipped = {
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENCODING,
            tokenize.ENDMARKER,
        }
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            lines = set(range(token.start[0], token.end[0] + 1))
            if token.type == tokenize.COMMENT:
                source.comment_lines |= lines
            elif token.type not in skipped:
                source.code_lines |= lines - source.docstring_lines
        return source

    @property
    def lines(self) -> list[str]:
        """Every line of the file."""
        return self.text.splitlines()


def _docstrings(node: ast.AST) -> Iterator[ast.Constant]:
    """Strings that stand alone: docstrings, and sentences under a field or a constant."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        for statement in node.body:
            string = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(string, ast.Constant) and isinstance(string.value, str):
                yield string


def sources(package: Path) -> list[Source]:
    """Read every file of a package."""
    return [
        Source.read(path)
        for path in sorted(package.rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


def functions(source: Source) -> Iterator[tuple[str, Function]]:
    """Every function and method, with its name as one would say it."""

    def visit(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
        for child in ast.iter_child_nodes(node):
            name = f"{prefix}{getattr(child, 'name', '')}"
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, child
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from visit(child, f"{name}.")

    yield from visit(source.tree, "")


def length_of(source: Source, function: Function) -> int:
    """Lines of a function's code, without its docstring, comments and blank lines."""
    return len(
        source.code_lines
        & set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    )


def arguments_of(function: Function) -> int:
    """How many arguments a function takes, `self` and `cls` left out."""
    taken = function.args
    named = [argument.arg for argument in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")]) + (taken.vararg is not None)


def any_in_signatures(source: Source) -> int:
    """How often `Any` stands in the signatures of public functions."""
    count = 0
    for name, function in functions(source):
        if any(part.startswith("_") for part in name.split(".")):
            continue
        taken = function.args
        every = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg]
        annotations = [a.annotation for a in every if a is not None and a.annotation is not None]
        for annotation in (*annotations, function.returns):
            if annotation is not None:
                count += sum(
                    isinstance(n, ast.Name) and n.id == "Any" for n in ast.walk(annotation)
                )
    return count


def arrows(package: Path, all_sources: list[Source]) -> set[tuple[str, str]]:
    """Which room at the top of the package imports from which other."""
    rooms = {path.stem if path.suffix == ".py" else path.name for path in package.iterdir()}
    drawn: set[tuple[str, str]] = set()
    for source in all_sources:
        room = source.path.relative_to(package).with_suffix("").parts[0]
        if room in ("__init__", "__main__"):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for module in modules:
                parts = module.split(".")
                if parts[0] == package.name and len(parts) > 1 and parts[1] in rooms - {room}:
                    drawn.add((room, parts[1]))
    return drawn


def circles(drawn: set[tuple[str, str]]) -> int:
    """How many rooms can be reached from themselves."""
    reach: dict[str, set[str]] = {}
    for start, end in drawn:
        reach.setdefault(start, set()).add(end)
    grown = True
    while grown:
        grown = False
        for start, ends in reach.items():
            more = set().union(ends, *(reach.get(end, set()) for end in ends))
            if more != ends:
                reach[start], grown = more, True
    return sum(room in ends for room, ends in reach.items())


def without_example(all_sources: list[Source]) -> list[str]:
    """Public functions that neither show an example nor belong to a family that does."""
    families = {
        source.path.parent
        for source in all_sources
        if source.path.name == "__init__.py" and "FAMILY" in source.text
    }
    shown = {
        source.path.parent
        for source in all_sources
        if source.path.parent in families
        and source.path.stem in ("__init__", *_singular(source.path.parent.name))
        and ">>>" in source.text
    }
    return [
        f"{source.path.name}:{node.lineno} {node.name}"
        for source in all_sources
        if not source.path.stem.startswith("_") and source.path.parent not in shown
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if ">>>" not in (ast.get_docstring(node) or "")
    ]


def _singular(family: str) -> tuple[str, str]:
    return family.removesuffix("s"), family.removesuffix("ies") + "y"


def vague_names(all_sources: list[Source]) -> int:
    """How often a name of VAGUE is bound: as a variable, an argument or a function."""
    count = 0
    for source in all_sources:
        for node in ast.walk(source.tree):
            name = {
                ast.Name: lambda n: n.id if isinstance(n.ctx, ast.Store) else "",
                ast.arg: lambda n: n.arg,
                ast.FunctionDef: lambda n: n.name,
            }.get(type(node), lambda n: "")(node)
            count += name.lstrip("_") in VAGUE
    return count


def complexities(all_sources: list[Source]) -> list[tuple[int, str]]:
    """Cyclomatic complexity of every function and method, with where it is."""
    from radon.complexity import cc_visit
    from radon.visitors import Function as RadonFunction

    out = []
    for source in all_sources:
        blocks = cc_visit(source.text)
        out += [
            (block.complexity, f"{source.path.name}:{block.lineno} {block.name}")
            for block in blocks
            if isinstance(block, RadonFunction)
        ]
    return out


def percentile(values: list[int], share: float) -> float:
    """Return the value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(package: Path) -> dict[str, float]:
    """Every number of one source tree."""
    every = sources(package)
    code = [line for s in every for number, line in enumerate(s.lines, 1) if number in s.code_lines]
    filled = [line for s in every for line in s.lines if line.strip()]
    sizes = [len(s.lines) for s in every]
    lengths = [(length_of(s, f), arguments_of(f), f.name) for s in every for _, f in functions(s)]
    drawn = arrows(package, every)
    public = sum(
        isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        for s in every
        for node in s.tree.body
    )
    return {
        "files": len(every),
        "median file, lines": statistics.median(sizes),
        "largest file, lines": max(sizes),
        "lines of code": len(code),
        "characters per line of code": statistics.mean(len(line.rstrip()) for line in code),
        "characters per non-blank line": statistics.mean(len(line.rstrip()) for line in filled),
        "longest line": max(len(line) for line in filled),
        "comment lines per 100": 100 * sum(len(s.comment_lines) for s in every) / len(filled),
        "docstring lines per 100": 100 * sum(len(s.docstring_lines) for s in every) / len(filled),
        "complexity, 90th percentile": percentile([value for value, _ in complexities(every)], 0.9),
        "complexity, largest": max(value for value, _ in complexities(every)),
        f"functions over {MOST_LINES} lines": sum(length > MOST_LINES for length, _, _ in lengths),
        f"functions over {MOST_ARGUMENTS} arguments": sum(
            count > MOST_ARGUMENTS for _, count, _ in lengths
        ),
        "`Any` in signatures of public functions": sum(any_in_signatures(s) for s in every),
        "`dict[str, Any]`": sum(s.text.count("dict[str, Any]") for s in every),
        "public names": public,
        "names at the top of the package": len(_top_names(package)),
        "folders and files at the top": sum(
            path.suffix == ".py" or path.is_dir()
            for path in package.iterdir()
            if path.name != "__pycache__"
        ),
        "arrows between them": len(drawn),
        "of them in circles": circles(drawn),
        "public functions without an example": len(without_example(every)),
        "vague names bound": vague_names(every),
    }


def _top_names(package: Path) -> list[str]:
    words = "import sys; sys.path.insert(0, sys.argv[1]); import otolith; print(*otolith.__all__)"
    ran = subprocess.run(
        [sys.executable, "-c", words, str(package.parent)],
        check=True,
        capture_output=True,
        text=True,
    )
    return ran.stdout.split()


def take_out(commit: str, folder: Path) -> Path:
    """Write the package of a commit into a folder, and return where it is."""
    archive = subprocess.run(
        ["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(folder, filter="data")
    return folder / "src" / "otolith"


def worst(package: Path, count: int) -> list[str]:
    """The functions that a reader would stumble over first."""
    every = sources(package)
    lines = [
        f"complexity {value:3d}  {where}"
        for value, where in sorted(complexities(every), reverse=True)[:count]
    ]
    lengths = [
        (length_of(s, f), f"{s.path.name}:{f.lineno} {f.name}")
        for s in every
        for _, f in functions(s)
    ]
    lines += [
        f"{length:3d} lines  {where}" for length, where in sorted(lengths, reverse=True)[:count]
    ]
    taken = [
        (arguments_of(f), f"{s.path.name}:{f.lineno} {f.name}")
        for s in every
        for _, f in functions(s)
    ]
    lines += [
        f"{number:3d} arguments  {where}" for number, where in sorted(taken, reverse=True)[:count]
    ]
    return lines + [f"no example  {where}" for where in without_example(every)[:count]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", default=BEFORE, help="the commit to compare with")
    parser.add_argument("--worst", type=int, default=0, help="name so many functions of each kind")
    chosen = parser.parse_args()
    now = measure(ROOT / "src" / "otolith")
    before: dict[str, float] = {}
    if chosen.before:
        with tempfile.TemporaryDirectory() as folder:
            before = measure(take_out(chosen.before, Path(folder)))
    print(f"{'':42}{'before':>10}{'now':>10}{'now / before':>14}  13 peers")
    for name, value in now.items():
        old = before.get(name)
        ratio = f"{value / old:.2f}" if old else ""
        print(f"{name:42}{_shown(old):>10}{_shown(value):>10}{ratio:>14}  {PEERS.get(name, '')}")
    for line in worst(ROOT / "src" / "otolith", chosen.worst) if chosen.worst else []:
        print(line)


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


if __name__ == "__main__":
    sys.exit(main())

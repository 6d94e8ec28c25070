"""Write the API reference from the docstrings: `make docs`, or python docs/reference.py --out DIR.

pdoc renders them: it imports the package, reads the sentence under each field, and needs nothing
but jinja2, markdown2 and pygments. mkdocs with mkdocstrings makes the same pages out of some twenty
packages and a configuration of its own.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import warnings
from pathlib import Path

import pdoc.doc
import pdoc.render

import otolith

ROOT = Path(__file__).resolve().parents[1]


def modules() -> list[str]:
    """Return every public module of the package. The command explains itself: --help."""
    names = [module.name for module in pkgutil.walk_packages(otolith.__path__, "otolith.")]
    hidden = ("._", "otolith.cli.")
    return ["otolith", *(n for n in names if not any(part in f"{n}." for part in hidden))]


def load(names: list[str]) -> dict[str, pdoc.doc.Module]:
    """Import modules and read their docstrings."""
    pages = {}
    for name in names:
        module = importlib.import_module(name)
        # Names that are bound when first used are bound now, for pdoc looks at what a module holds.
        for public in getattr(module, "__all__", ()):
            setattr(module, public, getattr(module, public))
        pages[name] = pdoc.doc.Module(module)
    return pages


def write(pages: dict[str, pdoc.doc.Module], out: Path) -> None:
    """Render modules as linked HTML pages in a folder."""
    pdoc.render.configure(
        footer_text=f"Otolith {otolith.__version__}",
        show_source=False,  # it is half of the bytes, and lies beside these pages anyhow
    )
    for name, page in pages.items():
        path = (out / name.replace(".", "/")).with_suffix(".html")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pdoc.render.html_module(page, pages), encoding="utf-8")
    (out / "index.html").write_text(pdoc.render.html_index(pages), encoding="utf-8")
    (out / "search.js").write_text(pdoc.render.search_index(pages), encoding="utf-8")


def main() -> None:
    """Write every page and say where the first one is."""
    # An annotation that only a type checker can resolve is shown as it is written.
    warnings.filterwarnings("ignore", module=r"pdoc\.")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "reference")
    out = parser.parse_args().out
    write(load(modules()), out)
    print(f"API reference: {(out / 'index.html').resolve()}")


if __name__ == "__main__":
    sys.exit(main())

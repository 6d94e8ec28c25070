"""Text made from templates that lie in `templates/` of a package (jinja2).

Values may come from files of others. So a caller says how every value is shown, and no value
reaches the text around that function; in HTML it is escaped as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

Shown = Callable[[object], object]
"""Turns a value into what the text says of it."""


def render(package: str, name: str, shown: Shown, values: dict[str, object], html: bool) -> str:
    """Fill a template of a package.

    Raises LookupError where it names what it was not given, or what a value does not have.
    """
    import jinja2  # 40 ms that only who writes a page or a card pays

    try:
        return _environment(package, shown, html).get_template(name).render(values)
    except jinja2.UndefinedError as error:
        raise LookupError(str(error)) from error


@functools.cache
def _environment(package: str, shown: Shown, html: bool) -> Environment:
    import jinja2

    folder = resources.files(package) / "templates"
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

"""Tables for notebooks: data frames, where pandas is installed, and small tables of facts."""

from __future__ import annotations

import html
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from otolith.core.errors import ConfigError
from otolith.core.text import printable

if TYPE_CHECKING:
    import pandas as pd


def frame(columns: Mapping[str, object]) -> pd.DataFrame:
    """Return a pandas DataFrame of named columns, each of the same length.

    Raises ConfigError where pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise ConfigError(
            "A data frame needs pandas, which is not installed. Type: pip install 'otolith[frames]'"
        ) from error
    return pandas.DataFrame(dict(columns))


def html_table(title: str, facts: Mapping[str, object]) -> str:
    """Return facts as an HTML table of two columns, all text escaped and printable.

    >>> html_table("Study 'toy'", {"hours": 2})
    '<table><caption>Study &#x27;toy&#x27;</caption><tr><th>hours</th><td>2</td></tr></table>'
    """
    shown = {_shown(name): _shown(fact) for name, fact in facts.items()}
    rows = "".join(f"<tr><th>{name}</th><td>{fact}</td></tr>" for name, fact in shown.items())
    return f"<table><caption>{_shown(title)}</caption>{rows}</table>"


def _shown(value: object) -> str:
    return html.escape(printable(value))

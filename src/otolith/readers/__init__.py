"""One file -> recordings: plain tables through a mapping file, and guessing such a file's first draft."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from otolith.catalog import Family

if TYPE_CHECKING:
    from otolith.readers.guessing import guess as guess
    from otolith.readers.mapping import load_mapping as load_mapping
    from otolith.readers.table import import_tables as import_tables
    from otolith.readers.table import read_table_study as read_table_study

FAMILY = Family("reader", {"table": "otolith.readers.table:read_table_study"})

# Bound when first used: listing the readers need not load what reads files.
_WHERE = {
    "guess": "otolith.readers.guessing",
    "import_tables": "otolith.readers.table",
    "load_mapping": "otolith.readers.mapping",
    "read_table_study": "otolith.readers.table",
}
__all__ = ["FAMILY", "guess", "import_tables", "load_mapping", "read_table_study"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'otolith.readers' has no attribute '{name}'")

"""One file -> recordings: plain tables through a mapping file, and guessing such a file's first
draft."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from otolith.core.catalog import Family

if TYPE_CHECKING:
    from otolith.data.readers.guessing import guess as guess
    from otolith.data.readers.mapping import load_mapping as load_mapping
    from otolith.data.readers.table import import_tables as import_tables
    from otolith.data.readers.table import read_table_study as read_table_study

FAMILY = Family("reader", {"table": "otolith.data.readers.table:read_table_study"})

# Bound when first used: listing the readers need not load what reads files.
_WHERE = {
    "guess": "otolith.data.readers.guessing",
    "import_tables": "otolith.data.readers.table",
    "load_mapping": "otolith.data.readers.mapping",
    "read_table_study": "otolith.data.readers.table",
}
__all__ = ["FAMILY", "guess", "import_tables", "load_mapping", "read_table_study"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'otolith.data.readers' has no attribute '{name}'")

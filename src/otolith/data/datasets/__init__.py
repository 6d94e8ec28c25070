"""Published data sets: each file reads one set's own folders into recordings."""

from __future__ import annotations

from otolith.data.datasets.dataset import FAMILY, DataSet, import_dataset

__all__ = ["FAMILY", "DataSet", "import_dataset"]

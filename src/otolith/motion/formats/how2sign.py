"""How2Sign: sentences of American Sign Language, told by the transcripts that lie beside the pose
files.

Duarte et al., "How2Sign: A Large-scale Multimodal Dataset for Continuous American Sign Language"
(2021), https://how2sign.github.io. A pose file is called as its sentence,
<video>_<n>-<signer>-rgb_front.npz, and the transcripts how2sign_realigned_train.csv, …_val.csv and
…_test.csv (or how2sign_train.csv …), with tabs between cells, lie in its folder or in one above.
Poses of the whole body are made by estimators that others have run on the videos; those that exist
are pickles, one a frame, which are never opened: docs/simulation.md says how to save them anew.
"""

from __future__ import annotations

import csv
import io
import os
import re
from functools import lru_cache
from pathlib import Path

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import opened, read_text

TERMS = "CC BY-NC 4.0; see https://how2sign.github.io"
_FILE = re.compile(r".+-(\d+)-rgb_(?:front|side)")
_TABLE = re.compile(r"how2sign_.*?(train|val|test)\w*\.csv")
_ABOVE = 3
_NEEDED = ("SENTENCE_NAME", "SENTENCE")
_RATES = ("fps", "FPS")


def known(path: Path) -> dict[str, str | float]:
    """What name and transcript tell of a sentence of How2Sign; nothing for any other file.

    Raises ReadError for transcripts without the columns SENTENCE_NAME and SENTENCE.
    """
    named = _FILE.fullmatch(path.stem)
    if path.suffix != ".npz" or not named:
        return {}
    for folder in (path.parent, *list(path.parents)[1 : 1 + _ABOVE]):
        for table in _tables(folder):
            with opened(table) as file:
                stamp = os.fstat(file.fileno()).st_mtime_ns
            rows = _read(table, stamp)
            if path.stem in rows:
                split = _TABLE.fullmatch(table.name)
                assert split is not None
                # Signers are numbered at the end of the name; a video is of one signer.
                return {
                    "performer": f"how2sign_{named[1]}",
                    "clip": path.stem,
                    "split": split[1],
                    "source": "How2Sign",
                    "terms": TERMS,
                    **rows[path.stem],
                }
    return {}


def _tables(folder: Path) -> list[Path]:
    # Transcripts have a folder of their own where the authors' script puts them.
    places = (folder, folder / "re_aligned", folder / "text" / "en" / "raw_text" / "re_aligned")
    tables = [path for place in places for path in place.glob("how2sign_*.csv")]
    tables = [path for path in tables if _TABLE.fullmatch(path.name)]
    return sorted(tables, key=lambda path: ("realigned" not in path.name, path.name))


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE


@lru_cache(maxsize=8)
def _read(path: Path, _stamp: int) -> dict[str, dict[str, str | float]]:
    """Sentence name -> its words, and the video's frames per second where the table has them."""
    text = read_text(path)
    tabs = "\t" in text.partition("\n")[0]
    dialect = _Tabs if tabs else csv.excel
    out: dict[str, dict[str, str | float]] = {}
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect)
        columns = rows.fieldnames or ()
        if missing := [name for name in _NEEDED if name not in columns]:
            raise ReadError(
                f"{path} has no column {missing[0]}; its columns are {', '.join(columns)}."
            )
        for row in rows:
            name, words = row["SENTENCE_NAME"], _unquoted((row["SENTENCE"] or "").strip())
            if name and words:
                out[name] = {"text": words}
                if rate := next((row[key] for key in _RATES if row.get(key)), None):
                    out[name]["frame_rate"] = _number(path, rate)
    except csv.Error as error:
        raise ReadError(f"{path} is no table ({error}). Get it again.") from error
    return out


def _unquoted(words: str) -> str:
    quoted = len(words) > 1 and words[0] == words[-1] == '"'
    return words[1:-1].replace('""', '"').strip() if quoted else words


def _number(path: Path, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate < float("inf"):
        raise ReadError(f"{path}: '{text}' is no number of frames per second.")
    return rate

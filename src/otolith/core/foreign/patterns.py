r"""Patterns that somebody wrote, matched in linear time: none can be made that takes minutes on a
file's name.

Python's own engine tries every way in which (a+)+$ may match. RE2 does not, and has no look-around,
no back-references, no possessive repeats and no conditions. What it has means the same here as in
Python: \w, \d and \s know the letters of all languages, \Z is the end, {,3} is up to three.
"""

from __future__ import annotations

import re
import warnings
from functools import cached_property
from typing import Any

from otolith.core.errors import ConfigError, ReadError

_LONGEST = 1000
_NOT_WORD = (
    r"\pM\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\pS\pZ\pC"
    r"\x{203f}\x{2040}\x{2054}\x{fe33}\x{fe34}\x{fe4d}-\x{fe4f}\x{ff3f}"
)
_SPACE = r"\s\x0b\x1c-\x1f\x{85}\pZ"
# Within brackets, and outside of them.
_INSIDE = {"w": r"\pL\pN_", "W": _NOT_WORD, "d": r"\p{Nd}", "D": r"\P{Nd}", "s": _SPACE}
_OUTSIDE = {
    "w": r"[\pL\pN_]",
    "W": r"[^\pL\pN_]",
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "s": f"[{_SPACE}]",
    "S": f"[^{_SPACE}]",
    "Z": r"\z",
}


class Pattern:
    r"""One pattern of a mapping file.

    Raises ConfigError where it is no pattern, or asks for what RE2 cannot do.

    >>> Pattern(r"(?P<subject>P\d+)_").search("P07_left.csv")
    {'subject': 'P07'}
    """

    def __init__(self, text: str, where: str = "pattern", ignore_case: bool = False) -> None:
        self.text, self._where, self._ignores_case = text, where, ignore_case
        if len(text) > _LONGEST:
            raise ConfigError(
                f"{where}: a pattern has at most {_LONGEST} letters; this one has {len(text)}."
            )
        try:
            with warnings.catch_warnings():
                # [[ and --, which engines read differently
                warnings.simplefilter("error", FutureWarning)
                self.groups = tuple(re.compile(text).groupindex)
        except (re.error, RecursionError, OverflowError, FutureWarning) as error:
            raise ConfigError(f"{where}: '{text}' is no regular expression: {error}.") from error
        self._bounded = bool(re.search(r"(?<!\\)(?:\\\\)*\\[bB]", text))
        _ = self._engine

    @cached_property
    def _engine(self) -> Any:
        import re2  # six milliseconds that only mappings need

        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not self._ignores_case
        try:
            return re2.compile(_translated(self.text), options)
        except re2.error as error:
            reason = error.args[0]
            reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else error
            raise ConfigError(
                f"{self._where}: '{self.text}' cannot be matched in linear time ({reason}). "
                f"Look-around (?=…) (?!…) (?<=…) (?<!…), back-references (?P=…) \\1, possessive "
                f"repeats, conditions, and repeats above 1,000 are not possible: write out what "
                f"may be there."
            ) from error

    def search(self, text: str) -> dict[str, str | None] | None:
        """Return the named groups where the pattern matches anywhere in a text, else None."""
        match = self._engine.search(self._known(text))
        return dict(match.groupdict()) if match else None

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the whole of a text."""
        return self._engine.fullmatch(self._known(text)) is not None

    def _known(self, text: str) -> str:
        if self._bounded and not text.isascii():
            raise ReadError(
                f"'{text}' has letters beyond ASCII, where \\b in the pattern '{self.text}' misses "
                f"the edge of a word; write what stands beside the word instead."
            )
        return text


def _translated(text: str) -> str:
    """Return the same pattern in RE2's spelling."""
    out: list[str] = []
    at, inside = 0, False
    while at < len(text):
        letter, following = text[at], text[at + 1 : at + 2]
        if letter == "\\":
            if following and following in "uU":
                digits = text[at + 2 : at + (6 if following == "u" else 10)]
                out.append(f"\\x{{{digits}}}")
                at += 2 + len(digits)
                continue
            table = _INSIDE if inside else _OUTSIDE
            out.append(table.get(following, letter + following))
            at += 2
            continue
        first = text[at - 1] == "[" or text[at - 2 : at] == "[^"  # there a ] stands for itself
        inside = (letter != "]" or first) if inside else letter == "["
        repeat = not inside and re.match(r"\{,\d+\}", text[at:])
        out.append("{0" if repeat else letter)
        at += 1
    return "".join(out)

"""Text that comes from files of others, made fit to be shown or written."""

from __future__ import annotations

import unicodedata

# Control characters move the cursor and run a terminal's commands; format characters turn the
# direction of writing, which can make one name look like another.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def printable(text: object, limit: int = 2_000) -> str:
    """Return text with control, format and lone surrogate characters shown by number.

    Line ends and tabs stay. Of longer text the first `limit` characters are kept, and the rest is
    counted.

    >>> printable("a\\x1b[2J"), printable("walking", 4)
    ('a\\\\x1b[2J', 'walk… (3 more characters)')
    """
    shown = str(text)
    if (rest := len(shown) - limit) > 0:
        shown = f"{shown[:limit]}… ({rest:,} more characters)"
    if shown.isprintable():
        return shown
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in _HIDDEN else _escaped(c) for c in shown
    )


def count(number: int, what: str) -> str:
    """Write a number of things, one or many.

    >>> count(1, "person"), count(3, "person"), count(2, "recording")
    ('1 person', '3 people', '2 recordings')
    """
    many = "people" if what == "person" else f"{what}s"
    return f"1 {what}" if number == 1 else f"{number} {many}"


def card_line(line: str) -> str:
    """Return a line of a card in Markdown: one line, without control characters, and no text in it
    is a tag of HTML.

    >>> card_line("- learnt from <b>Ann")
    '- learnt from &lt;b>Ann'
    """
    return printable(" ".join(line.splitlines()), 1_000_000).replace("<", "&lt;")


def well_formed(text: str) -> str:
    """Return text that UTF-8 can hold: half a character, as of a cut-off emoji, is shown by number.

    >>> well_formed("caf\\udce9")
    'caf\\\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()

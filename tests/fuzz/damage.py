"""Damage that any file can meet: cut, flipped, doubled, lost, exchanged; and lines of text in
disorder.

Every kind takes the bytes and a generator and returns other bytes; the same generator gives the
same damage.
"""

from __future__ import annotations

import gzip
import random
import re
import zlib
from collections.abc import Sequence
from functools import cache

from fuzz import damage_arrays, damage_tables, damage_trees
from fuzz.kinds import ABSURD_TEXTS, Kind, Made, kind

MOST_KEPT = 400_000
"""Damage that lengthens a file stops here, so that a case stays quick; bombs are small by nature.
"""


def cut_at_block(content: bytes, rng: random.Random) -> bytes:
    """As a full disk or a broken copy leaves it."""
    block = rng.choice((512, 4096))
    whole = len(content) // block
    return content[: block * rng.randint(0, whole)] if whole else content[: len(content) // 2]


def cut_anywhere(content: bytes, rng: random.Random) -> bytes:
    """A copy that was broken off."""
    return content[: rng.randrange(len(content) + 1)]


def flip_one(content: bytes, rng: random.Random) -> bytes:
    """One bit."""
    return _flipped(content, [rng.randrange(len(content))], rng) if content else content


def flip_few(content: bytes, rng: random.Random) -> bytes:
    """A few bits, anywhere."""
    return (
        _flipped(content, [rng.randrange(len(content)) for _ in range(rng.randint(2, 20))], rng)
        if content
        else b""
    )


def flip_early(content: bytes, rng: random.Random) -> bytes:
    """A few bits where headers are."""
    reach = min(len(content), 256)
    return (
        _flipped(content, [rng.randrange(reach) for _ in range(rng.randint(1, 4))], rng)
        if content
        else content
    )


def flip_late(content: bytes, rng: random.Random) -> bytes:
    """A few bits where directories and footers are."""
    reach = min(len(content), 512)
    places = (
        [len(content) - 1 - rng.randrange(reach) for _ in range(rng.randint(1, 4))]
        if content
        else []
    )
    return _flipped(content, places, rng)


def _flipped(content: bytes, places: Sequence[int], rng: random.Random) -> bytes:
    out = bytearray(content)
    for place in places:
        out[place] ^= 1 << rng.randrange(8)
    return bytes(out)


def run_of_noise(content: bytes, rng: random.Random) -> bytes:
    """A stretch overwritten."""
    start, length = rng.randrange(len(content) + 1), rng.choice((4, 16, 512, 4096))
    return (
        content[:start]
        + rng.randbytes(min(length, len(content) - start))
        + content[start + length :]
    )


def run_of_zeros(content: bytes, rng: random.Random) -> bytes:
    """A stretch of zeros, as a lost block reads."""
    start, length = rng.randrange(len(content) + 1), rng.choice((4, 16, 512, 4096))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def lost_stretch(content: bytes, rng: random.Random) -> bytes:
    """A stretch gone."""
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.randint(1, 700) :]


def added_stretch(content: bytes, rng: random.Random) -> bytes:
    """Noise put in between."""
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.randbytes(rng.randint(1, 700)) + content[start:]


def twice(content: bytes, rng: random.Random) -> bytes:
    """The file behind itself."""
    return content + content


def noise(content: bytes, rng: random.Random) -> bytes:
    """Nothing of it left."""
    return rng.randbytes(rng.choice((1, 8, 100, 5000)))


def nothing(content: bytes, rng: random.Random) -> bytes:
    """An empty file."""
    return b""


def zeros(content: bytes, rng: random.Random) -> bytes:
    """Its size, and nothing else."""
    return bytes(len(content))


ANY: tuple[Kind, ...] = tuple(
    kind(one)
    for one in (
        cut_at_block, cut_anywhere, flip_one, flip_few, flip_early, flip_late, run_of_noise, run_of_zeros,
        lost_stretch, added_stretch, twice, noise, nothing, zeros,
    )
)  # fmt: skip


def lines_shuffled(content: bytes, rng: random.Random) -> bytes:
    """Lines in another order."""
    lines = content.splitlines(keepends=True)
    few = rng.sample(range(len(lines)), min(len(lines), rng.choice((2, 10, len(lines)))))
    mixed = few[:]
    rng.shuffle(mixed)
    out = lines[:]
    for to, source in zip(few, mixed, strict=True):
        out[to] = lines[source]
    return b"".join(out)


def lines_dropped(content: bytes, rng: random.Random) -> bytes:
    """Some lines gone."""
    share = rng.choice((0.02, 0.3, 0.9))
    return b"".join(line for line in content.splitlines(keepends=True) if rng.random() > share)


def lines_doubled(content: bytes, rng: random.Random) -> bytes:
    """Some lines twice, as a logger that stutters writes them."""
    share = rng.choice((0.02, 0.3))
    return b"".join(
        line * (2 if rng.random() < share else 1) for line in content.splitlines(keepends=True)
    )


def stamps_run_back(content: bytes, rng: random.Random) -> bytes:
    """The first cells of a few lines taken from other lines."""
    lines = content.splitlines(keepends=True)
    if len(lines) < 3:
        return content
    for _ in range(rng.randint(1, 8)):
        here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
        first = re.match(rb"[^,;\t ]*", lines[there])
        lines[here] = re.sub(
            rb"^[^,;\t ]*", lambda _found, cell=first[0] if first else b"": cell, lines[here]
        )
    return b"".join(lines)


def long_line(content: bytes, rng: random.Random) -> bytes:
    """A line without end."""
    lines = content.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    filler = rng.choice(
        (b"1," * 50_000, b"x" * 200_000, b" " * 200_000, b"9" * 100_000, b'"' + b"y" * 50_000)
    )
    lines[at] = lines[at].rstrip(b"\r\n") + filler + b"\n"
    return b"".join(lines)


def absurd_cell(content: bytes, rng: random.Random) -> bytes:
    """A few numbers or words replaced by what no recorder writes."""
    found = list(re.finditer(rb"[^\s,;:=\[\]{}\"']+", content))
    if not found:
        return content
    chosen = sorted(rng.sample(range(len(found)), min(len(found), rng.choice((1, 1, 3, 30)))))
    out, last = [], 0
    for number in chosen:
        span = found[number]
        out += [content[last : span.start()], rng.choice(ABSURD_TEXTS).encode()]
        last = span.end()
    return b"".join([*out, content[last:]])


def absurd_column(content: bytes, rng: random.Random) -> bytes:
    """One column all through: blank, words, or one value."""
    lines = content.decode("latin-1").splitlines()
    mark = next((mark for mark in (",", ";", "\t", " ") if lines and mark in lines[-1]), ",")
    column, filler = rng.randrange(8), rng.choice(("", "x", "0", "1e300", "nan", "-1", "5"))
    first = rng.choice((0, 1))
    out = []
    for number, line in enumerate(lines):
        cells = line.split(mark)
        if number >= first and column < len(cells):
            cells[column] = filler
        out.append(mark.join(cells))
    return ("\n".join(out) + "\n").encode("latin-1")


def head_line(content: bytes, rng: random.Random) -> bytes:
    """A header with names doubled, lost, endless or in disorder."""
    head, _, rest = content.partition(b"\n")
    mark = next((mark for mark in (b",", b";", b"\t", b" ") if mark in head), b",")
    cells = head.rstrip(b"\r").split(mark)
    at = rng.randrange(len(cells))
    change = rng.randrange(5)
    if change == 0:
        cells[at] = cells[rng.randrange(len(cells))]
    elif change == 1:
        del cells[at]
    elif change == 2:
        cells[at] = rng.choice(ABSURD_TEXTS).encode()
    elif change == 3:
        rng.shuffle(cells)
    else:
        cells[at] *= 100
    return mark.join(cells) + b"\n" + rest


def odd_letters(content: bytes, rng: random.Random) -> bytes:
    """Bytes that text has not, or that a terminal obeys."""
    odd = (
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x1b[2J",
        b"\r",
        b"\xe4",
        b"\x85",
        b"\xed\xa0\x80",
        b'"',
        b"\x1a",
    )
    out = content
    for _ in range(rng.choice((1, 3))):
        at = rng.choice((0, rng.randrange(len(out) + 1)))
        out = out[:at] + rng.choice(odd) + out[at:]
    return out


def other_line_ends(content: bytes, rng: random.Random) -> bytes:
    """Lines that end as they do elsewhere, or not at all."""
    ends = (b"\r\n", b"\r", b"\n\n", b"", b"\n\r", b"\x0b", "\u2028".encode())
    return content.replace(b"\n", rng.choice(ends))


def other_encoding(content: bytes, rng: random.Random) -> bytes:
    """The same words in the bytes of another system."""
    return content.decode("utf-8", "replace").encode(
        rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7"))
    )


TEXT: tuple[Kind, ...] = tuple(
    kind(one)
    for one in (
        lines_shuffled, lines_dropped, lines_doubled, stamps_run_back, long_line, absurd_cell, absurd_cell,
        absurd_column, head_line, odd_letters, other_line_ends, other_encoding,
    )
)  # fmt: skip


@cache
def zeros_without_end(gigabytes: int = 3, wbits: int = -15) -> bytes:
    """A raw deflate stream of this many gigabytes of zeros, made of one packed megabyte over and
    over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (1024 * gigabytes - 1) + packer.flush()


def gz_bomb(content: bytes, rng: random.Random) -> bytes:
    """A small file that unpacks to gigabytes."""
    return (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
        + zeros_without_end()
        + bytes(4)
        + (2**20).to_bytes(4, "little")
    )


def gz_members(content: bytes, rng: random.Random) -> Made:
    """A second packed file behind the first, or noise there."""
    return Made(
        content + rng.choice((gzip.compress(b"tail\n"), rng.randbytes(40), content)), checked=False
    )


def inside_gz(content: bytes, rng: random.Random) -> Made:
    """Damage before packing."""
    plain = gzip.decompress(content)
    harm = rng.choice((*ANY, *TEXT))
    return Made(gzip.compress(harm.make(plain, rng).content[:MOST_KEPT], 1), checked=False)


def pick(name: str, content: bytes, rng: random.Random) -> Kind:
    """Choose a kind of damage that fits a file: half of the time one that knows the format."""
    known = formats(name, content)
    own = tuple(one for group in known for one in group)
    group = own if own and rng.random() < 0.6 else ANY
    return rng.choice(group)


def formats(name: str, content: bytes) -> list[Sequence[Kind]]:
    """Return the kinds of damage that know this file's format."""
    end = name.lower().rsplit(".", 1)[-1]
    if content[:2] == b"\x1f\x8b":
        return [(kind(gz_bomb), kind(gz_members), *[kind(inside_gz)] * 6)]
    if content[:4] == b"PK\x03\x04":
        return [damage_arrays.ZIP]
    if content[:6] == b"\x93NUMPY":
        return [damage_arrays.NPY]
    if content[:4] == b"PAR1":
        return [damage_tables.PARQUET]
    if content[:6] == b"MATLAB":
        return [damage_arrays.MAT]
    if end == "safetensors":
        return [damage_arrays.SAFETENSORS]
    if end == "json":
        return [damage_trees.JSON, damage_trees.JSON, TEXT]
    if end == "jsonl":
        return [damage_trees.JSON_LINES, TEXT]
    if end == "toml":
        return [damage_trees.TOML, damage_trees.TOML, TEXT]
    if end == "bvh":
        return [damage_tables.BVH, TEXT]
    return [TEXT] if is_text(content) else []


def is_text(content: bytes) -> bool:
    """Whether the bytes read as text."""
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False

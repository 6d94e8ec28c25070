"""Damage that knows arrays and archives: npy, zip and npz, MATLAB 5, safetensors; headers that lie."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib

import numpy as np

from fuzz.kinds import ABSURD_VALUES, Kind, Made, kind

SHAPES = (
    "(1000000000000,)", "(1000000, 1000000)", "(-1,)", "(0,)", "()", "(1,)", "(3, 3)", "(2147483648, 2147483648, 4)",
    "(1.5,)", "None", "(18446744073709551617,)", "(1000000000000, 0)", "'x'", "(" * 300 + ")" * 300,
)  # fmt: skip
TYPES = ("'<f8'", "'<f4'", "'|O'", "'<U300'", "'>f8'", "'<i8'", "'|b1'", "'<c16'", "'<M8[s]'", "'|V99'", "'x'", "None",
         "[('a', '<f4'), ('b', '<f4')]", "'|S0'", "'<U2000000000'", "'<f2'")  # fmt: skip


def npy_header(content: bytes, rng: random.Random) -> bytes:
    """A header with another shape, type or order."""
    version = content[6]
    wide = 2 if version == 1 else 4
    length = int.from_bytes(content[8 : 8 + wide], "little")
    header = content[8 + wide : 8 + wide + length].decode("latin-1")
    what = rng.randrange(6)
    if what <= 2:
        start = header.index("'shape': ") + 9
        header = header[:start] + rng.choice(SHAPES) + ", }"
    elif what == 3:
        start, end = header.index("'descr': ") + 9, header.index(", 'fortran")
        header = header[:start] + rng.choice(TYPES) + header[end:]
    elif what == 4:
        header = header.replace("False", rng.choice(("True", "None", "7")))
    else:
        header = rng.choice(
            ("", "{}", "{" * 2000, "__import__('os').system('x')", "{'shape': (1,)}", "9" * 5000)
        )
    packed = header.rstrip().encode("latin-1") + b"\n"
    return (
        content[:8] + len(packed).to_bytes(wide, "little") + packed + content[8 + wide + length :]
    )


def npy_lengths(content: bytes, rng: random.Random) -> bytes:
    """A header that says another length, or another version."""
    out = bytearray(content)
    if rng.random() < 0.5:
        out[6] = rng.choice((0, 2, 3, 9, 255))
    out[8:10] = rng.choice((0, 1, 10, 60_000, 65_535)).to_bytes(2, "little")
    return bytes(out)


def npy_objects(content: bytes, rng: random.Random) -> bytes:
    """Pickled objects, which nobody may open."""
    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    return out.getvalue()


def npy_values(content: bytes, rng: random.Random) -> Made:
    """A whole array of another type, shape or with values that are no numbers."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    out = io.BytesIO()
    np.save(out, other_array(array, rng), allow_pickle=False)
    return Made(out.getvalue(), checked=False)


def other_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """The same array changed in what it is."""
    what = rng.randrange(11)
    if array.dtype.kind in "fiu" and array.size and what < 3:
        out = array.astype(np.float64)
        flat = out.reshape(-1)
        for _ in range(rng.choice((1, 5, len(flat) // 2 + 1))):
            flat[rng.randrange(len(flat))] = rng.choice(
                (np.nan, np.inf, -np.inf, 1e300, 1e38, 0.0, -1.0)
            )
        return out
    others = (
        lambda: array.T, lambda: array[..., :-1] if array.ndim else array, lambda: array[:1] if array.ndim else array,
        lambda: array[:0] if array.ndim else array, lambda: array.reshape(-1), lambda: array[None],
        lambda: array.astype(str)[..., :3] if array.ndim else array.astype(str), lambda: np.zeros(array.shape, bool),
        lambda: np.zeros(array.shape), lambda: np.array(7), lambda: np.array("x" * 300),
        lambda: np.zeros(array.shape, complex), lambda: np.array([], dtype="<M8[s]"),
        lambda: np.zeros(3, [("a", "<f4"), ("b", "<U4")]),
        lambda: np.asfortranarray(array).astype(">f4") if array.dtype.kind in "fiu" else array,
    )  # fmt: skip
    return np.asarray(rng.choice(others)())


NPY: tuple[Kind, ...] = tuple(
    kind(one)
    for one in (
        npy_header,
        npy_header,
        npy_header,
        npy_lengths,
        npy_objects,
        npy_values,
        npy_values,
    )
)


def members(content: bytes) -> dict[str, bytes]:
    """What an archive holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def packed(held: dict[str, bytes], stored: bool = True) -> bytes:
    """Pack files into an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(
        out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED, compresslevel=1
    ) as archive:
        for name, inner in held.items():
            archive.writestr(zipfile.ZipInfo(name), inner, archive.compression)
    return out.getvalue()


def inside_zip(content: bytes, rng: random.Random) -> Made:
    """One file damaged before it was packed."""
    from fuzz.damage import MOST_KEPT, pick

    held = members(content)
    name = rng.choice(sorted(held))
    harmed = pick(name, held[name], rng).make(held[name], rng).content
    held[name] = harmed[: max(MOST_KEPT, len(held[name]))]
    return Made(packed(held, stored=len(content) > 50_000), checked=False)


def zip_names(content: bytes, rng: random.Random) -> Made:
    """Files under other names: gone, doubled, outside, endless."""
    held = members(content)
    name = rng.choice(sorted(held))
    inner = held[name] if rng.random() < 0.5 else held.pop(name)
    other = rng.choice(
        (
            "../up.csv",
            "/tmp/up.csv",
            "x" * 300,
            "a\\b",
            "\x01",
            name.upper(),
            f"../{name}",
            f"{name}/",
            "",
        )
    )
    if rng.random() < 0.7:
        held[other] = inner
    return Made(packed(held), checked=False)


def zip_bomb(content: bytes, rng: random.Random) -> Made:
    """A file within that unpacks to gigabytes, with the size it has or a smaller one."""
    from fuzz.damage import zeros_without_end

    held = members(content)
    name = rng.choice(sorted(held)).encode()
    stream, size = zeros_without_end(), rng.choice((3 * 2**30, 4096, 2**32 - 2))
    start = held[name.decode()][:0]
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(stream), size, len(name), 0)
    local = b"PK\x03\x04" + facts + name + start + stream
    central = (
        b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    )
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return Made(local + central + end, checked=False)


def zip_directory(content: bytes, rng: random.Random) -> bytes:
    """The directory lies: about sizes, places, methods, how many there are."""
    out = bytearray(content)
    at = content.rfind(b"PK\x01\x02")
    end = content.rfind(b"PK\x05\x06")
    lie = rng.choice((0, 1, 2**31, 2**32 - 1, rng.randrange(2**32)))
    field = rng.choice(((at + 20, 4), (at + 24, 4), (at + 42, 4), (at + 10, 2), (at + 8, 2), (at + 28, 2), (at + 16, 4),
                        (end + 8, 2), (end + 10, 2), (end + 12, 4), (end + 16, 4), (end + 20, 2)))  # fmt: skip
    out[field[0] : field[0] + field[1]] = (lie % 256 ** field[1]).to_bytes(field[1], "little")
    return bytes(out)


ZIP: tuple[Kind, ...] = (
    *[kind(inside_zip)] * 7,
    kind(zip_names),
    kind(zip_names),
    kind(zip_bomb),
    *[kind(zip_directory)] * 3,
)


def mat_elements(content: bytes, rng: random.Random) -> Made:
    """An element of a MATLAB file with another type or size, packed anew where it was packed."""
    out, head = content, 128
    packed_element = int.from_bytes(content[128:132], "little") == 15
    inner = bytearray(
        zlib.decompress(content[136 : 136 + int.from_bytes(content[132:136], "little")])
        if packed_element
        else content[head:]
    )
    places = [i for i in range(0, min(len(inner) - 4, 160), 4)]
    for _ in range(rng.randint(1, 3)):
        at = rng.choice(places)
        lie = rng.choice(
            (
                0,
                1,
                2,
                5,
                6,
                7,
                9,
                14,
                15,
                16,
                255,
                2**16,
                2**31 - 1,
                2**31,
                2**32 - 1,
                10**9,
                rng.randrange(2**32),
            )
        )
        inner[at : at + 4] = lie.to_bytes(4, "little")
    if not packed_element:
        return Made(out[:head] + bytes(inner), checked=False)
    again = zlib.compress(bytes(inner))
    return Made(out[:head] + struct.pack("<II", 15, len(again)) + again, checked=False)


def mat_inside(content: bytes, rng: random.Random) -> Made:
    """Bytes damaged before they were packed, or packed from then on."""
    from fuzz.damage import ANY

    if int.from_bytes(content[128:132], "little") == 15:
        inner = zlib.decompress(content[136 : 136 + int.from_bytes(content[132:136], "little")])
    else:
        inner = content[128:]
    harmed = rng.choice(ANY).make(inner, rng).content
    if rng.random() < 0.5:
        return Made(content[:128] + harmed, checked=False)
    again = zlib.compress(harmed)
    return Made(content[:128] + struct.pack("<II", 15, len(again)) + again, checked=False)


def mat_bomb(content: bytes, rng: random.Random) -> Made:
    """A packed element of gigabytes."""
    from fuzz.damage import zeros_without_end

    stream = zeros_without_end(3, 15)
    return Made(content[:128] + struct.pack("<II", 15, len(stream)) + stream, checked=False)


def mat_head(content: bytes, rng: random.Random) -> bytes:
    """Another version or byte order."""
    return (
        content[:124]
        + rng.choice((b"\x00\x02IM", b"\x00\x01MI", b"\x00\x00\x00\x00", b"\x00\x01XX"))
        + content[128:]
    )


MAT: tuple[Kind, ...] = (
    *[kind(mat_elements)] * 6,
    *[kind(mat_inside)] * 3,
    kind(mat_bomb),
    kind(mat_head),
)


def safetensors_length(content: bytes, rng: random.Random) -> bytes:
    """A header that says another length."""
    lie = rng.choice((0, 1, 2**63, 2**64 - 1, len(content), 10**8, 10**12))
    return lie.to_bytes(8, "little") + content[8:]


def safetensors_header(content: bytes, rng: random.Random) -> bytes:
    """Tensors with other names, types, shapes and places."""
    from fuzz.damage_trees import changed

    length = int.from_bytes(content[:8], "little")
    tree = json.loads(content[8 : 8 + length])
    if rng.random() < 0.5:
        tree = changed(tree, rng)
    else:
        name = rng.choice(sorted(tree))
        value = rng.choice(
            (
                *ABSURD_VALUES,
                [10**12],
                [2**40, 2**40],
                [0],
                [],
                "F64",
                "BF16",
                "I8",
                [0, 10**12],
                [8, 4],
            )
        )
        tree[name][rng.choice(("shape", "dtype", "data_offsets"))] = value
    header = json.dumps(tree).encode()
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


SAFETENSORS: tuple[Kind, ...] = (kind(safetensors_length), *[kind(safetensors_header)] * 3)

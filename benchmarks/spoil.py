"""How `fuzz.py` spoils files: each function takes the bytes of a file and gives others."""

import io
import json
import random
import re
import struct
from collections.abc import Callable, Iterator

import numpy as np

Mutation = Callable[[bytearray, random.Random], bytearray]


def flip(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(round(2 ** rng.uniform(0, 10))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def flip_head(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(round(2 ** rng.uniform(0, 6))):
        data[rng.randrange(min(len(data), 2000))] ^= 1 << rng.randrange(8)
    return data


def cut(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data))]


def lose(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data))
    return data[:start] + data[start + round(2 ** rng.uniform(0, 15)) :]


def blank(data: bytearray, rng: random.Random) -> bytearray:
    start, size = rng.randrange(len(data)), round(2 ** rng.uniform(0, 14))
    data[start : start + size] = bytes([rng.choice((0, 255))]) * min(size, len(data) - start)
    return data


def double(data: bytearray, rng: random.Random) -> bytearray:
    start, size = rng.randrange(len(data)), round(2 ** rng.uniform(0, 14))
    return data[: start + size] + data[start:]


def move(data: bytearray, rng: random.Random) -> bytearray:
    start, to, size = rng.randrange(len(data)), rng.randrange(len(data)), round(2 ** rng.uniform(2, 13))
    part = data[start : start + size]
    del data[start : start + size]
    data[to:to] = part
    return data


ATOMS = (b"tkhd", b"mvhd", b"mdhd", b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"stss", b"elst", b"avcC", b"mp4a",
         b"avc1", b"colr", b"pasp", b"strh", b"strf", b"avih", b"idx1", b"\xb0\x82", b"\xba\x82", b"#\xe3\x83",
         b"\xb5\x84",
         b"\x2a\xd7\xb1", b"D\x89", b"\xe7", b"\xa3", b"\x47", b"FLV", b"onMetaData")  # fmt: skip
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def lie(data: bytearray, rng: random.Random) -> bytearray:
    """Numbers behind the names of a header's fields become extreme."""
    for _ in range(rng.randint(1, 4)):
        atom = rng.choice(ATOMS)
        found = [match.end() for match in re.finditer(re.escape(atom), bytes(data))][:50]
        at = (rng.choice(found) if found else rng.randrange(len(data))) + rng.randrange(0, 40)
        value = struct.pack(rng.choice("<>") + "I", rng.choice(EXTREMES))[-rng.choice((1, 2, 4)) :]
        data[at : at + len(value)] = value
    return data


BYTES = (flip, flip_head, cut, lose, blank, double, move)
JUNK = (None, True, "", "x" * 5000, -1, 0, 1e308, -1e308, 10**400, [], {}, [[]], "\0", "\ud800", "🎻", float("nan"),
        float("inf"), [1, 2, 3], {"a": 1}, "../../etc", 2**63, -0.5)  # fmt: skip


def junk_json(data: bytearray, rng: random.Random) -> bytearray:
    """Values, keys and whole branches of a JSON text become something else."""
    root = [json.loads(data)]
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(list(branches(root)))
        way = rng.random()
        if way < 0.7 or isinstance(holder, list):
            holder[key] = rng.choice(JUNK)
        elif way < 0.85:
            del holder[key]
        else:
            holder[rng.choice(("", "x", "box", "video", "__class__"))] = holder.pop(key)
    return bytearray(json.dumps(root[0]).encode())


def branches(node) -> Iterator[tuple]:
    for key, value in list(enumerate(node) if isinstance(node, list) else node.items()):
        yield node, key
        if isinstance(value, list | dict):
            yield from branches(value)


PIECES = ("", "\0", '"', "'", ",", ",,,", "\n", "\r", "{", "}", "[" * 2000, "]", "<", ">", "&", "&a;", "*x", "&x",
          "!!python/object:os.x",
          ": ", "- ", "\t", "\ufeff", "é", "\x85", "nan", "1e999", "-1", "9" * 5000, "x" * 200_000,
          "<!--", "<![CDATA[", "%", "#")  # fmt: skip


def junk_text(data: bytearray, rng: random.Random) -> bytearray:
    """Pieces with a meaning in some format are put in, or take the place of what was there."""
    text = data.decode("utf-8", "replace")
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(PIECES) + text[at + rng.choice((0, 0, 1, 5, 50)) :]
    return bytearray(text.encode("utf-8", rng.choice(("replace", "surrogatepass"))))


def another_encoding(data: bytearray, rng: random.Random) -> bytearray:
    encoding = rng.choice(("utf-16", "utf-8-sig", "utf-32", "cp1252", "utf-16-le"))
    return bytearray(data.decode("utf-8", "replace").encode(encoding, "replace"))


def bomb(data: bytearray, rng: random.Random) -> bytearray:
    """Small texts that mean large ones."""
    deep, wide = 100_000, 9
    return bytearray(rng.choice((
        "[" * deep, '{"a":' * deep, "<a>" * deep, "- " * deep, "a: " * deep, "{" * deep,
        '<!DOCTYPE x [<!ENTITY a "' + "x" * 1000 + '">' + "".join(
            f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(wide)) +
        "]><annotation>&j;</annotation>",
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, wide)),
        "9" * 200_000, '"' + "x" * 10**7, ",".join("x" * 100 for _ in range(10**5)),
    )).encode())  # fmt: skip


def junk_npz(data: bytearray, rng: random.Random) -> bytearray:
    """Archives of arrays that are not what they should be."""
    keys = list(np.load(io.BytesIO(data)))
    shapes = ((), (0,), (7,), (0, 5), (2, 0, 3), (1, 1), (3, 3, 3, 3), (40, 14, 14), (5, 5))
    array = np.zeros(rng.choice(shapes), rng.choice(("f4", "f8", "f2", "i8", "?", "c8", "U3", "S2", "M8[s]", "O")))
    if array.dtype.kind == "f" and array.size:
        array.flat[0] = rng.choice((np.nan, np.inf, -1, 1e38))
    chosen = {
        key: array if rng.random() < 0.3 else np.load(io.BytesIO(data))[key] for key in keys if rng.random() < 0.95
    }
    out = io.BytesIO()
    np.savez_compressed(out, **chosen) if rng.random() < 0.5 else np.savez(out, **chosen)
    if rng.random() < 0.3:  # an array says that it is larger than all memory
        return bytearray(out.getvalue().replace(b"'shape': (", b"'shape': (9", 1))
    return bytearray(out.getvalue())


def junk_safetensors(data: bytearray, rng: random.Random) -> bytearray:
    """The header of a safetensors file changed as JSON, or its length."""
    size = struct.unpack("<Q", data[:8])[0]
    if rng.random() < 0.2:
        return bytearray(struct.pack("<Q", rng.choice((0, 1, size - 1, size + 1, 2**31, 2**63)))) + data[8:]
    head = json.loads(data[8 : 8 + size])
    if rng.random() < 0.5 and "__metadata__" in head:
        key = rng.choice(list(head["__metadata__"]))
        changed = rng.choice((junk_text, flip, cut, junk_json))
        try:
            text = changed(bytearray(head["__metadata__"][key].encode()), rng)
        except ValueError:
            text = bytearray(b"{")
        head["__metadata__"][key] = text.decode("utf-8", "replace")
        new = bytearray(json.dumps(head).encode())
    else:
        new = junk_json(bytearray(json.dumps(head).encode()), rng)
    return bytearray(struct.pack("<Q", len(new))) + new + data[8 + size :]


TEXT = (*BYTES, junk_text, junk_text, another_encoding, bomb)
JSON = (*TEXT, junk_json, junk_json, junk_json, junk_json)

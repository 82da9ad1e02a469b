"""Writes the corpora that the fuzz targets start from: python tests/fuzz/seeds.py FOLDER.

One folder for each target. Inputs are what each target says it reads; the values mean nothing.
Names say what becomes of an input, which seeds_fit.cc checks: fast_*, valid_*.
"""

import random
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import oracle
from oracle import delimited, encode_entry, encode_example, floats, ints, strings

# The columns of tests/cpp/agreement.h.
FEATURES = {
    b"a": ints(1),
    b"b": ints(2, -3),
    b"c": floats(0.5),
    b"d": floats(1, 2, 3),
    b"e": strings(b"text"),
    b"f": strings(b"two", b""),
    b"g": ints(300, 70000, 1),
    b"h": floats(0.25, 4),
    b"i": strings(b"one", b"two", b"three"),
    b"j": ints(5, 6, 7),
    b"k": floats(1, 2, 3, 4),
    b"l": strings(b"p", b"q"),
    b"m": strings(b"\0\1\2\3"),
    b"n": strings(b"\0\0\x80\x3f"),
    b"o": ints(-100),
    b"p": ints(0, 1),
    b"q": floats(1.5),
    b"r": floats(2.5, -1),
    b"s": ints(2**40),
    b"t": floats(3),
    b"u": ints(2**32 - 1),
    b"": ints(9, 9),
    b"k" * 80: ints(8),
    b"the same ends, but one": ints(1, 2),
    b"the same ends, two one": ints(3),
}


CANONICAL = ("plain", "unpacked", "shuffled", "shuffled_unpacked")  # of oracle.STYLES


def examples():
    single = 2  # schemas of the target before those of one column
    for style_name, style in oracle.STYLES.items():
        name = ("fast_" if style_name in CANONICAL else "valid_") + style_name
        yield name, b"\0" + encode_example(FEATURES, style)
        yield name + "_strict", b"\1" + encode_example(FEATURES, style)
        for i, (key, feature) in enumerate(FEATURES.items()):
            if style_name in ("plain", "unpacked") or i % 6 == len(name) % 6:
                yield f"{name}_{i}", bytes([single + i]) + encode_example({key: feature}, style)
    yield "no_kind", b"\0" + encode_example({b"g": oracle.NO_KIND, b"a": ints(1)})
    yield "no_values", b"\0" + encode_example({b"g": ints(), b"h": floats(), b"i": strings()})
    yield "empty", b"\0"


def records():
    """Recipes of tests/cpp/recipes.h: two bytes say what, the data follows."""
    rng = random.Random(0)
    for number in range(24):
        recipe = b""
        for _ in range(rng.randint(1, 8)):
            data = rng.randbytes(rng.randint(0, 24))
            recipe += bytes([rng.randint(0, 31) % (8 * (1 + number % 4)), len(data)]) + data
        yield str(number), recipe


def sequences():
    context = delimited(
        1,
        b"".join(
            encode_entry(bytes([c]), FEATURES[f])
            for c, f in zip(b"abcdefg", [b"a", b"r", b"e", b"g", b"h", b"i", b"f"], strict=True)
        ),
    )
    kinds = [
        ints(1),
        floats(1, 2),
        strings(b"x"),
        ints(1, 2, 3),
        floats(),
        strings(b"", b"yy"),
        strings(b"u", b"v"),
    ]
    for rows in range(4):
        lists = b"".join(
            delimited(
                1,
                delimited(1, bytes([key]))
                + delimited(
                    2, b"".join(delimited(1, oracle.encode_feature(kind)) for _ in range(rows))
                ),
            )
            for key, kind in zip(b"abcdefg", kinds, strict=True)
        )
        for strict in (b"\0", b"\1"):
            yield f"valid_{rows}_{strict[0]}", strict + context + delimited(2, lists)
    yield "empty", b"\1"


def indexes():
    """The layout of csrc/index_file.h; the last bit says that the checksum is to be put right."""

    def text(data):
        return struct.pack("<Q", len(data)) + data

    for groups, firsts, more, bits in [
        (1, [], b"", 64),
        (1, [], bytes(10), 6),
        (2, [0, 3], bytes(8), 6),
    ]:
        file = text(b"/data/a.tfrecord") + struct.pack("<4Q", 4096, 1, 10, bits)
        file += struct.pack("<Q", groups) + struct.pack("<3Q", 0, 100, len(more) and 1) * groups
        file += struct.pack(f"<Q{len(firsts)}Q", len(firsts), *firsts) + text(more)
        head = b"hr index" + struct.pack("<2Q", 1, 0) + struct.pack("<4Q", 0, 0, 0, 0)
        yield f"{groups}_{bits}", head + struct.pack("<Q", 1) + file + b"\0\0\0\1"


def main(folder):
    targets = {"example": examples, "records": records, "sequence": sequences, "index": indexes}
    for target, inputs in targets.items():
        path = Path(folder) / target
        path.mkdir(parents=True, exist_ok=True)
        for name, data in inputs():
            (path / name).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1])

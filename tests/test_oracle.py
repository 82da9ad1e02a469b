"""The oracle itself, held against constants that were not computed by it."""

import random

import numpy as np
import pytest

import oracle
from oracle import NO_KIND, STYLES, Fixed, Ragged, Refused, floats, ints, strings

CRCS = {
    b"": 0x00000000,
    b"a": 0xC1D04330,
    b"123456789": 0xE3069283,
    b"hello": 0x9A71BB4C,
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(reversed(range(32))): 0x113FDB5C,
}

HELLO = bytes.fromhex("0500000000000000eab2043e68656c6c6fbb1f1c19")
EMPTY = bytes.fromhex("000000000000000029039807d8ea82a2")

EXAMPLE = {
    b"i": ints(5, -1, 300, -(2**63)),
    b"f": floats(1.5, -0.0),
    b"s": strings(b"x", b""),
    b"one": ints(0),
    b"empty": ints(),
}


@pytest.mark.parametrize(("data", "crc"), CRCS.items())
def test_crc32c(data, crc):
    assert oracle.crc32c(data) == crc


def test_frames():
    assert oracle.frame(b"hello") == HELLO
    assert oracle.frame(b"") == EMPTY
    assert list(oracle.records_of(HELLO + EMPTY + HELLO)) == [b"hello", b"", b"hello"]


@pytest.mark.parametrize("cut", range(1, len(HELLO)))
def test_a_cut_frame_is_torn(cut):
    with pytest.raises(oracle.Damaged, match="torn"):
        list(oracle.records_of(HELLO + HELLO[:cut]))


@pytest.mark.parametrize("bit", [0, 8 * 8, 8 * 12, 8 * 20])
def test_a_changed_frame_is_corrupted(bit):
    data = bytearray(HELLO)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(oracle.Damaged, match="corrupted"):
        list(oracle.records_of(bytes(data)))


@pytest.mark.parametrize(
    ("features", "encoded"),
    [
        ({b"a": ints(5)}, "0a0c0a0a0a016112051a030a0105"),
        ({b"a": ints(-1)}, "0a150a130a0161120e1a0c0a0affffffffffffffffff01"),
        ({b"a": ints()}, "0a090a070a016112021a00"),
        ({b"a": NO_KIND}, "0a070a050a01611200"),
        ({}, "0a00"),
    ],
)
def test_plain_bytes(features, encoded):
    assert oracle.encode_example(features).hex() == encoded


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_style_says_the_same(style):
    spec = {
        b"i": Fixed("int64", (4,)),
        b"f": Fixed("float32", (2,)),
        b"s": Ragged("bytes"),
        b"one": Fixed("int64"),
        b"empty": Ragged("int64"),
    }
    batch = oracle.columns([oracle.encode_example(EXAMPLE, style)] * 2, spec)
    assert batch[b"i"].tolist() == [[5, -1, 300, -(2**63)]] * 2
    assert batch[b"f"].tobytes() == np.array([1.5, -0.0] * 2, np.float32).tobytes()
    assert batch[b"s"].values.tolist() == [b"x", b""] * 2
    assert batch[b"s"].row_splits == [0, 2, 4]
    assert batch[b"one"].tolist() == [0, 0]
    assert batch[b"empty"].row_splits == [0, 0, 0]


def test_styles_differ_in_their_bytes():
    rng = random.Random(1)
    assert len({oracle.encode_example(EXAMPLE, style) for style in STYLES.values()}) == len(STYLES)
    assert len({oracle.encode_example(EXAMPLE, oracle.any_style(rng)) for _ in range(50)}) > 20


# Rows of TensorFlow's own answers: VarLen int64 'a' of a batch of one; None: an error.
ANSWERS = [
    ("0a0d0a0b0a016112061a040a020506", [5, 6]),  # canonical
    ("0a0d0a0b0a016112061a0408050806", [5, 6]),  # unpacked
    ("0a0f0a0d0a016112081a060a01010a0102", [1]),  # two packed blocks: the first
    ("0a0e0a0c0a016112071a0508010a0102", None),  # unpacked, then packed
    ("0a0f0a0d0a016112081a060a0101ffffff", [1]),  # bytes behind the packed block
    ("0a150a130a0161120e1a0c0a0affffffffffffffffff7f", [-1]),  # bits above 64
    ("0a160a140a0161120f1a0d0a0b8080808080808080808000", None),  # 11 bytes
    ("0a0d0a0b0a016112061a040a640102", [1, 2]),  # packed length past the list
    ("0a640a0a0a016112051a030a0105", [5]),  # Features length past the input
    ("0a0c0a0a0a016112051a640a0105", [5]),  # list length past the Feature
    ("0a0c0a0a0a016112641a030a0105", None),  # Feature length past the entry
    ("0a8c808080100a0a0a016112051a030a0105", [5]),  # length + 2^32
    ("0a0c0a0a12051a030a01050a0161", [5]),  # value before key
    ("0a050a030a0161", None),  # no value
    ("0a080a060a01610a0161", []),  # key twice
    ("0a0e0a0c0a016112051a030a01051801", None),  # unknown field in the entry
    ("8a000c0a0a0a016112051a030a0105", []),  # padded tag of Features: unknown
    ("0a0d0a0b8a00016112051a030a0105", [5]),  # padded tag of the key
    ("10ac020a0c0a0a0a016112051a030a010510ac02", [5]),  # unknown fields around
    ("0a180a0a0a016112051a030a01010a0a0a016112051a030a0102", [2]),  # duplicate: the last
    ("0a130a0a0a016112051a030a01010a050a01611200", []),  # duplicate, the last without a kind
    ("0a180a0a0a016112050a030a01780a0a0a016112051a030a0101", [1]),  # the first of another kind
    ("0a0c0a0a0a016112051a030a010500", None),  # a NUL behind it
    ("0a0c0a0a0a016112051a030a01050000", [5]),  # two
    ("0b0c0a0c0a0a0a016112051a030a0105", None),  # a group
]


@pytest.mark.parametrize(("example", "values"), ANSWERS)
def test_the_parser_answers_as_tensorflow(example, values):
    examples = [bytes.fromhex(example)]
    if values is None:
        with pytest.raises(Refused):
            oracle.columns(examples, {b"a": Ragged("int64")})
    else:
        batch = oracle.columns(examples, {b"a": Ragged("int64")})
        assert batch[b"a"].values.tolist() == values

"""Examples in every style of the wire format, beside the oracle."""

import random

import numpy as np
import pytest

import headrace as hr
import laws
import oracle
from oracle import STYLES, Fixed, Ragged, Raw, Sequence

# What the writers of the world write, in any order: the fast path must take it.
CANONICAL = ["plain", "shuffled", "unpacked", "shuffled_unpacked"]

WANTED = {
    b"int": Fixed("int64"),
    b"ints": Fixed("int64", (2, 3)),
    b"small": Fixed("int8", (2,)),
    b"unsigned": Fixed("uint64"),
    b"flag": Fixed("bool"),
    b"float": Fixed("float32"),
    b"floats": Fixed("float32", (5,), np.arange(5)),
    b"half": Fixed("float16", (3,)),
    b"brain": Fixed("bfloat16", (3,)),
    b"double": Fixed("float64"),
    b"string": Fixed("bytes", (), b"default"),
    b"strings": Fixed("bytes", (3,)),
    b"raw": Raw("int16", (2, 2)),
    b"big": Raw("float32", (3,), little_endian=False),
    b"int_rows": Ragged("int64"),
    b"float_rows": Ragged("float32"),
    b"string_rows": Ragged("bytes"),
    b"int_blocks": Sequence("int64", (2,), -1),
    b"float_blocks": Sequence("float32"),
    b"string_blocks": Sequence("bytes", (), b"pad"),
}
NOT_ASKED = [b"", b"in", b"int2", b"another one"]


def some_ints(rng, count, bits=63):
    """Of every width; from -2**bits to 2**bits - 1."""
    sizes = [rng.getrandbits(rng.randint(0, bits)) for _ in range(count)]
    return oracle.ints(*(-n - 1 if rng.random() < 0.3 else n for n in sizes))


def some_floats(rng, count):
    bits = np.array([rng.getrandbits(32) for _ in range(count)], np.uint32)
    return oracle.Feature(2, bits.view(np.float32))


def some_strings(rng, count):
    return oracle.strings(*(rng.randbytes(rng.choice([0, 1, 5, 31, 200])) for _ in range(count)))


def some_example(rng):
    features = {
        b"int": some_ints(rng, 1),
        b"ints": some_ints(rng, 6),
        b"small": some_ints(rng, 2, bits=7),
        b"unsigned": oracle.ints(rng.getrandbits(63)),
        b"flag": oracle.ints(rng.randint(0, 1)),
        b"float": some_floats(rng, 1),
        b"floats": some_floats(rng, 5),
        b"half": oracle.floats(*(rng.uniform(-6e4, 6e4) for _ in range(3))),
        b"brain": oracle.floats(*(rng.uniform(-1e30, 1e30) for _ in range(3))),
        b"double": oracle.floats(rng.random()),
        b"string": some_strings(rng, 1),
        b"strings": some_strings(rng, 3),
        b"raw": oracle.strings(rng.randbytes(8)),
        b"big": oracle.strings(rng.randbytes(12)),
        b"int_rows": some_ints(rng, rng.randint(0, 20)),
        b"float_rows": some_floats(rng, rng.randint(0, 20)),
        b"string_rows": some_strings(rng, rng.randint(0, 4)),
        b"int_blocks": some_ints(rng, 2 * rng.randint(0, 4)),
        b"float_blocks": some_floats(rng, rng.randint(0, 4)),
        b"string_blocks": some_strings(rng, rng.randint(0, 4)),
    }
    for key, want in WANTED.items():
        needed = isinstance(want, Raw) or (isinstance(want, Fixed) and want.default is None)
        if not needed and rng.random() < 0.2:
            del features[key]
    for key in rng.sample(NOT_ASKED, rng.randint(0, 3)):
        features[key] = some_ints(rng, 3)
    return features


def feature_of(want):
    if isinstance(want, Ragged):
        return hr.RaggedFeature(want.dtype, row_splits_dtype=np.int64)
    if isinstance(want, Sequence):
        return hr.FixedLenSequenceFeature(want.shape, want.dtype, True, want.default)
    if isinstance(want, Raw):
        return hr.RawFeature(want.shape, want.dtype, want.little_endian)
    return hr.FixedLenFeature(want.shape, want.dtype, want.default)


SPEC = {key: feature_of(want) for key, want in WANTED.items()}


def column_of(expected):
    """What the oracle expects, as a column of headrace."""
    if isinstance(expected, oracle.Rows):
        return hr.RaggedArray(column_of(expected.values), np.array(expected.row_splits))
    if expected.dtype == object:
        return hr.BytesArray.of(expected.reshape(-1).tolist(), expected.shape)
    return expected


def expected_batches(examples, size):
    for start in range(0, len(examples), size):
        batch = oracle.columns(examples[start : start + size], WANTED)
        yield {key: column_of(column) for key, column in batch.items()}


def dataset_of(folder, examples, size):
    """In three files of different lengths."""
    cuts = [0, len(examples) // 5, len(examples) // 2, len(examples)]
    paths = [folder / f"{i}.tfrecord" for i in range(3)]
    for path, start, stop in zip(paths, cuts, cuts[1:], strict=False):
        oracle.write_file(path, examples[start:stop])
    return hr.TFRecordDataset(paths).parse_example(SPEC).batch(size)


def slow_records(dataset):
    with iter(dataset) as batches:
        for _ in batches:
            pass
        return batches.stats()["slow_records"]


@pytest.mark.parametrize("name", STYLES)
def test_a_style(tmp_path, name):
    rng = random.Random(name)
    examples = [oracle.encode_example(some_example(rng), STYLES[name]) for _ in range(90)]
    dataset = dataset_of(tmp_path, examples, 16)
    for threads in laws.THREADS:
        batches = list(laws.with_threads(dataset, threads))
        laws.assert_same_elements(batches, list(expected_batches(examples, 16)))
    if name in CANONICAL:
        assert slow_records(dataset) == 0


@pytest.mark.parametrize("seed", range(8))
def test_mixed_styles(tmp_path, seed):
    rng = random.Random(seed)
    examples = [oracle.encode_example(some_example(rng), oracle.any_style(rng)) for _ in range(150)]
    size = rng.choice([1, 7, 32, 200])
    dataset = dataset_of(tmp_path, examples, size)
    laws.assert_same_elements(list(dataset), list(expected_batches(examples, size)))


def test_laws_hold_for_every_kind(tmp_path):
    rng = random.Random(99)
    examples = [oracle.encode_example(some_example(rng), oracle.any_style(rng)) for _ in range(60)]
    dataset = dataset_of(tmp_path, examples, 8)
    laws.assert_laws(dataset)
    laws.assert_empty_input_works(
        lambda files: hr.TFRecordDataset(files).parse_example(SPEC).batch(8), tmp_path
    )

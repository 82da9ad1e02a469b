"""Columns as the core makes them, beside the same ones made in Python."""

import gc
import pickle
import sys
import weakref

import numpy as np
import pytest

import headrace as hr

ROWS, BATCH = 64, 16
FEATURES = {
    "number": hr.FixedLenFeature([], np.int64),
    "matrix": hr.FixedLenFeature([2, 2], np.float32),
    "name": hr.FixedLenFeature([], "string"),
    "names": hr.FixedLenFeature([3], "string"),
    "tokens": hr.RaggedFeature(np.int64),
    "wide": hr.RaggedFeature(np.float32, row_splits_dtype=np.int64),
    "words": hr.RaggedFeature("string"),
    "ids": hr.VarLenFeature(np.int64),
    "tags": hr.VarLenFeature("string"),
    "padded": hr.FixedLenSequenceFeature([2], np.int64, allow_missing=True),
    "padded names": hr.FixedLenSequenceFeature([], "string", allow_missing=True),
}


def example(i):
    return {
        "number": i,
        "matrix": np.full(4, i, np.float32),
        "name": b"%d" % i,
        "names": [b"%d" % (i + j) for j in range(3)],
        "tokens": np.arange(i % 5) + i,
        "wide": np.arange(i % 4, dtype=np.float32) + i,
        "words": [b"w%d" % j for j in range(i % 3)],
        "ids": np.arange(i % 6) + i,
        "tags": [b"t%d" % j for j in range(i % 4)],
        "padded": np.arange(2 * (i % 3)) + i,
        "padded names": [b"p%d" % j for j in range(i % 3)],
    }


def flat(rows):
    return [value for row in rows for value in row]


def ragged(rows, dtype, splits):
    values = hr.BytesArray.of(flat(rows)) if dtype is bytes else np.array(flat(rows), dtype)
    return hr.RaggedArray(values, np.cumsum([0, *map(len, rows)]).astype(splits))


def sparse(rows, dtype):
    array = ragged(rows, dtype, np.int64)
    return hr.SparseArray._of_rows(array.values, array.row_splits)


def padded(rows, fill):
    longest = max(map(len, rows))
    return [[*row, *[fill] * (longest - len(row))] for row in rows]


def expected(begin):
    """The batch of records from `begin` on."""
    examples = [example(i) for i in range(begin, begin + BATCH)]
    of = {key: [e[key] for e in examples] for key in FEATURES}
    pairs = padded(of["padded"], 0)
    names = padded(of["padded names"], b"")
    return {
        "number": np.array(of["number"]),
        "matrix": np.stack(of["matrix"]).reshape(-1, 2, 2),
        "name": hr.BytesArray.of(of["name"]),
        "names": hr.BytesArray.of(flat(of["names"]), (BATCH, 3)),
        "tokens": ragged(of["tokens"], np.int64, np.int32),
        "wide": ragged(of["wide"], np.float32, np.int64),
        "words": ragged(of["words"], bytes, np.int32),
        "ids": sparse(of["ids"], np.int64),
        "tags": sparse(of["tags"], bytes),
        "padded": np.array(pairs).reshape(BATCH, -1, 2),
        "padded names": hr.BytesArray.of(flat(names), (BATCH, len(names[0]))),
    }


def same(column, other):
    if isinstance(column, np.ndarray):
        return column.dtype == other.dtype and np.array_equal(column, other)
    return column == other


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("columns") / "a.tfrecord"
    with hr.TFRecordWriter(path) as writer:
        for i in range(ROWS):
            writer.write(hr.encode_example(example(i)))
    return path


@pytest.fixture(scope="module")
def dataset(path):
    return hr.TFRecordDataset(path).parse_example(FEATURES).batch(BATCH)


def ways(path, dataset):
    """The same batches by everything that makes some."""
    starts = range(0, ROWS, BATCH)
    examples = hr.TFRecordDataset(path).parse_example(FEATURES)
    yield list(dataset)
    yield list(hr.TFRecordDataset(path).batch(BATCH).map(lambda b: b).parse_example(FEATURES))
    yield [examples[list(range(start, start + BATCH))] for start in starts]
    records = list(hr.TFRecordDataset(path))
    yield [hr.parse_example(records[start : start + BATCH], FEATURES) for start in starts]


def test_they_are_those_that_python_makes(path, dataset):
    for batches in ways(path, dataset):
        assert len(batches) == ROWS // BATCH
        for number, batch in enumerate(batches):
            wanted = expected(number * BATCH)
            assert batch.keys() == wanted.keys()
            for key, column in batch.items():
                assert type(column) is type(wanted[key])
                assert repr(column) == repr(wanted[key])
                assert same(column, wanted[key])
                assert same(pickle.loads(pickle.dumps(column)), wanted[key])


@pytest.mark.parametrize("key", ["name", "tokens", "words", "ids", "tags"])
def test_every_member_is_set(dataset, key):
    column, wanted = next(iter(dataset))[key], expected(0)[key]
    for member in type(column).__slots__:
        assert type(getattr(column, member)) is type(getattr(wanted, member))


def arrays_of(column):
    """By the names of the members that lead there."""
    if isinstance(column, np.ndarray):
        return {"": column}
    members = {hr.BytesArray: ["data", "offsets"]}.get(type(column), ["values", "row_splits"])
    return {
        f".{member}{rest}": array
        for member in members
        for rest, array in arrays_of(getattr(column, member)).items()
    }


def test_an_array_alone_keeps_its_memory(dataset):
    """The others of its column and batch go, later batches come and use the memory again."""
    kept = []
    for key in FEATURES:
        for name in arrays_of(expected(0)[key]):
            batches = iter(dataset)
            first = next(batches)
            kept.append((key, name, arrays_of(first[key])[name]))
            del first, batches
    for _ in range(3):
        list(dataset)
    for key, name, array in kept:
        assert np.array_equal(array, arrays_of(expected(0)[key])[name]), key + name


def test_nothing_is_left_of_a_batch(dataset):
    """Neither its arrays nor references to what all batches share."""
    list(dataset)
    classes = [hr.BytesArray, hr.RaggedArray, hr.SparseArray]
    shared = [*classes, *FEATURES]
    before = [sys.getrefcount(x) for x in shared]
    living = []
    for _ in range(50):
        for batch in dataset:
            living += [weakref.ref(batch["number"]), weakref.ref(batch["tokens"].values)]
    del batch
    gc.collect()
    assert not any(reference() is not None for reference in living)
    after = [sys.getrefcount(x) for x in shared]
    assert all(b < a + 50 for a, b in zip(before, after, strict=True))


def test_a_batch_is_its_users(dataset):
    batches = iter(dataset)
    first = next(batches)
    first["more"] = first.pop("number")
    assert list(next(batches)) == list(FEATURES)


def test_keys(path):
    """One column under two keys, keys that are bytes, and the flags of rows that only pad."""
    files = hr.TFRecordDataset(path)
    twice = {key: hr.RaggedFeature(np.int64, "tokens") for key in "xy"}
    batch = next(iter(files.parse_example(twice).batch(BATCH)))
    assert batch == {"x": expected(0)["tokens"], "y": expected(0)["tokens"]}

    batch = next(iter(files.parse_example({b"tokens": hr.RaggedFeature(np.int64)}).batch(BATCH)))
    assert batch == {b"tokens": expected(0)["tokens"]}

    for features in (FEATURES, twice):
        key, *_ = features
        rank = files.shard(3, 2, even="pad").parse_example(features).batch(ROWS)
        (batch,) = rank
        assert list(batch) == [*features, "valid"]
        assert batch["valid"].tolist() == [True] * (ROWS // 3) + [False]
        ((values, valid),) = rank.as_tuple(key, "valid")
        assert same(values, batch[key])
        assert valid.tolist() == batch["valid"].tolist()


# Rows of up to 256 bytes are padded another way than longer ones, and so is the last row.
LENGTHS = (
    [0, 0, 0],
    [5, 0, 0, 1],
    [0, 1, 5],
    [1, 1, 1, 1],
    [32, 31, 0, 32],
    [33, 32, 31, 0, 33],
    [3, 500, 0, 7],
    [0, 7, 3, 500],
    *np.random.default_rng(8).integers(0, 60, (20, 17)).tolist(),
)


class TestPadding:
    """Sequences get the length of the longest of their batch, beside rows padded by hand."""

    @pytest.mark.parametrize("dtype", [np.int64, np.float32])
    @pytest.mark.parametrize("fill", [None, 0, -7])
    @pytest.mark.parametrize("lengths", LENGTHS)
    def test_numbers(self, dtype, fill, lengths):
        rows = [list(range(100 * i + 1, 100 * i + 1 + n)) for i, n in enumerate(lengths)]
        records = [hr.encode_example({"a": np.array(row, dtype)}) for row in rows]
        feature = hr.FixedLenSequenceFeature([], dtype, True, fill)
        got = hr.parse_example(records, {"a": feature})["a"]
        want = np.array(padded(rows, fill or 0), dtype).reshape(len(rows), -1)
        assert got.dtype == dtype
        assert got.shape == want.shape
        assert np.array_equal(got, want)

    @pytest.mark.parametrize("fill", [None, "", "-", "a long one " * 9])
    @pytest.mark.parametrize("lengths", LENGTHS)
    def test_strings(self, fill, lengths):
        rows = [[b"%d/%d" % (i, k) * (k % 4) for k in range(n)] for i, n in enumerate(lengths)]
        records = [hr.encode_example({"a": row}) if row else b"" for row in rows]
        feature = hr.FixedLenSequenceFeature([], "string", True, fill)
        got = hr.parse_example(records, {"a": feature})["a"]
        want = padded(rows, (fill or "").encode())
        assert got.shape == (len(rows), max(lengths))
        assert got.tolist() == want

    @pytest.mark.parametrize("lengths", [[3, 0, 700], [700, 3, 0], [700] * 300])
    def test_batches_of_a_megabyte(self, tmp_path, lengths):
        """Which are written past the caches."""
        rows = [list(range(i, i + n)) for i, n in enumerate(lengths)] * 60
        records = [hr.encode_example({"a": np.array(row, np.int64)}) for row in rows]
        feature = hr.FixedLenSequenceFeature([], np.int64, True, 9)
        with hr.TFRecordWriter(tmp_path / "a") as writer:
            for record in records:
                writer.write(record)
        dataset = hr.TFRecordDataset(tmp_path / "a").parse_example({"a": feature})
        (batch,) = dataset.batch(len(rows))
        assert np.array_equal(batch["a"], np.array(padded(rows, 9)))

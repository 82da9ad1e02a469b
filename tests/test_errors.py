"""What is wrong with the data: each error by its class, its place and its text."""

import contextlib
import gzip
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

import headrace as hr
from data import write_records

FIXED = hr.FixedLenFeature


def record(number):
    return hr.encode_example({"a": number, "f": [0.5, 1.5], "s": b"xy"})


RECORDS = [record(i) for i in range(10)]
FRAME = 16  # bytes of a record that are not its data
SIZE = len(RECORDS[0]) + FRAME


@pytest.fixture
def good(tmp_path):
    return write_records(tmp_path / "good.tfrecord", RECORDS)


def contents(path):
    with open(path, "rb") as file:
        return bytearray(file.read())


def write(path, data):
    path.write_bytes(data)
    return str(path)


def read_until_error(dataset):
    """The elements before the error, and the error; which must come again at each call."""
    iterator, elements = iter(dataset), []
    with pytest.raises(hr.Error) as caught:
        elements.extend(iterator)
    for _ in range(2):
        with pytest.raises(type(caught.value)) as again:
            next(iterator)
        assert str(again.value) == str(caught.value)
    return elements, caught.value


class TestTree:
    def test_is_the_one_that_is_drawn(self):
        assert issubclass(hr.CorruptedError, hr.DataLossError)
        assert issubclass(hr.TruncatedError, hr.DataLossError)
        assert issubclass(hr.DataLossError, hr.Error)
        assert issubclass(hr.ParseError, hr.Error)
        assert not issubclass(hr.ParseError, hr.DataLossError)
        assert not issubclass(hr.Error, (ValueError, OSError))

    def test_pickles(self):
        error = hr.CorruptedError("text", "path", 3, 99)
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is hr.CorruptedError
        assert (str(copy), copy.path, copy.record, copy.offset) == ("text", "path", 3, 99)


class TestFilesThatCannotBeRead:
    def test_missing(self, tmp_path):
        path = str(tmp_path / "missing")
        with pytest.raises(FileNotFoundError) as caught:
            iter(hr.TFRecordDataset(path))
        assert caught.value.filename == path

    def test_directory(self, tmp_path):
        with pytest.raises(IsADirectoryError) as caught:
            iter(hr.TFRecordDataset([str(tmp_path)]))
        assert caught.value.filename == str(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs users")
    def test_without_permission(self, good):
        os.chmod(good, 0)
        with as_somebody_else(os.path.dirname(good)), pytest.raises(PermissionError) as caught:
            iter(hr.TFRecordDataset(good))
        assert caught.value.filename == good

    def test_removed_behind_our_back(self, good):
        dataset = hr.TFRecordDataset(good)
        iterator = iter(dataset)
        os.remove(good)
        with pytest.raises((FileNotFoundError, hr.DataLossError)):
            next(iterator)


@contextlib.contextmanager
def as_somebody_else(folder):
    """Root may read everything: be nobody for a while, who may enter these folders."""
    if os.geteuid() != 0:
        yield
        return
    while folder != "/":
        os.chmod(folder, os.stat(folder).st_mode | 0o555)
        folder = os.path.dirname(folder)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def zip_of(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.tfrecord", data)
    return file.getvalue()


class TestNoTFRecord:
    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (gzip.compress, r'looks like a gzip file \(compression_type="GZIP"\?\)'),
            (zip_of, "looks like a zip archive"),
            (lambda data: b'{"label": 1}\n' * 9, "looks like text"),
            (lambda data: "naïve".encode(), "looks like text"),
            (lambda data: b"PAR1" + data, "looks like a Parquet file"),
            (lambda data: b"\xff\xd8\xff\xe0" + data, "looks like a JPEG image"),
            (lambda data: bytes(99), r"Is this even a TFRecord file\?"),
            (lambda data: data[3:], r"Is this even a TFRecord file\?"),
        ],
    )
    def test_says_what_it_looks_like(self, good, tmp_path, make, text):
        path = write(tmp_path / "other", make(bytes(contents(good))))
        elements, error = read_until_error(hr.TFRecordDataset(path))
        assert elements == []
        assert isinstance(error, hr.DataLossError)
        assert (error.path, error.record, error.offset) == (path, 0, 0)
        assert str(error).startswith(f"{path}: record 0 at byte 0: ")
        with pytest.raises(hr.DataLossError, match=text):
            raise error


class TestDamage:
    @pytest.mark.parametrize("cut", [1, 4, 5, SIZE - 13, SIZE - 12])
    def test_torn_record(self, good, tmp_path, cut):
        path = write(tmp_path / "torn", contents(good)[:-cut])
        elements, error = read_until_error(hr.TFRecordDataset(path))
        assert elements == RECORDS[:9]
        assert isinstance(error, hr.TruncatedError)
        assert (error.path, error.record, error.offset) == (path, 9, 9 * SIZE)
        place = f"{path}: record 9 at byte {9 * SIZE}: truncated record at {9 * SIZE}' failed"
        assert str(error).startswith(place)
        assert str(error).endswith(
            f"expected {SIZE} bytes (header, data, checksum), found the end of the file after "
            f"{SIZE - cut}"
        )

    @pytest.mark.parametrize("left", [1, 7, 11])
    def test_torn_header(self, good, tmp_path, left):
        path = write(tmp_path / "torn", contents(good)[: 9 * SIZE + left])
        elements, error = read_until_error(hr.TFRecordDataset(path))
        assert elements == RECORDS[:9]
        assert isinstance(error, hr.TruncatedError)
        assert str(error).startswith(f"{path}: record 9 at byte {9 * SIZE}: ")
        assert str(error).endswith(
            f"expected a header of 12 bytes, found the end of the file after {left}"
        )

    @pytest.mark.parametrize(
        ("at", "text"),
        [
            (0, "expected the length's checksum 0x"),
            (8, "expected the length's checksum 0x"),
            (12, "expected the data's checksum 0x"),
            (SIZE - 1, "expected the data's checksum 0x"),
        ],
    )
    def test_corrupted(self, good, tmp_path, at, text):
        data = contents(good)
        data[6 * SIZE + at] ^= 1
        path = write(tmp_path / "corrupted", data)
        elements, error = read_until_error(hr.TFRecordDataset(path))
        assert elements == RECORDS[:6]
        assert isinstance(error, hr.CorruptedError)
        assert (error.path, error.record, error.offset) == (path, 6, 6 * SIZE)
        assert str(error).startswith(f"{path}: record 6 at byte {6 * SIZE}: corrupted record at ")
        assert text in str(error)

    def test_the_partial_batch_is_dropped_and_counted(self, good, tmp_path):
        data = contents(good)
        data[6 * SIZE + 12] ^= 1
        path = write(tmp_path / "corrupted", data)
        dataset = hr.TFRecordDataset(path)
        for batches in (
            dataset.batch(4),
            dataset.batch(4).map(lambda batch: batch),
            dataset.repeat(2).batch(4),
        ):
            elements, error = read_until_error(batches)
            assert [batch.tolist() for batch in elements] == [RECORDS[:4]]
            assert "2 records before it in the same batch were dropped" in str(error)
            assert (error.record, error.offset) == (6, 6 * SIZE)

    def test_what_is_not_delivered_is_not_checked(self, good, tmp_path):
        data = contents(good)
        data[6 * SIZE + 12] ^= 1
        dataset = hr.TFRecordDataset(write(tmp_path / "corrupted", data))
        assert list(dataset.take(6)) == RECORDS[:6]
        assert list(dataset.skip(7)) == RECORDS[7:]
        assert list(dataset.shard(2, 1)) == RECORDS[1::2]
        unchecked = list(dataset.with_options(hr.Options(verify_checksums=False)))
        assert len(unchecked) == 10
        assert unchecked[:6] + unchecked[7:] == RECORDS[:6] + RECORDS[7:]

    def test_lengths_are_always_checked(self, good, tmp_path):
        data = contents(good)
        data[6 * SIZE + 1] ^= 1
        dataset = hr.TFRecordDataset(write(tmp_path / "corrupted", data))
        dataset = dataset.with_options(hr.Options(verify_checksums=False))
        elements, error = read_until_error(dataset)
        assert elements == RECORDS[:6]
        assert isinstance(error, hr.CorruptedError)

    def test_a_file_that_shrinks(self, good):
        dataset = hr.TFRecordDataset(good)
        iterator = iter(dataset)
        os.truncate(good, 5 * SIZE + 3)
        with pytest.raises(hr.DataLossError, match="changed while being read") as caught:
            list(iterator)
        assert caught.value.path == good


class TestPolicies:
    @pytest.fixture
    def paths(self, good, tmp_path):
        data = contents(good)
        data[6 * SIZE + 14] ^= 1
        return [write(tmp_path / "corrupted", data), good]

    def test_skip(self, paths):
        iterator = iter(hr.TFRecordDataset(paths, on_corruption="skip"))
        with pytest.warns(RuntimeWarning, match="damaged records were passed over: 1 places"):
            elements = list(iterator)
        assert elements == RECORDS[:6] + RECORDS[7:] + RECORDS
        assert iterator.stats()["damage"]["places"] == 1
        assert list(iterator) == []

    def test_stop_file(self, paths):
        dataset = hr.TFRecordDataset(paths, on_corruption="stop_file").batch(100)
        with pytest.warns(RuntimeWarning, match="1 files not read to their end"):
            (batch,) = list(dataset)
        assert batch.tolist() == RECORDS[:6] + RECORDS

    def test_tf_goes_on_with_the_next_file(self, paths, tmp_path):
        iterator = iter(hr.TFRecordDataset(paths, on_corruption="tf"))
        elements = [next(iterator) for _ in range(6)]
        with pytest.raises(hr.CorruptedError):
            next(iterator)
        assert elements + list(iterator) == RECORDS[:6] + RECORDS

    def test_tf_misses_a_file_at_its_turn_and_forever(self, good, tmp_path):
        missing = str(tmp_path / "missing")
        iterator = iter(hr.TFRecordDataset([good, missing, good], on_corruption="tf"))
        assert [next(iterator) for _ in range(10)] == RECORDS
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                next(iterator)

    def test_tf_ends_a_file_at_a_torn_header(self, good, tmp_path):
        path = write(tmp_path / "torn", contents(good)[: 9 * SIZE + 11])
        dataset = hr.TFRecordDataset([path, good], on_corruption="tf")
        assert list(dataset) == RECORDS[:9] + RECORDS


class TestParsing:
    """TensorFlow's text in the first line, the place behind it."""

    @pytest.mark.parametrize(
        ("features", "batch", "single"),
        [
            ({"b": FIXED([], np.int64)},
             "Name: <unknown>, Feature: b (data type: int64) is required but could not be found.",
             "Feature: b (data type: int64) is required but could not be found."),
            ({"a": FIXED([], np.float32)},
             "Name: <unknown>, Key: a, Index: 0.  Data types don't match. "
             "Data type: int64 but expected type: float",
             "Key: a.  Data types don't match. Data type: int64 but expected type: float"),
            ({"s": hr.VarLenFeature(np.int64)},
             "Name: <unknown>, Key: s, Index: 0.  Data types don't match. "
             "Expected type: int64, Actual type: string",
             "Key: s.  Data types don't match. Expected type: int64, Actual type: string"),
            ({"s": hr.RaggedFeature(np.int64)},
             "Name: <unknown>, Key: s, Index: 0.  Data types don't match. "
             "Expected type: int64, Actual type: string",
             "Key: s.  Data types don't match. Expected type: int64, Actual type: string"),
            ({"f": FIXED([3], np.float32)},
             "Name: <unknown>, Key: f, Index: 0.  Number of float values != expected.  "
             "Values size: 2 but output shape: [3]",
             "Key: f.  Can't parse serialized Example: Some float_list slice was not parsed."),
            ({"f": hr.FixedLenSequenceFeature([3], np.float32, True)},
             "Name: <unknown>, Key: f, Index: 0.  Number of float values is not a multiple of "
             "stride length. Saw 2 values but output shape is: [?,3]",
             "Error while parsing feature with key f: number of elements should be divisible by 3, "
             "found 2 instead"),
        ],
    )  # fmt: skip
    def test_in_tensorflows_words(self, good, features, batch, single):
        dataset = hr.TFRecordDataset(good).parse_example(features)
        for chain, text in ((dataset.batch(4), batch), (dataset, single)):
            elements, error = read_until_error(chain)
            assert elements == []
            assert isinstance(error, hr.ParseError)
            assert (error.path, error.record, error.offset) == (good, 0, 0)
            first, *rest = str(error).splitlines()
            assert first == text
            assert any(line.startswith(f"{good}: record 0 at byte 0") for line in rest)

    def test_a_missing_feature_names_those_that_are_there(self, good):
        dataset = hr.TFRecordDataset(good).parse_example({"b": FIXED([], np.int64)})
        _, error = read_until_error(dataset.batch(2))
        assert "The record has: 'a', 'f', 's'." in str(error)

    @pytest.mark.parametrize(
        ("features", "record", "text"),
        [
            ({"a": FIXED([], np.uint8)}, 3, "Value 300 is out of range for uint8"),
            ({"a": FIXED([], bool)}, 1, "Value 100 is out of range for bool"),
            ({"s": hr.RawFeature([3], np.uint8)}, 0, "has 2 bytes, but shape [3] needs 3"),
            ({"a": hr.RawFeature([3], np.uint8)}, 0,
             "Data types don't match. Data type: int64 but expected type: string"),
        ],
    )  # fmt: skip
    def test_of_what_tensorflow_has_not(self, tmp_path, features, record, text):
        records = [hr.encode_example({"a": 100 * i, "s": b"xy"}) for i in range(5)]
        path = write_records(tmp_path / "a", records)
        elements, error = read_until_error(hr.TFRecordDataset(path).parse_example(features))
        assert len(elements) == record
        assert error.record == record
        assert text in str(error)

    def test_no_example(self, tmp_path):
        path = write_records(tmp_path / "a", [RECORDS[0], b"\xff\x00garbage" + b"x" * 1000])
        dataset = hr.TFRecordDataset(path).parse_example({"a": FIXED([], np.int64)})
        elements, error = read_until_error(dataset)
        assert len(elements) == 1
        assert str(error).startswith("Could not parse example input, value: '\\xff\\x00garbagexxxx")
        assert len(str(error).splitlines()[0]) < 400
        assert error.record == 1

    def test_takes_the_place_of_its_row(self, tmp_path):
        records = [hr.encode_example({"a": 1} if i != 7 else {}) for i in range(20)]
        path = write_records(tmp_path / "a", records)
        dataset = hr.TFRecordDataset(path).parse_example({"a": FIXED([], np.int64)})
        for chain, complete, row in (
            (dataset.batch(3), 2, 7),
            (dataset.skip(2).batch(5), 1, 7),
            (dataset.repeat(2).batch(4), 1, 7),
        ):
            elements, error = read_until_error(chain)
            assert len(elements) == complete
            assert error.record == row
        assert len(list(dataset.take(7).batch(3))) == 3
        assert len(list(dataset.skip(8).batch(3))) == 4

    def test_names_that_are_not_utf8(self, tmp_path):
        path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
        write_records(path, [b"x"])
        os.truncate(path, 14)
        _, error = read_until_error(hr.TFRecordDataset(path))
        assert isinstance(error, hr.TruncatedError)
        assert error.path == path

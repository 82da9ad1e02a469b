"""Examples and TFRecord files that headrace writes, read by the oracle."""

import errno
import io
import os

import numpy as np
import pytest

import headrace as hr
import oracle
from headrace import _core
from oracle import NO_KIND, floats, ints, strings

VALUES = [
    (5, ints(5)),
    (-1, ints(-1)),
    (True, ints(1)),
    ([1, 2, 300], ints(1, 2, 300)),
    ((1, False), ints(1, 0)),
    ([2**63 - 1, -(2**63)], ints(2**63 - 1, -(2**63))),
    (np.int8(-3), ints(-3)),
    (np.uint64(7), ints(7)),
    ([np.int32(1), 2], ints(1, 2)),
    (np.array([[1, 2], [3, 4]], np.uint8), ints(1, 2, 3, 4)),
    (np.array([[1, 2], [3, 4]], np.int32).T, ints(1, 3, 2, 4)),
    (np.array([True, False]), ints(1, 0)),
    (np.array([2**63 - 1], np.uint64), ints(2**63 - 1)),
    (np.array([1, 2], ">i4"), ints(1, 2)),
    (np.array(5), ints(5)),
    (np.array([], np.int64), ints()),
    (1.5, floats(1.5)),
    ([1, 2.5], floats(1, 2.5)),
    ([0.1, 1e40, -1e40, 1e-50], floats(0.1, np.inf, -np.inf, 0)),
    (np.float64(0.1), floats(0.1)),
    (np.array([1.5, -0.0], np.float16), floats(1.5, -0.0)),
    (np.array([0.1, 1e300], np.float64), floats(0.1, np.inf)),
    (np.array([1.5, 2.5], ">f4"), floats(1.5, 2.5)),
    (np.array([], np.float64), floats()),
    (b"abc", strings(b"abc")),
    (bytearray(b"abc"), strings(b"abc")),
    (memoryview(b"abc")[1:], strings(b"bc")),
    ([b"a", b"", bytearray(b"c\0")], strings(b"a", b"", b"c\0")),
    (np.array([b"a", b"bc"]), strings(b"a", b"bc")),
    (np.array([b"a\0", b"bc\0"], object), strings(b"a\0", b"bc\0")),
    (np.array([1, 2], object), ints(1, 2)),
    (hr.BytesArray.of([b"a", b"bc", b"d"])[1:], strings(b"bc", b"d")),
    (None, NO_KIND),
    ([], NO_KIND),
]


@pytest.mark.parametrize(("value", "feature"), VALUES, ids=[repr(v) for v, _ in VALUES])
def test_a_value_becomes_its_list(value, feature):
    assert hr.encode_example({"key": value}) == oracle.encode_example({b"key": feature})


def test_bfloat16():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    expected = oracle.encode_example({b"key": floats(1.5, 2)})
    assert hr.encode_example({"key": np.array([1.5, 2], bfloat16)}) == expected
    assert hr.encode_example({"key": [bfloat16(1.5), 2]}) == expected


def test_float_bits_are_kept():
    bits = np.array([0x7FC00001, 0xFFA5A5A5, 0x80000000, 1], np.uint32)
    example = hr.encode_example({"x": bits.view(np.float32)})
    written = oracle.list_of(oracle.entries_of(example)[0][1]).values
    assert written.view(np.uint32).tolist() == bits.tolist()


def test_features_keep_their_order_and_keys_their_bytes():
    features = {"b": 1, "a": 2.0, b"\xff\x00": b"x", "": None, "ключ": [3]}
    raw = {b"b": ints(1), b"a": floats(2.0), b"\xff\x00": strings(b"x"), b"": NO_KIND}
    raw["ключ".encode()] = ints(3)
    assert hr.encode_example(features) == oracle.encode_example(raw)


def test_no_features():
    assert hr.encode_example({}) == b"\x0a\x00"


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 129, 16383, 16384, 2**21])
def test_lengths_of_every_width(size):
    value = bytes(size)
    assert hr.encode_example({"k": value}) == oracle.encode_example({b"k": strings(value)})


@pytest.mark.parametrize("bits", range(65))
def test_varints_of_every_width(bits):
    values = [v - 2**64 if v >= 2**63 else v for v in (2**bits - 1, 2**bits % 2**64)]
    assert hr.encode_example({"k": values}) == oracle.encode_example({b"k": ints(*values)})


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (2**63, ValueError, "^Value out of range: 9223372036854775808 "),
        ([1, -(2**63) - 1], ValueError, "^Value out of range: -9223372036854775809 "),
        (np.array([1, 2**63], np.uint64), ValueError, "^Value out of range: 9223372036854775808 "),
        ([1.5, 10**400], ValueError, "^Value out of range: 1000"),
        ("text", TypeError, "expected bytes, str found"),
        (["text"], TypeError, "expected bytes, str found"),
        (np.array(["text"]), TypeError, "expected bytes, str found"),
        ([b"a", 1], TypeError, "either bytes or numbers"),
        (1j, TypeError, "complex found"),
        (np.array([1j]), TypeError, "no complex128 values"),
        (np.array(["2024-01-01"], "M8[D]"), TypeError, "no datetime64"),
        ([[1, 2]], TypeError, "list found"),
        ({}, TypeError, "dict found"),
        ([None], TypeError, "NoneType found"),
    ],
)
def test_values_that_no_list_holds(value, error, match):
    with pytest.raises(error, match=match) as caught:
        hr.encode_example({"good": 1, "the key": value})
    assert "'the key'" in str(caught.value)


def test_keys_that_cannot_be():
    with pytest.raises(ValueError, match="feature 'a' is given twice"):
        hr.encode_example({"a": 1, b"a": 2})
    with pytest.raises(TypeError, match="name is str or bytes, not int"):
        hr.encode_example({1: 1})


RECORDS = [b"", b"hello", bytes(100_000), b"x" * 300_000, b""]


def test_a_file_of_records(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"what was there before")
    with hr.TFRecordWriter(path) as writer:
        for record in RECORDS:
            writer.write(record)
    assert oracle.read_file(path) == RECORDS
    assert list(hr.TFRecordDataset(path)) == RECORDS


def test_what_a_record_may_be(tmp_path):
    with hr.TFRecordWriter(str(tmp_path / "file")) as writer:
        writer.write("Bär")
        writer.write(bytearray(b"b"))
        writer.write(np.bytes_(b"c"))
        for wrong in (memoryview(b"x"), 5, None, ["x"]):
            with pytest.raises(TypeError, match="a record is bytes, not"):
                writer.write(wrong)
    assert oracle.read_file(tmp_path / "file") == ["Bär".encode(), b"b", b"c"]


def test_nothing_written_is_an_empty_file(tmp_path):
    hr.TFRecordWriter(tmp_path / "file").close()
    assert (tmp_path / "file").read_bytes() == b""


def test_flush_shows_what_was_written(tmp_path):
    with hr.TFRecordWriter(tmp_path / "file") as writer:
        writer.write(b"one")
        writer.flush()
        assert oracle.read_file(tmp_path / "file") == [b"one"]
        writer.write(b"two")
    assert oracle.read_file(tmp_path / "file") == [b"one", b"two"]


def test_after_close(tmp_path):
    writer = hr.TFRecordWriter(tmp_path / "file")
    writer.write(b"one")
    writer.close()
    writer.close()
    for use in (lambda: writer.write(b"two"), writer.flush, lambda: writer.write_batch({"a": [1]})):
        with pytest.raises(ValueError, match=r"Writer is closed\."):
            use()
    assert oracle.read_file(tmp_path / "file") == [b"one"]


def test_an_error_in_the_block_closes(tmp_path):
    def fail_while_writing():
        with hr.TFRecordWriter(tmp_path / "file") as writer:
            writer.write(b"one")
            raise KeyError

    with pytest.raises(KeyError):
        fail_while_writing()
    assert oracle.read_file(tmp_path / "file") == [b"one"]


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        hr.TFRecordWriter(tmp_path / "missing" / "file")
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(tmp_path / "missing" / "file")
    with pytest.raises(IsADirectoryError):
        hr.TFRecordWriter(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk():
    writer = hr.TFRecordWriter("/dev/full")
    writer.write(b"one")
    with pytest.raises(OSError) as caught:  # noqa: PT011 (errno says which)
        writer.flush()
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(OSError):  # noqa: PT011 (what lies in the buffer cannot be written)
        writer.close()


class Options:
    def __init__(self, compression_type):
        self.compression_type = compression_type


@pytest.mark.parametrize("wrap", [lambda c: c, Options], ids=["name", "object"])
def test_options(tmp_path, wrap):
    for plain in (None, ""):
        hr.TFRecordWriter(tmp_path / "file", wrap(plain)).close()
    for unknown in ("gzip", "SNAPPY", 5):
        with pytest.raises(ValueError, match=f'Not a valid compression_type: "{unknown}"'):
            hr.TFRecordWriter(tmp_path / "file", wrap(unknown))
    for later in ("GZIP", "ZLIB"):
        with pytest.raises(NotImplementedError, match=later):
            hr.TFRecordWriter(tmp_path / "file", wrap(later))


def test_a_batch_is_its_rows(tmp_path):
    batch = {
        "i": np.arange(6).reshape(3, 2),
        "f": np.array([1.5, 2.5, 3.5]),
        "flag": [True, False, True],
        "s": hr.BytesArray.of([b"a", b"", b"c", b"d", b"e", b"f"], (3, 2)),
        "o": [b"x", bytearray(b"y\0"), b""],
        "r": hr.RaggedArray(np.array([1, 2, 3]), np.array([0, 2, 2, 3], np.int32)),
        "rs": hr.RaggedArray(hr.BytesArray.of([b"p", b"q"]), [0, 0, 1, 2]),
        "r2": hr.RaggedArray(np.arange(6).reshape(3, 2), [0, 1, 1, 3]),
    }
    rows = [
        {b"i": ints(0, 1), b"f": floats(1.5), b"flag": ints(1), b"s": strings(b"a", b""),
         b"o": strings(b"x"), b"r": ints(1, 2), b"rs": strings(), b"r2": ints(0, 1)},
        {b"i": ints(2, 3), b"f": floats(2.5), b"flag": ints(0), b"s": strings(b"c", b"d"),
         b"o": strings(b"y\0"), b"r": ints(), b"rs": strings(b"p"), b"r2": ints()},
        {b"i": ints(4, 5), b"f": floats(3.5), b"flag": ints(1), b"s": strings(b"e", b"f"),
         b"o": strings(b""), b"r": ints(3), b"rs": strings(b"q"), b"r2": ints(2, 3, 4, 5)},
    ]  # fmt: skip
    with hr.TFRecordWriter(tmp_path / "file") as writer:
        writer.write(b"before")
        writer.write_batch(batch)
        writer.write_batch({"i": np.zeros((0, 4), np.int64), "r": []})
        writer.write(b"after")
    expected = [b"before", *map(oracle.encode_example, rows), b"after"]
    assert oracle.read_file(tmp_path / "file") == expected


def test_a_batch_that_was_read_can_be_written(tmp_path):
    rows = [{b"x": floats(i, -i), b"ids": ints(*range(i)), b"name": strings(b"n" * i)}
            for i in range(5)]  # fmt: skip
    oracle.write_file(tmp_path / "a", map(oracle.encode_example, rows))
    spec = {
        "x": hr.FixedLenFeature([2], np.float32),
        "ids": hr.RaggedFeature(np.int64),
        "name": hr.FixedLenFeature([], bytes),
    }
    with hr.TFRecordWriter(tmp_path / "b") as writer:
        for batch in hr.TFRecordDataset(tmp_path / "a").parse_example(spec).batch(2):
            writer.write_batch(batch)
    assert oracle.read_file(tmp_path / "b") == oracle.read_file(tmp_path / "a")


@pytest.mark.parametrize(
    ("batch", "error", "match"),
    [
        ({}, ValueError, "at least one column"),
        ({"a": [1, 2], "b": [1]}, ValueError, "different lengths: {b'a': 2, b'b': 1}"),
        ({"a": 5}, TypeError, "feature 'a': a column is"),
        ({"a": np.array(5)}, TypeError, "feature 'a': a column is"),
        ({"a": [[1], [2]]}, TypeError, "list found"),
        ({"a": hr.RaggedArray(hr.RaggedArray([1], [0, 1]), [0, 1])}, TypeError, "RaggedArray"),
    ],
)
def test_batches_that_cannot_be_written(tmp_path, batch, error, match):
    with hr.TFRecordWriter(tmp_path / "file") as writer, pytest.raises(error, match=match):
        writer.write_batch(batch)
    assert (tmp_path / "file").read_bytes() == b""


COLUMN = np.arange(4, dtype=np.int64)


@pytest.mark.parametrize("splits", [[0, 4], [1, 2, 4], [0, 2, 3], [0, 5, 4], [0, 2, 4, 4], []])
def test_row_splits_that_do_not_fit(splits):
    with pytest.raises(ValueError, match="row splits must rise from 0 to 4"):
        _core.encode_records([(b"a", COLUMN, np.array(splits, np.int64))], 2)


@pytest.mark.parametrize("offsets", [[-1, 2], [0, 4], [2, 1]])
def test_offsets_that_do_not_fit(offsets):
    column = (b"a", (np.zeros(3, np.uint8), np.array(offsets, np.int64)), np.array([0, 1]))
    with pytest.raises(ValueError, match="offsets"):
        _core.encode_records([column], 1)


def test_the_core_takes_no_other_dtypes():
    for wrong in (COLUMN.astype(np.int32), COLUMN[::2], COLUMN.astype(np.float64), "text"):
        with pytest.raises(TypeError):
            _core.encode_example([(b"a", wrong, None)])


def test_frames_and_checksums_of_any_buffer():
    records = [b"hello", bytearray(b""), memoryview(b"abc")[:2], np.arange(3, dtype=np.uint8)]
    expected = b"".join(oracle.frame(bytes(record)) for record in records)
    assert _core.frame_records(records) == expected
    assert _core.frame_records([]) == b""
    assert _core.crc32c(io.BytesIO(b"123456789").getbuffer()) == 0xE3069283
    with pytest.raises(TypeError):
        _core.frame_records(["text"])
    with pytest.raises(TypeError):
        _core.crc32c(5)

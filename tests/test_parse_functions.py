"""The functions on bytes, and what datasets make of the same features. What TensorFlow answers
thousands of calls is in test_parse_golden.py; here is one row for each rule."""

from __future__ import annotations

import doctest
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
from data import plain, write_records

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from example_writer import (
    FLOAT,
    INT64,
    delimited,
    entries,
    example,
    feature,
    lists,
    sequence,
)

R = hr.RaggedFeature
INT = hr.FixedLenFeature([], np.int64)
MANY = hr.VarLenFeature(np.int64)
V1, V2 = [3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8, 1]


@pytest.mark.parametrize(
    "subject",
    [
        hr.FixedLenFeature, hr.VarLenFeature, hr.SparseFeature, hr.FixedLenSequenceFeature,
        hr.RaggedFeature, hr.RawFeature, hr.parse_example, hr.parse_single_example, hr.decode_raw,
    ],
    ids=lambda subject: subject.__name__,
)  # fmt: skip
def test_examples_of_docstrings(subject):
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(subject, subject.__name__, globs={"hr": hr, "np": np})
    assert test.examples
    failures = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=failures.append)
    assert not runner.failures, "".join(failures)


class TestSerialized:
    RECORDS = (example(a=[1]), example(a=[2]))

    @pytest.mark.parametrize(
        "form",
        [
            list,
            tuple,
            hr.BytesArray.of,
            lambda records: np.array(records, object),
            lambda records: [bytearray(records[0]), memoryview(records[1])],
        ],
    )
    def test_forms_of_a_batch(self, form):
        assert hr.parse_example(form(self.RECORDS), {"a": INT})["a"].tolist() == [1, 2]

    @pytest.mark.parametrize(
        "form", [bytes, bytearray, memoryview, lambda record: np.array(record, object)]
    )
    def test_a_scalar_is_a_single_example(self, form):
        for parse in (hr.parse_example, hr.parse_single_example):
            value = parse(form(self.RECORDS[1]), {"a": INT})["a"]
            assert value == 2
            assert isinstance(value, np.int64)

    def test_str_is_utf8(self):
        assert hr.parse_example(["\n\0"], {"a": MANY})["a"].shape == (1, 0)

    @pytest.mark.parametrize("nothing", [[], (), hr.BytesArray.of([]), np.array([], object)])
    def test_an_empty_batch(self, nothing):
        spec = {
            "a": MANY,
            "d": hr.FixedLenFeature([2], np.float32),
            "s": hr.FixedLenSequenceFeature([2], bytes, True),
            "r": R(np.int64),
        }
        got = hr.parse_example(nothing, spec)
        shapes = {key: value.shape for key, value in got.items()}
        assert shapes == {"a": (0, 0), "d": (0, 2), "s": (0, 0, 2), "r": (0, None)}

    def test_shapes_that_are_refused(self):
        text = r"Expected serialized to be a scalar or vector, got shape: \[1,2\]"
        with pytest.raises(ValueError, match=text):
            hr.parse_example([self.RECORDS], {"a": INT})
        with pytest.raises(ValueError, match=text):
            hr.parse_sequence_example([self.RECORDS], {"a": INT})
        for parse in (hr.parse_single_example, hr.parse_single_sequence_example):
            with pytest.raises(ValueError, match="Input serialized must be a scalar"):
                parse(self.RECORDS, {"a": INT})
        with pytest.raises(TypeError, match="serialized protos are bytes, got int"):
            hr.parse_example([3], {"a": INT})
        with pytest.raises(ValueError, match="Can't convert Python sequence with mixed types"):
            hr.parse_example([b"", [b""]], {"a": INT})

    def test_no_features(self):
        with pytest.raises(
            ValueError, match=r"Argument `features` cannot be None or falsy. Got {}"
        ):
            hr.parse_example([], {})
        with pytest.raises(ValueError, match=r"Invalid argument: features cannot be None."):
            hr.parse_single_example(b"", None)
        with pytest.raises(ValueError, match="Both `context_features` and `sequence_features`"):
            hr.parse_sequence_example([])
        with pytest.raises(ValueError, match="Both context_features and sequence_features are"):
            hr.parse_single_sequence_example(b"")


class TestResults:
    def test_the_order_is_that_of_tensorflow(self):
        record = example(a=[1], b=[2], c=[3], d=[4], i=[0], v=[5])
        spec = {
            "z": hr.SparseFeature("i", "v", np.int64, 9),
            "c": INT,
            "b": R(np.int64),
            "a": hr.FixedLenSequenceFeature([], np.int64, True),
            "d": MANY,
            "o": R(np.int64, "b"),
        }
        for got in (hr.parse_example([record], spec), hr.parse_single_example(record, spec)):
            assert list(got) == ["d", "a", "c", "b", "o", "z"]

    def test_default_fills_what_is_missing(self):
        default = hr.FixedLenFeature([], np.int64, 9)
        records = [example(a=[1]), b"", example(a=b"")]
        assert hr.parse_example(records, {"a": default})["a"].tolist() == [1, 9, 9]

    def test_strings(self):
        record = example(a=[b"x", b""])
        two = {"a": hr.FixedLenFeature([2], bytes)}
        assert hr.parse_example([record], two)["a"].tolist() == [[b"x", b""]]
        assert hr.parse_single_example(example(a=[b"x"]), {"a": hr.FixedLenFeature([], bytes)}) == {
            "a": b"x"
        }

    def test_narrow_and_raw(self):
        record = example(a=[200], r=[b"\0\1\2\3"])
        spec = {
            "a": hr.FixedLenFeature([], np.uint8),
            "r": hr.RawFeature([2], np.uint16, little_endian=False),
        }
        got = hr.parse_example([record], spec)
        assert (got["a"].dtype, got["r"].tolist()) == (np.uint8, [[1, 0x203]])


class TestErrors:
    def test_a_parse_error_knows_its_record(self):
        with pytest.raises(hr.ParseError) as caught:
            hr.parse_example([example(a=[1]), b""], {"a": INT}, example_names=["one", "two"])
        first = str(caught.value).split("\n")[0]
        assert first == (
            "Name: two, Feature: a (data type: int64) is required but could not be found."
        )
        assert caught.value.record == 1

    def test_names_have_the_shape_of_the_records(self):
        text = r"Expected names have the same shape .* name.shape=\[1\], serialized.shape=\[2\]"
        with pytest.raises(ValueError, match=text):
            hr.parse_example([b"", b""], {"a": MANY}, ["one"])
        with pytest.raises(ValueError, match="example_names must be empty or have the correct"):
            hr.parse_sequence_example([b"", b""], {"a": MANY}, example_names=["one"])

    def test_a_record_that_is_none_is_quoted(self):
        with pytest.raises(hr.ParseError, match=r"^Could not parse example input, value: '"):
            hr.parse_example([b"\x0a"], {"a": MANY})


class TestSparse:
    ONE = hr.SparseFeature("ix", "val", np.float32, 100)

    def test_sorts_by_place(self):
        record = example(ix=[20, 3], val=[0.5, -1.0])
        got = hr.parse_example([record, b""], {"s": self.ONE})["s"]
        assert got == hr.SparseArray([[0, 3], [0, 20]], np.float32([-1.0, 0.5]), [2, 100])
        single = hr.parse_single_example(record, {"s": self.ONE})["s"]
        assert single == hr.SparseArray([[3], [20]], np.float32([-1.0, 0.5]), [100])

    def test_already_sorted_is_believed(self):
        kept = hr.SparseFeature("ix", "val", np.float32, 100, already_sorted=True)
        got = hr.parse_example([example(ix=[20, 3], val=[0.5, -1.0])], {"s": kept})["s"]
        assert got.indices.tolist() == [[0, 20], [0, 3]]

    def test_indices_are_not_checked(self):
        got = hr.parse_example([example(ix=[100, -1], val=[0.5, -1.0])], {"s": self.ONE})["s"]
        assert got.indices.tolist() == [[0, -1], [0, 100]]

    def test_several_dimensions(self):
        two = hr.SparseFeature(["x", "y"], "val", np.float32, [100, 3])
        record = example(x=[3, 2, 3, 1], y=[1, 0, 0, 1], val=[9.0, 2.0, 0.5, -1.0])
        got = hr.parse_example([record], {"s": two})["s"]
        assert got.indices.tolist() == [[0, 1, 1], [0, 2, 0], [0, 3, 0], [0, 3, 1]]
        assert got.values.tolist() == [-1.0, 2.0, 0.5, 9.0]
        assert got.shape == (1, 100, 3)

    def test_totals_must_agree(self):
        with pytest.raises(
            hr.ShapeError, match=r"^Dimensions 1 and 2 are not compatible$"
        ) as found:
            hr.parse_example([example(ix=[3], val=[0.5, -1.0])], {"s": self.ONE})
        assert isinstance(found.value, ValueError)
        crossed = [example(ix=[3], val=[0.5, -1.0]), example(ix=[7, 8], val=[2.0])]
        got = hr.parse_example(crossed, {"s": self.ONE})["s"]
        assert got.indices.tolist() == [[0, 3], [1, 7], [1, 8]]

    def test_shares_its_columns(self):
        spec = {"ix": MANY, "val": MANY, "s": hr.SparseFeature("ix", "val", np.int64, 5)}
        got = hr.parse_example([example(ix=[1, 0], val=[1, 2])], spec)
        assert got["val"].values.tolist() == [1, 2]
        assert got["s"].values.tolist() == [2, 1]


ENCODED = {
    "RowSplits": ([0, 2, 3, 3, 6], [0, 3, 4, 6, 7]),
    "RowLengths": ([2, 1, 0, 3], [3, 1, 2, 1]),
    "RowStarts": ([0, 2, 3, 3], [0, 3, 4, 6]),
    "RowLimits": ([2, 3, 3, 6], [3, 4, 6, 7]),
    "ValueRowIds": ([0, 0, 1, 3, 3, 3], [0, 0, 0, 1, 2, 2, 3]),
}
ROWS1, ROWS2 = [[3, 1], [4], [], [1, 5, 9]], [[2, 7, 1], [8], [2, 8], [1]]


class TestRagged:
    @pytest.mark.parametrize("validate", [False, True])
    @pytest.mark.parametrize("splits", [np.int32, np.int64])
    @pytest.mark.parametrize("name", ENCODED)
    def test_partitions(self, name, splits, validate):
        first, second = ENCODED[name]
        spec = {"r": R(np.int64, "v", [getattr(R, name)("p")], splits, validate)}
        records = [example(v=V1, p=first), example(v=V2, p=second)]
        got = hr.parse_example(records, spec)["r"]
        assert got.tolist() == [ROWS1, ROWS2]
        assert {part.dtype for part in got.nested_row_splits} == {np.dtype(splits)}
        assert got.shape == (2, None, None)
        assert hr.parse_single_example(records[0], spec)["r"].tolist() == ROWS1
        assert pickle.loads(pickle.dumps(got)) == got

    def test_nested(self):
        spec = {"r": R(np.int64, "v", [R.RowSplits("o"), R.RowLengths("p")])}
        record = example(v=V1, p=[2, 1, 0, 3], o=[0, 1, 3, 4])
        rows = [[[3, 1]], [[4], []], [[1, 5, 9]]]
        assert hr.parse_example([record, record], spec)["r"].tolist() == [rows, rows]
        single = hr.parse_single_example(record, spec)["r"]
        assert single.tolist() == rows
        assert [part.tolist() for part in single.nested_row_splits] == [
            [0, 1, 3, 4],
            [0, 2, 3, 3, 6],
        ]
        assert single.flat_values.tolist() == V1

    def test_uniform_rows_are_a_dimension(self):
        spec = {"r": R(np.int64, "v", [R.UniformRowLength(2)])}
        record = example(v=V1)
        assert hr.parse_single_example(record, spec)["r"].tolist() == [[3, 1], [4, 1], [5, 9]]
        got = hr.parse_example([record, record], spec)["r"]
        assert got.shape == (2, None, 2)
        assert got.row_splits.tolist() == [0, 3, 6]
        text = "^Input to reshape is a tensor with 7 values, but the requested shape requires a "
        with pytest.raises(hr.ShapeError, match=text + "multiple of 2"):
            hr.parse_example([example(v=V2)], spec)

    def test_uniform_rows_of_rows_say_so(self):
        spec = {"r": R(np.int64, "v", [R.UniformRowLength(2), R.RowSplits("p")])}
        got = hr.parse_single_example(example(v=V1, p=ENCODED["RowSplits"][0]), spec)["r"]
        assert got.uniform_row_length == 2
        assert got.shape == (2, 2, None)
        for same in (got[:1], got[[1, 0]], pickle.loads(pickle.dumps(got))):
            assert same.uniform_row_length == 2

    def test_bad_splits_come_through_unless_validated(self):
        record = example(v=[1, 2, 3], p=[0, -1, 3])
        loose = {"r": R(np.int64, "v", [R.RowSplits("p")])}
        got = hr.parse_single_example(record, loose)["r"]
        assert got.row_splits.tolist() == [0, -1, 3]
        strict = {"r": R(np.int64, "v", [R.RowSplits("p")], validate=True)}
        text = "^Arguments to from_row_splits do not form a valid RaggedTensor:monotonic"
        with pytest.raises(hr.ShapeError, match=text):
            hr.parse_single_example(record, strict)

    def test_the_first_split_of_a_batch_is_not_looked_at(self):
        spec = {"r": R(np.int64, "v", [R.RowSplits("p")])}
        got = hr.parse_example([example(v=[1, 2, 3], p=[7, 2, 3])], spec)["r"]
        assert got.tolist() == [[[1, 2], [3]]]

    def test_no_splits_at_all(self):
        spec = {"r": R(np.int64, "v", [R.RowSplits("p")])}
        with pytest.raises(hr.ShapeError, match=r"^Dimension -1 must be >= 0$"):
            hr.parse_single_example(b"", spec)
        assert hr.parse_example([b""], spec)["r"].tolist() == [[]]


class TestSequences:
    def test_context_sequences_and_lengths(self):
        records = [
            sequence(entries(c=[7]), lists(f=[[1], [2], [3]])),
            sequence(entries(c=[8]), lists(f=[[4]])),
        ]
        rows = {"f": hr.FixedLenSequenceFeature([], np.int64)}
        context, sequences, lengths = hr.parse_sequence_example(records, {"c": INT}, rows)
        assert plain(context) == {"c": [7, 8]}
        assert plain(sequences) == {"f": [[1, 2, 3], [4, 0, 0]]}
        assert plain(lengths) == {"f": [3, 1]}
        context, sequences = hr.parse_single_sequence_example(records[0], {"c": INT}, rows)
        assert plain(context) == {"c": 7}
        assert plain(sequences) == {"f": [1, 2, 3]}
        assert hr.parse_sequence_example(records[0], {"c": INT}, rows)[2] == {"f": 3}

    def test_varlen_and_ragged(self):
        records = [sequence(b"", lists(f=[[1, 2], [3]])), sequence(b"", lists(f=[[4], []]))]
        sparse = hr.parse_sequence_example(records, None, {"f": MANY})[1]["f"]
        assert sparse.indices.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
        assert sparse.shape == (2, 2, 2)
        ragged = hr.parse_sequence_example(records, None, {"f": R(np.int64)})[1]["f"]
        assert ragged.tolist() == [[[1, 2], [3]], [[4], []]]
        single = hr.parse_single_sequence_example(records[0], None, {"f": R(np.int64)})[1]["f"]
        assert single.tolist() == [[1, 2], [3]]

    def test_partitions_apply_inside_each_row(self):
        inner = {"r": R(np.int64, "v", [R.RowLengths("p")])}
        record = sequence(b"", lists(v=[[1, 2, 3], [4]], p=[[1, 2], [1]]))
        got = hr.parse_sequence_example([record], None, inner)[1]["r"]
        assert got.tolist() == [[[[1], [2, 3]], [[4]]]]

    def test_errors(self):
        record = sequence(b"", lists(f=[[1], feature(FLOAT, [0.5])]))
        text = "^Name: nm, Feature list: f, Index: 1.  Data types don't match. Expected type: int64"
        with pytest.raises(hr.ParseError, match=text) as caught:
            hr.parse_sequence_example([record], None, {"f": MANY}, example_names=["nm"])
        assert caught.value.record == 0
        with pytest.raises(hr.ParseError, match=r"^Invalid protocol message input, example id: nm"):
            hr.parse_single_sequence_example(b"\x0a", {"c": INT}, example_name="nm")

    @pytest.mark.parametrize(
        ("context", "rows", "text"),
        [
            ({"c": hr.SparseFeature("i", "v", int, 5)}, None,
             "Unsupported SparseFeature SparseFeature\\(index_key='i', value_key='v', "
             "dtype=tf.int64, size=5, already_sorted=False\\) for key 'c'"),
            (None, {"f": INT},
             "Unsupported FixedLenFeature FixedLenFeature\\(shape=\\[\\], dtype=tf.int64, "
             "default_value=None\\) for key 'f'"),
            (None, {"f": hr.FixedLenSequenceFeature([], int, True, 1)},
             "Value feature_list.dense_defaults\\[f\\] must be None"),
            (None, {"f": hr.FixedLenSequenceFeature([2, None], int)},
             "Shape \\[2,\\?\\] is not fully defined"),
            ({"c": hr.FixedLenFeature([], np.int32)}, None,
             "Value for attr 'Tcontext_dense' of int32 is not in the list of allowed values: "
             "float, int64, string"),
            (None, {"f": hr.VarLenFeature(np.int32)},
             "Value for attr 'feature_list_sparse_types' of int32 is not in the list"),
        ],
    )  # fmt: skip
    def test_arguments(self, context, rows, text):
        with pytest.raises(ValueError, match=r"^" + text):
            hr.parse_sequence_example([], context, rows)


class TestDecodeRaw:
    def test_shapes(self):
        assert hr.decode_raw(b"\1\0\2\0", np.int16).tolist() == [1, 2]
        assert hr.decode_raw([[b"abcd", b"efgh"]], np.uint8).shape == (1, 2, 4)
        assert hr.decode_raw([], np.int32).shape == (0, 0)
        assert hr.decode_raw([b""], np.int32).shape == (1, 0)

    def test_byte_order(self):
        assert hr.decode_raw(b"\0\1\0\2", np.int16, little_endian=False).tolist() == [1, 2]
        halves = np.array([1 + 2j], ">c8").tobytes()
        assert hr.decode_raw(halves, np.complex64, False).tolist() == [1 + 2j]

    def test_fixed_length_cuts_and_fills(self):
        got = hr.decode_raw([b"abcdef", b"a"], np.uint8, fixed_length=2)
        assert got.tolist() == [[97, 98], [97, 0]]

    def test_is_writable_and_its_own(self):
        data = bytearray(b"ab")
        got = hr.decode_raw(data, np.uint8)
        got[0] = 7
        assert data == b"ab"

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (([b"abc", b"de"], np.uint8), "DecodeRaw requires input strings to all be the same"),
            (([b"abc"], np.int16),
             "Input to DecodeRaw has length 3 that is not a multiple of 2, the size of int16"),
            (([b""], np.uint32), "Value for attr 'out_type' of uint32 is not in the list"),
            (([b""], np.int32, True, 3),
             "fixed_length \\(3\\) must be a multiple of the size of out_type \\(4\\)"),
            (([b""], np.int32, True, 0), "fixed_length \\(0\\) must be greater than zero."),
        ],
    )  # fmt: skip
    def test_refused(self, arguments, text):
        with pytest.raises(ValueError, match=r"^" + text):
            hr.decode_raw(*arguments)


RAGGED = {"r": R(np.int64, "v", [R.RowLengths("p")]), "n": hr.FixedLenFeature([], np.int64, 0)}
SPARSE = {"n": INT, "s": hr.SparseFeature(["i"], "v", np.int64, [9])}


class TestDatasets:
    def records(self, count=300):
        return [
            example(v=[*range(n % 5)], p=[n % 3 % (n % 5 + 1), n % 5 - n % 3 % (n % 5 + 1)],
                    i=[*range(n % 5)][::-1], n=[n])
            for n in range(count)
        ]  # fmt: skip

    @pytest.mark.parametrize("spec", [RAGGED, SPARSE])
    def test_batches_and_single_examples_are_those_of_the_functions(self, tmp_path, spec):
        records = self.records()
        path = write_records(tmp_path / "a", records)
        dataset = hr.TFRecordDataset(path).parse_example(spec)
        for number, batch in enumerate(dataset.batch(100)):
            assert list(batch) == list(spec)
            wanted = hr.parse_example(records[number * 100 : number * 100 + 100], spec)
            assert all(np.all(batch[key] == wanted[key]) for key in spec)
        for got, record in zip(dataset, records, strict=True):
            wanted = hr.parse_single_example(record, spec)
            assert list(got) == list(spec)
            assert all(np.all(got[key] == wanted[key]) for key in spec)

    def test_an_error_is_that_of_its_element(self, tmp_path):
        records = self.records(9)
        records[4] = example(v=[1, 2], p=[5], n=[4])
        path = write_records(tmp_path / "a", records)
        strict = {"n": INT, "r": R(np.int64, "v", [R.RowLengths("p")], validate=True)}
        iterator = iter(hr.TFRecordDataset(path).parse_example(strict))
        for n in range(4):
            assert next(iterator)["n"] == n
        with pytest.raises(hr.ShapeError, match="do not form a valid RaggedTensor"):
            next(iterator)
        assert next(iterator)["n"] == 5

    def test_sequences(self, tmp_path):
        records = [sequence(entries(c=[n]), lists(f=[[n]] * (n % 3))) for n in range(5)]
        path = write_records(tmp_path / "a", records)
        rows = {"f": hr.FixedLenSequenceFeature([], np.int64)}
        dataset = hr.TFRecordDataset(path)
        batches = list(dataset.batch(4).parse_sequence_example({"c": INT}, rows))
        wanted = [hr.parse_sequence_example(records[i : i + 4], {"c": INT}, rows) for i in (0, 4)]
        assert [*map(plain, batches)] == [*map(plain, wanted)]
        singles = dataset.parse_sequence_example({"c": INT}, rows)
        wanted = [hr.parse_sequence_example(record, {"c": INT}, rows) for record in records]
        assert [*map(plain, singles)] == [*map(plain, wanted)]
        assert pickle.loads(pickle.dumps(singles)) == singles
        iterator, again = iter(singles), iter(singles)
        next(iterator)
        again.load_state_dict(iterator.state_dict())
        assert [*map(plain, again)] == [*map(plain, iterator)]

    def test_sequences_are_parsed_once(self, tmp_path):
        dataset = hr.TFRecordDataset([]).parse_sequence_example({"c": INT})
        with pytest.raises(TypeError, match="the elements are parsed already"):
            dataset.parse_example({"c": INT})
        with pytest.raises(ValueError, match="the dataset is batched twice"):
            hr.TFRecordDataset([]).batch(2).batch(2).parse_sequence_example({"c": INT})


def test_unpacked_lists_and_rows_behind_rows():
    unpacked = delimited(1, entries(a=feature(INT64, [1, 2], packed=False)))
    assert hr.parse_example([unpacked], {"a": MANY})["a"].values.tolist() == [1, 2]
    row = feature(INT64, [1]) + delimited(1, feature(INT64, [2]))
    rows = hr.parse_sequence_example([sequence(b"", lists(f=[row]))], None, {"f": R(np.int64)})
    assert rows[1]["f"].tolist() == [[[1], [2]]]

"""BytesArray, RaggedArray and SparseArray, each beside the Python lists that they stand for."""

import pickle

import numpy as np
import pytest

import headrace as hr

STRINGS = [b"", b"a", b"bc", b"\x00\xff\x00", b"", b"longer than the others"]
ROWS = [[1, 2, 3], [], [4], [5, 6]]


def strings(shape=None):
    return hr.BytesArray.of(STRINGS, shape)


def ragged(dtype=np.int64, splits=np.int64):
    flat = [v for row in ROWS for v in row]
    return hr.RaggedArray(np.array(flat, dtype), np.array([0, 3, 3, 4, 6], splits))


def nested():
    inner = hr.RaggedArray(np.arange(6), [0, 2, 2, 3, 6])
    return hr.RaggedArray(inner, [0, 1, 4]), [[[0, 1]], [[], [2], [3, 4, 5]]]


def sparse():
    return hr.SparseArray._of_rows(np.arange(1, 7), np.array([0, 3, 3, 4, 6], np.int64))


INDICES = [
    slice(None), slice(1, 3), slice(3, 1), slice(-2, None), slice(None, None, 2),
    slice(None, None, -1),
    [2, 0, 2], [], [-1], np.array([1, 3]), np.array([True, False, True, False]), [False] * 4,
]  # fmt: skip


def pick(rows, index):
    if isinstance(index, slice):
        return rows[index]
    index = np.asarray(index)
    numbers = np.flatnonzero(index) if index.dtype == bool else index.astype(int)
    return [rows[i] for i in numbers]


class TestBytesArray:
    def test_is_the_strings(self):
        b = strings()
        assert b.tolist() == STRINGS
        assert list(b) == STRINGS
        assert [b[i] for i in range(len(b))] == STRINGS
        assert b[-1] == STRINGS[-1]
        assert (b.shape, b.ndim, b.size, len(b), b.dtype) == ((6,), 1, 6, 6, bytes)
        assert b.nbytes == sum(map(len, STRINGS)) + 7 * 8

    def test_asarray_gives_objects(self):
        array = np.asarray(strings((2, 3)))
        assert array.dtype == object
        assert array.shape == (2, 3)
        assert array.tolist() == [STRINGS[:3], STRINGS[3:]]

    @pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 2), (1, 6, 1), (6, 1)])
    def test_shapes(self, shape):
        b = strings(shape)
        expected = np.array([*STRINGS, None], object)[:-1].reshape(shape)
        assert b.shape == shape
        assert b.tolist() == expected.tolist()
        for place in np.ndindex(shape):
            assert b[place] == expected[place]
            assert bytes(b.view(place)) == expected[place]
        assert [row if b.ndim == 1 else row.tolist() for row in b] == expected.tolist()

    def test_without_rows(self):
        assert hr.BytesArray.of([]).tolist() == []
        assert hr.BytesArray.of([], (0, 3)).tolist() == []
        assert hr.BytesArray.of([], (3, 0)).tolist() == [[], [], []]
        assert hr.BytesArray.of([b"x"], ()).tolist() == b"x"
        assert hr.BytesArray.of([b"x"], ()) != hr.BytesArray.of([b"x"])

    @pytest.mark.parametrize("index", INDICES, ids=str)
    @pytest.mark.parametrize("shape", [(4,), (4, 2)])
    def test_rows(self, index, shape):
        parts = [b"%d" % (7**i) for i in range(int(np.prod(shape)))]
        b = hr.BytesArray.of(parts, shape)
        chosen = b[index]
        assert chosen.tolist() == pick(b.tolist(), index)
        assert chosen.shape == (len(chosen.tolist()), *shape[1:])

    def test_a_slice_shares_and_the_rest_copies(self):
        b = strings()
        assert np.shares_memory(b[1:4].data, b.data)
        assert not np.shares_memory(b[[1, 2]].data, b.data)

    def test_cannot_be_written(self):
        b = strings()
        for buffer in (b.data, b.offsets):
            with pytest.raises(ValueError, match="read-only"):
                buffer[0] = 1
        with pytest.raises(TypeError):
            b.view(5)[0] = 1
        with pytest.raises(TypeError):
            b[0] = b"x"

    def test_wraps_without_copying(self):
        data, offsets = np.frombuffer(b"abcdef", np.uint8), np.array([1, 3, 3, 6])
        b = hr.BytesArray(data, offsets)
        assert b.tolist() == [b"bc", b"", b"def"]
        assert np.shares_memory(b.data, data)
        assert np.shares_memory(b.offsets, offsets)

    def test_compares_strings_not_buffers(self):
        a = hr.BytesArray(b"__abc", [2, 3, 5])
        assert a == hr.BytesArray.of([b"a", b"bc"])
        assert a != hr.BytesArray.of([b"ab", b"c"])
        assert a != hr.BytesArray.of([b"a", b"bd"])
        assert a != hr.BytesArray.of([b"a", b"bc"], (1, 2))
        assert a != [b"a", b"bc"]
        with pytest.raises(TypeError, match="unhashable"):
            hash(a)

    def test_pickles_only_its_own_bytes(self):
        b = hr.BytesArray.of([b"x" * 100_000, b"yy", b"z"])[1:]
        assert pickle.loads(pickle.dumps(b)) == b
        assert len(pickle.dumps(b)) < 1000

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ((b"abc", [0, 2, 1]), "offsets must not decrease and must lie in \\[0, 3\\]"),
            ((b"abc", [0, 4]), "offsets must not decrease and must lie in \\[0, 3\\]"),
            ((b"abc", [-1, 2]), "offsets must not decrease"),
            ((b"abc", []), "at least one int64"),
            ((b"abc", [0, 3], (2,)), "1 strings do not fill the shape \\(2,\\)"),
            ((b"abc", [0, 3], (-1, -1)), "1 strings do not fill"),
        ],
    )
    def test_refuses_buffers_that_do_not_fit(self, arguments, text):
        with pytest.raises(ValueError, match=text):
            hr.BytesArray(*arguments)

    def test_refuses_indices_that_are_none(self):
        b = strings((2, 3))
        with pytest.raises(IndexError, match="row 2 is out of range: there are 2"):
            b[2]
        with pytest.raises(IndexError, match="rows are chosen by"):
            b[1.5]
        with pytest.raises(IndexError, match="needs 2 indices, got 1"):
            b.view(0)
        with pytest.raises(IndexError):
            b[[5]]

    def test_prints(self):
        assert repr(hr.BytesArray.of([b"a", b"bc"])) == (
            "BytesArray(shape=(2,), dtype=bytes, [b'a', b'bc'])"
        )
        assert repr(strings((3, 2))[:1]) == ("BytesArray(shape=(1, 2), dtype=bytes, [[b'', b'a']])")
        long = repr(hr.BytesArray.of([b"x" * 10_000] * 1000))
        assert len(long) < 300
        assert "shape=(1000,)" in long
        assert long.endswith("...])")


class TestRaggedArray:
    def test_is_the_rows(self):
        r = ragged()
        assert r.tolist() == ROWS
        assert [row.tolist() for row in r] == ROWS
        assert [r[i].tolist() for i in range(-4, 4)] == ROWS + ROWS
        assert r.row(0).tolist() == [1, 2, 3]
        assert r[0, 1] == 2
        assert (r.shape, r.ndim, r.nrows, len(r), r.dtype) == ((4, None), 2, 4, 4, np.int64)
        assert r.row_lengths().tolist() == [3, 0, 1, 2]
        assert np.shares_memory(r[0], r.values)

    def test_nested(self):
        r, rows = nested()
        assert r.tolist() == rows
        assert r.shape == (2, None, None)
        assert r.ragged_rank == 2
        assert r.flat_values.tolist() == [0, 1, 2, 3, 4, 5]
        assert [s.tolist() for s in r.nested_row_splits] == [[0, 1, 4], [0, 2, 2, 3, 6]]
        assert r[1, 2].tolist() == [3, 4, 5]
        assert r[1, 2, 0] == 3
        assert r[[1, 0]].tolist() == [rows[1], rows[0]]
        assert pickle.loads(pickle.dumps(r)) == r

    def test_of_strings(self):
        r = hr.RaggedArray(hr.BytesArray.of([b"a", b"b", b"c"]), [0, 2, 2, 3])
        assert r.tolist() == [[b"a", b"b"], [], [b"c"]]
        assert r.dtype is bytes
        assert r[0] == hr.BytesArray.of([b"a", b"b"])
        assert r[[2, 0]].tolist() == [[b"c"], [b"a", b"b"]]
        assert repr(r) == "RaggedArray(shape=(3, None), dtype=bytes, [[b'a', b'b'], [], [b'c']])"

    def test_of_arrays(self):
        r = hr.RaggedArray(np.arange(6).reshape(3, 2), [0, 1, 3])
        assert r.shape == (2, None, 2)
        assert r.tolist() == [[[0, 1]], [[2, 3], [4, 5]]]

    @pytest.mark.parametrize("index", INDICES, ids=str)
    @pytest.mark.parametrize("splits", [np.int32, np.int64])
    def test_rows(self, index, splits):
        chosen = ragged(splits=splits)[index]
        assert chosen.tolist() == pick(ROWS, index)
        assert chosen.row_splits.dtype == splits
        assert chosen.row_splits[0] == 0
        assert chosen.row_splits[-1] == len(chosen.values)

    def test_asarray_gives_objects(self):
        array = np.asarray(ragged())
        assert array.dtype == object
        assert [row.tolist() for row in array] == ROWS
        with pytest.raises(TypeError, match="array of objects"):
            np.asarray(ragged(), np.float32)

    def test_compares(self):
        assert ragged() == ragged()
        assert ragged() == ragged(splits=np.int32)
        assert ragged() != ragged(np.int32)
        assert ragged() != ragged()[:3]
        assert ragged() != ROWS
        nan = hr.RaggedArray(np.array([np.nan]), [0, 1])
        assert nan != nan
        assert nan.equals(nan, equal_nan=True)
        assert pickle.loads(pickle.dumps(ragged())) == ragged()

    @pytest.mark.parametrize(
        ("splits", "error", "text"),
        [
            ([0, 2], ValueError, "end with the number of values, 3"),
            ([1, 3], ValueError, "must start with 0"),
            ([0, 3, 2, 3], ValueError, "not decrease"),
            ([], ValueError, "at least one element"),
            ([[0, 3]], ValueError, "1-D"),
            ([0.0, 3.0], TypeError, "must be int64 or int32, got float64"),
        ],
    )
    def test_refuses_splits_that_do_not_fit(self, splits, error, text):
        with pytest.raises(error, match=text):
            hr.RaggedArray([1, 2, 3], splits if splits else np.array([], np.int64))

    def test_prints(self):
        assert repr(ragged()) == (
            "RaggedArray(shape=(4, None), dtype=int64, [[1, 2, 3], [], [4], [5, 6]])"
        )
        long = repr(hr.RaggedArray(np.arange(10_000.0), np.arange(0, 10_001, 100)))
        assert long.startswith("RaggedArray(shape=(100, None), dtype=float64, [[0.0, 1.0, ")
        assert len(long) < 300


class TestSparseArray:
    def test_has_the_places_of_its_rows(self):
        s = sparse()
        assert s.values.tolist() == [1, 2, 3, 4, 5, 6]
        assert s.indices.tolist() == [[0, 0], [0, 1], [0, 2], [2, 0], [3, 0], [3, 1]]
        assert s.indices.dtype == np.int64
        assert s.dense_shape.tolist() == [4, 3]
        assert s.dense_shape.dtype == np.int64
        assert (s.shape, s.ndim, len(s), s.dtype) == ((4, 3), 2, 4, np.int64)
        assert s.row_splits.tolist() == [0, 3, 3, 4, 6]
        assert s.tolist() == [[1, 2, 3], [0, 0, 0], [4, 0, 0], [5, 6, 0]]
        assert np.asarray(s, np.float32).dtype == np.float32
        assert s.to_dense(-1)[1].tolist() == [-1, -1, -1]

    def test_of_one_example(self):
        s = hr.SparseArray._of_vector(np.array([7, 8]))
        assert s.indices.tolist() == [[0], [1]]
        assert s.dense_shape.tolist() == [2]
        assert s[1] == 8
        assert hr.SparseArray._of_vector(np.array([], np.int64)).indices.shape == (0, 1)

    def test_without_rows_or_values(self):
        none = hr.SparseArray._of_rows(np.empty(0, np.float32), np.array([0]))
        assert none.dense_shape.tolist() == [0, 0]
        assert none.indices.shape == (0, 2)
        assert none.tolist() == []
        empty = hr.SparseArray._of_rows(np.empty(0, np.float32), np.array([0, 0, 0]))
        assert empty.dense_shape.tolist() == [2, 0]
        assert empty.tolist() == [[], []]

    def test_of_strings(self):
        s = hr.SparseArray([[0, 1], [2, 0]], hr.BytesArray.of([b"a", b"b"]), [3, 2])
        assert s.tolist() == [[b"", b"a"], [b"", b""], [b"b", b""]]
        assert s.row_splits is None
        assert s.dtype is bytes

    @pytest.mark.parametrize("index", INDICES, ids=str)
    def test_rows(self, index):
        s = sparse()
        for one in (s, hr.SparseArray(s.indices, s.values, s.dense_shape)):
            chosen = one[index]
            assert chosen.tolist() == pick(s.tolist(), index)
            assert chosen.dense_shape.tolist() == [len(chosen.tolist()), 3]
        assert [row.tolist() for row in s] == s.tolist()
        assert s[-1].dense_shape.tolist() == [3]

    def test_takes_places_as_they_come(self):
        s = hr.SparseArray([[1, 0], [0, 5], [1, 0]], [1, 2, 3], [2, 2])
        assert s.indices.tolist() == [[1, 0], [0, 5], [1, 0]]
        with pytest.raises(IndexError, match=r"value 1 is at \[0, 5\], outside of the shape"):
            s.to_dense()
        assert s[1].values.tolist() == [1, 3]

    def test_compares(self):
        s = sparse()
        assert s == hr.SparseArray(s.indices, s.values, s.dense_shape)
        assert s != hr.SparseArray(s.indices, s.values, [4, 4])
        assert s != hr.SparseArray(s.indices, s.values.astype(np.int32), [4, 3])
        assert s != hr.SparseArray(s.indices[::-1], s.values[::-1], [4, 3])
        copy = pickle.loads(pickle.dumps(s))
        assert copy == s
        assert copy.row_splits.tolist() == s.row_splits.tolist()
        one = hr.SparseArray([[1]], [2], [3])
        assert pickle.loads(pickle.dumps(one)) == one

    @pytest.mark.parametrize(
        "arguments",
        [([[0]], [1, 2], [3]), ([[0, 1]], [1], [3]), ([0], [1], [3]), ([[0]], [[1]], [3])],
    )
    def test_refuses_what_does_not_fit(self, arguments):
        with pytest.raises(ValueError, match="values must be 1-D and indices of shape"):
            hr.SparseArray(*arguments)

    def test_prints(self):
        assert repr(hr.SparseArray([[0, 1]], [1.5], [1, 2])) == (
            "SparseArray(shape=(1, 2), dtype=float64, indices=[[0, 1]], values=[1.5])"
        )

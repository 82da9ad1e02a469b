"""Features, dtypes, defaults and specs: what is accepted, and TensorFlow's text for what is not."""

import pickle
import types

import numpy as np
import pytest

import headrace as hr
from headrace.dtypes import dtype_name
from headrace.spec import Spec

ml_dtypes = pytest.importorskip("ml_dtypes")


def column_of(feature, key="a"):
    return Spec({key: feature}).readings[0].column


class Foreign:
    """A stand-in for a class of another package."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def foreign(class_name, /, **attributes):
    return type(class_name, (Foreign,), {})(**attributes)


def tf_dtype(name):
    return foreign("DType", name=name, as_numpy_dtype=object)


class TorchDtype:
    __module__ = "torch"

    def __repr__(self):
        return "torch.int16"


class TestDtypes:
    @pytest.mark.parametrize(
        ("dtype", "name"),
        [
            (np.int64, "int64"), (np.dtype("int64"), "int64"), ("int64", "int64"), (int, "int64"),
            (np.float32, "float32"), (float, "float32"), ("float", "float32"),
            ("double", "float64"), (np.float64, "float64"), ("half", "float16"),
            (bool, "bool"), (np.bool_, "bool"), ("uint8", "uint8"), ("<i4", "int32"),
            (bytes, "bytes"), ("bytes", "bytes"), ("string", "bytes"), (np.bytes_, "bytes"),
            (np.str_, "bytes"), (object, "bytes"), (np.dtype("S3"), "bytes"),
            ("complex64", "complex64"), ("bfloat16", "bfloat16"),
            (ml_dtypes.bfloat16, "bfloat16"), (np.dtype(ml_dtypes.bfloat16), "bfloat16"),
            (tf_dtype("int32"), "int32"), (tf_dtype("string"), "bytes"),
            (tf_dtype("bfloat16"), "bfloat16"), (TorchDtype(), "int16"),
        ],
        ids=repr,
    )  # fmt: skip
    def test_many_ways_to_write_one(self, dtype, name):
        assert dtype_name(dtype) == name

    @pytest.mark.parametrize("dtype", [None, "foo", "datetime64[s]", 3, [], tf_dtype("qint8")])
    def test_unknown(self, dtype):
        with pytest.raises(TypeError, match="Cannot convert the argument `type_value`: "):
            dtype_name(dtype)

    def test_foreign_byte_order(self):
        with pytest.raises(TypeError, match="'>i4' has a byte order"):
            dtype_name(">i4")


class TestColumns:
    """What the core is told."""

    @pytest.mark.parametrize(
        ("feature", "column"),
        [
            (hr.FixedLenFeature([], np.int64), ("int64", "fixed", "int64", ())),
            (hr.FixedLenFeature([2, 3], "float"), ("float", "fixed", "float32", (2, 3))),
            (hr.FixedLenFeature(3, "string"), ("bytes", "fixed", "bytes", (3,))),
            (hr.FixedLenFeature([], bool), ("int64", "fixed", "bool", ())),
            (hr.FixedLenFeature([], np.uint8), ("int64", "fixed", "uint8", ())),
            (hr.FixedLenFeature([], "bfloat16"), ("float", "fixed", "bfloat16", ())),
            (hr.FixedLenFeature(np.array([2]), np.float64), ("float", "fixed", "float64", (2,))),
            (hr.VarLenFeature(np.float32), ("float", "sparse", "float32", ())),
            (hr.RaggedFeature(bytes), ("bytes", "ragged", "bytes", ())),
            (hr.RawFeature([4], np.complex128), ("bytes", "raw", "complex128", (4,))),
        ],
        ids=repr,
    )
    def test_kind_layout_type_shape(self, feature, column):
        key, kind, layout, name, shape, big_endian, default, splits = column_of(feature)
        assert (kind, layout, name, shape) == column
        assert (key, big_endian, default) == (b"a", False, None)
        assert splits == ("int32" if isinstance(feature, hr.RaggedFeature) else "int64")

    def test_big_endian(self):
        assert column_of(hr.RawFeature([], np.int16, little_endian=False))[5] is True

    def test_sequence_pads_with_its_default(self):
        feature = hr.FixedLenSequenceFeature([2], np.int64, allow_missing=True)
        assert column_of(feature)[2:5] == ("sequence", "int64", (2,))
        assert column_of(feature)[6].tolist() == [0]
        feature = hr.FixedLenSequenceFeature([], bytes, True, "pad")
        assert column_of(feature)[6] == [b"pad"]

    def test_value_key(self):
        spec = Spec({"x": hr.RaggedFeature(np.int64, "a"), "y": hr.RaggedFeature(np.int64, "a")})
        assert [reading.column[0] for reading in spec.readings] == [b"a"]

    def test_keys_are_bytes_in_the_order_of_the_spec(self):
        feature = hr.VarLenFeature(np.int64)
        spec = Spec({"z": feature, b"\xff": feature, "é": feature})
        assert [reading.column[0] for reading in spec.readings] == [b"z", b"\xff", "é".encode()]


class TestForeignFeatures:
    @pytest.mark.parametrize(
        ("name", "attributes", "ours"),
        [
            (
                "FixedLenFeature",
                {"shape": (2,), "dtype": tf_dtype("int64"), "default_value": [1, 2]},
                hr.FixedLenFeature([2], np.int64, [1, 2]),
            ),
            ("VarLenFeature", {"dtype": tf_dtype("string")}, hr.VarLenFeature(bytes)),
            (
                "FixedLenSequenceFeature",
                {"shape": [], "dtype": "int64", "allow_missing": True, "default_value": None},
                hr.FixedLenSequenceFeature([], np.int64, True),
            ),
            (
                "SparseFeature",
                {
                    "index_key": ["i"], "value_key": "v", "dtype": tf_dtype("float32"),
                    "size": [3], "already_sorted": False,
                },
                hr.SparseFeature(("i",), "v", np.float32, (3,)),
            ),
            (
                "RaggedFeature",
                {
                    "dtype": tf_dtype("float32"), "value_key": "v", "partitions": (),
                    "row_splits_dtype": tf_dtype("int64"), "validate": False,
                },
                hr.RaggedFeature(np.float32, "v", row_splits_dtype=np.int64),
            ),
        ],
    )  # fmt: skip
    def test_are_ours_by_their_attributes(self, name, attributes, ours):
        assert Spec({"a": foreign(name, **attributes)}) == Spec({"a": ours})

    def test_shapes_of_tensorflow(self):
        shape = [foreign("Dimension", value=2), foreign("Dimension", value=3)]
        assert column_of(hr.FixedLenFeature(shape, np.int64))[4] == (2, 3)

    def test_leave_nothing_of_their_package_in_the_spec(self):
        spec = Spec({"a": foreign("VarLenFeature", dtype=tf_dtype("int64"))})
        assert pickle.loads(pickle.dumps(spec)) == Spec({"a": hr.VarLenFeature("int64")})

    def test_partitions_are_ours_by_their_attributes(self):
        of = {"dtype": "int64", "value_key": "v", "row_splits_dtype": "int32", "validate": False}
        theirs = (foreign("RowLengths", key="p"), foreign("UniformRowLength", length=2))
        ours = [hr.RaggedFeature.RowLengths("p"), hr.RaggedFeature.UniformRowLength(2)]
        spec = Spec({"a": foreign("RaggedFeature", partitions=theirs, **of)})
        assert spec == Spec({"a": hr.RaggedFeature(np.int64, "v", ours)})
        assert spec != Spec({"a": hr.RaggedFeature(np.int64, "v", ours[:1])})
        splits = [hr.RaggedFeature.RowSplits("p"), ours[1]]
        assert spec != Spec({"a": hr.RaggedFeature(np.int64, "v", splits)})


class TestDefaults:
    @pytest.mark.parametrize(
        ("dtype", "default", "stored"),
        [
            (np.int64, 5, [5]), (np.int64, [5], [5]), (np.int64, True, [1]),
            (np.int64, np.int32(3), [3]), (np.int64, np.array([[7]]), [7]),
            (np.int64, np.array([1.5]), [1]), (np.int64, -(2**63), [-(2**63)]),
            (np.float32, 1, [1.0]), (np.float32, 1e300, [np.inf]), (np.float32, True, [1.0]),
            (np.float32, np.float64(0.5), [0.5]), (np.float16, 0.1, [np.float16(0.1)]),
            (np.uint8, 255, [255]), (np.bool_, False, [False]), (bool, 1, [True]),
            ("bfloat16", 1.5, [1.5]),
            (bytes, b"x", [b"x"]), (bytes, "é", ["é".encode()]), (bytes, np.array(["y"]), [b"y"]),
            (bytes, np.array([b"z"], object), [b"z"]),
        ],
        ids=repr,
    )  # fmt: skip
    def test_are_converted(self, dtype, default, stored):
        column = column_of(hr.FixedLenFeature([], dtype, default))
        assert list(column[6]) == stored
        if column[1] != "bytes":
            assert column[6].dtype.name == column[3]
            assert not column[6].flags.writeable

    def test_are_reshaped(self):
        for default in ([1, 2, 3, 4], [[1, 2], [3, 4]], ((1, 2), (3, 4)), np.arange(1, 5)):
            column = column_of(hr.FixedLenFeature([2, 2], np.int64, default))
            assert column[6].tolist() == [1, 2, 3, 4]

    def test_of_no_elements_is_none(self):
        assert column_of(hr.FixedLenFeature([0], np.int64, []))[6] is None

    def test_of_a_raw_feature(self):
        assert column_of(hr.RawFeature([2], np.uint16, default_value=[1, 2]))[6].tolist() == [1, 2]

    @pytest.mark.parametrize(
        ("shape", "dtype", "default", "error", "text"),
        [
            ([2], np.int64, 1, ValueError,
             "Input to reshape is a tensor with 1 values, but the requested shape has 2"),
            ([], np.int64, [1, 2], ValueError,
             "Input to reshape is a tensor with 2 values, but the requested shape has 1"),
            ([2], np.int64, [], ValueError,
             "Input to reshape is a tensor with 0 values, but the requested shape has 2"),
            ([], np.int64, 1.5, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int64"),
            ([], np.int64, b"x", TypeError, "Cannot convert b'x' to EagerTensor of dtype int64"),
            ([], np.float32, "q", TypeError, "Cannot convert 'q' to EagerTensor of dtype float"),
            ([], np.float32, 1j, TypeError, "Cannot convert 1j to EagerTensor of dtype float"),
            ([], bytes, 3, TypeError, "Cannot convert 3 to EagerTensor of dtype string"),
            ([], bytes, [3], TypeError, "Cannot convert \\[3\\] to EagerTensor of dtype string"),
            ([], np.int64, 2**63, ValueError,
             "Can't convert Python sequence with out-of-range integer to Tensor."),
            ([], np.int64, [None], ValueError, "Attempt to convert a value \\(None\\)"),
            ([2], np.int64, [[1], [2, 3]], ValueError,
             "Can't convert non-rectangular Python sequence to Tensor."),
            ([], np.uint8, 256, ValueError, "256 does not fit uint8"),
            ([], np.uint8, np.array([-1]), ValueError, "-1 does not fit uint8"),
            ([], bool, 2, ValueError, "2 does not fit bool"),
        ],
        ids=repr,
    )  # fmt: skip
    def test_refused(self, shape, dtype, default, error, text):
        with pytest.raises(error, match=text):
            Spec({"a": hr.FixedLenFeature(shape, dtype, default)})


class TestRefusals:
    @pytest.mark.parametrize(
        ("features", "error", "text"),
        [
            ({}, ValueError, "Argument `features` cannot be None or falsy. Got {}"),
            (None, ValueError, "Argument `features` cannot be None or falsy. Got None"),
            ([hr.VarLenFeature(int)], TypeError, "must be a dict of features, got list"),
            ({3: hr.VarLenFeature(int)}, TypeError,
             "Cannot convert \\[3\\] to EagerTensor of dtype string"),
            ({"a": 3}, ValueError, "Unsupported int 3 for key 'a'"),
            ({"a": hr.FixedLenFeature(None, int)}, ValueError,
             "Missing shape for feature a. Received feature=FixedLenFeature\\(shape=None"),
            ({"a": hr.FixedLenFeature([None], int)}, ValueError,
             "First dimension of shape for feature a unknown. Consider using "
             "FixedLenSequenceFeature. Received feature=FixedLenFeature"),
            ({"a": hr.FixedLenFeature([2, None], int)}, ValueError,
             "All dimensions of shape for feature a need to be known but received \\[2, None\\]."),
            ({"a": hr.FixedLenFeature([-1], int)}, ValueError, "Dimension -1 must be >= 0"),
            ({"a": hr.FixedLenFeature([1.5], int)}, TypeError,
             "Dimension value must be integer or None or have an __index__ method, got value"),
            ({"a": hr.FixedLenFeature("ab", int)}, TypeError,
             "Failed to convert ''ab'' to a shape"),
            ({"a": hr.FixedLenFeature([], None)}, ValueError, "Missing type for feature a."),
            ({"a": hr.VarLenFeature(None)}, ValueError, "Missing type for feature a."),
            ({"a": hr.FixedLenFeature([], "foo")}, TypeError,
             "Cannot convert the argument `type_value`: 'foo' to a TensorFlow DType."),
            ({"a": hr.FixedLenFeature([], np.complex64)}, ValueError,
             "Value for attr 'Tdense' of complex64 is not in the list of allowed values: "
             "float, int64, string"),
            ({"a": hr.VarLenFeature(np.int32)}, ValueError,
             "Value for attr 'sparse_types' of int32 is not in the list of allowed values: "
             "float, int64, string"),
            ({"a": hr.VarLenFeature(np.float64)}, ValueError, "'sparse_types' of double is not"),
            ({"a": hr.FixedLenSequenceFeature([], np.int32, True)}, ValueError,
             "Value for attr 'Tdense' of int32 is not in the list"),
            ({"a": hr.FixedLenSequenceFeature([], int)}, ValueError,
             "Unsupported: FixedLenSequenceFeature requires allow_missing to be True."),
            ({"a": hr.FixedLenSequenceFeature([0], int, True)}, ValueError,
             "blocks of at least one value, got the shape \\[0\\]"),
            ({"a": hr.FixedLenSequenceFeature([], int, True, [1, 2])}, ValueError,
             "Input to reshape is a tensor with 2 values, but the requested shape has 1"),
            ({"a": hr.SparseFeature([], "v", int, [])}, ValueError,
             "Missing index_key for SparseFeature SparseFeature\\(index_key=\\[\\], "
             "value_key='v', dtype=tf.int64, size=\\[\\], already_sorted=False\\)."),
            ({"a": hr.SparseFeature("i", "v", int, [5])}, TypeError,
             "vocab_size has to be a Tensor or Python int. Found <class 'list'>"),
            ({"a": hr.SparseFeature(["i", "j"], "v", int, [5])}, ValueError,
             "sp_ids and vocab_size have to have equal lengths."),
            ({"a": hr.SparseFeature("i", "v", int, 5), "v": hr.FixedLenFeature([], int)},
             ValueError, "Dense and sparse keys must not intersect; dense_keys: \\['v'\\]"),
            ({"a": hr.RawFeature([], bytes)}, ValueError, "RawFeature decodes numbers"),
            ({"a": hr.RawFeature([], int, little_endian=1)}, TypeError, "`little_endian` must be"),
            ({"a": hr.VarLenFeature(int), b"a": hr.VarLenFeature(int)}, ValueError,
             "a key is there twice, as str and as bytes"),
            ({"a": hr.VarLenFeature(int), "b": hr.RaggedFeature(int, "a")}, ValueError,
             "Ragged and sparse keys must not intersect; ragged_keys: \\['a'\\], "
             "sparse_keys: \\['a'\\], intersection: {'a'}"),
            ({"a": hr.FixedLenFeature([], int), "b": hr.RaggedFeature(int, "a")}, ValueError,
             "Dense and ragged keys must not intersect; dense_keys: "),
            ({"a": hr.RaggedFeature(float), "b": hr.RaggedFeature(int, "a")}, ValueError,
             "Conflicting type <dtype: 'float32'> vs <dtype: 'int64'> for feature a."),
        ],
        ids=repr,
    )  # fmt: skip
    def test_text_in_the_first_line(self, features, error, text):
        with pytest.raises(error, match=text) as caught:
            hr.TFRecordDataset([]).parse_example(features)
        first_line = str(caught.value).split("\n")[0]
        assert first_line

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ({"dtype": np.int32}, ValueError,
             "Argument `dtype` must be int64, float32, or bytes; got tf.int32"),
            ({"dtype": int, "value_key": ""}, ValueError,
             "Argument `value_key` must not be empty"),
            ({"dtype": int, "value_key": 3}, ValueError,
             "Argument `value_key` must be a string; got 3"),
            ({"dtype": int, "row_splits_dtype": np.int16}, ValueError,
             "Argument `row_splits_dtype` must be int32 or int64; gottf.int16"),
            ({"dtype": int, "partitions": 3}, TypeError,
             "Argument `partitions` must be a list or tuple. Receivedpartitions=3 of type int."),
            ({"dtype": int, "validate": 3}, TypeError, "Argument `validate` must be a bool; got 3"),
            ({"dtype": int, "partitions": ["x"]}, TypeError,
             "Argument `partitions` cannot be cast to any of the partition types in \\(<class "
             "'tensorflow.python.ops.parsing_config.RowSplits'>, .*\\); got: 'x' with type "
             "<class 'str'>"),
        ],
        ids=repr,
    )  # fmt: skip
    def test_of_ragged_feature_when_it_is_made(self, arguments, error, text):
        with pytest.raises(error, match=text):
            hr.RaggedFeature(**arguments)

    def test_of_several_mistakes_the_first_key_is_named(self):
        with pytest.raises(ValueError, match="for feature a"):
            Spec({"b": hr.FixedLenFeature(None, int), "a": hr.FixedLenFeature(None, int)})


class TestMeaning:
    def test_equal_if_they_say_the_same(self):
        assert hr.FixedLenFeature([10], np.int64) == hr.FixedLenFeature((10,), "int64")
        assert hr.FixedLenFeature(10, "string") == hr.FixedLenFeature([10], bytes)
        assert hash(hr.VarLenFeature(float)) == hash(hr.VarLenFeature(np.float32))
        assert hr.FixedLenFeature([], int, 1) != hr.FixedLenFeature([], int, 2)
        assert hr.FixedLenFeature([], int) != hr.RawFeature([], int)
        array = np.array([1, 2])
        assert hr.FixedLenFeature([2], int, array) == hr.FixedLenFeature([2], int, array.copy())

    def test_frozen(self):
        with pytest.raises(AttributeError):
            hr.VarLenFeature(int).dtype = float

    def test_prints_dtypes_by_name(self):
        assert repr(hr.RaggedFeature(np.float32)) == (
            "RaggedFeature(dtype=float32, value_key=None, partitions=(), row_splits_dtype=int32, "
            "validate=False)"
        )

    def test_spec_is_compared_and_pickled_by_meaning(self):
        spec = Spec(
            {
                "a": hr.FixedLenFeature([2], "bfloat16", [1, 2]),
                "b": hr.FixedLenSequenceFeature([], bytes, True),
                "c": hr.RawFeature([3], "uint8"),
            }
        )
        copy = pickle.loads(pickle.dumps(spec))
        assert copy == spec
        assert hash(copy) == hash(spec)
        assert copy != Spec({"a": hr.VarLenFeature(int)})
        reordered = Spec(dict(reversed(spec.features.items())))
        assert reordered != spec


def test_values_of_a_batch():
    """Columns as the core gives them become the values of the keys, in the order of the spec."""
    spec = Spec(
        {
            "ragged": hr.RaggedFeature(np.int64),
            "sparse": hr.VarLenFeature(bytes),
            "fixed": hr.FixedLenFeature([], np.int64),
            "names": hr.FixedLenFeature([2], bytes),
            "half": hr.FixedLenFeature([], "bfloat16"),
        }
    )
    columns = (
        hr.RaggedArray([1, 2, 3], [0, 2, 3]),
        hr.SparseArray._of_rows(hr.BytesArray.of([b"a", b"bcd"]), np.array([0, 0, 2])),
        np.array([10, 20]),
        hr.BytesArray.of([b"a", b"b", b"c", b"d"], (2, 2)),
        np.array([1, 2], ml_dtypes.bfloat16),
    )
    assert spec.keys == ("ragged", "sparse", "fixed", "names", "half")
    batch = spec.element(columns)
    assert tuple(batch) == spec.keys
    assert all(x is y for x, y in zip(batch.values(), columns, strict=True))

    first, second = map(spec.element, spec.rows(columns))
    assert first["ragged"].tolist() == [1, 2]
    assert second["sparse"].dense_shape.tolist() == [2]
    assert isinstance(first["fixed"], np.int64)
    assert second["names"].tolist() == [b"c", b"d"]
    assert second["half"].dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize(
    "features",
    [
        {"x": hr.RaggedFeature(int, "a"), "y": hr.RaggedFeature(int, "a")},
        {"x": hr.RaggedFeature(int, "a"), "b": hr.VarLenFeature(int), "a": hr.RaggedFeature(int)},
        {"a": hr.RaggedFeature(int, partitions=[hr.RaggedFeature.RowSplits("b")])},
        {"a": hr.SparseFeature("b", "c", int, 9)},
    ],
)  # fmt: skip
def test_values_that_are_not_the_columns(features):
    assert Spec(features).keys is None


def test_namespace_objects_are_no_features():
    with pytest.raises(ValueError, match="Unsupported SimpleNamespace"):
        Spec({"a": types.SimpleNamespace(shape=[], dtype=np.int64)})

"""Side by side with TensorFlow itself, on generated data. Seeds are in the tests' names."""

import itertools
import os
import random
import re
import warnings

import numpy as np
import pytest

import headrace as hr
import laws
import oracle
import test_parse_styles as styles

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what TensorFlow's own imports deserve is not ours to judge
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow to compare with")

pytestmark = pytest.mark.tensorflow

TF_DTYPES = {"int64": tf.int64, "float32": tf.float32, "bytes": tf.string}


def tf_feature(want):
    """The same wish in TensorFlow's words; None where it has none."""
    if isinstance(want, oracle.Raw):
        return tf.io.FixedLenFeature([], tf.string)
    dtype = TF_DTYPES.get(want.dtype)
    if dtype is None:
        return None
    if isinstance(want, oracle.Ragged):
        return tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
    if isinstance(want, oracle.Sequence):
        return tf.io.FixedLenSequenceFeature(want.shape, dtype, True, want.default)
    return tf.io.FixedLenFeature(want.shape, dtype, want.default)


WANTED = {key: want for key, want in styles.WANTED.items() if tf_feature(want) is not None}
VARLEN = {b"int_rows", b"float_rows", b"string_rows"}  # asked for as VarLen too, in turn


def specs(varlen):
    """headrace's spec and TensorFlow's."""
    ours = {key: styles.feature_of(want) for key, want in WANTED.items()}
    theirs = {key: tf_feature(want) for key, want in WANTED.items()}
    for key in VARLEN if varlen else ():
        ours[key] = hr.VarLenFeature(WANTED[key].dtype)
        theirs[key] = tf.io.VarLenFeature(TF_DTYPES[WANTED[key].dtype])
    return ours, {key.decode(): feature for key, feature in theirs.items()}


def column_of(tensor):
    """TensorFlow's column as headrace gives it."""
    if isinstance(tensor, tf.RaggedTensor):
        return hr.RaggedArray(column_of(tensor.values), tensor.row_splits.numpy())
    if isinstance(tensor, tf.SparseTensor):
        values = column_of(tensor.values)
        return hr.SparseArray(tensor.indices.numpy(), values, tensor.dense_shape.numpy())
    array = tensor.numpy()
    if array.dtype == object:
        return hr.BytesArray.of(array.reshape(-1).tolist(), array.shape)
    return array


def batch_of(parsed):
    batch = {key: column_of(parsed[key.decode()]) for key in WANTED}
    for key, want in WANTED.items():
        if isinstance(want, oracle.Raw):
            strings = parsed[key.decode()]
            decoded = tf.io.decode_raw(strings, want.dtype, little_endian=want.little_endian)
            batch[key] = decoded.numpy().reshape(-1, *want.shape)
    return batch


def write(folder, files):
    paths = [folder / f"{i}.tfrecord" for i in range(len(files))]
    for path, records in zip(paths, files, strict=True):
        oracle.write_file(path, records)
    return [str(path) for path in paths]


@pytest.mark.parametrize("varlen", [False, True], ids=["ragged", "varlen"])
@pytest.mark.parametrize("seed", range(12))
def test_batches(tmp_path, seed, varlen):
    rng = random.Random(seed)
    ours, theirs = specs(varlen)
    files = [
        [
            oracle.encode_example(styles.some_example(rng), oracle.any_style(rng))
            for _ in range(rng.choice([0, 1, 20, 60]))
        ]
        for _ in range(rng.randint(1, 5))
    ]
    paths, size, drop = write(tmp_path, files), rng.choice([1, 5, 32, 500]), rng.random() < 0.5
    dataset = hr.TFRecordDataset(paths).parse_example(ours).batch(size, drop_remainder=drop)
    expected = [
        batch_of(tf.io.parse_example(serialized, theirs))
        for serialized in tf.data.TFRecordDataset(paths).batch(size, drop_remainder=drop)
    ]
    for threads in laws.THREADS:
        laws.assert_same_elements(list(laws.with_threads(dataset, threads)), expected)


def mutated(rng, example):
    """Some bytes changed, cut, doubled or moved."""
    data = bytearray(example)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        match rng.randrange(5):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                del data[at : at + rng.randint(1, 3)]
            case 2:
                data[at:at] = data[at:to]
            case 3:
                data[at:at] = bytes([rng.choice([0, 1, 8, 10, 18, 26, 127, 128, 255])])
            case 4:
                del data[at:]
    return bytes(data)


SMALL = {
    b"i": oracle.Fixed("int64", (2,)),
    b"f": oracle.Fixed("float32", (), 0.5),
    b"s": oracle.Fixed("bytes"),
    b"r": oracle.Ragged("int64"),
    b"q": oracle.Sequence("float32"),
}


def small_example(rng):
    return {
        b"i": styles.some_ints(rng, 2, bits=20),
        b"f": styles.some_floats(rng, 1),
        b"s": oracle.strings(b"text"),
        b"r": styles.some_ints(rng, rng.randint(0, 3), bits=14),
        b"q": styles.some_floats(rng, rng.randint(0, 2)),
    }


def first_line(message):
    """Up to where TensorFlow quotes the record, and without the names of its operations."""
    text = re.sub(r"^\{\{function_node.*?\}\} | \[Op:.*", "", message, flags=re.DOTALL)
    return text.split("\n")[0].split("value: '")[0].strip()


def their_answer(example, spec):
    """The columns, or the text of the error."""
    try:
        parsed = tf.io.parse_example([example], spec)
    except tf.errors.InvalidArgumentError as error:
        return first_line(error.message)
    except UnicodeDecodeError:  # what raw bytes in TensorFlow's text lead to
        return "Could not parse example input,"
    return {key: column_of(parsed[key.decode()]) for key in SMALL}


def our_answer(path, spec):
    try:
        (batch,) = hr.TFRecordDataset(path).parse_example(spec).batch(1)
    except hr.ParseError as error:
        return first_line(str(error))
    return batch


@pytest.mark.parametrize("seed", range(300))
def test_a_mutated_example(tmp_path, seed):
    """The same values, or an error with the same text."""
    rng = random.Random(seed)
    example = mutated(rng, oracle.encode_example(small_example(rng), oracle.any_style(rng)))
    (path,) = write(tmp_path, [[example]])
    theirs = their_answer(example, {key.decode(): tf_feature(want) for key, want in SMALL.items()})
    ours = our_answer(path, {key: styles.feature_of(want) for key, want in SMALL.items()})
    laws.assert_same_values(ours, theirs, example.hex())


def outcome(iterator, failure):
    """The next record, "error", or None at the end."""
    try:
        return next(iterator, None)
    except failure:
        return "error"


def outcomes(iterator, failure, most=40):
    seen = list(itertools.islice(iter(lambda: outcome(iterator, failure), None), most))
    assert len(seen) < most, f"no end: {seen}"
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files(tmp_path, seed):
    """Under on_corruption="tf": as many good records before each error, and the same go on."""
    rng = random.Random(seed)
    files = [[rng.randbytes(rng.choice([0, 3, 40])) for _ in range(rng.randint(0, 6))]
             for _ in range(3)]  # fmt: skip
    paths = write(tmp_path, files)
    for path in paths:
        with open(path, "rb") as file:
            data = bytearray(file.read())
        if not data or rng.random() < 0.3:
            continue
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:]
            case 2:
                data += rng.randbytes(rng.randint(1, 30))
        with open(path, "wb") as file:
            file.write(data)
    theirs = outcomes(tf.data.TFRecordDataset(paths).as_numpy_iterator(), tf.errors.DataLossError)
    ours = hr.TFRecordDataset(paths, on_corruption="tf")
    for threads in laws.THREADS:
        seen = outcomes(iter(laws.with_threads(ours, threads)), hr.DataLossError)
        assert seen == theirs


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_by_protobuf(tmp_path, seed):
    rng = random.Random(seed)
    features = {
        "ints": [rng.randint(-(2**63), 2**63 - 1) for _ in range(rng.randint(1, 5))],
        "floats": [rng.uniform(-1e39, 1e39) for _ in range(rng.randint(1, 5))],
        "strings": [rng.randbytes(rng.randint(0, 300)) for _ in range(rng.randint(1, 5))],
    }
    path = tmp_path / "file"
    with hr.TFRecordWriter(path) as writer:
        writer.write(hr.encode_example(features))
        rows = {key: hr.RaggedArray(np.array(values), [0, len(values)])
                for key, values in features.items() if key != "strings"}  # fmt: skip
        rows["strings"] = hr.BytesArray.of(features["strings"], (1, len(features["strings"])))
        writer.write_batch(rows)
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    assert len(records) == 2
    expected = tf.train.Example()
    expected.features.feature["ints"].int64_list.value.extend(features["ints"])
    expected.features.feature["floats"].float_list.value.extend(features["floats"])
    expected.features.feature["strings"].bytes_list.value.extend(features["strings"])
    for record in records:
        assert tf.train.Example.FromString(record) == expected


def test_the_writers_write_the_same_file(tmp_path):
    records = [b"", b"hello", bytes(300_000), *map(bytes, itertools.permutations(range(4)))]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as theirs:
        for record in records:
            theirs.write(record)
    with hr.TFRecordWriter(tmp_path / "ours") as ours:
        for record in records:
            ours.write(record)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()

"""Makes the golden datasets: files written by TensorFlow, and the batches it reads from them.

Run once, by a Python that has TensorFlow: ``python tests/golden/make_golden.py``. A dataset is a
folder with its files, ``spec.json`` and ``batches.npz``; test_read_golden.py says how they read.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
RNG = np.random.default_rng(20240229)

Feature = tuple[str, str, dict[str, Any]]  # key, class, arguments
Example = dict[str, Any]  # None: no kind


def fixed(key: str, dtype: str, shape: tuple[int, ...] = (), default: Any = None) -> Feature:
    arguments = {"shape": shape, "dtype": dtype}
    if default is not None:
        arguments["default_value"] = default
    return key, "FixedLenFeature", arguments


def ragged(key: str, dtype: str, row_splits_dtype: str = "int32") -> Feature:
    return key, "RaggedFeature", {"dtype": dtype, "row_splits_dtype": row_splits_dtype}


def varlen(key: str, dtype: str) -> Feature:
    return key, "VarLenFeature", {"dtype": dtype}


def sequence(key: str, dtype: str, shape: tuple[int, ...] = (), default: Any = None) -> Feature:
    arguments = {"shape": shape, "dtype": dtype, "allow_missing": True}
    if default is not None:
        arguments["default_value"] = default
    return key, "FixedLenSequenceFeature", arguments


def raw(key: str, dtype: str, shape: tuple[int, ...], little_endian: bool = True) -> Feature:
    return key, "RawFeature", {"shape": shape, "dtype": dtype, "little_endian": little_endian}


def floats(*shape: int) -> np.ndarray:
    return RNG.random(shape, np.float32)


def ids(count: int, below: int = 1_000_000) -> np.ndarray:
    return (RNG.random(count) ** 3 * below).astype(np.int64)


def words(count: int, longest: int = 12) -> list[bytes]:
    return [RNG.bytes(RNG.integers(0, longest + 1)) for _ in range(count)]


# ---- Writing -----------------------------------------------------------------------------------


def feature_of(value: Any) -> tf.train.Feature:
    if value is None:
        return tf.train.Feature()
    if isinstance(value, np.ndarray) and value.dtype == np.float32:
        return tf.train.Feature(float_list=tf.train.FloatList(value=value.reshape(-1)))
    if isinstance(value, np.ndarray):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value.reshape(-1).tolist()))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=value))


def serialized(example: Example) -> bytes:
    features = {key: feature_of(value) for key, value in example.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


# ---- Reading -----------------------------------------------------------------------------------


def tf_feature(name: str, arguments: dict[str, Any]) -> Any:
    if name == "RawFeature":
        return tf.io.FixedLenFeature([], tf.string)
    dtypes = {"bytes": tf.string, "float32": tf.float32, "int64": tf.int64, "int32": tf.int32}
    arguments = {k: dtypes[v] if k.endswith("dtype") else v for k, v in arguments.items()}
    return getattr(tf.io, name)(**arguments)


def parsed(serialized: tf.Tensor, spec: list[Feature]) -> dict[str, Any]:
    columns = tf.io.parse_example(serialized, {k: tf_feature(n, a) for k, n, a in spec})
    for key, name, arguments in spec:
        if name == "RawFeature":
            dtype, order = tf.as_dtype(arguments["dtype"]), arguments["little_endian"]
            decoded = tf.io.decode_raw(columns[key], dtype, little_endian=order)
            columns[key] = tf.reshape(decoded, [-1, *arguments["shape"]])
    return columns


def arrays_of(column: Any) -> dict[str, np.ndarray]:
    """The parts of a column, without Python objects."""
    if isinstance(column, tf.RaggedTensor):
        parts = {"row_splits": column.row_splits.numpy()}
        return parts | arrays_of(column.values)
    if isinstance(column, tf.SparseTensor):
        parts = {"indices": column.indices.numpy(), "dense_shape": column.dense_shape.numpy()}
        return parts | arrays_of(column.values)
    values = column.numpy()
    if values.dtype != object:
        return {"values": values}
    flat = values.reshape(-1).tolist()
    return {
        "data": np.frombuffer(b"".join(flat), np.uint8),
        "offsets": np.cumsum([0, *map(len, flat)]).astype(np.int64),
        "shape": np.array(values.shape, np.int64),
    }


def make(name: str, spec: list[Feature], files: list[list[bytes]], batch_size: int) -> None:
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paths = [str(folder / f"{i}.tfrecord") for i in range(len(files))]
    for path, records in zip(paths, files, strict=True):
        with tf.io.TFRecordWriter(path) as writer:
            for record in records:
                writer.write(record)
    arrays, batches = {}, 0
    for serialized in tf.data.TFRecordDataset(paths).batch(batch_size):
        columns = parsed(serialized, spec)
        for i, (key, _, _) in enumerate(spec):
            for part, array in arrays_of(columns[key]).items():
                arrays[f"{batches}.{i}.{part}"] = array
        batches += 1
    np.savez_compressed(folder / "batches.npz", **arrays)
    (folder / "spec.json").write_text(
        json.dumps({"batch_size": batch_size, "batches": batches, "features": spec}, indent=1)
    )


def make_rows(
    name: str, spec: list[Feature], files: int, rows: int, batch_size: int, row: Any
) -> None:
    records = [[serialized(row(i * rows + j)) for j in range(rows)] for i in range(files)]
    make(name, spec, records, batch_size)


# ---- The datasets ------------------------------------------------------------------------------

CTR_FLOATS = [f"I{i}" for i in range(13)]
CTR_INTS = [f"C{i}" for i in range(26)]


def ctr_row(_: int) -> Example:
    return {
        **{key: floats(1) for key in CTR_FLOATS},
        **{key: ids(1) for key in CTR_INTS},
        "label": RNG.integers(0, 2, 1),
    }


def imagenet_row(i: int) -> Example:
    boxes = int(RNG.integers(0, 4))
    return {
        "image/encoded": [RNG.bytes(int(RNG.integers(200, 2000)))],
        "image/class/label": RNG.integers(1, 1001, 1),
        "image/height": RNG.integers(200, 600, 1),
        "image/width": RNG.integers(200, 600, 1),
        "image/channels": np.array([3]),
        "image/colorspace": [b"RGB"],
        "image/class/synset": [b"n%08d" % i],
        "image/class/text": [b"tench, Tinca tinca"],
        "image/object/bbox/xmin": floats(boxes),
        "image/object/bbox/ymin": floats(boxes),
        "image/format": [b"JPEG"],
        "image/filename": [b"n01440764_%05d.JPEG" % i],
    }


SPECIAL_FLOATS = np.array(
    [0, 0x80000000, 1, 0x007FFFFF, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7FC12345,
     0xFFFFFFFF, 0x3F800000], np.uint32
).view(np.float32)  # fmt: skip
SPECIAL_INTS = [0, 1, -1, 127, 128, 16383, 16384, 2**31, 2**32, 2**56, 2**63 - 1, -(2**63)]


def kinds_row(i: int) -> Example:
    """Every class and kind; each feature that may be missing is so at times, or has no values."""
    row: Example = {
        "fixed_int": np.array([SPECIAL_INTS[i % len(SPECIAL_INTS)]]),
        "fixed_float": SPECIAL_FLOATS[[i % len(SPECIAL_FLOATS), (i + 3) % len(SPECIAL_FLOATS)]],
        "fixed_bytes": words(1),
        "matrix_bytes": words(4),
        "nobody asks for this": words(2),
    }
    for j, key in enumerate(["ints", "floats", "words"]):
        for form in ["varlen", "ragged", "sequence", "default"]:
            count = 1 if form == "default" else int(RNG.integers(0, 6))
            if form == "sequence":
                count *= 2
            if (i + j) % 6 == 0:
                continue  # missing
            made = [RNG.integers(-(2**40), 2**40, count), floats(count), words(count)][j]
            row[f"{form}_{key}"] = None if (i + j) % 11 == 0 else made
    return row


KINDS = [
    fixed("fixed_int", "int64"),
    fixed("fixed_float", "float32", (2,)),
    fixed("fixed_bytes", "bytes"),
    fixed("matrix_bytes", "bytes", (2, 2)),
    *[
        feature
        for key, dtype, default in [("ints", "int64", -7), ("floats", "float32", 0.5),
                                    ("words", "bytes", "none")]
        for feature in [
            varlen(f"varlen_{key}", dtype),
            ragged(f"ragged_{key}", dtype, "int64" if key == "ints" else "int32"),
            sequence(f"sequence_{key}", dtype, (2,), default),
            fixed(f"default_{key}", dtype, (), default),
        ]
    ],
]  # fmt: skip

RAW = {
    "uint8": (16, 16, 3), "int16": (5,), "float32": (2, 2), "float64": (3,), "int64": (),
    "bool": (4,), "float16": (2,), "complex64": (2,),
}  # fmt: skip


def raw_row(_: int) -> Example:
    row: Example = {"label": RNG.integers(0, 1000, 1)}
    for dtype, shape in RAW.items():
        size = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
        stored = (
            RNG.integers(0, 2, size, np.uint8).tobytes() if dtype == "bool" else RNG.bytes(size)
        )
        row[f"{dtype}_little"] = row[f"{dtype}_big"] = [stored]
    return row


WIDE_INTS = [f"user_profile/long_term/interaction_number_{i:03}" for i in range(90)]
WIDE_FLOATS = [f"item_profile/short_term/normalised_weight_{i:03}" for i in range(45)]


def main() -> None:
    make_rows(
        "seed", [fixed("features", "float32", (10,)), fixed("label", "int64")], 5, 200, 64,
        lambda i: {"features": floats(10), "label": np.array([i])},
    )  # fmt: skip
    make_rows(
        "dense", [fixed("x", "float32", (1024,)), fixed("label", "int64")], 2, 10, 8,
        lambda i: {"x": floats(1024), "label": np.array([i])},
    )  # fmt: skip
    ctr = [fixed(key, "float32") for key in CTR_FLOATS]
    ctr += [fixed(key, "int64") for key in [*CTR_INTS, "label"]]
    make_rows("ctr", ctr, 3, 50, 32, ctr_row)
    missing = [fixed(key, "float32", (), -1.5) for key in CTR_FLOATS]
    missing += [fixed(key, "int64", (), -1) for key in [*CTR_INTS, "label"]]
    make_rows(
        "ctr_missing", missing, 2, 50, 32,
        lambda i: {key: value for key, value in ctr_row(i).items() if RNG.random() > 1 / 6},
    )  # fmt: skip
    make_rows(
        "tokens", [ragged("tokens", "int64"), fixed("doc_id", "int64")], 3, 15, 8,
        lambda i: {"tokens": ids(int(RNG.integers(128, 1025)), 100_000), "doc_id": np.array([i])},
    )  # fmt: skip
    orders = [("little", True), ("big", False)]
    make_rows(
        "raw",
        [*(raw(f"{dtype}_{order}", dtype, shape, little)
           for dtype, shape in RAW.items() for order, little in orders), fixed("label", "int64")],
        2, 30, 16, raw_row,
    )  # fmt: skip
    make_rows(
        "imagenet",
        [fixed("image/encoded", "bytes"), fixed("image/class/label", "int64")],
        2, 30, 16, imagenet_row,
    )  # fmt: skip
    wide = [fixed(key, "int64") for key in WIDE_INTS] + [fixed(k, "float32") for k in WIDE_FLOATS]
    make_rows(
        "wide", wide, 2, 6, 5,
        lambda _: {key: ids(1) for key in WIDE_INTS} | {key: floats(1) for key in WIDE_FLOATS},
    )  # fmt: skip
    make_rows(
        "id_lists", [ragged(f"ids_{i}", "int64") for i in range(20)] + [fixed("label", "int64")],
        3, 40, 32,
        lambda i: {f"ids_{j}": ids(int(RNG.integers(0, 21))) for j in range(20)
                   if RNG.random() > 1 / 6} | {"label": np.array([i])},
    )  # fmt: skip
    make_rows("kinds", KINDS, 4, 40, 16, kinds_row)
    hashes = [fixed("hashes", "int64", (64,))]
    make_rows(
        "varint10", hashes, 2, 20, 16,
        lambda _: {"hashes": RNG.integers(-(2**63), 2**63 - 1, 64)},
    )  # fmt: skip
    # Empty files between others, and records of no bytes.
    spec = [fixed("x", "int64", (), 5), varlen("v", "float32"), ragged("r", "bytes")]
    files = [[], [b""], [], [b"", serialized({"x": np.array([1])}), serialized({})], []]
    make("empty", spec, files, 3)


if __name__ == "__main__":
    main()

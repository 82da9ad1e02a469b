"""The form of the recorded cases of parse.json.gz, for the program that makes them and for the
tests that read them.

A case is a dict: `id`, `call` (the name of the function in tf.io), `args`, and what came of it:
`result`, or `error` {"class", "text"}: the name of TensorFlow's exception and its message, up to
the quoted record where it quotes one, None where TensorFlow cannot show it; class "crash" where the
process died.

Arguments and results are JSON but for these, which are dicts of one key:
  {"bytes": base64}                                     bytes
  {"spec": {key: [class, keyword arguments]}}           a spec; partitions are [class, argument]
  {"dense": [dtype, shape, base64 | [base64, ...]]}     an array: numbers are little-endian
  {"sparse": [indices, values, dense_shape]}            of dense ones
  {"ragged": [[row_splits, ...], flat_values]}          outermost first, of dense ones
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("parse.json.gz")


def load_cases() -> list[dict[str, Any]]:
    with gzip.open(PATH, "rt", encoding="utf-8") as file:
        return json.load(file)["cases"]


def save_cases(cases: list[dict[str, Any]], tensorflow: str) -> None:
    text = json.dumps({"tensorflow": tensorflow, "cases": cases}, separators=(",", ":"))
    # No time in the header: the same cases are the same file.
    PATH.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def encode_bytes(data: bytes) -> dict[str, str]:
    return {"bytes": base64.b64encode(data).decode()}


def encode_dense(array: Any) -> dict[str, Any]:
    array = np.asarray(array)
    if array.dtype == object:
        data: Any = [base64.b64encode(value).decode() for value in array.ravel()]
        return {"dense": ["bytes", list(array.shape), data]}
    data = base64.b64encode(array.tobytes()).decode()
    return {"dense": [array.dtype.name, list(array.shape), data]}


def decode(value: Any, io: Any, as_dtype: Callable[[str], Any]) -> Any:
    """The arguments of a case, made for `io`: tf.io, or headrace. `as_dtype` makes what it takes
    as a dtype from "int64", "float32", "string", ..."""
    if isinstance(value, list):
        return [decode(item, io, as_dtype) for item in value]
    if not isinstance(value, dict):
        return value
    if "bytes" in value:
        return base64.b64decode(value["bytes"])
    if "spec" in value:
        return {key: _feature(made, io, as_dtype) for key, made in value["spec"].items()}
    return {
        key: as_dtype(item) if key == "out_type" else decode(item, io, as_dtype)
        for key, item in value.items()
    }


def _feature(made: list[Any], io: Any, as_dtype: Callable[[str], Any]) -> Any:
    name, keywords = made
    keywords = dict(keywords)
    for key in ("dtype", "row_splits_dtype"):
        if isinstance(keywords.get(key), str):
            keywords[key] = as_dtype(keywords[key])
    if isinstance(keywords.get("partitions"), list):
        keywords["partitions"] = [
            getattr(io.RaggedFeature, kind)(argument) for kind, argument in keywords["partitions"]
        ]
    return getattr(io, name)(**keywords)


def decode_dense(value: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The array of a recorded result; bytes are objects."""
    name, shape, data = value["dense"]
    if name != "bytes":
        return np.frombuffer(base64.b64decode(data), name).reshape(shape)
    array = np.empty(len(data), object)
    array[:] = [base64.b64decode(item) for item in data]
    return array.reshape(shape)

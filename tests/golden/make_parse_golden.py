"""Records what TensorFlow makes of thousands of parse calls: writes parse.json.gz.

    python tests/golden/make_parse_golden.py        needs TensorFlow

Cases by hand come from hand_cases.py and the rows of tests/cpp/wire_rows.h, the others are drawn
from fixed seeds. TensorFlow runs in a process of its own, since some inputs end it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from hand_cases import hand_cases
from parse_cases import PATH, decode, encode_dense, save_cases
from random_cases import random_cases

EXPECTED = ("InvalidArgumentError", "NotFoundError", "TypeError", "ValueError", "crash")

# --- In the process that has TensorFlow ---


def _plain_text(text: str) -> str:
    """The first line of a message, without what names the op and the place in a graph, and up to
    the quoted record."""
    text = re.sub(r"^\{\{function_node [^}]*\}\} ", "", text)
    quote = "Could not parse example input, value: '"
    if text.startswith(quote):
        return quote
    text = re.split(r" \[Op:\w+\]|\n|; NodeDef:", text)[0]
    return text.rstrip()


def _encode_result(tf: Any, value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encode_result(tf, item) for item in value]
    if isinstance(value, dict):
        return {key: _encode_result(tf, item) for key, item in value.items()}
    if isinstance(value, tf.SparseTensor):
        parts = (value.indices, value.values, value.dense_shape)
        return {"sparse": [_encode_result(tf, part) for part in parts]}
    if isinstance(value, tf.RaggedTensor):
        splits = [_encode_result(tf, part) for part in value.nested_row_splits]
        return {"ragged": [splits, _encode_result(tf, value.flat_values)]}
    if value.dtype == tf.string:
        import numpy as np

        array = np.empty(value.shape, object)
        array[...] = value.numpy()
        return encode_dense(array)
    return encode_dense(value.numpy())


def _outcome(tf: Any, case: dict[str, Any]) -> dict[str, Any]:
    call = getattr(tf.io, case["call"])
    try:
        args = decode(case["args"], tf.io, tf.as_dtype)
        for name in ("serialized", "input_bytes"):
            if args.get(name) == []:  # which a list does not say
                args[name] = tf.constant([], tf.string)
        result = call(**args)
    except UnicodeDecodeError:
        return {"error": {"class": "InvalidArgumentError", "text": None}}
    except tf.errors.OpError as error:
        return {"error": {"class": type(error).__name__, "text": _plain_text(error.message)}}
    except Exception as error:  # main() looks at the class
        return {"error": {"class": type(error).__name__, "text": _plain_text(str(error))}}
    return {"result": _encode_result(tf, result)}


def answer() -> None:
    """Reads cases as lines, writes outcomes as lines, the first line being the version."""
    import tensorflow as tf

    print(json.dumps(tf.__version__), flush=True)
    for line in sys.stdin:
        print(json.dumps(_outcome(tf, json.loads(line))), flush=True)


# --- In the process that survives ---


class TensorFlow:
    """The process that answers; a new one after each death."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--answer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.version = json.loads(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def outcome(self, case: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        line = self._read()
        if line:
            return json.loads(line)
        self._process.wait()
        self._start()
        return {"error": {"class": "crash", "text": None}}

    def close(self) -> None:
        self._process.communicate(timeout=60)


def main() -> None:
    tensorflow = TensorFlow()
    cases = []
    for case in [*hand_cases(), *random_cases()]:
        case |= tensorflow.outcome(case)
        if "error" in case and case["error"]["class"] not in EXPECTED:
            raise AssertionError(f"{case['id']}: {case['error']}")
        cases.append(case)
    tensorflow.close()
    save_cases(cases, tensorflow.version)
    errors = sum("error" in case for case in cases)
    size = Path(PATH).stat().st_size
    print(f"{len(cases)} cases, {errors} of them errors, {size} bytes")


if __name__ == "__main__":
    answer() if sys.argv[1:] == ["--answer"] else main()

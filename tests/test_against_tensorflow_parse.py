"""The parse functions beside TensorFlow's, call by call.

HEADRACE_SEED=<number> draws other calls. Without it they are the same in every run, since there may
be inputs that crash TensorFlow beyond those that the generator avoids.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
from parse_generator import draw_call, records_of
from parse_outcomes import dense, error_difference, of_headrace, plain_text

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from parse_cases import decode, encode_bytes

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
    ),
]

SEED = int(os.environ.get("HEADRACE_SEED", "2057402356"))
ROUNDS, CALLS = 16, 400
HALVES = ("context", "sequence")
MOST_TRIES = 2000  # calls that may be spent on making a failing one smaller


@pytest.fixture(scope="module", name="tf")
def _tensorflow():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    return pytest.importorskip("tensorflow")


def of_tensorflow(tf, value):
    if isinstance(value, tuple):
        return [of_tensorflow(tf, item) for item in value]
    if isinstance(value, dict):
        return [(key, of_tensorflow(tf, item)) for key, item in value.items()]
    if isinstance(value, tf.SparseTensor):
        parts = (value.indices, value.values, value.dense_shape)
        return ("sparse", *(of_tensorflow(tf, part) for part in parts))
    if isinstance(value, tf.RaggedTensor):
        _ = value.shape  # which raises for rows without any split
        splits = [of_tensorflow(tf, part) for part in value.nested_row_splits]
        return ("ragged", splits, of_tensorflow(tf, value.flat_values))
    if value.dtype == tf.string:
        array = np.empty(value.shape, object)
        array[...] = value.numpy()
        return dense(array)
    return dense(value.numpy())


def difference(tf, call):
    """None if both do the same."""
    result, error = None, None
    try:
        args = decode(call["args"], tf.io, tf.as_dtype)
        if args["serialized"] == []:  # which a list does not say
            args["serialized"] = tf.constant([], tf.string)
        result = of_tensorflow(tf, getattr(tf.io, call["call"])(**args))
    except UnicodeDecodeError:
        error = ("InvalidArgumentError", None)
    except tf.errors.OpError as caught:
        error = (type(caught).__name__, plain_text(caught.message))
    except (TypeError, ValueError) as caught:
        error = (type(caught).__name__, plain_text(str(caught)))
    try:
        mine = of_headrace(getattr(hr, call["call"])(**decode(call["args"], hr, str)))
    except Exception as caught:
        if error is None:
            return f"{caught!r}\n instead of {result}"
        found = error_difference(caught, *error)
        return None if found and undefined(call, str(caught), error[1]) else found
    if error is not None:
        return f"no error, but {mine}\n instead of {error}"
    return None if mine == result else f"{mine}\n instead of {result}"


def undefined(call, *texts):
    """Which of several bad features of SequenceExamples TensorFlow reports."""
    keys = sum(len(call["args"].get(f"{half}_features", {}).get("spec", ())) for half in HALVES)
    partitioned = "partitions" in str(call["args"])
    bad = ("Data types don't match", "Error in sequence feature")
    return (keys > 1 or partitioned) and all(any(b in text for b in bad) for text in texts)


def smaller_calls(call):
    """The call with less in it."""
    args = call["args"]
    records = records_of(call)
    if isinstance(args["serialized"], list):
        for i in range(len(records)):
            rest = [r for j, r in enumerate(args["serialized"]) if j != i]
            named = {"example_names": args["example_names"][:-1]} if "example_names" in args else {}
            yield call | {"args": args | {"serialized": rest} | named}
    for name, value in args.items():
        if isinstance(value, dict) and "spec" in value:
            for key in value["spec"]:
                rest = {k: v for k, v in value["spec"].items() if k != key}
                yield call | {"args": args | {name: {"spec": rest}}}
    for i, record in enumerate(records):
        for size in (16, 4, 1):
            for at in range(0, len(record), size):
                cut = encode_bytes(record[:at] + record[at + size :])
                given = args["serialized"]
                given = [*given[:i], cut, *given[i + 1 :]] if isinstance(given, list) else cut
                yield call | {"args": args | {"serialized": given}}


def minimised(tf, call):
    """A smaller call that still differs."""
    tries = 0
    found = True
    while found:
        found = False
        for smaller in smaller_calls(call):
            tries += 1
            if tries > MOST_TRIES:
                return call
            # Cut bytes may ask for what is not defined: those are not tried.
            if difference(tf, smaller) is not None:
                call, found = smaller, True
                break
    return call


def outcome(call, io, as_dtype):
    """What headrace makes of the call with features of `io`."""
    try:
        return of_headrace(getattr(hr, call["call"])(**decode(call["args"], io, as_dtype)))
    except (hr.Error, TypeError, ValueError) as error:
        return type(error), str(error)


def test_features_of_tensorflow_are_taken_as_ours(tf):
    draw = random.Random(f"{SEED}.features")
    for _ in range(300):
        call = draw_call(draw)
        ours, theirs = outcome(call, hr, str), outcome(call, tf.io, tf.as_dtype)
        assert ours == theirs, f"HEADRACE_SEED={SEED}\n{call}"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_random_calls(tf, number):
    print(f"HEADRACE_SEED={SEED}")
    draw = random.Random(f"{SEED}.{number}")
    for _ in range(CALLS):
        call = draw_call(draw)
        if difference(tf, call) is not None:
            small = minimised(tf, call)
            shown = {name: value for name, value in small["args"].items() if name != "serialized"}
            pytest.fail(
                f"HEADRACE_SEED={SEED}\n{small['call']}({shown})\n"
                f"of {[record.hex() for record in records_of(small)]}:\n{difference(tf, small)}"
            )

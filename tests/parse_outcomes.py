"""What a parse call came to, in a form in which headrace's and TensorFlow's can be compared."""

from __future__ import annotations

import re

import numpy as np

import headrace as hr

# Where TensorFlow raises this, headrace raises one of these.
CLASSES = {
    "InvalidArgumentError": (hr.ParseError, ValueError),
    "NotFoundError": (ValueError,),
    "TypeError": (TypeError,),
    "ValueError": (ValueError,),
    "crash": (hr.ParseError, ValueError),
}
QUOTE = "Could not parse example input, value: '"


def plain_text(text):
    """The first line of a message, without what names the op and the place in a graph, and up to
    the quoted record."""
    text = re.sub(r"^\{\{function_node [^}]*\}\} ", "", text)
    if text.startswith(QUOTE):
        return QUOTE
    return re.split(r" \[Op:\w+\]|\n|; NodeDef:", text)[0].rstrip()


def dense(array):
    """An array as what can be compared bit for bit."""
    array = np.asarray(array)
    if array.dtype.kind in "OSU":
        return ("bytes", array.shape, [bytes(v) for v in array.ravel().tolist()])
    return (array.dtype.name, array.shape, array.tobytes())


def of_headrace(value):
    """A result of one of headrace's functions."""
    if isinstance(value, tuple):
        return [of_headrace(item) for item in value]
    if isinstance(value, dict):
        return [(key, of_headrace(item)) for key, item in value.items()]
    if isinstance(value, hr.SparseArray):
        return ("sparse", dense(value.indices), dense(value.values), dense(value.dense_shape))
    if isinstance(value, hr.RaggedArray):
        return ("ragged", [dense(s) for s in value.nested_row_splits], dense(value.flat_values))
    if isinstance(value, bytes):
        return ("bytes", (), [value])
    return dense(value)


def error_difference(error, name, text):
    """What is wrong with an error of ours where TensorFlow raised class `name` with the plain text
    `text` (None: not known); None if nothing is."""
    if not isinstance(error, CLASSES[name]):
        return f"{type(error).__name__} instead of {name}: {error}"
    mine = plain_text(str(error))
    return None if text in (None, mine) else f"{mine!r}\n instead of {text!r}"

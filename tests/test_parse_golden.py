"""Every recorded outcome of TensorFlow's parse functions, against headrace's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import headrace as hr

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from parse_cases import decode, decode_dense, load_cases

from parse_outcomes import dense, error_difference, of_headrace

CASES = load_cases()
GROUPS = sorted({case["id"].partition(".")[0] for case in CASES})


# TensorFlow returns rows without any split here, whose shape then raises this error.
SHAPELESS = {
    f"S163row_splits.{name}": {"class": "ValueError", "text": "Dimension -1 must be >= 0"}
    for name in ("int32", "int64")
}


def of_recorded(value):
    if isinstance(value, list):
        return [of_recorded(item) for item in value]
    if "dense" in value:
        return dense(decode_dense(value))
    if "sparse" in value:
        return ("sparse", *(dense(decode_dense(part)) for part in value["sparse"]))
    if "ragged" in value:
        splits, values = value["ragged"]
        return ("ragged", [dense(decode_dense(s)) for s in splits], dense(decode_dense(values)))
    return [(key, of_recorded(item)) for key, item in value.items()]


def difference(case):
    """None if headrace does what TensorFlow did."""
    if case["id"] in SHAPELESS:
        case = {**case, "error": SHAPELESS[case["id"]]}
    try:
        args = decode(case["args"], hr, lambda name: name)
        result = getattr(hr, case["call"])(**args)
    except (hr.Error, ValueError, TypeError) as error:
        if "error" not in case:
            return f"{error!r} instead of a result"
        return error_difference(error, case["error"]["class"], case["error"]["text"])
    if "error" in case:
        return f"no error, but {case['error']}"
    mine, recorded = of_headrace(result), of_recorded(case["result"])
    return None if mine == recorded else f"{mine}\n instead of {recorded}"


@pytest.mark.parametrize("group", GROUPS)
def test_group(group):
    differences = {
        case["id"]: found
        for case in CASES
        if case["id"].partition(".")[0] == group and (found := difference(case))
    }
    assert not differences

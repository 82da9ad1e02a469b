"""Parse calls drawn at random: all kinds of features, that share keys, over valid and damaged
records. The calls are those of golden/parse_cases.py: dicts of "call" and "args"."""

from __future__ import annotations

import base64
import math
import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from example_writer import (
    INT64,
    KINDS,
    damaged,
    delimited,
    entry,
    feature,
    random_feature,
)
from parse_cases import encode_bytes

KEYS = {"f": "float32", "g": "float32", "i": "int64", "j": "int64", "p": "int64", "s": "string"}
# Not [0]: TensorFlow crashes on some records of such features.
SHAPES = [[], [], [1], [2], [3], [2, 2], 2]
PARTITIONS = ["RowSplits", "RowLengths", "RowStarts", "RowLimits", "ValueRowIds"]


def draw_call(draw: random.Random) -> dict:
    harm = draw.choice([0.0, 0.0, 0.3])
    call = _sequence_call(draw, harm) if draw.random() < 0.3 else _example_call(draw, harm)
    return call if _defined(call) else draw_call(draw)


def _defined(call: dict) -> bool:
    """Whether TensorFlow does the same each time: not with lengths of 2^31 bytes and more. Nor
    with strings that are cut (in VarLen and Ragged features of SequenceExamples), nor with row ids
    that make it ask for all memory."""
    if not call["harmed"]:
        return True
    text = str(call["args"])
    sequences = "sequence" in call["call"]
    if (sequences and "'string'" in text) or "ValueRowIds" in text:
        return False
    return not any(re.search(rb"[\x80-\xff]{4}[\x08-\x0f]", record) for record in records_of(call))


def records_of(call: dict) -> list[bytes]:
    given = call["args"]["serialized"]
    given = given if isinstance(given, list) else [given]
    return [base64.b64decode(record["bytes"]) for record in given]


# --- What is wanted ---


def _default(draw: random.Random, dtype: str, shape) -> object:
    values = {
        "int64": [0, -1, 2**40, True],
        "float32": [0.5, -1.5, 3, float("inf")],
        "string": ["", "dflt", "\u00e9"],
    }[dtype]
    count = math.prod(shape if isinstance(shape, list) else [shape])
    if draw.random() < 0.06:
        count = draw.randrange(4)
    if count == 1 and draw.random() < 0.5:
        return draw.choice(values)
    return [draw.choice(values) for _ in range(count)]


def _other(draw: random.Random, dtype: str) -> str:
    """The dtype, or rarely a wrong one."""
    return dtype if draw.random() < 0.96 else draw.choice(list(KINDS))


def _fixed(draw, key):
    dtype, shape = _other(draw, KEYS[key]), draw.choice(SHAPES)
    more = {"default_value": _default(draw, dtype, shape)} if draw.random() < 0.7 else {}
    return ["FixedLenFeature", {"shape": shape, "dtype": dtype, **more}]


def _blocks(draw, key):
    dtype, shape = _other(draw, KEYS[key]), draw.choice([[], [], [1], [2], [2, 2]])
    more = {"default_value": _default(draw, dtype, [])} if draw.random() < 0.3 else {}
    return [
        "FixedLenSequenceFeature",
        {"shape": shape, "dtype": dtype, "allow_missing": True} | more,
    ]


def _varlen(draw, key):
    return ["VarLenFeature", {"dtype": _other(draw, KEYS[key])}]


def _sparse(draw, key):
    keys = draw.choices(["i", "j", "p"], k=draw.choice([1, 1, 1, 2, 3]))
    alone = len(keys) == 1 and draw.random() < 0.5
    return [
        "SparseFeature",
        {
            "index_key": keys[0] if alone else keys,
            "value_key": key,
            "dtype": _other(draw, KEYS[key]),
            "size": draw.randrange(8) if alone else [draw.randrange(8) for _ in keys],
            "already_sorted": draw.random() < 0.3,
        },
    ]


def _ragged(draw, key, splits):
    made = {"dtype": _other(draw, KEYS[key]), "row_splits_dtype": splits}
    if draw.random() < 0.7:
        made["partitions"] = [
            ["UniformRowLength", draw.choice([1, 2, 2, 3, 0, -1])]
            if draw.random() < 0.25
            else [draw.choice(PARTITIONS), draw.choice(["i", "j", "p"])]
            for _ in range(draw.choice([1, 1, 2, 3]))
        ]
    made["validate"] = draw.random() < 0.4
    return ["RaggedFeature", made | {"value_key": key}]


def _spec(draw: random.Random, makers: list, most: int) -> dict:
    """Features of one family mostly, since a key can be read in one way only."""
    family = draw.choice(makers)
    splits = draw.choice(["int32", "int64"])
    spec = {}
    for key in draw.sample(list(KEYS), draw.randrange(1, most + 1)):
        maker = draw.choice(family)
        made = maker(draw, key, splits) if maker is _ragged else maker(draw, key)
        named = made[0] in ("SparseFeature", "RaggedFeature")
        spec[f"of_{key}" if named and draw.random() < 0.7 else key] = made
    return spec


# --- What the records have ---


def _counts(draw: random.Random, spec: dict) -> dict[str, list[int]]:
    """For each key the numbers of values that a record may have of it."""
    counts = {key: [0, 1, 2, 3, 4] for key in KEYS}
    for key, (name, made) in spec.items():
        if name == "FixedLenFeature" and key in counts:
            shape = made["shape"]
            counts[key] = [math.prod(shape if isinstance(shape, list) else [shape])]
        if name == "FixedLenSequenceFeature" and key in counts:
            counts[key] = [math.prod(made["shape"]) * n for n in range(4)]
    together = [made for name, made in spec.values() if name == "SparseFeature"]
    if together and draw.random() < 0.9:
        same = [draw.randrange(5)]
        for made in together:
            keys = made["index_key"]
            for key in [made["value_key"], *([keys] if isinstance(keys, str) else keys)]:
                counts[key] = same
    return counts


def _numbers(draw: random.Random, count: int) -> list[int]:
    """Indices, and numbers that may be some partition's."""
    numbers = [draw.randrange(5) for _ in range(count)]
    if draw.random() < 0.7:
        numbers.sort()
    if numbers and draw.random() < 0.3:
        numbers[0] = 0
    if numbers and draw.random() < 0.05:
        numbers[draw.randrange(count)] = draw.choice([-1, 2**33, -(2**31)])
    return numbers


def _value(draw: random.Random, key: str, count: int) -> bytes:
    if draw.random() < 0.02:
        return draw.choice([b"", b"\x1a\x00", b"\x12\x00", b"\x0a\x00", b"\x22\x00"])
    if KEYS[key] == "int64":
        return feature(INT64, _numbers(draw, count), packed=draw.random() < 0.8)
    return random_feature(draw, KINDS[KEYS[key]], count)


def _map(draw: random.Random, counts: dict[str, list[int]], value) -> bytes:
    entries = []
    for key in draw.sample(list(KEYS), len(KEYS)):
        if draw.random() < 0.1:
            continue
        count = draw.choice(counts[key]) if draw.random() < 0.96 else draw.randrange(5)
        entries.append(entry(key, value(draw, key, count)))
        if draw.random() < 0.04:
            entries.append(entry(key, value(draw, key, draw.randrange(3))))
    return b"".join(entries)


def _rows(draw: random.Random, key: str, count: int) -> bytes:
    """A FeatureList; `count` is that of a row."""
    steps = draw.randrange(4)
    if draw.random() < 0.5:
        return b"".join(delimited(1, _value(draw, key, count)) for _ in range(steps))
    return b"".join(
        delimited(1, _value(draw, key, count if draw.random() < 0.7 else draw.randrange(4)))
        for _ in range(steps)
    )


# --- Calls ---


def _records(draw: random.Random, harm: float, record) -> list[bytes]:
    # Few: TensorFlow has crashed, once in many runs, where several threads met errors.
    count = draw.choice([1, 1, 2, 3, 5, 0 if draw.random() < 0.2 else 2, 7])
    records = [record() for _ in range(count)]
    records = [r if draw.random() < 0.95 else b"" for r in records]
    return [damaged(draw, r) if draw.random() < harm else r for r in records]


def _names(draw: random.Random, records: list[bytes]) -> dict:
    return {"example_names": [f"n{i}" for i in range(len(records))]} if draw.random() < 0.2 else {}


def _example_call(draw: random.Random, harm: float) -> dict:
    flat, sparse, ragged = [_fixed, _blocks], [_sparse, _sparse, _varlen], [_ragged]
    spec = _spec(draw, [flat, [*flat, _varlen], sparse, ragged, flat + sparse + ragged], 4)
    counts = _counts(draw, spec)
    records = _records(draw, harm, lambda: delimited(1, _map(draw, counts, _value)))
    made = {"harmed": harm > 0, "call": "parse_example"}
    if len(records) == 1 and draw.random() < 0.7:
        made["call"] = draw.choice(["parse_example", "parse_single_example"])
        return made | {"args": {"serialized": encode_bytes(records[0]), "features": {"spec": spec}}}
    args = {"serialized": list(map(encode_bytes, records)), "features": {"spec": spec}}
    return made | {"args": args | _names(draw, records)}


def _sequence_call(draw: random.Random, harm: float) -> dict:
    # Which of several bad features TensorFlow reports is not defined.
    most = 1 if harm else 3
    context = _spec(draw, [[_fixed, _varlen], [_fixed, _ragged], [_ragged]], most)
    lists = _spec(draw, [[_blocks, _varlen], [_blocks, _ragged], [_ragged]], most)
    for _, made in lists.values():
        made.pop("default_value", None)
        if "allow_missing" in made:
            made["allow_missing"] = draw.random() < 0.5
    if draw.random() < 0.15:
        context, lists = draw.choice([({}, lists), (context, {})])
    of_context, of_lists = _counts(draw, context), _counts(draw, lists)
    for key, (name, made) in lists.items():
        if name == "FixedLenSequenceFeature":
            of_lists[key] = [math.prod(made["shape"])]

    def record() -> bytes:
        first = delimited(1, _map(draw, of_context, _value))
        return first + delimited(2, _map(draw, of_lists, _rows))

    records = _records(draw, harm, record)
    args = {"context_features": {"spec": context}, "sequence_features": {"spec": lists}}
    made = {"harmed": harm > 0, "call": "parse_sequence_example"}
    if len(records) == 1 and draw.random() < 0.7:
        single = draw.random() < 0.7
        made["call"] = "parse_single_sequence_example" if single else "parse_sequence_example"
        return made | {"args": args | {"serialized": encode_bytes(records[0])}}
    args["serialized"] = list(map(encode_bytes, records))
    return made | {"args": args | _names(draw, records)}

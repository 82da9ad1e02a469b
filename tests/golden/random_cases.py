"""Cases drawn from fixed seeds: valid records over all kinds of features, and damaged ones."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Iterator
from typing import Any

from example_writer import (
    INT64,
    KINDS,
    damaged,
    delimited,
    entry,
    feature,
    random_feature,
)
from hand_cases import (
    Case,
    batch,
    blocks,
    fixed,
    ragged,
    sequences,
    single,
    sparse,
    varlen,
)

SHAPES: list[tuple[int, ...]] = [(), (), (1,), (2,), (3,), (2, 2)]
DTYPES = list(KINDS)

# A part of a record: for each example of a batch its entries, as (key, Feature) pairs.
Entries = list[tuple[str, bytes]]


def _default(draw: random.Random, dtype: str, count: int) -> Any:
    one: dict[str, Any] = {"int64": draw.randrange(-5, 5), "float32": 0.25, "string": "dflt"}
    return [one[dtype]] * count


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count


# --- What is wanted, and what the examples of a batch have of it ---


def _random_fixed(draw: random.Random, key: str, rows: int) -> tuple[Any, list[Entries]]:
    dtype, shape = draw.choice(DTYPES), draw.choice(SHAPES)
    more = {}
    if draw.random() < 0.6:
        more["default_value"] = _default(draw, dtype, _count(shape))
    present = [not more or draw.random() < 0.7 for _ in range(rows)]
    return fixed(dtype, shape, **more), [
        [(key, random_feature(draw, KINDS[dtype], _count(shape)))] if here else []
        for here in present
    ]


def _random_growing(draw: random.Random, key: str, rows: int) -> tuple[Any, list[Entries]]:
    dtype, shape = draw.choice(DTYPES), draw.choice(SHAPES)
    kind = draw.randrange(3)
    splits = draw.choice(["int32", "int64"])
    made = [varlen(dtype), ragged(dtype, row_splits_dtype=splits), blocks(dtype, shape)][kind]
    stride = _count(shape) if kind == 2 else 1
    return made, [
        [(key, random_feature(draw, KINDS[dtype], stride * draw.randrange(5)))]
        if draw.random() < 0.8
        else []
        for _ in range(rows)
    ]


def _random_sparse(draw: random.Random, key: str, rows: int) -> tuple[Any, list[Entries]]:
    dtype, rank = draw.choice(DTYPES), draw.choice([1, 1, 2])
    indices = [f"{key}_i{n}" for n in range(rank)]
    made = sparse(
        indices if rank > 1 or draw.random() < 0.5 else indices[0],
        f"{key}_v",
        [10] * rank if rank > 1 or draw.random() < 0.5 else 10,
        dtype,
        already_sorted=draw.random() < 0.3,
    )
    if isinstance(made[1]["index_key"], list) != isinstance(made[1]["size"], list):
        made[1]["size"] = [10] * rank if isinstance(made[1]["index_key"], list) else 10
    examples: list[Entries] = []
    for _ in range(rows):
        count = draw.randrange(5)
        found = [(f"{key}_v", random_feature(draw, KINDS[dtype], count))]
        found += [(i, feature(INT64, [draw.randrange(10) for _ in range(count)])) for i in indices]
        examples.append(found if count or draw.random() < 0.5 else [])
    return made, examples


_PARTITIONS = ["RowSplits", "RowLengths", "RowStarts", "RowLimits", "ValueRowIds"]


def _encode_rows(kind: str, lengths: list[int]) -> list[int]:
    ends = [sum(lengths[: n + 1]) for n in range(len(lengths))]
    return {
        "RowSplits": [0, *ends],
        "RowLengths": lengths,
        "RowStarts": [0, *ends][:-1],
        "RowLimits": ends,
        "ValueRowIds": [row for row, length in enumerate(lengths) for _ in range(length)],
    }[kind]


def _random_partitioned(draw: random.Random, key: str, rows: int) -> tuple[Any, list[Entries]]:
    dtype = draw.choice(DTYPES)
    partitions: list[list[Any]] = []
    for depth in range(draw.choice([1, 1, 2, 3])):
        if draw.random() < 0.2:
            partitions.append(["UniformRowLength", draw.randrange(1, 4)])
        else:
            partitions.append([draw.choice(_PARTITIONS), f"{key}_p{depth}"])
    made = ragged(
        dtype,
        *partitions,
        value_key=f"{key}_v",
        row_splits_dtype=draw.choice(["int32", "int64"]),
        validate=draw.random() < 0.3,
    )
    examples: list[Entries] = []
    for _ in range(rows):
        found: Entries = []
        count = draw.randrange(1, 4)
        for kind, argument in partitions:
            if kind == "UniformRowLength":
                count *= argument
                continue
            lengths = [draw.randrange(4) for _ in range(count)]
            lengths[-1] = max(lengths[-1], 1)  # row ids cannot say that the last rows are empty
            found.append((argument, feature(INT64, _encode_rows(kind, lengths))))
            count = sum(lengths)
        found.append((f"{key}_v", random_feature(draw, KINDS[dtype], count)))
        examples.append(found)
    return made, examples


def _random_spec(
    draw: random.Random, rows: int, keys: list[str], makers: list[Any]
) -> tuple[dict[str, Any], list[Entries]]:
    features: dict[str, Any] = {}
    examples: list[Entries] = [[] for _ in range(rows)]
    for key in keys:
        features[key], found = draw.choice(makers)(draw, key, rows)
        for example, more in zip(examples, found, strict=True):
            example += more
    return features, examples


def _noise(draw: random.Random, found: Entries) -> Entries:
    """Features that nobody wants, in an order that nobody knows."""
    if draw.random() < 0.3:
        dtype = draw.choice(DTYPES)
        found = [*found, ("other", random_feature(draw, KINDS[dtype], draw.randrange(4)))]
    return draw.sample(found, len(found))


def _map(found: Entries) -> bytes:
    return b"".join(entry(key, value) for key, value in found)


def _keys(draw: random.Random, most: int) -> list[str]:
    return sorted(
        draw.sample(["a", "b", "c", "d", "", "long/name_of_a_feature"], draw.randrange(1, most))
    )


# --- Calls ---

_FLAT = [_random_fixed, _random_fixed, _random_growing, _random_growing]
_ALL = [*_FLAT, _random_sparse, _random_partitioned]


def _example_case(id: str, draw: random.Random, harm: float) -> Case:
    rows = draw.choice([1, 1, 2, 3, 5])
    features, found = _random_spec(draw, rows, _keys(draw, 5), _FLAT if harm else _ALL)
    records = [delimited(1, _map(_noise(draw, entries))) for entries in found]
    records = [damaged(draw, r) if draw.random() < harm else r for r in records]
    if rows == 1 and draw.random() < 0.5:
        return single(id, records[0], features)
    names = {"example_names": [f"n{i}" for i in range(rows)]} if draw.random() < 0.3 else {}
    return batch(id, records, features, **names)


def _sequence_list(draw: random.Random, key: str, rows: int) -> tuple[Any, list[Entries]]:
    dtype, shape = draw.choice(DTYPES), draw.choice(SHAPES)
    kind = draw.randrange(4)
    dense = kind < 2
    made = (
        blocks(dtype, shape, allow_missing=kind == 0)
        if dense
        else [varlen, ragged][kind - 2](dtype)
    )
    examples: list[Entries] = []
    for _ in range(rows):
        steps = [
            delimited(
                1, random_feature(draw, KINDS[dtype], _count(shape) if dense else draw.randrange(4))
            )
            for _ in range(draw.randrange(4))
        ]
        here = kind == 1 or draw.random() < 0.85
        examples.append([(key, b"".join(steps))] if here else [])
    return made, examples


def _sequence_context(draw: random.Random, key: str, rows: int) -> tuple[Any, list[Entries]]:
    if draw.random() < 0.5:
        return _random_fixed(draw, key, rows)
    dtype = draw.choice(DTYPES)
    made = draw.choice([varlen, ragged])(dtype)
    return made, [
        [(key, random_feature(draw, KINDS[dtype], draw.randrange(4)))]
        if draw.random() < 0.8
        else []
        for _ in range(rows)
    ]


def _sequence_case(id: str, draw: random.Random, harm: float) -> Case:
    rows = draw.choice([1, 1, 2, 3])
    # Which of several bad features TensorFlow reports is not defined: damaged records are asked
    # for one of each.
    most = 2 if harm else 4
    context, first = _random_spec(draw, rows, _keys(draw, most), [_sequence_context])
    wanted, second = _random_spec(draw, rows, _keys(draw, most), [_sequence_list])
    records = [
        delimited(1, _map(_noise(draw, one))) + delimited(2, _map(draw.sample(two, len(two))))
        for one, two in zip(first, second, strict=True)
    ]
    records = [damaged(draw, r) if draw.random() < harm else r for r in records]
    if rows == 1 and draw.random() < 0.5:
        return sequences(id, records[0], context, wanted)
    names = {"example_names": [f"n{i}" for i in range(rows)]} if draw.random() < 0.3 else {}
    return sequences(id, records, context, wanted, **names)


def _defined(case: Case) -> bool:
    """Whether TensorFlow does the same each time: not with lengths of 2^31 bytes and more."""
    records = case["args"]["serialized"]
    for record in records if isinstance(records, list) else [records]:
        if re.search(rb"[\x80-\xff]{4}[\x08-\x0f]", base64.b64decode(record["bytes"])):
            return False
    return True


def random_cases() -> Iterator[Case]:
    for name, make, harm, count in [
        ("example", _example_case, 0.0, 400),
        ("damaged_example", _example_case, 0.6, 900),
        ("sequence", _sequence_case, 0.0, 250),
        ("damaged_sequence", _sequence_case, 0.6, 500),
    ]:
        for number in range(count):
            id = f"{name}.{number}"
            case = make(id, random.Random(id), harm)
            if not harm or _defined(case):
                yield case

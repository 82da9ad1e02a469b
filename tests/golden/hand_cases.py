"""Cases written by hand: one for each rule that somebody may get wrong."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from example_writer import (
    BYTES,
    FLOAT,
    INT64,
    delimited,
    entries,
    entry,
    example,
    feature,
    lists,
    sequence,
)
from parse_cases import encode_bytes

Case = dict[str, Any]

# --- Features, as parse_cases.decode() takes them ---


def fixed(dtype: str = "int64", shape: Any = (), **more: Any) -> list[Any]:
    return ["FixedLenFeature", {"shape": _listed(shape), "dtype": dtype, **more}]


def blocks(dtype: str = "int64", shape: Any = (), **more: Any) -> list[Any]:
    keywords = {"shape": _listed(shape), "dtype": dtype, "allow_missing": True}
    return ["FixedLenSequenceFeature", keywords | more]


def varlen(dtype: str = "int64") -> list[Any]:
    return ["VarLenFeature", {"dtype": dtype}]


def sparse(
    index_key: Any, value_key: str, size: Any, dtype: str = "float32", **more: Any
) -> list[Any]:
    keywords = {"index_key": index_key, "value_key": value_key, "dtype": dtype, "size": size}
    return ["SparseFeature", keywords | more]


def ragged(dtype: str = "int64", *partitions: list[Any], **more: Any) -> list[Any]:
    return ["RaggedFeature", {"dtype": dtype, "partitions": list(partitions), **more}]


def _listed(shape: Any) -> Any:
    return list(shape) if isinstance(shape, tuple) else shape


# --- Calls ---


def batch(id: str, records: list[bytes], features: dict[str, Any], **more: Any) -> Case:
    args = {"serialized": [encode_bytes(record) for record in records]}
    return {
        "id": id,
        "call": "parse_example",
        "args": args | {"features": {"spec": features}} | more,
    }


def single(id: str, record: bytes, features: dict[str, Any], **more: Any) -> Case:
    args = {"serialized": encode_bytes(record), "features": {"spec": features}}
    return {"id": id, "call": "parse_single_example", "args": args | more}


def sequences(
    id: str,
    records: list[bytes] | bytes,
    context: dict[str, Any] | None = None,
    lists: dict[str, Any] | None = None,
    **more: Any,
) -> Case:
    """A batch of SequenceExamples, or a single one."""
    alone = isinstance(records, bytes)
    serialized: Any = encode_bytes(records) if alone else [encode_bytes(r) for r in records]
    args: dict[str, Any] = {"serialized": serialized}
    if context is not None:
        args["context_features"] = {"spec": context}
    if lists is not None:
        args["sequence_features"] = {"spec": lists}
    call = "parse_single_sequence_example" if alone else "parse_sequence_example"
    return {"id": id, "call": call, "args": args | more}


def raw(id: str, strings: list[bytes] | bytes, out_type: str, **more: Any) -> Case:
    given: Any = (
        encode_bytes(strings) if isinstance(strings, bytes) else [encode_bytes(s) for s in strings]
    )
    return {
        "id": id,
        "call": "decode_raw",
        "args": {"input_bytes": given, "out_type": out_type} | more,
    }


# --- Wire bytes ---


def _unhex(text: str) -> bytes:
    data = b""
    for part in re.findall(r"\((\w\w)\*(\d+)\)|(\w\w)", text):
        data += bytes.fromhex(part[0]) * int(part[1]) if part[0] else bytes.fromhex(part[2])
    return data


def wire_rows() -> Iterator[tuple[str, str, bytes]]:
    """Id, dtype and bytes of each row of the table that the C++ tests have as well."""
    table = Path(__file__).parents[1] / "cpp" / "wire_rows.h"
    for id, text in re.findall(r'\{"(W\w+)", "([^"]*)"', table.read_text()):
        yield id, {"0": "int64", "1": "float32", "2": "string"}[id[1]], _unhex(text)


def _wire_cases() -> Iterator[Case]:
    keys = {"W038e": "", "W041e": "", "W077b": "\u00e9\u6f22"}
    defaults: dict[str, Any] = {"int64": 7, "float32": 0.5, "string": "default"}
    for id, dtype, data in wire_rows():
        key = keys.get(id, "a")
        wanted = {
            "F": fixed(dtype),
            "F2": fixed(dtype, (2,)),
            "FD": fixed(dtype, default_value=defaults[dtype]),
            "V": varlen(dtype),
            "R": ragged(dtype),
            "Q": blocks(dtype),
            "Q2": blocks(dtype, (2,)),
        }
        if id == "W109d":  # what TensorFlow does with the others is not defined
            wanted = {name: made for name, made in wanted.items() if name.startswith("F")}
        for name, made in wanted.items():
            yield batch(f"{id}.{name}.b", [data], {key: made})
            yield single(f"{id}.{name}.s", data, {key: made})


# --- Features of Examples ---

ONE, TWO = example(a=[1]), example(a=[1, 2])
NO_KIND = example(a=b"")


def _fixed_cases() -> Iterator[Case]:
    three = [example(a=[n]) for n in (1, 2, 3)]
    yield batch("S001", three, {"a": fixed()})
    yield batch(
        "S003", [example(a=[*range(6)]), example(a=[*range(6, 12)])], {"a": fixed(shape=(2, 3))}
    )
    nine = fixed(default_value=9)
    yield batch("S005", [ONE, b"", NO_KIND], {"a": nine})
    yield single("S005.s", b"", {"a": nine})
    for id, shape, default in [
        ("S007", (2,), 5),
        ("S008", (2, 2), [1, 2, 3, 4]),
        ("S008n", (2, 2), [[1, 2], [3, 4]]),
        ("S009", (), [5]),
        ("S010", (2,), [1, 2, 3]),
        ("S011", (), 1.5),
        ("S011t", (), True),
        ("S011s", (), "x"),
        ("S014", (0,), []),
    ]:
        made = fixed(shape=shape, default_value=default)
        yield batch(f"{id}.b", [b""], {"a": made})
        yield single(f"{id}.s", b"", {"a": made})
    yield batch("S012", [b""], {"a": fixed("string", default_value="\u00e9")})
    yield batch("S013", [b""], {"a": fixed("float32", (2,), default_value=[1, 2.5])})
    yield batch("S014c", [example(a=feature(INT64, []))], {"a": fixed(shape=(0,))})
    yield batch("S015", [b""], {"a": fixed(shape=3)})
    yield batch("S015i", [example(a=[1, 2, 3])], {"a": fixed(shape=3)})
    names = {"example_names": ["first", "second"]}
    yield batch("S016", [ONE, b""], {"a": fixed()}, **names)
    yield batch("S017", [ONE, TWO], {"a": fixed()}, **names)
    yield single("S018", TWO, {"a": fixed()}, example_names="named")
    yield batch("S019", [example(a=[0.5])], {"a": fixed()})
    yield single("S019.s", example(a=[0.5]), {"a": fixed()})
    yield batch("S022", [ONE], {"a": blocks("float32")})
    yield single("S022.s", ONE, {"a": blocks("float32")})
    yield batch("S023", [ONE], {"a": varlen("string")})
    yield single("S023.s", ONE, {"a": varlen("string")})
    yield batch("S024", [ONE], {"a": ragged("string")})
    yield batch("S026", [TWO], {"a": fixed(shape=(2, 3))})
    strings = example(a=[b"x", b"y", b"z"])
    yield batch("S028", [strings], {"a": fixed("string", (2,))})
    yield single("S029", strings, {"a": fixed("string", (2,))})
    yield batch("S030", [example(a=[b"x"])], {"a": fixed("string", (2,))})
    yield single("S030.s", example(a=[b"x"]), {"a": fixed("string", (2,))})
    yield batch("S040", [ONE, TWO, b""], {"a": fixed()})
    yield batch("S041", [ONE] * 20 + [b""] + [ONE] * 19 + [TWO], {"a": fixed()})
    both = {"a": fixed(), "b": fixed()}
    yield batch("S042", [example(a=[b"x"], b=[b"x"])], both)
    yield batch("S042r", [example(b=[b"x"], a=[b"x"])], both)
    yield single("S042.s", example(a=[b"x"], b=[b"x"]), both)
    yield batch("S043", [ONE, b"\x0a"], {"a": fixed()})
    yield batch("S044", [b""], {"z": fixed(), "m": fixed("float32"), "q": varlen()})
    yield batch("S045", [example(z=[b"x"])], {"z": fixed(), "m": fixed()})
    yield single("S045.s", example(z=[b"x"]), {"z": fixed(), "m": fixed()})
    yield batch("S195", [], {"a": fixed()})
    yield batch("S196", [example(c=[3], a=[1], b=[2])], {"c": fixed(), "a": fixed(), "b": fixed()})


def _argument_cases() -> Iterator[Case]:
    for dtype in ("int32", "float64", "bool", "uint8", "float16"):
        yield batch(f"S031{dtype}", [ONE], {"a": varlen(dtype)})
        yield batch(f"S033{dtype}", [ONE], {"a": blocks(dtype)})
        yield batch(f"S032{dtype}", [ONE], {"a": ["RaggedFeature", {"dtype": dtype}]})
    for id, made in {
        "S034": fixed(shape=None),
        "S034b": fixed(shape=[None]),
        "S034c": fixed(shape=[2, None]),
        "S034d": fixed(shape=[-1]),
        "S035": ["FixedLenFeature", {"shape": [], "dtype": None}],
        "S036": ["VarLenFeature", {"dtype": None}],
        "S037": blocks(shape=None),
        "S071": blocks(allow_missing=False),
        "S178": ragged("int64", ["RowSplits", "p"], row_splits_dtype="int16"),
        "S179": ragged("int64", value_key=""),
        "S179v": ragged("int64", validate=1),
        "S179p": ["RaggedFeature", {"dtype": "int64", "partitions": "x"}],
        "S179e": ["RaggedFeature", {"dtype": "int64", "value_key": 3}],
        "S116": sparse("i", "v", [5, 5]),
        "S116k": sparse(["i", "j"], "v", 5),
        "S116t": sparse("i", "v", 5, already_sorted=1),
        "S117": ["SparseFeature", {"index_key": "i", "value_key": "v", "dtype": None, "size": 5}],
    }.items():
        yield batch(id, [ONE], {"a": made})
        yield single(f"{id}.s", ONE, {"a": made})
    yield batch("S190", [ONE], {})
    yield single("S190.s", ONE, {})
    yield batch("S192", [ONE, ONE], {"a": fixed()}, example_names=["one"])
    nested = batch("S193", [], {"a": fixed()})
    nested["args"]["serialized"] = [[encode_bytes(ONE), encode_bytes(TWO)]]
    yield nested
    yield batch("S110", [ONE], {"s": sparse("i", "val", 5), "val": varlen("int64")})
    yield batch("S111", [ONE], {"s": sparse("i", "val", 5), "val": fixed("float32")})
    yield batch("S173", [ONE], {"a": fixed(), "r": ragged("int64", value_key="a")})
    yield batch("S173v", [ONE], {"a": varlen(), "r": ragged("int64", value_key="a")})
    yield batch(
        "S175",
        [ONE],
        {"v": ragged("int64"), "r": ragged("int64", value_key="v", row_splits_dtype="int64")},
    )


def _growing_cases() -> Iterator[Case]:
    rows = [example(a=[1, 2]), b"", example(a=[3]), NO_KIND, example(a=feature(INT64, []))]
    yield batch("S050", rows, {"a": varlen()})
    yield single("S052", example(a=[7, 8]), {"a": varlen()})
    yield single("S053", b"", {"a": varlen()})
    of_all = {
        "a": varlen(),
        "d": fixed("float32", (2,)),
        "s": blocks("string", (2,)),
        "r": ragged("float32"),
    }
    yield batch("S054", [], of_all)
    yield batch("S055", [example(a=[0.5]), example(a=[b"x"])], {"a": varlen("float32")})
    yield batch("S056", [example(a=[b"x", b""]), b""], {"a": varlen("string")})
    long_first = [example(a=[1, 2, 3]), b"", example(a=[4])]
    yield batch("S060", long_first, {"a": blocks()})
    yield batch("S061", long_first, {"a": blocks(default_value=-1)})
    pairs = [example(a=[1, 2, 3, 4]), example(a=[5, 6])]
    yield batch("S062", pairs, {"a": blocks(shape=(2,))})
    yield single("S062.s", pairs[0], {"a": blocks(shape=(2,))})
    yield batch("S063", [example(a=[1, 2, 3])], {"a": blocks(shape=(2,))})
    yield single("S064", example(a=[1, 2, 3]), {"a": blocks(shape=(2,))})
    yield batch("S065", [b"", NO_KIND], {"a": blocks(shape=(2,))})
    yield single("S066", b"", {"a": blocks(shape=(2,))})
    nan = [{"a": blocks("float32", default_value=float("nan"))}]
    yield batch("S070", [example(a=[1.5]), b""], *nan)
    yield batch("S072", [ONE], {"a": blocks(default_value=[1, 2])})
    yield batch("S073", [ONE, TWO], {"a": blocks(default_value=[5])})
    yield batch("S073s", [example(a=[b"x"]), b""], {"a": blocks("string", default_value="pad")})
    yield batch("S074", [NO_KIND, TWO], {"a": blocks()})
    yield batch("S076", [ONE], {"a": blocks(shape=(0,))})
    twenty = [example(a=[1, 2])] * 20
    for bad in (0, 1, 11, 19):
        records = [*twenty]
        records[bad] = example(a=[1])
        yield batch(f"S078.{bad}", records, {"a": blocks(shape=(2,))})
    large = [example(a=[1] * 12_000)] * 40
    large[33] = example(a=[1] * 11_999)
    yield batch("S078.large", large, {"a": blocks(shape=(2,))})
    duplicates = [
        delimited(1, entries(a=[1]) + entries(a=[2, 3])),
        delimited(1, entries(a=[1]) + entries(a=[2, 3])) + delimited(1, entries(a=[4, 5])),
        delimited(1, entries(a=[1]) + entries(a=[2, 3])),
    ]
    yield batch("S180", duplicates, {"a": varlen()})
    yield batch("S181", duplicates, {"a": blocks()})
    yield batch("S182", duplicates, {"a": ragged()})
    yield batch(
        "S183", [example(a=[1]) + example(b=[2]) + example(a=[3])], {"a": fixed(), "b": fixed()}
    )
    emptied = delimited(1, entries(a=[1, 2]) + entry("a", b""))
    for name, made in {"V": varlen(), "R": ragged(), "Q": blocks(), "F": fixed(shape=(2,))}.items():
        yield batch(f"S184{name}.b", [emptied, example(a=[5, 6])], {"a": made})
        yield single(f"S184{name}.s", emptied, {"a": made})
    yield batch(
        "S197",
        [example(a=[1], b=[2], c=[3], d=[4])],
        {"c": fixed(), "b": ragged(), "a": blocks(), "d": varlen()},
    )


def _sparse_cases() -> Iterator[Case]:
    one = sparse("ix", "val", 100)
    rows = [example(ix=[3, 20], val=[0.5, -1.0]), example(ix=[42], val=[0.0])]
    yield batch("S100", rows, {"s": one})
    unsorted = [example(ix=[20, 3], val=[0.5, -1.0])]
    yield batch("S101", unsorted, {"s": one})
    yield batch("S102", unsorted, {"s": sparse("ix", "val", 100, already_sorted=True)})
    yield batch("S103", [example(ix=[3, 3], val=[0.5, -1.0])], {"s": one})
    yield batch("S104", [example(ix=[100], val=[0.5])], {"s": one})
    yield batch("S104n", [example(ix=[-1], val=[0.5])], {"s": one})
    yield batch("S105", [example(ix=[3], val=[0.5, -1.0])], {"s": one})
    yield batch("S106", [b""], {"s": one})
    two = sparse(["x", "y"], "val", [100, 3])
    yield batch(
        "S107",
        [
            example(x=[2, 0, 0, 0, 1], y=[0, 0, 1, 0, 2], val=[2.0, 0.5, -1.0, 9.0, 1.0]),
            example(x=[7], y=[1], val=[3.0]),
        ],
        {"s": two},
    )
    yield batch(
        "S107b", [example(x=[3, 2, 3, 1], y=[1, 0, 0, 1], val=[9.0, 2.0, 0.5, -1.0])], {"s": two}
    )
    yield single("S108", example(ix=[20, 3], val=[0.5, -1.0]), {"s": one})
    yield single("S108b", example(x=[3, 2], y=[1, 0], val=[9.0, 2.0]), {"s": two})
    shared = [example(ix=[1, 0], val=[1, 2])]
    both = {"ix": varlen(), "val": varlen(), "s": sparse("ix", "val", 5, "int64")}
    yield batch("S109", shared, both)
    yield batch(
        "S109t",
        shared,
        {"s": sparse("ix", "val", 5, "int64"), "t": sparse("val", "ix", 9, "int64")},
    )
    yield batch("S112", [example(ix=[1], val=[b"x"]), b""], {"s": sparse("ix", "val", 5, "string")})
    yield batch("S113", [example(ix=[0.5], val=[0.5])], {"s": one})
    crossed = [example(ix=[3], val=[0.5, -1.0]), example(ix=[7, 8], val=[2.0])]
    yield batch("S114", crossed, {"s": one})
    yield batch("S115", [], {"s": one})


PARTITIONED = [3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8, 1]
_ENCODED = {
    "row_splits": ("RowSplits", [0, 2, 3, 3, 6], [0, 3, 4, 6, 7]),
    "row_lengths": ("RowLengths", [2, 1, 0, 3], [3, 1, 2, 1]),
    "row_starts": ("RowStarts", [0, 2, 3, 3], [0, 3, 4, 6]),
    "row_limits": ("RowLimits", [2, 3, 3, 6], [3, 4, 6, 7]),
    "value_rowids": ("ValueRowIds", [0, 0, 1, 3, 3, 3], [0, 0, 0, 1, 2, 2, 3]),
}


def _ragged_cases() -> Iterator[Case]:
    rows = [example(a=[1, 2]), b"", example(a=[3])]
    yield batch("S150", rows, {"a": ragged()})
    yield batch("S151", rows, {"a": ragged(row_splits_dtype="int64")})
    yield single("S152", TWO, {"a": ragged()})
    yield single("S153", b"", {"a": ragged()})
    yield batch("S154", rows, {"r": ragged(value_key="a")})
    one, two = PARTITIONED
    for name, (kind, first, second) in _ENCODED.items():
        for splits in ("int32", "int64"):
            made = ragged("int64", [kind, "p"], value_key="v", row_splits_dtype=splits)
            records = [example(v=one, p=first), example(v=two, p=second)]
            more = f"{name}.{splits}"
            yield batch(f"S160{more}", records, {"r": made})
            yield single(f"S161{more}", records[0], {"r": made})
            yield batch(f"S162{more}", [records[0], b"", records[1]], {"r": made})
            yield batch(f"S162e{more}", [b"", b""], {"r": made})
            yield single(f"S163{more}", b"", {"r": made})
            yield batch(f"S164{more}", [], {"r": made})
        checked = ragged("int64", [kind, "p"], value_key="v", validate=True)
        yield batch(f"S171ok{name}", records, {"r": checked})
    nested = ragged("int64", ["RowSplits", "o"], ["RowLengths", "p"], value_key="v")
    outer = [
        example(v=one, p=[2, 1, 0, 3], o=[0, 1, 3, 4]),
        example(v=two, p=[3, 1, 2, 1], o=[0, 1, 1, 4]),
    ]
    yield batch("S165", outer, {"r": nested})
    yield single("S166", outer[0], {"r": nested})
    uniform = ragged("int64", ["UniformRowLength", 2], value_key="v")
    yield batch("S167", [example(v=one), example(v=one)], {"r": uniform})
    yield single("S168", example(v=one), {"r": uniform})
    yield batch("S169", [example(v=two)], {"r": uniform})
    yield single("S169.s", example(v=two), {"r": uniform})
    above = ragged("int64", ["UniformRowLength", 2], ["RowSplits", "p"], value_key="v")
    whole = [example(v=one, p=[0, 2, 3, 3, 6]), example(v=two, p=[0, 3, 4, 6, 7])]
    yield single("S169c", whole[0], {"r": above})
    yield batch("S169d", whole, {"r": above})
    below = ragged("int64", ["RowSplits", "p"], ["UniformRowLength", 2], value_key="v")
    yield batch("S169e", [example(v=one, p=[0, 1, 3]), example(v=[1, 2], p=[0, 1])], {"r": below})
    yield single("S169f", example(v=one, p=[0, 1, 3]), {"r": below})
    splits = ["RowSplits", "p"]
    for name, values, bad in [
        ("neg", [1, 2, 3], [0, -1, 3]),
        ("falls", [1, 2, 3], [0, 2, 1, 3]),
        ("long", [1, 2, 3], [0, 2, 9]),
        ("short", [1, 2, 3], [0, 2]),
        ("s1", [1, 2, 3], [1, 2, 3]),
        ("one", [1, 2, 3], [0]),
    ]:
        record = example(v=values, p=bad)
        for validate in (False, True):
            made = ragged("int64", splits, value_key="v", validate=validate)
            yield batch(f"S170{name}.{validate}", [record, whole[0]], {"r": made})
            yield single(f"S171{name}.{validate}", record, {"r": made})
    for name, kind, bad in [
        ("lengths", "RowLengths", [2, 2]),
        ("negative", "RowLengths", [4, -1]),
        ("starts", "RowStarts", [1, 2]),
        ("limits", "RowLimits", [1, 2]),
        ("rowids", "ValueRowIds", [0, 2, 1]),
        ("few", "ValueRowIds", [0, 1]),
    ]:
        for validate in (False, True):
            made = ragged("int64", [kind, "p"], value_key="v", validate=validate)
            yield single(f"S172{name}.{validate}", example(v=[1, 2, 3], p=bad), {"r": made})
    yield batch("S174", [example(v=one)], {"v": ragged(), "r": ragged(value_key="v")})
    yield batch("S176", [example(v=one, p=[0.5])], {"r": ragged("int64", splits, value_key="v")})
    yield batch(
        "S177",
        [example(v=[b"x", b""], p=[0, 1, 2])],
        {"r": ragged("string", splits, value_key="v")},
    )


# --- SequenceExamples ---


def _sequence_cases() -> Iterator[Case]:
    def both(id: str, records: list[bytes], *spec: Any, **more: Any) -> Iterator[Case]:
        yield sequences(f"{id}.b", records, *spec, **more)
        yield sequences(f"{id}.s", records[0], *spec)

    c, f = {"c": fixed()}, {"f": blocks(allow_missing=False)}
    pairs = {"f": blocks(shape=(2,), allow_missing=False)}
    rows = [
        sequence(entries(c=[7]), lists(f=[[1, 2], [3, 4], [5, 6]])),
        sequence(entries(c=[8]), lists(f=[[7, 8]])),
    ]
    yield from both("Q001", rows, c, pairs)
    short = [
        sequence(entries(c=[7]), lists(f=[[1], [2], [3]])),
        sequence(entries(c=[8]), lists(f=[[4]])),
    ]
    yield from both("Q002", short, c, f)
    yield from both("Q003", short, c, {"f": ragged()})
    uneven = [sequence(b"", lists(f=[[1, 2], [3]])), sequence(b"", lists(f=[[4], [], []]))]
    yield from both("Q004", uneven, None, {"f": varlen()})
    yield from both("Q004r", uneven, None, {"f": ragged()})
    gap = [sequence(b"", lists(f=[[1, 2], b"", [3]]))]
    yield from both("Q005", gap, None, {"f": varlen()})
    yield from both("Q005r", gap, None, {"f": ragged(row_splits_dtype="int64")})
    yield from both("Q007", [sequence(b"", lists(f=[[1, 2], [3]]))], None, pairs)
    yield from both("Q007b", [sequence(b"", lists(f=[[1, 2, 3], [4]]))], None, pairs)
    yield from both("Q007c", [sequence(b"", lists(f=[[1, 2], [3], [4]]))], None, pairs)
    nothing = [sequence(b"", b"")]
    yield from both("Q008", nothing, None, f)
    yield from both("Q009", [*nothing, short[0]], None, {"f": blocks()})
    yield from both("Q010", [sequence(b"", lists(f=[]))], None, f)
    yield from both("Q011", nothing, c)
    yield from both("Q011d", [short[0], b""], c)
    four = {"c": fixed(default_value=4)}
    yield from both("Q012", [sequence(entries(c=[1])), b""], four)
    yield from both("Q013", [sequence(entries(c=b""))], four)
    yield from both("Q014", [sequence(entries(c=[1, 2]))], c)
    yield from both(
        "Q014c", [sequence(entries(c=[1, 2])), sequence(entries(c=[1]))], {"c": fixed(shape=(2,))}
    )
    yield from both("Q015", [sequence(entries(c=[0.5]))], c)
    yield from both("Q016", [sequence(entries(c=[1, 2])), b""], {"c": varlen()})
    yield from both("Q017", [sequence(entries(c=[1, 2])), b""], {"c": ragged()})
    mixed = [sequence(b"", lists(f=[[1], [0.5]]))]
    for name, made in {"Q": f, "V": {"f": varlen()}, "R": {"f": ragged()}}.items():
        yield from both(f"Q018{name}", mixed, None, made)
        yield from both(
            f"Q019{name}", [sequence(b"", lists(f=[[1], feature(FLOAT, [])]))], None, made
        )
        yield from both(
            f"Q019c{name}", [sequence(b"", lists(f=[[1], feature(INT64, [])]))], None, made
        )
        yield from both(
            f"Q032{name}", [sequence(b"", lists(f=[feature(INT64, [1]) + b"\x0a"]))], None, made
        )
        row = feature(INT64, [1]) + delimited(1, feature(INT64, [2]))
        yield from both(f"Q063{name}", [sequence(b"", lists(f=[row]))], None, made)
        row = feature(INT64, [1]) + feature(FLOAT, [0.5])
        yield from both(f"Q031{name}", [sequence(b"", lists(f=[row]))], None, made)
        yield from both(f"Q034{name}", [sequence(b"", lists(f=[b"\x1a"]))], None, made)
        framing = entry("f", delimited(1, feature(INT64, [1])) + b"\x10\x01")
        yield from both(f"Q033{name}", [sequence(b"", framing)], None, made)
        yield from both(
            f"Q023l{name}", [sequence(b"", lists(f=[[1]]) + entry("f", b""))], None, made
        )
    yield from both("Q021", [b"\x0a"], c)
    yield from both("Q021b", [b"\x0a", rows[0]], c, example_names=["nm", "other"])
    for name, made in {"F": c, "V": {"c": varlen()}, "R": {"c": ragged()}, "D": four}.items():
        twice = sequence(entries(c=[1]) + entries(c=[2]))
        yield from both(f"Q022{name}", [twice], made)
        yield from both(f"Q023b{name}", [sequence(entries(c=[1]) + entry("c", b""))], made)
        yield from both(f"Q058{name}", [sequence(entries(c=feature(INT64, [])))], made)
        swapped = delimited(1, delimited(1, delimited(2, feature(INT64, [1])) + delimited(1, b"c")))
        yield from both(f"Q025{name}", [swapped], made)
        yield from both(
            f"Q028{name}", [sequence(entries(c=feature(INT64, [1], packed=False)))], made
        )
        two_blocks = delimited(INT64, delimited(1, b"\x01") + delimited(1, b"\x02"))
        yield from both(f"Q029{name}", [sequence(entries(c=two_blocks))], made)
        two_kinds = feature(INT64, [1]) + feature(FLOAT, [0.5])
        yield from both(f"Q030{name}", [sequence(entries(c=two_kinds))], made)
        yield from both(f"Q027{name}", [sequence(entries(c=[1])) + b"\x1a\x01x\x00\x05"], made)
        yield from both(f"Q026{name}", [sequence(entries(c=[1])) * 2], made)
        yield from both(f"Q035{name}", [sequence(entries(c=feature(INT64, [1]) + b"\xff"))], made)
    yield from both("Q024", [sequence(b"", lists(f=[[1]]) + lists(f=[[2], [3]]))], None, f)
    five = delimited(FLOAT, delimited(1, b"12345"))
    yield from both("Q036", [sequence(entries(c=five))], {"c": varlen("float32")})
    cut = delimited(BYTES, b"\x0a\x05x")
    yield from both("Q037", [sequence(entries(c=cut))], {"c": fixed("string")})
    yield from both("Q038", [sequence(b"", lists(f=[cut]))], None, {"f": blocks("string")})
    words = [sequence(entries(c=[b"x"]), lists(f=[[b"p", b""], [b"q"]])), b""]
    yield from both("Q040", words, {"c": varlen("string")}, {"f": varlen("string")})
    yield from both("Q041", words, {"c": ragged("string")}, {"f": ragged("string")})
    yield sequences("Q053", [], c, f)
    yield sequences("Q053d", [], four, f)
    yield sequences("Q053v", [], {"c": varlen(), "d": ragged()}, {"f": varlen(), "g": ragged()})
    inner = ragged("int64", ["RowLengths", "p"], value_key="v")
    parts = [
        sequence(entries(v=[1, 2, 3], p=[2, 1]), lists(v=[[1, 2, 3], [4]], p=[[1, 2], [1]])),
        sequence(entries(v=[4], p=[0, 1]), lists(v=[[5, 6]], p=[[2, 0]])),
    ]
    yield from both("Q042", parts, {"r": inner}, {"r2": inner})
    yield from both(
        "Q043",
        short,
        {"c": ["SparseFeature", {"index_key": "i", "value_key": "v", "dtype": "int64", "size": 3}]},
    )
    yield from both("Q044", short, c, {"f": fixed()})
    yield from both("Q045", short, {"c": blocks()}, f)
    yield from both("Q046", short, c, {"f": blocks(default_value=1)})
    yield from both("Q047", short)
    yield from both("Q048", short, {}, {})
    yield sequences("Q049", short, c, f, example_names=["a", "b"])
    yield sequences("Q050", short[0], c, f, example_name="named")
    yield sequences("Q051", sequence(), c, f, example_name="named")


# --- decode_raw ---


def _raw_cases() -> Iterator[Case]:
    data = bytes(range(250, 256)) + bytes(range(10))
    types = (
        "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 bool bfloat16 complex64 "
        "complex128 uint32 uint64"
    ).split()
    for name in types:
        for little in (True, False):
            yield raw(f"R001{name}.{little}", [data, data[::-1]], name, little_endian=little)
            yield raw(f"R002{name}.{little}", data, name, little_endian=little)
        yield raw(f"R003{name}", [data, data[:8]], name, fixed_length=16)
    yield raw("R010", [b"abc", b"de"], "uint8")
    yield raw("R011", [b"abc"], "int16")
    yield raw("R012", [b"", b""], "int32")
    yield raw("R013", [], "float32")
    yield raw("R014", b"", "int64")
    yield raw("R015", [b"abcdef", b"abcd"], "int16", fixed_length=4)
    yield raw("R016", [b"abcdef", b"abcd"], "int16", fixed_length=8)
    yield raw("R017", [b"abcd"], "int32", fixed_length=3)
    yield raw("R018", [b"abcd"], "int32", fixed_length=0)
    yield raw("R019", [b"abcd"], "int32", fixed_length=-4)
    yield raw("R020", [struct.pack(">i", 1)], "int32", little_endian=False, fixed_length=4)
    yield raw("R024", [b"\x00\x01\x02\xff"], "bool")


def hand_cases() -> Iterator[Case]:
    yield from _wire_cases()
    yield from _fixed_cases()
    yield from _argument_cases()
    yield from _growing_cases()
    yield from _sparse_cases()
    yield from _ragged_cases()
    yield from _sequence_cases()
    yield from _raw_cases()

"""The demo: writes a few shards, reads them back, checks every value, says how fast it was."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from typing import Any

import numpy as np

from ..arrays import BytesArray, RaggedArray
from ..arrays.rows import value_text
from ..build import build_info
from ..features import FixedLenFeature, RaggedFeature, RawFeature
from ..options import Options
from ..tfrecord_dataset import TFRecordDataset
from ..writer import TFRecordWriter
from .show import progress, table

_IMAGE = (16, 16, 3)
_SHOWN = 20  # characters of a row

SPEC = {
    "id": FixedLenFeature([], np.int64),
    "label": FixedLenFeature([], np.int32),
    "embedding": FixedLenFeature([32], np.float32),
    "tokens": RaggedFeature(np.int64),
    "name": FixedLenFeature([], bytes),
    "image": RawFeature(_IMAGE, np.uint8),
}


def run(records: int, shards: int, batch_size: int, threads: int | None) -> int:
    """The whole demo. Returns 0 if every value was right, 1 otherwise."""
    if records < 1 or shards < 1:
        raise ValueError("the demo needs at least one record and one shard")
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as folder:
        _write(folder, records, shards)
        dataset = (
            TFRecordDataset(os.path.join(folder, "demo-*.tfrecord"))
            .parse_example(SPEC)
            .batch(batch_size)
            .with_options(Options(threads=threads))
        )
        size = sum(entry.stat().st_size for entry in os.scandir(folder))
        batches = -(-records // batch_size)

        checked = wrong = 0
        columns: dict[str, Any] = {}
        for batch in progress(dataset, batches, "Reading and checking"):
            wrong += _wrong_values(batch, first=checked)
            checked += len(batch["id"])
            columns = columns or batch
        if checked != records:
            print(f"FAILED: {checked} of {records} records came back")
            return 1

        seconds, stats = _fastest_pass(dataset)
    table(
        "Columns of the first batch",
        ("column", "class", "dtype", "shape", "a row of it"),
        [_row(name, column) for name, column in columns.items()],
    )
    info = build_info()
    table(
        "One pass without the checking (best of 3)",
        ("records/s", "MB/s", "threads", "CPU body", "records", "MB"),
        [
            (
                f"{records / seconds:,.0f}",
                f"{size / seconds / 1e6:,.0f}",
                str(stats.get("threads", threads or "all")),
                info["cpu"],
                f"{records:,}",
                f"{size / 1e6:,.1f}",
            )
        ],
    )
    if wrong:
        print(f"FAILED: {wrong} values are wrong")
        return 1
    print(f"All values of {records:,} records are right.")
    return 0


def _write(folder: str, records: int, shards: int) -> None:
    bounds = np.linspace(0, records, shards + 1).astype(int).tolist()
    spans = list(itertools.pairwise(bounds))
    for shard, (first, last) in enumerate(progress(spans, shards, "Writing shards")):
        path = os.path.join(folder, f"demo-{shard:05}-of-{shards:05}.tfrecord")
        columns = _columns(np.arange(first, last))
        offsets = np.arange(last - first + 1) * np.prod(_IMAGE)
        columns["image"] = BytesArray(columns["image"].ravel(), offsets)
        with TFRecordWriter(path) as writer:
            writer.write_batch(columns)


def _columns(ids: np.ndarray[Any, Any]) -> dict[str | bytes, Any]:
    """What the records of these numbers hold: all of it follows from the number."""
    lengths = ids % 13
    splits = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(splits[-1]) - np.repeat(splits[:-1], lengths)
    pixels = np.arange(np.prod(_IMAGE)).reshape(_IMAGE)
    return {
        "id": ids,
        "label": (ids * 7 % 1000 - 500).astype(np.int32),
        "embedding": (ids[:, None] * 0.5 + np.arange(32)).astype(np.float32),
        "tokens": RaggedArray(np.repeat(ids, lengths) * 1009 - positions, splits.astype(np.int32)),
        "name": BytesArray.of(b"record-%d" % i for i in ids.tolist()),
        "image": (ids[:, None, None, None] + pixels).astype(np.uint8),
    }


def _wrong_values(batch: dict[Any, Any], first: int) -> int:
    """Number of columns of this batch that do not hold what was written, from record `first` on."""
    expected = _columns(np.arange(first, first + len(batch["id"])))
    wrong = 0
    for name, column in expected.items():
        read = batch[name]
        if isinstance(column, np.ndarray):
            same = read.dtype == column.dtype and np.array_equal(read, column)
        else:
            same = read == column
        wrong += not same
    return wrong


def _fastest_pass(dataset: Any) -> tuple[float, dict[str, Any]]:
    best, stats = float("inf"), {}
    for _ in range(3):
        start = time.perf_counter()
        with iter(dataset) as batches:
            for _batch in batches:
                pass
            stats = batches.stats()
        best = min(best, time.perf_counter() - start)
    return best, stats


def _row(name: str, column: Any) -> tuple[str, str, str, str, str]:
    dtype = "bytes" if column.dtype is bytes else str(column.dtype)
    row = value_text(column[min(3, len(column) - 1)])
    shown = row if len(row) <= _SHOWN else row[:_SHOWN] + "..."
    return name, type(column).__name__, dtype, str(column.shape), shown

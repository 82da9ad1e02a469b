"""What Python pays for a batch: `next()` when batches are ready, and what `iter()` costs.

    python bench/hand_over.py

Files are made in a temporary folder. Every value of the first pass is checked.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import headrace as hr
from headrace import _core

BATCHES, ROWS = 2000, 8  # small batches: all of a pass wait ready for their consumer
RECORDS = 200_000  # for iter(): of one seed-like file


def write(path: Path, columns: dict[str, np.ndarray | list[bytes]], rows: int) -> None:
    """A file of records with the same number of values of each column in every row."""
    encoded = [
        (name.encode(), values, np.arange(rows + 1) * (len(values) // rows))
        for name, values in columns.items()
    ]
    path.write_bytes(_core.encode_records(encoded, rows))


def cases(count: int) -> dict[str, tuple[Callable, Callable]]:
    """By name: the feature of one of `count` columns, and its values."""
    rows = BATCHES * ROWS
    return {
        f"{count} x int64": (
            lambda: hr.FixedLenFeature([], np.int64),
            lambda i: np.arange(rows) + i,
        ),
        f"{count} x float32[4]": (
            lambda: hr.FixedLenFeature([4], np.float32),
            lambda i: np.arange(4 * rows, dtype=np.float32) + i,
        ),
        f"{count} x ragged int64": (
            lambda: hr.RaggedFeature(np.int64),
            lambda i: np.arange(2 * rows) + i,
        ),
        f"{count} x bytes": (
            lambda: hr.FixedLenFeature([], "string"),
            lambda i: [b"%d" % (row + i) for row in range(rows)],
        ),
    }


def checked(batches: list, name: str, values: np.ndarray | list[bytes]) -> None:
    columns = [batch[name] for batch in batches]
    columns = [getattr(column, "values", column) for column in columns]
    found = [x for column in columns for x in np.asarray(column).reshape(-1).tolist()]
    if found != (values if isinstance(values, list) else values.tolist()):
        raise SystemExit(f"{name}: wrong values")


def ready(dataset: hr.Dataset) -> hr.DatasetIterator:
    """An iterator whose batches are all complete, but for the one taken here to start it."""
    batches = iter(dataset)
    next(batches)
    while batches.stats()["records"] < BATCHES * ROWS:
        time.sleep(0.001)
    time.sleep(0.01)  # the last records are being stored
    return batches


def show(name: str, seconds: float, columns: int) -> None:
    each = seconds / columns * 1e9
    print(f"{name:24} {seconds * 1e6:8.2f} us a batch {each:8.0f} ns a column")


def time_next(name: str, feature: Callable, values: Callable, count: int, folder: Path) -> None:
    path = folder / "next.tfrecord"
    columns = {f"column_{i}": values(i) for i in range(count)}
    write(path, columns, BATCHES * ROWS)
    dataset = (
        hr.TFRecordDataset(str(path))
        .parse_example({key: feature() for key in columns})
        .batch(ROWS)
        .with_options(hr.Options(prefetch=BATCHES))
    )
    everything = list(dataset)
    for key, column in columns.items():
        checked(everything, key, column)
    del everything
    loops = []
    for _ in range(5):
        batches = ready(dataset)
        start = time.perf_counter()
        for _ in batches:
            pass
        loops.append((time.perf_counter() - start) / (BATCHES - 1))
    print(
        f"{name:24} {min(loops) * 1e6:8.2f} us a batch {min(loops) / count * 1e9:8.0f} ns a column"
    )


def time_numpy(count: int) -> None:
    """The same objects made in Python, to compare with."""
    names = [f"column_{i}" for i in range(count)]
    loops = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(BATCHES):
            _ = {name: np.empty(ROWS) for name in names}
        loops.append((time.perf_counter() - start) / BATCHES)
    name = f"{count} x np.empty in a dict"
    print(
        f"{name:24} {min(loops) * 1e6:8.2f} us a batch {min(loops) / count * 1e9:8.0f} ns a column"
    )


def time_iter(folder: Path) -> None:
    path = folder / "iter.tfrecord"
    columns = {"features": np.zeros(10 * RECORDS, np.float32), "label": np.arange(RECORDS)}
    write(path, columns, RECORDS)
    dataset = (
        hr.TFRecordDataset(str(path))
        .parse_example(
            {
                "features": hr.FixedLenFeature([10], np.float32),
                "label": hr.FixedLenFeature([], np.int64),
            }
        )
        .batch(1024)
    )
    passes = []
    for _ in range(20):
        times = [time.perf_counter()]
        batches = iter(dataset)
        times.append(time.perf_counter())
        first = next(batches)
        times.append(time.perf_counter())
        rows, faults = len(first["label"]), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for batch in batches:
            rows += len(batch["label"])
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        times.append(time.perf_counter())
        batches.close()
        times.append(time.perf_counter())
        if rows != RECORDS:
            raise SystemExit(f"iter: {rows} rows, {RECORDS} expected")
        passes.append([*np.diff(times) * 1e6, faults])
    head = f"{RECORDS:,} records"
    print(f"{head:18}       iter() first next()     the rest      close()  page faults")
    later = [statistics.median(column) for column in zip(*passes[1:], strict=True)]
    for name, (*times, faults) in (("first pass", passes[0]), ("a later one", later)):
        print(f"{name:18}", *(f"{t:9.0f} us" for t in times), f"{faults:12.0f}")


def main() -> None:
    print(f"next() of batches that are ready, {BATCHES} in a row, best of 5 passes")
    with tempfile.TemporaryDirectory() as folder:
        for count in (2, 40):
            time_numpy(count)
            for name, (feature, values) in cases(count).items():
                time_next(name, feature, values, count, Path(folder))
        print()
        time_iter(Path(folder))


if __name__ == "__main__":
    main()

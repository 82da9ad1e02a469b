"""What Python pays for a batch: `next()` when batches are ready, and what `iter()` costs.

A batch that is dropped is destroyed within the time, one that is kept is not. `and read`: dropped
after every column has been asked for its arrays.

    python bench/hand_over.py

Files are made in a temporary folder. Every value of the first pass is checked.
"""

from __future__ import annotations

import operator
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import headrace as hr
from headrace import _core

BATCHES, ROWS = 500, 8  # small batches: all of a pass wait ready for their consumer
BUDGET = "2GiB"  # so that nothing else holds them back
PASSES = 9
RECORDS = 200_000  # for iter(): of one seed-like file


def write(path: Path, columns: dict[str, np.ndarray | list[bytes]], rows: int) -> None:
    """A file of records with the same number of values of each column in every row."""
    encoded = [
        (name.encode(), values, np.arange(rows + 1) * (len(values) // rows))
        for name, values in columns.items()
    ]
    path.write_bytes(_core.encode_records(encoded, rows))


class Case(NamedTuple):
    feature: Callable  # that makes one
    values: Callable  # of column i
    arrays: tuple[str, ...]  # where those of a column are; none: it is one itself


def cases(count: int) -> dict[str, Case]:
    """By name: what `count` columns are."""
    rows = BATCHES * ROWS

    def numbers(i: int) -> np.ndarray:
        return np.arange(2 * rows) + i

    def strings(i: int) -> list[bytes]:
        return [b"%d" % (row + i) for row in range(rows)]

    rows_of = ("values", "row_splits")
    return {
        f"{count} x {name}": case
        for name, case in {
            "int64[2]": Case(lambda: hr.FixedLenFeature([2], np.int64), numbers, ()),
            "ragged int64": Case(lambda: hr.RaggedFeature(np.int64), numbers, rows_of),
            "sparse int64": Case(lambda: hr.VarLenFeature(np.int64), numbers, rows_of),
            "bytes": Case(lambda: hr.FixedLenFeature([], "string"), strings, ("data", "offsets")),
            "ragged bytes": Case(
                lambda: hr.RaggedFeature("string"),
                strings,
                ("values.data", "values.offsets", "row_splits"),
            ),
        }.items()
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


def drop(batches: Iterable) -> None:
    for _ in batches:
        pass


def reader(arrays: tuple[str, ...]) -> Callable:
    get = operator.attrgetter(*arrays)

    def read(batches: Iterable) -> None:
        for batch in batches:
            for column in batch.values():
                get(column)

    return read


def best(consume: Callable, passes: Iterable[Iterable], batches: int) -> float:
    """Seconds a batch. What `consume` returns is freed behind the measurement."""
    loops = []
    for one in passes:
        start = time.perf_counter()
        kept = consume(one)
        loops.append((time.perf_counter() - start) / batches)
        del kept
    return min(loops)


def show(name: str, *seconds: float) -> None:
    print(f"{name:24}", *(f"{each * 1e6:8.2f} us" for each in seconds))


def time_next(name: str, case: Case, count: int, folder: Path) -> None:
    path = folder / "next.tfrecord"
    columns = {f"column_{i}": case.values(i) for i in range(count)}
    write(path, columns, BATCHES * ROWS)
    dataset = (
        hr.TFRecordDataset(str(path))
        .parse_example({key: case.feature() for key in columns})
        .batch(ROWS)
        .with_options(hr.Options(prefetch=BATCHES, memory_budget=BUDGET))
    )
    everything = list(dataset)
    for key, column in columns.items():
        checked(everything, key, column)
    del everything
    ways = [drop, list]
    if case.arrays:
        ways.append(reader(case.arrays))
    show(name, *(best(way, (ready(dataset) for _ in range(PASSES)), BATCHES - 1) for way in ways))


def time_numpy(count: int) -> None:
    """The same objects made in Python, to compare with."""
    names = [f"column_{i}" for i in range(count)]

    def batches() -> Iterator[dict[str, np.ndarray]]:
        return ({name: np.empty(ROWS) for name in names} for _ in range(BATCHES))

    ways = (drop, list)
    passes = [(batches() for _ in range(PASSES)) for _ in ways]
    show(f"{count} x np.empty in a dict", *map(best, ways, passes, [BATCHES] * 2))


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
    print(
        f"next() of batches that are ready, {BATCHES} in a row, best of {PASSES} passes: each batch"
    )
    print(f"{'':24} {'dropped':>11} {'kept':>11} {'and read':>11}")
    with tempfile.TemporaryDirectory() as folder:
        for count in (2, 40):
            time_numpy(count)
            for name, case in cases(count).items():
                time_next(name, case, count, Path(folder))
        print()
        time_iter(Path(folder))


if __name__ == "__main__":
    main()

"""The whole pipeline, as a user writes it, beside its rivals: interleaved in the same minute, a
pass of each in turn, several rounds, the best pass of each.

    python bench/pipeline.py [WORKLOAD ...] [--tensorflow PYTHON] [--probe PROBE.cc] [--json]

``--tensorflow`` names a Python that has TensorFlow; ``--probe`` a program (source or binary) that
prints "workload threads Mrec/s ..." for ``probe WORKLOAD THREADS FILES...``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import headrace as hr
from data import DEFAULT_FOLDER, Files, files_of
from workloads import WORKLOADS, Feature, Workload

_PASS_SECONDS = 0.15  # a shorter pass repeats its files
_RIVAL = Path(__file__).parent / "rivals" / "tf_data.py"


class Headrace:
    """`for batch in dataset`, every row counted."""

    def __init__(
        self, workload: Workload, files: Files, batch_size: int, options: hr.Options
    ) -> None:
        self.name = f"headrace/{options.threads}"
        self._rows = _rows_by(workload)
        self._repeat = 1

        def dataset(repeat: int):
            records = hr.TFRecordDataset(files.paths * repeat)
            return _batches(records, workload, batch_size).with_options(options)

        self._records = files.records
        self._dataset = dataset(1)
        self._repeat = math.ceil(_PASS_SECONDS * self.rate() / files.records)
        self._dataset = dataset(self._repeat)

    def rate(self) -> float:
        rows, start = 0, time.perf_counter()
        for batch in self._dataset:
            rows += self._rows(batch)
        seconds = time.perf_counter() - start
        if rows != self._records * self._repeat:
            raise SystemExit(f"{self.name}: {rows} rows, {self._records * self._repeat} expected")
        return rows / seconds

    def close(self) -> None:
        pass


class TensorFlow:
    """A process that does one pass when asked."""

    def __init__(
        self, workload: Workload, files: Files, batch_size: int, python: str, form: str
    ) -> None:
        self.name = f"tf.data {form}"
        self._batch_size = batch_size
        self._process = subprocess.Popen(
            [python, str(_RIVAL), workload.name, "--form", form, "--batch-size", str(batch_size),
             *files.paths],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.about = self._answer()

    def rate(self) -> float:
        self._process.stdin.write("pass\n")
        self._process.stdin.flush()
        done = self._answer()
        return done["batches"] * self._batch_size / done["seconds"]

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the process ended; run {_RIVAL} by hand to see why")
        return json.loads(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


class Probe:
    """An outside program over the same files, which takes the best of its own passes."""

    WORKLOADS = ("seed", "dense", "ctr", "tokens", "raw", "imagenet")

    def __init__(self, workload: Workload, files: Files, program: str, threads: int) -> None:
        self.name = f"probe/{threads}"
        repeat = math.ceil(5e8 / files.bytes)
        self._command = [program, workload.name, str(threads), *files.paths * repeat]

    def rate(self) -> float:
        done = subprocess.run(self._command, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[2]) * 1e6

    def close(self) -> None:
        pass


def _batches(records: hr.Dataset, workload: Workload, batch_size: int) -> hr.Dataset:
    specs: dict[bool, dict] = {False: {}, True: {}}
    for feature in workload.features:
        specs[feature.in_rows][feature.name] = feature_of(feature)
    if workload.of_sequences:
        return records.batch(batch_size).parse_sequence_example(specs[False], specs[True])
    return records.parse_example(specs[False]).batch(batch_size)


def _rows_by(workload: Workload):
    """Counts the rows of a batch."""
    key = workload.features[-1].name
    if workload.of_sequences:
        return lambda batch: len(batch[0][key])
    return lambda batch: len(batch[key])


def feature_of(feature: Feature):
    if feature.dtype == "uint8":
        return hr.RawFeature(feature.shape, np.uint8)
    dtype = "string" if feature.dtype == "bytes" else np.dtype(feature.dtype)
    if feature.padded:
        return hr.FixedLenSequenceFeature([], dtype, allow_missing=True)
    if feature.shape is None:
        return hr.RaggedFeature(dtype)
    if feature.in_rows:
        return hr.FixedLenSequenceFeature(feature.shape, dtype)
    return hr.FixedLenFeature(feature.shape, dtype, feature.default)


def _built(probe: str | None, folder: str) -> str | None:
    if probe is None or not probe.endswith((".cc", ".cpp")):
        return probe
    program = os.path.join(folder, "probe")
    flags = ["-O3", "-march=native", "-std=c++17", "-pthread"]
    subprocess.run(["c++", *flags, probe, "-o", program], check=True)
    return program


def _contenders(workload: Workload, files: Files, args: argparse.Namespace) -> Iterator:
    batch_size = args.batch_size or workload.batch_size
    for threads in args.threads:
        options = hr.Options(threads=threads, mmap=not args.no_mmap)
        yield Headrace(workload, files, batch_size, options)
    if args.tensorflow:
        for form in args.forms:
            yield TensorFlow(workload, files, batch_size, args.tensorflow, form)
    if args.probe and workload.name in Probe.WORKLOADS:
        for threads in args.threads:
            yield Probe(workload, files, args.probe, threads)


def measure(workload: Workload, args: argparse.Namespace) -> dict:
    files = files_of(workload.name, args.data, args.scale)
    for path in files.paths:  # into the page cache
        with open(path, "rb") as file:
            while file.read(16 << 20):
                pass
    contenders = list(_contenders(workload, files, args))
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _, contender in itertools.product(range(args.rounds), contenders):
        rates[contender.name].append(contender.rate())
    for contender in contenders:
        contender.close()
    return {
        "workload": workload.name,
        "batch_size": args.batch_size or workload.batch_size,
        "records": files.records,
        "bytes_per_record": files.bytes / files.records,
        "records_per_second": {name: max(passes) for name, passes in rates.items()},
        "all_passes": rates,
        "rivals": {c.name: c.about for c in contenders if isinstance(c, TensorFlow)},
    }


def _ratios(result: dict, threads: list[int]) -> dict[str, float]:
    """What the best of headrace is of each rival, and of itself with the fewest threads."""
    rates = result["records_per_second"]
    ours = f"headrace/{max(threads)}"
    rivals = [name for name in rates if name.startswith("tf.data")]
    rivals += [name for name in (f"probe/{max(threads)}", f"headrace/{min(threads)}")
               if name in rates and name != ours]  # fmt: skip
    return {name: rates[ours] / rates[name] for name in rivals}


def _table(results: list[dict]) -> tuple[list[str], list[list[str]]]:
    names = list(dict.fromkeys(name for r in results for name in r["records_per_second"]))
    ratios = list(dict.fromkeys(name for r in results for name in r["ratios"]))
    rows = []
    for result in results:
        row = [result["workload"], str(result["batch_size"])]
        for name in names:
            rate = result["records_per_second"].get(name)
            row.append(_rate(rate, result["bytes_per_record"]) if rate else "")
        row += [f"{result['ratios'][n]:.2f}" if n in result["ratios"] else "" for n in ratios]
        rows.append(row)
    return ["workload", "batch", *names, *(f": {name}" for name in ratios)], rows


def _rate(rate: float, bytes_per_record: float) -> str:
    unit, scale = ("M/s", 1e6) if rate >= 1e5 else ("k/s", 1e3)
    return f"{rate / scale:.2f} {unit}, {rate * bytes_per_record / 1e9:.2f} GB/s"


def _print(head: list[str], rows: list[list[str]]) -> None:
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in [head, *rows]:
            print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
        return
    table = Table(title="Best pass; behind the colons what headrace, most threads, is of the rival")
    for i, title in enumerate(head):
        table.add_column(title.replace(" ", "\n"), justify="right" if i else "left")
    for row in rows:
        table.add_row(*(cell.replace(", ", "\n") for cell in row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def machine() -> dict:
    cpu = platform.processor()
    try:
        info = Path("/proc/cpuinfo").read_text()
        cpu = next(line.split(":")[1].strip() for line in info.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        pass
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="WORKLOAD")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="cache folder")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-mmap", action="store_true", help="files are only read")
    parser.add_argument("--batch-size", type=int, help="instead of the workload's own")
    parser.add_argument("--tensorflow", metavar="PYTHON")
    parser.add_argument("--forms", nargs="+", default=["best"], choices=["best", "single"])
    parser.add_argument("--probe", metavar="PROGRAM")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        args.probe = _built(args.probe, folder)
        results = []
        for name in args.workloads:
            print(name, "...", file=sys.stderr, flush=True)
            result = measure(WORKLOADS[name], args)
            results.append({**result, "ratios": _ratios(result, args.threads)})
    if args.json:
        print(json.dumps({"machine": machine(), "build": hr.build_info(), "results": results}))
    else:
        print(machine(), hr.build_info())
        _print(*_table(results))


if __name__ == "__main__":
    main()

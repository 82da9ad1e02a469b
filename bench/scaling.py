"""What more threads bring, and what they could bring: one thread; N of them; and N processes of one
thread each, which share nothing but the machine. Interleaved, a pass of each in turn.

    python bench/scaling.py [WORKLOAD ...] [--threads N]

Every contender has processes of its own, for what a pass leaves in caches and pools is its own. A
pass of N reads as much for each of them as that of one.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path

import headrace as hr
from data import DEFAULT_FOLDER, Files, files_of
from pipeline import feature_of, machine
from workloads import WORKLOADS, Workload

_WORKLOADS = ("seed", "dense", "ctr", "tokens")  # that are not bound by copies of memory
_SECONDS = 0.3  # of one thread, at least


def _pass(workload: Workload, paths: list[str], threads: int) -> tuple[int, float]:
    """Rows, and the seconds that they took."""
    spec = {feature.name: feature_of(feature) for feature in workload.features}
    dataset = hr.TFRecordDataset(paths).parse_example(spec).batch(workload.batch_size)
    rows, start = 0, time.perf_counter()
    for batch in dataset.with_options(hr.Options(threads=threads)):
        rows += len(batch[workload.features[-1].name])
    return rows, time.perf_counter() - start


def _serve(workload: str, paths: list[str], threads: int, asked: Connection) -> None:
    """A process that reads the files as often as it is asked to."""
    while times := asked.recv():
        asked.send(_pass(WORKLOADS[workload], paths * times, threads))


class Contender:
    """So many processes of so many threads each."""

    def __init__(self, workload: Workload, files: Files, processes: int, threads: int) -> None:
        self._records = files.records
        self._threads = threads
        self._ends = []
        context = multiprocessing.get_context("spawn")
        for i in range(processes):
            first = i * len(files.paths) // processes  # they begin in different files
            paths = files.paths[first:] + files.paths[:first]
            here, there = context.Pipe()
            arguments = (workload.name, paths, threads, there)
            context.Process(target=_serve, args=arguments, daemon=True).start()
            self._ends.append(here)

    def rate(self, times: int) -> float:
        """Records a second, while all of them are at work."""
        times *= self._threads
        for end in self._ends:
            end.send(times)
        passes = [end.recv() for end in self._ends]
        rows = sum(rows for rows, _ in passes)
        if rows != self._records * times * len(passes):
            raise SystemExit(f"{rows} rows, {self._records * times * len(passes)} expected")
        return rows / max(seconds for _, seconds in passes)

    def close(self) -> None:
        for end in self._ends:
            end.send(0)


def measure(workload: Workload, args: argparse.Namespace) -> None:
    files = files_of(workload.name, args.data, args.scale)
    one, threads, processes = contenders = [
        Contender(workload, files, *size) for size in ((1, 1), (1, args.threads), (args.threads, 1))
    ]
    one.rate(1)  # into the page cache
    times = math.ceil(_SECONDS * one.rate(1) / files.records)
    rates: dict[Contender, list[float]] = {contender: [] for contender in contenders}
    for i in range(args.rounds + 1):
        for contender in contenders[i % 3 :] + contenders[: i % 3]:
            rate = contender.rate(times)
            if i != 0:  # the first has cold pools
                rates[contender].append(rate)
    for contender in contenders:
        contender.close()

    print(f"{workload.name:12}", end="")
    for of in (max, statistics.median):
        a, b, c = (of(rates[contender]) for contender in (one, threads, processes))
        print(f"{a / 1e6:9.2f} M/s {b / a:9.2f} {c / a:9.2f} {b / c:9.2f}", end="")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=_WORKLOADS, metavar="WORKLOAD")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="cache folder")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    args = parser.parse_args()
    n = args.threads
    print(machine(), hr.build_info())
    print(f"{'':12}{'by the best passes':^43}{'by medians':^43}")
    titles = f"{'1 thread':>13} {f'{n} thr : 1':>9} {f'{n} pr : 1':>9} {'thr : pr':>9}"
    print(f"{'':12}{titles}{titles}")
    for name in args.workloads:
        measure(WORKLOADS[name], args)


if __name__ == "__main__":
    main()

"""What an order costs: windows and the whole shuffle beside a pass in the order of the files,
interleaved in the same minute, several rounds, the best pass of each.

    python bench/order.py [WORKLOAD ...] [--windows 1000 10000 100000] [--threads N] [--json]

Files are in the page cache. Shares are of the rate in order. The files are read again and again
within a pass until there are sixteen windows, as there are in an epoch of a training run, but four
times at most; a window of which there are fewer than two in the files is left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from pathlib import Path

import headrace as hr
from data import DEFAULT_FOLDER, Files, files_of
from pipeline import feature_of
from workloads import WORKLOADS, Workload

_DEFAULT = ["seed", "ctr", "tokens", "dense", "raw", "imagenet"]
_MOST_TIMES = 4


def orders(workload: Workload, files: Files, args: argparse.Namespace) -> dict[str, hr.Dataset]:
    """Datasets of the same records, by the name of their order."""
    spec = {feature.name: feature_of(feature) for feature in workload.features}

    def records(times: int = 1) -> hr.Dataset:
        return hr.TFRecordDataset(files.paths * times).parse_example(spec)

    chains = {"in order": records()}
    for size in args.windows:
        if 2 * size <= files.records:
            times = min(math.ceil(16 * size / files.records), _MOST_TIMES)
            chains[f"window {size:,}"] = records(times).shuffle(size, seed=7)
    chains["whole shuffle"] = records().shuffle(None, seed=7)
    options = hr.Options(threads=args.threads)
    batch_size = workload.batch_size
    return {name: c.batch(batch_size).with_options(options) for name, c in chains.items()}


def rate(dataset: hr.Dataset, key: str) -> float:
    """Records a second of one pass."""
    rows, start = 0, time.perf_counter()
    for batch in dataset:
        rows += len(batch[key])
    return rows / (time.perf_counter() - start)


def measure(workload: Workload, args: argparse.Namespace) -> dict[str, float]:
    files = files_of(workload.name, args.data, args.scale)
    datasets = orders(workload, files, args)
    best = dict.fromkeys(datasets, 0.0)
    for _ in range(args.rounds):
        for name, dataset in datasets.items():
            best[name] = max(best[name], rate(dataset, workload.features[-1].name))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", default=_DEFAULT, help=", ".join(WORKLOADS))
    parser.add_argument("--windows", nargs="*", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not args.json:
        print(f"{platform.machine()}, {args.threads} threads, M records/s (share of in order)")
    for name in args.workloads:
        best = measure(WORKLOADS[name], args)
        if args.json:
            print(json.dumps({"workload": name, "rates": best}), flush=True)
            continue
        shares = (f"{n} {r / 1e6:.3f} ({r / best['in order']:.2f})" for n, r in best.items())
        print(f"{name:8}", ", ".join(shares), flush=True)


if __name__ == "__main__":
    main()

"""tf.data, at its best and as people first write it. Needs TensorFlow, not headrace.

``python tf_data.py WORKLOAD --form best FILES...`` serves rounds: for each line "pass" on stdin
it does one pass and prints a line of JSON. With ``--search`` instead it measures every
configuration and prints them, the fastest first: that is how `best` was found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path.insert(0, str(Path(__file__).parents[1]))

import tensorflow as tf

from workloads import WORKLOADS, Workload

_DTYPES = {"float32": tf.float32, "int64": tf.int64, "bytes": tf.string, "uint8": tf.string}

# What --search varies. The first of each is TensorFlow's default.
SEARCH = {
    "reads": [None, 2, 4, tf.data.AUTOTUNE],
    "buffer": [None, 8 << 20],
    "calls": [None, 2, 4, tf.data.AUTOTUNE],
    "batch_first": [True, False],
}
# What came out on top there, for small records and for large ones. `best` tries them all on the
# files at hand and keeps the fastest.
FINALISTS = [
    {"reads": None, "buffer": None, "calls": tf.data.AUTOTUNE, "batch_first": True},
    {"reads": None, "buffer": 8 << 20, "calls": tf.data.AUTOTUNE, "batch_first": True},
    {"reads": None, "buffer": 8 << 20, "calls": 4, "batch_first": True},
    {"reads": 4, "buffer": None, "calls": tf.data.AUTOTUNE, "batch_first": True},
    {"reads": 2, "buffer": None, "calls": None, "batch_first": True},
]
# What people write first.
SINGLE = {"reads": None, "buffer": None, "calls": tf.data.AUTOTUNE, "batch_first": False}


def spec_of(workload: Workload, in_rows: bool = False) -> dict:
    spec = {}
    for feature in workload.features:
        if feature.in_rows != in_rows:
            continue
        dtype = _DTYPES[feature.dtype]
        if feature.padded:
            spec[feature.name] = tf.io.FixedLenSequenceFeature([], dtype, allow_missing=True)
        elif feature.shape is None:
            spec[feature.name] = tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
        elif in_rows:
            spec[feature.name] = tf.io.FixedLenSequenceFeature(feature.shape, dtype)
        else:
            shape = [] if feature.dtype == "uint8" else feature.shape
            spec[feature.name] = tf.io.FixedLenFeature(shape, dtype, feature.default)
    return spec


def dataset_of(
    workload: Workload, files: list[str], batch_size: int, *, reads, buffer, calls, batch_first
) -> tf.data.Dataset:
    spec, lists = spec_of(workload), spec_of(workload, in_rows=True)
    raw = {f.name: f.shape for f in workload.features if f.dtype == "uint8"}

    def parse(serialized):
        if workload.of_sequences:
            all_of = tf.io.parse_sequence_example
            one = all_of if batch_first else tf.io.parse_single_sequence_example
            return one(serialized, spec, lists)
        one = tf.io.parse_example if batch_first else tf.io.parse_single_example
        columns = one(serialized, spec)
        for name, shape in raw.items():
            pixels = tf.io.decode_raw(columns[name], tf.uint8)
            columns[name] = tf.reshape(pixels, [-1, *shape] if batch_first else shape)
        return columns

    dataset = tf.data.TFRecordDataset(files, buffer_size=buffer, num_parallel_reads=reads)
    if batch_first:
        dataset = dataset.batch(batch_size).map(parse, num_parallel_calls=calls)
    else:
        dataset = dataset.map(parse, num_parallel_calls=calls)
        ragged = any(feature.shape is None for feature in workload.features)
        padded = workload.of_sequences and not ragged
        batch = (
            dataset.padded_batch if padded else dataset.ragged_batch if ragged else dataset.batch
        )
        dataset = batch(batch_size)
    options = tf.data.Options()
    options.deterministic = False
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def timed_pass(dataset: tf.data.Dataset, at_most: float) -> dict:
    """Batches and seconds of one pass, or of its part that `at_most` seconds allow."""
    batches, start = 0, time.perf_counter()
    for _ in dataset:
        batches += 1
        seconds = time.perf_counter() - start
        if seconds > at_most:
            return {"batches": batches, "seconds": seconds, "whole": False}
    return {"batches": batches, "seconds": time.perf_counter() - start, "whole": True}


def rate_of(workload: Workload, how: dict, args: argparse.Namespace) -> float:
    """Records a second in the best of some passes."""
    dataset = dataset_of(workload, args.files, args.batch_size, **how)
    passes = [timed_pass(dataset, args.at_most) for _ in range(args.rounds)]
    return max(done["batches"] * args.batch_size / done["seconds"] for done in passes)


def shown(how: dict) -> dict:
    return {k: "AUTOTUNE" if v == tf.data.AUTOTUNE else v for k, v in how.items()}


def search(workload: Workload, args: argparse.Namespace) -> None:
    ways = [dict(zip(SEARCH, how, strict=True)) for how in itertools.product(*SEARCH.values())]
    rates = [(rate_of(workload, how, args), how) for how in ways]
    for rate, how in sorted(rates, key=lambda rated: -rated[0]):
        print(f"{workload.name:14} {rate:12,.0f} records/s  {shown(how)}")


def serve(workload: Workload, args: argparse.Namespace) -> None:
    if args.form == "best":
        how = max(FINALISTS, key=lambda how: rate_of(workload, how, args))
    else:
        how = SINGLE
    print(json.dumps({"version": tf.__version__, "how": shown(how)}), flush=True)
    dataset = dataset_of(workload, args.files, args.batch_size, **how)
    for line in sys.stdin:
        if line.strip() != "pass":
            break
        print(json.dumps(timed_pass(dataset, args.at_most)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="tf.data over the files of a workload")
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("files", nargs="+")
    parser.add_argument("--form", choices=["best", "single"], default="best")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--at-most", type=float, default=1.5, help="seconds of a pass")
    parser.add_argument("--rounds", type=int, default=2, help="passes of each configuration tried")
    parser.add_argument("--search", action="store_true")
    args = parser.parse_args()
    workload = WORKLOADS[args.workload]
    args.batch_size = args.batch_size or workload.batch_size
    (search if args.search else serve)(workload, args)


if __name__ == "__main__":
    main()

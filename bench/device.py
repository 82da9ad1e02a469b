"""Batches on their way to a GPU: how fast copies are, whether they overlap the step, and what
page-locking costs.

    python bench/device.py [--data FOLDER] [--dry-run]

Needs PyTorch. ``--dry-run`` goes through all of it without a GPU: its figures mean nothing. Every
copied value is checked, outside of what is timed.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

import headrace as hr
from data import DEFAULT_FOLDER, files_of
from headrace import _core

SPEC = {"x": hr.FixedLenFeature([1024], np.float32), "label": hr.FixedLenFeature([], np.int64)}
SIZES = (1, 4, 16, 64)  # MiB a batch
STEPS, WARM_UP = 60, 15


class Gpu:
    """The device and its clock."""

    def __init__(self, dry: bool) -> None:
        self.dry = dry
        self.device = torch.device("cpu" if dry else "cuda")

    def now(self) -> object:
        """A mark on the current stream."""
        if self.dry:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self, begin, end) -> float:
        return end - begin if self.dry else begin.elapsed_time(end) / 1000

    def wait(self) -> None:
        if not self.dry:
            torch.cuda.synchronize()

    def describe(self) -> str:
        if self.dry:
            return "dry run: no GPU, the figures mean nothing"
        return (
            f"{torch.cuda.get_device_name()}, torch {torch.__version__} of CUDA "
            f"{torch.version.cuda}, NVIDIA driver {nvidia_driver()}"
        )


def nvidia_driver() -> str:
    try:
        lines = Path("/proc/driver/nvidia/version").read_text().splitlines()
    except OSError:
        return "unknown"
    return lines[0].split("Module")[-1].split()[0]


def batches_of(files: list[str], mebibytes: int, pin: bool) -> hr.Dataset:
    rows = (mebibytes << 20) // 4096
    dataset = hr.TFRecordDataset(files).parse_example(SPEC).batch(rows, drop_remainder=True)
    return dataset.repeat().with_options(hr.Options(pin_memory=pin))


# --- the bandwidth of copies ---


def bandwidth(gpu: Gpu, host: torch.Tensor) -> float:
    """GB/s of copies to the device, from one tensor: the median of many."""
    target = torch.empty_like(host, device=gpu.device)
    rates = []
    for i in range(30):
        gpu.wait()
        begin = gpu.now()
        target.copy_(host, non_blocking=True)
        end = gpu.now()
        gpu.wait()
        if i >= 5:
            rates.append(host.nbytes / gpu.seconds(begin, end) / 1e9)
    assert torch.equal(target.cpu(), host)
    return statistics.median(rates)


def compare_bandwidths(gpu: Gpu, files: list[str]) -> None:
    print(f"\n{'host to device, GB/s':24}{'pageable':>10}{'headrace':>10}{'torch':>10}{'ratio':>8}")
    for size in SIZES:
        with iter(batches_of(files, size, pin=True)) as batches:
            array = next(itertools.islice(batches, 20, None))["x"]
        ours = torch.from_numpy(array)
        if not gpu.dry:
            assert ours.is_pinned(), batches
        theirs = torch.empty_like(ours, pin_memory=not gpu.dry).copy_(ours)
        pageable = torch.from_numpy(array.copy())
        rates = [bandwidth(gpu, host) for host in (pageable, ours, theirs)]
        figures = "".join(f"{rate:10.2f}" for rate in rates)
        print(f"{f'{size} MiB':24}{figures}{rates[1] / rates[2]:8.2f}")


# --- a step of training beside the copies ---


class Step:
    """Multiplications that keep the device busy for about `seconds`, and a sum that needs the
    batch."""

    def __init__(self, gpu: Gpu, seconds: float) -> None:
        self._gpu = gpu
        self._matrix = torch.rand(256 if gpu.dry else 4096, 256 if gpu.dry else 4096,
                                  device=gpu.device)  # fmt: skip
        self._times = 10
        for _ in range(3):
            begin = gpu.now()
            self._multiply()
            end = gpu.now()
            gpu.wait()
            one = gpu.seconds(begin, end) / self._times
            self._times = max(1, round(seconds / one))

    def _multiply(self) -> None:
        for _ in range(self._times):
            torch.matmul(self._matrix, self._matrix)

    def __call__(self, batch: dict[str, torch.Tensor]) -> tuple[object, object, torch.Tensor]:
        begin = self._gpu.now()
        self._multiply()
        total = batch["x"].sum(dtype=torch.float64)
        return begin, self._gpu.now(), total


def pageable(gpu: Gpu, files: list[str], size: int) -> Iterable[dict[str, torch.Tensor]]:
    for batch in batches_of(files, size, pin=False).as_torch():
        yield {name: tensor.to(gpu.device) for name, tensor in batch.items()}


WAYS: dict[str, Callable[[Gpu, list[str], int], Iterable[dict[str, torch.Tensor]]]] = {
    "pageable, copied in the step's stream": pageable,
    "as_torch(device)": lambda gpu, files, size: batches_of(files, size, True).as_torch(gpu.device),
    "prefetch_to_device": lambda gpu, files, size: (
        batches_of(files, size, True).prefetch_to_device(gpu.device)
    ),
}


def train(gpu: Gpu, step: Step, batches: Iterable[dict[str, torch.Tensor]]) -> tuple[float, float]:
    """Seconds a step, and the share of them that the device did not spend in steps: waiting for the
    batch, or copying it."""
    marks, totals = [], []
    for batch in itertools.islice(batches, STEPS + WARM_UP):
        begin, end, total = step(batch)
        marks.append((begin, end))
        totals.append(total)
    gpu.wait()
    assert all(0 < float(total) < float("inf") for total in totals)
    marks = marks[WARM_UP:]
    whole = gpu.seconds(marks[0][0], marks[-1][1])
    busy = sum(gpu.seconds(begin, end) for begin, end in marks)
    return whole / len(marks), 1 - busy / whole


def compare_ways(gpu: Gpu, files: list[str]) -> None:
    size = 16
    print(f"\n{f'batches of {size} MiB':40}{'step':>10}{'taken':>10}{'waiting':>10}")
    for seconds in (0.0005, 0.002, 0.01):
        step = Step(gpu, seconds)
        for name, way in WAYS.items():
            batches = iter(way(gpu, files, size))
            taken, waiting = train(gpu, step, batches)
            close = getattr(batches, "close", None)
            if close is not None:
                close()
            print(f"{name:40}{seconds * 1e3:8.1f}ms{taken * 1e3:8.2f}ms{waiting:10.1%}")


# --- what page-locking costs ---


def costs(gpu: Gpu, files: list[str]) -> None:
    print(f"\n{'the first batch, ms':40}{'ordinary':>10}{'locked':>10}{'again':>10}")
    for size in SIZES:
        figures = []
        for pin in (False, True, True):  # the second finds registered buffers in the pool
            begin = time.perf_counter()
            with iter(batches_of(files, size, pin)) as batches:
                next(batches)
                figures.append((time.perf_counter() - begin) * 1e3)
        print(f"{f'{size} MiB':40}" + "".join(f"{figure:10.2f}" for figure in figures))
    memory = _core.page_locked_memory()
    print(
        f"registered in all: {memory['registered'] >> 20} MiB in {memory['registrations']} buffers"
    )
    marks = []
    with iter(batches_of(files, 1, pin=True)) as batches:
        for batch in itertools.islice(batches, 50):
            array = batch["x"]
            torch.from_numpy(array).to(gpu.device, non_blocking=True)
            del array, batch
            begin = time.perf_counter()
            _core.mark_copies()
            marks.append(time.perf_counter() - begin)
    print(f"a mark, in the consumer's thread: {statistics.median(marks) * 1e6:.1f} us")
    if gpu.dry:
        return
    cudart = torch.cuda.cudart()
    for touched in (False, True):
        array = np.empty(256 << 20, np.uint8)
        if touched:
            array[::4096] = 1
        begin = time.perf_counter()
        assert int(cudart.cudaHostRegister(array.ctypes.data, array.nbytes, 1)) == 0
        taken = time.perf_counter() - begin
        cudart.cudaHostUnregister(array.ctypes.data)
        state = "touched" if touched else "fresh"
        print(f"registering 256 MiB of {state} memory: {taken * 1e3:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--dry-run", action="store_true")
    arguments = parser.parse_args()
    if not arguments.dry_run and not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device; --dry-run does without")
    gpu = Gpu(arguments.dry_run)
    if not gpu.dry:
        torch.zeros(1, device=gpu.device)  # the process uses the GPU from here on
    files = files_of("dense", arguments.data, arguments.scale).paths
    print(f"{platform.processor() or platform.machine()}, {gpu.describe()}")
    costs(gpu, files)
    compare_bandwidths(gpu, files)
    compare_ways(gpu, files)


if __name__ == "__main__":
    main()

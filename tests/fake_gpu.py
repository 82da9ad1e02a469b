"""A CUDA driver without a GPU, for tests: fake_cuda.c compiled, and programs that run with it."""

from __future__ import annotations

import ctypes
import os
import pathlib

import numpy as np

import native

VARIABLE = "HEADRACE_CUDA_DRIVER"


def compile_driver(folder: pathlib.Path, *, old: bool = False) -> pathlib.Path:
    """Skips the test where there is no C compiler."""
    library = folder / f"fake_cuda{'_old' * old}.so"
    return native.compile_library("fake_cuda.c", library, *(["-DOLD_DRIVER"] if old else []))


def run(program: str, driver: object, *arguments: object, **environment: str) -> str:
    """What a program prints that runs with this driver: in a process of its own, for a process
    chooses its driver once."""
    return native.run(program, *arguments, **{VARIABLE: str(driver), **environment})


class FakeGpu:
    """What such a program does with its GPU."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[VARIABLE])
        self._library.fake_count.restype = ctypes.c_long
        self._memory: list[np.ndarray] = []

    def use(self, device: int) -> None:
        """From now on the process uses it: its context is active."""
        self._library.fake_use(device)

    def copy(self, array: np.ndarray, stream: int = 0, device: int = 0) -> np.ndarray:
        """An asynchronous copy to the GPU's memory."""
        target = np.empty_like(array)
        self._memory.append(target)
        size = ctypes.c_size_t(array.nbytes)
        pointers = (ctypes.c_void_p(a.ctypes.data) for a in (target, array))
        self.was_asynchronous = bool(self._library.fake_copy(device, stream, *pointers, size))
        return target

    def hold(self, stream: int, hold: bool = True) -> None:
        self._library.fake_hold(stream, int(hold))

    def wait(self) -> None:
        """For all copies."""
        self._library.fake_wait()

    def capture(self, on: bool) -> None:
        self._library.fake_capture(int(on))

    def limit(self, size: int) -> None:
        """Bytes that may be registered."""
        self._library.fake_limit(ctypes.c_size_t(size))

    def count(self, what: str) -> int:
        count: int = self._library.fake_count(what.encode())
        assert count >= 0, what
        return count

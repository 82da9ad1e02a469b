"""A CUDA driver without a GPU, for tests: fake_cuda.c compiled, and programs that run with it."""

from __future__ import annotations

import ctypes
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

TESTS = pathlib.Path(__file__).parent
VARIABLE = "HEADRACE_CUDA_DRIVER"


def compile_driver(folder: pathlib.Path, *, old: bool = False) -> pathlib.Path:
    """Skips the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs a C compiler for the fake CUDA driver")
    library = folder / f"fake_cuda{'_old' * old}.so"
    if not library.exists():
        flags = ["-shared", "-fPIC", "-O1", "-pthread", *(["-DOLD_DRIVER"] if old else [])]
        subprocess.run([compiler, *flags, TESTS / "fake_cuda.c", "-o", library], check=True)
    return library


def run(program: str, driver: object, *arguments: object, **environment: str) -> str:
    """What a program prints that runs with this driver: in a process of its own, for a process
    chooses its driver once. Warnings are errors, as in the tests."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env={**os.environ, VARIABLE: str(driver), "PYTHONPATH": os.pathsep.join(
            [str(TESTS), os.environ.get("PYTHONPATH", "")]), **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


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

"""A disk with faults, for tests: faulty_disk.c compiled, and programs whose files lie on it."""

from __future__ import annotations

import ctypes
import os
import pathlib
import sys

import pytest

import native

VARIABLE = "FAULTY_DISK"


def compile_disk(folder: pathlib.Path) -> pathlib.Path:
    """Skips the test where there is no C compiler, or other ways to preload a library."""
    if sys.platform != "linux":
        pytest.skip("preloads a library in the way of Linux")
    return native.compile_library("faulty_disk.c", folder / "faulty_disk.so")


def run(program: str, disk: pathlib.Path, *arguments: object) -> str:
    """What a program prints whose reads go through this library, in a process of its own."""
    preloaded = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(disk)]))
    return native.run(program, *arguments, **{VARIABLE: str(disk), "LD_PRELOAD": preloaded})


class FaultyDisk:
    """What such a program does with its disk."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[VARIABLE])
        self._library.faulty_count.restype = ctypes.c_long

    def break_page(self, path: object, offset: int, *, times: int = -1) -> None:
        """From now on the 4096 bytes from `offset` on of this file cannot be read, for so many
        reads or for ever; all else can."""
        place = (os.fsencode(os.path.realpath(path)), ctypes.c_long(offset), ctypes.c_long(4096))
        self._library.faulty_break(*place, ctypes.c_long(times))

    def spoil(self, path: object, offset: int, *, times: int) -> None:
        """The next reads of this byte, so many, find another one."""
        place = (os.fsencode(os.path.realpath(path)), ctypes.c_long(offset))
        self._library.faulty_spoil(*place, ctypes.c_long(times))

    def mend(self) -> None:
        self._library.faulty_mend()

    def cut(self, path: object, *, reads: int, size: int) -> None:
        """When so many reads of this file have been served, it is cut to this size."""
        place = os.fsencode(os.path.realpath(path))
        self._library.faulty_cut(place, ctypes.c_long(reads), ctypes.c_long(size))

    def cut_short(self, on: bool = True) -> None:
        """Whether reads return less than was asked for, are interrupted, and find nothing in the
        system's memory."""
        self._library.faulty_cut_short(int(on))

    def faults(self) -> int:
        """How many there have been."""
        return self._library.faulty_count()

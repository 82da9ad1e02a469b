"""Options: how a dataset is read. No option changes a value or the order."""

from __future__ import annotations

import dataclasses
import operator
import re

__all__ = ["AUTOTUNE", "Options"]

AUTOTUNE = -1

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_UNITS = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read; given by ``dataset.with_options(hr.Options(...))``.

    Attributes:
        threads: threads of the core. None or AUTOTUNE: as many as this process may use.
        prefetch: finished batches that may wait for the consumer. None or AUTOTUNE: as
            ``dataset.prefetch(n)`` says, else the core decides.
        memory_budget: bytes that read-ahead, waiting batches and the window of a shuffle may take,
            but for a few dozen a record in the window: an int, or a text such as "2GiB" or
            "500 MB". Half of it is the window's; records that find no room there are read again
            from their files when they are due. None: 256 MiB, and a window of any size besides.
        verify_checksums: check both checksums of every record that is delivered.
        pin_memory: batches in page-locked memory, from which copies to a GPU run beside all else.
            Needs the CUDA driver, and that the process uses a GPU by then (it is not this that
            begins it); else batches are in ordinary memory, as ``stats()`` says. Arrays in such
            memory are not there in a forked child.
        mmap: on Linux with an x86-64 CPU, copy large values (of records of 24 KB and more) out of
            files mapped into memory while the system has them there, which is up to 1.5 times as
            fast as reading them. A handler of SIGBUS is put up for it, for a file that is cut in
            that moment; it passes on all that is not its own. On Linux since 5.18 also map files
            that are not in memory, for the system then brings them in large pages: faster, and
            every later pass is faster for it. False: files are only read.

    Raises TypeError and ValueError. A field left at its default keeps what an earlier
    ``with_options`` of the same dataset said.
    """

    threads: int | None = None
    prefetch: int | None = None
    memory_budget: int | str | None = None
    verify_checksums: bool = True
    pin_memory: bool = False
    mmap: bool = True

    def __post_init__(self) -> None:
        for name, least in (("threads", 1), ("prefetch", 1)):
            value = getattr(self, name)
            if value is None:
                continue
            number = operator.index(value)
            if number != AUTOTUNE and number < least:
                raise ValueError(
                    f"Options: {name} must be at least {least}, or None or AUTOTUNE; got {value!r}"
                )
        for name in ("verify_checksums", "pin_memory", "mmap"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"Options: {name} must be a bool; got {getattr(self, name)!r}")
        if self.memory_budget is not None and size_in_bytes(self.memory_budget) <= 0:
            raise ValueError(
                f"Options: memory_budget must be at least one byte; got {self.memory_budget!r}"
            )

    def merged(self, later: Options) -> Options:
        """These options, with every field of `later` that is not at its default."""
        changes = {
            f.name: getattr(later, f.name)
            for f in dataclasses.fields(later)
            if getattr(later, f.name) != f.default
        }
        return dataclasses.replace(self, **changes)


def size_in_bytes(size: int | str) -> int:
    """ "2GiB", "500 MB", "1.5g" or a number of bytes. Raises ValueError."""
    if not isinstance(size, str):
        return operator.index(size)
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?i?)b?\s*", size.lower())
    unit = match and {**_UNITS, **_BINARY_UNITS}.get(match[2])
    if not match or not unit:
        raise ValueError(f'a size is a number of bytes or a text such as "2GiB"; got {size!r}')
    return int(float(match[1]) * unit)

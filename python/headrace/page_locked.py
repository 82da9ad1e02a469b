"""Page-locked memory: whether there is any, and when its next use is safe."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from . import _core

_warned = False


def _warn_if_missing() -> None:
    """Once in a process, where no page-locked memory can ever be had."""
    global _warned
    missing = _core.page_locked_memory()["driver_missing"]
    if missing and not _warned:
        _warned = True
        warnings.warn(
            f"pin_memory=True: batches are in ordinary memory, for {missing}",
            RuntimeWarning,
            stacklevel=7,
        )


def memory() -> str:
    """What kind batches of an iterator with pin_memory=True have now."""
    missing = _core.page_locked_memory()["missing"]
    return f"ordinary: {missing}" if missing else "page-locked"


def marking(next_batch: Callable[[], Any]) -> Callable[[], Any]:
    """next() of a loader that also marks what arrays have given back since the last one. Here,
    because only the thread that uses the batches knows whether it is capturing a graph, which
    marking would spoil; it waits for nothing. Warns if there is never any page-locked memory."""
    _warn_if_missing()

    def marked() -> Any:
        if not _captures():
            _core.mark_copies()
        return next_batch()

    return marked


def _captures() -> bool:
    torch: Any = sys.modules.get("torch")
    return (
        torch is not None
        and hasattr(torch, "cuda")  # else it is being imported
        and torch.cuda.is_initialized()
        and torch.cuda.is_current_stream_capturing()
    )

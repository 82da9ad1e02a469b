"""What this installation is."""

from __future__ import annotations

from typing import Any

from . import _core


def build_info() -> dict[str, Any]:
    """Version, compiler, which CPU body was chosen (and which this CPU could run), and whether
    batches can lie in page-locked memory: ``page_locked_memory``, and if not, why in
    ``page_locked_memory_missing``. Looks for the CUDA driver."""
    missing = _core.page_locked_memory()["driver_missing"]
    return {
        **_core.build_info(),
        "page_locked_memory": not missing,
        "page_locked_memory_missing": missing,
    }

"""What this installation is."""

from __future__ import annotations

from typing import Any

from . import _core


def build_info() -> dict[str, Any]:
    """Version, compiler, which CPU body was chosen (and which this CPU could run), and whether
    batches can lie in page-locked memory."""
    return {**_core.build_info(), "page_locked_memory": False}

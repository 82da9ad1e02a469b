"""What bounds a pass, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ADVICE = {
    "read": "reading the files: faster storage, or more threads where reads wait for it",
    "order": "finding where records end and what their places are: one thread at a time does it",
    "checksum": "checksums of the data: verify_checksums=False would do without",
    "locate": "finding the features in the records: fewer or shorter names",
    "decode": "counting and decoding values: more threads, or fewer features",
    "assemble": "writing values into batches: narrower dtypes, or more threads",
    "wait for turn": "threads waiting for one another: fewer threads would do",
}


def report(stats: dict[str, Any]) -> dict[str, Any]:
    """The loader's counts with what follows from them."""
    return {
        **stats,
        "slow_share": stats["slow_records"] / max(stats["records"], 1),
        "bottleneck": sentence(stats["seconds"], stats["elapsed"], stats["threads"]),
    }


def sentence(seconds: Mapping[str, float], elapsed: float, threads: int) -> str:
    """The stage that most of the time went to. `seconds` are those of stats(): of all threads
    together for each stage, and of the consumer."""
    waited = seconds["consumer waits"]
    if elapsed <= 0:
        return "Nothing has been read yet."
    if waited < 0.1 * elapsed:
        return (
            f"The consumer bounds this pass: it waited {waited / elapsed:.0%} of the time for "
            "batches, the rest was its own."
        )
    busy = {stage: seconds[stage] for stage in _ADVICE}
    total = sum(busy.values()) or 1.0
    stage = max(busy, key=lambda name: busy[name])
    return (
        f"The loader bounds this pass: the consumer waited {waited / elapsed:.0%} of the time, and "
        f"{busy[stage] / total:.0%} of what its {threads} threads did was {_ADVICE[stage]}."
    )

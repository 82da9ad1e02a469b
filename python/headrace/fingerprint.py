"""Fingerprint: what a state belongs to."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from .verbs import HOW, Map, Parse, ParseSequences, Source, Verb

_LONGEST_CHAIN = 240


def fingerprint(verbs: tuple[Verb, ...], sizes: list[int]) -> dict[str, Any]:
    """Small and JSON-able: base names and sizes of the files, the chain with its batch sizes, and
    the features. Folders, options and functions are no part of it."""
    source = verbs[0]
    assert isinstance(source, Source)
    steps = [verb for verb in verbs[1:] if not isinstance(verb, HOW)]
    chain = ".".join(_step(verb) for verb in steps)
    if len(chain) > _LONGEST_CHAIN:
        chain = f"{chain[:_LONGEST_CHAIN]}... {_digest(chain)}"
    specs = [
        [(key, type(f).__name__, f.meaning()) for key, f in verb.spec.features.items()]
        for verb in steps
        if isinstance(verb, (Parse, ParseSequences))
    ]
    return {
        "files": len(source.files),
        "names": _digest([os.path.basename(path) for path in source.files]),
        "sizes": _digest(sizes),
        "chain": chain,
        "features": _digest(specs),
        "order": source.order(),
        "on_corruption": source.on_corruption,
    }


def differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Why a state with the first fingerprint cannot be used where the second holds."""
    found = []
    if was.get("files") != now["files"]:
        found.append(f"there were {was.get('files')} files and now there are {now['files']}")
    else:
        if was.get("names") != now["names"]:
            found.append("the files have other names, or another order")
        elif was.get("sizes") != now["sizes"]:
            found.append("the files have other sizes")
    found += [
        f"{part} was {was.get(part)!r} and is now {now[part]!r}"
        for part in ("chain", "order", "on_corruption")
        if was.get(part) != now[part]
    ]
    if was.get("features") != now["features"]:
        found.append("other features are parsed, or in another way")
    return found


def _step(verb: Verb) -> str:
    if isinstance(verb, Parse):
        return "parse_example"
    if isinstance(verb, ParseSequences):
        return "parse_sequence_example"
    return "map" if isinstance(verb, Map) else str(verb)


def _digest(what: Any) -> str:
    return hashlib.sha256(repr(what).encode("utf-8", "surrogateescape")).hexdigest()[:16]

"""Fingerprint: what a state belongs to."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from .sources import Generator, Source, candidates, inputs, links, record_sources
from .verbs import DELIVERY, FUNCTIONS, HOW, Chain, Parse, ParseSequences, Verb

_LONGEST_CHAIN = 240


def fingerprint(verbs: Chain, sizes: list[int]) -> dict[str, Any]:
    """Small and JSON-able: base names and sizes of the files, the chain with its batch sizes, and
    the features. Folders, options and functions are no part of it."""
    sources = record_sources(verbs)
    paths = [path for source in sources for path in candidates(source)]
    chain = _chain(verbs)
    if len(chain) > _LONGEST_CHAIN:
        chain = f"{chain[:_LONGEST_CHAIN]}... {_digest(chain)}"
    specs = [
        [(key, type(f).__name__, f.meaning()) for key, f in verb.spec.features.items()]
        for verb in links(verbs)
        if isinstance(verb, (Parse, ParseSequences))
    ]
    return {
        "files": len(paths),
        "names": _digest([os.path.basename(path) for path in paths]),
        "sizes": _digest(sizes),
        "chain": chain,
        "features": _digest(specs),
        "order": ";".join(source.order() for source in sources),
        "on_corruption": ";".join(source.on_corruption for source in sources),
    }


def _chain(verbs: Chain) -> str:
    """Without the files, the names of functions, and what is drawn at random."""
    written = [verb for verb in verbs if not isinstance(verb, (*HOW, *DELIVERY))]
    if isinstance(verbs[0], Source) and verbs[0].names is None:
        written = written[1:]
    return ".".join(map(_step, written))


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
    within = ", ".join(_chain(chain) for chain in inputs(verb))
    if isinstance(verb, Parse):
        return "parse_example"
    if isinstance(verb, ParseSequences):
        return "parse_sequence_example"
    if isinstance(verb, (*FUNCTIONS, Generator)):
        return verb.called()
    return f"{verb.called()}({within})" if within else str(verb)


def _digest(what: Any) -> str:
    return hashlib.sha256(repr(what).encode("utf-8", "surrogateescape")).hexdigest()[:16]

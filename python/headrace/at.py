"""dataset[i]: records by their number, through the index."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import _core
from .arrays import BytesArray
from .files import native
from .index import index_for
from .node import split
from .sources import Source
from .verbs import HOW, Chain, Parse


def element_at(chain: Chain, which: Any) -> Any:
    """The element of this number, or the batch of several: an int or a sequence of them, from the
    end where they are negative. Raises IndexError; TypeError for a chain of more than files and
    parse_example, whose elements have no numbers of their own."""
    source = chain[0]
    others = [verb for verb in chain[1:] if not isinstance(verb, (Parse, *HOW))]
    if not isinstance(source, Source) or source.interleaving or source.names or others:
        what = others[0] if others else source
        raise TypeError(f"dataset[i] needs files in their order, parsed or not; there is {what}")
    parts = split(chain)
    threads = parts.loader_options()["threads"] or None
    index = index_for(source.files, source.on_corruption, threads)
    several = np.ndim(which) > 0
    numbers = np.asarray(which).reshape(-1).tolist() if several else [which]
    ordinals = [_ordinal(number, index.count()) for number in numbers]
    spec = None if parts.node is None else parts.node.spec
    read = _core.read_records(
        [native(path) for path in source.files],
        index,
        ordinals,
        None if spec is None else spec.schema,
        not several,
        parts.options.verify_checksums,
    )
    if spec is None:
        return BytesArray.of(read) if several else read[0]
    return spec.element(read if several else spec.rows(read)[0])


def _ordinal(number: Any, count: int) -> int:
    ordinal = operator.index(number)
    if not -count <= ordinal < count:
        raise IndexError(f"record {ordinal} of {count}")
    return ordinal % count

"""Node: the part of a chain that runs in the core, and what is left for Python."""

from __future__ import annotations

import dataclasses
from typing import Any

from .options import AUTOTUNE, Options, size_in_bytes
from .spec import Spec
from .verbs import (
    HOW,
    ORDER,
    AsTuple,
    Batch,
    Parse,
    Prefetch,
    Skip,
    Source,
    Take,
    Verb,
    WithOptions,
)

_INT64_MAX = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Node:
    """Source, order verbs, batch, parse: one loader of the core.

    Without `batch` its elements are single; without `spec`, serialized records; with `names`,
    tuples of these features.
    """

    source: Source
    spec: Spec | None
    order: tuple[Verb, ...]
    batch: Batch | None
    names: tuple[str | bytes, ...] | None

    def chain(self) -> list[tuple[Any, ...]]:
        """The order verbs as _core.Loader takes them."""
        return [(type(verb).__name__.lower(), *dataclasses.astuple(verb)) for verb in self.order]


@dataclasses.dataclass(frozen=True)
class Split:
    """A chain, divided. `behind` are the verbs that Python iterates, `options` all that say how."""

    node: Node
    behind: tuple[Verb, ...]
    options: Options
    ready: int  # batches that may wait, 0 if nobody has said

    def loader_options(self) -> dict[str, Any]:
        """As _core.Loader takes them: 0 is for it to decide."""
        threads, prefetch = self.options.threads, self.options.prefetch
        budget = self.options.memory_budget
        return {
            "threads": 0 if threads in (None, AUTOTUNE) else threads,
            "prefetch": self.ready if prefetch in (None, AUTOTUNE) else prefetch,
            "memory_budget": 0 if budget is None else size_in_bytes(budget),
            "verify": self.options.verify_checksums,
        }


def split(verbs: tuple[Verb, ...]) -> Split:
    """Divides a chain. What says how is collected from all of it."""
    source = verbs[0]
    assert isinstance(source, Source)
    options, ready = Options(), 0
    for verb in verbs:
        if isinstance(verb, WithOptions):
            options = options.merged(verb.options)
        elif isinstance(verb, Prefetch) and verb.size > 0:
            ready = verb.size
    steps = [verb for verb in verbs[1:] if not isinstance(verb, HOW)]

    spec: Spec | None = None
    batch: Batch | None = None
    names: tuple[str | bytes, ...] | None = None
    order: list[Verb] = []
    behind: list[Verb] = []
    for verb in steps:
        if isinstance(verb, Parse):
            # Only order verbs may lie before it (Dataset.parse_example sees to that), and it does
            # not matter whether they choose among batches before or after parsing.
            spec = verb.spec
        elif behind:
            behind.append(verb)
        elif isinstance(verb, AsTuple) and spec is not None and names is None:
            names = verb.names
        elif isinstance(verb, Batch) and batch is None:
            batch = verb
        elif isinstance(verb, ORDER) and batch is None:
            order.append(verb)
        elif isinstance(verb, (Skip, Take)) and batch is not None:
            # So many batches are so many records.
            count = verb.count if verb.count < 0 else min(verb.count * batch.size, _INT64_MAX)
            order.append(type(verb)(count))
        else:
            behind.append(verb)
    return Split(Node(source, spec, tuple(order), batch, names), tuple(behind), options, ready)

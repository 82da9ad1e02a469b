"""From a chain to its stages."""

from __future__ import annotations

import functools
from typing import Any

from ..node import Split, begins_in_vain, passes_of
from ..verbs import (
    FUNCTIONS,
    AsTuple,
    Batch,
    Map,
    Parse,
    ParseSequences,
    Repeat,
    Shard,
    Shuffle,
    Skip,
    Take,
    Verb,
)
from .batch import BatchStage
from .load import LoadBatches, LoadExamples
from .map import AsTupleStage, MapStage
from .order import ShardStage, SkipStage, TakeStage
from .parse import ParseStage
from .repeat import RepeatStage
from .shuffle import ShuffleStage
from .stage import Open
from .to_numpy import ToNumpyStage

_STAGES: dict[type[Verb], Any] = {
    AsTuple: AsTupleStage,
    Batch: BatchStage,
    Map: MapStage,
    Parse: ParseStage,
    ParseSequences: ParseStage,
    Shard: ShardStage,
    Skip: SkipStage,
    Take: TakeStage,
}


def open_stages(split: Split, *, to_numpy: bool = False) -> Open:
    """The function that starts a pass, from the beginning or from a state."""
    innermost = LoadExamples if split.node.batch is None else LoadBatches
    opened: Open = functools.partial(innermost, split)
    for verb, before in split.behind:
        opened = _behind(verb, before, opened)
    return functools.partial(ToNumpyStage, opened) if to_numpy else opened


def _behind(verb: Verb, before: tuple[Verb, ...], opened: Open) -> Open:
    """The stage of a verb behind those before it."""
    if isinstance(verb, Repeat):
        in_vain = passes_of(before) if begins_in_vain((*before, verb)) else []
        return functools.partial(RepeatStage, verb, in_vain, opened)
    if isinstance(verb, Shuffle):
        function = next((v for v in reversed(before) if isinstance(v, FUNCTIONS)), None)
        return functools.partial(ShuffleStage, verb, function, opened)
    return functools.partial(_STAGES[type(verb)], verb, opened)

"""From a chain to its stages."""

from __future__ import annotations

import functools
from typing import Any

from ..node import Split
from ..verbs import AsTuple, Batch, Map, Repeat, Shard, Skip, Take, Verb
from .batch import BatchStage
from .load import LoadBatches, LoadExamples
from .map import AsTupleStage, MapStage
from .order import ShardStage, SkipStage, TakeStage
from .repeat import RepeatStage
from .stage import Open
from .to_numpy import ToNumpyStage

_STAGES: dict[type[Verb], Any] = {
    AsTuple: AsTupleStage,
    Batch: BatchStage,
    Map: MapStage,
    Repeat: RepeatStage,
    Shard: ShardStage,
    Skip: SkipStage,
    Take: TakeStage,
}


def open_stages(split: Split, *, to_numpy: bool = False) -> Open:
    """The function that starts a pass, from the beginning or from a state."""
    innermost = LoadExamples if split.node.batch is None else LoadBatches
    opened: Open = functools.partial(innermost, split)
    for verb in split.behind:
        opened = functools.partial(_STAGES[type(verb)], verb, opened)
    return functools.partial(ToNumpyStage, opened) if to_numpy else opened

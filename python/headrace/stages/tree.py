"""From a chain to its stages."""

from __future__ import annotations

import functools
from typing import Any

from ..node import Split, Step, begins_in_vain, split
from ..options import Options
from ..sources import Choose, Generator, Range, Sample, Slices, Tensors, Zip, links, shuffles
from ..verbs import (
    FUNCTIONS,
    AsJax,
    AsTorch,
    AsTuple,
    Batch,
    BucketBySequenceLength,
    Cache,
    Chain,
    Concatenate,
    Enumerate,
    Filter,
    Interleave,
    Map,
    PaddedBatch,
    Parse,
    ParseSequences,
    PrefetchToDevice,
    RaggedBatch,
    Rebatch,
    Repeat,
    Shard,
    Shuffle,
    Skip,
    Take,
    TakeWhile,
    Unbatch,
    Verb,
)
from .batch import BatchStage
from .bucket import BucketStage
from .cache import CacheStage
from .combine import ChooseStage, ConcatenateStage, SampleStage, ZipStage
from .deliver import AsJaxStage, AsTorchStage, PrefetchToDeviceStage
from .filter import FilterStage, TakeWhileStage
from .interleave import InterleaveStage
from .load import LoadBatches, LoadExamples
from .map import AsTupleStage, MapStage, ParallelMapStage
from .order import EnumerateStage, ShardStage, SkipStage, TakeStage
from .pad import PaddedBatchStage, RaggedBatchStage
from .parse import ParseStage
from .rebatch import RebatchStage, UnbatchStage
from .repeat import RepeatStage
from .shuffle import ShuffleStage
from .source import EmptyStage, GeneratorStage, RangeStage, SlicesStage, TensorsStage
from .stage import Open
from .to_numpy import ToNumpyStage

_STAGES: dict[type[Verb], Any] = {
    AsJax: AsJaxStage,
    AsTorch: AsTorchStage,
    AsTuple: AsTupleStage,
    Batch: BatchStage,
    BucketBySequenceLength: BucketStage,
    Cache: CacheStage,
    Choose: ChooseStage,
    Enumerate: EnumerateStage,
    Filter: FilterStage,
    Generator: GeneratorStage,
    PaddedBatch: PaddedBatchStage,
    Parse: ParseStage,
    ParseSequences: ParseStage,
    RaggedBatch: RaggedBatchStage,
    Range: RangeStage,
    Rebatch: RebatchStage,
    Sample: SampleStage,
    Shard: ShardStage,
    Skip: SkipStage,
    Slices: SlicesStage,
    Take: TakeStage,
    TakeWhile: TakeWhileStage,
    Tensors: TensorsStage,
    Unbatch: UnbatchStage,
    Zip: ZipStage,
}
# Behind these, somebody else may hold an element's arrays.
_SHOW = (*FUNCTIONS, Cache, Generator, Slices, Tensors)
_DEFAULTS = Options()


def open_chain(chain: Chain, options: Options = _DEFAULTS, ready: int = 0) -> Open:
    """The function that starts a pass, from the beginning or from a state. What says how is added
    to what is given, and holds for the datasets within, too."""
    # Nothing before these is begun, as in TensorFlow.
    nothing = max((i for i, verb in enumerate(chain) if gives_nothing(verb)), default=-1)
    parts = split(chain, options, ready)
    nested = functools.partial(open_chain, options=parts.options, ready=parts.ready)
    if nothing >= 0:
        return functools.partial(EmptyStage, chain[nothing])
    opened = _source(chain[0], parts, nested)
    for step in parts.behind:
        opened = _behind(step, opened, nested)
    return opened


def open_stages(chain: Chain, *, to_numpy: bool = False) -> Open:
    """The same for an iterator."""
    opened = open_chain(chain)
    return functools.partial(ToNumpyStage, opened) if to_numpy else opened


def gives_nothing(verb: Verb) -> bool:
    match verb:
        case Take(count=0) | Skip(count=-1) | Repeat(count=0):
            return True
    return False


def _source(source: Verb, parts: Split, nested: Any) -> Open:
    if parts.node is not None:
        names = parts.node.source.names
        innermost = LoadExamples if parts.node.batch is None else LoadBatches
        return functools.partial(
            innermost, parts, parts.node, None if names is None else nested(names)
        )
    stage = _STAGES[type(source)]
    if isinstance(source, (Zip, Sample, Choose)):
        return functools.partial(stage, source, [nested(chain) for chain in source.chains])
    return functools.partial(stage, source)


def _behind(step: Step, opened: Open, nested: Any) -> Open:
    """The stage of a verb behind those before it."""
    match step.verb:
        case Repeat() as verb:
            vain = [shuffle.passes for shuffle in shuffles(step.before)]
            if not begins_in_vain((*step.before, verb)):
                vain = []
            return functools.partial(RepeatStage, verb, vain, opened)
        case Shuffle() as verb:
            function = next((v for v in reversed(step.before) if isinstance(v, FUNCTIONS)), None)
            return functools.partial(ShuffleStage, verb, function, opened)
        case Map() as verb:
            stage = MapStage if verb.calls == 1 else ParallelMapStage
            return functools.partial(stage, verb, opened)
        case Interleave() as verb:
            return functools.partial(InterleaveStage, verb, opened, nested)
        case Concatenate() as verb:
            return functools.partial(ConcatenateStage, opened, nested(verb.chain))
        case PrefetchToDevice() as verb:
            ours = not any(isinstance(other, _SHOW) for other in links(step.before))
            return functools.partial(PrefetchToDeviceStage, verb, ours, opened)
    return functools.partial(_STAGES[type(step.verb)], step.verb, opened)

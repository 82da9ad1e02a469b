"""Cardinality: how many elements a dataset has, as far as that is known without reading."""

from __future__ import annotations

from . import files
from .sources import Choose, Range, Sample, Slices, Source, Tensors, Zip
from .verbs import (
    FUNCTIONS,
    Batch,
    Chain,
    Concatenate,
    Enumerate,
    Map,
    PaddedBatch,
    RaggedBatch,
    Rebatch,
    Repeat,
    Shard,
    ShardEven,
    Skip,
    Take,
    Unbatch,
    Verb,
)

INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


def cardinality(chain: Chain) -> int:
    """Number of elements by TensorFlow's rules: INFINITE_CARDINALITY for an endless repeat."""
    count = _of_source(chain[0])
    for verb in chain[1:]:
        count = _behind(verb, count)
    return count


def _of_source(source: Verb) -> int:
    match source:
        case Source():
            return _known_records(source)
        case Range():
            return source.count()
        case Slices():
            return source.rows
        case Tensors():
            return 1
        case Zip():
            counts = [cardinality(chain) for chain in source.chains]
            if UNKNOWN_CARDINALITY in counts:
                return 0 if 0 in counts else UNKNOWN_CARDINALITY
            finite = [count for count in counts if count != INFINITE_CARDINALITY]
            return min(finite, default=INFINITE_CARDINALITY)
        case Sample() | Choose():
            sampled = source.chains if isinstance(source, Sample) else source.chains[:-1]
            counts = [cardinality(chain) for chain in sampled]
            if source.stop_on_empty or UNKNOWN_CARDINALITY in counts:
                endless = all(count == INFINITE_CARDINALITY for count in counts)
                return INFINITE_CARDINALITY if endless else UNKNOWN_CARDINALITY
            if isinstance(source, Choose):
                return UNKNOWN_CARDINALITY
            return INFINITE_CARDINALITY if INFINITE_CARDINALITY in counts else sum(counts)
    return UNKNOWN_CARDINALITY


def _known_records(source: Source) -> int:
    """What count() has found, as long as the sizes stay."""
    if source.counted.sizes is None:
        return UNKNOWN_CARDINALITY
    try:
        unchanged = files.sizes(source.files) == source.counted.sizes
    except OSError:
        return UNKNOWN_CARDINALITY
    return source.counted.records if unchanged else UNKNOWN_CARDINALITY


def _behind(verb: Verb, count: int) -> int:
    known = count >= 0
    match verb:
        case Repeat(count=-1):
            return count if count == 0 else INFINITE_CARDINALITY
        case Repeat(count=0):
            return 0
        case Repeat() if known:
            return count * verb.count
        case Take() if count != UNKNOWN_CARDINALITY and verb.count >= 0:
            return min(count, verb.count) if known else verb.count
        case Skip() if known:
            return max(0, count - verb.count) if verb.count >= 0 else 0
        case Shard() if known:
            return max(0, -((verb.index - count) // verb.num_shards))
        case ShardEven() if known:
            whole = verb.even == "drop"
            return count // verb.num_shards if whole else -(-count // verb.num_shards)
        case Batch() | PaddedBatch() | RaggedBatch() if known:
            return count // verb.size if verb.drop_remainder else -(-count // verb.size)
        case Concatenate():
            other = cardinality(verb.chain)
            if INFINITE_CARDINALITY in (count, other):
                return INFINITE_CARDINALITY
            return count + other if known and other >= 0 else UNKNOWN_CARDINALITY
        case Map() | Enumerate():
            return count
        case Unbatch() | Rebatch():
            return count if count in (0, INFINITE_CARDINALITY) else UNKNOWN_CARDINALITY
        case _ if isinstance(verb, FUNCTIONS):
            return UNKNOWN_CARDINALITY
    return count

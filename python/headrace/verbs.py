"""Verbs: the links of a dataset's chain. Frozen, picklable, compared by value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from .options import Options
from .passes import Passes
from .sequence_spec import SequenceSpec
from .spec import Spec


@dataclasses.dataclass(frozen=True)
class Verb:
    """One link of a chain."""

    def __str__(self) -> str:
        """As it is written in Python, options and functions left out where they are long."""
        values = [getattr(self, f.name) for f in dataclasses.fields(self) if f.compare]
        return f"{self.called()}({', '.join(map(repr, values))})"

    @classmethod
    def called(cls) -> str:
        """The name of the method that makes it."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


Chain = tuple[Verb, ...]  # a source, and the verbs behind it


def text(chain: Chain) -> str:
    """As it is written in Python."""
    return ".".join(map(str, chain))


def name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


@dataclasses.dataclass(frozen=True)
class Parse(Verb):
    spec: Spec

    def __str__(self) -> str:
        return f"parse_example({len(self.spec.features)} features)"


@dataclasses.dataclass(frozen=True)
class ParseSequences(Verb):
    spec: SequenceSpec

    def __str__(self) -> str:
        return f"parse_sequence_example({len(self.spec.features)} features)"


@dataclasses.dataclass(frozen=True)
class Batch(Verb):
    size: int
    drop_remainder: bool


@dataclasses.dataclass(frozen=True)
class Skip(Verb):
    count: int  # -1: all


@dataclasses.dataclass(frozen=True)
class Take(Verb):
    count: int  # -1: all


@dataclasses.dataclass(frozen=True)
class Repeat(Verb):
    count: int  # -1: endless


@dataclasses.dataclass(frozen=True)
class Shard(Verb):
    num_shards: int
    index: int


@dataclasses.dataclass(frozen=True)
class Shuffle(Verb):
    size: int
    seed: int | None
    reshuffle: bool
    passes: Passes = dataclasses.field(default_factory=Passes, compare=False, repr=False)

    def begin(self, state: dict[str, Any] | None) -> int:
        """The number of the pass that begins now, or goes on from what kept() gave."""
        if state is None:
            return self.passes.take()
        if self.seed is None:
            lo, hi = state["seeds"]
            self.passes.adopt((int(lo), int(hi)))
        number = int(state["pass"])
        self.passes.set(number + 1)
        return number

    def kept(self, number: int) -> dict[str, Any]:
        """What a state must hold of this pass: a seed that was drawn, too."""
        if self.seed is None:
            return {"pass": number, "seeds": list(self.passes.seeds(None))}
        return {"pass": number}


@dataclasses.dataclass(frozen=True)
class ShuffleAll(Shuffle):
    """A permutation of all records, through an index; the size is of no meaning."""

    def __str__(self) -> str:
        return f"shuffle(None, {self.seed!r}, {self.reshuffle})"

    def key(self) -> int:
        """Of the permutation."""
        return self.passes.seeds(None)[0] if self.seed is None else self.seed % 2**64


@dataclasses.dataclass(frozen=True)
class ShardEven(Verb):
    """As many records for each, through an index: "drop", "pad" or "wrap"."""

    num_shards: int
    index: int
    even: str

    def __str__(self) -> str:
        return f"shard({self.num_shards}, {self.index}, even={self.even!r})"


@dataclasses.dataclass(frozen=True)
class Map(Verb):
    function: Callable[..., Any]
    calls: int = dataclasses.field(default=1, compare=False)  # at a time; changes no element

    def __str__(self) -> str:
        return f"map({name_of(self.function)})"


@dataclasses.dataclass(frozen=True)
class Filter(Verb):
    function: Callable[..., Any]

    def __str__(self) -> str:
        return f"filter({name_of(self.function)})"


@dataclasses.dataclass(frozen=True)
class TakeWhile(Verb):
    function: Callable[..., Any]

    def __str__(self) -> str:
        return f"take_while({name_of(self.function)})"


@dataclasses.dataclass(frozen=True)
class Interleave(Verb):
    """flat_map, too: of one place."""

    function: Callable[..., Any]
    cycle_length: int
    block_length: int

    def __str__(self) -> str:
        return f"interleave({name_of(self.function)}, {self.cycle_length}, {self.block_length})"


@dataclasses.dataclass(frozen=True)
class Enumerate(Verb):
    start: int


@dataclasses.dataclass
class Store:
    """What a cache holds once a pass has reached the end, and where that pass began."""

    elements: list[Any] | None = None
    start: Any = None

    def __reduce__(self) -> tuple[object, ...]:
        return Store, ()  # another process fills its own


@dataclasses.dataclass(frozen=True)
class Cache(Verb):
    store: Store = dataclasses.field(default_factory=Store, compare=False)


@dataclasses.dataclass(frozen=True)
class Concatenate(Verb):
    chain: Chain

    def __str__(self) -> str:
        return f"concatenate({text(self.chain)})"


@dataclasses.dataclass(frozen=True)
class Unbatch(Verb):
    pass


@dataclasses.dataclass(frozen=True)
class Rebatch(Verb):
    sizes: tuple[int, ...]  # by turns
    drop_remainder: bool


@dataclasses.dataclass(frozen=True)
class PaddedBatch(Verb):
    """shapes: as the elements' structure, None for as long as the longest; values: as structure or
    None for zeros."""

    size: int
    drop_remainder: bool
    said: str  # what the two say, to compare by
    shapes: Any = dataclasses.field(compare=False)
    values: Any = dataclasses.field(compare=False)


@dataclasses.dataclass(frozen=True)
class RaggedBatch(Verb):
    size: int
    drop_remainder: bool
    row_splits_dtype: str
    fixed: tuple[bool, ...] | None = dataclasses.field(compare=False)  # leaves of known shape


@dataclasses.dataclass(frozen=True)
class BucketBySequenceLength(Verb):
    """Elements of similar length in one batch: padded, or stacked if there is no `padded`."""

    function: Callable[..., Any]
    boundaries: tuple[int, ...]
    sizes: tuple[int, ...]
    to_boundary: bool
    padded: bool
    drop_remainder: bool
    said: str
    shapes: Any = dataclasses.field(compare=False)
    values: Any = dataclasses.field(compare=False)

    def __str__(self) -> str:
        return (
            f"bucket_by_sequence_length({name_of(self.function)}, {list(self.boundaries)}, "
            f"{list(self.sizes)}, {self.to_boundary}, {self.padded}, {self.drop_remainder}, "
            f"{self.said})"
        )


@dataclasses.dataclass(frozen=True)
class AsTuple(Verb):
    names: tuple[str | bytes, ...]

    def __str__(self) -> str:
        return f"as_tuple({', '.join(map(repr, self.names))})"


@dataclasses.dataclass(frozen=True)
class AsTorch(Verb):
    device: str | None  # None: where they are


@dataclasses.dataclass(frozen=True)
class AsJax(Verb):
    device: str | None  # None: JAX's default


@dataclasses.dataclass(frozen=True)
class PrefetchToDevice(Verb):
    device: str
    buffer_size: int


@dataclasses.dataclass(frozen=True)
class Prefetch(Verb):
    """Says how, not what: many finished batches may wait."""

    size: int


@dataclasses.dataclass(frozen=True)
class WithOptions(Verb):
    """Says how, not what."""

    options: Options

    def __str__(self) -> str:
        changed = [
            f"{f.name}={getattr(self.options, f.name)!r}"
            for f in dataclasses.fields(self.options)
            if getattr(self.options, f.name) != f.default
        ]
        return f"with_options({', '.join(changed)})"


# They act on positions, not on what is there.
ORDER = (Skip, Take, Repeat, Shard, Shuffle, ShardEven)
# They call a function of the user's.
FUNCTIONS = (Map, Filter, TakeWhile, Interleave, BucketBySequenceLength)
HOW = (Prefetch, WithOptions)  # change no element
# They look into elements, to make others of them.
COMBINING = (
    Parse, ParseSequences, Batch, PaddedBatch, RaggedBatch, BucketBySequenceLength, Rebatch, Unbatch
)  # fmt: skip
DELIVERY = (AsTorch, AsJax, PrefetchToDevice)  # change what holds its values, and where

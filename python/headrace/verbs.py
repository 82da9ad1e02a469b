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


@dataclasses.dataclass
class Counted:
    """How many records the files held when they had these sizes."""

    sizes: list[int] | None = None
    records: int = 0


@dataclasses.dataclass(frozen=True)
class Source(Verb):
    """TFRecord files, one after another or interleaved.

    interleaving: (files that are read at a time, records that one gives in a turn, whether a
        place is filled at its turn), as _core.Loader takes it; None: one after another.
    """

    files: tuple[str, ...]
    on_corruption: str
    interleaving: tuple[int, int, bool] | None = None
    # Learned by count(); no part of what the dataset says.
    counted: Counted = dataclasses.field(default_factory=Counted, compare=False, repr=False)

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.files[:2])) + (", ..." if len(self.files) > 2 else "")
        return f"tfrecords([{shown}], {len(self.files)} files{self.order()})"

    def order(self) -> str:
        """How the files are interleaved, as a part of a sentence."""
        if self.interleaving is None:
            return ""
        slots, turn, fills = self.interleaving
        if fills:
            return f", interleave(cycle_length={slots}, block_length={turn})"
        return f", num_parallel_reads={slots}"

    def __reduce__(self) -> tuple[object, ...]:
        return Source, (self.files, self.on_corruption, self.interleaving)


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
class Map(Verb):
    function: Callable[..., Any]

    def __str__(self) -> str:
        return f"map({getattr(self.function, '__name__', type(self.function).__name__)})"


@dataclasses.dataclass(frozen=True)
class AsTuple(Verb):
    names: tuple[str | bytes, ...]

    def __str__(self) -> str:
        return f"as_tuple({', '.join(map(repr, self.names))})"


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


ORDER = (Skip, Take, Repeat, Shard, Shuffle)  # act on positions, not on what is there
FUNCTIONS = (Map,)  # call a function of the user's
HOW = (Prefetch, WithOptions)  # change no element

INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


def cardinality(verbs: tuple[Verb, ...], records: int) -> int:
    """Number of elements of a chain over so many records (or UNKNOWN_CARDINALITY); by
    TensorFlow's rules, so INFINITE_CARDINALITY for an endless repeat."""
    count = records
    for verb in verbs:
        known = count >= 0
        match verb:
            case Repeat(count=-1):
                count = count if count == 0 else INFINITE_CARDINALITY
            case Repeat(count=0):
                count = 0
            case Repeat() if known:
                count *= verb.count
            case Take() if count != UNKNOWN_CARDINALITY and verb.count >= 0:
                count = min(count, verb.count) if known else verb.count
            case Skip() if known:
                count = max(0, count - verb.count) if verb.count >= 0 else 0
            case Shard() if known:
                count = max(0, -((verb.index - count) // verb.num_shards))
            case Batch() if known:
                count = count // verb.size if verb.drop_remainder else -(-count // verb.size)
    return count

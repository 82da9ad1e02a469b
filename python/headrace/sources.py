"""Sources: the first links of datasets' chains."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

from .arrays import BytesArray
from .verbs import Cache, Chain, Concatenate, Shuffle, Verb, name_of, text


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
    names: Chain | None = None  # the files are the elements of this dataset, read at each pass
    # Learned by count(); no part of what the dataset says.
    counted: Counted = dataclasses.field(default_factory=Counted, compare=False, repr=False)

    def __str__(self) -> str:
        if self.names is not None:
            return f"tfrecords({text(self.names)}{self.order()})"
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
        return Source, (self.files, self.on_corruption, self.interleaving, self.names)


@dataclasses.dataclass(frozen=True)
class Range(Verb):
    start: int
    stop: int
    step: int

    def count(self) -> int:
        return len(range(self.start, self.stop, self.step))


@dataclasses.dataclass(frozen=True)
class Slices(Verb):
    """The rows of arrays: nested dicts and tuples of them. Compared by what they hold."""

    arrays: Any = dataclasses.field(compare=False)
    rows: int
    digest: str

    @staticmethod
    def of(arrays: Any, rows: int) -> Slices:
        return Slices(arrays, rows, _digest(arrays))

    def __str__(self) -> str:
        return f"from_tensor_slices({self.rows} rows, {self.digest})"


@dataclasses.dataclass(frozen=True)
class Tensors(Verb):
    """One element."""

    element: Any = dataclasses.field(compare=False)
    digest: str

    @staticmethod
    def of(element: Any) -> Tensors:
        return Tensors(element, _digest(element))

    def __str__(self) -> str:
        return f"from_tensors({self.digest})"


def _digest(what: Any) -> str:
    return hashlib.sha256(pickle.dumps(what, protocol=4)).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Generator(Verb):
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    signature: Any = dataclasses.field(compare=False)

    def __str__(self) -> str:
        return f"from_generator({name_of(self.function)})"


@dataclasses.dataclass(frozen=True)
class Zip(Verb):
    """Elements of all at once, in a structure that has the chains' numbers as leaves."""

    chains: tuple[Chain, ...]
    structure: Any = dataclasses.field(compare=False)

    def __str__(self) -> str:
        return f"zip({', '.join(map(text, self.chains))})"


@dataclasses.dataclass(frozen=True)
class Sample(Verb):
    """An element of one of them, drawn at random each time."""

    chains: tuple[Chain, ...]
    weights: tuple[float, ...]
    seed: int
    stop_on_empty: bool

    def __str__(self) -> str:
        chains = ", ".join(map(text, self.chains))
        return f"sample_from_datasets([{chains}], {list(self.weights)}, {self.seed})"


@dataclasses.dataclass(frozen=True)
class Choose(Verb):
    """An element of the one whose number the last of the chains gives."""

    chains: tuple[Chain, ...]
    stop_on_empty: bool

    def __str__(self) -> str:
        return f"choose_from_datasets({', '.join(map(text, self.chains))})"


def inputs(verb: Verb) -> tuple[Chain, ...]:
    """The datasets that a verb reads besides the one before it."""
    if isinstance(verb, (Zip, Sample, Choose)):
        return verb.chains
    if isinstance(verb, Concatenate):
        return (verb.chain,)
    if isinstance(verb, Source) and verb.names is not None:
        return (verb.names,)
    return ()


def links(chain: Chain) -> Iterator[Verb]:
    """All verbs of a dataset and of those it reads."""
    for verb in chain:
        for other in inputs(verb):
            yield from links(other)
        yield verb


def shuffles(chain: Chain) -> list[Shuffle]:
    """Those that begin when a dataset is opened, before an element is asked for: a shuffle opens
    what is before it later, a cache perhaps never, the other dataset of concatenate at its turn."""
    found: list[Shuffle] = []
    for verb in reversed(chain):
        if isinstance(verb, Shuffle):
            return [*found, verb]
        if isinstance(verb, Cache):
            break
        if not isinstance(verb, Concatenate):
            for other in inputs(verb):
                found += shuffles(other)
    return found


def record_sources(chain: Chain) -> list[Source]:
    return [verb for verb in links(chain) if isinstance(verb, Source)]


def detached(chain: Chain) -> Chain:
    """The same dataset with counters of its own, so that reading it moves no pass."""
    return tuple(map(_detached, chain))


def _detached(verb: Verb) -> Verb:
    match verb:
        case Shuffle():
            return dataclasses.replace(verb, passes=verb.passes.copy())
        case Zip() | Sample() | Choose():
            return dataclasses.replace(verb, chains=tuple(map(detached, verb.chains)))
        case Concatenate():
            return Concatenate(detached(verb.chain))
        case Source() if verb.names is not None:
            return dataclasses.replace(verb, names=detached(verb.names))
    return verb


def candidates(source: Source) -> tuple[str, ...]:
    """The files that it may read, as far as they are known before."""
    if source.names is None:
        return source.files
    first = source.names[0]
    if not isinstance(first, Slices) or not isinstance(first.arrays, BytesArray):
        return ()
    return tuple(map(os.fsdecode, first.arrays.tolist()))

"""Node: the part of a chain that runs in the core, and what is left for Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from .options import AUTOTUNE, Options, size_in_bytes
from .sequence_spec import SequenceSpec
from .sources import Source
from .spec import Spec
from .verbs import (
    HOW,
    ORDER,
    AsTorch,
    AsTuple,
    Batch,
    Chain,
    Parse,
    ParseSequences,
    Prefetch,
    PrefetchToDevice,
    Repeat,
    Shard,
    ShardEven,
    Shuffle,
    ShuffleAll,
    Skip,
    Take,
    Verb,
    WithOptions,
)

_INT64_MAX = 2**63 - 1
_DEFAULTS = Options()
_TO_TORCH = (AsTorch, PrefetchToDevice)


@dataclasses.dataclass(frozen=True)
class Node:
    """Source, order verbs, batch, parse: one loader of the core.

    Without `batch` its elements are single; without `spec` or `sequences`, serialized records; with
    `names`, tuples of these features.
    """

    source: Source
    spec: Spec | None
    sequences: SequenceSpec | None  # of batches
    order: tuple[Verb, ...]
    batch: Batch | None
    names: tuple[str | bytes, ...] | None
    drops_pass: bool = False  # see begins_in_vain()

    @property
    def shuffle(self) -> Shuffle | None:
        """There is one at most."""
        return next((verb for verb in self.order if isinstance(verb, Shuffle)), None)

    @property
    def needs_index(self) -> bool:
        return any(isinstance(verb, (ShuffleAll, ShardEven)) for verb in self.order)

    @property
    def profits_from_index(self) -> bool:
        """Whether an index, if there is one, spares reading what the first verb leaves out. Under
        other policies than "raise" an error may decide what follows it."""
        return (
            bool(self.order)
            and isinstance(self.order[0], (Shard, Skip))
            and self.shuffle is None
            and not self.source.interleaving
            and self.source.names is None
            and self.source.on_corruption == "raise"
        )

    @property
    def flags(self) -> bool:
        """Whether each element says if it is more than padding."""
        return any(isinstance(verb, ShardEven) and verb.even == "pad" for verb in self.order)

    def chain(self, pass_number: int) -> list[tuple[Any, ...]]:
        """The order verbs as _core.Loader takes them; the shuffle begins with this pass."""
        return [_link(verb, pass_number) for verb in self.order]


def _link(verb: Verb, pass_number: int) -> tuple[Any, ...]:
    if isinstance(verb, ShuffleAll):
        return "shuffle_all", verb.key(), verb.reshuffle, pass_number
    if isinstance(verb, Shuffle):
        lo, hi = verb.passes.seeds(verb.seed)
        return "shuffle", verb.size, lo, hi, verb.reshuffle, pass_number
    return (verb.called(), *dataclasses.astuple(verb))


class Step(NamedTuple):
    """A verb of a chain, and all before it, as they were written."""

    verb: Verb
    before: tuple[Verb, ...]


@dataclasses.dataclass(frozen=True)
class Split:
    """A chain, divided. `behind` are the verbs that Python iterates, `options` all that say how."""

    node: Node | None  # None if the source is one of Python's
    behind: tuple[Step, ...]
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
            "locked_pages": self.options.pin_memory,
            "map_files": self.options.mmap,
        }


def split(verbs: Chain, options: Options = _DEFAULTS, ready: int = 0) -> Split:
    """Divides a chain. What says how is collected from all of it, and added to what is given."""
    for verb in verbs:
        if isinstance(verb, WithOptions):
            options = options.merged(verb.options)
        elif isinstance(verb, Prefetch) and verb.size > 0:
            ready = verb.size
        elif isinstance(verb, _TO_TORCH) and (verb.device or "").startswith("cuda"):
            options = options.merged(Options(pin_memory=True))
    steps = placed_steps(verbs)
    source = verbs[0]
    if not isinstance(source, Source):
        return Split(None, tuple(steps), options, ready)
    spec: Spec | None = None
    sequences: SequenceSpec | None = None
    batch: Batch | None = None
    names: tuple[str | bytes, ...] | None = None
    drops_pass = False
    order: list[Verb] = []
    behind: list[Step] = []
    for step in steps:
        verb = step.verb
        if behind:
            behind.append(step)
        elif isinstance(verb, Parse) and sequences is None:
            spec = verb.spec
        elif isinstance(verb, ParseSequences) and batch is not None and spec is None:
            sequences = verb.spec
        elif isinstance(verb, AsTuple) and spec is not None and names is None:
            names = verb.names
        elif isinstance(verb, Batch) and batch is None and spec is None:
            batch = verb
        elif isinstance(verb, ORDER) and batch is None and _fits(verb, order, source):
            order.append(verb)
            shuffled = any(isinstance(other, Shuffle) for other in order[:-1])
            drops_pass |= (
                shuffled and isinstance(verb, Repeat) and begins_in_vain((*step.before, verb))
            )
        elif isinstance(verb, (Skip, Take)) and batch is not None:
            # So many batches are so many records.
            count = verb.count if verb.count < 0 else min(verb.count * batch.size, _INT64_MAX)
            order.append(type(verb)(count))
        else:
            behind.append(step)
    node = Node(source, spec, sequences, tuple(order), batch, names, drops_pass)
    return Split(node, tuple(behind), options, ready)


def placed_steps(chain: Chain) -> list[Step]:
    """The verbs behind the source but those that say how; parse_example directly behind batch where
    only verbs that choose among elements lie between the two, as nothing changes by it but that
    whole batches are parsed."""
    steps = [
        Step(verb, chain[:i]) for i, verb in enumerate(chain) if i > 0 and not isinstance(verb, HOW)
    ]
    place = next((i for i, step in enumerate(steps) if isinstance(step.verb, Parse)), None)
    if place is None:
        return steps
    before, parse, behind = steps[:place], steps[place], steps[place + 1 :]
    chosen = len(before)
    while chosen > 0 and isinstance(before[chosen - 1].verb, ORDER):
        chosen -= 1
    if chosen > 0 and isinstance(before[chosen - 1].verb, Batch):
        return [*before[:chosen], parse, *before[chosen:], *behind]
    chosen = 0
    while chosen < len(behind) and isinstance(behind[chosen].verb, (*ORDER, AsTuple)):
        chosen += 1
    if chosen < len(behind) and isinstance(behind[chosen].verb, Batch):
        choices = [step for step in behind[:chosen] if not isinstance(step.verb, AsTuple)]
        names = [step for step in behind[:chosen] if isinstance(step.verb, AsTuple)]
        return [*before, *choices, behind[chosen], parse, *names, *behind[chosen + 1 :]]
    return steps


def _fits(verb: Verb, order: list[Verb], source: Source) -> bool:
    """The core has one window, counts the passes of one repeat behind it, and reads the same files
    in each pass."""
    if isinstance(verb, Repeat) and source.names is not None:
        return False
    shuffled = next((i for i, other in enumerate(order) if isinstance(other, Shuffle)), None)
    if shuffled is None or not isinstance(verb, (Shuffle, Repeat)):
        return True
    return isinstance(verb, Repeat) and not any(isinstance(v, Repeat) for v in order[shuffled:])


def begins_in_vain(steps: Sequence[Verb]) -> bool:
    """Whether the repeat that ends this chain begins its input once more than it reads it, so that
    a shuffle in it uses up a pass. TensorFlow's does, unless it directly follows the shuffle (both
    are then replaced by one) or changes nothing. Seen with TensorFlow 2.21."""
    repeat = steps[-1]
    assert isinstance(repeat, Repeat)
    if repeat.count < 2:
        return False
    active = [verb for verb in steps[:-1] if not changes_nothing(verb)]
    return not active or not isinstance(active[-1], Shuffle)


def changes_nothing(verb: Verb) -> bool:
    """Verbs that TensorFlow takes out of a chain."""
    match verb:
        case Take(count=-1) | Skip(count=0) | Repeat(count=1) | Shard(num_shards=1):
            return True
        case Prefetch(size=0) | WithOptions():
            return True
    return False

"""explain(): what of a dataset runs where, and what its windows cost."""

from __future__ import annotations

import math

from .node import split
from .options import Options, size_in_bytes
from .sources import inputs
from .verbs import AsTuple, Chain, Parse, ParseSequences, PrefetchToDevice, Shuffle, ShuffleAll


def explanation(chain: Chain) -> str:
    """A line for each verb, those of the core first."""
    return "\n".join(_lines(chain, ""))


def _lines(chain: Chain, indent: str) -> list[str]:
    parts = split(chain)
    node = parts.node
    lines = [f"{'core' if node else 'Python':8}{chain[0]}"]
    if node is not None:
        verbs = [*node.order, node.batch, node.spec and Parse(node.spec)]
        verbs.append(None if node.sequences is None else ParseSequences(node.sequences))
        verbs.append(None if node.names is None else AsTuple(node.names))
        lines += [f"{'':8}.{verb}" for verb in verbs if verb is not None]
    where = "Python" if node else ""
    for i, step in enumerate(parts.behind):
        lines.append(f"{where if i == 0 else '':8}.{step.verb}")
        for other in inputs(step.verb):
            lines += _lines(other, indent + "    ")
    for other in inputs(chain[0]):
        lines += _lines(other, indent + "    ")
    if not indent:
        lines.append(f"{'how':8}{parts.options}")
    if node is not None and node.profits_from_index:
        lines.append(
            f"{'index':8}{node.order[0]}: only its records are read if there is an index of the "
            "files (count() and hr.Index.build make one), else all"
        )
    core = () if node is None else node.order
    for verb in (*core, *(step.verb for step in parts.behind)):
        if isinstance(verb, PrefetchToDevice):
            lines.append(
                f"{'device':8}{verb}: {verb.buffer_size} elements in its memory beside the one in "
                "use; nothing when going on from a state"
            )
        if isinstance(verb, Shuffle):
            lines.append(f"{'window':8}{_cost(verb, verb in core, parts.options)}")
    return [indent + line for line in lines]


def _cost(shuffle: Shuffle, core: bool, options: Options) -> str:
    size = shuffle.size
    if isinstance(shuffle, ShuffleAll):
        return f"{shuffle}: none; an index of a few bytes a record, and reads by offset"
    if not core:
        return (
            f"{shuffle}: {size:,} elements in memory; going on from a state reads again from where "
            "the oldest of them came"
        )
    draws = math.ceil(size * math.log(max(size, 2)))
    bound = f"up to twice the bytes of {size:,} records"
    if options.memory_budget is not None:
        half = size_in_bytes(options.memory_budget) // 2
        bound += f", no more than {half:,} (what is more is read again when it is due),"
    return (
        f"{shuffle}: {bound} and {40 * size:,} bytes; going on "
        f"from a state replays about {draws:,} draws and reads about 8 to 12 windows again"
    )

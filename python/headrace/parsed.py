"""Datasets that are parsed alike, so that what is made of them can be parsed as one."""

from __future__ import annotations

from .verbs import HOW, ORDER, Chain, Parse


def parsed_together(chains: list[Chain]) -> tuple[list[Chain], tuple[Parse, ...]]:
    """The chains without their parse_example, and that one, if it is the same in all and only
    verbs that choose among elements lie behind it; else the chains as they are. Whole batches can
    then be parsed, as if the records came from one source."""
    apart = [_apart(chain) for chain in chains]
    first = apart[0][1] if apart else None
    if first is None or any(parse != first for _, parse in apart):
        return chains, ()
    return [chain for chain, _ in apart], (first,)


def _apart(chain: Chain) -> tuple[Chain, Parse | None]:
    for i in reversed(range(len(chain))):
        verb = chain[i]
        if isinstance(verb, Parse):
            return chain[:i] + chain[i + 1 :], verb
        if not isinstance(verb, (*ORDER, *HOW)):
            break
    return chain, None

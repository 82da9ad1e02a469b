"""The innermost stages: elements of the core's loader."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterator
from typing import Any

from .. import _core
from ..arrays import BytesArray
from ..files import native
from ..node import Split
from .stage import Stage, State

_CHUNK = 128  # records that the loader hands over at once where single examples are wanted


def _loader(split: Split, state: State | None = None) -> _core.Loader:
    node = split.node
    position = None
    if state is not None:
        position = state["loader"]
        if not isinstance(position, dict):
            raise TypeError(f"a position is a dict, not {type(position).__name__}")
    batch = node.batch
    return _core.Loader(
        [native(path) for path in node.source.files],
        None if node.spec is None else node.spec.schema,
        node.chain(),
        _CHUNK if batch is None else batch.size,
        False if batch is None else batch.drop_remainder,
        batch is None,
        split.loader_options(),
        position,
    )


def count_records(split: Split) -> int:
    """Records in the files of a chain, whatever its verbs."""
    node = dataclasses.replace(split.node, spec=None, order=(), batch=None, names=None)
    loader = _loader(dataclasses.replace(split, node=node))
    count = 0
    try:
        while True:
            ((_, offsets),) = loader.next()
            count += len(offsets) - 1
    except StopIteration:
        return count
    finally:
        loader.close()


def _strings(parts: tuple[Any, ...]) -> BytesArray:
    data, offsets = parts[0]
    return BytesArray._of(data, offsets, (len(offsets) - 1,))


def _tuple_of(names: tuple[str | bytes, ...]) -> Callable[[Any], Any]:
    if len(names) == 1:
        return lambda element: (element[names[0]],)
    return operator.itemgetter(*names)


class LoadBatches(Stage):
    """Batches, as the loader makes them."""

    def __init__(self, split: Split, state: State | None) -> None:
        node = split.node
        self._loader = _loader(split, state)
        self._next = self._loader.next
        wrap = _strings if node.spec is None else node.spec.batch
        if node.names is not None:
            select = _tuple_of(node.names)
            self._wrap: Callable[[Any], Any] = lambda parts: select(wrap(parts))
        else:
            self._wrap = wrap

    def __next__(self) -> Any:
        return self._wrap(self._next())

    def state(self) -> State:
        return {"loader": self._loader.state()}

    def stats(self) -> dict[str, Any]:
        return self._loader.stats()

    def close(self) -> None:
        self._loader.close()


class LoadExamples(Stage):
    """Single elements: the loader's chunks, taken apart. The position is that of the chunk and a
    number of rows behind it."""

    def __init__(self, split: Split, state: State | None) -> None:
        node = split.node
        self._loader = _loader(split, state)
        self._wrap: Callable[[Any], Any] = _strings if node.spec is None else node.spec.examples
        self._select = None if node.names is None else _tuple_of(node.names)
        self._rows: Iterator[Any] = iter(())
        self._chunk_start = self._loader.state()
        self._row = 0
        self._behind = 0 if state is None else int(state["row"])  # rows still to be passed over

    def __next__(self) -> Any:
        for row in self._rows:
            self._row += 1
            return row
        while True:
            start = self._loader.state()
            rows = self._wrap(self._loader.next())
            skipped = min(self._behind, len(rows))
            self._chunk_start, self._row = start, skipped
            self._behind -= skipped
            if skipped < len(rows):
                break
        if self._select is not None:
            rows = list(map(self._select, rows))
        self._rows = iter(rows[skipped:])
        self._row += 1
        return next(self._rows)

    def state(self) -> State:
        return {"loader": self._chunk_start, "row": self._row + self._behind}

    def stats(self) -> dict[str, Any]:
        return self._loader.stats()

    def close(self) -> None:
        self._loader.close()

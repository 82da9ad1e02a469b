"""The innermost stages: elements of the core's loader."""

from __future__ import annotations

import operator
import os
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from .. import _core, page_locked
from ..bottleneck import report
from ..files import native
from ..index import index_for, kept_index
from ..node import Node, Split
from ..sequence_spec import SequenceSpec
from ..sources import Source
from .stage import Open, Stage, State

_FIRST = operator.itemgetter(0)  # of columns: whole records, where there is no spec
_CHUNK = 128  # records that the loader hands over at once where single examples are wanted


def count_records(source: Source, how: Split) -> int:
    """Records in the files, whatever the verbs."""
    threads = how.loader_options()["threads"] or None
    return index_for(source.files, source.on_corruption, threads).count()


def _loader(
    split: Split, node: Node, files: tuple[str, ...], pass_number: int, state: State | None
) -> _core.Loader:
    position = None if state is None else state["loader"]
    if state is not None and not isinstance(position, dict):
        raise TypeError(f"a position is a dict, not {type(position).__name__}")
    return _core.Loader(
        [native(path) for path in files],
        None if node.spec is None else node.spec.schema,
        node.chain(pass_number),
        _CHUNK if node.batch is None else node.batch.size,
        False if node.batch is None else node.batch.drop_remainder,
        node.batch is None,
        split.loader_options(),
        position,
        node.source.on_corruption,
        node.source.interleaving,
        _index(node, files, position),
        _keys(node),
        None if node.sequences is None else node.sequences.schemas,
    )


def _keys(node: Node) -> tuple[Any, ...] | None:
    """Of batches that the core can make whole."""
    if node.batch is None or node.spec is None or node.spec.keys is None:
        return None
    return (*node.spec.keys, "valid") if node.flags else node.spec.keys


def _index(node: Node, files: tuple[str, ...], position: State | None) -> _core.Index | None:
    """The index by which records are chosen. Where it is only to save reading none is made for it,
    but a position that comes from one needs it again, and one that does not, none."""
    policy = node.source.on_corruption
    if node.needs_index:
        return index_for(files, policy)
    if not node.profits_from_index:
        return None
    if position is None:
        return kept_index(files, policy)
    return None if position.get("plan") else index_for(files, policy)


def _read_names(open_names: Open, state: State | None) -> tuple[tuple[str, ...], State]:
    """All of them, and what a state must hold to have the same ones again."""
    names = open_names(None if state is None else state["names"])
    kept = {"names": names.state()}
    try:
        return tuple(map(_path, names)), kept
    finally:
        names.close()


def _path(name: Any) -> str:
    if not isinstance(name, (str, bytes, os.PathLike)):
        raise TypeError(f"the names of files must be strings, got {type(name).__name__}")
    return os.fsdecode(name)


def _tuple_of(names: tuple[str | bytes, ...]) -> Callable[[Any], Any]:
    if len(names) == 1:
        return lambda element: (element[names[0]],)
    return operator.itemgetter(*names)


class _Turn:
    """Which pass of its shuffle a loader is at, told to the shuffle's counter when that asks, or
    when the loader ends: what is read ahead does not count."""

    def __init__(
        self, node: Node, state: State | None, position: weakref.WeakMethod[Callable[[], State]]
    ) -> None:
        self._shuffle, self._drops_pass = node.shuffle, node.drops_pass
        self._position = position
        self.delivered: State | None = None  # the loader's position, where its own is ahead of it
        self.ended = False
        self.first = 0
        if self._shuffle is not None:
            self.first = self._shuffle.begin(state)
            self._era = self._shuffle.passes.listen(self)

    def tell_passes(self) -> None:
        if self._shuffle is None:
            return
        ask = self._position()
        if ask is None:  # it has told when it ended
            return
        try:
            position = ask() if self.delivered is None else self.delivered
        except RuntimeError:  # in a forked child: the parent's loader
            return
        self._shuffle.passes.begun(self._number(position), self._era)

    def _number(self, position: State) -> int:
        number: int = position.get("shuffle", [self.first])[0]
        return number + (self._drops_pass and self.ended)

    def state(self, position: State) -> State:
        return {} if self._shuffle is None else self._shuffle.kept(self._number(position))


class Load(Stage):
    """What both have in common: the loader, the passes of its shuffle, and one warning if it has
    passed over damage."""

    def __init__(
        self, split: Split, node: Node, open_names: Open | None, state: State | None
    ) -> None:
        """`open_names`: of the dataset whose elements are the files."""
        if node.flags and node.spec is None:
            raise ValueError("shard(even='pad') needs parse_example: `valid` is a feature")
        self._names: State = {}
        files = node.source.files
        if open_names is not None:
            files, self._names = _read_names(open_names, state)
        # Weakly: an iterator that is dropped frees its threads and memory at once, not when Python
        # next looks for cycles.
        self._turn = _Turn(node, state, weakref.WeakMethod(self._position))
        self._loader = _loader(split, node, files, self._turn.first, state)
        self._pinned = split.options.pin_memory
        self._next = page_locked.marking(self._loader.next) if self._pinned else self._loader.next
        self.is_map = node.spec is not None or node.sequences is not None
        self._warns = node.source.on_corruption in ("skip", "stop_file")

    def _end(self) -> None:
        self._turn.ended = True
        self._report_damage()

    def _position(self) -> State:
        """Of the loader. Its iteration of the shuffle is that of the last element delivered."""
        return self._loader.state()

    def delivered(self, state: State) -> None:
        self._turn.delivered = state["loader"]

    def state(self) -> State:
        position = self._position()
        return {"loader": position, **self._turn.state(position), **self._names}

    def __del__(self) -> None:
        if hasattr(self, "_loader"):
            self._turn.tell_passes()

    def stats(self) -> dict[str, Any]:
        stats = self._loader.stats()
        stats["memory"] = page_locked.memory() if self._pinned else "ordinary"
        return report(stats)

    def ready(self) -> bool:
        return self._loader.ready()

    def close(self) -> None:
        self._report_damage()
        self._turn.tell_passes()
        self._loader.close()

    def _report_damage(self) -> None:
        """At the end of a pass or when it is closed."""
        if self._warns:
            self._warns = not _warn_of(self._loader.stats()["damage"])


def _warn_of(damage: dict[str, int]) -> bool:
    """Whether there was a reason to."""
    if damage["places"]:
        warnings.warn(
            f"damaged records were passed over: {damage['places']} places, "
            f"{damage['bytes']} bytes, {damage['files']} files not read to their end",
            RuntimeWarning,
            stacklevel=5,
        )
    return damage["places"] > 0


def _flagged(wrap: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The last column says which rows are no padding."""
    return lambda columns: {**wrap(columns[:-1]), "valid": columns[-1]}


def _flagged_rows(rows: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda columns: list(zip(rows(columns[:-1]), columns[-1], strict=True))


def _sequences(spec: SequenceSpec) -> Callable[[Any], Any]:
    """Of what the core has made of a batch, or of its records, which it leaves to the exact
    grammar."""

    def element(batch: Any) -> Any:
        return spec.parse(batch[0], [], False) if len(batch) == 1 else spec.element(batch)

    return element


class LoadBatches(Load):
    """Batches, as the loader makes them."""

    def __init__(
        self, split: Split, node: Node, open_names: Open | None, state: State | None
    ) -> None:
        super().__init__(split, node, open_names, state)
        steps: list[Callable[[Any], Any]] = []
        if node.sequences is not None:
            steps.append(_sequences(node.sequences))
        elif node.spec is None:
            steps.append(_FIRST)
        elif _keys(node) is None:
            steps.append(_flagged(node.spec.element) if node.flags else node.spec.element)
        if node.names is not None:
            steps.append(_tuple_of(node.names))
        self._steps = tuple(steps)

    def loader(self) -> _core.Loader | None:
        return None if self._steps or self._pinned else self._loader

    def __next__(self) -> Any:
        try:
            batch = self._next()
        except StopIteration:
            self._end()
            raise
        for step in self._steps:
            batch = step(batch)
        return batch


def _finish(node: Node) -> Callable[[Any], Any] | None:
    """What makes an element of a row; None if it is one. Its errors are those of this element."""
    if node.spec is None:
        return None
    element: Callable[[Any], Any] = node.spec.element
    if node.flags:
        unflagged = element
        element = lambda row: {**unflagged(row[0]), "valid": row[1]}  # noqa: E731
    if node.names is None:
        return element
    select = _tuple_of(node.names)
    return lambda row: select(element(row))


class LoadExamples(Load):
    """Single elements: the loader's chunks, taken apart. The position is that of the chunk and a
    number of rows behind it."""

    def __init__(
        self, split: Split, node: Node, open_names: Open | None, state: State | None
    ) -> None:
        super().__init__(split, node, open_names, state)
        self._wrap: Callable[[Any], Any] = _FIRST if node.spec is None else node.spec.rows
        if node.flags:
            self._wrap = _flagged_rows(self._wrap)
        self._finish = _finish(node)
        self._rows: Iterator[Any] = iter(())
        self._chunk_start = self._loader.state()
        self._row = 0
        self._behind = 0 if state is None else int(state["row"])  # rows still to be passed over

    def __next__(self) -> Any:
        for row in self._rows:
            self._row += 1
            return row if self._finish is None else self._finish(row)
        while True:
            start = self._loader.state()
            try:
                rows = self._wrap(self._next())
            except StopIteration:
                self._end()
                raise
            skipped = min(self._behind, len(rows))
            self._chunk_start, self._row = start, skipped
            self._behind -= skipped
            if skipped < len(rows):
                break
        self._rows = iter(rows[skipped:])
        return next(self)

    def _position(self) -> State:
        return self._chunk_start

    def state(self) -> State:
        return {**super().state(), "row": self._row + self._behind}

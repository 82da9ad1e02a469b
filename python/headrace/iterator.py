"""DatasetIterator: one pass over a dataset."""

from __future__ import annotations

import atexit
import os
import weakref
from types import TracebackType
from typing import Any

from . import _core
from .files import sizes
from .fingerprint import differences, fingerprint
from .sources import candidates, record_sources
from .stages import Stage, State, open_stages
from .verbs import Chain

_VERSION = 1  # of states


class DatasetIterator(_core.StageIterator):
    """One pass over a dataset: what ``iter(dataset)`` gives.

    Threads read ahead from the first ``next()`` on. They end when it is closed or collected, or
    when the interpreter exits; ``with iter(dataset) as batches:`` says when. After
    the end every ``next()`` raises StopIteration again; after an error in the data, that error.

    Not for use by several threads at once; not usable in a forked child.
    """

    __slots__ = ("__weakref__", "_fingerprint", "_open", "_sizes", "_verbs")

    _stage: Stage

    def __init__(self, verbs: Chain, *, to_numpy: bool = False) -> None:
        """Looks at the files once: raises FileNotFoundError, IsADirectoryError, PermissionError."""
        self._verbs = verbs
        # TensorFlow misses a file when its turn comes; of those with names from another dataset not
        # all may be read.
        self._sizes = [
            size
            for source in record_sources(verbs)
            for size in sizes(
                candidates(source),
                missing_ok=source.on_corruption == "tf" or source.names is not None,
            )
        ]
        self._fingerprint: State | None = None
        self._open = open_stages(verbs, to_numpy=to_numpy)
        self._go_on_with(self._open(None))
        _living.add(self)

    def __enter__(self) -> DatasetIterator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the threads. next(), stats() and state_dict() raise RuntimeError from then on; may
        be called again."""
        stage = self._stage
        if not isinstance(stage, _Refusing):
            self._go_on_with(_Refusing("this iterator is closed"))
            stage.close()

    def stats(self) -> dict[str, Any]:
        """What the pass has read and delivered so far, and where the time went.

        ``records``, ``slow_records`` and ``slow_share`` (those that only TensorFlow's whole grammar
        could parse), ``bytes_read``, ``threads``, ``elapsed`` seconds since the first ``next()``,
        ``seconds`` of every stage (all threads together; large values that are read, checked and
        put in place at once count under ``read``; ``consumer waits`` is the caller's own waiting),
        ``damage`` that was passed over, ``memory`` of batches ("ordinary", "page-locked",
        or "ordinary: " and why it is not page-locked), and ``bottleneck``: one sentence.
        """
        return self._stage.stats()

    def state_dict(self) -> dict[str, Any]:
        """The position behind the last element delivered: small, JSON-able, taken in microseconds.

        Exact, whatever has been read ahead. What a function given to ``map`` keeps for itself is
        not in it.
        """
        position = self._stage.state()
        return {"version": _VERSION, "dataset": self._identity(), "position": position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state that an iterator of the same dataset gave: same base names and
        sizes of the files, same chain, features and batch size. Folder and options may differ.

        Raises ValueError that says what differs, and leaves the iterator as it was.
        """
        if isinstance(self._stage, _Refusing):
            self._stage.state()
        if not isinstance(state, dict) or not {"version", "dataset", "position"} <= state.keys():
            raise ValueError("this is no state of a DatasetIterator")
        if state["version"] != _VERSION:
            raise ValueError(
                f"the state has version {state['version']!r}; this headrace reads {_VERSION}"
            )
        changes = differences(state["dataset"], self._identity())
        if changes:
            raise ValueError("the state belongs to another dataset: " + "; ".join(changes))
        try:
            stage = self._open(state["position"])
        except (KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"the position of the state is damaged: {error!r}") from error
        self._stage.close()
        self._go_on_with(stage)

    def _go_on_with(self, stage: Stage) -> None:
        self._run(stage, stage.loader())

    def _identity(self) -> State:
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self._verbs, self._sizes)
        return self._fingerprint

    def _refuse(self) -> None:
        """In a forked child: the threads were not copied, so nothing here can go on or be ended."""
        _of_parent.append(self._stage)
        self._go_on_with(
            _Refusing(
                "this iterator belongs to the parent process, whose threads a fork does not copy; "
                "make one here with iter(dataset)"
            )
        )


class _Refusing(Stage):
    """Where an iterator's stage was that cannot be used any more."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __next__(self) -> Any:
        raise RuntimeError(self._reason)

    def state(self) -> State:
        raise RuntimeError(self._reason)

    def stats(self) -> dict[str, Any]:
        raise RuntimeError(self._reason)

    def close(self) -> None:
        pass


_living: weakref.WeakSet[DatasetIterator] = weakref.WeakSet()
_of_parent: list[Stage] = []  # never ended: joining threads that do not exist would hang


@atexit.register
def _close_living() -> None:
    for iterator in list(_living):
        iterator.close()


def _refuse_living() -> None:
    for iterator in list(_living):
        iterator._refuse()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_refuse_living)

"""What every dataset is: a chain of verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .verbs import COMBINING, DELIVERY, Chain, Verb, text

if TYPE_CHECKING:
    from .dataset import Dataset


class Chained:
    """Frozen; compared, hashed and pickled by its verbs."""

    __slots__ = ("_verbs",)

    _verbs: Chain

    def __init__(self) -> None:
        raise TypeError("a Dataset is made by TFRecordDataset and by the verbs of another dataset")

    @staticmethod
    def _of(verbs: Chain) -> Dataset:
        from .dataset import Dataset

        dataset = object.__new__(Dataset)
        object.__setattr__(dataset, "_verbs", verbs)
        return dataset

    def _then(self, verb: Verb) -> Dataset:
        if isinstance(verb, COMBINING):
            for other in self._verbs:
                if isinstance(other, DELIVERY):
                    raise TypeError(
                        f"{verb.called()}: the elements hold tensors; say {other.called()} "
                        "behind it"
                    )
        return self._of((*self._verbs, verb))

    def __eq__(self, other: object) -> bool:
        return self._verbs == other._verbs if isinstance(other, Chained) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._verbs)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Dataset is frozen: cannot set {name!r}")

    def __reduce__(self) -> tuple[object, ...]:
        return Chained._of, (self._verbs,)

    def __repr__(self) -> str:
        return f"<Dataset {text(self._verbs)}>"

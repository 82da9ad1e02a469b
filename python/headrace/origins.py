"""Datasets that are not made of another one, or of several."""

from __future__ import annotations

import glob
import operator
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .chain import Chained
from .parsed import parsed_together
from .sources import Choose, Generator, Range, Sample, Slices, Tensors, Zip
from .stages.structure import as_leaf, leaves, mapped
from .verbs import Chain

if TYPE_CHECKING:
    from .dataset import Dataset


class Origins(Chained):
    __slots__ = ()

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of an array, or of nested dicts and tuples of them. Python's numbers become
        int32 and float32, as in TensorFlow; NumPy's keep their dtype; strings become ``bytes``."""
        arrays = _converted(tensors)
        parts = leaves(arrays)
        if not parts:
            raise ValueError("Invalid `tensors`. `tensors` should not be empty.")
        if any(not getattr(part, "ndim", 0) for part in parts):
            raise ValueError(f"Unbatching a tensor is only supported for rank >= 1: {tensors!r}")
        rows = {len(part) for part in parts}
        if len(rows) > 1:
            first, other, *_ = (len(part) for part in parts if len({len(part), *rows}) > 1)
            raise ValueError(f"Dimensions {first} and {other} are not compatible")
        return Chained._of((Slices.of(arrays, rows.pop()),))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element."""
        return Chained._of((Tensors.of(_converted(tensors)),))

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of ``generator(*args)``, made anew for each pass; of these dtypes, if
        they are given. Going on from a state takes the elements before it again."""
        if not callable(generator):
            raise TypeError("`generator` must be a Python callable.")
        signature = output_signature if output_types is None else output_types
        return Chained._of((Generator(generator, tuple(args or ()), signature),))

    @staticmethod
    def range(*args: int, name: str | None = None, output_type: Any = None) -> Dataset:
        """``range(stop)``, ``range(start, stop)`` or ``range(start, stop, step)`` as int64."""
        numbers = range(*map(operator.index, args))
        return Chained._of((Range(numbers.start, numbers.stop, numbers.step),))

    @staticmethod
    def list_files(
        file_pattern: Any,
        shuffle: bool | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The names of the files that match a pattern or several, sorted, as ``bytes``; in another
        order in each pass unless `shuffle` is False, for a given seed that of TensorFlow. Raises
        FileNotFoundError if there is none."""
        several = not isinstance(file_pattern, (str, bytes, os.PathLike))
        patterns = list(map(os.fsdecode, file_pattern if several else [file_pattern]))
        found = sorted({path for pattern in patterns for path in _matches(pattern)})
        if not found:
            raise FileNotFoundError(f"No files matched pattern: {', '.join(patterns)}")
        dataset = Origins.from_tensor_slices(found)
        return dataset if shuffle is False else dataset.shuffle(len(found), seed)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several datasets at once, in their structure: ``zip(a, b)``,
        ``zip((a, b))``, ``zip({"x": a})``. Ends with the first that ends."""
        if bool(args) == (datasets is not None):
            raise TypeError("zip needs datasets, either as arguments or as `datasets`")
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        parts = leaves(structure)
        numbers = iter(range(len(parts)))
        chains = tuple(_chain(part, "zip") for part in parts)
        return Chained._of((Zip(chains, mapped(lambda _: next(numbers), structure)),))

    @staticmethod
    def sample_from_datasets(
        datasets: Sequence[Dataset],
        weights: Sequence[float] | None = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Elements of several datasets, each time of one that is drawn by its weight (None: all
        alike); one that has ended is drawn no more, or ends it all.

        The generator is an own one: draw number t is output t of Philox4x32-10 with the key `seed`.
        Every pass has the same draws; without a seed those of this dataset object.
        """
        if not datasets:
            raise ValueError("Invalid `datasets`. `datasets` should not be empty.")
        if weights is None:
            shares = [1.0] * len(datasets)
        else:
            shares = [float(weight) for weight in weights]
        if len(shares) != len(datasets):
            raise ValueError(
                "Invalid `weights`. The shape of `weights` should be compatible with "
                f"`[len(datasets)]` but is ({len(shares)},)."
            )
        if min(shares) < 0 or sum(shares) <= 0:
            raise ValueError(f"weights must not be negative, nor all 0; got {shares}")
        key = secrets.randbits(64) if seed is None else operator.index(seed) % 2**64
        chains, parse = parsed_together([_chain(d, "sample_from_datasets") for d in datasets])
        sample = Sample(tuple(chains), tuple(shares), key, bool(stop_on_empty_dataset))
        return Chained._of((sample, *parse))

    @staticmethod
    def choose_from_datasets(
        datasets: Sequence[Dataset], choice_dataset: Dataset, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Elements of several datasets, each time of the one whose number the last gives."""
        if not datasets:
            raise ValueError("Invalid `datasets`. `datasets` should not be empty.")
        chains, parse = parsed_together([_chain(d, "choose_from_datasets") for d in datasets])
        choice = _chain(choice_dataset, "choose_from_datasets")
        return Chained._of((Choose((*chains, choice), bool(stop_on_empty_dataset)), *parse))


def _chain(dataset: Any, verb: str) -> Chain:
    if not isinstance(dataset, Chained):
        raise TypeError(f"{verb} needs Datasets, got {type(dataset).__name__}")
    return dataset._verbs


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern) if glob.has_magic(pattern) else glob.glob(glob.escape(pattern))


def _converted(tensors: Any) -> Any:
    """Nested dicts and tuples of arrays; a list is an array."""
    if isinstance(tensors, dict):
        return {key: _converted(value) for key, value in tensors.items()}
    if isinstance(tensors, tuple):
        items = [_converted(value) for value in tensors]
        return type(tensors)(*items) if hasattr(tensors, "_fields") else tuple(items)
    leaf = as_leaf(tensors)
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf

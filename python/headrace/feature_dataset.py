"""make_batched_features_dataset: files to batches of features in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .dataset import Dataset
from .options import AUTOTUNE
from .tfrecord_dataset import TFRecordDataset

__all__ = ["make_batched_features_dataset"]


def make_batched_features_dataset(
    file_pattern: Any,
    batch_size: int,
    features: Mapping[Any, Any],
    reader: Callable[..., Dataset] | None = None,
    label_key: str | None = None,
    reader_args: Sequence[Any] | None = None,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    reader_num_threads: int | None = None,
    parser_num_threads: int | None = None,
    sloppy_ordering: bool = False,
    drop_final_batch: bool = False,
) -> Dataset:
    """Batches of parsed features, as TensorFlow's function of this name: the same files, shuffles,
    epochs and batches in the same order.

    file_pattern: files or patterns. reader: what makes a dataset of a file name.
    label_key: elements are (features, this one) pairs. num_epochs: None is endless, and then every
    batch is full. reader_num_threads: so many files are read by turns, a record each (AUTOTUNE:
    one after another; the threads of the core do not depend on it). parser_num_threads and
    sloppy_ordering change nothing. Raises ValueError if `label_key` is no feature.
    """
    if label_key is not None and label_key not in features:
        raise ValueError(
            f"The `label_key` provided ({label_key}) must be one of the `features` keys."
        )
    names = Dataset.list_files(file_pattern, shuffle=shuffle, seed=shuffle_seed)
    cycle = 1 if reader_num_threads in (None, AUTOTUNE) else reader_num_threads
    if reader in (None, TFRecordDataset) and not reader_args:
        dataset: Dataset = TFRecordDataset(names, num_parallel_reads=cycle)
    else:
        make, arguments = reader or TFRecordDataset, tuple(reader_args or ())
        dataset = names.interleave(lambda name: make(name, *arguments), cycle, 1)
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, shuffle_seed)
    if num_epochs != 1:
        dataset = dataset.repeat(num_epochs)
    dataset = dataset.batch(batch_size, drop_remainder=drop_final_batch or num_epochs is None)
    dataset = dataset.parse_example(features)
    if label_key is not None:
        dataset = dataset.map(_Labelled(label_key))
    return dataset.prefetch(AUTOTUNE if prefetch_buffer_size is None else prefetch_buffer_size)


class _Labelled:
    """A batch without one of its features, and that one."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.__name__ = f"pop {key!r}"

    def __call__(self, batch: dict[Any, Any]) -> tuple[dict[Any, Any], Any]:
        return batch, batch.pop(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Labelled) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

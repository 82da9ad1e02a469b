"""describe: what a file holds, and a spec to paste."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import numpy as np

from . import files
from .example_walk import features, has_feature_lists
from .features import Feature, FixedLenFeature, RaggedFeature
from .tfrecord_dataset import TFRecordDataset

_DTYPES: dict[str, Any] = {"int64": np.int64, "float": np.float32, "bytes": bytes}
_DTYPE_TEXTS = {"int64": "np.int64", "float": "np.float32", "bytes": "bytes"}
_LONG = 1000  # bytes of a value from which on it may be a tensor


@dataclasses.dataclass
class FeatureSummary:
    """What the records that were read hold under one key."""

    kinds: set[str] = dataclasses.field(default_factory=set)
    records: int = 0  # that have it, with a kind
    fewest: int = 0  # values in such a record
    most: int = 0
    shortest: int = 0  # bytes of a value; of bytes features
    longest: int = 0

    def add(self, kind: str, count: int, sizes: list[int]) -> None:
        self.fewest = min(self.fewest, count) if self.records else count
        self.most = max(self.most, count)
        if sizes:
            first = self.longest == self.shortest == 0 and "bytes" not in self.kinds
            self.shortest = min(sizes) if first else min(self.shortest, *sizes)
            self.longest = max(self.longest, *sizes)
        self.kinds.add(kind)
        self.records += 1


@dataclasses.dataclass(frozen=True)
class Description:
    """What `describe` found. ``print()`` of it shows a table and a spec.

    Attributes:
        paths: the files.
        size: their bytes.
        records: how many records were read.
        complete: whether these are all.
        examples: how many of them are Examples.
        sequences: how many look like SequenceExamples.
        features: by key, a summary.
    """

    paths: tuple[str, ...]
    size: int
    records: int
    complete: bool
    examples: int
    sequences: int
    features: dict[str | bytes, FeatureSummary]

    @property
    def spec(self) -> dict[str | bytes, Feature]:
        """Features as `parse_example` takes them: FixedLenFeature where every record has the same
        number of values, else RaggedFeature. A feature of several kinds, or of none, is left
        out."""
        return {
            key: RaggedFeature(dtype) if shape is None else FixedLenFeature(shape, dtype)
            for key, summary in self.features.items()
            if len(summary.kinds) == 1
            for dtype, shape in [(_DTYPES[min(summary.kinds)], self._shape(summary))]
        }

    def _shape(self, summary: FeatureSummary) -> list[int] | None:
        if summary.records < self.examples or summary.fewest != summary.most or not summary.most:
            return None
        return [] if summary.most == 1 else [summary.most]

    def spec_text(self) -> str:
        """The spec as Python source, with a note where more than one choice makes sense."""
        lines = ["spec = {"]
        for key, summary in self.features.items():
            if len(summary.kinds) != 1:
                kinds = " and ".join(sorted(summary.kinds)) or "no kind"
                lines.append(f"    # {_source(key)}: {kinds}")
                continue
            dtype = _DTYPE_TEXTS[min(summary.kinds)]
            shape = self._shape(summary)
            feature = (
                f"FixedLenFeature({shape}, {dtype})"
                if shape is not None
                else (f"RaggedFeature({dtype})")
            )
            lines.append(f"    {_source(key)}: hr.{feature},{self._note(summary)}")
        return "\n".join([*lines, "}"])

    def _note(self, summary: FeatureSummary) -> str:
        if summary.records < self.examples:
            return f"  # missing in {self.examples - summary.records} records"
        if summary.shortest == summary.longest >= _LONG and summary.most == 1:
            return f"  # {summary.longest} bytes each: a tensor? then hr.RawFeature(shape, dtype)"
        return ""

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """A table: feature, kind, records, values, bytes of a value."""
        return [
            (
                key if isinstance(key, str) else repr(key),
                " and ".join(sorted(summary.kinds)) or "none",
                f"{summary.records / self.examples:.0%}",
                _range(summary.fewest, summary.most),
                _range(summary.shortest, summary.longest) if "bytes" in summary.kinds else "",
            )
            for key, summary in self.features.items()
        ]

    def headline(self) -> str:
        """The files and what was read of them, in one line."""
        name = self.paths[0] if len(self.paths) == 1 else f"{len(self.paths)} files"
        seen = "all" if self.complete else "the first"
        text = f"{name}: {self.size:,} bytes; {seen} {self.records:,} records read"
        if self.records > self.examples:
            text += f", {self.records - self.examples:,} of them no tf.train.Example"
        if self.sequences:
            text += f", {self.sequences:,} look like a SequenceExample (only its context is shown)"
        return text

    def __str__(self) -> str:
        head = ("feature", "kind", "records", "values", "bytes each")
        table = [head, *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(len(head))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in table]
        if not self.features:
            return self.headline()
        return "\n".join([self.headline(), "", *map(str.rstrip, lines), "", self.spec_text()])

    __repr__ = __str__


def describe(filenames: Any, records: int = 1000) -> Description:
    """Reads the first `records` records (of one file, or of all that `TFRecordDataset` would take)
    and says which features they hold: kinds, in how many records, how many values.

    Raises what reading the files raises.
    """
    dataset = TFRecordDataset(filenames)
    paths = files.expand(filenames)
    found: dict[bytes, FeatureSummary] = {}
    read = examples = sequences = 0
    with iter(dataset) as serialized:
        for record in itertools.islice(serialized, records):
            read += 1
            try:
                values = features(record)
                sequences += has_feature_lists(record)
            except ValueError:
                continue
            examples += 1
            for key, (kind, count, sizes) in values.items():
                summary = found.setdefault(key, FeatureSummary())
                if kind is not None:
                    summary.add(kind, count, sizes)
        complete = next(serialized, None) is None
    by_name = {_name(key): found[key] for key in sorted(found)}
    return Description(paths, sum(files.sizes(paths)), read, complete, examples, sequences, by_name)


def _name(key: bytes) -> str | bytes:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return key


def _source(key: str | bytes) -> str:
    """A key as it is written in Python, in double quotes."""
    return repr(key) if isinstance(key, bytes) else json.dumps(key, ensure_ascii=False)


def _range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}..{most}"

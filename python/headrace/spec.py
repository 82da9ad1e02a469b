"""Spec: a dict of features, checked, as columns for the core and back again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _core
from .canonical import Key, canonical_feature, check_groups, raw_key
from .columns import Part, Reading, read_feature
from .features import Feature, as_feature

Element = dict[Key, Any]


class Spec:
    """Immutable, picklable, compared by meaning; an element has its keys in the order of the
    features. Raises TypeError and ValueError with TensorFlow's text in the first line."""

    def __init__(self, features: Mapping[Any, Any]) -> None:
        if not features:
            raise ValueError(f"Argument `features` cannot be None or falsy. Got {features}")
        if not isinstance(features, Mapping):
            raise TypeError(
                f"Argument `features` must be a dict of features, got {type(features).__name__}"
            )
        for key in features:
            if not isinstance(key, (str, bytes)):
                raise TypeError(f"Cannot convert {[key]!r} to EagerTensor of dtype string")
        # Sorted, so that of several mistakes the one is named that TensorFlow names.
        checked = {
            key: canonical_feature(key, as_feature(key, features[key]))
            for key in sorted(features, key=raw_key)
        }
        if len({raw_key(key) for key in checked}) < len(checked):
            raise ValueError(f"a key is there twice, as str and as bytes: {list(features)}")
        check_groups(checked)
        self.features: dict[Key, Feature] = {key: checked[key] for key in features}
        self.readings: list[Reading] = []
        self._schema: _core.Schema | None = None
        self._places: list[int] = []  # of each feature: its reading
        sources: dict[bytes, int] = {}
        for key, feature in self.features.items():
            reading = read_feature(raw_key(key), feature)
            place = sources.setdefault(reading.column[0], len(self.readings))
            if place == len(self.readings):
                self.readings.append(reading)
            self._places.append(place)
        self._keys = tuple(self.features)
        # Nothing to wrap and one column for each key: the parts are the values.
        self._plain = len(self.readings) == len(self._keys) and all(
            reading.batch is None for reading in self.readings
        )
        self._wraps = [(place, self.readings[place].batch) for place in self._places]

    @property
    def schema(self) -> _core.Schema:
        if self._schema is None:
            self._schema = _core.Schema([reading.column for reading in self.readings])
        return self._schema

    def batch(self, parts: tuple[Part, ...]) -> Element:
        """One batch as a dict."""
        if self._plain:
            return dict(zip(self._keys, parts, strict=False))
        values = [parts[i] if wrap is None else wrap(parts[i]) for i, wrap in self._wraps]
        return dict(zip(self._keys, values, strict=False))

    def examples(self, parts: tuple[Part, ...]) -> list[Element]:
        """The rows of a chunk that was parsed as single examples, each a dict."""
        columns = [self.readings[place].examples(parts[place]) for place in self._places]
        return [dict(zip(self._keys, row, strict=False)) for row in zip(*columns, strict=True)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spec):
            return NotImplemented
        return list(self.features.items()) == list(other.features.items())

    def __hash__(self) -> int:
        return hash(tuple(self.features.items()))

    def __reduce__(self) -> tuple[object, ...]:
        return Spec, (self.features,)

    def __repr__(self) -> str:
        return repr(self.features)

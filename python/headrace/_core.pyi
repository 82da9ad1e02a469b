"""The C++ core. Private: use the headrace package."""

from typing import Any

__version__: str

def build_info() -> dict[str, Any]: ...
def encode_example(features: list[tuple[bytes, Any, Any]]) -> bytes: ...
def encode_records(features: list[tuple[bytes, Any, Any]], rows: int) -> bytes: ...
def frame_records(records: list[Any]) -> bytes: ...
def crc32c(data: Any) -> int: ...
def parse_examples(
    serialized: list[Any], schema: Schema, single: bool, names: list[str]
) -> tuple[Any, ...]: ...

class Schema:
    """Columns: (key, kind, layout, type, shape, big_endian, default)."""

    def __init__(
        self, columns: list[tuple[bytes, str, str, str, tuple[int, ...], bool, Any]]
    ) -> None: ...

class Loader:
    """One pass over files.

    next() gives one part for each column of the schema:

    - fixed and raw numbers: ndarray (rows, *shape)
    - fixed strings, and whole records without a schema: (data, offsets, rows)
    - ragged: (values, row_splits); of strings (data, offsets, row_splits)
    - sequences: ndarray (rows, blocks, *shape); of strings (data, offsets, blocks, rows); for
      single examples as ragged
    """

    def __init__(
        self,
        files: list[str | bytes],
        schema: Schema | None,
        chain: list[tuple[Any, ...]],
        batch_size: int,
        drop_remainder: bool,
        single: bool,
        options: dict[str, Any],
        state: dict[str, Any] | None,
        on_corruption: str = "raise",
    ) -> None: ...
    def file_sizes(self) -> list[int]: ...
    def next(self) -> tuple[Any, ...]: ...
    def state(self) -> dict[str, Any]: ...
    def stats(self) -> dict[str, Any]: ...
    def close(self) -> None: ...

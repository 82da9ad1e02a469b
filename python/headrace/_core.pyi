"""The C++ core. Private: use the headrace package."""

from collections.abc import Iterator
from typing import Any

__version__: str

def build_info() -> dict[str, Any]: ...
def encode_example(features: list[tuple[bytes, Any, Any]]) -> bytes: ...
def encode_records(features: list[tuple[bytes, Any, Any]], rows: int) -> bytes: ...
def frame_records(records: list[Any]) -> bytes: ...
def crc32c(data: Any) -> int: ...
def parse_examples(
    serialized: list[Any] | tuple[Any, Any], schema: Schema, single: bool, names: list[str]
) -> tuple[Any, ...]:
    """Serialized: bytes-likes, or the (data, offsets) of a BytesArray."""

def parse_sequence_examples(
    serialized: list[Any] | tuple[Any, Any], context: Schema, lists: Schema, names: list[str]
) -> tuple[list[Any], list[Any], int]:
    """One part for each column of both schemas, and the number of examples. A part: values, of
    strings as (data, offsets); row splits of these values; those of the rows, or the rows of each
    example. See sequence_arrays.h."""

def sort_places(places: Any) -> Any:
    """Row numbers of an int64 (n, rank) array in the order of the rows. Equal rows come as
    TensorFlow has them: in their order if n <= 16, else as std::sort of libstdc++ leaves them."""

class Schema:
    """Columns: (key, kind, layout, type, shape, big_endian, default, type of row splits). Layouts:
    fixed, raw, sequence, ragged, sparse."""

    def __init__(
        self, columns: list[tuple[bytes, str, str, str, tuple[int, ...], bool, Any, str]]
    ) -> None: ...

class Index:
    """Where the records of files stand. Builds it; paths are those of the files."""

    def __init__(self, files: list[str | bytes], on_corruption: str, threads: int) -> None: ...
    @staticmethod
    def read(path: str | bytes) -> Index: ...
    def write(self, path: str | bytes) -> None: ...
    def difference(self, files: list[str | bytes]) -> bytes: ...
    def count(self, file: int | None = None) -> int: ...
    def find(self, ordinal: int) -> tuple[int, int, int]: ...
    def files(self) -> list[tuple[bytes, int, int]]: ...
    def on_corruption(self) -> str: ...
    def damage(self) -> tuple[int, int, int]: ...
    def memory(self) -> int: ...

def read_records(
    files: list[str | bytes],
    index: Index,
    ordinals: list[int],
    schema: Schema | None,
    single: bool,
    verify: bool,
) -> Any: ...

class Loader:
    """One pass over files.

    next() gives a tuple, or a dict with these keys, of one value for each column of the schema, and
    whole records without one:

    - fixed and raw numbers: ndarray (rows, *shape); sequences: (rows, blocks, *shape)
    - strings, and whole records: BytesArray of such a shape
    - ragged, and sequences for single examples: RaggedArray; sparse: SparseArray

    With `sequences`, the schemas of the context and the lists of SequenceExamples, a batch is what
    parse_sequence_examples() gives for its records, or, where their exact grammar is needed, these.

    Raises OverflowError for row splits of a batch that do not fit int32, where they should.
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
        interleaving: tuple[int, int, bool] | None = None,
        index: Index | None = None,
        keys: tuple[Any, ...] | None = None,
        sequences: tuple[Schema, Schema] | None = None,
    ) -> None: ...
    def file_sizes(self) -> list[int]: ...
    def next(self) -> Any: ...
    def ready(self) -> bool:
        """Whether next() would not wait."""

    def state(self) -> dict[str, Any]: ...
    def stats(self) -> dict[str, Any]: ...
    def close(self) -> None: ...

class StageIterator:
    """An iterator over the elements of a stage; those that are batches of its loader and ready come
    from there without a call of the stage's."""

    _stage: Any  # read-only; None before _run()
    def __iter__(self) -> StageIterator: ...
    def __next__(self) -> Any: ...
    def _run(self, stage: Iterator[Any], loader: Loader | None) -> None:
        """Goes on with the elements of this stage, which are the loader's batches if there is one.
        Raises TypeError for other objects."""

def page_locked_memory() -> dict[str, Any]:
    """driver_missing and missing: why there is none, for good and now, or "". In bytes: registered,
    free, waiting for copies. And the number of registrations so far."""

def buffer_address(array: Any) -> int | None:
    """Where the buffer of the core begins that an array looks at; None for other objects."""

def mark_copies() -> None:
    """Page-locked memory that was given back until now is used again when the GPUs have done what
    they have been told to do until now. Not while a stream is captured into a graph."""

def copies_done(arrays: list[Any]) -> None:
    """No copy reads these arrays of the core, nor will anybody start one."""

class Shuffle:
    """tf.data's shuffle of the numbers of an input's elements."""

    def __init__(self, size: int, lo: int, hi: int, reshuffle: bool, iteration: int) -> None: ...
    def full(self) -> bool: ...
    def empty(self) -> bool: ...
    def pushed(self) -> int: ...
    def drawn(self) -> int: ...
    def push(self) -> int: ...
    def draw(self) -> int: ...
    def resume(self, drawn: int, pushed: int) -> list[int]: ...

def philox(lo: int, hi: int, t: int) -> int: ...

"""TFRecord files of tf.train.Example into contiguous NumPy batches, without TensorFlow.

>>> import headrace as hr
>>> dataset = hr.TFRecordDataset("data/train-*.tfrecord").parse_example(spec).batch(256)
>>> for batch in dataset: ...

The verbs of a dataset are `tf.data`'s, the feature classes `tf.io`'s. ``hr.describe(path)`` says
what a file holds and prints a spec to paste.
"""

from . import _core
from .arrays import BytesArray, RaggedArray, SparseArray
from .build import build_info
from .cardinality import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from .dataset import Dataset
from .decode_raw import decode_raw
from .describe import Description, describe
from .element_spec import RaggedTensorSpec, SparseTensorSpec, TensorSpec
from .errors import (
    CorruptedError,
    DataLossError,
    Error,
    ParseError,
    ShapeError,
    TruncatedError,
)
from .feature_dataset import make_batched_features_dataset
from .features import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
)
from .functions import (
    parse_example,
    parse_sequence_example,
    parse_single_example,
    parse_single_sequence_example,
)
from .index import Index
from .iterator import DatasetIterator
from .options import AUTOTUNE, Options
from .tensors import BytesTensor, RaggedTensor, SparseTensor
from .tfrecord_dataset import TFRecordDataset
from .writer import TFRecordWriter, encode_example

__version__: str = _core.__version__

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "BytesArray",
    "BytesTensor",
    "CorruptedError",
    "DataLossError",
    "Dataset",
    "DatasetIterator",
    "Description",
    "Error",
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "Index",
    "Options",
    "ParseError",
    "RaggedArray",
    "RaggedFeature",
    "RaggedTensor",
    "RaggedTensorSpec",
    "RawFeature",
    "ShapeError",
    "SparseArray",
    "SparseFeature",
    "SparseTensor",
    "SparseTensorSpec",
    "TFRecordDataset",
    "TFRecordWriter",
    "TensorSpec",
    "TruncatedError",
    "VarLenFeature",
    "__version__",
    "build_info",
    "decode_raw",
    "describe",
    "encode_example",
    "make_batched_features_dataset",
    "parse_example",
    "parse_sequence_example",
    "parse_single_example",
    "parse_single_sequence_example",
]

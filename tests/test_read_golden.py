"""Datasets that TensorFlow wrote, beside the batches that it read from them."""

import json
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
import laws
import oracle

FOLDER = Path(__file__).parent / "golden"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/batches.npz"))


class Golden:
    def __init__(self, name):
        spec = json.loads((FOLDER / name / "spec.json").read_text())
        self.features = spec["features"]
        self.batch_size = spec["batch_size"]
        self.paths = sorted((FOLDER / name).glob("*.tfrecord"))
        with np.load(FOLDER / name / "batches.npz") as arrays:
            self._arrays = dict(arrays)
        self.batches = [self._batch(i) for i in range(spec["batches"])]

    @property
    def dataset(self):
        spec = {key: getattr(hr, cls)(**arguments) for key, cls, arguments in self.features}
        return hr.TFRecordDataset(self.paths).parse_example(spec).batch(self.batch_size)

    def _batch(self, number):
        columns = {}
        for i, (key, _, _) in enumerate(self.features):
            prefix = f"{number}.{i}."
            columns[key] = _column(
                {
                    name.removeprefix(prefix): array
                    for name, array in self._arrays.items()
                    if name.startswith(prefix)
                }
            )
        return columns


def _column(parts):
    values = parts.get("values")
    if values is None:
        values = hr.BytesArray(parts["data"], parts["offsets"], parts["shape"])
    if "row_splits" in parts:
        return hr.RaggedArray(values, parts["row_splits"])
    if "indices" in parts:
        return hr.SparseArray(parts["indices"], values, parts["dense_shape"])
    return values


@pytest.fixture(scope="module", params=NAMES)
def golden(request):
    return Golden(request.param)


def test_there_is_one_for_every_shape():
    assert NAMES == [
        "ctr", "ctr_missing", "dense", "empty", "id_lists", "imagenet", "kinds", "raw", "seed",
        "tokens", "varint10", "wide",
    ]  # fmt: skip


@pytest.mark.parametrize("threads", laws.THREADS)
def test_batches_are_tensorflows(golden, threads):
    batches = list(laws.with_threads(golden.dataset, threads))
    laws.assert_same_elements(batches, golden.batches)


def test_every_file_alone(golden):
    """Files of their own batches hold the same rows as one stream of single ones."""
    dataset = golden.dataset
    one = hr.TFRecordDataset(golden.paths).parse_example(_spec(dataset))
    rows = [
        row
        for path in golden.paths
        for row in hr.TFRecordDataset(path).parse_example(_spec(dataset))
    ]
    laws.assert_same_elements(list(one), rows)


def _spec(dataset):
    return dict(dataset._verbs[1].spec.features)


def test_laws_hold(golden):
    laws.assert_laws(golden.dataset)


def test_only_features_without_a_kind_take_the_slow_path(golden):
    records = [record for path in golden.paths for record in oracle.read_file(path)]
    kindless = sum(any(not value for _, value in oracle.entries_of(record)) for record in records)
    with iter(golden.dataset) as batches:
        for _ in batches:
            pass
        assert batches.stats()["slow_records"] <= kindless


def test_records_are_the_bytes_that_were_written(golden):
    expected = [record for path in golden.paths for record in oracle.read_file(path)]
    assert list(hr.TFRecordDataset(golden.paths)) == expected


def test_the_oracle_reads_the_same(golden):
    """So that tests may trust it where TensorFlow is not at hand."""
    spec = {key.encode(): _wanted(cls, arguments) for key, cls, arguments in golden.features}
    records = [record for path in golden.paths for record in oracle.read_file(path)]
    for number, batch in enumerate(golden.batches):
        start = number * golden.batch_size
        columns = oracle.columns(records[start : start + golden.batch_size], spec)
        for key, expected in batch.items():
            made = columns[key.encode()]
            if isinstance(expected, (hr.RaggedArray, hr.SparseArray)):
                made, splits = made.values, np.array(made.row_splits)
                if isinstance(expected, hr.SparseArray):
                    rows = np.repeat(np.arange(len(splits) - 1), np.diff(splits))
                    assert expected.indices[:, 0].tolist() == rows.tolist()
                else:
                    assert expected.row_splits.tolist() == splits.tolist()
                expected = expected.values
            assert laws.bits(made) == laws.bits(np.asarray(expected)), key


def _wanted(cls, arguments):
    shape, dtype = tuple(arguments.get("shape", ())), arguments["dtype"]
    default = arguments.get("default_value")
    if isinstance(default, str):
        default = default.encode()
    if cls == "FixedLenFeature":
        return oracle.Fixed(dtype, shape, default)
    if cls == "FixedLenSequenceFeature":
        return oracle.Sequence(dtype, shape, default)
    if cls == "RawFeature":
        return oracle.Raw(dtype, shape, arguments["little_endian"])
    return oracle.Ragged(dtype)

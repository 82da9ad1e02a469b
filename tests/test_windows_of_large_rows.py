"""Windows of records whose rows are large and of fixed size: they are written when they come in, to
where they will be drawn, and nobody can tell."""

import itertools
import pathlib

import numpy as np
import pytest

import headrace as hr
from data import write_records
from laws import (
    assert_errors_pass_through,
    assert_laws,
    assert_same_elements,
    assert_same_values,
    bits,
    elements_of,
)

ROWS, BATCH, SIZE = 1000, 128, 700  # 2,800 bytes of floats a row
SPEC = {
    "row": hr.FixedLenFeature([SIZE], np.float32),
    "short": hr.FixedLenFeature([], np.int16),
    "raw": hr.RawFeature([5], np.uint8),
    "number": hr.FixedLenFeature([], np.int64),
    "absent": hr.FixedLenFeature([2], np.float32, [0.5, -1]),
}


def example(number):
    row = np.random.default_rng(number).standard_normal(SIZE, np.float32)
    return hr.encode_example(
        {"number": number, "row": row, "short": number % 100, "raw": bytes([number % 256] * 5)}
    )


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large-rows")
    cuts = [0, 400, 401, 401, ROWS]
    return [
        write_records(folder / f"{i}", map(example, range(*cut)))
        for i, cut in enumerate(itertools.pairwise(cuts))
    ]


CHAINS = {
    "small": lambda d: d.shuffle(3, 1),
    "window": lambda d: d.shuffle(150, 1),
    "one order": lambda d: d.shuffle(150, 1, reshuffle_each_iteration=False),
    "nearly all": lambda d: d.shuffle(900, 1),
    "all": lambda d: d.shuffle(5000, 1),
    "same each time": lambda d: d.shuffle(150, 1, reshuffle_each_iteration=False).repeat(2),
    "repeat behind": lambda d: d.shuffle(150, 1).repeat(3),
    "repeat before": lambda d: d.repeat(3).shuffle(150, 1),
    "verbs before": lambda d: d.skip(30).shard(2, 1).take(450).shuffle(90, 1),
    "verbs behind": lambda d: d.shuffle(90, 1).skip(5).take(700).repeat(2),
}


def orders_of(chain, paths, **how):
    """The chain over parsed rows, and the same over records, which are parsed behind it."""
    records = hr.TFRecordDataset(paths, **how)
    return chain(records.parse_example(SPEC)).batch(BATCH), chain(records).batch(BATCH)


@pytest.mark.parametrize("reads", [None, 3])
@pytest.mark.parametrize("name", CHAINS)
def test_the_order_is_that_of_the_records(name, reads, paths):
    rows, records = orders_of(CHAINS[name], paths, num_parallel_reads=reads)
    for _ in range(2):  # passes
        for batch, expected in zip(rows, records, strict=True):
            parsed = hr.parse_example(expected.tolist(), SPEC)
            assert_same_values(batch, {key: parsed[key] for key in SPEC})


@pytest.mark.parametrize("name", CHAINS)
def test_laws(name, paths):
    assert_laws(orders_of(CHAINS[name], paths)[0])


def bytes_read(dataset):
    with iter(dataset) as batches:
        list(batches)
        return batches.stats()["bytes_read"]


def test_rows_are_placed(paths):
    """Seen by what is read again: what was placed for draws behind the end of the input. Within a
    budget nothing is."""
    rows, _ = orders_of(CHAINS["window"], paths)
    kept = bytes_read(rows.with_options(hr.Options(memory_budget="1GiB")))
    assert kept < bytes_read(rows) < kept * 2


def test_rows_that_are_larger_than_their_records_are_not(tmp_path):
    """Or a window would take many times the bytes of its records."""
    examples = [hr.encode_example({"ids": [n % 128] * 1000}) for n in range(ROWS)]
    path = write_records(tmp_path / "ids", examples)
    ids = {"ids": hr.FixedLenFeature([1000], np.int64)}
    window = hr.TFRecordDataset(path).parse_example(ids).shuffle(150, 1).batch(BATCH)
    assert bytes_read(window) < sum(map(len, examples)) * 1.05


def damaged(paths, folder, number):
    data = bytearray(pathlib.Path(paths[3]).read_bytes())
    data[number * (len(data) // (ROWS - 401)) + 100] ^= 1
    path = folder / "damaged"
    path.write_bytes(data)
    return [*paths[:3], str(path)]


@pytest.mark.parametrize("number", [3, 300, 590])
def test_a_damaged_record_ends_the_batches_that_need_it(number, paths, tmp_path):
    """A draw needs all that goes into the window before it."""
    broken = damaged(paths, tmp_path, number)
    rows, _ = orders_of(CHAINS["one order"], broken)
    whole = elements_of(orders_of(CHAINS["one order"], paths)[0])
    before = (401 + number - 149) // BATCH
    assert_errors_pass_through(rows, hr.CorruptedError, before, f"record {number} at byte")
    with iter(rows) as batches:
        assert_same_elements([next(batches) for _ in range(before)], whole[:before])
    skipping, _ = orders_of(CHAINS["window"], broken, on_corruption="skip")
    with pytest.warns(RuntimeWarning, match="passed over"):
        found = [int(n) for batch in skipping for n in batch["number"]]
    assert sorted(found) == [n for n in range(ROWS) if n != 401 + number]


def test_a_record_that_does_not_parse_takes_its_rows_place(paths, tmp_path):
    odd = write_records(tmp_path / "odd", [hr.encode_example({"number": 7})])
    files = [*paths[:2], odd, paths[3]]
    rows, records = orders_of(CHAINS["one order"], files)
    order = [bytes(r) for batch in records for r in batch.tolist()]
    at = order.index(hr.encode_example({"number": 7}))
    match = rf"required but could not be found[^§]*odd: record 0[^§]*{at % BATCH} records before"
    assert_errors_pass_through(rows, hr.ParseError, at // BATCH, match)


def test_a_consumer_that_keeps_everything(paths):
    kept = elements_of(orders_of(CHAINS["repeat behind"], paths)[0])
    assert bits(kept) == bits(elements_of(orders_of(CHAINS["repeat behind"], paths)[0]))

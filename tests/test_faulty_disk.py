"""A disk that gives less than was asked for, and one with pages that cannot be read: what stands
before such a page is delivered, then comes the system's error, whatever the threads."""

import errno

import numpy as np
import pytest

import faulty_disk
import headrace as hr
from data import write_records
from laws import THREADS, assert_same_elements, with_threads
from oracle import frame

SIZES = {
    "small": [100 + i % 7 for i in range(9000)],
    "large": [150_000 + i for i in range(24)],
    "huge": [3_000_000 + i for i in range(4)],
    "mixed": [9, 70_000, 5, 1_500_000, 300, 20_000] * 6,
}
PAGE = 4096
BATCH = 3
NUMBER = {"number": hr.FixedLenFeature([], np.int64)}

CHAINS = {
    "one by one": lambda dataset: dataset,
    "records": lambda dataset: dataset.batch(BATCH),
    "numbers": lambda dataset: dataset.parse_example(NUMBER).batch(BATCH),
    "bytes": lambda dataset: dataset.parse_example(
        {**NUMBER, "other": hr.FixedLenFeature([], bytes)}
    ).batch(BATCH),
    "ragged": lambda dataset: dataset.parse_example(
        {**NUMBER, "list": hr.RaggedFeature(np.int64)}
    ).batch(BATCH),
}


def record(number, size):
    values = {
        "number": number,
        "list": [number] * (number % 4),
        "other": bytes([number % 251]) * size,
    }
    return hr.encode_example(values)


class Files:
    """Two, of which the second has pages that cannot be read."""

    def __init__(self, folder, kind):
        sizes = SIZES[kind]
        middle = len(sizes) // 2
        records = [record(i, size) for i, size in enumerate(sizes)]
        self.good = write_records(f"{folder}/{kind}-good", records[:middle])
        self.bad = write_records(f"{folder}/{kind}-bad", records[middle:])
        self.paths = [self.good, self.bad]
        self.count, self.first_of_bad = len(records), middle
        self.ends = np.cumsum([len(frame(data)) for data in records[middle:]])

    def pages(self):
        """At the beginning of the file, soon after it, in the middle and at the end."""
        size = int(self.ends[-1])
        return [0, 3 * PAGE, size // 2 // PAGE * PAGE, (size - 1) // PAGE * PAGE]

    def lost(self, page):
        """The records that have bytes there, by number."""
        begins = np.concatenate([[0], self.ends[:-1]])
        lost = np.flatnonzero((begins < page + PAGE) & (self.ends > page))
        return self.first_of_bad + lost


def elements_before_error(dataset, path, threads):
    """What comes before the system's error, which stays."""
    dataset.set_epoch(0)
    elements = []
    with iter(with_threads(dataset, threads)) as iterator:
        with pytest.raises(OSError, match=path) as first:
            elements.extend(iterator)
        assert (first.value.errno, first.value.filename) == (errno.EIO, path)
        with pytest.raises(OSError, match=path) as second:
            next(iterator)
        assert str(second.value) == str(first.value)
    return elements


def assert_ends_before(dataset, expected, path):
    for threads in THREADS:
        actual = elements_before_error(dataset, path, threads)
        assert_same_elements(actual, expected, f"{threads} threads:")


def numbers_of(elements):
    return [int(hr.parse_single_example(data, NUMBER)["number"]) for data in elements]


# What every program begins with.
BEGIN = """
import sys
from faulty_disk import FaultyDisk
from laws import elements_of
from test_faulty_disk import *

disk, folder = FaultyDisk(), sys.argv[1]
files = Files(folder, sys.argv[2]) if len(sys.argv) > 2 else None
"""


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return faulty_disk.compile_disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture(params=SIZES)
def run(request, disk, tmp_path):
    """A program, for each kind of files."""
    return lambda program: faulty_disk.run(BEGIN + program, disk, tmp_path, request.param)


def test_reads_that_are_cut_short(run):
    run("""
for chain in CHAINS.values():
    for dataset in (
        chain(hr.TFRecordDataset(files.paths)),
        chain(hr.TFRecordDataset(files.paths, num_parallel_reads=2)),
        chain(hr.TFRecordDataset(files.paths).shuffle(10, seed=1)),
        chain(hr.TFRecordDataset(files.paths).shuffle(None, seed=1)),
        chain(hr.TFRecordDataset(files.paths, on_corruption="skip")),
    ):
        disk.cut_short(False)
        expected, faults = elements_of(dataset), disk.faults()
        disk.cut_short()
        for threads in THREADS:
            assert_same_elements(elements_of(with_threads(dataset, threads)), expected)
        assert disk.faults() > faults
""")


def test_in_file_order(run):
    run("""
for name, chain in CHAINS.items():
    dataset = chain(hr.TFRecordDataset(files.paths))
    disk.mend()
    everything = elements_of(dataset)
    for page in files.pages():
        whole = files.lost(page)[0]
        disk.break_page(files.bad, page)
        expected = everything[: whole if name == "one by one" else whole // BATCH]
        assert_ends_before(dataset, expected, files.bad)
""")


def test_in_other_orders(run):
    """Parallel reads, and the shuffle of everything: up to the first record that is lost, or comes
    behind one that is in its file. A window: while it fills."""
    run("""
source = hr.TFRecordDataset(files.paths)
parallel = hr.TFRecordDataset(files.paths, num_parallel_reads=2)
orders = {"parallel": parallel, "everything": source.shuffle(None, seed=3)}
for name, order in orders.items():
    disk.mend()
    everything = elements_of(order)
    numbers = numbers_of(everything)
    for page in files.pages():
        lost = files.lost(page)
        if name == "parallel":
            lost = range(lost[0], files.count)
        whole = min(numbers.index(number) for number in lost)
        disk.break_page(files.bad, page)
        assert_ends_before(order, everything[:whole], files.bad)
        if name == "parallel":
            batches = order.parse_example(NUMBER).batch(BATCH)
            for threads in THREADS:
                delivered = elements_before_error(batches, files.bad, threads)
                assert [int(n) for batch in delivered for n in batch["number"]] == numbers[
                    : whole // BATCH * BATCH
                ]

window = source.shuffle(10, seed=3)
disk.mend()
everything = elements_of(window)
for page in files.pages():
    whole = max(0, files.lost(page)[0] - 9)  # each step needs one record ahead
    disk.break_page(files.bad, page)
    assert_ends_before(window, everything[:whole], files.bad)
""")


def test_no_corruption(run):
    """What the system cannot read is no bad data that could be passed over."""
    run("""
for policy in ("skip", "stop_file"):
    for name, chain in CHAINS.items():
        dataset = chain(hr.TFRecordDataset(files.paths, on_corruption=policy))
        disk.mend()
        everything = elements_of(dataset)
        for page in files.pages():
            whole = files.lost(page)[0]
            disk.break_page(files.bad, page)
            expected = everything[: whole if name == "one by one" else whole // BATCH]
            assert_ends_before(dataset, expected, files.bad)

# As in TensorFlow: the error, then the next file.
dataset = hr.TFRecordDataset([files.bad, files.good], on_corruption="tf")
disk.mend()
everything = elements_of(dataset)
for page in files.pages():
    disk.break_page(files.bad, page)
    before = files.lost(page)[0] - files.first_of_bad
    for threads in THREADS:
        iterator = iter(with_threads(dataset, threads))
        elements = [next(iterator) for _ in range(before)]
        with pytest.raises(OSError) as error:
            next(iterator)
        assert (error.value.errno, error.value.filename) == (errno.EIO, files.bad)
        elements += list(iterator)
        behind = everything[files.count - files.first_of_bad :]
        assert_same_elements(elements, everything[:before] + behind)
""")


def test_the_search_behind_damage_meets_a_bad_page(disk, tmp_path):
    program = """
import warnings

records = [record(i, 9000 if i == 5 else 1000) for i in range(40)]
framed = [frame(data) for data in records]
framed[5] = bytes(12) + framed[5][12:]  # no length to go by
path = folder + "/damaged"
with open(path, "wb") as file:
    file.write(b"".join(framed))
dataset = hr.TFRecordDataset(path, on_corruption="skip")
good = records[:5] + records[6:]
with pytest.warns(RuntimeWarning, match="passed over"):
    assert list(dataset) == good
warnings.simplefilter("ignore", RuntimeWarning)
ends = np.cumsum([len(data) for data in framed])
for page in (0, PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE, 5 * PAGE):
    whole = int(np.flatnonzero(ends > page)[0])
    disk.break_page(path, page)
    assert_ends_before(dataset, good[: whole if whole <= 5 else whole - 1], path)
"""
    faulty_disk.run(BEGIN + program, disk, tmp_path)


def test_by_number(run):
    """A record beside a bad page can be had, and one on it gives the error; nor is there an index
    of headers that cannot be read."""
    run("""
dataset = hr.TFRecordDataset(files.paths)
everything = list(dataset)
for page in files.pages()[1:]:
    disk.mend()
    assert dataset[0] == everything[0]  # the index is there
    disk.break_page(files.bad, page)
    lost = set(files.lost(page).tolist())
    near = range(max(0, min(lost) - 3), min(files.count, max(lost) + 4))
    kept = [i for i in near if i not in lost]
    assert list(dataset[kept]) == [everything[i] for i in kept]
    for number in lost:
        with pytest.raises(OSError) as error:
            dataset[[*kept, number]]
        assert (error.value.errno, error.value.filename) == (errno.EIO, files.bad)
disk.break_page(files.bad, 0)
with pytest.raises(OSError) as error:
    hr.Index.build(files.paths, path=folder + "/index")
assert (error.value.errno, error.value.filename) == (errno.EIO, files.bad)
""")


def test_a_passing_failure(run):
    """Of one read: its records come all the same, or its error does."""
    run("""
for name, chain in CHAINS.items():
    dataset = chain(hr.TFRecordDataset(files.paths))
    disk.mend()
    everything = elements_of(dataset)
    for page in files.pages():
        for threads in THREADS:
            disk.break_page(files.bad, page, times=1)
            faults, elements = disk.faults(), []
            dataset.set_epoch(0)
            try:
                for element in with_threads(dataset, threads):
                    elements.append(element)
            except OSError as error:
                assert (error.errno, error.filename) == (errno.EIO, files.bad)
            else:
                assert len(elements) == len(everything)
            assert disk.faults() > faults
            assert_same_elements(elements, everything[: len(elements)])
""")


def test_a_byte_that_was_wrong_once(run):
    """A record is what its checksum says, or an error, also where parts of it are read apart."""
    run("""
found = []
for name, chain in CHAINS.items():
    dataset = chain(hr.TFRecordDataset(files.paths))
    disk.mend()
    everything = elements_of(dataset)
    for whole in (files.first_of_bad, files.count - 1):
        middle = int(files.ends[whole - files.first_of_bad]) - SIZES[sys.argv[2]][whole] // 2
        for threads in THREADS:
            disk.spoil(files.bad, middle, times=1)
            faults, elements = disk.faults(), []
            dataset.set_epoch(0)
            try:
                elements.extend(with_threads(dataset, threads))
            except hr.DataLossError as error:
                assert error.path == files.bad
                found.append(str(error))
                count = whole if name == "one by one" else whole // BATCH
            else:
                count = len(everything)  # it was not needed of that read
            assert disk.faults() == faults + 1
            assert_same_elements(elements, everything[:count])
assert any("checksum" in message for message in found)
if sys.argv[2] == "huge":
    assert any("other data than before" in message for message in found)
""")

"""What a process grows by: by what is read ahead, never by what has been read or was dropped."""

import functools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import headrace as hr
from data import SPEC, example, write_records

MIB = 2**20
FILES = 8  # in a pass, each the same
PASS = 192 * MIB
SMALL = hr.Options(threads=2, prefetch=2, memory_budget=MIB)
WHOLE = hr.Options(threads=2, prefetch=2)  # windows are kept in memory
# A tenth of it is taken at most, a fifth where records are large. What is kept that should be given
# back is all of the pass, or in a window, which copies what it keeps together, a fifth of it.
MOST_OF_A_PASS = {False: PASS // 7, True: PASS // 3}
MOST_OF_MANY_STARTS = 16 * MIB  # the pool and the allocator keep what the worst one had
READ_AHEAD = 40 * MIB  # and what a window of any size may hold in vain

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts bytes as Linux does"),
    pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="ASan keeps memory"),
]

# In a process of its own: the pool and the allocator keep what they once had.
MEASURE = """
import gc, os, pickle, sys, time

def memory(name):  # ru_maxrss would count what the parent was when it started this process
    [line] = [line for line in open("/proc/self/status") if line.startswith(name)]
    return int(line.split()[1]) * 1024

def things():  # threads, open files, and what is mapped of them
    gc.collect()
    mapped = sum("tfrecord" in line or "memfd" in line for line in open("/proc/self/maps"))
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), mapped

action, before, times = pickle.load(sys.stdin.buffer)
for _ in range(before):
    action()
kept, start = things(), memory("VmHWM" if before == 0 else "RssAnon")
for _ in range(times):
    action()
for _ in range(1000):  # a joined thread may be listed for a moment longer
    left = [(now, then) for now, then in zip(things(), kept) if now > then]
    if not left:
        break
    time.sleep(0.01)
assert not left, left
print(memory("VmHWM" if before == 0 else "RssAnon") - start)
"""


def growth(action, *arguments, before=0, times=1):
    """Bytes that a process grows by in so many calls: at its peak, or where some were made
    before, at the end. Nor may threads, open files and mappings be left."""
    call = functools.partial(action, *arguments)
    folders = [os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=pickle.dumps((call, before, times)), capture_output=True, timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return int(done.stdout)


def to_the_end(dataset):
    with iter(dataset) as elements:
        for _ in elements:
            pass


def write_equal(path, records, size):
    """The same records again and again, without encoding each."""
    one = np.fromfile(write_records(path.with_suffix(".one"), records), np.uint8)
    np.tile(one, -(-size // one.size)).tofile(path)
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def encoded():
    return [hr.encode_example(example(i)) for i in range(2000)]


@pytest.fixture(scope="module")
def files(folder, encoded):
    """By kind of record; lists are a pass, but for `many`."""
    large = [hr.encode_example({"name": bytes(1_000_000 + 1000 * i)}) for i in range(8)]
    examples = write_equal(folder / "examples.tfrecord", encoded, PASS // FILES)
    damaged = np.fromfile(examples, np.uint8)
    damaged[::5003] ^= 1
    damaged.tofile(folder / "damaged.tfrecord")
    few = write_records(folder / "few.tfrecord", encoded[:200])
    return {
        "examples": [examples] * FILES,
        "large": [write_equal(folder / "large.tfrecord", large, PASS // FILES)] * FILES,
        "rows": [write_equal(folder / "rows.tfrecord", large[:1], PASS // FILES)] * FILES,
        "damaged": [str(folder / "damaged.tfrecord")] * FILES,
        "many": [few] * (PASS // 4 // os.path.getsize(few)),
        "few": few,
        "pages": write_records(folder / "pages.tfrecord", [bytes(4096)] * 100),  # may be mapped
        "zeros": write_equal(folder / "zeros.tfrecord", [bytes(100)], 1_100_000 * 116),
        "wide": write_equal(folder / "wide.tfrecord", [bytes(4096)], 100 * MIB),
    }


NAME = {"name": hr.FixedLenFeature([], bytes)}
IN_PYTHON = functools.partial(hr.TFRecordDataset, on_corruption="skip")


def parsed(files, **how):
    return hr.TFRecordDataset(files, **how).parse_example(SPEC)


def names(files):
    return hr.Dataset.from_tensor_slices(files)


CHAINS = {
    "records": lambda f: hr.TFRecordDataset(f["examples"]).batch(1000),
    "single records": lambda f: hr.TFRecordDataset(f["examples"][:3]),
    "examples": lambda f: parsed(f["examples"]).batch(1000),
    "ragged strings": lambda f: hr.TFRecordDataset(f["examples"]).parse_example(
        {"name": hr.RaggedFeature(bytes), "list": hr.VarLenFeature(np.int64)}
    ).batch(300),
    "large": lambda f: hr.TFRecordDataset(f["large"]).parse_example(NAME).batch(2),
    "large, window": lambda f: hr.TFRecordDataset(f["large"]).shuffle(4, 1).batch(3),
    "large, one by one": lambda f: hr.TFRecordDataset(f["large"]).parse_example(NAME),
    "large, window, one by one": lambda f: hr.TFRecordDataset(f["large"]).shuffle(4, 1),
    "large, parallel reads, one by one": lambda f: hr.TFRecordDataset(
        f["large"], num_parallel_reads=2
    ),
    "large, shuffle of everything, one by one": lambda f: hr.TFRecordDataset(f["large"])
    .shuffle(None, 1),
    "large rows, one by one": lambda f: hr.TFRecordDataset(f["rows"]).parse_example(
        {"name": hr.RawFeature([1_000_000], np.uint8)}
    ),
    "many": lambda f: parsed(f["many"]).batch(999),
    "many, interleaved": lambda f: names(f["many"]).interleave(hr.TFRecordDataset, 8, 4)
    .parse_example(SPEC).batch(999),
    "parallel reads": lambda f: parsed(f["examples"], num_parallel_reads=3).batch(1000),
    "interleaved in Python": lambda f: names(f["many"]).interleave(IN_PYTHON, 3, 16).batch(999)
    .take(200),
    "window of 2": lambda f: hr.TFRecordDataset(f["examples"]).shuffle(2, 1).batch(1000),
    "window": lambda f: parsed(f["examples"]).shuffle(1000, 1).batch(777),
    "window, large batch": lambda f: hr.TFRecordDataset(f["examples"]).shuffle(50, 1).batch(5000),
    "window, no batch": lambda f: hr.TFRecordDataset(f["examples"]).shuffle(100, 1),
    "window behind parallel reads": lambda f: hr.TFRecordDataset(
        f["examples"], num_parallel_reads=3
    ).shuffle(1000, 1).batch(1000),
    "window between repeats": lambda f: hr.TFRecordDataset(f["examples"][:2]).repeat(4)
    .shuffle(500, 1).repeat(2).batch(1000),
    "shuffle of everything": lambda f: parsed(f["examples"]).shuffle(None, 1).batch(1000),
    "shard": lambda f: parsed(f["examples"]).shard(2, 1).batch(1000),
    "repeat": lambda f: parsed(f["few"]).repeat(3000).batch(999),
    "damaged": lambda f: parsed(f["damaged"], on_corruption="skip").batch(1000),
    "damaged, window": lambda f: hr.TFRecordDataset(
        f["damaged"], on_corruption="skip", num_parallel_reads=2
    ).shuffle(100, 1).batch(1000),
    "map": lambda f: parsed(f["examples"][:4]).batch(500).map(dict, num_parallel_calls=3),
    "batches": lambda f: parsed(f["examples"][:4]).batch(500).rebatch([300, 200]).shuffle(5, 1)
    .enumerate(),
    "zip": lambda f: hr.Dataset.zip(
        parsed(f["examples"]).batch(500), hr.TFRecordDataset(f["examples"]).batch(500)
    ),
}  # fmt: skip


class TestOnePass:
    @pytest.mark.parametrize("name", CHAINS)
    def test_keeps_nothing_of_what_was_read(self, name, files):
        dataset = CHAINS[name](files).with_options(WHOLE if "window" in name else SMALL)
        assert growth(to_the_end, dataset) < MOST_OF_A_PASS[name.startswith("large")]

    def test_small_batches_keep_to_the_budget(self, files):
        options = hr.Options(threads=2, memory_budget=8 * MIB)
        batches = parsed(files["examples"][:1]).batch(1).take(60_000)
        assert growth(to_the_end, batches.with_options(options)) < 24 * MIB


def drop(dataset):
    """Of each kind of end: closed, collected, never asked for anything."""
    with iter(dataset) as elements:
        next(elements)
    elements = iter(dataset)
    for _ in range(3):
        kept = next(elements)
    del elements
    iter(dataset)
    del kept


def fail(dataset):
    elements = iter(dataset)
    with pytest.raises(hr.Error):
        for _ in elements:
            pass


def stop_and_go_on(dataset):
    elements = iter(dataset)
    for _ in range(3):
        next(elements)
        state = elements.state_dict()
    again = iter(pickle.loads(pickle.dumps(dataset)))
    again.load_state_dict(state)
    next(again)


def choose(dataset):
    for i in range(0, 5000, 200):
        dataset[i]
    dataset[range(0, 9000, 9)]


def parse(encoded):
    for _ in range(5):
        hr.parse_example(encoded, SPEC)
        with pytest.raises(hr.ParseError):
            hr.parse_example(encoded, {"none": hr.FixedLenFeature([], np.int64)})
    hr.parse_single_example(encoded[0], SPEC)


def write_and_index(path, encoded):
    hr.Index.build([write_records(path, encoded)])
    hr.describe(path)


STARTS = {
    "file order": lambda f: parsed(f["examples"]).batch(1000),
    "parallel reads": lambda f: parsed(f["examples"], num_parallel_reads=3).batch(1000),
    "window": lambda f: parsed(f["examples"]).shuffle(1000, 1).batch(1000),
    "shuffle of everything": lambda f: parsed(f["examples"]).shuffle(None, 1).batch(1000),
    "mapped": lambda f: hr.TFRecordDataset(f["pages"]).shuffle(None, 1).batch(5),
    "large": lambda f: hr.TFRecordDataset(f["large"]).parse_example(NAME).batch(1),
    "map": lambda f: parsed(f["examples"]).batch(1000).map(dict, num_parallel_calls=2),
    "Python": lambda f: hr.Dataset.zip(
        parsed(f["examples"]).batch(500).unbatch().enumerate(), parsed(f["few"]).batch(2).cache()
    ).concatenate(parsed(f["examples"])),
}  # fmt: skip
STATEFUL = ("file order", "parallel reads", "window", "shuffle of everything")


class TestManyStarts:
    def assert_leaves_nothing(self, action, *arguments):
        assert growth(action, *arguments, before=30, times=100) < MOST_OF_MANY_STARTS

    @pytest.mark.parametrize("name", STARTS)
    def test_dropped(self, name, files):
        self.assert_leaves_nothing(drop, STARTS[name](files).with_options(SMALL))

    @pytest.mark.parametrize("name", STATEFUL)
    def test_state(self, name, files):
        self.assert_leaves_nothing(stop_and_go_on, STARTS[name](files).with_options(SMALL))

    @pytest.mark.parametrize("window", [False, True])
    def test_failed(self, window, files):
        records = hr.TFRecordDataset(files["damaged"])
        dataset = (records.shuffle(50, 1) if window else records).batch(5)
        self.assert_leaves_nothing(fail, dataset.with_options(SMALL))

    def test_one_by_one(self, files):
        self.assert_leaves_nothing(choose, parsed(files["examples"]))

    def test_parse_functions(self, encoded):
        self.assert_leaves_nothing(parse, encoded[:200])

    def test_write_and_index(self, folder, encoded):
        self.assert_leaves_nothing(write_and_index, folder / "written.tfrecord", encoded[:20])


def windows(path, size, count, **how):
    """So many windows' worth, in batches."""
    batches = hr.TFRecordDataset(path).repeat().shuffle(size, 1).batch(256)
    return batches.take(size * count // 256).with_options(hr.Options(threads=2, prefetch=8, **how))


class TestWindows:
    """Twice their records' bytes and 40 bytes a record, and read-ahead."""

    def test_a_million_records_of_100_bytes(self, files):
        assert growth(to_the_end, windows(files["zeros"], 1_000_000, 20)) < 300e6

    def test_much_smaller_than_a_pass(self, files):
        window = 10_000
        allowed = 2 * window * 100 + 40 * window
        grown = growth(to_the_end, windows(files["zeros"], window, 100))
        assert grown < allowed + READ_AHEAD

    def test_records_of_all_sizes(self, folder):
        sizes = np.random.default_rng(1).integers(0, 3000, 30_000)
        path = write_records(folder / "mixed.tfrecord", [bytes(int(size)) for size in sizes])
        window = 20_000
        allowed = 2 * window * sizes.mean() + 40 * window
        grown = growth(to_the_end, windows(path, window, 20))
        assert grown < allowed + READ_AHEAD

    @pytest.mark.parametrize("window", [2_000, 50_000])
    def test_large_rows_that_are_placed_ahead(self, folder, window):
        """The window's share may be batches that are still to come, and 64 MiB; and what it was
        filled with stays with the pool for a while, up to 128 MiB."""
        row = hr.encode_example({"row": np.zeros(1024, np.float32)})
        path = write_equal(folder / "rows4k.tfrecord", [row], 100 * MIB)
        batches = (
            hr.TFRecordDataset(path)
            .repeat()
            .parse_example({"row": hr.FixedLenFeature([1024], np.float32)})
            .shuffle(window, 1)
            .batch(256)
            .take(window * 10 // 256)
            .with_options(hr.Options(threads=2, prefetch=8))
        )
        allowed = 2 * window * len(row) + 40 * window + 64 * MIB + min(window * len(row), 128 * MIB)
        assert growth(to_the_end, batches) < allowed + READ_AHEAD

    def test_a_budget_bounds_them(self, files):
        """Of 80 MB; also behind a restore, beside the one that was stopped."""
        dataset = windows(files["wide"], 20_000, 3, memory_budget=16 * MIB)
        assert growth(to_the_end, dataset) < 40 * MIB
        assert growth(stop_and_go_on, dataset) < 60 * MIB

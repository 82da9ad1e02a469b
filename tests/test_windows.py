"""What windows cost in memory: twice their records' bytes and 40 bytes a record, and read-ahead."""

import os
import subprocess
import sys

import numpy as np
import pytest

import headrace as hr

MIB = 2**20
# Batches, blocks on their way, and what a window of any size may hold in vain.
READ_AHEAD = 32 * MIB + 16 * 2**18 + 16 * MIB

# In a process of its own: the pool and the allocator keep what they once had.
MEASURE = """
import sys
import headrace as hr

def peak():  # ru_maxrss would count what the parent was when it started this process
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

path, size, windows, budget = sys.argv[1], *map(int, sys.argv[2:])
dataset = hr.TFRecordDataset(path).repeat().shuffle(size, seed=1).batch(1024)
iterator = iter(dataset.with_options(hr.Options(threads=2, memory_budget=budget)))
before = peak()
for _ in range(size * windows // 1024):
    next(iterator)
iterator.close()
print(peak() - before)
"""


def growth(path, size, windows, budget=32 * MIB):
    """Bytes that the process grows by, when so many windows' worth has been drawn."""
    arguments = [sys.executable, "-c", MEASURE, path, size, windows, budget]
    done = subprocess.run(map(str, arguments), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def write_equal(path, record, count):
    """The same record so many times, without encoding each."""
    one = path.with_suffix(".one")
    with hr.TFRecordWriter(one) as writer:
        writer.write(record)
    np.tile(np.fromfile(one, np.uint8), count).tofile(path)
    return path


@pytest.fixture(scope="module")
def small_records(tmp_path_factory):
    """1,100,000 records of 100 bytes."""
    path = tmp_path_factory.mktemp("windows") / "small.tfrecord"
    return write_equal(path, bytes(100), 1_100_000)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts bytes as Linux does")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="ASan keeps what is freed")
class TestMemory:
    def test_a_million_records_of_100_bytes(self, small_records):
        assert growth(small_records, 1_000_000, 20) < 300e6

    def test_a_window_much_smaller_than_a_pass(self, small_records):
        window = 10_000
        allowed = 2 * window * 100 + 40 * window
        assert growth(small_records, window, 100) < allowed + READ_AHEAD

    def test_records_of_all_sizes(self, tmp_path):
        sizes = np.random.default_rng(1).integers(0, 3000, 30_000)
        path = tmp_path / "mixed.tfrecord"
        with hr.TFRecordWriter(path) as writer:
            for size in sizes:
                writer.write(bytes(int(size)))
        window = 20_000
        allowed = 2 * window * sizes.mean() + 40 * window
        assert growth(path, window, 20) < allowed + READ_AHEAD

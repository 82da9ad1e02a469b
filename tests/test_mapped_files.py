"""Large values are copied out of mapped files: what that is to the rest of the process, and to
files that others cut or write to meanwhile."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import faulty_disk
import headrace as hr
import native
from data import write_records

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are only read")

SIZE = 200_000
SPEC = {"row": hr.RawFeature([SIZE], np.uint8), "number": hr.FixedLenFeature([], np.int64)}
READ = """
import sys
import numpy as np
import headrace as hr
spec = {"row": hr.RawFeature([200_000], np.uint8), "number": hr.FixedLenFeature([], np.int64)}
def read():
    dataset = hr.TFRecordDataset(sys.argv[1]).parse_example(spec).batch(4)
    assert [n for batch in dataset for n in batch["number"]] == list(range(30))
"""
# A file that is cut is read without a guard.
TOUCH = """
import mmap, os
with open(sys.argv[1] + ".cut", "w+b") as file:
    file.write(bytes(50_000))
    file.flush()
    shown = mmap.mmap(file.fileno(), 50_000)
    file.truncate(1)
    shown[40_000]
"""


@pytest.fixture
def path(tmp_path):
    rows = [bytes([i]) * SIZE for i in range(30)]
    examples = [hr.encode_example({"row": row, "number": i}) for i, row in enumerate(rows)]
    return write_records(tmp_path / "file", examples)


class TestSignals:
    """The process's own ways with SIGBUS are as they were."""

    @staticmethod
    def dies(path, program):
        command = [sys.executable, "-c", program, str(path)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert result.returncode == -signal.SIGBUS, result.stderr
        return result.stderr

    def test_a_bus_error_of_others_ends_the_process(self, path):
        assert self.dies(path, READ + "read()" + TOUCH) == ""
        assert self.dies(path, READ + "read()\nimport os; os.kill(os.getpid(), 7)") == ""

    def test_faulthandler_says_where(self, path):
        for order in ("faulthandler.enable(); read()", "read(); faulthandler.enable(); read()"):
            said = self.dies(path, READ + "import faulthandler\n" + order + TOUCH)
            assert "Bus error" in said

    def test_a_handler_in_python_is_called(self, path):
        native.run(
            READ
            + """
import os, signal
caught = []
signal.signal(signal.SIGBUS, lambda number, frame: caught.append(number))
for _ in range(2):
    read()
    os.kill(os.getpid(), signal.SIGBUS)
assert caught == [signal.SIGBUS] * 2
""",
            path,
        )


class TestOthersAtTheFile:
    """Every row that is delivered is whole: one of its record's, all of it."""

    @staticmethod
    def errors_of(dataset):
        """How often one pass ends with one."""
        try:
            for batch in dataset:
                numbers = batch["number"].astype(np.uint8)
                assert (batch["row"] == numbers[:, None]).all()
        except hr.DataLossError:
            return 1
        return 0

    def run(self, path, disturb, restore):
        """Passes over a file with which something is done again and again meanwhile."""
        dataset = hr.TFRecordDataset([path] * 4).parse_example(SPEC).batch(4)
        dataset = dataset.with_options(hr.Options(threads=2))
        stop = threading.Event()

        def act():
            while not stop.is_set():
                disturb()
                restore()

        other = threading.Thread(target=act)
        other.start()
        try:
            errors = sum(self.errors_of(dataset) for _ in range(60))
        finally:
            stop.set()
            other.join()
        assert errors != 0
        assert self.errors_of(dataset) == 0

    def test_it_is_cut_and_written_again(self, path):
        data = pathlib.Path(path).read_bytes()
        with open(path, "r+b", buffering=0) as file:

            def restore():
                file.seek(len(data) // 2)
                file.write(data[len(data) // 2 :])

            self.run(path, lambda: file.truncate(len(data) // 2 + 77), restore)

    def test_a_value_is_overwritten(self, path):
        data = pathlib.Path(path).read_bytes()
        place = data.index(bytes([20]) * SIZE)
        with open(path, "r+b", buffering=0) as file:

            def write(value):
                file.seek(place)
                file.write(bytes([value]) * SIZE)

            self.run(path, lambda: write(99), lambda: write(20))

    def test_it_is_cut_at_every_moment(self, path, tmp_path):
        """A thread of the loader then meets what is mapped and gone: it is an error, and the
        process lives."""
        program = """
from faulty_disk import FaultyDisk
from test_mapped_files import *

disk, path = FaultyDisk(), sys.argv[1]
data = pathlib.Path(path).read_bytes()
errors = 0
for reads in range(1, 40):
    pathlib.Path(path).write_bytes(data)
    disk.cut(path, reads=reads, size=SIZE * 17 + 77)
    dataset = hr.TFRecordDataset(path).parse_example(SPEC).batch(1)
    seen = 0
    try:
        for batch in dataset.with_options(hr.Options(threads=1)):
            assert batch["number"] == seen
            assert (batch["row"] == seen).all()
            seen += 1
    except hr.DataLossError as error:
        errors += 1
        assert error.record == seen
    else:
        assert seen == 30
assert disk.faults() >= errors > 0
"""
        disk = faulty_disk.compile_disk(tmp_path)
        faulty_disk.run(program, disk, path)


def is_mapped(path):
    with open("/proc/self/maps") as maps:
        return os.path.realpath(path) in maps.read()


@pytest.mark.parametrize("mmap", [True, False])
def test_files_are_mapped_while_they_are_read(path, mmap):
    can = hr.build_info()["cpu"] not in ("portable", "arm64")
    dataset = hr.TFRecordDataset([path] * 5).parse_example(SPEC).batch(2)
    options = hr.Options(threads=1, prefetch=1, mmap=mmap)
    found = [is_mapped(path) for _ in dataset.with_options(options)]
    assert any(found) == (mmap and can)
    assert not is_mapped(path)

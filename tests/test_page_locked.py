"""Options(pin_memory=True), with a CUDA driver that needs no GPU."""

import numpy as np
import pytest

import headrace as hr
from fake_gpu import compile_driver, run

SPEC = {
    "image": hr.FixedLenFeature([100], np.float32),
    "label": hr.FixedLenFeature([], np.int64),
    "name": hr.FixedLenFeature([], bytes),
    "tokens": hr.RaggedFeature(np.int64, row_splits_dtype=np.int64),
    "words": hr.RaggedFeature(bytes, row_splits_dtype=np.int64),
}
ROWS, BATCH = 2000, 50

# What every program begins with; `pinned` reads the file of the fixture below.
BEGIN = """
import gc, os, sys, types, warnings
import numpy as np
import headrace as hr
from fake_gpu import FakeGpu
from test_page_locked import BATCH, ROWS, SPEC, parts

gpu = FakeGpu()
plain = hr.TFRecordDataset(sys.argv[1]).parse_example(SPEC).batch(BATCH)

def pinned(**options):
    return plain.with_options(hr.Options(pin_memory=True, **options))
"""


def parts(batch):
    """The arrays that its columns are made of."""
    words = batch["words"]
    return [
        batch["image"], batch["label"], batch["name"].data, batch["name"].offsets,
        batch["tokens"].values, batch["tokens"].row_splits,
        words.values.data, words.values.offsets, words.row_splits,
    ]  # fmt: skip


def write_examples(path, rows):
    with hr.TFRecordWriter(path) as writer:
        for i in range(rows):
            example = {
                "image": np.full(100, i, np.float32),
                "label": i,
                "name": b"name %d" % i,
                "tokens": np.arange(i, i + i % 7),
                "words": [b"%d" % j for j in range(i, i + i % 3)],
            }
            writer.write(hr.encode_example(example))
    return path


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("records") / "a.tfrecord", ROWS)


@pytest.fixture(scope="module", params=["today", "old"])
def any_driver(request, tmp_path_factory):
    return compile_driver(tmp_path_factory.mktemp("driver"), old=request.param == "old")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return compile_driver(tmp_path_factory.mktemp("driver"))


def test_reuse_waits_for_copies_on_every_stream(records, any_driver):
    """Copies that begin late, arrays dropped at once, a small pool, several streams and devices."""
    program = """
gpu.use(0), gpu.use(1)
copies = []
for number in range(3):
    for stream in (1, 2):
        gpu.hold(stream)
    for i, batch in enumerate(pinned(threads=2, prefetch=2)):
        for array in parts(batch):
            copies.append((gpu.copy(array, stream=i % 3, device=i % 2), array.tobytes()))
            assert gpu.was_asynchronous or not array.size
        del array, batch
    for stream in (1, 2):
        gpu.hold(stream, False)
    gpu.wait()
assert len(copies) == 3 * ROWS // BATCH * 9
assert all(copy.tobytes() == expected for copy, expected in copies)
assert gpu.count("contexts") == 0
"""
    run(BEGIN + program, any_driver, records)


def test_a_buffer_is_registered_once(records, driver):
    program = """
gpu.use(0)
for number in range(5):
    for batch in pinned(threads=2, prefetch=2):
        for array in parts(batch):
            gpu.copy(array)
        del array, batch
    gpu.wait()
assert gpu.count("unregistrations") == 0
# At the worst, no copy is done before the pass is: then each batch of it has its five buffers.
assert gpu.count("registrations") <= 5 * (ROWS // BATCH + 10)
"""
    run(BEGIN + program, driver, records)


def test_values_are_the_same(records, driver):
    program = """
from laws import assert_laws, assert_same_elements
gpu.use(1)
assert_same_elements(list(pinned()), list(plain))
assert hr.Options(pin_memory=True) == pinned().options()
assert_laws(pinned().take(12).shuffle(3, seed=1))
unbatched = hr.TFRecordDataset(sys.argv[1]).parse_example(SPEC).take(300)
assert_same_elements(list(unbatched.with_options(pinned().options())), list(unbatched))
assert gpu.count("registrations") > 0
"""
    run(BEGIN + program, driver, records)


def test_it_begins_when_the_process_uses_a_gpu(records, driver):
    program = """
with iter(pinned(prefetch=1, threads=1)) as batches:
    array = next(batches)["image"]
    gpu.copy(array)
    assert not gpu.was_asynchronous
    assert batches.stats()["memory"] == "ordinary: nothing in this process has used a GPU yet"
    gpu.use(1)
    for batch in batches:
        pass
    gpu.copy(batch["image"])
    assert gpu.was_asynchronous
    assert batches.stats()["memory"] == "page-locked"
with iter(plain) as batches:
    next(batches)
    assert batches.stats()["memory"] == "ordinary"
info = hr.build_info()
assert info["page_locked_memory"] and info["page_locked_memory_missing"] == ""
assert gpu.count("contexts") == 0
"""
    run(BEGIN + program, driver, records)


def test_without_a_driver_there_is_one_warning(records):
    program = """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for number in range(2):
        with iter(pinned()) as batches:
            assert sum(len(batch["label"]) for batch in batches) == ROWS
            assert batches.stats()["memory"].startswith("ordinary: there is no CUDA driver (")
[warning] = caught
assert "batches are in ordinary memory, for there is no CUDA driver (" in str(warning.message)
info = hr.build_info()
assert info["page_locked_memory"] is False
assert info["page_locked_memory_missing"].startswith("there is no CUDA driver")
"""
    run(BEGIN.replace("gpu = FakeGpu()", ""), "/there/is/none.so", records)
    run(BEGIN.replace("gpu = FakeGpu()", "") + program, "/there/is/none.so", records)


def test_without_a_device_too(records, driver):
    program = """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert sum(len(batch["label"]) for batch in pinned()) == ROWS
assert ["finds no device (error 100)" in str(warning.message) for warning in caught] == [True]
"""
    run(BEGIN + program, driver, records, FAKE_CUDA_DEVICES="0")


def test_without_room_memory_is_ordinary(records, driver):
    program = """
from laws import assert_same_elements
gpu.use(0)
gpu.limit(1 << 20)
kept = list(pinned())
assert_same_elements(kept, list(plain))
gpu.copy(kept[-1]["image"])
assert not gpu.was_asynchronous
assert gpu.count("bytes") <= 1 << 20
with iter(pinned()) as batches:
    next(batches)
    assert batches.stats()["memory"] == "ordinary: the CUDA driver refuses to lock more memory"
"""
    run(BEGIN + program, driver, records)


def test_a_forked_child_goes_on_with_ordinary_memory(records, driver):
    program = """
from laws import assert_same_elements
gpu.use(0)
batches = iter(pinned())
first = next(batches)
before = gpu.count("unregistrations")
child = os.fork()
if child == 0:
    del first
    gc.collect()
    assert_same_elements(list(pinned()), list(plain))
    with iter(pinned()) as again:
        assert "forked" in again.stats()["memory"]
    assert gpu.count("unregistrations") == before
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert_same_elements([first, *batches], list(plain))
gpu.copy(first["image"])
assert gpu.was_asynchronous
"""
    run(BEGIN + program, driver, records)


def test_a_child_leaves_the_driver_alone_that_its_parent_has_asked(records, driver):
    program = """
from laws import assert_same_elements
batches = iter(pinned())
first = next(batches)
child = os.fork()
if child == 0:
    gpu.use(0)
    assert_same_elements(list(pinned()), list(plain))
    assert gpu.count("registrations") == 0
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert_same_elements([first, *batches], list(plain))
gpu.use(0)
assert_same_elements(list(pinned()), list(plain))
assert gpu.count("registrations") > 0
"""
    run(BEGIN + program, driver, records)
    # A parent that has not asked leaves it to the child.
    program = """
child = os.fork()
if child == 0:
    gpu.use(0)
    gpu.copy(list(pinned())[-1]["image"])
    assert gpu.was_asynchronous
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    run(BEGIN + program, driver, records)


def test_the_interpreter_may_end_at_any_time(records, driver):
    run(
        BEGIN + "gpu.use(0)\ngpu.hold(1)\nbatches = iter(pinned())\n"
        "kept = next(batches)\ncopy = gpu.copy(next(batches)['image'], stream=1)\n",
        driver,
        records,
    )


def test_a_capture_is_not_spoilt(records, driver):
    """By a consumer that captures a graph, which PyTorch is asked about."""
    program = """
from laws import assert_same_elements
capturing = True
cuda = types.SimpleNamespace(
    is_initialized=lambda: True, is_current_stream_capturing=lambda: capturing
)
sys.modules["torch"] = types.SimpleNamespace(cuda=cuda)
gpu.use(0)
copies = []
for i, batch in enumerate(pinned(threads=2, prefetch=2)):
    capturing = i % 4 != 0
    gpu.capture(capturing)
    copies.append((gpu.copy(batch["image"]), batch["image"].tobytes()))
    del batch
gpu.wait()
assert all(copy.tobytes() == expected for copy, expected in copies)
assert gpu.count("marks") > 0
assert gpu.count("spoilt") == 0
"""
    run(BEGIN + program, driver, records)


def test_copies_known_to_be_done_are_not_waited_for(records, driver):
    """Only buffers of the core are meant; of other objects nothing is known, or asked."""
    program = """
from headrace import _core
gpu.use(0)
_core.copies_done([np.zeros(3), b"no array", None])
for batch in pinned(threads=1, prefetch=1):
    _core.copies_done([array[1:] for array in parts(batch)])
    del batch
_core.mark_copies()
assert gpu.count("marks") == 0
assert _core.page_locked_memory()["waiting"] == 0
"""
    run(BEGIN + program, driver, records)

"""What an iterator says of its own work."""

import numpy as np
import pytest

import headrace as hr
from data import write_records
from headrace.bottleneck import sentence

STAGES = {
    "read", "order", "checksum", "locate", "decode", "assemble",
    "wait for turn", "wait for room", "consumer waits",
}  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    with hr.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        for i in range(1000):
            writer.write(hr.encode_example({"x": np.arange(10.0, dtype=np.float32), "y": i}))
    files = hr.TFRecordDataset(str(tmp_path / "a.tfrecord"))
    return files.parse_example(
        {"x": hr.FixedLenFeature([10], np.float32), "y": hr.FixedLenFeature([], np.int64)}
    ).batch(100)


def test_a_pass_counts_its_records_and_the_time_of_each_stage(dataset):
    with iter(dataset) as batches:
        assert sum(len(batch["y"]) for batch in batches) == 1000
        stats = batches.stats()
    assert stats["records"] == 1000
    assert stats["slow_records"] == stats["slow_share"] == 0
    assert set(stats["seconds"]) == STAGES
    assert all(spent >= 0 for spent in stats["seconds"].values())
    for stage in ("read", "order", "checksum", "locate", "decode"):  # behind us for certain
        assert stats["seconds"][stage] > 0
    assert stats["elapsed"] > 0
    assert stats["bottleneck"].endswith(".")


@pytest.mark.parametrize("size", [40, 20_000, 300_000])
@pytest.mark.parametrize("window", [1, 20])
def test_no_time_is_counted_twice(tmp_path, size, window):
    records = [hr.encode_example({"x": bytes([i]) * size, "y": i}) for i in range(100)]
    path = write_records(tmp_path / "file", records)
    spec = {"x": hr.RawFeature([size], np.uint8), "y": hr.FixedLenFeature([], np.int64)}
    dataset = hr.TFRecordDataset([path] * 5).parse_example(spec).shuffle(window, seed=1).batch(10)
    for threads in (1, 2):
        with iter(dataset.with_options(hr.Options(threads=threads))) as batches:
            assert sum(len(batch["y"]) for batch in batches) == 500
            stats = batches.stats()
        spent = sum(stats["seconds"][stage] for stage in STAGES - {"consumer waits"})
        assert spent <= threads * stats["elapsed"]


def test_before_the_first_batch_nothing_has_been_read(dataset):
    with iter(dataset) as batches:
        assert batches.stats()["records"] == 0
        assert batches.stats()["bottleneck"] == "Nothing has been read yet."


def seconds(**spent):
    return {stage: spent.get(stage.replace(" ", "_"), 0.0) for stage in STAGES}


def test_a_consumer_that_hardly_waits_is_the_bottleneck():
    assert sentence(seconds(read=1.0, consumer_waits=0.01), 2.0, 2).startswith(
        "The consumer bounds"
    )


@pytest.mark.parametrize(
    ("stage", "word"),
    [("read", "files"), ("checksum", "checksums"), ("wait_for_turn", "fewer threads")],
)
def test_else_it_is_the_stage_that_took_most(stage, word):
    text = sentence(seconds(**{stage: 3.0, "locate": 1.0, "consumer_waits": 1.9}), 2.0, 2)
    assert text.startswith("The loader bounds this pass")
    assert word in text
    assert "75%" in text

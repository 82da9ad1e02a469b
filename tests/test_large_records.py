"""Records so large that only their headers, or their ends, are read before it is known which are
wanted and where their values go."""

import os

import numpy as np
import pytest

import headrace as hr
from data import write_records
from laws import (
    assert_errors_pass_through,
    assert_resumes_everywhere,
    assert_same_elements,
    assert_threads_change_nothing,
    bits,
)

LARGE, SMALL = 70_000, 10
FRAME = 16


def record(number, size):
    return hr.encode_example({"number": number, "other": bytes([number % 251]) * size})


# Large ones, then small ones, one that is larger than many blocks, large ones again, and such of
# which a block has twenty.
SIZES = [LARGE + 5000 * (i % 9) for i in range(40)] + [SMALL] * 300 + [3_000_000] + [LARGE] * 20
SIZES += [25_000] * 60
RECORDS = [record(i, size) for i, size in enumerate(SIZES)]
OFFSETS = np.cumsum([0] + [len(data) + FRAME for data in RECORDS])
NUMBER = {"number": hr.FixedLenFeature([], np.int64)}
BOTH = {**NUMBER, "other": hr.FixedLenFeature([], bytes)}


@pytest.fixture
def path(tmp_path):
    return write_records(tmp_path / "large.tfrecord", RECORDS)


def numbers(dataset):
    return [int(n) for batch in dataset.parse_example(NUMBER).batch(7) for n in batch["number"]]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_of_them_in_order(path, threads):
    dataset = hr.TFRecordDataset([path, path]).with_options(hr.Options(threads=threads))
    everything = list(range(len(RECORDS)))
    assert numbers(dataset) == everything * 2
    assert numbers(dataset.shard(7, 5)) == (everything * 2)[5::7]
    assert numbers(dataset.skip(30).take(320)) == (everything * 2)[30:350]
    assert numbers(dataset.repeat(2)) == everything * 4


def test_raw_rows(tmp_path):
    rows = np.random.default_rng(1).integers(0, 256, (30, 100_001), np.uint8)
    examples = [hr.encode_example({"row": row.tobytes()}) for row in rows]
    file = write_records(tmp_path / "raw", examples)
    dataset = hr.TFRecordDataset(file).parse_example({"row": hr.RawFeature([100_001], np.uint8)})
    expected = [{"row": rows[i : i + 8]} for i in range(0, 30, 8)]
    assert_same_elements(list(dataset.batch(8)), expected)
    assert_threads_change_nothing(dataset.batch(8))
    assert_same_elements([e["row"] for e in dataset], list(rows))


@pytest.mark.parametrize("spec", [NUMBER, BOTH], ids=["number", "both"])
def test_resume(path, spec):
    dataset = hr.TFRecordDataset(path).parse_example(spec)
    assert_resumes_everywhere(dataset.shard(3, 1).batch(16))


class TestLargeValues:
    """They are read when their place is known; where they stand in the record, what stands beside
    them, and how many there are changes nothing."""

    # Some of them to a block, more than one block to each, and many to a block.
    SIZES = [70_000 + 1000 * (i % 5) for i in range(30)] + [1_100_000 + i for i in range(20)]
    SIZES += [25_000 + 700 * (i % 40) for i in range(120)]

    @staticmethod
    def examples(sizes, layout):
        rng = np.random.default_rng(3)
        for i, size in enumerate(sizes):
            size -= size % 4
            large, small = rng.bytes(size), rng.bytes(i % 50)
            ends = {f"unwanted {k}": [k] * 20 for k in range(3)}
            yield {
                "first": {"large": large, "label": i, **ends},
                "last": {**ends, "label": i, "name": small, "large": large},
                "behind much": {"unwanted": rng.bytes(3000), "label": i, "large": large},
                "two": {"large": large, "label": i, "unwanted": large},
                "in turn": {"label": i, "large": large} if i % 2 else {"large": large, "label": i},
                "sometimes small": {"large": large if i % 3 else small, "label": i},
                "floats": {"label": i, "large": np.frombuffer(large, np.uint8).astype(np.float32)},
            }[layout]

    LAYOUTS = ("first", "last", "behind much", "two", "in turn", "sometimes small", "floats")

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("batch", [3, 16])
    def test_layouts(self, tmp_path, layout, batch):
        examples = list(self.examples(self.SIZES, layout))
        file = write_records(tmp_path / "file", map(hr.encode_example, examples))
        dtype = np.float32 if layout == "floats" else bytes
        spec = {"label": hr.FixedLenFeature([], np.int64), "large": hr.RaggedFeature(dtype)}
        if dtype is bytes:
            spec["large"] = hr.FixedLenFeature([], bytes)
        dataset = hr.TFRecordDataset(file).parse_example(spec).batch(batch)
        for threads in (1, 2, 5):
            options = hr.Options(threads=threads)
            batches = list(dataset.with_options(options))
            assert [n for b in batches for n in b["label"]] == list(range(len(examples)))
            found = [bits(large) for b in batches for large in b["large"]]
            assert found == [bits(example["large"]) for example in examples]

    @pytest.mark.parametrize(
        ("feature", "dtype"),
        [
            (hr.RawFeature([50_000], np.uint16), "<u2"),
            (hr.RawFeature([50_000], np.uint16, little_endian=False), ">u2"),
            (hr.FixedLenFeature([25_000], np.float32), "<f4"),
        ],
    )
    def test_rows(self, tmp_path, feature, dtype):
        rows = np.random.default_rng(4).integers(0, 256, (150, 100_000), np.uint8).view(dtype)
        if dtype == "<f4":
            rows = np.nan_to_num(rows)
        encoded = rows if dtype == "<f4" else [row.tobytes() for row in rows]
        examples = [hr.encode_example({"row": row}) for row in encoded]
        file = write_records(tmp_path / "rows", examples)
        dataset = hr.TFRecordDataset(file).parse_example({"row": feature})
        native = rows.astype(rows.dtype.newbyteorder("="))
        for size in (4, 120):  # a batch of 400 KB and one of 12 MB
            expected = [{"row": native[i : i + size]} for i in range(0, 150, size)]
            assert_same_elements(list(dataset.batch(size)), expected)
        assert_threads_change_nothing(dataset.batch(7))

    @pytest.mark.parametrize("batch", [4, 40])
    def test_whole_records(self, path, batch):
        dataset = hr.TFRecordDataset(path).batch(batch)
        assert [r for element in dataset for r in element.tolist()] == RECORDS
        assert_threads_change_nothing(dataset)

    def test_one_by_one(self, tmp_path):
        sizes = [10 + 150_000 * (i % 5) for i in range(80)] + [5_000_000, 1, 4_200_000] + [9] * 300
        records = [record(i, size) for i, size in enumerate(sizes)]
        files = [write_records(tmp_path / str(i), records[i * 200 :][:200]) for i in range(2)]
        dataset = hr.TFRecordDataset(files)
        assert list(dataset) == records
        assert_threads_change_nothing(dataset.parse_example(NUMBER))
        assert list(dataset.skip(70).take(40)) == records[70:110]
        window = dataset.shuffle(50, seed=3)
        for chain in (window, hr.TFRecordDataset(files, num_parallel_reads=2)):
            assert_threads_change_nothing(chain)
        expected = sorted(records)
        for chain in (window, dataset.shuffle(None, seed=3)):
            assert sorted(chain) == expected
        for chain in (dataset.repeat(2).shard(9, 2), window.shard(9, 2)):
            assert_resumes_everywhere(chain.parse_example(NUMBER))

    def test_records_larger_than_many_blocks(self, tmp_path):
        sizes = [3_000_000, 10, 5_000_000, 600_000, 4_000_000, 2_000_000] * 2
        records = [record(i, size) for i, size in enumerate(sizes)]
        files = [write_records(tmp_path / str(i), records[i:]) for i in range(3)]
        expected = [n for i in range(3) for n in range(i, len(sizes))]
        for spec in (NUMBER, BOTH):
            dataset = hr.TFRecordDataset(files).parse_example(spec).batch(1)
            for threads in (1, 2, 8):
                options = hr.Options(threads=threads)
                seen = [int(b["number"][0]) for b in dataset.repeat(2).with_options(options)]
                assert seen == expected * 2
            assert_resumes_everywhere(dataset)

    def test_a_missing_feature_is_said_as_of_any_record(self, tmp_path):
        records = [record(i, LARGE) for i in range(20)]
        records[13] = hr.encode_example({"other": bytes(LARGE), "another": 1})
        file = write_records(tmp_path / "file", records)
        dataset = hr.TFRecordDataset(file).parse_example(BOTH).batch(4)
        match = "(?s)number.*is required.*record 13 .*'other', 'another'"
        assert_errors_pass_through(dataset, hr.ParseError, 3, match)
        narrow = {**BOTH, "number": hr.FixedLenFeature([], np.int8)}
        records[13] = record(300, LARGE)
        write_records(file, records)
        dataset = hr.TFRecordDataset(file).parse_example(narrow).batch(4)
        assert_errors_pass_through(dataset, hr.ParseError, 3, "300 is out of range for int8")

    def test_no_more_than_it_has_is_read(self, tmp_path):
        file = write_records(tmp_path / "file", [record(i, 2_000_000) for i in range(30)])
        dataset = hr.TFRecordDataset(file).parse_example(BOTH).batch(2)
        with iter(dataset.with_options(hr.Options(threads=2))) as iterator:
            assert sum(len(batch["number"]) for batch in iterator) == 30
            stats = iterator.stats()
        assert os.path.getsize(file) <= stats["bytes_read"] < 1.02 * os.path.getsize(file)
        assert stats["records"] == 30


class TestShuffleOfEverything:
    """Values go straight to their rows, wherever the records stand."""

    @pytest.mark.parametrize("layout", TestLargeValues.LAYOUTS)
    def test_layouts(self, tmp_path, layout):
        examples = list(TestLargeValues.examples(TestLargeValues.SIZES[:40], layout))
        files = [
            write_records(tmp_path / str(i), map(hr.encode_example, examples[i : i + 10]))
            for i in range(0, 40, 10)
        ]
        dtype = np.float32 if layout == "floats" else bytes
        spec = {"label": hr.FixedLenFeature([], np.int64), "large": hr.RaggedFeature(dtype)}
        if dtype is bytes:
            spec["large"] = hr.FixedLenFeature([], bytes)
        dataset = hr.TFRecordDataset(files).parse_example(spec).shuffle(None, seed=5).batch(6)
        assert_threads_change_nothing(dataset)
        dataset.set_epoch(0)
        batches = list(dataset)
        labels = [int(n) for batch in batches for n in batch["label"]]
        assert labels != sorted(labels)
        assert sorted(labels) == list(range(40))
        large = [bits(value) for batch in batches for value in batch["large"]]
        assert large == [bits(examples[label]["large"]) for label in labels]

    def test_whole_records(self, path):
        dataset = hr.TFRecordDataset(path).shuffle(None, seed=5)
        assert sorted(dataset) == sorted(RECORDS)
        assert_threads_change_nothing(dataset.batch(16))
        assert_resumes_everywhere(dataset.batch(64))

    @pytest.mark.parametrize("place", [0, 9, 15, 30, 50_000, 70_000, -5, -1])
    @pytest.mark.parametrize("verify", [True, False])
    def test_damage(self, tmp_path, place, verify):
        records = [record(i, LARGE + i) for i in range(40)]
        path = write_records(tmp_path / "file", records)
        dataset = hr.TFRecordDataset(path).parse_example(BOTH).shuffle(None, seed=5).batch(4)
        dataset = dataset.with_options(hr.Options(verify_checksums=verify))
        numbers = [int(n) for batch in dataset for n in batch["number"]]  # makes the index
        size = len(records[0]) + FRAME
        with open(path, "r+b") as file:
            file.seek(place % size)
            byte = file.read(1)[0]
            file.seek(place % size)
            file.write(bytes([byte ^ 1]))

        def outcome(mmap):
            seen = []
            dataset.set_epoch(0)
            try:
                for batch in dataset.with_options(hr.Options(mmap=mmap)):
                    seen.extend(int(n) for n in batch["number"])
            except hr.Error as error:
                return seen, type(error), str(error)
            return seen, None, None

        seen, kind, text = outcome(mmap=True)
        assert (seen, kind, text) == outcome(mmap=False)
        assert seen == numbers[: len(seen)]
        if kind is None:
            assert not verify
            assert seen == numbers
        else:
            assert issubclass(kind, (hr.DataLossError, hr.ParseError))
            assert "record 0 at byte 0" in text
            if place not in (0, 9):  # a header is wrong already when the index is made again
                assert len(seen) // 4 == numbers.index(0) // 4


def test_only_what_is_wanted_is_read(tmp_path):
    file = write_records(tmp_path / "file", RECORDS[:40])
    dataset = hr.TFRecordDataset(file).shard(10, 9).parse_example(NUMBER).batch(4)
    with iter(dataset.with_options(hr.Options(threads=1))) as iterator:
        assert [batch["number"].tolist() for batch in iterator] == [[9, 19, 29, 39]]
        assert iterator.stats()["bytes_read"] < OFFSETS[40] / 3


class TestDamage:
    AT = 33

    @pytest.fixture(params=[NUMBER, BOTH], ids=["number", "both"])
    def spec(self, request):
        return request.param

    def damaged(self, path, place, spec):
        with open(path, "r+b") as file:
            file.seek(OFFSETS[self.AT] + place)
            byte = file.read(1)[0]
            file.seek(OFFSETS[self.AT] + place)
            file.write(bytes([byte ^ 1]))
        return hr.TFRecordDataset(path).parse_example(spec).batch(4)

    @pytest.mark.parametrize("place", [0, 7, 9, 12, 15, 30, 50_000, LARGE, -5, -4, -1])
    def test_in_header_and_data(self, path, place, spec):
        if place < 0:
            place += OFFSETS[self.AT + 1] - OFFSETS[self.AT]
        dataset = self.damaged(path, place, spec)
        match = f"record {self.AT} at byte {OFFSETS[self.AT]}"
        assert_errors_pass_through(dataset, hr.CorruptedError, self.AT // 4, match)

    def test_in_data_that_is_not_verified(self, path):
        dataset = self.damaged(path, 50_000, BOTH).with_options(hr.Options(verify_checksums=False))
        seen = [n for batch in dataset for n in batch["number"]]
        assert seen == list(range(len(RECORDS)))

    @pytest.mark.parametrize("left", [1, 11, 12, 15, 60_000])
    def test_torn(self, path, left, spec):
        os.truncate(path, OFFSETS[self.AT] + left)
        dataset = hr.TFRecordDataset(path).parse_example(spec).batch(4)
        match = f"record {self.AT} at byte {OFFSETS[self.AT]}"
        assert_errors_pass_through(dataset, hr.TruncatedError, self.AT // 4, match)

    def test_a_file_that_shrinks_on_the_way(self, path, spec):
        dataset = hr.TFRecordDataset([path] * 4).parse_example(spec).batch(1)
        options = hr.Options(threads=1, prefetch=1)
        with iter(dataset.with_options(options)) as iterator:
            seen = [int(next(iterator)["number"][0]) for _ in range(3)]
            os.truncate(path, OFFSETS[20] + 100)
            with pytest.raises(hr.DataLossError, match="changed while being read"):
                seen.extend(int(batch["number"][0]) for batch in iterator)
        assert seen == list(range(len(seen)))
        assert len(seen) <= len(RECORDS)

"""The order of elements: tf.data's, bit for bit. Expected values were seen with TensorFlow 2.21."""

import pickle

import pytest

import headrace as hr
from data import SPEC, write_examples, write_records
from headrace import _core
from laws import assert_empty_input_works, assert_laws, bits


def numbered(folder, counts):
    """Files of records that are their numbers within their file, behind 1000 times the file's."""
    return [
        write_records(folder / f"{i:02}", [b"%d" % (1000 * i + n) for n in range(count)])
        for i, count in enumerate(counts)
    ]


def ints(dataset):
    return [int(record) for record in dataset]


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """The records 0 to 9."""
    path = write_records(tmp_path_factory.mktemp("ten") / "a", [b"%d" % i for i in range(10)])
    return hr.TFRecordDataset(path)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    paths = write_examples(tmp_path_factory.mktemp("parts"), (5, 0, 9, 1, 8))
    return hr.TFRecordDataset(paths).parse_example(SPEC)


class TestPhilox:
    def test_vectors(self):
        for seeds, outputs in {
            (87654321, 42): "b1f9e408 f656b54c 3765ccfd 0ee0bd75 08bcec1d f750c518",
            (1, 2): "e73404cf 8cedc5d3 3f071736 0a0afddd b7b4c173",
        }.items():
            for t, output in enumerate(outputs.split()):
                assert _core.philox(*seeds, t) == int(output, 16)


class TestShuffle:
    @pytest.mark.parametrize(
        ("arguments", "passes"),
        [
            ((2, 42), ["1203546789", "1203465897", "0231546897"]),
            ((5, 42), ["0236791845", "3521840796", "2135894607"]),
            ((10, 42), ["5964712830", "3765840192", "2896041357"]),
            ((10, 42, False), ["2078936415"] * 3),
            ((3, 42), ["0342158679"]),
            ((hr.UNKNOWN_CARDINALITY, 42), ["5964712830", "3765840192"]),
            ((10**12, 42), ["5964712830", "3765840192"]),
        ],
    )
    def test_is_tensorflows(self, ten, arguments, passes):
        dataset = ten.shuffle(*arguments)
        assert ["".join(map(str, ints(dataset))) for _ in passes] == passes

    def test_behind_python_too(self, ten):
        dataset = ten.map(int).shuffle(5, 42)
        assert "".join(map(str, dataset)) == "0236791845"
        assert "".join(map(str, dataset)) == "3521840796"

    def test_of_batches(self, ten):
        batches = [b.tolist() for b in ten.map(int).batch(2).shuffle(5, 42)]
        expected = [int(n) for n in ints(ten.take(5).shuffle(5, 42))]
        assert batches == [[2 * n, 2 * n + 1] for n in expected]

    def test_negative_seed(self, ten):
        dataset = ten.shuffle(10, -1)
        assert dataset.set_epoch(0) is None
        assert sorted(ints(dataset)) == list(range(10))
        assert ints(ten.shuffle(10, -1)) == ints(ten.shuffle(10, 2**31 - 2))

    def test_epochs_follow_each_other(self, ten):
        dataset = ten.shuffle(3, 1).repeat(2)
        alone = ten.shuffle(3, 1)
        assert ints(dataset) == ints(alone) + ints(alone)
        assert ints(dataset) == ints(alone) + ints(alone)

    def test_repeat_before_shuffle_mixes(self, ten):
        elements = ints(ten.repeat(3).shuffle(20, 3))
        assert sorted(elements) == sorted(list(range(10)) * 3)
        assert sorted(elements[:10]) != list(range(10))

    def test_no_seed_is_random_but_kept(self, tmp_path):
        records = [b"%d" % i for i in range(1000)]
        dataset = hr.TFRecordDataset(write_records(tmp_path / "a", records)).shuffle(1000)
        again = pickle.loads(pickle.dumps(dataset))
        first, second = list(dataset), list(dataset)
        assert first != second
        assert first != list(hr.TFRecordDataset(str(tmp_path / "a")).shuffle(1000))
        dataset.set_epoch(0)
        assert list(dataset) == first
        assert list(again) != first  # no seed had been drawn yet
        again = pickle.loads(pickle.dumps(dataset))
        assert again == dataset
        assert list(again) == second

    def test_a_drawn_seed_is_in_the_state(self, tmp_path):
        path = write_records(tmp_path / "a", [b"%d" % i for i in range(1000)])
        for verbs in (lambda d: d.shuffle(300), lambda d: d.batch(1).shuffle(300)):
            dataset = verbs(hr.TFRecordDataset(path))
            iterator = iter(dataset)
            for _ in range(400):
                next(iterator)
            state, rest = iterator.state_dict(), [bits(e) for e in iterator]
            later = [bits(e) for e in dataset]
            other = verbs(hr.TFRecordDataset(path))
            resumed = iter(other)
            resumed.load_state_dict(state)
            assert [bits(e) for e in resumed] == rest
            assert [bits(e) for e in other] == later

    @pytest.mark.parametrize("size", [0, -1, -3])
    def test_sizes_that_cannot_be(self, ten, size):
        text = "buffer_size must be greater than zero or UNKNOWN_CARDINALITY"
        with pytest.raises(ValueError, match=text):
            ten.shuffle(size)

    def test_a_window_behind_a_function_has_no_state(self, ten):
        iterator = iter(ten.map(int).shuffle(3, 2).batch(2))
        assert next(iterator).shape == (2,)
        text = r"shuffle\(3, 2, True\) has no exact state: its window lies behind map\(int\)"
        with pytest.raises(RuntimeError, match=text):
            iterator.state_dict()
        assert len(list(iterator)) == 4


class TestParseBehindPython:
    def test_batches_are_parsed_whole(self, tmp_path):
        paths = write_examples(tmp_path, (7,))
        records = hr.TFRecordDataset(paths)
        expected = [bits(b) for b in records.parse_example(SPEC).batch(3)]
        for dataset in (
            records.map(lambda record: record).parse_example(SPEC).batch(3),
            records.map(lambda record: record).parse_example(SPEC).take(-1).batch(3),
            records.map(lambda record: record).batch(3).take(9).parse_example(SPEC),
            records.batch(3).map(lambda batch: batch).parse_example(SPEC),
        ):
            assert [bits(b) for b in dataset] == expected
        single = records.map(lambda record: record).parse_example(SPEC)
        assert [bits(e) for e in single] == [bits(e) for e in records.parse_example(SPEC)]

    def test_of_what_is_no_example(self, ten):
        with pytest.raises(TypeError, match="needs serialized protos: bytes, or a batch of them"):
            list(ten.map(int).parse_example(SPEC))


# Which passes of the shuffle three passes over each of these show, with TensorFlow 2.21.
COUNTERS = {
    "rep1": (lambda d: d.repeat(1), [[0], [1], [2]]),
    "rep3": (lambda d: d.repeat(3), [[0, 1, 2], [3, 4, 5], [6, 7, 8]]),
    "endless": (lambda d: d.repeat().take(20), [[0, 1], [2, 3], [4, 5]]),
    "twice": (lambda d: d.repeat(2).repeat(2), [[0, 1, 2, 3], [5, 6, 7, 8], [10, 11, 12, 13]]),
    "take": (lambda d: d.take(10).repeat(2), [[0, 1], [3, 4], [6, 7]]),
    "take all": (lambda d: d.take(-1).skip(0).repeat(2), [[0, 1], [2, 3], [4, 5]]),
    "map": (lambda d: d.map(lambda e: e).repeat(2), [[0, 1], [3, 4], [6, 7]]),
}


class TestPasses:
    @pytest.mark.parametrize("name", COUNTERS)
    @pytest.mark.parametrize("python", [False, True])
    def test_are_counted_as_in_tensorflow(self, ten, name, python):
        source = ten.map(lambda e: e) if python else ten
        alone = source.shuffle(10, 42)
        passes = [ints(alone) for _ in range(20)]
        verbs, expected = COUNTERS[name]
        dataset = verbs(source.shuffle(10, 42))
        for numbers in expected:
            elements = ints(dataset)
            shown = [passes.index(elements[i : i + 10]) for i in range(0, len(elements), 10)]
            assert shown == numbers

    def test_are_shared_by_derived_datasets(self, ten):
        shuffled = ten.shuffle(10, 42)
        assert ints(shuffled.take(3)) == [5, 9, 6]
        assert ints(shuffled.skip(8)) == [9, 2]
        assert ints(shuffled) == [2, 8, 9, 6, 0, 4, 1, 3, 5, 7]

    def test_advance_by_what_is_delivered(self, ten):
        dataset = ten.shuffle(10, 42).repeat()
        alone = ten.shuffle(10, 42)
        passes = [ints(alone) for _ in range(8)]
        with iter(dataset) as iterator:
            assert [int(next(iterator)) for _ in range(13)] == passes[0] + passes[1][:3]
        iterator = iter(dataset)
        assert [int(next(iterator)) for _ in range(10)] == passes[2]
        del iterator
        iterator = iter(dataset)
        assert [int(next(iterator)) for _ in range(20)] == passes[3] + passes[4]
        other = iter(dataset)  # while the first lives
        assert [int(next(other)) for _ in range(10)] == passes[5]

    def test_are_kept_by_pickle_and_not_compared(self, ten):
        dataset = ten.shuffle(10, 42)
        list(dataset)
        again = pickle.loads(pickle.dumps(dataset))
        assert again == dataset == ten.shuffle(10, 42)
        assert hash(again) == hash(dataset)
        assert ints(again) == ints(dataset) == [3, 7, 6, 5, 8, 4, 0, 1, 9, 2]

    def test_are_set_by_a_state(self, ten):
        dataset = ten.shuffle(10, 42).batch(5)
        list(dataset)
        iterator = iter(dataset)
        next(iterator)
        state = iterator.state_dict()
        rest, later = [b.tolist() for b in iterator], [b.tolist() for b in dataset]
        fresh = ten.shuffle(10, 42).batch(5)
        resumed = iter(fresh)
        resumed.load_state_dict(state)
        assert [b.tolist() for b in resumed] == rest
        assert [b.tolist() for b in fresh] == later

    def test_set_epoch(self, ten):
        dataset = ten.shuffle(10, 42).batch(10)
        dataset.set_epoch(1)
        assert [int(n) for n in next(iter(dataset)).tolist()] == [3, 7, 6, 5, 8, 4, 0, 1, 9, 2]
        with pytest.raises(ValueError, match="an epoch is at least 0; got -1"):
            dataset.set_epoch(-1)


class TestParallelReads:
    @pytest.mark.parametrize(
        ("sizes", "reads", "expected"),
        [
            ((1, 3, 3), 2, "0 1000 1001 2000 1002 2001 2002"),
            ((3, 1, 2, 4, 1), 2, "0 1000 1 2 2000 2001 3000 3001 4000 3002 3003"),
            ((3, 1, 2, 4, 1), 3, "0 1000 2000 1 2001 2 3000 3001 4000 3002 3003"),
            ((0, 2, 0, 3), 3, "1000 3000 1001 3001 3002"),
            ((4, 0, 0, 0, 4, 1), 3, "0 1 4000 2 5000 4001 3 4002 4003"),
            ((2, 2), 1, "0 1 1000 1001"),
            ((2, 2), -1, "0 1 1000 1001"),
        ],
    )
    def test_is_tensorflows(self, tmp_path, sizes, reads, expected):
        dataset = hr.TFRecordDataset(numbered(tmp_path, sizes), num_parallel_reads=reads)
        assert ints(dataset) == [int(n) for n in expected.split()]

    def test_is_part_of_the_identity(self, tmp_path):
        paths = numbered(tmp_path, (3, 3))
        state = iter(hr.TFRecordDataset(paths, num_parallel_reads=2)).state_dict()
        with pytest.raises(ValueError, match="order was ', num_parallel_reads=2' and is now ''"):
            iter(hr.TFRecordDataset(paths)).load_state_dict(state)


CHAINS = {
    "shuffle": lambda d: d.shuffle(4, 1),
    "shuffle same": lambda d: d.shuffle(4, 1, reshuffle_each_iteration=False).batch(3),
    "shuffle batch": lambda d: d.shuffle(100, 1).batch(4),
    "shuffle repeat batch": lambda d: d.shuffle(6, 1).repeat(3).batch(5, drop_remainder=True),
    "repeat shuffle": lambda d: d.repeat(3).shuffle(7, 1).batch(5),
    "around": lambda d: d.skip(2).shuffle(7, 1).shard(2, 1).take(8).repeat(2).batch(3),
    "little memory": lambda d: d.shuffle(9, 1).batch(4).with_options(hr.Options(memory_budget=1)),
    "two windows": lambda d: d.shuffle(4, 1).shuffle(3, 2).batch(4),
    "batches": lambda d: d.batch(2).shuffle(4, 1).repeat(2),
    "repeats": lambda d: d.shuffle(4, 1).batch(4).repeat(2),
    "inner repeats": lambda d: d.shuffle(4, 1).repeat(2).take(30).repeat(2).batch(7),
}
REPEATED_IN_PYTHON = ("batches", "repeats", "inner repeats")


class TestLaws:
    @pytest.mark.parametrize("name", CHAINS)
    def test_hold(self, name, examples):
        assert_laws(CHAINS[name](examples), in_step=name not in REPEATED_IN_PYTHON)

    @pytest.mark.parametrize("name", ["shuffle repeat batch", "batches"])
    def test_hold_for_interleaved_files(self, name, tmp_path):
        paths = write_examples(tmp_path, (5, 0, 9, 1, 8))
        dataset = hr.TFRecordDataset(paths, num_parallel_reads=3).parse_example(SPEC)
        assert_laws(CHAINS[name](dataset), in_step=name not in REPEATED_IN_PYTHON)

    @pytest.mark.parametrize("name", CHAINS)
    def test_empty_input(self, name, tmp_path):
        assert_empty_input_works(
            lambda files: CHAINS[name](hr.TFRecordDataset(files, num_parallel_reads=2)), tmp_path
        )

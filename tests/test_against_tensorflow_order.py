"""Chains of verbs side by side with TensorFlow: the same elements in the same order."""

import itertools
import random

import numpy as np
import pytest

import headrace as hr
from data import write_records

tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Files whose records are numbers of 8 bytes."""
    folder, numbers = tmp_path_factory.mktemp("files"), itertools.count()
    return [
        write_records(folder / f"{i}", [b"%08d" % next(numbers) for _ in range(count)])
        for i, count in enumerate((7, 0, 12, 1, 9, 4))
    ]


def plain(element):
    """As nested lists and tuples of Python's values, with dtypes and shapes."""
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, tuple):
        return tuple(plain(item) for item in element)
    if isinstance(element, (tf.RaggedTensor, hr.RaggedArray)):
        return "ragged", [plain_list(row) for row in element]
    if isinstance(element, bytes):
        return "bytes", (), element
    array = np.asarray(element)
    kind = "bytes" if array.dtype == object else array.dtype.name
    return kind, array.shape, array.tolist()


def plain_list(row):
    return np.asarray(row).tolist()


def without_read_ahead(dataset):
    """What TensorFlow reads ahead of its own accord moves its generators, as it happens."""
    if isinstance(dataset, hr.Dataset):
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return dataset.with_options(options)


def outcome(dataset, passes=2, most=150):
    """The elements of some passes, and where a pass fails that it does."""
    seen = []
    dataset = without_read_ahead(dataset)
    for _ in range(passes):
        elements = []
        try:
            elements += map(plain, itertools.islice(dataset, most))
        except (ValueError, hr.Error, tf.errors.OpError):
            elements.append("an error")
        seen.append(elements)
    return seen


def both(chain, source):
    """What headrace and TensorFlow make of the same chain; `source(module)` begins it."""
    ours = chain(source(hr), hr)
    theirs = chain(source(tf.data), tf.data)
    return outcome(ours), outcome(theirs)


def is_even(record):
    """For TensorFlow's graph and for bytes."""
    if isinstance(record, tf.Tensor):
        return tf.strings.to_number(record, tf.int32) % 2 == 0
    return int(record) % 2 == 0


def cut(record):
    """The record's first bytes, as many as its last digit says, as a vector of bytes."""
    if isinstance(record, tf.Tensor):
        n = tf.strings.to_number(tf.strings.substr(record, 7, 1), tf.int32)
        return tf.io.decode_raw(record, tf.uint8)[:n]
    return np.frombuffer(record, np.uint8)[: int(record[7:])].copy()


VERBS = {
    "shuffle": lambda rng: (
        "shuffle", (rng.choice([1, 2, 5, 17, 100]), rng.randint(-5, 99)),
        {"reshuffle_each_iteration": rng.random() < 0.7},
    ),
    "take": lambda rng: ("take", (rng.choice([0, 1, 3, 10, 20, 25, -1]),), {}),
    "skip": lambda rng: ("skip", (rng.choice([0, 1, 3, 10, 20]),), {}),
    "shard": lambda rng: ("shard", rng.choice([(1, 0), (2, 0), (2, 1), (3, 2), (4, 1)]), {}),
    "repeat": lambda rng: ("repeat", (rng.choice([1, 2, 3, None]),), {}),
    "batch": lambda rng: (
        "batch", (rng.randint(1, 6),), {"drop_remainder": rng.random() < 0.5},
    ),
    "unbatch": lambda rng: ("unbatch", (), {}),
    "rebatch": lambda rng: ("rebatch", (rng.randint(1, 7),), {}),
    "filter": lambda rng: ("filter", (is_even,), {}),
    "prefetch": lambda rng: ("prefetch", (1,), {}),
    "enumerate": lambda rng: ("enumerate", (rng.randint(0, 3),), {}),
    "cache": lambda rng: ("cache", (), {}),
}  # fmt: skip


def random_chain(rng):
    """Verbs that fit each other: a list of (method, arguments, keywords)."""
    verbs, batches, counted, cached = [], 0, False, False
    for _ in range(rng.randint(1, 6)):
        verb = rng.choice(list(VERBS))
        if verb in ("unbatch", "rebatch") and batches == 0:
            continue
        if verb == "filter" and (batches > 0 or counted):
            continue
        if verb == "batch" and batches > 0 and counted:
            continue
        if verb == "enumerate" and (counted or batches > 0):
            continue
        # TensorFlow's counter moves by what it has read ahead, and with a cache at its whim.
        if verb == "prefetch" and any(v[0] == "shuffle" for v in verbs):
            continue
        if verb == "cache" and (cached or any(v[0] in ("take", "repeat") for v in verbs)):
            continue
        if cached and verb in ("shuffle", "repeat"):
            continue
        batches += {"batch": 1, "unbatch": -1}.get(verb, 0)
        counted |= verb == "enumerate"
        cached |= verb == "cache"
        verbs.append(VERBS[verb](rng))
    return verbs


def apply_chain(verbs):
    def chain(dataset, module):
        for method, arguments, keywords in verbs:
            dataset = getattr(dataset, method)(*arguments, **keywords)
        return dataset

    return chain


class TestRandomChains:
    @pytest.mark.parametrize("seed", range(150))
    def test_give_the_same_elements(self, seed, paths):
        rng = random.Random(seed)
        verbs = random_chain(rng)
        reads = rng.choice([None, None, 1, 2, 3, 5])
        source = lambda module: module.TFRecordDataset(paths, num_parallel_reads=reads)  # noqa: E731
        ours, theirs = both(apply_chain(verbs), source)
        assert ours == theirs, f"seed {seed}: num_parallel_reads={reads}, {verbs}"


class TestInterleave:
    @pytest.mark.parametrize("cycle", [1, 2, 3, 8])
    @pytest.mark.parametrize("block", [1, 2, 5])
    @pytest.mark.parametrize("python", [False, True])
    def test_is_the_same(self, cycle, block, python, paths):
        def chain(dataset, module):
            function = module.TFRecordDataset
            if python:
                function = lambda name: module.TFRecordDataset(name)  # noqa: E731
            return dataset.interleave(function, cycle_length=cycle, block_length=block).batch(4)

        ours, theirs = both(chain, lambda module: module.Dataset.from_tensor_slices(paths))
        assert ours == theirs

    def test_flat_map(self):
        chain = lambda d, m: d.flat_map(lambda n: m.Dataset.range(n))  # noqa: E731
        ours, theirs = both(chain, lambda module: module.Dataset.range(6))
        assert ours == theirs

    @pytest.mark.parametrize("seed", [0, 7])
    def test_over_listed_files(self, seed, paths):
        pattern = paths[0].rstrip("0") + "*"

        def chain(dataset, module):
            return dataset.interleave(module.TFRecordDataset, 3, 2).shuffle(5, seed).repeat(3)

        ours, theirs = both(chain, lambda m: m.Dataset.list_files(pattern, seed=seed))
        assert ours == theirs

    @pytest.mark.parametrize("epochs", [1, 2, None])
    @pytest.mark.parametrize("threads", [None, 3])
    def test_make_batched_features_dataset(self, epochs, threads, tmp_path):
        for i, count in enumerate((5, 9, 4)):
            records = [
                hr.encode_example({"x": np.int64([100 * i + n]), "y": np.float32([n])})
                for n in range(count)
            ]
            write_records(tmp_path / f"{i}", records)
        arguments = {
            "batch_size": 4, "num_epochs": epochs, "shuffle_seed": 3, "shuffle_buffer_size": 7,
            "label_key": "y", "reader_num_threads": threads,
        }  # fmt: skip
        ours = hr.make_batched_features_dataset(
            str(tmp_path / "*"), features={
                "x": hr.FixedLenFeature([], np.int64), "y": hr.FixedLenFeature([], np.float32)
            }, **arguments,
        )  # fmt: skip
        theirs = tf.data.experimental.make_batched_features_dataset(
            str(tmp_path / "*"), features={
                "x": tf.io.FixedLenFeature([], tf.int64), "y": tf.io.FixedLenFeature([], tf.float32)
            }, **arguments,
        )  # fmt: skip
        assert outcome(ours, 1, 20) == outcome(theirs, 1, 20)


BATCHES = {
    "padded": lambda d, m: d.map(cut).padded_batch(4),
    "padded to": lambda d, m: d.map(cut).padded_batch(4, padded_shapes=[12]),
    "padded with": lambda d, m: d.map(cut).padded_batch(
        4, [None], padding_values=np.uint8(7), drop_remainder=True
    ),
    "too small": lambda d, m: d.map(cut).padded_batch(4, padded_shapes=[5]),
    "padded tuple": lambda d, m: d.map(lambda r: (r, cut(r))).padded_batch(3, ([], [None])),
    "ragged": lambda d, m: d.map(cut).ragged_batch(4),
    "ragged rest": lambda d, m: d.map(cut).ragged_batch(5, drop_remainder=True),
    "bucket": lambda d, m: d.map(cut).bucket_by_sequence_length(size_of, [3, 6], [2, 4, 3]),
    "bucket to": lambda d, m: d.map(cut).bucket_by_sequence_length(
        size_of, [3, 6, 10], [2, 4, 3, 1], pad_to_bucket_boundary=True
    ),
    "bucket rest": lambda d, m: d.map(cut).bucket_by_sequence_length(
        size_of, [3, 6], [2, 4, 3], drop_remainder=True
    ),
    "uneven": lambda d, m: d.map(cut).batch(3),
    "zip": lambda d, m: m.Dataset.zip(d, m.Dataset.range(20)).batch(3),
    "zip of one": lambda d, m: m.Dataset.zip((d.shuffle(4, 1), d.skip(3))).repeat(2),
    "concatenate": lambda d, m: d.take(3).concatenate(d.skip(30)).repeat(2).shuffle(4, 2),
    "take while": lambda d, m: d.take_while(is_even),
    "choose": lambda d, m: m.Dataset.choose_from_datasets(
        [d.take(5), d.skip(5)], m.Dataset.range(2).repeat(10)
    ),
    "slices": lambda d, m: m.Dataset.from_tensor_slices(
        {"a": [1, 2, 3], "b": ([1.5, 2.5, 3.5], ["x", "y", "z"])}
    ).shuffle(3, 1).batch(2),
    "tensors": lambda d, m: m.Dataset.from_tensors((1, [2.0, 3.0], "four")),
    "range": lambda d, m: m.Dataset.range(10, 0, -3).enumerate().batch(2),
    "everything": lambda d, m: d.shuffle(1000, 9).batch(3).shuffle(5, 8).unbatch().repeat(2),
    "all": lambda d, m: d.shuffle(-2, 3).batch(4),
}  # fmt: skip


def size_of(vector):
    return tf.shape(vector)[0] if isinstance(vector, tf.Tensor) else len(vector)


class TestVerbs:
    @pytest.mark.parametrize("name", BATCHES)
    def test_are_the_same(self, name, paths):
        ours, theirs = both(BATCHES[name], lambda module: module.TFRecordDataset(paths))
        assert ours == theirs


class TestPasses:
    @pytest.mark.parametrize("seed", range(30))
    def test_go_on_alike(self, seed, paths):
        """Passes of datasets that share a shuffle, some of them left early."""
        rng = random.Random(seed)
        arguments = (rng.choice([3, 10, 100]), rng.randint(0, 99))
        verbs = [random_chain_behind(rng) for _ in range(3)]
        takes = [(rng.randrange(3), rng.choice([5, 40, 100])) for _ in range(6)]
        seen = []
        for module in (hr, tf.data):
            shuffled = module.TFRecordDataset(paths).shuffle(*arguments)
            derived = [without_read_ahead(apply_chain(c)(shuffled, module)) for c in verbs]
            seen.append(
                [list(map(plain, itertools.islice(derived[i], most))) for i, most in takes]
            )
        assert seen[0] == seen[1], f"seed {seed}: {arguments} {verbs} {takes}"


def random_chain_behind(rng):
    kinds = [k for k in VERBS if k in ("take", "skip", "shard", "repeat", "batch", "enumerate")]
    verbs = [VERBS[rng.choice(kinds)](rng) for _ in range(rng.randint(0, 3))]
    methods = [verb[0] for verb in verbs]
    if methods.count("batch") > 1 or methods.count("enumerate") > 1:
        return verbs[:1]
    if "enumerate" in methods:  # a batch of pairs is not compared here
        verbs = [verb for verb in verbs if verb[0] != "enumerate"]
    return verbs


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder, numbers = tmp_path_factory.mktemp("large"), itertools.count()
    return [
        write_records(
            folder / f"{i}",
            [
                hr.encode_example({"row": np.full(600, n, np.float32), "number": int(n)})
                for n in itertools.islice(numbers, count)
            ],
        )
        for i, count in enumerate((300, 0, 450, 1))
    ]


class TestWindowsOfLargeRows:
    """They are written when they come in, to where they will be drawn."""

    @pytest.mark.parametrize("seed", range(12))
    def test_are_the_same(self, seed, large):
        rng = random.Random(seed)
        reads, window = rng.choice([None, 2, 3]), rng.choice([2, 40, 150, 700, 2000])
        before, behind = rng.choice([1, 2]), rng.choice([1, 3])
        batch = (rng.choice([128, 200]), rng.random() < 0.5)
        spec = {
            "row": tf.io.FixedLenFeature([600], tf.float32),
            "number": tf.io.FixedLenFeature([], tf.int64),
        }

        def chain(module, parsed, parse):
            records = module.TFRecordDataset(large, num_parallel_reads=reads)
            rows = parsed(records).repeat(before).shuffle(window, seed).repeat(behind)
            return without_read_ahead(parse(rows.batch(*batch)))

        ours = chain(hr, lambda d: d.parse_example(spec), lambda d: d)
        theirs = chain(
            tf.data, lambda d: d, lambda d: d.map(lambda s: tf.io.parse_example(s, spec))
        )
        for _ in range(2):
            for ours_batch, theirs_batch in zip(ours, theirs, strict=True):
                for key in spec:
                    assert np.array_equal(ours_batch[key], theirs_batch[key].numpy()), key

"""Verbs that run in Python: the laws for each and for random chains, and what they refuse."""

import os
import pickle
import random
import shutil

import numpy as np
import pytest

import headrace as hr
from data import SPEC, plain, write_examples
from laws import assert_laws, assert_passes_are_independent, assert_resumes_everywhere, bits


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("parts"), (5, 0, 6, 1, 4))


@pytest.fixture(scope="module")
def examples(paths):
    return hr.TFRecordDataset(paths).parse_example(SPEC)


# Functions with names, so that datasets can be pickled.


def number_of(element):
    return element["number"]


def vector_of(element):
    return element["list"]


def is_odd(element):
    return element["number"] % 2 == 1


def is_small(element):
    return element["number"] < 9


def first_numbers(element):
    return hr.Dataset.range(int(element["number"]) % 4)


def named(name):
    return hr.TFRecordDataset(name.decode())


def two_and_three():
    yield 2, [1.0]
    yield 3, [2.0]


def zipped(d):
    return hr.Dataset.zip({"a": d.skip(2), "b": (d.shuffle(3, 1), hr.Dataset.range(9))})


CHAINS = {
    "unbatch": lambda d: d.batch(3).unbatch(),
    "rebatch": lambda d: d.batch(3).rebatch(4),
    "rebatch sizes": lambda d: d.batch(5).rebatch([1, 4, 2], drop_remainder=True),
    "padded": lambda d: d.padded_batch(3),
    "padded values": lambda d: d.map(vector_of).padded_batch(3, [5], np.int64(-1)),
    "ragged": lambda d: d.ragged_batch(3, drop_remainder=True),
    "bucket": lambda d: d.map(vector_of).bucket_by_sequence_length(len, [1, 3], [2, 2, 3]),
    "concatenate": lambda d: d.take(3).concatenate(d.skip(9)).batch(4),
    "concatenate others": lambda d: d.map(number_of).concatenate(hr.Dataset.range(3)),
    "zip": zipped,
    "enumerate": lambda d: d.enumerate(3).skip(1),
    "filter": lambda d: d.filter(is_odd).map(number_of).batch(2),
    "take while": lambda d: d.take_while(is_small).map(number_of),
    "parallel map": lambda d: d.map(number_of, num_parallel_calls=3).batch(2),
    "flat map": lambda d: d.flat_map(first_numbers),
    "interleave": lambda d: d.interleave(first_numbers, 3, 2),
    "cache": lambda d: d.shuffle(4, 1).map(number_of).cache().repeat(2),
    "sample": lambda d: hr.Dataset.sample_from_datasets([d, d.take(3)], [0.7, 0.3], 5).batch(4),
    "choose": lambda d: hr.Dataset.choose_from_datasets(
        [d, d.skip(3)], hr.Dataset.range(2).repeat(), stop_on_empty_dataset=True
    ),
    "window of elements": lambda d: d.enumerate().shuffle(5, 2),
    "slices": lambda d: hr.Dataset.from_tensor_slices((np.arange(5), list("abcde"))).shuffle(3, 1),
    "tensors": lambda d: hr.Dataset.from_tensors({"a": [1, 2]}).repeat(2),
    "generator": lambda d: hr.Dataset.from_generator(two_and_three).repeat(2),
    "range": lambda d: hr.Dataset.range(3, 30, 4).batch(2),
}  # fmt: skip

PER_FILE = {
    "core": lambda names: names.interleave(hr.TFRecordDataset, 3, 2).parse_example(SPEC).batch(4),
    "Python": lambda names: names.interleave(named, 3, 2).parse_example(SPEC).batch(4),
    "shuffled": lambda names: names.shuffle(9, 3).interleave(hr.TFRecordDataset, 2).shuffle(4, 1),
    "epochs": lambda names: names.shuffle(9, 3).flat_map(hr.TFRecordDataset).repeat(2).batch(5),
    "records": lambda names: hr.TFRecordDataset(names, num_parallel_reads=2).batch(3),
}
SHUFFLES_AND_REPEATS = ("cache", "epochs")


class TestLaws:
    @pytest.mark.parametrize("name", CHAINS)
    def test_hold(self, name, examples):
        dataset = CHAINS[name](examples)
        if name in SHUFFLES_AND_REPEATS:
            assert_resumes_everywhere(dataset)
        else:
            assert_laws(dataset)

    @pytest.mark.parametrize("name", PER_FILE)
    def test_hold_for_files_by_name(self, name, paths):
        dataset = PER_FILE[name](hr.Dataset.from_tensor_slices(paths))
        assert_laws(dataset, in_step=name not in SHUFFLES_AND_REPEATS)

    @pytest.mark.parametrize("name", CHAINS)
    def test_empty_input(self, name, tmp_path):
        (tmp_path / "empty").write_bytes(b"")
        empty = hr.TFRecordDataset(tmp_path / "empty").parse_example(SPEC)
        if name not in ("slices", "tensors", "generator", "range", "concatenate others"):
            assert list(CHAINS[name](empty)) == []

    @pytest.mark.parametrize("seed", range(25))
    def test_hold_for_random_chains(self, seed, examples):
        rng = random.Random(seed)
        # What can be stacked.
        dataset, verbs = examples.as_tuple("number", "name", "vector"), []
        for _ in range(rng.randint(2, 5)):
            verb = rng.choice(sorted(LINKS))
            if verb == "batch" and "batch" in verbs:
                continue
            verbs.append(verb)
            dataset = LINKS[verb](dataset, rng)
        try:
            assert_resumes_everywhere(dataset)
            if "shuffle" not in verbs or not {"repeat", "concatenate", "sample"} & set(verbs):
                assert_passes_are_independent(dataset)
        except Exception as error:
            raise AssertionError(f"{verbs}: {dataset}") from error


LINKS = {
    "shuffle": lambda d, rng: d.shuffle(rng.randint(1, 9), rng.randint(0, 9)),
    "take": lambda d, rng: d.take(rng.randint(0, 20)),
    "skip": lambda d, rng: d.skip(rng.randint(0, 5)),
    "shard": lambda d, rng: d.shard(2, rng.randint(0, 1)),
    "repeat": lambda d, rng: d.repeat(rng.randint(1, 2)),
    "batch": lambda d, rng: d.batch(rng.randint(1, 5)).rebatch(3),
    "concatenate": lambda d, rng: d.take(4).concatenate(d.skip(2)),
    "sample": lambda d, rng: hr.Dataset.sample_from_datasets([d, d.skip(1)], seed=3),
    "prefetch": lambda d, rng: d.prefetch(2),
    "cache": lambda d, rng: d.cache(),
}


class TestValues:
    def test_map_in_threads_keeps_the_order_and_its_errors(self, examples):
        def odd_only(element):
            if element["number"] % 2 == 0:
                raise KeyError(int(element["number"]))
            return int(element["number"])

        iterator = iter(examples.map(odd_only, num_parallel_calls=hr.AUTOTUNE))
        for number in range(0, 8, 2):
            with pytest.raises(KeyError, match=str(number)):
                next(iterator)
            assert next(iterator) == number + 1

    def test_cache_calls_a_function_once_for_each_element(self, examples):
        calls = []
        dataset = examples.map(lambda e: calls.append(1) or e["vector"]).cache()
        first = [e.copy() for e in dataset]
        for element in dataset:
            element[:] = 0
        assert bits(list(dataset)) == bits(first)
        assert len(calls) == len(first) == 16

    def test_from_tensor_slices(self):
        dataset = hr.Dataset.from_tensor_slices({"a": [1, 2], "b": ([1.5, 2.5], ["x", "yz"])})
        assert bits(list(dataset)) == bits(
            [{"a": np.int32(1), "b": (np.float32(1.5), b"x")},
             {"a": np.int32(2), "b": (np.float32(2.5), b"yz")}]
        )  # fmt: skip
        assert dataset == pickle.loads(pickle.dumps(dataset))
        assert dataset != hr.Dataset.from_tensor_slices({"a": [1, 3]})
        assert len(dataset) == 2

    def test_sampling_follows_the_weights(self):
        ones, twos = (hr.Dataset.from_tensors(n).repeat() for n in (1, 2))
        drawn = hr.Dataset.sample_from_datasets([ones, twos], [3, 1], seed=2).take(4000)
        assert 2850 < sum(n == 1 for n in drawn) < 3150

    def test_list_files(self, paths):
        folder = paths[0].rsplit("/", 1)[0]
        assert list(hr.Dataset.list_files(folder + "/*", shuffle=False)) == [
            path.encode() for path in sorted(paths)
        ]
        shuffled = hr.Dataset.list_files([folder + "/*"], seed=3)
        assert sorted(shuffled) == [path.encode() for path in sorted(paths)]
        with pytest.raises(FileNotFoundError, match="No files matched pattern: "):
            hr.Dataset.list_files(folder + "/none*")

    def test_make_batched_features_dataset(self, paths):
        spec = {key: SPEC[key] for key in ("number", "name")}
        dataset = hr.make_batched_features_dataset(paths, 6, spec, label_key="name", num_epochs=1)
        batches = list(dataset)
        assert [len(label) for _, label in batches] == [6, 6, 4]
        assert sorted(n for batch, _ in batches for n in batch["number"]) == list(range(16))
        with pytest.raises(ValueError, match=r"The `label_key` provided \(x\) must be one of"):
            hr.make_batched_features_dataset(paths, 6, spec, label_key="x")

    def test_padded_strings(self):
        dataset = hr.Dataset.from_tensors(["a", "b"]).concatenate(hr.Dataset.from_tensors(["c"]))
        (batch,) = dataset.padded_batch(2, padding_values="-")
        assert batch.tolist() == [[b"a", b"b"], [b"c", b"-"]]

    def test_ragged_batch_stacks_what_is_fixed(self, examples):
        batch = next(iter(examples.ragged_batch(4)))
        assert type(batch["vector"]) is np.ndarray
        assert plain(batch)["list"] == [[], [0], [0, 1], [0, 1, 2]]
        assert batch["list"].row_splits.dtype == np.int64


class TestElementSpec:
    def test_of_features(self, examples):
        spec = examples.batch(4, drop_remainder=True).element_spec
        assert spec["vector"] == hr.TensorSpec((4, 3), np.dtype(np.float32))
        assert spec["name"] == hr.TensorSpec((4,), bytes)
        assert spec["list"] == hr.RaggedTensorSpec((4, None), np.dtype(np.int64), 1, np.int32)
        assert examples.element_spec["list"] == hr.TensorSpec((None,), np.dtype(np.int64))

    def test_of_structures(self, examples):
        number = hr.TensorSpec((), np.dtype(np.int64))
        dataset = hr.Dataset.zip(examples.as_tuple("number"), hr.Dataset.range(3)).enumerate()
        assert dataset.element_spec == (number, ((number,), number))

    def test_behind_a_function_an_element_is_read(self, examples):
        dataset = examples.shuffle(9, 1).map(vector_of).filter(len).batch(2)
        assert dataset.element_spec.dtype == np.int64
        again = examples.shuffle(9, 1)
        shuffled = examples.shuffle(9, 1)
        assert shuffled.map(number_of).element_spec == hr.TensorSpec((), np.dtype(np.int64))
        assert bits(list(shuffled)) == bits(list(again))  # no pass was taken


class TestCardinality:
    @pytest.mark.parametrize(
        ("dataset", "count"),
        [
            (lambda d: hr.Dataset.range(7).batch(2), 4),
            (lambda d: hr.Dataset.zip(hr.Dataset.range(3), hr.Dataset.range(5).repeat()), 3),
            (lambda d: hr.Dataset.range(3).concatenate(hr.Dataset.range(4)), 7),
            (lambda d: hr.Dataset.range(3).repeat().concatenate(hr.Dataset.range(4)), -1),
            (lambda d: hr.Dataset.range(3).filter(bool), -2),
            (lambda d: hr.Dataset.range(3).map(bool).padded_batch(2), 2),
            (lambda d: d.enumerate(), -2),
        ],
    )
    def test_is_tensorflows(self, dataset, count, paths):
        assert dataset(hr.TFRecordDataset(paths)).cardinality() == count

    @pytest.mark.parametrize("name", CHAINS)
    def test_count(self, name, paths):
        dataset = CHAINS[name](hr.TFRecordDataset(paths).parse_example(SPEC))
        expected = dataset.count()
        dataset.set_epoch(0)
        assert sum(1 for _ in dataset) == expected


class TestExplain:
    def test_says_what_runs_where_and_what_windows_cost(self, examples, capsys):
        examples.shuffle(1000, 7).batch(4).shuffle(3, 1).map(len).explain()
        core, python = capsys.readouterr().out.split("Python  ")
        assert ".shuffle(1000, 7, True)\n        .batch(4, False)\n" in core
        assert python.startswith(".shuffle(3, 1, True)\n        .map(len)\n")
        assert "up to twice the bytes of 1,000 records and 40,000 bytes" in python
        assert "replays about 6,908 draws" in python
        assert "window  shuffle(3, 1, True): 3 elements in memory" in python
        examples.shuffle(9).with_options(hr.Options(memory_budget="1MiB")).explain()
        assert "of 9 records, no more than 524,288 (what is more" in capsys.readouterr().out


class TestArguments:
    @pytest.mark.parametrize(
        ("call", "error", "text"),
        [
            (lambda d: d.filter(3), TypeError, "`predicate` must be callable, got int"),
            (lambda d: d.interleave(len, 0), ValueError, "`cycle_length` must be > 0"),
            (lambda d: d.interleave(len, 2, 0), ValueError, "`block_length` must be > 0"),
            (lambda d: list(d.flat_map(len)), TypeError, "must return a `Dataset` object. Got"),
            (lambda d: d.cache("file"), NotImplementedError, "cache in a file is not supported"),
            (lambda d: d.concatenate([1]), TypeError, "concatenate needs a Dataset, got list"),
            (lambda d: d.rebatch([]), ValueError, "`batch_size` must not be empty."),
            (lambda d: d.padded_batch(0), ValueError, "Batch size must be greater than zero."),
            (lambda d: d.bucket_by_sequence_length(len, [3], [1]), ValueError,
             r"must equal `len\(bucket_boundaries\) \+ 1`"),
            (lambda d: list(d.map(vector_of).bucket_by_sequence_length(
                len, [2], [1, 1], pad_to_bucket_boundary=True)), ValueError,
             "elements must have length < max"),
            (lambda d: list(d.map(vector_of).padded_batch(5, [2])), hr.DataLossError,
             "Attempted to pad to a smaller size than the input element."),
            (lambda d: list(d.map(number_of).unbatch()), ValueError,
             "Cannot unbatch an input with scalar components."),
            (lambda d: hr.Dataset.zip(d, 3), TypeError, "zip needs Datasets, got int"),
            (lambda d: hr.Dataset.from_tensor_slices(([1], [1, 2])), ValueError,
             "Dimensions 1 and 2 are not compatible"),
            (lambda d: hr.Dataset.from_tensor_slices(3), ValueError, "supported for rank >= 1"),
            (lambda d: hr.Dataset.sample_from_datasets([]), ValueError, "should not be empty"),
            (lambda d: hr.Dataset.sample_from_datasets([d], [1, 2]), ValueError,
             "Invalid `weights`."),
            (lambda d: d.map(len, num_parallel_calls=0), ValueError, "must be at least 1"),
        ],
    )  # fmt: skip
    def test_are_checked(self, call, error, text, examples):
        with pytest.raises(error, match=text):
            call(examples)


class TestThroughTheIndex:
    @pytest.fixture(autouse=True)
    def _cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HEADRACE_CACHE_DIR", str(tmp_path / "cache"))

    def numbers(self, dataset):
        return [int(element["number"]) for element in dataset]

    def test_items(self, examples, paths):
        assert plain(examples[3])["number"] == 3
        assert plain(examples[-1])["number"] == 15
        batch = examples[[9, 2, 9]]
        assert plain(batch)["number"] == [9, 2, 9]
        assert type(batch["list"]) is hr.RaggedArray
        records = hr.TFRecordDataset(paths)
        assert records[2] == list(records)[2]
        assert records[np.array([2, 0])].tolist() == [list(records)[i] for i in (2, 0)]
        for beyond in (16, -17, [1, 16]):
            with pytest.raises(IndexError, match="of 16"):
                examples[beyond]
        with pytest.raises(TypeError, match=r"needs files in their order.*there is take\(3\)"):
            examples.take(3)[0]

    def test_shuffle_of_all(self, examples):
        dataset = examples.shuffle(None, seed=7)
        first, second = self.numbers(dataset), self.numbers(dataset)
        assert sorted(first) == sorted(second) == list(range(16))
        assert first != second
        assert self.numbers(examples.shuffle(None, seed=7).repeat(2)) == first + second
        same = examples.shuffle(None, seed=7, reshuffle_each_iteration=False)
        assert self.numbers(same) == self.numbers(same) == first
        assert sorted(self.numbers(examples.skip(3).take(9).shuffle(None))) == list(range(3, 12))

    @pytest.mark.parametrize(
        "chain",
        [
            lambda d: d.shuffle(None, seed=3).batch(3),
            lambda d: d.shard(3, 1).shuffle(None).repeat(2).batch(4, drop_remainder=True),
            lambda d: d.shard(3, 2, even="pad").shuffle(None, 1).batch(2),
            lambda d: d.shard(3, 2, even="wrap").batch(4).repeat(2),
            lambda d: d.shuffle(None, seed=3),
        ],
    )
    def test_laws(self, chain, examples):
        assert_laws(chain(examples))

    @pytest.mark.parametrize(
        "chain",
        [
            lambda d: d.shard(3, 1),
            lambda d: d.skip(5).shard(2, 1).repeat(2).batch(3),
            lambda d: d.shard(3, 2).take(4).batch(2, drop_remainder=True).repeat(2),
            lambda d: d.skip(-1),
            lambda d: d.skip(99).repeat(),
        ],
    )
    def test_an_index_changes_no_choice(self, chain, paths, examples):
        dataset = chain(examples)
        without = [bits(element) for element in dataset]
        hr.Index.build(paths)
        assert [bits(element) for element in dataset] == without
        assert_laws(dataset)

    def test_a_rank_reads_its_own_records_only(self, tmp_path, capsys):
        path = tmp_path / "a.tfrecord"
        records = [bytes([i]) * 20_000 for i in range(100)]  # of larger ones not all is read anyway
        with hr.TFRecordWriter(path) as writer:
            for record in records:
                writer.write(record)
        dataset = hr.TFRecordDataset(path)
        rank, rest = dataset.shard(8, 3).batch(2), dataset.skip(75).batch(4)

        def read(chain):
            with iter(chain) as iterator:
                taken = [record for batch in iterator for record in batch.tolist()]
                return taken, iterator.stats()["bytes_read"]

        assert min(read(rank)[1], read(rest)[1]) > 1_000_000
        rank.explain()
        assert "shard(8, 3): only its records are read" in capsys.readouterr().out
        assert dataset.count() == 100  # makes one
        assert read(rank) == (records[3::8], 13 * 20_016)
        assert read(rest) == (records[75:], 25 * 20_016)

    def test_states_are_for_both_ways(self, examples, paths):
        dataset = examples.shard(3, 1).batch(1)
        numbers = [4, 7, 10, 13]

        def first_state():
            with iter(dataset) as iterator:
                next(iterator)
                return iterator.state_dict()

        def rest(state):
            with iter(dataset) as iterator:
                iterator.load_state_dict(state)
                return [int(batch["number"][0]) for batch in iterator]

        in_order = first_state()
        hr.Index.build(paths)
        assert rest(in_order) == numbers
        indexed = first_state()
        shutil.rmtree(os.environ["HEADRACE_CACHE_DIR"])
        assert rest(indexed) == numbers

    def test_even_shards(self, examples):
        for even, count in (("drop", 5), ("pad", 6), ("wrap", 6)):
            shards = [self.numbers(examples.shard(3, i, even=even)) for i in range(3)]
            assert [len(shard) for shard in shards] == [count] * 3
            assert shards[1][:5] == [1, 4, 7, 10, 13]
        (batch,) = examples.shard(3, 1, even="pad").batch(10)
        assert batch["number"].tolist() == [1, 4, 7, 10, 13, 1]
        assert batch["valid"].tolist() == [True] * 5 + [False]
        (pair,) = examples.shard(3, 1, even="pad").as_tuple("valid", "number").batch(10)
        assert bits(pair) == bits((batch["valid"], batch["number"]))
        assert [bool(e["valid"]) for e in examples.shard(3, 2, even="pad")][-1] is False

    @pytest.mark.parametrize(
        ("call", "text"),
        [
            (lambda d: d.batch(2).shuffle(None), r"it cannot follow batch\(2, False\)"),
            (lambda d: d.repeat(2).shuffle(None), r"it cannot follow repeat\(2\)"),
            (lambda d: hr.Dataset.range(3).shuffle(None), "needs files in their order, not range"),
            (lambda d: d.take(2).shard(2, 0, even="drop"), r"it cannot follow take\(2\)"),
            (lambda d: iter(hr.TFRecordDataset([]).shard(2, 0, even="pad")), "needs parse_example"),
            (lambda d: d.shard(2, 0, even="some"), "even must be 'drop', 'pad' or 'wrap'"),
        ],
    )
    def test_where_they_cannot_be(self, call, text, examples):
        with pytest.raises(ValueError, match=text):
            call(examples)

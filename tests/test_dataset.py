"""Datasets: which files, which elements, in which order."""

import itertools
import os
import pathlib
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest

import headrace as hr
from data import SPEC, Model, example, plain, write_examples, write_records

COUNTS = (5, 0, 9, 1, 8)  # records in the files
TOTAL = sum(COUNTS)


# Example{Features{"s": an empty bytes list}}
EMPTY_STRINGS = b"\x0a\x09\x0a\x07\x0a\x01s\x12\x02\x0a\x00"


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("parts"), COUNTS)


@pytest.fixture(scope="module")
def records(paths):
    return hr.TFRecordDataset(paths)


@pytest.fixture(scope="module")
def examples(records):
    return records.parse_example(SPEC)


@pytest.fixture(scope="module")
def model():
    return Model(lambda: map(example, range(TOTAL)))


def numbers(dataset):
    return [int(e["number"]) for e in dataset]


class TestFiles:
    def test_every_way_to_name_them(self, paths):
        expected = list(range(TOTAL))
        for filenames in (
            paths,
            tuple(paths),
            [paths[:2], [paths[2:4], paths[4]]],
            [pathlib.Path(path) for path in paths],
            np.array(paths),
            np.array(paths, object),
            [path.encode() for path in paths],
            os.path.join(os.path.dirname(paths[0]), "part-*.tfrecord"),
            os.path.join(os.path.dirname(paths[0]), "part-00[0-9].tfrecord"),
        ):
            dataset = hr.TFRecordDataset(filenames).parse_example(SPEC)
            assert numbers(dataset) == expected
        assert numbers(hr.TFRecordDataset(paths[0]).parse_example(SPEC)) == [0, 1, 2, 3, 4]
        assert numbers(hr.TFRecordDataset([]).parse_example(SPEC)) == []

    def test_the_order_is_that_of_the_list(self, paths):
        dataset = hr.TFRecordDataset([paths[4], paths[0]]).parse_example(SPEC)
        assert numbers(dataset) == [*range(15, 23), *range(5)]

    def test_a_pattern_is_sorted_and_expanded_once(self, tmp_path):
        for name in ("b", "a", "c"):
            write_records(tmp_path / name, [name.encode()])
        dataset = hr.TFRecordDataset(str(tmp_path / "?"))
        write_records(tmp_path / "d", [b"d"])
        assert list(dataset) == [b"a", b"b", b"c"]

    def test_a_pattern_reaches_into_folders(self, tmp_path):
        (tmp_path / "x" / "y").mkdir(parents=True)
        write_records(tmp_path / "x" / "y" / "1.tfrecord", [b"deep"])
        assert list(hr.TFRecordDataset(str(tmp_path / "**" / "*.tfrecord"))) == [b"deep"]

    def test_a_name_that_exists_is_no_pattern(self, tmp_path):
        path = write_records(tmp_path / "[a]*", [b"literal"])
        write_records(tmp_path / "a1", [b"match"])
        assert list(hr.TFRecordDataset(path)) == [b"literal"]

    def test_a_path_object_is_no_pattern(self, tmp_path):
        write_records(tmp_path / "a", [b"match"])
        with pytest.raises(FileNotFoundError):
            iter(hr.TFRecordDataset(tmp_path / "*"))

    def test_a_pattern_without_a_match(self, tmp_path):
        pattern = str(tmp_path / "none-*")
        with pytest.raises(FileNotFoundError, match=r"No file matches the pattern") as caught:
            hr.TFRecordDataset(["whatever", pattern])
        assert caught.value.filename == pattern

    @pytest.mark.parametrize("filenames", [None, 3, [1, 2], ["a", 1], np.array([1])])
    def test_what_is_no_name(self, filenames):
        with pytest.raises(TypeError, match=r"must contain `tf.string` elements\. Got `"):
            hr.TFRecordDataset(filenames)

    def test_names_that_are_not_utf8(self, tmp_path):
        path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
        write_records(path, [b"x"])
        assert list(hr.TFRecordDataset(path)) == [b"x"]

    def test_more_files_than_descriptors(self, tmp_path):
        write_records(tmp_path / "one", [b"x"])
        program = (
            "import resource, headrace as hr\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
            f"print(hr.TFRecordDataset([{str(tmp_path / 'one')!r}] * 3000).count())"
        )
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120)
        assert result.stdout.split() == [b"3000"], result.stderr

    def test_records_of_every_size(self, tmp_path):
        sizes = [0, 1, 15, 16, 17, 4095, 4096, 70_000, 3_000_000, 0, 5]
        records = [bytes([i]) * size for i, size in enumerate(sizes)]
        path = write_records(tmp_path / "sizes", records)
        assert list(hr.TFRecordDataset(path)) == records
        (batch,) = hr.TFRecordDataset(path).batch(100)
        assert batch.tolist() == records


class TestElements:
    def test_serialized(self, records):
        expected = [hr.encode_example(example(i)) for i in range(TOTAL)]
        elements = list(records)
        assert elements == expected
        assert all(type(element) is bytes for element in elements)
        first, *_ = records.batch(4)
        assert isinstance(first, hr.BytesArray)
        assert first.tolist() == expected[:4]

    def test_single(self, examples):
        element = next(iter(examples.skip(7)))
        assert list(element) == list(SPEC)
        assert plain(element) == example(7)
        assert isinstance(element["number"], np.int64)
        assert element["vector"].dtype == np.float32
        assert type(element["name"]) is bytes
        assert element["list"].dtype == np.int64

    def test_batch(self, examples):
        batch = next(iter(examples.skip(2).batch(6)))
        assert list(batch) == list(SPEC)
        assert plain(batch)["list"] == [example(i)["list"] for i in range(2, 8)]
        assert (batch["number"].shape, batch["number"].dtype) == ((6,), np.int64)
        assert (batch["vector"].shape, batch["vector"].dtype) == ((6, 3), np.float32)
        assert (type(batch["name"]), batch["name"].shape) == (hr.BytesArray, (6,))
        assert (type(batch["list"]), batch["list"].shape) == (hr.RaggedArray, (6, None))

    def test_arrays_are_the_consumers_own(self, examples):
        batches = list(examples.batch(4))
        for batch in batches:
            for name in ("number", "vector"):
                assert batch[name].flags.writeable
                assert batch[name].flags.c_contiguous
                batch[name][:] = -1
        assert [int(b["number"].sum()) for b in batches] == [-4] * 5 + [-3]

    def test_parsing_before_or_behind_batch_is_the_same(self, records):
        for verbs in (
            lambda d: d.batch(4),
            lambda d: d.batch(4, drop_remainder=True),
            lambda d: d.take(9).batch(4),
            lambda d: d.batch(4).take(2),
            lambda d: d.batch(4).repeat(2),
            lambda d: d.batch(4).shard(2, 1),
        ):
            before = [plain(b) for b in verbs(records.parse_example(SPEC))]
            behind = [plain(b) for b in verbs(records).parse_example(SPEC)]
            assert before == behind

    def test_as_tuple(self, examples):
        both = examples.as_tuple("list", "number")
        assert plain(next(iter(both.skip(3)))) == ([0, 1, 2], 3)
        ragged, number = next(iter(both.batch(3)))
        assert ragged.tolist() == [[], [0], [0, 1]]
        assert number.tolist() == [0, 1, 2]
        assert plain(next(iter(examples.batch(2).as_tuple("number")))) == ([0, 1],)
        assert len(next(iter(examples.as_tuple()))) == len(SPEC)
        mapped = examples.map(lambda e: {"x": e["number"], "y": 0}).as_tuple("y", "x")
        assert list(mapped.take(2)) == [(0, 0), (0, 1)]

    def test_as_numpy_iterator_has_objects_for_strings(self, examples):
        batch = next(examples.batch(3).as_numpy_iterator())
        assert batch["name"].dtype == object
        assert batch["name"].tolist() == [b"record 0", b"record 1", b"record 2"]
        assert isinstance(batch["list"], hr.RaggedArray)

    def test_as_numpy_iterator_reaches_into_columns(self, records):
        spec = {"r": hr.RaggedFeature(bytes, "name"), "s": hr.VarLenFeature(np.int64)}
        batch = next(records.parse_example(spec).batch(2).as_numpy_iterator())
        assert batch["r"].values.dtype == object
        assert batch["r"].values.tolist() == [b"record 0", b"record 1"]
        batch = next(
            records.parse_example({"name": hr.VarLenFeature(bytes)}).batch(2).as_numpy_iterator()
        )
        assert batch["name"].values.tolist() == [b"record 0", b"record 1"]
        assert next(records.as_numpy_iterator()) == hr.encode_example(example(0))

    def test_sequences_are_padded_in_a_batch_only(self, tmp_path):
        lists = [[b"a", b"b"], [], [b"c", b"d", b"e", b"f"]]
        records = [
            hr.encode_example({"s": strings, "n": np.arange(len(strings))}) for strings in lists
        ]
        spec = {
            "s": hr.FixedLenSequenceFeature([2], bytes, True, "-"),
            "n": hr.FixedLenSequenceFeature([], np.int64, allow_missing=True),
        }
        dataset = hr.TFRecordDataset(write_records(tmp_path / "a", records)).parse_example(spec)
        (batch,) = dataset.batch(3)
        assert batch["s"].shape == (3, 2, 2)
        assert batch["s"].tolist() == [
            [[b"a", b"b"], [b"-", b"-"]],
            [[b"-", b"-"], [b"-", b"-"]],
            [[b"c", b"d"], [b"e", b"f"]],
        ]
        assert batch["n"].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 2, 3]]
        assert [e["s"].tolist() for e in dataset] == [
            [[b"a", b"b"]],
            [],
            [[b"c", b"d"], [b"e", b"f"]],
        ]
        assert [e["s"].shape for e in dataset] == [(1, 2), (0, 2), (2, 2)]
        assert [e["n"].tolist() for e in dataset] == [[0, 1], [], [0, 1, 2, 3]]
        (empty,) = dataset.skip(1).take(1).batch(3)
        assert empty["s"].shape == (1, 0, 2)
        assert empty["n"].shape == (1, 0)

    def test_shapes_without_elements(self, tmp_path):
        records = [hr.encode_example({"n": np.array([], np.int64)}) + EMPTY_STRINGS] * 3
        spec = {
            "s": hr.FixedLenFeature([2, 0], bytes),
            "n": hr.FixedLenFeature([0], np.int64),
        }
        dataset = hr.TFRecordDataset(write_records(tmp_path / "a", records)).parse_example(spec)
        assert [b["s"].shape for b in dataset.batch(2)] == [(2, 2, 0), (1, 2, 0)]
        assert [b["n"].shape for b in dataset.batch(2)] == [(2, 0), (1, 0)]
        assert [e["s"].shape for e in dataset] == [(2, 0)] * 3

    def test_a_key_may_be_read_as_ragged_twice(self, records):
        spec = {"x": hr.RaggedFeature(int, "list"), "y": hr.RaggedFeature(int, "list")}
        batch = next(iter(records.parse_example(spec).batch(4)))
        assert batch["x"].tolist() == batch["y"].tolist() == [[], [0], [0, 1], [0, 1, 2]]


class TestMap:
    def test_sees_batches_behind_batch(self, examples):
        doubled = examples.batch(4).map(lambda batch: batch["number"] * 2)
        assert [b.tolist() for b in doubled.take(2)] == [[0, 2, 4, 6], [8, 10, 12, 14]]

    def test_sees_single_examples_before_batch(self, examples):
        sums = examples.map(lambda e: e["vector"].sum()).batch(3)
        first = next(iter(sums))
        assert first.dtype == np.float32
        assert first.tolist() == [2.5, 2.5, 2.5]

    def test_unpacks_tuples(self, examples):
        pairs = examples.as_tuple("number", "name").map(lambda number, name: (name, number + 1))
        assert list(pairs.take(2)) == [(b"record 0", 1), (b"record 1", 2)]

    def test_an_exception_comes_out_and_the_pass_goes_on(self, examples):
        def odd_only(element):
            if element["number"] % 2 == 0:
                raise KeyError(int(element["number"]))
            return int(element["number"])

        iterator = iter(examples.map(odd_only))
        for number in range(0, 6, 2):
            with pytest.raises(KeyError, match=str(number)):
                next(iterator)
            assert next(iterator) == number + 1

    def test_stop_iteration_is_no_end(self, examples):
        def stop(element):
            raise StopIteration

        with pytest.raises(RuntimeError, match="the function raised StopIteration"):
            list(examples.map(stop))

    def test_needs_a_function(self, examples):
        with pytest.raises(TypeError, match="`map_func` must be callable, got int"):
            examples.map(3)


class TestBatchOfSingleElements:
    """Behind map, elements are stacked as tf.data stacks them."""

    def batches(self, records, function, size=2):
        return list(records.map(function).batch(size))

    def test_structures(self, records):
        count = itertools.count()

        def element(record):
            i = next(count)
            return {"b": (i, float(i)), "a": np.full(2, i, np.int8), "s": f"é{i}"}

        first, *_ = self.batches(records, element)
        assert list(first) == ["b", "a", "s"]
        assert first["a"].dtype == np.int8
        assert plain(first) == {
            "b": ([0, 1], [0.0, 1.0]),
            "a": [[0, 0], [1, 1]],
            "s": ["é0".encode(), "é1".encode()],
        }

    def test_our_columns(self, examples, records):
        spec = {
            "v": hr.VarLenFeature(np.int64),
            "s": hr.FixedLenFeature([1], bytes, b"?"),
            "list": hr.VarLenFeature(np.int64),
            "name": hr.FixedLenFeature([1], bytes),
        }
        singles = records.parse_example(spec).map(lambda e: e)
        batch = next(iter(singles.skip(1).batch(3)))
        assert batch["s"].tolist() == [[b"?"], [b"?"], [b"?"]]
        assert batch["name"].tolist() == [[b"record 1"], [b"record 2"], [b"record 3"]]
        assert batch["v"].dense_shape.tolist() == [3, 0]
        expected = next(iter(records.parse_example(spec).skip(1).batch(3)))
        assert batch["list"] == expected["list"]

    def test_batches_of_batches(self, examples):
        batch = next(iter(examples.batch(2).batch(2)))
        assert batch["number"].tolist() == [[0, 1], [2, 3]]
        assert batch["name"].tolist()[1] == [b"record 2", b"record 3"]
        assert batch["list"].tolist() == [[[], [0]], [[0, 1], [0, 1, 2]]]
        assert batch["list"].shape == (2, None, None)

    def test_of_sparse_batches(self, records):
        sparse = records.parse_example({"list": hr.VarLenFeature(np.int64)}).batch(2).batch(2)
        batch = next(iter(sparse))
        assert batch["list"].indices.tolist() == [[0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0],
                                                  [1, 1, 1], [1, 1, 2]]  # fmt: skip
        assert batch["list"].dense_shape.tolist() == [2, 2, 3]

    @pytest.mark.parametrize(
        ("shapes", "between", "text"),
        [
            ([(0,), (1,)], lambda d: d,
             "Cannot add tensor to the batch: number of elements does not match. Shapes are: "
             r"\[tensor\]: \[1\], \[batch\]: \[0\]"),
            ([(2,), (2, 2)], lambda d: d.take(-1),
             "Cannot batch tensors with different shapes in component 0. First element had shape "
             r"\[2\] and element 1 had shape \[2,2\]."),
            ([(2, 3), (3, 2)], lambda d: d,
             "Cannot batch tensors with different shapes in component 0. First element had shape "
             r"\[2,3\] and element 1 had shape \[3,2\]."),
        ],
    )  # fmt: skip
    def test_unequal_shapes(self, records, shapes, between, text):
        made = iter(shapes)
        dataset = between(records.take(2).map(lambda _: np.zeros(next(made)))).batch(2)
        with pytest.raises(ValueError, match=text):
            next(iter(dataset))

    def test_unequal_batches(self, records, examples):
        text = r"number of elements does not match. Shapes are: \[tensor\]: \[1\], \[batch\]: \[2\]"
        with pytest.raises(ValueError, match=text):
            list(examples.skip(TOTAL - 3).as_tuple("number").batch(2).batch(2))
        text = r"in component 0. First element had shape \[2\] and element 1 had shape \[1\]."
        with pytest.raises(ValueError, match=text):
            list(records.skip(TOTAL - 3).batch(2).batch(2))

    def test_the_component_is_numbered_by_sorted_keys(self, records):
        count = itertools.count()
        dataset = records.map(lambda _: {"b": 1, "a": 2, "c": np.zeros(next(count))})
        with pytest.raises(ValueError, match="in component 2"):
            next(iter(dataset.take(5).batch(2)))

    def test_different_structures(self, records):
        made = iter([{"a": 1}, {"a": 1, "b": 2}])
        with pytest.raises(TypeError, match="Cannot batch elements of different structures"):
            next(iter(records.take(2).map(lambda _: next(made)).batch(2)))
        made = iter([hr.SparseArray._of_vector(np.arange(2)), 3])
        with pytest.raises(TypeError, match="different kinds of elements in component 0"):
            next(iter(records.take(2).map(lambda _: next(made)).batch(2)))


CHAINS = {
    "take": lambda d: d.take(7),
    "take all": lambda d: d.take(-1),
    "take none": lambda d: d.take(0),
    "take too many": lambda d: d.take(100),
    "skip": lambda d: d.skip(6),
    "skip all": lambda d: d.skip(-1),
    "skip too many": lambda d: d.skip(100),
    "repeat": lambda d: d.repeat(2),
    "repeat none": lambda d: d.repeat(0),
    "repeat endlessly": lambda d: d.repeat(),
    "repeat nothing endlessly": lambda d: d.skip(-1).repeat(),
    "shard": lambda d: d.shard(3, 1),
    "batch": lambda d: d.batch(4),
    "batch drop": lambda d: d.batch(4, drop_remainder=True),
    "batch repeat": lambda d: d.batch(4).repeat(3),
    "repeat batch": lambda d: d.repeat(3).batch(4),
    "batch shard": lambda d: d.batch(4).shard(2, 1),
    "batch take skip": lambda d: d.batch(4).skip(1).take(3),
    "batch repeat skip": lambda d: d.batch(4).repeat(2).skip(5),
    "take repeat skip": lambda d: d.take(5).repeat(3).skip(7).batch(3),
    "map batch": lambda d: d.map(lambda e: e["number"] + 1).batch(5),
    "map everything": lambda d: (
        d.map(lambda e: e["number"] + 1).skip(2).shard(2, 1).repeat(2).take(17).batch(4).repeat(2)
    ),
    "batch map repeat": lambda d: d.batch(4).map(lambda b: b["name"]).repeat(2).skip(3).take(6),
}


def first_elements(dataset, count=200):
    return [plain(element) for element in itertools.islice(dataset, count)]


class TestChains:
    @pytest.mark.parametrize("name", CHAINS)
    def test_like_the_model(self, name, examples, model):
        assert first_elements(CHAINS[name](examples)) == first_elements(modelled(name, model))

    @pytest.mark.parametrize("seed", range(60))
    def test_any_order_of_verbs(self, seed, examples, model):
        verbs = random_chain(random.Random(seed))
        dataset, expected = examples, model
        for verb, arguments in verbs:
            dataset = getattr(dataset, verb)(*arguments)
            expected = getattr(expected, verb)(*arguments)
        assert first_elements(dataset) == first_elements(expected), verbs

    @pytest.mark.parametrize("name", CHAINS)
    def test_options_change_nothing(self, name, examples):
        chain = CHAINS[name](examples)
        expected = first_elements(chain)
        for options in (
            hr.Options(threads=1),
            hr.Options(threads=7, prefetch=1),
            hr.Options(memory_budget="1KiB", verify_checksums=False),
        ):
            assert first_elements(chain.with_options(options)) == expected
        assert first_elements(chain.prefetch(2)) == expected
        assert first_elements(CHAINS[name](examples.prefetch(hr.AUTOTUNE))) == expected

    def test_two_iterators_do_not_disturb_each_other(self, examples):
        dataset = examples.batch(2)
        both = zip(iter(dataset), iter(dataset), strict=True)
        assert all(plain(one) == plain(other) for one, other in both)


def modelled(name, model):
    """The model knows NumPy numbers only as Python's."""
    return CHAINS[name](model)


def without_list(element):
    """What can be stacked: lists of different lengths cannot."""
    return {"number": element["number"], "vector": element["vector"]}


def random_chain(rng):
    """Verbs with arguments. Dicts stay dicts, so that a batch can follow at any place; one level of
    batches, as the model stacks only rows."""
    verbs, batches = [], 0
    for _ in range(rng.randint(1, 7)):
        verb = rng.choice(["take", "skip", "repeat", "shard", "batch", "map"])
        if verb == "batch":
            if batches == 1:
                continue
            batches += 1
            arguments = (rng.randint(1, 6), rng.random() < 0.3)
        elif verb == "shard":
            shards = rng.randint(1, 4)
            arguments = (shards, rng.randrange(shards))
        elif verb == "repeat":
            arguments = (rng.choice([1, 2, 3, 3, 0, -1]),)
        elif verb == "map":
            arguments = (without_list,)
        else:
            arguments = (rng.choice([0, 1, 2, 3, 5, 8, 13, 21, 34, -1]),)
        verbs.append((verb, arguments))
    return verbs


class TestCardinality:
    @pytest.mark.parametrize("name", [n for n in CHAINS if "endlessly" not in n])
    def test_count(self, name, paths, model):
        chain = CHAINS[name](hr.TFRecordDataset(paths).parse_example(SPEC))
        expected = len(list(modelled(name, model)))
        assert chain.count() == expected
        assert chain.cardinality() == len(chain) == expected

    def test_is_unknown_until_counted(self, paths):
        dataset = hr.TFRecordDataset(paths)
        derived = dataset.batch(4)
        assert dataset.cardinality() == hr.UNKNOWN_CARDINALITY == -2
        with pytest.raises(TypeError, match=r"The dataset length is unknown\."):
            len(dataset)
        assert bool(dataset)
        assert len(list(derived)) == 6
        assert dataset.count() == TOTAL
        assert len(derived) == 6
        assert hr.TFRecordDataset(paths).cardinality() == -2
        assert pickle.loads(pickle.dumps(dataset)).cardinality() == -2

    def test_is_unknown_again_when_a_file_changes(self, tmp_path):
        path = write_records(tmp_path / "a", [b"x"] * 3)
        dataset = hr.TFRecordDataset(path)
        assert (dataset.count(), len(dataset)) == (3, 3)
        write_records(tmp_path / "a", [b"x"] * 5)
        with pytest.raises(TypeError, match="length is unknown"):
            len(dataset)
        assert dataset.count() == 5

    @pytest.mark.parametrize(
        ("chain", "cardinality"),
        [  # as TensorFlow 2.21 says for a TFRecordDataset
            (lambda d: d.repeat(), -1), (lambda d: d.repeat(0), 0), (lambda d: d.repeat(2), -2),
            (lambda d: d.take(0), -2), (lambda d: d.take(3), -2), (lambda d: d.skip(-1), -2),
            (lambda d: d.batch(2), -2), (lambda d: d.repeat().take(3), 3),
            (lambda d: d.repeat().skip(3), -1), (lambda d: d.repeat().batch(3), -1),
            (lambda d: d.repeat().take(10).batch(3), 4),
            (lambda d: d.repeat().take(10).batch(3, drop_remainder=True), 3),
            (lambda d: d.repeat().shard(2, 0), -1), (lambda d: d.repeat().take(7).shard(2, 1), 3),
            (lambda d: d.repeat().prefetch(2), -1), (lambda d: d.repeat().map(id), -1),
            (lambda d: d.repeat().take(3).repeat(2), 6), (lambda d: d.repeat().take(-1), -1),
            (lambda d: d.repeat().take(4).skip(9), 0),
        ],
    )  # fmt: skip
    def test_without_reading(self, paths, chain, cardinality):
        assert chain(hr.TFRecordDataset(paths)).cardinality() == cardinality

    def test_endless(self, examples):
        with pytest.raises(TypeError, match=r"The dataset is infinite\."):
            len(examples.repeat())
        with pytest.raises(ValueError, match="the dataset is endless"):
            examples.repeat().count()


class TestObject:
    def test_is_compared_by_what_it_says(self, paths):
        def chain(size=4, **feature):
            spec = {"a": hr.FixedLenFeature([], np.int64, **feature)}
            return hr.TFRecordDataset(paths).skip(1).parse_example(spec).batch(size)

        assert chain() == chain()
        assert hash(chain()) == hash(chain())
        assert chain() != chain(5)
        assert chain() != chain(default_value=0)
        assert chain() != chain().take(-1)
        assert chain() != hr.TFRecordDataset(paths[1:]).skip(1)
        assert hr.TFRecordDataset(paths) != paths

    def test_is_frozen(self, records):
        with pytest.raises(AttributeError, match="a Dataset is frozen"):
            records._verbs = ()
        with pytest.raises(AttributeError):
            records.anything = 1
        assert records.take(3) is not records
        assert first_elements(records, 1000) == first_elements(records, 1000)

    @pytest.mark.parametrize("name", [n for n in CHAINS if "map" not in n])
    def test_pickling_changes_nothing(self, name, examples):
        chain = CHAINS[name](examples)
        copy = pickle.loads(pickle.dumps(chain))
        assert copy == chain
        assert first_elements(copy) == first_elements(chain)

    def test_a_pickled_pattern_is_not_expanded_again(self, tmp_path):
        write_records(tmp_path / "a", [b"a"])
        pickled = pickle.dumps(hr.TFRecordDataset(str(tmp_path / "*")))
        write_records(tmp_path / "b", [b"b"])
        assert list(pickle.loads(pickled)) == [b"a"]

    def test_is_not_made_directly(self):
        with pytest.raises(TypeError, match="a Dataset is made by TFRecordDataset"):
            hr.Dataset()

    def test_prints_its_chain(self):
        dataset = (
            hr.TFRecordDataset(["a", "b"]).parse_example(SPEC).skip(2).batch(3).map(len).prefetch(1)
        )
        assert repr(dataset) == (
            "<Dataset tfrecords(['a', 'b'], 2 files).parse_example(4 features).skip(2)"
            ".batch(3, False).map(len).prefetch(1)>"
        )
        assert len(repr(hr.TFRecordDataset(["x"] * 10_000))) < 100

    def test_explains_what_runs_where(self, capsys):
        options = hr.Options(threads=2)
        dataset = hr.TFRecordDataset(["a"]).parse_example(SPEC).as_tuple("name").skip(2).batch(3)
        dataset.repeat(2).map(len).with_options(options).explain()
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "core    tfrecords(['a'], 1 files)"
        assert [line.strip() for line in lines[1:5]] == [
            ".skip(2)", ".batch(3, False)", ".parse_example(4 features)", ".as_tuple('name')",
        ]  # fmt: skip
        assert lines[5:7] == ["Python  .repeat(2)", "        .map(len)"]
        assert "threads=2" in lines[7]

    def test_opens_nothing_until_iterated(self):
        dataset = hr.TFRecordDataset(["/nowhere/at/all"]).parse_example(SPEC).batch(3)
        with pytest.raises(FileNotFoundError):
            iter(dataset)


class TestOptions:
    def test_later_ones_win_field_by_field(self, records):
        dataset = (
            records.with_options(hr.Options(threads=3, prefetch=5))
            .batch(2)
            .with_options(hr.Options(prefetch=7, memory_budget="1 GiB"))
        )
        assert dataset.options() == hr.Options(threads=3, prefetch=7, memory_budget="1 GiB")
        assert records.options() == hr.Options()

    def test_reach_the_loader(self, records):
        iterator = iter(records.with_options(hr.Options(threads=3)))
        next(iterator)
        assert iterator.stats()["threads"] == 3

    @pytest.mark.parametrize(
        ("size", "count"),
        [("2GiB", 2 << 30), ("500 MB", 500_000_000), ("1.5k", 1500), ("7", 7), (9, 9)],
    )
    def test_sizes(self, size, count):
        from headrace.options import size_in_bytes

        assert size_in_bytes(size) == count

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ({"threads": 0}, ValueError, "threads must be at least 1, or None or AUTOTUNE; got 0"),
            ({"threads": -2}, ValueError, "threads must be at least 1"),
            ({"threads": 1.5}, TypeError, "float"),
            ({"prefetch": 0}, ValueError, "prefetch must be at least 1"),
            ({"memory_budget": "lots"}, ValueError, "a text such as \"2GiB\"; got 'lots'"),
            ({"memory_budget": 0}, ValueError, "memory_budget must be at least one byte; got 0"),
            ({"verify_checksums": 1}, TypeError, "verify_checksums must be a bool; got 1"),
            ({"pin_memory": 1}, TypeError, "pin_memory must be a bool; got 1"),
            ({"mmap": "no"}, TypeError, "mmap must be a bool; got 'no'"),
        ],
        ids=repr,
    )
    def test_refused(self, arguments, error, text):
        with pytest.raises(error, match=text):
            hr.Options(**arguments)


class TestArguments:
    @pytest.mark.parametrize(
        ("call", "error", "text"),
        [
            (lambda d: d.batch(0), ValueError, "Batch size must be greater than zero."),
            (lambda d: d.batch(-3), ValueError, "Batch size must be greater than zero."),
            (lambda d: d.batch(1.5), TypeError, "float"),
            (lambda d: d.batch(None), TypeError, "NoneType"),
            (lambda d: d.take(None), TypeError, "NoneType"),
            (lambda d: d.skip("3"), TypeError, "str"),
            (lambda d: d.shard(0, 0), ValueError,
             r"Number of shards must be greater than zero \(currently num_shards = 0\)."),
            (lambda d: d.shard(2, 2), ValueError,
             r"Index must be between 0 and 1 \(currently index = 2\)."),
            (lambda d: d.shard(2, -1), ValueError,
             r"Index must be between 0 and 1 \(currently index = -1\)."),
            (lambda d: d.prefetch(-2), ValueError,
             "buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning"),
            (lambda d: d.apply(lambda _: 3), TypeError,
             "`transformation_func` must return a `tf.data.Dataset` object. Got <class 'int'>."),
            (lambda d: d.with_options(3), TypeError, "with_options needs hr.Options, got int"),
            (lambda d: d.parse_example({}), ValueError, "cannot be None or falsy"),
            (lambda d: d.parse_example(SPEC).parse_example(SPEC), TypeError, "parsed already"),
            (lambda d: d.batch(2).batch(2).parse_example(SPEC), ValueError,
             "Expected serialized to be a scalar or vector"),
            (lambda d: d.as_tuple("a"), TypeError, "say parse_example first"),
            (lambda d: d.parse_example(SPEC).as_tuple("x"), KeyError, "no feature 'x'; there are"),
            (lambda d: d.parse_example(SPEC).as_tuple().as_tuple(), TypeError, "tuples already"),
            (lambda d: d.map(len).as_tuple(), ValueError, "as_tuple behind map needs the names"),
        ],
    )  # fmt: skip
    def test_are_checked_at_once(self, call, error, text):
        with pytest.raises(error, match=text):
            call(hr.TFRecordDataset([]))

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ({"compression_type": "gzip"}, ValueError,
             "compression_type must be None, '', 'GZIP', 'ZLIB' or 'SNAPPY'; got 'gzip'"),
            ({"compression_type": "GZIP"}, NotImplementedError, "'GZIP' is not supported yet"),
            ({"buffer_size": -2}, ValueError, r"`buffer_size` must be >= 0 \(0 == no buffering\)"),
            ({"buffer_size": 1.5}, TypeError, "float"),
            ({"num_parallel_reads": 0}, ValueError, "`cycle_length` must be > 0"),
            ({"num_parallel_reads": -2}, ValueError, "`cycle_length` must be > 0"),

            ({"on_corruption": "ignore"}, ValueError, "'stop_file' or 'tf'; got 'ignore'"),
        ],
        ids=repr,
    )  # fmt: skip
    def test_of_the_source(self, arguments, error, text):
        with pytest.raises(error, match=text):
            hr.TFRecordDataset([], **arguments)

    def test_that_change_nothing_are_accepted(self, paths):
        dataset = hr.TFRecordDataset(
            paths, compression_type="", buffer_size=0, num_parallel_reads=hr.AUTOTUNE, name="x"
        )
        dataset = dataset.parse_example(SPEC, num_parallel_calls=hr.AUTOTUNE, deterministic=False)
        dataset = dataset.batch(
            4, num_parallel_calls=hr.AUTOTUNE, deterministic=False, name="x"
        ).map(dict, num_parallel_calls=hr.AUTOTUNE, deterministic=False, name="x")
        dataset = dataset.take(9, name="x").skip(0, name="x").repeat(1, name="x")
        dataset = dataset.prefetch(None, name="x").shard(1, 0, name="x")
        assert [n for b in dataset for n in b["number"].tolist()] == list(range(TOTAL))

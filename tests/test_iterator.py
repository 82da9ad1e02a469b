"""Iterators: how they end, what survives, and going on from a state."""

import gc
import itertools
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import headrace as hr
from data import SPEC, plain, write_examples, write_records
from headrace import _core

COUNTS = (7, 0, 12, 1, 10)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("parts"), COUNTS)


@pytest.fixture(scope="module")
def examples(paths):
    return hr.TFRecordDataset(paths).parse_example(SPEC)


@pytest.fixture(scope="module")
def endless(paths):
    return hr.TFRecordDataset(paths).parse_example(SPEC).repeat().batch(8)


def thread_count():
    return len(os.listdir("/proc/self/task"))


def settled():
    """Number of threads once those that were just joined are no longer listed."""
    gc.collect()
    count = thread_count()
    for _ in range(5):
        time.sleep(0.01)
        count = min(count, thread_count())
    return count


def threads_end(expected):
    """Whether only so many are left. A joined thread may be listed for a moment longer."""
    for _ in range(1000):
        if thread_count() == expected:
            return True
        time.sleep(0.01)
    return False


needs_proc = pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc"
)


def run_python(program, *arguments, timeout=120):
    """A Python process of its own. Its dataset is `dataset`, endless batches of 8."""
    head = """
        import gc, os, signal, sys, threading
        import headrace as hr
        sys.path.insert(0, sys.argv[1])
        from data import SPEC
        paths = sys.argv[2:]
        dataset = hr.TFRecordDataset(paths).parse_example(SPEC).repeat().batch(8)
    """
    source = textwrap.dedent(head) + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source,
         os.path.dirname(__file__), *arguments],
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip


def assert_clean(result):
    assert (result.returncode, result.stderr) == (0, "")


class TestEnds:
    def test_stays_at_its_end(self, examples):
        iterator = iter(examples.batch(8))
        assert len(list(iterator)) == 4
        for _ in range(3):
            with pytest.raises(StopIteration):
                next(iterator)

    @needs_proc
    def test_close_ends_the_threads(self, endless):
        before = settled()
        iterator = iter(endless.with_options(hr.Options(threads=3)))
        next(iterator)
        assert thread_count() >= before + 3
        iterator.close()
        iterator.close()
        assert threads_end(before)
        for call in (iterator.__next__, iterator.stats, iterator.state_dict):
            with pytest.raises(RuntimeError, match="this iterator is closed"):
                call()
        with pytest.raises(RuntimeError, match="this iterator is closed"):
            iterator.load_state_dict({})

    @needs_proc
    def test_with(self, endless):
        before = settled()
        with iter(endless) as batches:
            assert next(batches)["number"][0] == 0
        assert threads_end(before)
        with pytest.raises(ZeroDivisionError), iter(endless.map(lambda batch: 1 // 0)) as batches:
            next(batches)
        assert threads_end(before)

    @needs_proc
    @pytest.mark.parametrize(
        "chain",
        [
            lambda d: d,
            lambda d: d.map(dict),
            lambda d: d.repeat(2).take(5),
        ],
    )
    def test_collected(self, endless, chain):
        before = settled()
        iterator = iter(chain(endless))
        next(iterator)
        assert thread_count() > before
        del iterator
        gc.collect()
        assert threads_end(before)

    @needs_proc
    def test_dropped_without_a_search_for_cycles(self, endless):
        before = settled()
        gc.disable()
        try:
            for dataset in (endless, endless.shuffle(5), endless.unbatch()):
                iterator = iter(dataset)
                next(iterator)
                del iterator
                assert threads_end(before)
        finally:
            gc.enable()

    @needs_proc
    def test_an_exception_in_the_loop(self, endless):
        before = settled()

        def loop():
            for _ in endless:
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            loop()
        gc.collect()
        assert threads_end(before)

    @needs_proc
    def test_a_cycle_through_it(self, endless):
        before = settled()

        def use():
            holder = []
            iterator = iter(endless.map(lambda batch: (holder, batch)))
            holder.append(iterator)
            next(iterator)

        use()
        gc.collect()
        assert threads_end(before)

    def test_batches_outlive_the_iterator(self, examples):
        with iter(examples.batch(8)) as batches:
            kept = list(batches)
        expected = [plain(batch) for batch in examples.batch(8)]
        gc.collect()
        for _ in examples.batch(8):  # would write over memory that is free
            pass
        assert [plain(batch) for batch in kept] == expected

    @pytest.mark.parametrize(
        "end",
        [
            "iterator = iter(dataset); next(iterator)",
            "iterator = iter(dataset)",
            "iterators = [iter(dataset.map(dict)) for _ in range(5)]\n"
            "for iterator in iterators: next(iterator)",
            "iterator = iter(dataset); next(iterator); sys.exit(0)",
            "def use():\n    for batch in iter(dataset): return\nuse()",
            "iterator = iter(dataset); next(iterator); cycle = [iterator]; cycle.append(cycle)",
            "iterator = iter(dataset); batch = next(iterator); kept = batch['number']",
            "thread = threading.Thread(target=lambda: next(iter(dataset))); thread.start()",
        ],
    )
    def test_interpreter_exit(self, paths, end):
        assert_clean(run_python(end, *paths))

    def test_exit_by_an_exception_of_the_loop(self, paths):
        result = run_python("for batch in dataset: raise SystemError('from the loop')", *paths)
        assert result.returncode == 1
        assert result.stderr.strip().endswith("SystemError: from the loop")


def delivered(iterator, wait):
    """Every element and error with the state behind it, until five calls in a row give an error."""
    seen = []
    while len(seen) < 5 or any(not isinstance(what, str) for what, _ in seen[-5:]):
        wait()
        try:
            what = plain(next(iterator))
        except (hr.DataLossError, StopIteration) as error:
            what = repr(error)
        seen.append((what, iterator.state_dict()["position"]))
    return seen


class TestReadyBatches:
    """Those that are there when they are asked for come without the stage."""

    @pytest.mark.parametrize("on_corruption", ["raise", "skip", "tf"])
    @pytest.mark.parametrize("damage", [None, 300])
    @pytest.mark.parametrize("verb", [lambda d: d, lambda d: d.shuffle(5, seed=1)])
    @pytest.mark.filterwarnings("ignore:damaged records")
    def test_are_the_same(self, paths, tmp_path, on_corruption, damage, verb):
        copies = [shutil.copy(path, tmp_path) for path in paths]
        if damage is not None:
            with open(copies[2], "r+b") as file:
                file.seek(damage)
                file.write(b"damaged")
        records = hr.TFRecordDataset(copies, on_corruption=on_corruption)
        ready, other = (verb(records.parse_example(SPEC)).batch(2) for _ in range(2))
        waiting = other.with_options(hr.Options(prefetch=1)).map(lambda batch: batch)
        seen = delivered(iter(ready), lambda: time.sleep(0.002))
        stage = delivered(iter(waiting), lambda: None)
        assert [what for what, _ in seen] == [what for what, _ in stage]
        # Whether it is known already that nothing comes behind the last one depends on the moment.
        places = [{**state["loader"], "ended": None} for _, state in seen]
        assert places == [{**state["input"]["loader"], "ended": None} for _, state in stage]
        errors = [what for what, _ in seen if isinstance(what, str) and "Error" in what]
        assert bool(errors) == (damage is not None and on_corruption != "skip")

    def test_what_is_no_stage(self):
        iterator = _core.StageIterator()
        with pytest.raises(RuntimeError, match="not begun"):
            next(iterator)
        for stage, loader in ((3, None), (iter(()), 3), (None, None)):
            with pytest.raises(TypeError, match="expected an iterator"):
                iterator._run(stage, loader)
        iterator._run(iter("ab"), None)
        assert list(iterator) == ["a", "b"]


class TestInterrupt:
    @pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent with os.kill")
    @pytest.mark.parametrize(
        "blocked",
        [
            "hr.TFRecordDataset(paths).repeat().skip(10**15).batch(8)",
            "hr.TFRecordDataset(paths).parse_example(SPEC).repeat().skip(10**15).map(dict)",
        ],
    )
    def test_comes_out_of_a_waiting_next(self, paths, blocked):
        program = f"""
            # So many records are passed over that no element comes in a lifetime.
            iterator = iter({blocked})
            state = iterator.state_dict()
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                next(iterator)
            except KeyboardInterrupt:
                print("interrupted")
            assert iterator.state_dict() == state
            iterator.close()
        """
        result = run_python(program, *paths)
        assert_clean(result)
        assert result.stdout == "interrupted\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent with os.kill")
    def test_comes_out_of_a_loop_that_is_not_python(self, paths):
        program = """
            import collections
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                collections.deque(dataset, maxlen=0)
            except KeyboardInterrupt:
                print("interrupted")
        """
        result = run_python(program, *paths)
        assert_clean(result)
        assert result.stdout == "interrupted\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent with os.kill")
    def test_loses_no_batch(self, paths):
        program = f"""
            total = {sum(COUNTS)}
            batches = hr.TFRecordDataset(paths).parse_example(SPEC).repeat().batch(5000)
            iterator, row, lost = iter(batches), 0, 0
            for i in range(10):
                timer = threading.Timer(0.02 + 0.003 * i, os.kill, (os.getpid(), signal.SIGINT))
                timer.start()
                try:
                    while True:
                        numbers = next(iterator)["number"]
                        lost += int(numbers[0]) != row % total
                        row = int(numbers[-1]) + 1
                except KeyboardInterrupt:
                    timer.join()
            print(lost)
        """
        result = run_python(program, *paths)
        assert_clean(result)
        # One may be on its way into a variable when the interrupt comes.
        assert int(result.stdout) <= 1

    def test_a_batch_behind_map_keeps_what_it_had(self, examples):
        calls = itertools.count()

        def interrupted_once(element):
            if next(calls) == 5:
                raise KeyboardInterrupt
            return element["number"]

        # The interrupted element itself is used up by the function; the others are not lost.
        iterator = iter(examples.map(interrupted_once).batch(4))
        assert next(iterator).tolist() == [0, 1, 2, 3]
        state = iterator.state_dict()
        with pytest.raises(KeyboardInterrupt):
            next(iterator)
        assert iterator.state_dict() == state
        assert next(iterator).tolist() == [4, 6, 7, 8]


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class TestProcesses:
    @needs_fork
    def test_a_forked_child(self, paths):
        program = """
            iterator = iter(dataset)
            first = next(iterator)["number"].tolist()
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    try:
                        next(iterator)
                    except RuntimeError as error:
                        assert "belongs to the parent process" in str(error), error
                    else:
                        os._exit(3)
                    try:
                        iterator.state_dict()
                    except RuntimeError:
                        pass
                    else:
                        os._exit(4)
                    iterator.close()
                    assert next(iter(dataset))["number"].tolist() == first
                    sys.exit(0)  # with all that happens at exit
                _, status = os.waitpid(child, 0)
                assert status == 0, status
                next(iterator)
            print(next(iterator)["number"].tolist())
        """
        result = run_python(program, *paths)
        assert_clean(result)
        assert result.stdout == "[28, 29, 0, 1, 2, 3, 4, 5]\n"

    @needs_fork
    def test_forked_workers_of_a_pool(self, paths):
        program = """
            import multiprocessing
            def count(dataset):
                return sum(len(batch["number"]) for batch in dataset)
            iterator = iter(dataset)
            next(iterator)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                finite = hr.TFRecordDataset(paths).parse_example(SPEC).batch(8)
                print(pool.map(count, [finite] * 4))
        """
        result = run_python(program, *paths)
        assert_clean(result)
        assert result.stdout == "[30, 30, 30, 30]\n"

    def test_spawned_workers(self, examples):
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            numbers = pool.map(_numbers_of, [examples.batch(8)])
        assert numbers == [list(range(30))]

    def test_iterators_of_several_threads(self, examples):
        expected = list(range(30))
        results = []

        def read():
            numbers = [int(e["number"]) for e in examples.skip(0)]
            results.append(numbers)

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [expected] * 6


def _numbers_of(dataset):
    return [n for batch in dataset for n in batch["number"].tolist()]


CHAINS = {
    "single": lambda d: d,
    "batch": lambda d: d.batch(4),
    "batch drop": lambda d: d.batch(4, drop_remainder=True),
    "order": lambda d: d.skip(3).shard(2, 1).repeat(3).take(25).batch(4),
    "batch order": lambda d: d.batch(4).skip(1).take(5),
    "batch repeat": lambda d: d.batch(7).repeat(3),
    "batch shard": lambda d: d.batch(3).shard(3, 2),
    "batch repeat skip take": lambda d: d.batch(4).repeat(4).skip(3).take(20),
    "map": lambda d: d.map(lambda e: e["name"]),
    "map batch": lambda d: d.map(lambda e: e["number"]).batch(4),
    "map batch repeat": lambda d: d.map(lambda e: e["number"]).batch(4).repeat(2).shard(2, 0),
    "batch map": lambda d: d.batch(4).map(lambda b: b["list"]),
    "tuple": lambda d: d.as_tuple("number", "list").batch(5),
    "empty": lambda d: d.take(0).batch(3),
}


def through_json(state):
    return json.loads(json.dumps(state))


class TestStates:
    @pytest.mark.parametrize("name", CHAINS)
    @pytest.mark.parametrize("threads", [1, 3])
    def test_resumes_everywhere(self, examples, name, threads):
        dataset = CHAINS[name](examples)
        iterator = iter(dataset)
        states, elements = [through_json(iterator.state_dict())], []
        for element in iterator:
            elements.append(plain(element))
            states.append(through_json(iterator.state_dict()))
        other = dataset.with_options(hr.Options(threads=threads, prefetch=1))
        for i, state in enumerate(states):
            resumed = iter(other)
            next(resumed, None)
            resumed.load_state_dict(state)
            assert through_json(resumed.state_dict()) == state or i == len(states) - 1
            assert [plain(element) for element in resumed] == elements[i:]

    def test_taking_one_disturbs_nothing(self, examples):
        numbers = iter(examples.map(lambda e: e["number"]).batch(4))
        first = next(numbers)
        states = [numbers.state_dict() for _ in range(5)]
        assert all(state == states[0] for state in states)
        assert first.tolist() + next(numbers).tolist() == list(range(8))

    def test_after_the_end(self, examples):
        iterator = iter(examples.batch(4))
        assert len(list(iterator)) == 8
        other = iter(examples.batch(4))
        other.load_state_dict(through_json(iterator.state_dict()))
        assert list(other) == []

    def test_goes_back_too(self, examples):
        iterator = iter(examples.batch(4))
        start = iterator.state_dict()
        once = [plain(batch) for batch in iterator]
        iterator.load_state_dict(start)
        assert [plain(batch) for batch in iterator] == once

    def test_is_small(self, examples, paths):
        many = hr.TFRecordDataset(paths * 1000).parse_example(SPEC)
        for dataset in (*(chain(examples) for chain in CHAINS.values()), many.repeat().batch(2)):
            iterator = iter(dataset)
            next(iterator, None)
            assert len(json.dumps(iterator.state_dict())) <= 1024

    def test_a_resumed_iterator_has_the_same_states(self, examples):
        one, other = iter(examples.batch(4)), iter(examples.batch(4))
        next(one)
        other.load_state_dict(one.state_dict())
        for _ in range(7):
            assert plain(next(one)) == plain(next(other))
            assert one.state_dict() == other.state_dict()

    def test_data_may_move(self, paths, tmp_path):
        moved = [shutil.copy(path, tmp_path) for path in paths]
        iterator = iter(hr.TFRecordDataset(paths).batch(4))
        next(iterator)
        other = iter(hr.TFRecordDataset(moved).batch(4).with_options(hr.Options(threads=1)))
        other.load_state_dict(iterator.state_dict())
        assert next(other) == next(iterator)

    def test_pickled_datasets_share_states(self, examples):
        iterator = iter(examples.batch(4))
        next(iterator)
        other = iter(pickle.loads(pickle.dumps(examples.batch(4))))
        other.load_state_dict(iterator.state_dict())
        assert plain(next(other)) == plain(next(iterator))


class TestForeignStates:
    @pytest.fixture
    def state(self, examples):
        iterator = iter(examples.batch(4))
        next(iterator)
        return through_json(iterator.state_dict())

    def refused(self, dataset, state, text):
        iterator = iter(dataset)
        with pytest.raises(ValueError, match=text):
            iterator.load_state_dict(state)
        return iterator

    def test_leaves_the_iterator_as_it_was(self, examples, state):
        iterator = self.refused(examples.batch(5), state, "chain was")
        assert next(iterator)["number"].tolist() == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda d: d.batch(5),
             r"chain was 'parse_example.batch\(4, False\)' and is now 'parse_example.batch\(5"),
            (lambda d: d.batch(4).repeat(), r"repeat\(-1\)"),
            (lambda d: d.skip(1).batch(4), r"skip\(1\)"),
            (lambda d: d.batch(4, drop_remainder=True), r"batch\(4, True\)"),
        ],
    )  # fmt: skip
    def test_another_chain(self, examples, state, change, text):
        self.refused(change(examples), state, "belongs to another dataset: .*" + text)

    @pytest.mark.parametrize(
        "features",
        [
            {"number": hr.FixedLenFeature([], np.int64)},
            {**SPEC, "number": hr.FixedLenFeature([], np.int64, default_value=1)},
            {**SPEC, "number": hr.FixedLenFeature([], np.int32)},
        ],
        ids=repr,
    )
    def test_other_features(self, paths, state, features):
        dataset = hr.TFRecordDataset(paths).parse_example(features).batch(4)
        self.refused(dataset, state, "other features are parsed, or in another way")

    def test_other_files(self, paths, state, tmp_path):
        def dataset(files):
            return hr.TFRecordDataset(files).parse_example(SPEC).batch(4)

        self.refused(dataset(paths[1:]), state, "there were 5 files and now there are 4")
        self.refused(dataset(paths[::-1]), state, "the files have other names, or another order")
        changed = [shutil.copy(path, tmp_path) for path in paths]
        write_records(changed[2], [b"something else"])
        self.refused(dataset(changed), state, "the files have other sizes")

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda s: {**s, "version": 99}, "the state has version 99; this headrace reads 1"),
            (lambda s: {"position": 1}, "this is no state of a DatasetIterator"),
            (lambda s: [], "this is no state of a DatasetIterator"),
            (lambda s: {**s, "position": {"loader": None}}, "the position of the state is damaged"),
            (lambda s: {**s, "position": {}}, "the position of the state is damaged"),
            (lambda s: {**s, "position": {"loader": {**s["position"]["loader"], "file": 77}}},
             "the state does not belong to these files"),
            (lambda s: {**s, "position": {"loader": {**s["position"]["loader"], "plan": [1]}}},
             "the state does not belong to these files and this chain"),
            (lambda s: {**s, "position": {"loader": {**s["position"]["loader"], "file": "x"}}},
             "the position of the state is damaged"),
            (lambda s: {**s, "position": {"loader": {**s["position"]["loader"], "offset": -1}}},
             "the position of the state is damaged"),
        ],
    )  # fmt: skip
    def test_what_is_none(self, examples, state, change, text):
        iterator = self.refused(examples.batch(4), change(state), text)
        assert next(iterator)["number"].tolist() == [0, 1, 2, 3]

"""as_torch and prefetch_to_device, with real PyTorch on the CPU."""

import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import headrace as hr
from data import SPEC, write_examples
from headrace import lane as lanes
from headrace.stages import deliver
from headrace.tensors import as_tensor, copied
from laws import (
    assert_errors_pass_through,
    assert_laws,
    assert_passes_are_independent,
    assert_resumes_everywhere,
    assert_same_elements,
    bits,
    elements_of,
)
from tensors import numpy_arguments, numpy_of


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="needs PyTorch")


@pytest.fixture
def files(tmp_path):
    return hr.TFRecordDataset(write_examples(tmp_path, [30, 0, 25]))


@pytest.fixture
def batches(files):
    return files.parse_example(SPEC).batch(8)


class TestValues:
    def test_a_batch(self, torch, batches):
        batch, plain = next(iter(batches.as_torch())), next(iter(batches))
        assert {key: type(value) for key, value in batch.items()} == {
            "number": torch.Tensor, "vector": torch.Tensor,
            "name": hr.BytesTensor, "list": hr.RaggedTensor,
        }  # fmt: skip
        assert batch["number"].dtype == torch.int64
        assert batch["vector"].shape == (8, 3)
        assert batch["list"].row_splits.dtype == torch.int32
        assert_same_elements([numpy_of(batch)], [plain])

    def test_every_container(self, torch):
        def floats(j):
            return {"w": [1.0] * j, "x": [2.0] * j}

        examples = [
            hr.encode_example({"i": [j], "v": [float(j)], "s": [b"%d" % j] * j, **floats(j)})
            for j in range(5)
        ]
        spec = {
            "sparse": hr.SparseFeature("i", "v", np.float32, 9),
            "s": hr.VarLenFeature(bytes),
            "w": hr.FixedLenSequenceFeature([], np.float32, allow_missing=True),
            "deep": hr.RaggedFeature(
                np.float32, value_key="x", partitions=[hr.RaggedFeature.UniformRowLength(1)]
            ),
        }
        dataset = hr.Dataset.from_tensor_slices(hr.BytesArray.of(examples)).batch(5)
        parsed = dataset.map(lambda records: hr.parse_example(records, spec))
        plain, batch = next(iter(parsed)), next(iter(parsed.as_torch()))
        assert type(batch["sparse"]) is hr.SparseTensor
        assert type(batch["s"]) is hr.RaggedTensor  # no gaps
        assert type(batch["s"].values) is hr.BytesTensor
        dense = torch.sparse_coo_tensor(
            batch["sparse"].indices.T, batch["sparse"].values, tuple(batch["sparse"].dense_shape),
            check_invariants=True,
        ).to_dense()  # fmt: skip
        assert np.array_equal(dense.numpy(), plain["sparse"].to_dense())
        assert numpy_of(batch["s"]).tolist() == [[b"%d" % j] * j for j in range(5)]
        assert numpy_of(batch["w"]).tolist() == plain["w"].tolist()
        assert numpy_of(batch["deep"]) == plain["deep"]

    def test_single_examples(self, torch, files):
        element = next(iter(files.parse_example(SPEC).as_torch()))
        assert element["number"].shape == ()
        assert element["name"] == b"record 0"
        assert element["list"].tolist() == []

    @pytest.mark.parametrize(
        "dtype",
        "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 "
        "complex128 bfloat16".split(),
    )
    def test_every_dtype(self, torch, dtype):
        pytest.importorskip("ml_dtypes")
        from headrace.dtypes import numpy_dtype

        array = np.arange(6).reshape(2, 3).astype(numpy_dtype(dtype))
        tensor = as_tensor(array)
        assert tensor.dtype == getattr(torch, dtype)
        assert tensor.shape == (2, 3)
        assert tensor.data_ptr() == array.ctypes.data
        assert tensor.tolist() == array.tolist()
        assert as_tensor(array[0, 0:1][0:0]).numel() == 0
        assert as_tensor(np.asarray(array[1, 1])).item() == array[1, 1]

    def test_arrays_that_torch_knows_not_are_copied(self, torch):
        array = np.arange(6)
        array.flags.writeable = False
        for odd in (array, np.arange(6)[::-1], np.arange(6).astype(">i8")):
            assert as_tensor(odd).tolist() == odd.tolist()
        as_tensor(array)[0] = 5
        assert array[0] == 0
        with pytest.raises(TypeError, match="strings can, as they are in a BytesArray"):
            next(iter(hr.Dataset.from_tensors(1).map(lambda _: np.array(["a"], object)).as_torch()))

    def test_a_part_of_an_array_of_strings(self, torch, batches):
        names = batches.map(lambda batch: batch["name"][3:6])
        plain, part = next(iter(names)), next(iter(names.as_torch()))
        assert part.offsets[0] == 0
        assert part.data.numpy().tobytes() == b"".join(plain.tolist())

    def test_tensors_are_over_the_same_memory_and_outlive_all_else(self, torch, batches):
        addresses, kept, expected = [], [], []
        with iter(batches.map(lambda b: (addresses.append(b["vector"].ctypes.data), b)[1])
                  .as_torch()) as iterator:  # fmt: skip
            for batch in iterator:
                assert batch["vector"].data_ptr() == addresses[-1]
                kept.append(batch["vector"])
                expected.append(batch["vector"].numpy().copy())
        del batch, iterator
        assert len(kept) == 7
        assert all(np.array_equal(a.numpy(), b) for a, b in zip(kept, expected, strict=True))
        kept[0].zero_()  # writable

    def test_other_objects_stay(self, torch):
        dataset = hr.Dataset.from_tensors(1).map(lambda _: ({"a": None, "b": "text"}, 2.5, b"c"))
        assert next(iter(dataset.as_torch())) == ({"a": None, "b": "text"}, 2.5, b"c")


class TestExchange:
    """What NumPy's arrays offer to other libraries, over memory of ours."""

    def test_dlpack(self, torch, batches):
        kept = []
        for batch in batches:
            for name in ("number", "vector"):
                tensor = torch.from_dlpack(batch[name])
                assert tensor.data_ptr() == batch[name].ctypes.data
                kept.append((tensor, bits(batch[name])))
        del batch
        assert len(kept) == 14
        for tensor, expected in kept:
            assert bits(tensor.numpy()) == expected
            tensor += 1

    def test_dlpack_of_values_and_offsets(self, torch, batches):
        batch = next(iter(batches))
        assert torch.from_dlpack(batch["list"].values).tolist() == batch["list"].values.tolist()

    def test_jax(self, batches):
        jax = pytest.importorskip("jax", reason="needs JAX")
        batch = next(iter(batches))
        array = jax.dlpack.from_dlpack(batch["vector"])
        assert np.array_equal(np.asarray(array), batch["vector"])


class TestLaws:
    @pytest.mark.parametrize(
        "chain",
        [
            lambda d: d.batch(8),
            lambda d: d.shuffle(10, seed=3).repeat(2).batch(8),
            lambda d: d.take(11),
            lambda d: d.batch(4).as_tuple("number", "list").shuffle(3, seed=1),
        ],
        ids=["batches", "shuffled", "examples", "tuples"],
    )
    @pytest.mark.parametrize(
        "delivery",
        [
            lambda d: d.as_torch(),
            lambda d: d.as_torch("cpu"),
            lambda d: d.prefetch_to_device("cpu"),
        ],
        ids=["as_torch", "device", "prefetch"],
    )
    def test_laws(self, torch, files, chain, delivery):
        plain = chain(files.parse_example(SPEC))
        dataset = delivery(plain)
        assert dataset == delivery(plain) != plain
        assert_same_elements(list(map(numpy_of, elements_of(dataset))), elements_of(plain))
        assert_laws(dataset.map(numpy_arguments))

    def test_states_are_those_of_the_chain_without_it(self, torch, batches):
        ahead = batches.prefetch_to_device("cpu", 3)
        expected = list(batches)
        for a, b in ((batches, ahead), (ahead, batches.as_torch()), (ahead, batches)):
            with iter(a) as first, iter(b) as second:
                for _ in range(4):
                    next(first)
                second.load_state_dict(first.state_dict())
                assert_same_elements(list(map(numpy_of, second)), expected[4:])

    @pytest.mark.parametrize("repeat", [1, 3])
    def test_passes_that_were_only_read_ahead_do_not_count(self, torch, files, repeat):
        """Whenever an iterator is left, the next one has the same order."""
        for left, close in itertools.product(range(16), (True, False)):
            firsts = []
            for ahead in (False, True):
                # A dataset of its own, with its own counter of passes.
                dataset = files.parse_example(SPEC).shuffle(10, seed=3).repeat(repeat).batch(11)
                dataset = dataset.prefetch_to_device("cpu", 4) if ahead else dataset
                iterator = iter(dataset)
                for _ in range(left):
                    next(iterator, None)
                if close:
                    iterator.close()
                firsts.append(next(iter(dataset))["number"].tolist())
            assert firsts[0] == firsts[1], (left, close)

    def test_errors_have_their_place(self, torch, files):
        def refuse(batch):
            if 20 in batch["number"]:
                raise ValueError("twenty")
            return batch

        dataset = files.parse_example(SPEC).batch(8)
        assert_errors_pass_through(
            files.parse_example({**SPEC, "other": hr.FixedLenFeature([], np.int64)})
            .batch(8).prefetch_to_device("cpu"),
            hr.ParseError, 0, "other",
        )  # fmt: skip
        with iter(dataset.map(refuse).prefetch_to_device("cpu", 5)) as batches:
            numbers = [int(next(batches)["number"][0]) for _ in range(2)]
            with pytest.raises(ValueError, match="twenty"):
                next(batches)
            numbers += [int(batch["number"][0]) for batch in batches]
            assert list(batches) == []
        assert numbers == [0, 8, 24, 32, 40, 48]

    def test_closing(self, torch, batches):
        with iter(batches.prefetch_to_device("cpu")) as iterator:
            batch = next(iterator)
            expected = bits(batch["vector"].numpy())
        with pytest.raises(RuntimeError, match="closed"):
            next(iterator)
        assert bits(batch["vector"].numpy()) == expected


class TestArguments:
    def test_refused(self, torch, batches):
        with pytest.raises(RuntimeError, match="device"):
            batches.as_torch("nowhere")
        with pytest.raises(ValueError, match="buffer_size must be at least 1"):
            batches.prefetch_to_device("cpu", 0)
        for verb in (lambda d: d.batch(2), lambda d: d.unbatch(), lambda d: d.padded_batch(2)):
            with pytest.raises(TypeError, match=r"hold tensors; say as_torch behind it"):
                verb(batches.as_torch())

    def test_devices_as_torch_names_them(self, torch, batches):
        for device in ("cuda:1", torch.device("cuda", 1)):
            dataset = batches.prefetch_to_device(device)
            assert "prefetch_to_device('cuda:1', 2)" in repr(dataset)
            assert dataset.options().pin_memory
            assert pickle.loads(pickle.dumps(dataset)) == dataset
        assert not batches.prefetch_to_device("cpu").options().pin_memory

    def test_explain(self, torch, batches, capsys):
        batches.prefetch_to_device("cuda", 4).explain()
        assert "prefetch_to_device('cuda', 4): 4 elements in its memory" in capsys.readouterr().out

    def test_without_torch_the_error_names_the_extra(self, tmp_path):
        (tmp_path / "torch.py").write_text("raise ImportError('none')")
        program = (
            "import sys, headrace as hr\n"
            "for verb in (lambda d: d.as_torch(), lambda d: d.prefetch_to_device('cuda')):\n"
            "    try:\n        verb(hr.Dataset.range(3))\n"
            "    except ImportError as error:\n        print(error)\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(
                [str(tmp_path), os.environ.get("PYTHONPATH", "")])},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert result.stdout.count("pip install 'headrace[torch]'") == 2, result.stderr

    def test_torch_is_imported_by_these_verbs_only(self):
        program = (
            "import sys, headrace as hr; hr.BytesTensor; list(hr.Dataset.range(3)); "
            "print('torch' in sys.modules)"
        )
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
        )
        assert result.stdout == "False\n", result.stderr


class TestCopies:
    """One for each buffer."""

    def test_columns_of_one_buffer(self, torch, batches, monkeypatch):
        batch = next(iter(batches))
        arrays = [
            batch["number"], batch["vector"], batch["name"].offsets, batch["name"].data,
            np.arange(3), batch["vector"][2:5, 1], np.empty((0, 3)), torch.arange(2),
        ]  # fmt: skip
        moved = []
        original = torch.Tensor.to

        def to(self, *arguments, **options):
            moved.append(self.nbytes)
            return original(self, *arguments, **options).clone()

        monkeypatch.setattr(torch.Tensor, "to", to)
        tensors, owners = copied(arrays, torch.device("cpu"))
        assert len(moved) == len(owners) == 5  # the shared one, data, two arrays alone, the tensor
        for array, tensor in zip(arrays, tensors, strict=True):
            expected = array.numpy() if isinstance(array, torch.Tensor) else array
            assert bits(tensor.numpy()) == bits(expected)
            assert tensor.shape == expected.shape
        shared = {tensor.untyped_storage().data_ptr() for tensor in tensors[:3]}
        assert len(shared) == 1
        assert shared <= {owner.data_ptr() for owner in owners}


class _LateLane(lanes.Lane):
    """Copies that are made when they are allowed to, and say when they are done."""

    def __init__(self, device):
        super().__init__(device)
        self.copies = []

    def copy(self, element):
        copies = _LateCopies(element, [element])
        self.copies.append(copies)
        return copies


class _LateCopies(lanes.Copies):
    finished = False

    def done(self):
        return self.finished


class TestReadAhead:
    @pytest.fixture
    def lane(self, monkeypatch):
        lane = _LateLane(None)
        monkeypatch.setattr(deliver, "open_lane", lambda name, *, beside: lane)
        return lane

    def test_so_many_copies_are_ahead(self, torch, lane):
        asked = []
        dataset = hr.Dataset.range(10).map(lambda i: asked.append(i) or i)
        iterator = iter(dataset.prefetch_to_device("cpu", 3))
        for i in range(10):
            assert next(iterator) == i
            assert len(asked) == min(i + 4, 10)
            assert len(lane.copies) == len(asked)
        assert next(iterator, None) is None

    def test_it_does_not_wait_for_input_with_something_to_deliver(self, torch, lane, monkeypatch):
        ready = False
        iterator = iter(hr.Dataset.range(10).prefetch_to_device("cpu", 3))
        monkeypatch.setattr(type(iterator._stage._input), "ready", lambda self: ready)
        assert next(iterator) == 0
        assert len(lane.copies) == 1
        ready = True
        assert next(iterator) == 1
        assert len(lane.copies) == 5
        ready = False
        assert [next(iterator) for _ in range(4)] == [2, 3, 4, 5]
        assert len(lane.copies) == 6

    def test_sources_are_held_until_their_copies_are_done(self, torch, lane):
        iterator = iter(hr.Dataset.range(10).prefetch_to_device("cpu", 2))
        for _ in range(5):
            next(iterator)
        assert all(copies.sources for copies in lane.copies)
        for copies in lane.copies[:4]:
            copies.finished = True
        next(iterator)
        assert [bool(copies.sources) for copies in lane.copies] == [False] * 4 + [True] * 4

    def test_what_others_have_seen_is_not_said_to_be_copied(
        self, torch, lane, batches, monkeypatch
    ):
        said = []
        monkeypatch.setattr(deliver._core, "copies_done", said.append)
        identity = batches.map(lambda batch: batch)
        for dataset, ours in (
            (batches, True),
            (hr.Dataset.zip((batches, batches.take(5))), True),
            (identity, False),
            (hr.Dataset.zip((batches, identity)), False),
            (batches.concatenate(identity), False),
            (batches.cache(), False),
            (hr.Dataset.from_tensors(next(iter(batches))["vector"]), False),
        ):
            iterator = iter(dataset.prefetch_to_device("cpu", 2))
            next(iterator)
            for copies in lane.copies:
                copies.finished = True
            next(iterator, None)
            assert bool(said) == ours, dataset
            said.clear()
            lane.copies.clear()

    def test_states(self, torch, lane, batches):
        assert_resumes_everywhere(batches.prefetch_to_device("cpu", 3))
        assert_passes_are_independent(batches.prefetch_to_device("cpu", 3))


def test_streams(torch, monkeypatch):
    """What a GPU's streams are told, in which order."""
    told = []

    class Stream:
        def __init__(self, device, name="side"):
            self.name = name

        def wait_event(self, event):
            told.append(f"{self.name} waits for {event.where}")

        def record_event(self):
            told.append(f"event on {self.name}")

        def __enter__(self):
            told.append(f"within {self.name}")

        def __exit__(self, *_):
            told.append(f"out of {self.name}")

    class Event:
        def record(self, stream):
            self.where = stream.name
            told.append(f"event on {stream.name}")

        def query(self):
            return True

    class Owner:
        def record_stream(self, stream):
            told.append(f"memory used by {stream.name}")

    current = Stream(0, "current")
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)

    def copy(arrays, device):
        told.append(f"copy {len(arrays)} to {device}")
        return arrays, [Owner()]

    monkeypatch.setattr(lanes, "copied", copy)
    lane = lanes.open_lane("cuda", beside=True)
    copies = lane.copy({"a": np.arange(2), "b": np.arange(3)})
    current = Stream(0, "another")  # the consumer's, by then
    element = copies.deliver()
    assert list(element) == ["a", "b"]
    assert copies.done()
    assert len(copies.sources) == 2
    assert told == [
        "event on current",  # its context is made
        "within side",
        "copy 2 to cuda:0",
        "event on side",
        "out of side",
        "another waits for side",
        "memory used by another",
    ]
    told.clear()
    lanes.open_lane("cuda:1", beside=False).copy(np.arange(2))
    assert told == ["event on another", "copy 1 to cuda:1"]

"""as_jax, with real JAX on the CPU."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import headrace as hr
from data import SPEC, write_examples
from laws import assert_laws, assert_same_elements, bits, elements_of
from tensors import numpy_arguments, numpy_of


@pytest.fixture
def jax():
    return pytest.importorskip("jax", reason="needs JAX")


@pytest.fixture
def wide(jax):
    """Numbers of 64 bits stay what they are."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def batches(tmp_path):
    return hr.TFRecordDataset(write_examples(tmp_path, [30, 0, 25])).parse_example(SPEC).batch(8)


class TestValues:
    def test_a_batch(self, jax, wide, batches):
        batch, plain = next(iter(batches.as_jax())), next(iter(batches))
        assert isinstance(batch["number"], jax.Array)
        assert type(batch["name"]) is hr.BytesTensor
        assert type(batch["list"]) is hr.RaggedTensor
        assert batch["vector"].shape == (8, 3)
        assert_same_elements([numpy_of(batch)], [plain])

    def test_a_batch_is_a_pytree(self, jax, batches):
        batch = next(iter(batches.as_jax()))
        doubled = jax.jit(lambda columns: jax.tree.map(lambda array: array * 2, columns))(
            {key: batch[key] for key in ("number", "vector", "list")}
        )
        assert doubled["list"].values.tolist() == (batch["list"].values * 2).tolist()
        assert doubled["number"].tolist() == [2 * i for i in range(8)]

    def test_single_examples(self, jax, batches, tmp_path):
        dataset = hr.TFRecordDataset(write_examples(tmp_path, [3])).parse_example(SPEC)
        element = next(iter(dataset.as_jax()))
        assert element["number"].shape == ()
        assert element["name"] == b"record 0"

    @pytest.mark.parametrize(
        "dtype",
        "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 "
        "bfloat16 >f4 >i8".split(),
    )
    def test_every_dtype(self, jax, wide, dtype):
        ml_dtypes = pytest.importorskip("ml_dtypes")
        array = np.arange(12).reshape(3, 4).astype(getattr(ml_dtypes, dtype, dtype))
        (given,) = hr.Dataset.from_tensors(array).as_jax()
        assert bits(np.asarray(given)) == bits(array.astype(array.dtype.newbyteorder("=")))

    def test_tensors_of_another_library_stay(self, jax):
        torch = pytest.importorskip("torch", reason="needs PyTorch")
        element = (np.arange(3, dtype=np.float32), torch.arange(3))
        dataset = hr.Dataset.range(1).map(lambda _: element)
        array, tensor = next(iter(dataset.as_jax()))
        assert isinstance(array, jax.Array)
        assert tensor is element[1]
        for place in (None, "meta"):
            both = next(iter(dataset.map(lambda *_: (array, element[0])).as_torch(place)))
            assert both[0] is array
            assert isinstance(both[1], torch.Tensor)

    def test_arrays_that_are_kept_do_not_change(self, jax, batches):
        """Whether or not JAX looks at the same memory."""
        expected = [bits(batch["vector"]) for batch in batches] * 5
        kept = [batch["vector"] for batch in batches.as_jax().repeat(5)]
        assert [bits(np.asarray(vector)) for vector in kept] == expected


class TestNarrowNumbers:
    """Without jax_enable_x64."""

    def test_become_32_bits(self, jax):
        numbers = np.array([-(2**31), 2**31 - 1]), np.array([1.5])
        ((whole, real),) = hr.Dataset.from_tensors(numbers).as_jax()
        assert (whole.dtype, real.dtype) == (np.int32, np.float32)
        assert whole.tolist() == [-(2**31), 2**31 - 1]

    @pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63 - 1])
    def test_that_do_not_fit_are_an_error(self, jax, number):
        dataset = hr.Dataset.from_tensors(np.array([1, number])).as_jax()
        with pytest.raises(OverflowError, match="int64 numbers that do not fit int32"):
            next(iter(dataset))

    def test_unsigned(self, jax):
        (largest,) = hr.Dataset.from_tensors(np.array([2**32 - 1], np.uint64)).as_jax()
        assert largest.tolist() == [2**32 - 1]
        with pytest.raises(OverflowError, match="uint64"):
            next(iter(hr.Dataset.from_tensors(np.array([2**32], np.uint64)).as_jax()))


class TestLaws:
    @pytest.mark.parametrize(
        "chain",
        [lambda d: d.batch(8), lambda d: d.shuffle(10, seed=3).repeat(2).batch(8), lambda d: d],
        ids=["batches", "shuffled", "examples"],
    )
    @pytest.mark.parametrize("device", [None, "cpu"])
    def test_laws(self, jax, wide, tmp_path, chain, device):
        files = hr.TFRecordDataset(write_examples(tmp_path, [12, 0, 9]))
        plain = chain(files.parse_example(SPEC))
        dataset = plain.as_jax(device)
        assert dataset == plain.as_jax(device) != plain
        assert_same_elements(list(map(numpy_of, elements_of(dataset))), elements_of(plain))
        assert_laws(dataset.map(numpy_arguments))

    def test_states_are_those_of_the_chain_without_it(self, jax, wide, batches):
        expected = list(batches)
        with iter(batches) as first, iter(batches.as_jax()) as second:
            for _ in range(4):
                next(first)
            second.load_state_dict(first.state_dict())
            assert_same_elements(list(map(numpy_of, second)), expected[4:])


class TestArguments:
    def test_devices(self, jax, batches):
        device = jax.devices("cpu")[0]
        for name in ("cpu", "cpu:0", device):
            dataset = batches.as_jax(name)
            assert next(iter(dataset))["vector"].devices() == {device}
            assert pickle.loads(pickle.dumps(dataset)) == dataset
        assert "as_jax('cpu:0')" in repr(batches.as_jax(device))
        assert not batches.as_jax("cuda:1").options().pin_memory

    def test_refused(self, jax, batches):
        for device in ("", "cpu:", 3, ["cpu"]):
            with pytest.raises(ValueError, match=r"a device is a jax\.Device, or its name"):
                batches.as_jax(device)
        for device in ("nowhere", "cpu:7"):
            with pytest.raises(RuntimeError):
                next(iter(batches.as_jax(device)))
        with pytest.raises(TypeError, match=r"hold tensors; say as_jax behind it"):
            batches.as_jax().batch(2)
        with pytest.raises(TypeError, match="array of objects"):
            next(iter(hr.Dataset.from_tensors(np.array([b"a"], object)).map(np.asarray).as_jax()))

    def test_without_jax_the_error_names_the_extra(self, tmp_path):
        (tmp_path / "jax.py").write_text("raise ImportError('none')")
        program = (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            "import headrace as hr\n"
            "try:\n    hr.Dataset.range(3).as_jax()\n"
            "except ImportError as error:\n    print(error)\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
        )
        assert "pip install 'headrace[jax]'" in result.stdout, result.stderr

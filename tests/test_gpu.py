"""Page-locked batches and delivery on a real GPU, with PyTorch. What does not need one is tested in
test_page_locked.py and test_torch.py."""

import gc

import numpy as np
import pytest

import headrace as hr
from headrace import _core
from test_page_locked import SPEC, parts, write_examples
from test_torch import numpy_of

pytestmark = pytest.mark.gpu

ROWS, BATCH = 4000, 100
SLOW = 20_000_000  # cycles that a stream sleeps: some 10 ms


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    torch.cuda.init()
    return torch


@pytest.fixture(scope="module")
def dataset(torch, tmp_path_factory):
    """Of batches in page-locked memory."""
    torch.zeros(1, device="cuda")
    path = write_examples(tmp_path_factory.mktemp("records") / "a.tfrecord", ROWS)
    batches = hr.TFRecordDataset(path).parse_example(SPEC).batch(BATCH)
    return batches.with_options(hr.Options(pin_memory=True, threads=2, prefetch=2))


def on_host(element):
    """An element of tensors on a device as one of arrays."""
    if isinstance(element, tuple):
        items = map(on_host, element)
        return type(element)(*items) if hasattr(element, "_fields") else tuple(items)
    if isinstance(element, dict):
        return {key: on_host(value) for key, value in element.items()}
    return element.cpu() if hasattr(element, "cpu") else element


def same(batch, plain):
    pairs = zip(parts(numpy_of(on_host(batch))), parts(plain), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def test_torch_sees_the_memory_as_pinned(torch, dataset):
    with iter(dataset) as batches:
        for batch in batches:
            assert all(torch.from_numpy(batch[name]).is_pinned() for name in ("image", "label"))
        assert batches.stats()["memory"] == "page-locked"
    assert hr.build_info()["page_locked_memory"]


def test_reuse_waits_for_slow_copies(torch, dataset):
    """On several streams, arrays dropped at once, a small pool; every byte is compared. It fails
    where arrays do not lend their buffers (see owner_of in bindings/arrays.cc)."""
    streams = [torch.cuda.current_stream(), torch.cuda.Stream(), torch.cuda.Stream(priority=-1)]
    copies = []
    for _ in range(3):
        for i, batch in enumerate(dataset):
            with torch.cuda.stream(streams[i % 3]):
                if i % 4 == 0:
                    torch.cuda._sleep(SLOW)
                for array in (batch["image"], batch["label"], batch["tokens"].values):
                    tensor = torch.from_numpy(array)
                    copies.append((tensor.to("cuda", non_blocking=True), array.tobytes()))
                    del tensor, array
            del batch
    torch.cuda.synchronize()
    assert len(copies) == 3 * ROWS // BATCH * 3
    for copy, expected in copies:
        assert copy.cpu().numpy().tobytes() == expected


def test_the_pool_stops_growing(torch, dataset):
    for number in range(6):
        for batch in dataset:
            torch.from_numpy(batch["image"]).to("cuda", non_blocking=True)
            del batch
        torch.cuda.synchronize()
        if number == 2:
            before = _core.page_locked_memory()["registrations"]
    assert _core.page_locked_memory()["registrations"] <= before + 20


@pytest.mark.parametrize("buffer_size", [1, 2, 5])
def test_prefetch_to_device(torch, dataset, buffer_size):
    delivered = dataset.prefetch_to_device("cuda", buffer_size)
    streams = [torch.cuda.current_stream(), torch.cuda.Stream()]
    results = []
    with iter(delivered) as batches:
        while True:
            with torch.cuda.stream(streams[len(results) % 2]):
                batch = next(batches, None)
                if batch is None:
                    break
                torch.cuda._sleep(SLOW // 20)
                results.append({key: _twice(value) for key, value in batch.items()})
                del batch  # its memory may now be the next copy's, but not before it was read
    torch.cuda.synchronize()
    plain = list(dataset)
    assert len(results) == len(plain)
    for result, expected in zip(results, plain, strict=True):
        assert np.array_equal(result["image"].cpu().numpy(), expected["image"] * 2)
        assert np.array_equal(result["label"].cpu().numpy(), expected["label"] * 2)


def _twice(value):
    while isinstance(value, tuple):
        value = value[0]
    return value * 2


def test_delivered_batches_are_the_same(torch, dataset):
    for delivered in (dataset.prefetch_to_device("cuda"), dataset.as_torch("cuda")):
        results = list(delivered)
        assert all(map(same, results, list(dataset)))
        assert results[0]["label"].device.type == "cuda"
        # The columns of one buffer are one copy.
        a, b = (results[0][name].untyped_storage().data_ptr() for name in ("image", "label"))
        assert a == b


def test_a_graph_is_captured_while_batches_are_read(torch, dataset):
    weight = torch.ones(100, device="cuda")
    static = torch.zeros(BATCH, 100, device="cuda")
    for delivered in (dataset.prefetch_to_device("cuda"), dataset.as_torch("cuda")):
        with iter(delivered) as batches:
            static.copy_(next(batches)["image"])
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                result = (static * weight).sum(1)
            for batch in batches:
                static.copy_(batch["image"])
                graph.replay()
                assert torch.equal(result, batch["image"].sum(1))


def test_closing_and_forgetting_with_copies_under_way(torch, dataset):
    kept = []
    for _ in range(10):
        torch.cuda._sleep(SLOW)
        with iter(dataset.prefetch_to_device("cuda", 3)) as batches:
            kept.append(next(batches)["label"])
        iterator = iter(dataset.prefetch_to_device("cuda", 3))
        kept.append(next(iterator)["label"])
        del iterator
        gc.collect()
    assert all(torch.equal(label.cpu(), torch.arange(BATCH)) for label in kept)

"""Lane: where copies to a device run, and when they are done."""

from __future__ import annotations

from typing import Any

from .tensors import Leaf, copied, import_torch, in_place, leaves_of, rebuilt


class Copies:
    """Of one element to a device."""

    def __init__(self, element: Any, sources: list[Leaf]) -> None:
        self.element = element
        self.sources = sources  # the arrays that they read

    def done(self) -> bool:
        return True

    def deliver(self) -> Any:
        """The element, for the stream that is current now."""
        element, self.element = self.element, None
        return element


class Lane:
    """Copies that are done, or in the order of the current stream, when copy() returns."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def copy(self, element: Any) -> Copies:
        there, sources, _ = _on_device(element, self.device)
        return Copies(there, sources)


class _Here(Lane):
    """The host's own memory: nothing to copy."""

    def copy(self, element: Any) -> Copies:
        return Copies(in_place(element), [])


class _CudaCopies(Copies):
    def __init__(
        self, element: Any, sources: list[Leaf], owners: list[Any], event: Any, device: Any
    ) -> None:
        super().__init__(element, sources)
        self._owners, self._event, self._device = owners, event, device

    def done(self) -> bool:
        done: bool = self._event.query()
        return done

    def deliver(self) -> Any:
        current = import_torch().cuda.current_stream(self._device)
        current.wait_event(self._event)
        # The memory is the copying stream's: it must not go to its next copy before the stream that
        # reads it now has done so.
        for owner in self._owners:
            owner.record_stream(current)
        self._owners = []
        return super().deliver()


class _CudaLane(Lane):
    """A stream of its own, beside the current one."""

    def __init__(self, device: Any) -> None:
        super().__init__(device)
        self._torch = import_torch()
        self._stream = self._torch.cuda.Stream(device)

    def copy(self, element: Any) -> Copies:
        with self._torch.cuda.stream(self._stream):
            there, sources, owners = _on_device(element, self.device)
            event = self._torch.cuda.Event()
            event.record(self._stream)
        return _CudaCopies(there, sources, owners, event, self.device)


def open_lane(name: str, *, beside: bool) -> Lane:
    """Begins to use the device, in this thread. `beside`: copies run beside the current stream,
    where the device can do that."""
    torch = import_torch()
    device = torch.device(name)
    if device.type == "cpu":
        return _Here(device)
    if device.type != "cuda":
        return Lane(device)
    if device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    torch.cuda.current_stream(device).record_event()  # makes its context
    return _CudaLane(device) if beside else Lane(device)


def _on_device(element: Any, device: Any) -> tuple[Any, list[Leaf], list[Any]]:
    """The element there, the arrays that are copied, and the tensors that own its memory there."""
    kind = import_torch().Tensor
    sources = leaves_of(element, kind)
    tensors, owners = copied(sources, device)
    return rebuilt(element, kind, tensors), sources, owners

"""Columns as JAX arrays. JAX is imported when the first of these functions is called."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from .tensors import leaves_of, native, rebuilt


def _import_jax() -> Any:
    try:
        import jax
    except ImportError as error:
        raise ImportError("as_jax needs JAX: pip install 'headrace[jax]'") from error
    return jax


def device_name(device: Any) -> str | None:
    """Of a ``jax.Device``, or of what names one; devices themselves cannot be pickled."""
    jax = _import_jax()
    if isinstance(device, jax.Device):
        return f"{device.platform}:{device.id}"
    if device is None or (isinstance(device, str) and re.fullmatch(r"[a-z]+(:\d+)?", device)):
        return device
    raise ValueError(f'a device is a jax.Device, or its name like "cpu" or "gpu:1"; got {device!r}')


def device_called(name: str) -> Any:
    """The device. Raises RuntimeError if there is none."""
    jax = _import_jax()
    platform, _, number = name.partition(":")
    if not number:
        return jax.local_devices(backend=platform)[0]
    devices = jax.devices(platform)
    for device in devices:
        if device.id == int(number):
            return device
    raise RuntimeError(f"JAX has no device {name}; it has {', '.join(map(str, devices))}")


def on_device(element: Any, device: Any) -> Any:
    """The element with JAX arrays on the device, None: JAX's default, in place of its arrays and
    scalars. What JAX would make other integers of raises OverflowError."""
    jax = _import_jax()
    known = native if jax.config.jax_enable_x64 else _narrowed
    leaves = [
        known(leaf) if isinstance(leaf, np.ndarray) else leaf
        for leaf in leaves_of(element, jax.Array)
    ]
    return rebuilt(element, jax.Array, jax.device_put(leaves, device))


def _narrowed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """As JAX has it without jax_enable_x64."""
    array = native(array)
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8:
        return array
    narrow = array.astype(np.dtype(f"{array.dtype.kind}4"))
    if not np.array_equal(narrow, array):
        raise OverflowError(
            f"{array.dtype} numbers that do not fit {narrow.dtype}, which is all that JAX has "
            'unless it is told jax.config.update("jax_enable_x64", True)'
        )
    return narrow

"""Inputs and outputs bound before a run, in the shape of ONNX Runtime's."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError, ModelError
from weft.session.values import OrtValue, dtype_of, require_host

__all__ = ["IOBinding"]

_Run = Callable[[Sequence[str], Mapping[str, Any]], Sequence[NDArray[Any]]]


class IOBinding:
    """Inputs of a run, and places for its outputs.

    Parameters
    ----------
    inputs, outputs : sequence of str
        The model's.
    """

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]):
        self._names = tuple(inputs), tuple(outputs)
        self._inputs: dict[str, OrtValue] = {}
        self._places: dict[str, NDArray[Any] | None] = {}
        self._outputs: list[OrtValue] = []

    def bind_cpu_input(self, name: str, arr_on_cpu: NDArray[Any]) -> None:
        """Let input ``name`` be an array."""
        self.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(arr_on_cpu))

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        """Let input ``name`` be a value, as it is when the run begins."""
        _require(name, self._names[0], "input")
        self._inputs[name] = ortvalue

    def bind_input(
        self,
        name: str,
        device_type: str,
        device_id: int,
        element_type: Any,
        shape: Sequence[int],
        buffer_ptr: int,
    ) -> None:
        """Let input ``name`` be the memory at ``buffer_ptr``, which must stay there."""
        require_host(device_type)
        self.bind_ortvalue_input(name, OrtValue(_memory(buffer_ptr, element_type, shape)))

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,
        element_type: Any = None,
        shape: Sequence[int] | None = None,
        buffer_ptr: int | None = None,
    ) -> None:
        """Ask for output ``name``, in a new array or in the memory at ``buffer_ptr``."""
        require_host(device_type)
        _require(name, self._names[1], "output")
        if buffer_ptr is None:
            self._places[name] = None
        elif element_type is None or shape is None:
            raise ConfigError("memory for an output needs its element_type and shape")
        else:
            self._places[name] = _memory(buffer_ptr, element_type, shape)

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        """Ask for output ``name``, in the memory of ``ortvalue``."""
        _require(name, self._names[1], "output")
        self._places[name] = ortvalue.numpy()

    def run(self, run: _Run) -> None:
        """Have ``run`` compute what is bound.

        Raises
        ------
        ModelError
            If no output is bound, or one does not fit its place.
        """
        if not self._places:
            raise ModelError("no output is bound; bind_output asks for one")
        feeds = {name: value.numpy() for name, value in self._inputs.items()}
        results = run(list(self._places), feeds)
        self._outputs = []
        for (name, place), result in zip(self._places.items(), results, strict=True):
            if place is None:
                self._outputs.append(OrtValue(result))
                continue
            if place.dtype != result.dtype or place.shape != result.shape:
                raise ModelError(
                    f"output {name} is {result.dtype} {result.shape}, its place "
                    f"{place.dtype} {place.shape}"
                )
            place[...] = result
            self._outputs.append(OrtValue(place))

    def get_outputs(self) -> list[OrtValue]:
        """Return the outputs of the last run, in the order in which they were bound."""
        return list(self._outputs)

    def copy_outputs_to_cpu(self) -> list[NDArray[Any]]:
        """Return the outputs of the last run as arrays."""
        return [value.numpy().copy() for value in self._outputs]

    def clear_binding_inputs(self) -> None:
        """Forget the inputs."""
        self._inputs.clear()

    def clear_binding_outputs(self) -> None:
        """Forget the outputs."""
        self._places.clear()

    def synchronize_inputs(self) -> None:
        """Return: a run reads its inputs when it begins."""

    def synchronize_outputs(self) -> None:
        """Return: outputs are there when a run has ended."""


def _require(name: str, names: Sequence[str], kind: str) -> None:
    if name not in names:
        raise ModelError(f"the model has no {kind} {name!r}, only {', '.join(names)}")


def _memory(address: int, element_type: Any, shape: Sequence[int]) -> NDArray[Any]:
    """Return the memory at ``address`` as an array."""
    dtype = dtype_of(element_type)
    try:
        sizes = tuple(int(size) for size in shape)
    except (TypeError, ValueError):
        raise ConfigError(f"{shape!r} is no shape") from None
    if not address or any(size < 0 for size in sizes):
        raise ConfigError(f"there is no array of shape {shape!r} at address {address!r}")
    count = int(np.prod(sizes, dtype=np.int64)) * dtype.itemsize
    data = (ctypes.c_char * count).from_address(int(address))
    return np.frombuffer(memoryview(data), dtype).reshape(sizes)

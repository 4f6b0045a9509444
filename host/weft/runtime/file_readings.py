"""A model file as ONNX Runtime or LiteRT reads it. The importers have no part in it."""

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Runtime
from weft.runtime.runtimes import attempt, litert, onnx_runtime, open_interpreter, open_session

__all__ = ["Feeds", "LitertReading", "OnnxReading", "Reading"]

Feeds = Mapping[str, NDArray[Any]]
Signature = dict[str, tuple[Any, tuple[int | None, ...]]]
_PURPOSE = "the comparison with a runtime"


class Reading(Protocol):
    """A model in its runtime."""

    name: str

    def inputs(self, names: Sequence[str]) -> Signature:
        """Return dtype and shape of each input, in the file's order.

        None stands for a dimension that the file leaves open. ``names`` are what this package calls
        the inputs, where names in the file need not differ.
        """
        ...

    def run(self, feeds: Feeds) -> list[NDArray[Any]]:
        """Return all outputs for ``feeds``, both in the file's order."""
        ...

    def reset(self) -> None:
        """Let the next call be the first one."""
        ...


class OnnxReading:
    """A model in ONNX Runtime."""

    def __init__(self, data: bytes, model: str, runtime: Runtime):
        self._runtime = onnx_runtime(_PURPOSE)
        self.name = f"ONNX Runtime {self._runtime.__version__}"
        self._data, self._model, self._opened = data, model, None
        self._unsigned = runtime == Runtime.ONNXRUNTIME_UINT8

    @property
    def _session(self) -> Any:
        if self._opened is None:
            self._opened = open_session(
                self._runtime, self._data, self._model, 1, unsigned=self._unsigned
            )
        return self._opened

    def inputs(self, names: Sequence[str]) -> Signature:
        """Return dtype and shape of each input."""
        kinds = {"float": "float32", "double": "float64"}
        found = {}
        for value in self._session.get_inputs():
            kind = value.type.removeprefix("tensor(").removesuffix(")")
            shape = tuple(d if isinstance(d, int) and d > 0 else None for d in value.shape)
            found[value.name] = np.dtype(kinds.get(kind, kind)), shape
        return found

    def run(self, feeds: Feeds) -> list[NDArray[Any]]:
        """Return all outputs for ``feeds``."""
        return [*map(np.asarray, attempt(self._model, self._session.run, None, dict(feeds)))]

    def reset(self) -> None:
        """Do nothing: it keeps nothing from one call to the next."""


class LitertReading:
    """A model in LiteRT."""

    def __init__(self, data: bytes, model: str, runtime: Runtime):
        self._runtime = litert(_PURPOSE)
        self.name = f"LiteRT {metadata.version('ai-edge-litert')}"
        self._data, self._model, self._bits = data, model, runtime
        self._opened = None

    @property
    def _interpreter(self) -> Any:
        if self._opened is None:
            self._opened = open_interpreter(self._runtime, self._data, self._model, self._bits)
        return self._opened

    def inputs(self, names: Sequence[str]) -> Signature:
        """Return dtype and shape of each input."""
        details = self._interpreter.get_input_details()
        return {
            name: (np.dtype(d["dtype"]), tuple(map(int, d["shape"])))
            for name, d in zip(names, details, strict=True)
        }

    def run(self, feeds: Feeds) -> list[NDArray[Any]]:
        """Return all outputs for ``feeds``."""
        interpreter = self._interpreter
        try:
            for detail, array in zip(interpreter.get_input_details(), feeds.values(), strict=True):
                interpreter.set_tensor(detail["index"], array)
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"LiteRT cannot run {self._model}: {error}") from error
        return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]

    def reset(self) -> None:
        """Let the next call be the first one."""
        self._opened = None

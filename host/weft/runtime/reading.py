"""A model file as its own runtime reads it, and how results of this package differ from that."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Graph, Runtime
from weft.graph.signature import join_images
from weft.importers import read_model
from weft.runtime.runtimes import attempt, litert, onnx_runtime, open_interpreter, open_session

__all__ = ["Difference", "Reading", "SecondReading", "open_reading"]

Arrays = dict[str, NDArray[Any]]
Feeds = Mapping[str, NDArray[Any]]
Signature = dict[str, tuple[Any, tuple[int | None, ...]]]
_SMALL = 8
_PURPOSE = "the comparison with a runtime"


@dataclass(frozen=True)
class Difference:
    """One output that differs from the runtime's; ``str`` of it is a sentence.

    Parameters
    ----------
    output, runtime : str
    values, size : int
        How many values differ, and of how many.
    largest : float or None
        Greatest difference; None where shapes or types differ, or a value is not finite.
    position : tuple of int, or None
        Index of the first value that differs.
    detail : str
        What is there, and what the runtime has instead.
    island : bool
        Whether the rule of float islands explains it: such a layer lies before the output, and no
        difference is greater than an eighth of the range of the runtime's values.
    """

    output: str
    runtime: str
    values: int
    size: int
    largest: float | None
    position: tuple[int, ...] | None
    detail: str
    island: bool = False

    def __str__(self) -> str:
        if self.position is None:
            return f"output {self.output} is {self.detail} in {self.runtime}"
        largest = "" if self.largest is None else f", by {self.largest:g} at most"
        return (
            f"output {self.output} differs from {self.runtime} in {self.values:,} of "
            f"{self.size:,} values{largest}, first at {list(self.position)}: {self.detail}"
            + ("; a float island lies before it" if self.island else "")
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)


class Reading(Protocol):
    """A model in its runtime. The importer has no part in it."""

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


def open_reading(model: Path | bytes, rounding: str | None) -> "SecondReading":
    """Return the reading of ``model`` by the runtime whose bits ``rounding`` names.

    The runtime sees the model when :meth:`SecondReading.compare` is called first.

    Raises
    ------
    ModelError
        If the runtime is not installed, or ``rounding`` is none of the file's runtime.
    """
    data, name, source = read_model(model)
    tflite = data[4:8] == b"TFL3"
    usual = Runtime.REFERENCE if tflite else Runtime.ONNXRUNTIME
    runtime = usual if rounding is None else Runtime.named(rounding)
    if runtime.is_onnx == tflite:
        raise ModelError(f"no runtime reads {source} with rounding {runtime}")
    return SecondReading((_Litert if tflite else _OnnxRuntime)(data, name, runtime))


class SecondReading:
    """Compares results with a runtime's.

    Attributes
    ----------
    runtime : str
        Its name and version.
    """

    def __init__(self, reading: Reading):
        self._reading, self.runtime = reading, reading.name

    def reset(self) -> None:
        """Let the next call be the first one."""
        self._reading.reset()

    def compare(
        self, graph: Graph, feeds: Feeds, results: Sequence[NDArray[Any]]
    ) -> list[Difference]:
        """Return how ``results``, the graph's outputs for ``feeds``, differ from the runtime's.

        Raises
        ------
        ModelError
            If the runtime refuses the model or ``feeds``, or has another number of outputs.
        """
        runs = [self._reading.run(feed) for feed in self._calls(graph, feeds)]
        if len(runs[0]) != len(results):
            raise ModelError(f"{self.runtime} gives {len(runs[0])} outputs, not {len(results)}")
        found, behind = [], graph.behind_islands()
        for index, (name, result) in enumerate(zip(graph.outputs, results, strict=True)):
            expected = join_images(graph, name, [run[index] for run in runs])
            difference = _difference(name, self.runtime, np.asarray(result), expected)
            if difference is not None:
                small = name in behind and _is_small(difference.largest, expected)
                found.append(replace(difference, island=small))
        return found

    def _calls(self, graph: Graph, feeds: Feeds) -> list[Arrays]:
        """Return ``feeds`` in batches of the size that the file declares."""
        wanted = self._reading.inputs(graph.inputs)
        known = {name: feeds[name] for name in wanted if name in feeds}
        sizes = {size for name in known for size in wanted[name][1][:1] if size is not None}
        counts = {len(array) for array in known.values() if array.ndim}
        parts = 1
        if len(sizes) == len(counts) == 1 and sizes != counts:
            [size], [count] = sizes, counts
            if count % size:
                raise ModelError(f"{self.runtime} takes a batch of {size}, not {count}")
            parts = count // size
        # The runtime wants what no layer reads, too.
        for name, (dtype, shape) in wanted.items():
            if name not in known:
                first = shape[0] if shape and shape[0] else max(counts, default=1) // parts
                rest = [size or 1 for size in shape[1:]]
                whole = (first * parts, *rest) if shape else ()
                known[name] = np.zeros(whole, dtype)
        split = {name: np.split(a, parts) if a.ndim else [a] * parts for name, a in known.items()}
        return [{name: split[name][index] for name in wanted} for index in range(parts)]


def _difference(
    name: str, runtime: str, result: NDArray[Any], expected: NDArray[Any]
) -> Difference | None:
    if result.shape != expected.shape or result.dtype != expected.dtype:
        detail = " and not ".join(
            f"{array.dtype} {'x'.join(map(str, array.shape)) or 'scalar'}"
            for array in (result, expected)
        )
        size = max(result.size, expected.size)
        return Difference(name, runtime, size, size, None, None, f"{detail}, as")
    with np.errstate(invalid="ignore"):
        differs = ~((result == expected) | ((result != result) & (expected != expected)))
    if not differs.any():
        return None
    first = np.unravel_index(int(differs.argmax()), differs.shape)
    here, there = (array[differs].astype(np.float64) for array in (result, expected))
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(here - there).max())
    return Difference(
        name,
        runtime,
        int(differs.sum()),
        result.size,
        largest if np.isfinite(largest) else None,
        tuple(int(i) for i in first),
        f"{result[first]} and not {expected[first]}",
    )


def _is_small(largest: float | None, expected: NDArray[Any]) -> bool:
    """Whether one-step differences inside of a network can grow to ``largest`` at an output."""
    return largest is not None and largest <= float(np.ptp(expected.astype(np.float64))) / _SMALL


class _OnnxRuntime:
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
        kinds = {"float": "float32", "double": "float64"}
        found = {}
        for value in self._session.get_inputs():
            kind = value.type.removeprefix("tensor(").removesuffix(")")
            shape = tuple(d if isinstance(d, int) and d > 0 else None for d in value.shape)
            found[value.name] = np.dtype(kinds.get(kind, kind)), shape
        return found

    def run(self, feeds: Feeds) -> list[NDArray[Any]]:
        return [*map(np.asarray, attempt(self._model, self._session.run, None, dict(feeds)))]

    def reset(self) -> None:
        """Do nothing: it keeps nothing from one call to the next."""


class _Litert:
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
        details = self._interpreter.get_input_details()
        return {
            name: (np.dtype(d["dtype"]), tuple(map(int, d["shape"])))
            for name, d in zip(names, details, strict=True)
        }

    def run(self, feeds: Feeds) -> list[NDArray[Any]]:
        interpreter = self._interpreter
        try:
            for detail, array in zip(interpreter.get_input_details(), feeds.values(), strict=True):
                interpreter.set_tensor(detail["index"], array)
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"LiteRT cannot run {self._model}: {error}") from error
        return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]

    def reset(self) -> None:
        self._opened = None

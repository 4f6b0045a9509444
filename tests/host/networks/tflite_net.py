"""A .tflite model of a few operators, and its comparison with LiteRT's reference kernels."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from weft.golden import run as reference
from weft.importers.tflite.walk import import_tflite

from networks.litert import reference_interpreter, xnnpack_interpreter
from networks.tflite_writer import Writer

__all__ = ["SEED", "Net"]

SEED = 29
QParams = tuple[float, int]
TYPES = {  # by the schema's numbers
    0: np.float32,
    2: np.int32,
    3: np.uint8,
    4: np.int64,
    6: np.bool_,
    7: np.int16,
    9: np.int8,
}


class Net:
    """Grows a model tensor by tensor; ``dtype`` is the type of its activations."""

    def __init__(self, dtype: Any = np.int8):
        self.writer, self.dtype = Writer(), np.dtype(dtype)
        self.inputs: list[int] = []
        self._names = 0

    def tensor(self, shape, step: QParams | None = None, *, data=None, dtype: Any = None) -> int:
        """Add an activation, or a constant; ``step`` is scale and zero point."""
        dtype = dtype or (self.dtype if data is None else np.asarray(data).dtype)
        self._names += 1
        scales, zero_points = ([step[0]], [step[1]]) if step else (None, ())
        return self.writer.tensor(f"t{self._names}", shape, dtype, scales, zero_points, data=data)

    def input(self, shape, step: QParams | None = (0.05, -3), *, dtype: Any = None) -> int:
        """Add an input of the graph."""
        self.inputs.append(self.tensor(shape, step, dtype=dtype))
        return self.inputs[-1]

    def constant(self, data, step: QParams | None = None) -> int:
        """Add a constant of the array's type."""
        data = np.asarray(data)
        return self.tensor(data.shape, step, data=data)

    def weights(self, data, scales, zero_points=None, axis=0) -> int:
        """Add weights with a scale for each channel."""
        self._names += 1
        zero_points = [0] * len(scales) if zero_points is None else zero_points
        return self.writer.tensor(
            f"t{self._names}", data.shape, data.dtype, scales, zero_points, axis, data
        )

    def op(self, name: str, inputs, outputs, options: str = "", **fields: Any):
        """Add an operator; ``outputs`` is a tensor or a list of them, and is returned."""
        table: Any = getattr(schema, options + "T")() if options else None
        for field, value in fields.items():
            assert hasattr(table, field), field
            setattr(table, field, value)
        self.writer.operator(name, inputs, outputs, table, options)
        return outputs

    def bytes(self, outputs) -> bytes:
        self.writer.graph.inputs = self.inputs
        self.writer.graph.outputs = outputs if isinstance(outputs, list) else [outputs]
        return self.writer.bytes()

    def feeds(self, seed: int = SEED) -> list[np.ndarray]:
        """Return random inputs that reach every value."""
        rng = np.random.default_rng(seed)
        found = []
        for index in self.inputs:
            tensor = self.writer.graph.tensors[index]
            dtype = TYPES[tensor.type]
            if dtype is np.float32:
                found.append(rng.normal(size=tensor.shape).astype(dtype))
            else:
                low, high = (
                    (0, 2)
                    if dtype is np.bool_
                    else (np.iinfo(dtype).min, int(np.iinfo(dtype).max) + 1)
                )
                found.append(rng.integers(low, high, tensor.shape).astype(dtype))
        return found

    def differences(
        self, outputs, *, calls: int = 1, rounding: str = "reference", feeds=None
    ) -> int:
        """Return how many output values differ from LiteRT's in some successive calls."""
        return self.compare(outputs, calls=calls, rounding=rounding, feeds=feeds)[0]

    def compare(
        self, outputs, *, calls: int = 1, rounding: str = "reference", feeds=None, counted=False
    ) -> tuple[int, int]:
        """Return how many output values differ from LiteRT's in some calls, and of how many.

        Of four outputs of detection only as many rows as it found are compared if ``counted``:
        LiteRT leaves the others as its memory happens to be.
        """
        data = self.bytes(outputs)
        make = reference_interpreter if rounding == "reference" else xnnpack_interpreter
        interpreter = make(data)
        graph = import_tflite(data, "one", rounding)
        details = interpreter.get_input_details()
        found, compared, states = 0, 0, reference.initial_states(graph)
        for call in range(calls):
            arrays = self.feeds(SEED + call) if feeds is None else feeds
            for detail, array in zip(details, arrays, strict=True):
                interpreter.set_tensor(detail["index"], array)
            interpreter.invoke()
            values = reference.run(graph, dict(zip(graph.inputs, arrays, strict=True)), states)
            states = reference.next_states(graph, values)
            rows = slice(int(values[graph.outputs[3]][0]) if counted else None)
            for name, detail in zip(graph.outputs, interpreter.get_output_details(), strict=True):
                expected, actual = interpreter.get_tensor(detail["index"]), values[name]
                if counted and expected.ndim > 1:
                    expected, actual = expected[:, rows], actual[:, rows]
                assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
                found += int(np.count_nonzero(actual != expected))
                compared += expected.size
        return found, compared

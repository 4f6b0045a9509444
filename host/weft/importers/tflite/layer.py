"""One operator of the file on its way into the graph form."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Node, Quantization, Runtime, Tensor
from weft.importers.tflite.flatbuffer import Operator
from weft.importers.tflite.table import Options, unread
from weft.importers.tflite.tensors import RawTensor

__all__ = ["Layer"]


class Layer:
    """Reads one operator, and collects the nodes and further tensors that it becomes.

    Parameters
    ----------
    name : str
        Of the layer; nodes that it is made of are named after it.
    operator : Operator
    tensors : tuple of RawTensor
        Of the subgraph, uint8 ones as int8.
    unsigned : set of str
        Names of the tensors that are uint8 in the file.
    runtime : Runtime
        Whose bits the graph reproduces.
    """

    def __init__(
        self,
        name: str,
        operator: Operator,
        tensors: tuple[RawTensor, ...],
        unsigned: set[str],
        runtime: Runtime,
    ):
        self.name, self.operator, self.runtime = name, operator, runtime
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self._all, self._unsigned = tensors, unsigned
        self._read: set[str] = set()

    def require_known_weights(self) -> None:
        """Refuse weights of 4 bits with XNNPACK, which leaves them to kernels that round otherwise.

        Raises
        ------
        ModelError
            If there are any.
        """
        read = [self._all[i] for i in self.operator.inputs if i >= 0]
        if self.runtime == Runtime.XNNPACK and any(x.type_name == "INT4" for x in read):
            raise ModelError(
                f"{self.kind} with weights of 4 bits is supported with --rounding reference alone"
            )

    @property
    def kind(self) -> str:
        """The operator's name in TFLite's schema."""
        return self.operator.name

    def has(self, position: int) -> bool:
        """Whether there is an input at ``position``."""
        inputs = self.operator.inputs
        return position < len(inputs) and inputs[position] >= 0

    def input(self, position: int = 0) -> RawTensor:
        """Return an input tensor."""
        if not self.has(position):
            raise ModelError(f"input {position} of {self.kind} is missing")
        return self._all[self.operator.inputs[position]]

    def names(self, count: int | None = None) -> tuple[str | None, ...]:
        """Return the names of the first ``count`` inputs, None for one that is absent."""
        inputs = self.operator.inputs[:count]
        return tuple(self._all[i].name if i >= 0 else None for i in inputs)

    def intermediate(self, position: int) -> RawTensor:
        """Return a tensor that says how values inside the operator are quantised."""
        if position >= len(self.operator.intermediates):
            raise ModelError(f"{self.kind} does not say how its values inside are quantised")
        return self._all[self.operator.intermediates[position]]

    def constant(self, position: int) -> NDArray[Any]:
        """Return the values of a constant input."""
        data = self.input(position).data if self.has(position) else None
        if data is None:
            raise ModelError(f"input {position} of {self.kind} must be a constant")
        return data

    def integers(self, position: int) -> tuple[int, ...]:
        """Return the values of a constant input of integers."""
        data = self.constant(position)
        if data.dtype not in (np.int32, np.int64):
            raise ModelError(f"input {position} of {self.kind} must be integers, not {data.dtype}")
        return tuple(int(value) for value in data.reshape(-1))

    def axis(self, axis: int, rank: int) -> int:
        """Return a dimension counted from the front."""
        if not -rank <= axis < rank:
            raise ModelError(f"{self.kind} cannot run along dimension {axis} of {rank}")
        return axis % rank

    @property
    def outputs(self) -> tuple[RawTensor, ...]:
        """All output tensors."""
        if not self.operator.outputs or min(self.operator.outputs) < 0:
            raise ModelError(f"{self.kind} must have inputs and outputs")
        return tuple(self._all[i] for i in self.operator.outputs)

    @property
    def output(self) -> RawTensor:
        """The only output tensor."""
        if len(self.outputs) != 1:
            raise ModelError(f"{self.kind} must have inputs and one output")
        return self.outputs[0]

    def require_shape(self, output: RawTensor, shape: Sequence[int]) -> None:
        """Refuse an output of another shape than LiteRT gives it, whatever the file says."""
        if output.shape != tuple(shape):
            raise ModelError(
                f"the file gives an output of {self.kind} shape {output.shape}, but it must be "
                f"{tuple(shape)}"
            )

    def options(self, kind: str) -> Options:
        """Return the operator's options, which must be of ``kind``."""
        options = Options(self.operator, kind)
        self._read = options.read
        return options

    def optional(self, kind: str) -> Options | None:
        """Return the operator's options; None where the file has none."""
        return None if self.operator.options is None else self.options(kind)

    def finish(self) -> None:
        """Raise :class:`ModelError` where an option was left unread."""
        if fields := unread(self.operator, self._read):
            raise ModelError(f"option {fields[0]} of {self.kind} is not supported")

    def is_unsigned(self, tensor: RawTensor) -> bool:
        """Whether ``tensor`` is uint8 in the file."""
        return tensor.name in self._unsigned

    def emit(
        self,
        operator: str,
        inputs: tuple[str | None, ...],
        output: str | None = None,
        outputs: tuple[str, ...] = (),
        **attributes: Any,
    ) -> None:
        """Add a node; the last one of a layer has the layer's name.

        ``outputs`` come behind ``output``.
        """
        output = self.output.name if output is None else output
        if output in self._unsigned:
            attributes["unsigned"] = True
        last = output in {tensor.name for tensor in self.outputs[:1]}
        name = self.name if last else f"{self.name}/{len(self.nodes)}"
        self.nodes.append(Node(operator, name, inputs, (output, *outputs), attributes))

    def add(
        self,
        shape: tuple[int, ...],
        quantization: Quantization | None = None,
        data: NDArray[Any] | None = None,
        dtype: Any = np.int8,
    ) -> str:
        """Add a tensor between the nodes of the layer, or a constant, and return its name."""
        name = f"{self.output_name}/{len(self.tensors)}"
        while any(tensor.name == name for tensor in self._all):
            name += "#"
        self.tensors[name] = Tensor(name, tuple(shape), np.dtype(dtype), quantization, data)
        return name

    def shape_output(self, output: RawTensor, shape: tuple[int, ...]) -> None:
        """Give a float32 output the shape that LiteRT gives it, whatever the file says."""
        self.tensors[output.name] = Tensor(output.name, shape, np.dtype(np.float32))

    @property
    def output_name(self) -> str:
        """Name of the first output tensor."""
        return self.outputs[0].name

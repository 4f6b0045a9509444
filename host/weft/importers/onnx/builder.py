"""Collects nodes and tensors of the graph form, and converts between ONNX's layout and NHWC."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import OPERATORS, REAL, Graph, Node, Quantization, Runtime, Tensor
from weft.importers.onnx.reals import Reals
from weft.importers.onnx.values import Activation, QParams

__all__ = ["Builder", "nhwc_shape"]

_INT8 = np.dtype(np.int8)


def nhwc_shape(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return NHWC dimensions of ONNX's NCHW or NCL."""
    if len(shape) == 4:
        return shape[0], shape[2], shape[3], shape[1]
    if len(shape) == 3:
        return shape[0], 1, shape[2], shape[1]
    raise ModelError(f"shape {shape} is not an image's")


class Builder:
    """Grows the graph node by node."""

    def __init__(self, name: str, runtime: Runtime):
        self._name, self._runtime = name, runtime
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.renamed: dict[str, str] = {}
        self._node_names: set[str] = set()
        self._converted: dict[tuple[str, str], Activation] = {}
        self.reals = Reals(self.renamed)

    def graph(self, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Graph:
        """Return what was collected, constants that nothing reads left out."""
        used = {t for node in self.nodes for t in (*node.inputs, *node.outputs)}
        used.update(inputs, outputs)
        tensors = {name: tensor for name, tensor in self.tensors.items() if name in used}
        return Graph(self._name, tuple(self.nodes), tensors, inputs, outputs, self._runtime)

    def unique(self, name: str) -> str:
        """Return ``name``, or a variant of it that no tensor has yet."""
        candidate, count = name, 1
        while candidate in self.tensors:
            count += 1
            candidate = f"{name}#{count}"
        return candidate

    def add_tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: Any,
        quantization: Quantization | None = None,
        data: NDArray[Any] | None = None,
    ) -> str:
        """Add a tensor and return its name, made unique."""
        name = self.unique(name)
        self.tensors[name] = Tensor(name, tuple(shape), np.dtype(dtype), quantization, data)
        return name

    def constant(
        self, name: str, data: NDArray[Any], quantization: Quantization | None = None
    ) -> str:
        """Add a constant and return its name."""
        data = np.array(data, order="C")
        return self.add_tensor(name, data.shape, data.dtype, quantization, data)

    def emit(
        self,
        operator: str,
        name: str,
        inputs: tuple[str | None, ...],
        output: str,
        attributes: Mapping[str, Any] | None = None,
        *,
        qparams: QParams | None = None,
        dtype: Any = None,
        shape: tuple[int, ...] | None = None,
    ) -> str:
        """Add a node with one output and return that tensor's name.

        The output is int8 where it has a ``qparams``, else real, unless ``dtype`` says otherwise.
        Its shape follows from the operator unless ``shape`` gives it.
        """
        if dtype is None:
            dtype = _INT8 if qparams is not None else REAL
        label, count = name, 1
        while label in self._node_names:
            count += 1
            label = f"{name}#{count}"
        self._node_names.add(label)
        output = self.unique(output)
        quantization = qparams.quantization if qparams is not None else None
        node = Node(operator, label, inputs, (output,), attributes or {})
        if shape is None:
            probe = Graph(self._name, (), self.tensors, (), (), self._runtime)
            shape = OPERATORS[operator].shape(probe, node)
        self.tensors[output] = Tensor(output, tuple(shape), np.dtype(dtype), quantization)
        self.nodes.append(node)
        return output

    def free(self, name: str) -> None:
        """Give the tensor called ``name``, if there is one, another name."""
        if name not in self.tensors:
            return
        new = self.renamed[name] = self.unique(f"{name}/inner")
        self.tensors = {
            new if key == name else key: replace(tensor, name=new) if key == name else tensor
            for key, tensor in self.tensors.items()
        }
        self.nodes = [
            replace(
                node,
                inputs=tuple(new if x == name else x for x in node.inputs),
                outputs=tuple(new if x == name else x for x in node.outputs),
            )
            for node in self.nodes
        ]
        self._converted = {
            (new if key[0] == name else key[0], key[1]): replace(value, tensor=new)
            if value.tensor == name
            else value
            for key, value in self._converted.items()
        }

    def named(self, tensor: str, name: str) -> str:
        """Return a tensor called ``name`` with the values of ``tensor``."""
        if tensor == name:
            return name
        self.free(name)
        found = self.tensors[tensor]
        return self.emit(
            "RESHAPE",
            name,
            (tensor,),
            name,
            dtype=found.dtype,
            shape=found.shape,
            qparams=None
            if found.quantization is None
            else QParams(found.quantization.scale[0], int(found.quantization.zero_point[0]), False),
        )

    def quantized(self, value: Activation, qparams: QParams, name: str, output: str) -> Activation:
        """Return ``value`` quantised by ``qparams``, if need be by a node that makes ``output``."""
        if value.qparams is not None and (
            value.qparams.scale == qparams.scale and value.qparams.zero_point == qparams.zero_point
        ):
            return replace(value, qparams=qparams)
        if value.qparams is None and self.tensors[value.tensor].dtype not in (np.float32, REAL):
            raise ModelError("QuantizeLinear of integers is not supported")
        attributes = {"unsigned": qparams.unsigned}
        tensor = self.emit("QUANTIZE", name, (value.tensor,), output, attributes, qparams=qparams)
        return replace(value, tensor=tensor, qparams=qparams)

    def as_nchw(self, value: Activation) -> Activation:
        """Return what lies in the order (N, H, W, C) or (N, L, C) as an image of ONNX's order."""
        rank = len(value.shape)
        if rank not in (3, 4):
            raise ModelError(f"an image must have 3 or 4 dimensions, not {value.shape}")
        value = self.plain(value)
        if rank == 3:
            batch, length, channels = value.shape
            value = self.reshaped(value, (batch, 1, length, channels), f"{value.tensor}/n1lc")
        batch, *sizes, channels = value.shape
        shape = (batch, channels, *sizes[-2 if rank == 4 else -1 :])
        return replace(value, shape=shape, layout="channels_last")

    def as_nhwc(self, value: Activation, output: str) -> Activation:
        """Return an image of ONNX's order in the order of :meth:`as_nchw`'s operand."""
        shape = self.tensors[value.tensor].shape
        plain = replace(value, shape=shape, layout="plain")
        if len(value.shape) == 4:
            return plain
        return self.reshaped(plain, (shape[0], *shape[2:]), output)

    def channels_last(self, value: Activation) -> Activation:
        """Return ``value`` (3 or 4 dimensions) with its channels last."""
        if value.layout == "channels_last":
            return value
        if value.layout != "plain" or len(value.shape) not in (3, 4):
            raise ModelError(f"an image must have 3 or 4 dimensions, not {value.shape}")
        key = (value.tensor, "channels_last")
        if key not in self._converted:
            permutation = (0, 2, 3, 1) if len(value.shape) == 4 else (0, 2, 1)
            tensor = self._transpose(value, permutation, f"{value.tensor}/nhwc")
            if len(value.shape) == 3:
                shape = nhwc_shape(value.shape)
                tensor = self._reshape(tensor, shape, f"{value.tensor}/n1lc", value.qparams)
            self._converted[key] = replace(value, tensor=tensor, layout="channels_last")
        return self._converted[key]

    def plain(self, value: Activation) -> Activation:
        """Return ``value`` in ONNX's order of dimensions."""
        if value.layout == "plain":
            return value
        key = (value.tensor, f"plain {value.shape}")
        if key not in self._converted:
            shape = self.tensors[value.tensor].shape
            tensor = value.tensor
            # Nothing moves where there is one pixel or one channel.
            if shape[1] * shape[2] > 1 and shape[3] > 1:
                tensor = self._transpose(value, (0, 3, 1, 2), f"{tensor}/nchw")
            if self.tensors[tensor].shape != value.shape:
                tensor = self._reshape(tensor, value.shape, f"{tensor}/plain", value.qparams)
            self._converted[key] = replace(value, tensor=tensor, layout="plain")
        return self._converted[key]

    def reshaped(self, value: Activation, shape: tuple[int, ...], name: str) -> Activation:
        """Return ``value`` with another shape; ``value`` must be plain."""
        tensor = self._reshape(value.tensor, shape, name, value.qparams)
        return Activation(tensor, shape, "plain", value.qparams)

    def transposed(
        self, value: Activation, permutation: tuple[int, ...], name: str, output: str
    ) -> Activation:
        """Return ``value`` with the dimensions that ONNX counts in another order."""
        plain = self.plain(value)
        if permutation == tuple(range(len(permutation))):
            return plain
        attributes = {"permutation": permutation}
        dtype = self.tensors[plain.tensor].dtype
        tensor = self.emit(
            "TRANSPOSE",
            name,
            (plain.tensor,),
            output,
            attributes,
            qparams=value.qparams,
            dtype=dtype,
        )
        shape = tuple(value.shape[axis] for axis in permutation)
        return replace(value, tensor=tensor, shape=shape, layout="plain")

    def _transpose(self, value: Activation, permutation: tuple[int, ...], name: str) -> str:
        dtype = self.tensors[value.tensor].dtype
        return self.emit(
            "TRANSPOSE",
            name,
            (value.tensor,),
            name,
            {"permutation": permutation},
            qparams=value.qparams,
            dtype=dtype,
        )

    def _reshape(
        self, tensor: str, shape: tuple[int, ...], name: str, qparams: QParams | None
    ) -> str:
        dtype = self.tensors[tensor].dtype
        return self.emit(
            "RESHAPE", name, (tensor,), name, qparams=qparams, dtype=dtype, shape=shape
        )

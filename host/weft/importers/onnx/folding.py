"""Computes at import what depends on constants alone, by the evaluator of the ``onnx`` package.

It works in NumPy. Only operators are left to it whose result does not depend on the order or the
approximation in which ONNX Runtime computes them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.values import (
    Activation,
    Constant,
    QuantizedConstant,
    Value,
    float32_of,
    type_name,
)

__all__ = ["FOLDED", "Folder"]

# These only move numbers, so that weights keep their quantisation.
_MOVED = (
    "Concat",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
)
FOLDED = (
    *_MOVED,
    "Abs",
    "Add",
    "Cast",
    "Ceil",
    "Clip",
    "Constant",
    "ConstantOfShape",
    "Div",
    "Dropout",
    "Equal",
    "Floor",
    "Greater",
    "Less",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Not",
    "Pad",
    "QuantizeLinear",
    "Range",
    "Reciprocal",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "Relu",
    "Round",
    "Shape",
    "Sign",
    "Size",
    "Sqrt",
    "Sub",
    "Where",
)
_MOST = 1 << 28  # elements that one model may compute
_FINE = 1024  # elements of a result that no shape inference vouches for


class Folder:
    """Evaluates the nodes of one model.

    Parameters
    ----------
    opsets : mapping from str to int
        Versions of the domains that the model imports.
    """

    def __init__(self, opsets: dict[str, int]):
        self._opset = opsets.get("", 1)
        self._room = _MOST

    @staticmethod
    def takes(node: Any, operands: Sequence[Value | None]) -> bool:
        """Whether ``node`` depends on constants alone, or on the shape of a tensor."""
        if node.op_type in ("Shape", "Size"):
            return not node.domain and isinstance(operands[0], Activation | Constant)
        # A scale or a zero point turns constants into weights; those are not computed.
        return node.op_type != "DequantizeLinear" and all(
            x is None or isinstance(x, Constant | QuantizedConstant) for x in operands
        )

    def fold(self, node: Any, operands: Sequence[Value | None]) -> Sequence[Value]:
        """Return what a node of :meth:`takes` computes, a value an output.

        Raises
        ------
        ModelError
            If it is malformed, too large, or not among ``FOLDED``.
        """
        if node.op_type not in FOLDED or node.domain not in ("", "ai.onnx"):
            raise ModelError(f"{node.op_type} of constants is not supported")
        first = operands[0] if operands else None
        if first is not None and _keeps(node, first, len(operands)):
            return [first]
        if isinstance(first, Activation):
            # An array of this shape that takes no memory.
            shaped = np.broadcast_to(np.float32(0), first.shape)
            return self._evaluate(node, [shaped])
        weights = [x for x in operands if isinstance(x, QuantizedConstant)]
        if weights == [first] and node.op_type in _MOVED and isinstance(first, QuantizedConstant):
            return self._moved(node, first, operands[1:])
        arrays = [_array(x) for x in operands]
        if node.op_type == "QuantizeLinear":
            _check_range(arrays)
            return self._evaluate(node, arrays)
        of_integers = any(
            isinstance(x, QuantizedConstant) or (isinstance(x, Constant) and x.dequantised)
            for x in operands
        )
        return [replace(x, dequantised=of_integers) for x in self._evaluate(node, arrays)]

    def _moved(
        self, node: Any, weights: QuantizedConstant, rest: Sequence[Value | None]
    ) -> Sequence[Value]:
        """Return weights whose numbers were moved, each with its scale."""
        moved = weights.moved or node.op_type not in ("Identity", "Transpose")
        weights = replace(weights, moved=moved)
        others = [_array(x) for x in rest]
        results = self._evaluate(node, [weights.data, *others])
        quantization = weights.quantization
        if quantization.scale.size == 1:
            return [replace(weights, data=x.data) for x in results]
        lengths = [1] * weights.data.ndim
        lengths[quantization.axis] = -1
        channel = np.arange(quantization.scale.size).reshape(lengths)
        channels = self._evaluate(
            node, [np.ascontiguousarray(np.broadcast_to(channel, weights.data.shape)), *others]
        )
        return [
            replace(
                _with_scales(x.data, y.data, quantization),
                unsigned=weights.unsigned,
                bare=weights.bare,
                moved=moved,
            )
            for x, y in zip(results, channels, strict=True)
        ]

    def _evaluate(self, node: Any, arrays: Sequence[NDArray[Any] | None]) -> list[Constant]:
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        arrays = list(arrays)
        names = [name for name in node.input if name]
        feeds = {
            name: array
            for name, array in zip(node.input, arrays, strict=True)
            if array is not None and name
        }
        self._reserve(node, feeds)
        inputs = [_declared(name, feeds[name]) for name in dict.fromkeys(names)]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = helper.make_graph([node], "fold", inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)])
        try:
            with np.errstate(all="ignore"):
                results = ReferenceEvaluator(model).run(None, feeds)
        except Exception as error:  # the evaluator's own share no base
            raise _impossible(node, error) from error
        found = dict(zip((x.name for x in outputs), results, strict=True))
        return [Constant(np.asarray(found[name])) for name in node.output if name]

    def _reserve(self, node: Any, feeds: dict[str, NDArray[Any]]) -> None:
        """Refuse a result that would be too large, before it is computed."""
        from onnx import defs, helper, numpy_helper, shape_inference

        types = {name: _declared(name, array).type for name, array in feeds.items()}
        small = {
            name: numpy_helper.from_array(np.array(array, order="C"), name)
            for name, array in feeds.items()
            if array.size <= _FINE
        }
        try:
            inferred = shape_inference.infer_node_outputs(
                defs.get_schema(node.op_type, self._opset, ""),
                node,
                types,
                small,
                opset_imports=[helper.make_opsetid("", self._opset)],
            )
        except Exception as error:  # a class of the package's own, RuntimeError, ValueError, ...
            raise _impossible(node, error) from error
        for name in node.output:
            if not name:
                continue
            tensor = inferred[name].tensor_type if name in inferred else None
            known = (
                tensor is not None
                and tensor.HasField("shape")
                and all(dim.HasField("dim_value") for dim in tensor.shape.dim)
            )
            size = max((array.size for array in feeds.values()), default=0)
            if known and tensor is not None:
                size = math.prod(dim.dim_value for dim in tensor.shape.dim)
            elif node.op_type in ("ConstantOfShape", "Expand", "Pad", "Range", "Tile"):
                raise ModelError(f"the size of {node.op_type}'s result is not known")
            self._room -= max(size, 1)
        if self._room < 0:
            raise ModelError(f"{node.op_type} would compute too many constants")


def _keeps(node: Any, first: Value, count: int) -> bool:
    """Whether ``node`` gives its first operand, of ``count``, as it is."""
    if node.op_type == "Dropout":
        return count < 3
    to = next((x.i for x in node.attribute if x.name == "to"), 0)
    return node.op_type == "Cast" and to == 1 and isinstance(first, QuantizedConstant)


def _impossible(node: Any, error: Exception) -> ModelError:
    return ModelError(f"{node.op_type} of these constants is not possible ({error})")


def _check_range(arrays: Sequence[NDArray[Any] | None]) -> None:
    """Refuse numbers that would leave 32 bits, where the evaluator's cast is undefined."""
    data, scale = arrays[0], arrays[1]
    if data is None or scale is None or data.size == 0:
        return
    with np.errstate(all="ignore"):
        largest = np.abs(data).max() / np.abs(scale).min()
    if not largest < 1 << 30:
        raise ModelError("QuantizeLinear of constants out of the range of their scale")


def _declared(name: str, array: NDArray[Any]) -> Any:
    from onnx import helper

    try:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    except (KeyError, ValueError) as error:
        raise ModelError(f"constants of type {array.dtype} are not supported") from error
    return helper.make_tensor_value_info(name, kind, array.shape)


def _array(value: Value | None) -> NDArray[Any] | None:
    """Return a constant's numbers, as real ones where it is quantised."""
    if isinstance(value, Constant):
        return value.data
    return float32_of(value) if isinstance(value, QuantizedConstant) else None


def _with_scales(
    data: NDArray[Any], channel: NDArray[Any], quantization: Quantization
) -> QuantizedConstant:
    """Return weights of which number i belongs to channel ``channel[i]`` of ``quantization``."""
    for axis in range(data.ndim):
        along = np.moveaxis(channel, axis, 0).reshape(data.shape[axis], -1)
        if along.size and (along == along[:, :1]).all():
            rows = along[:, 0]
            return QuantizedConstant(
                data, Quantization(quantization.scale[rows], quantization.zero_point[rows], axis)
            )
    raise ModelError(f"{type_name(data.dtype)} weights mix channels of different scales")

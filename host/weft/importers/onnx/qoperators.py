"""ONNX's QOperator format: operators that carry the scales of their operands as inputs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx import elementwise as onnx_elementwise
from weft.importers.onnx import pools as onnx_pools
from weft.importers.onnx import windows as onnx_windows
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.gemm import plain_gemm
from weft.importers.onnx.matmul import MATMUL, batch_matmul, product
from weft.importers.onnx.softmax import softmax
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    qparams_of,
    take,
)

__all__ = ["QOPERATORS", "as_quantized", "quantized_constant"]

Attributes = Mapping[str, Any]
Operands = tuple[Value | None, ...]
QOperator = Callable[[Builder, str, Attributes, Operands, str], Activation]


def as_quantized(builder: Builder, value: Activation, qparams: QParams) -> Activation:
    """Give a graph input of int8 or uint8 its scale; uint8 becomes int8 by QUANTIZE."""
    tensor = builder.tensors[value.tensor]
    offset = 128 if tensor.dtype == np.uint8 else 0
    if tensor.dtype == np.float32 or (tensor.dtype == np.uint8) != qparams.unsigned:
        raise ModelError(f"tensor {tensor.name} is {tensor.dtype} and was not quantised")
    quantization = Quantization(
        np.array([qparams.scale], np.float32), np.array([qparams.zero_point + offset])
    )
    builder.tensors[value.tensor] = replace(tensor, quantization=quantization)
    if not qparams.unsigned:
        return replace(value, qparams=qparams)
    name = f"{value.tensor}/int8"
    return replace(
        value,
        tensor=builder.emit("QUANTIZE", name, (value.tensor,), name, qparams=qparams),
        qparams=qparams,
    )


def quantized_constant(
    value: Constant, scale: Value | None, zero_point: Value | None, axis: int
) -> QuantizedConstant:
    """Return weights with their scales; uint8 ones become int8."""
    if not isinstance(scale, Constant) or scale.data.ndim > 1 or scale.data.size == 0:
        raise ModelError("the scale of a constant must be one number, or one a channel")
    if scale.data.dtype != np.float32:
        raise ModelError(f"the scale of a constant must be float32, not {scale.data.dtype}")
    data, scales = value.data, scale.data.reshape(-1)
    # Four bits become eight: the numbers stay the same.
    data = data.astype({"int4": np.int8, "uint4": np.uint8}.get(data.dtype.name, data.dtype))
    zeros = np.zeros(scales.size, np.int64)
    if isinstance(zero_point, Constant):
        if zero_point.data.size not in (1, scales.size):
            raise ModelError("scales and zero points of a constant differ in number")
        zeros = np.broadcast_to(zero_point.data.reshape(-1), (scales.size,)).astype(np.int64)
    elif zero_point is not None:
        raise ModelError("the zero point of a constant must be constant")
    unsigned = data.dtype == np.uint8
    scalar = scale.data.ndim == 0 and (zero_point is None or zero_point.data.ndim == 0)
    if unsigned:
        data, zeros = (data.astype(np.int16) - 128).astype(np.int8), zeros - 128
    elif data.dtype not in (np.int8, np.int32):
        raise ModelError(f"quantised constants must be int8, uint8 or int32, not {data.dtype}")
    axis += data.ndim if axis < 0 else 0
    if scales.size > 1 and not (0 <= axis < data.ndim and data.shape[axis] == scales.size):
        raise ModelError(f"{scales.size} scales do not fit dimension {axis} of {data.shape}")
    quantization = Quantization(scales, zeros, axis if scales.size > 1 else 0)
    return QuantizedConstant(data, quantization, unsigned, scalar, zero_point is None)


def _operand(
    builder: Builder, operands: Operands, index: int, axis: int = 0
) -> Activation | QuantizedConstant:
    """Return the operand at ``index``, behind which its scale and zero point follow."""
    value = take(operands, index)
    scale, zero_point = take(operands, index + 1), take(operands, index + 2)
    if isinstance(value, Constant):
        return quantized_constant(value, scale, zero_point, axis)
    if not isinstance(value, Activation):
        raise ModelError("an operand is not quantised")
    if value.qparams is None:
        raise ModelError("its operand is not quantised")
    if value.qparams != qparams_of(scale, zero_point, unsigned=value.qparams.unsigned):
        raise ModelError("its operand was quantised with another scale or zero point")
    return value


def _output(operands: Operands, index: int) -> QParams:
    images = [x.qparams for x in operands if isinstance(x, Activation) and x.qparams is not None]
    unsigned = not images or images[0].unsigned
    return qparams_of(take(operands, index), take(operands, index + 1), unsigned=unsigned)


def _image(b: Builder, attributes: Attributes, operands: Operands) -> Activation:
    """Return the first operand as an image of ONNX's order."""
    value = _operand(b, operands, 0)
    if not isinstance(value, Activation):
        raise ModelError("an operand is a constant")
    return b.as_nchw(value) if attributes.get("channels_last", 0) else value


def _result(b: Builder, attributes: Attributes, value: Activation, output: str) -> Activation:
    """Return an image in the order that the file asks for."""
    return b.as_nhwc(value, output) if attributes.get("channels_last", 0) else value


def _conv(b: Builder, name: str, attributes: Attributes, x: Operands, output: str) -> Activation:
    operands = (_image(b, attributes, x), _operand(b, x, 3), take(x, 8))
    layer = Pending("Conv", name, attributes, operands)
    value = onnx_windows.convolution(b, layer, _output(x, 6), output)
    return _result(b, attributes, value, output)


def _matmul(b: Builder, name: str, attributes: Attributes, x: Operands, output: str) -> Activation:
    operands = (_operand(b, x, 0), _operand(b, x, 3, axis=1))
    if all(isinstance(x, Activation) for x in operands):
        return batch_matmul(b, Pending(MATMUL, name, {}, operands), _output(x, 6), output)
    layer = Pending("MatMul", name, {}, operands)
    return product(b, layer, _output(x, 6), output)


def _gemm(b: Builder, name: str, attributes: Attributes, x: Operands, output: str) -> Activation:
    axis = 0 if attributes["transB"] else 1
    operands = (_operand(b, x, 0), _operand(b, x, 3, axis=axis), take(x, 6))
    if take(x, 7) is None:
        raise ModelError("QGemm with a float output is not supported")
    layer = plain_gemm(b, name, attributes, operands)
    if layer.affine is not None:
        raise ModelError("QGemm with alpha is supported without a bias, and for powers of two")
    return product(b, layer, _output(x, 7), output)


def _binary(operator: str) -> QOperator:
    def handler(
        b: Builder, name: str, attributes: Attributes, x: Operands, output: str
    ) -> Activation:
        operands = (_operand(b, x, 0), _operand(b, x, 3))
        layer = Pending(operator, name, attributes, operands)
        return onnx_elementwise.binary(b, layer, _output(x, 6), output)

    return handler


def _average(operator: str) -> QOperator:
    add = {
        "AveragePool": onnx_pools.average_pool,
        "GlobalAveragePool": onnx_pools.global_average_pool,
    }[operator]

    def handler(
        b: Builder, name: str, attributes: Attributes, x: Operands, output: str
    ) -> Activation:
        layer = Pending(operator, name, attributes, (_image(b, attributes, x),))
        return _result(b, attributes, add(b, layer, _output(x, 3), output), output)

    return handler


def _max_pool(
    b: Builder, name: str, attributes: Attributes, x: Operands, output: str
) -> Activation:
    """Add NhwcMaxPool, which needs no scale."""
    value = take(x, 0)
    if not isinstance(value, Activation):
        raise ModelError("the input of NhwcMaxPool is not quantised")
    image = onnx_pools.max_pool(b, name, attributes, b.as_nchw(value), output)
    return b.as_nhwc(image, output)


def _concat(b: Builder, name: str, attributes: Attributes, x: Operands, output: str) -> Activation:
    if "axis" not in attributes:
        raise ModelError("QLinearConcat must have an axis")
    operands = tuple(_operand(b, x, index) for index in range(2, len(x), 3))
    layer = Pending("Concat", name, attributes, operands)
    return onnx_elementwise.concatenation(b, layer, _output(x, 0), output)


def _unary(operator: str) -> QOperator:
    def handler(
        b: Builder, name: str, attributes: Attributes, x: Operands, output: str
    ) -> Activation:
        extra = {"alpha": attributes["alpha"]} if operator == "LEAKY_RELU" else {}
        return onnx_elementwise.unary(
            b, name, operator, extra, _operand(b, x, 0), _output(x, 3), output
        )

    return handler


def _softmax(b: Builder, name: str, attributes: Attributes, x: Operands, output: str) -> Activation:
    if "opset" not in attributes:
        raise ModelError("QLinearSoftmax must name an opset")
    return softmax(
        b,
        "Softmax",
        name,
        attributes["axis"],
        _operand(b, x, 0),
        _output(x, 3),
        output,
        flattened=attributes["opset"] < 13,
    )


QOPERATORS: dict[str, QOperator] = {
    "NhwcMaxPool": _max_pool,
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "QGemm": _gemm,
    "QLinearAdd": _binary("Add"),
    "QLinearMul": _binary("Mul"),
    "QLinearAveragePool": _average("AveragePool"),
    "QLinearGlobalAveragePool": _average("GlobalAveragePool"),
    "QLinearConcat": _concat,
    "QLinearSigmoid": _unary("LOGISTIC"),
    "QLinearLeakyRelu": _unary("LEAKY_RELU"),
    "QLinearSoftmax": _softmax,
}

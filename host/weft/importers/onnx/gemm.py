"""ONNX's Gemm, and what a product by one constant matrix becomes."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.bias import bias_tensor, real_bias
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.values import (
    Activation,
    Affine,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    take,
)
from weft.importers.onnx.windows import weights_of

__all__ = ["fully_connected", "plain_gemm", "turned_activation"]

Operands = tuple[Value | None, ...]


def plain_gemm(
    builder: Builder, name: str, attributes: Mapping[str, Any], operands: Operands
) -> Pending:
    """Return a Gemm as a product of its first operand by constants, plus a bias.

    A factor that is a power of two goes into the scale of the weights, where nothing is added.
    Elsewhere ONNX Runtime has no integer kernel, and the factors come behind the product.
    """
    if attributes.get("transA", 0):
        operands = (turned_activation(builder, f"{name}/transA", take(operands, 0)), *operands[1:])
    x, weights, bias = (take(operands, index) for index in range(3))
    options = {"transB": attributes.get("transB", 0)}
    layer = Pending("Gemm", name, Attributes(options), operands)
    if not isinstance(weights, Constant | QuantizedConstant) or weights.data.ndim != 2:
        return layer
    outputs = weights.data.shape[0 if options["transB"] else 1]
    if isinstance(bias, Constant | QuantizedConstant) and bias.data.size == 1:
        bias = replace(bias, data=np.broadcast_to(bias.data.reshape(-1), (outputs,)))
        layer = replace(layer, operands=(x, weights, bias))
    alpha = attributes.get("alpha", 1.0)
    beta = attributes.get("beta", 1.0) if bias is not None else 1.0
    if (alpha, beta) == (1.0, 1.0):
        return layer
    exact = alpha > 0 and math.frexp(alpha)[0] == 0.5
    if bias is None and exact and isinstance(weights, QuantizedConstant):
        old = weights.quantization
        scale = (old.scale * np.float32(alpha)).astype(np.float32)
        weights = replace(weights, quantization=Quantization(scale, old.zero_point, old.axis))
        return replace(layer, operands=(x, weights))
    offset = np.zeros(outputs) if bias is None else beta * real_bias(bias, outputs)
    return replace(layer, operands=(x, weights), affine=Affine(np.full(outputs, alpha), offset))


def turned_activation(builder: Builder, name: str, x: Value | None) -> Activation:
    """Return a tensor with its last two dimensions exchanged, if it has two."""
    if not isinstance(x, Activation):
        raise ModelError("the input of a matrix product is not quantised")
    rank = len(x.shape)
    if rank < 2:
        return x
    return builder.transposed(x, (*range(rank - 2), rank - 1, rank - 2), name, name)


def fully_connected(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str, *, island: bool
) -> Activation:
    """Add FULLY_CONNECTED for one matrix."""
    operator, name, real = layer.operator, layer.name, qparams is None
    attributes, operands = layer.attributes, layer.operands
    x = take(operands, 0)
    if not isinstance(x, Activation) or (x.qparams is None and not real):
        raise ModelError(f"the input of {operator} is not quantised")
    axis = 0 if attributes.get("transB", 0) else 1
    weights, quantization = weights_of(take(operands, 1), operator, axis=axis, real=real)
    if weights.ndim != 2:
        raise ModelError(f"the weights of {operator} must be a quantised constant matrix")
    data = weights if attributes.get("transB", 0) else weights.T
    if quantization is not None:
        quantization = Quantization(quantization.scale, quantization.zero_point)
    outputs, depth = data.shape
    if not x.shape or x.shape[-1] != depth or (operator == "Gemm" and len(x.shape) != 2):
        raise ModelError(f"weights of shape {data.shape} do not fit an input of {x.shape}")
    if x.layout == "flat":
        # The image keeps its channels last, so the weights take that order instead.
        batch, height, width, channels = builder.tensors[x.tensor].shape
        data = data.reshape(outputs, channels, height, width).transpose(0, 2, 3, 1)
        data = data.reshape(outputs, depth)
        flat = f"{x.tensor}/flat"
        tensor = builder.emit(
            "RESHAPE",
            flat,
            (x.tensor,),
            flat,
            qparams=x.qparams,
            dtype=builder.tensors[x.tensor].dtype,
            shape=(batch, depth),
        )
    else:
        tensor = builder.plain(x).tensor
    kernel = builder.constant(f"{name}/weights", data, quantization)
    bias = bias_tensor(
        builder,
        name,
        operator,
        take(operands, 2),
        quantization,
        x.qparams,
        outputs,
        real=real,
        island=island,
    )
    shape = (*x.shape[:-1], outputs)
    tensor = builder.emit(
        "FULLY_CONNECTED",
        name,
        (tensor, kernel, bias),
        output,
        {"activation": layer.activation} | ({"island": True} if island else {}),
        qparams=qparams,
        shape=shape,
    )
    return Activation(tensor, shape, "plain", qparams)

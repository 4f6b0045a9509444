"""The bias of a convolution or a matmul: a number of accumulator steps, or a real one."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    real_of,
    take,
)

__all__ = [
    "bias_tensor",
    "check_sum",
    "has_matrix",
    "is_whole",
    "real_bias",
    "with_bias",
    "with_whole_bias",
]


def bias_tensor(
    builder: Builder,
    name: str,
    operator: str,
    bias: Value | None,
    weights: Quantization | None,
    x: QParams | None,
    channels: int,
    *,
    real: bool = False,
    island: bool = False,
) -> str | None:
    """Add the bias of ``operator``: int32, or float32 where its scale is not the accumulator's.

    A float bias of the file is quantised with the product of both scales, as ONNX Runtime does;
    with ``real`` it stays what it is, in float64. ``island`` says that the runtime leaves the
    layer in float.

    Raises
    ------
    ModelError
        If it is no constant number for each of ``channels``, or not finite.
    """
    if bias is None:
        return None
    bias = _checked(bias, channels)
    if real or weights is None or x is None:
        return builder.constant(f"{name}/bias", real_bias(bias, channels))
    data = bias.data.reshape(-1)
    product = (x.scale * weights.scale).astype(np.float32)
    if isinstance(bias, QuantizedConstant):
        if not is_whole("" if island else operator, bias, product):
            steps = data.astype(np.int64) - bias.quantization.zero_point
            data = steps.astype(np.float32) * bias.quantization.scale
            return builder.constant(f"{name}/bias", _finite(data))
    elif data.dtype == np.float32:
        with np.errstate(divide="ignore", invalid="ignore"):
            rounded = _finite(np.rint(data / product))
        data = np.clip(rounded, -(1 << 31), (1 << 31) - 1).astype(np.int64)
    elif data.dtype != np.int32:
        raise ModelError(f"the bias must be int32, not {data.dtype}")
    return builder.constant(f"{name}/bias", data.astype(np.int32))


def real_bias(bias: Value, channels: int) -> NDArray[np.float64]:
    """Return the numbers that a bias expresses, (channels,).

    Raises
    ------
    ModelError
        As :func:`bias_tensor`.
    """
    bias = _checked(bias, channels)
    if isinstance(bias, Constant) and bias.data.dtype != np.float32:
        raise ModelError(f"the bias must be float32, not {bias.data.dtype}")
    return np.asarray(_finite(real_of(bias).reshape(-1)), np.float64)


def _checked(bias: Value, channels: int) -> Constant | QuantizedConstant:
    if not isinstance(bias, Constant | QuantizedConstant):
        raise ModelError("the bias must be a constant")
    shape = bias.data.shape
    # One number for all channels, or one for each row, would be another sum.
    if bias.data.size != channels or shape[-1:] != (channels,):
        raise ModelError(f"biases of shape {shape} do not fit {channels} output channels")
    return bias


def is_whole(kernel: str, bias: QuantizedConstant, product: NDArray[np.float32]) -> bool:
    """Whether ONNX Runtime takes the integers of ``bias`` as steps of the accumulator.

    Where it does not, it adds real numbers in float32. Its integer ``kernel`` of Gemm is taken
    whatever the scale is, that of Conv if the scale is within 1 % and 1e-6 of ``product``. Without
    one the scale must be ``product``.
    """
    if bias.data.dtype != np.int32:
        return False
    if kernel in ("Gemm", "MatMul"):
        return True
    quantization = bias.quantization
    if np.any(quantization.zero_point):
        return False
    expected = product.astype(np.float64)
    away = np.abs(quantization.scale.astype(np.float64) - expected)
    if kernel == "Conv":
        return bool(np.all(away <= 1e-6 + 1e-2 * expected))
    return bool(np.all(away <= 1e-6 * expected))


def with_bias(layer: Pending, bias: Value | None) -> Pending | None:
    """Return a MatMul with the constant that is added as its bias; None for others.

    ONNX Runtime makes a Gemm of both, if the constant is a vector as long as the result's rows,
    or a quantised row of a matrix. Of more than two dimensions it must know all.

    Raises
    ------
    ModelError
        If it makes one where the constant has a number for each value.
    """
    x, weights = take(layer.operands, 0), take(layer.operands, 1)
    if (
        layer.operator != "MatMul"
        or layer.shared
        or layer.attributes.get("open", False)
        or layer.affine is not None
        or len(layer.operands) != 2
        or not isinstance(x, Activation)
        or not isinstance(weights, QuantizedConstant)
        or weights.data.ndim != 2
        or not isinstance(bias, Constant | QuantizedConstant)
        or bias.data.dtype not in (np.int32, np.float32)
    ):
        return None
    outputs, shape = weights.data.shape[-1], bias.data.shape
    quantised = isinstance(bias, QuantizedConstant)
    if shape == (outputs,) or (quantised and shape == (1, outputs) and len(x.shape) == 2):
        vector = replace(bias, data=bias.data.reshape(outputs))
        return replace(layer, operands=(x, weights, vector))
    if quantised and len(x.shape) == 2 and shape == (x.shape[0], outputs):
        raise ModelError(f"a bias of shape {shape}, a number for each value, is not supported")
    return None


def check_sum(layer: Pending, bias: Value | None) -> None:
    """Refuse what is added to MatMul of a tensor and a matrix if ONNX Runtime adds other numbers.

    It makes a Gemm of both, which takes the integers of ``bias`` as steps of the accumulator.

    Raises
    ------
    ModelError
        If they have another scale than that.
    """
    x, y = take(layer.operands, 0), take(layer.operands, 1)
    if (
        isinstance(x, Activation)
        and isinstance(y, Activation)
        and x.qparams is not None
        and y.qparams is not None
        and len(y.shape) == 2
        and isinstance(bias, QuantizedConstant)
        and bias.data.dtype == np.int32
        and not is_whole("", bias, np.asarray([x.qparams.scale * y.qparams.scale], np.float32))
    ):
        raise ModelError("a bias of another scale behind MatMul of two tensors is not supported")


def has_matrix(layer: Pending) -> bool:
    """Whether a layer is a Gemm, or a MatMul with a bias, and nothing behind it."""
    return layer.operator in ("Gemm", "MatMul") and layer.affine is None


def with_whole_bias(gemm: Pending) -> Pending:
    """Return a Gemm that no QuantizeLinear follows with the bias that ONNX Runtime adds.

    Its kernel with a float result takes the integers of the bias as steps of the accumulator,
    whatever scale they have. It has none for uint8 weights of int8 activations, nor without zero
    points, nor where something stands between DequantizeLinear and Gemm; those add real numbers.
    """
    x, weights, bias = (take(gemm.operands, index) for index in range(3))
    if (
        not isinstance(x, Activation)
        or x.qparams is None
        or x.moved_by
        or x.qparams.bare
        or not isinstance(weights, QuantizedConstant)
        or weights.bare
        or (weights.unsigned and not x.qparams.unsigned)
        or not isinstance(bias, QuantizedConstant)
        or bias.data.dtype != np.int32
    ):
        return gemm
    product = (x.qparams.scale * weights.quantization.scale).astype(np.float32)
    whole = replace(bias, quantization=Quantization(product, np.zeros(product.shape, np.int64)))
    return replace(gemm, operands=(x, weights, whole))


def _finite(values: NDArray[np.floating]) -> NDArray[np.floating]:
    if not np.isfinite(values).all():
        raise ModelError("a bias is not a finite number")
    return values

"""What multiplies and adds to each channel of a layer: batch normalisation, and constants."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.bias import check_sum, real_bias, with_bias
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.values import (
    Activation,
    Affine,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    real_of,
    take,
)

__all__ = ["by_channel", "folded", "followed", "has_coarse_bias", "normalisation", "scaled"]

Operands = tuple[Value | None, ...]
Real = NDArray[np.float64]
_FINEST = 32  # steps of the accumulator in one of the output
_LARGEST = 1 << 30  # bias, in steps of the accumulator


def normalisation(attributes: Attributes, operands: Operands) -> Affine:
    """Return what BatchNormalization does to each channel.

    Raises
    ------
    ModelError
        If its parameters are not constant, not as many as channels, or give no finite numbers.
    """
    given = [take(operands, index) for index in range(1, 5)]
    parameters = [x for x in given if isinstance(x, Constant | QuantizedConstant)]
    if len(parameters) != len(given) or any(x.data.ndim != 1 for x in parameters):
        raise ModelError("the parameters of BatchNormalization must be constant vectors")
    scale, bias, mean, variance = (real_of(x) for x in parameters)
    if len({len(scale), len(bias), len(mean), len(variance)}) != 1:
        raise ModelError("the parameters of BatchNormalization differ in length")
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + attributes["epsilon"])
        offset = bias - mean * factor
    if not np.isfinite([factor, offset]).all():
        raise ModelError("the parameters of BatchNormalization are not finite")
    return Affine(factor, offset)


def followed(operator: str, attributes: Attributes, operands: Operands) -> Pending | None:
    """Return the layer among ``operands`` with ``operator`` behind it; None where it is none."""
    layers = [x for x in operands if isinstance(x, Pending)]
    if operator == "Add" and len(layers) == 1 and len(operands) == 2:
        check_sum(layers[0], operands[1 if operands[0] is layers[0] else 0])
    if len(layers) != 1 or (channels := _channels(layers[0])) is None:
        return None
    [layer] = layers
    count, behind = channels
    if layer.activation != "NONE":
        return None
    if operator == "BatchNormalization":
        affine = normalisation(attributes, operands)
        fits = _has_channels_second(layer) and len(affine.factor) == count
        return _composed(layer, affine) if fits else None
    if operator not in ("Add", "Sub", "Mul", "Div") or len(operands) != 2:
        return None
    constant = operands[1 if operands[0] is layer else 0]
    if operator == "Add" and (gemm := with_bias(layer, constant)) is not None:
        return gemm
    numbers = _numbers(constant, count, behind)
    if isinstance(constant, Constant | QuantizedConstant) and constant.data.ndim > _rank(layer):
        return None  # the result has more dimensions than the layer's
    if numbers is None or (operator == "Div" and operands[1] is layer):
        return None
    zeros, ones = np.zeros(count), np.ones(count)
    if operator == "Add":
        return _composed(layer, Affine(ones, numbers))
    if operator == "Mul":
        return _composed(layer, Affine(numbers, zeros))
    if operator == "Div":
        return _composed(layer, Affine(1 / numbers, zeros)) if numbers.all() else None
    if operands[0] is layer:
        return _composed(layer, Affine(ones, -numbers))
    return _composed(layer, Affine(-ones, numbers))


def scaled(value: Value | None, scales: Real) -> Pending | None:
    """Return a layer whose channels are divided by ``scales``, all positive.

    None where ``value`` is another one.
    """
    if not isinstance(value, Pending) or (channels := _channels(value)) is None:
        return None
    if not _has_channels_second(value):
        return None
    # Relu does not mind a positive factor.
    if value.activation not in ("NONE", "RELU") or channels[0] != len(scales):
        return None
    layer = _composed(replace(value, activation="NONE"), Affine(1 / scales, np.zeros_like(scales)))
    return replace(layer, activation=value.activation)


def by_channel(pending: Pending) -> Pending | None:
    """Return a depthwise Conv of a tensor with a scale for each channel as one of integers.

    The scales come behind the sums, as each of those reads one channel. None for another layer.
    """
    first, weights = take(pending.operands, 0), take(pending.operands, 1)
    if (
        pending.operator != "Conv"
        or not isinstance(first, Pending)
        or first.operator != "Mul"
        or not isinstance(weights, QuantizedConstant)
    ):
        return None
    image, factors = first.operands
    if not isinstance(image, Activation) or image.qparams is None or len(image.shape) < 3:
        return None
    channels, outputs = image.shape[1], weights.data.shape[0]
    scales = _numbers(factors, channels, len(image.shape) - 2)
    if scales is None or pending.attributes.get("group", 1) != channels or outputs % channels:
        return None
    bias = take(pending.operands, 2)
    offset = np.zeros(outputs) if bias is None else real_bias(bias, outputs)
    affine = Affine(np.repeat(scales, outputs // channels), offset)
    return replace(pending, operands=(image, weights), affine=affine)


def folded(pending: Pending) -> Pending | None:
    """Return a layer with the factors in the scales of its weights, the offsets in its bias.

    None where that cannot be said: a factor is 0, or -128 would change its sign.
    """
    affine, weights = pending.affine, take(pending.operands, 1)
    if affine is None:
        return pending
    if pending.operator == "ConvTranspose" or not isinstance(weights, QuantizedConstant):
        return None
    axis = 0 if pending.operator == "Conv" or pending.attributes.get("transB", 0) else 1
    data, quantization = weights.data, weights.quantization
    if quantization.scale.size > 1 and quantization.axis != axis:
        return None
    scale = (quantization.scale * np.abs(affine.factor)).astype(np.float32)
    negative = affine.factor < 0
    column = [-1 if i == axis else 1 for i in range(data.ndim)]
    turned = negative.reshape(column)
    if not (np.isfinite(scale) & (scale > 0)).all() or np.any((data == -128) & turned):
        return None
    zero_point = np.where(negative, -quantization.zero_point, quantization.zero_point)
    if np.any(zero_point > 127):
        return None
    data = np.where(turned, -data, data).astype(data.dtype)
    bias = take(pending.operands, 2)
    offset = 0 if bias is None else real_bias(bias, len(affine.factor)) * affine.factor
    total = Constant((offset + affine.offset).astype(np.float32))
    kernel = replace(weights, data=data, quantization=Quantization(scale, zero_point, axis))
    return replace(pending, operands=(pending.operands[0], kernel, total), affine=None)


def has_coarse_bias(layer: Pending, qparams: QParams) -> bool:
    """Whether a real bias in whole steps of the accumulator would move results too much.

    Such a step is more than 1/32 of one of the output then, or the bias has over 30 bits.
    """
    image, weights, bias = (take(layer.operands, index) for index in range(3))
    if (
        not isinstance(image, Activation)
        or image.qparams is None
        or not isinstance(weights, QuantizedConstant)
        or not isinstance(bias, Constant)
        or bias.data.dtype != np.float32
    ):
        return False
    product = weights.quantization.scale.astype(np.float64) * np.float64(image.qparams.scale)
    if product.size not in (1, bias.data.size):  # one scale an input channel
        return False
    with np.errstate(all="ignore"):
        steps = np.abs(bias.data.reshape(-1).astype(np.float64)) / product
    return bool(np.any(product > qparams.scale / _FINEST) or np.any(steps > _LARGEST))


def _composed(layer: Pending, outer: Affine) -> Pending:
    inner = layer.affine or Affine(np.ones(1), np.zeros(1))
    factor = outer.factor * inner.factor
    return replace(layer, affine=Affine(factor, outer.factor * inner.offset + outer.offset))


def _channels(pending: Pending) -> tuple[int, int] | None:
    """Return a layer's output channels, and how many dimensions lie behind them."""
    weights = take(pending.operands, 1)
    if not isinstance(weights, Constant | QuantizedConstant):
        return None
    shape = weights.data.shape
    if pending.operator == "Conv" and len(shape) > 2:
        return shape[0], len(shape) - 2
    if pending.operator == "ConvTranspose" and len(shape) > 2:
        return shape[1] * pending.attributes.get("group", 1), len(shape) - 2
    if pending.operator in ("Gemm", "MatMul") and len(shape) == 2:
        return shape[0 if pending.attributes.get("transB", 0) else 1], 0
    return None


def _rank(layer: Pending) -> int:
    """Return how many dimensions the result of a layer has."""
    image = take(layer.operands, 0)
    return len(image.shape) if isinstance(image, Activation) else 0


def _has_channels_second(layer: Pending) -> bool:
    """Whether channels are the second dimension; of a matrix product they are the last one."""
    return layer.operator not in ("Gemm", "MatMul") or _rank(layer) == 2


def _numbers(value: Value | None, count: int, behind: int) -> Real | None:
    """Return a constant as a number for each channel; None where it is something else."""
    if not isinstance(value, Constant | QuantizedConstant):
        return None
    shape = value.data.shape
    channels = (*(1,) * (behind + 2 - len(shape)), *shape)
    if len(channels) != behind + 2 or value.data.size not in (1, count):
        return None
    if value.data.size > 1 and channels[-1 - behind] != count:
        return None
    return np.broadcast_to(real_of(value).reshape(-1), (count,)).copy()

"""Weights that a file leaves in float between DequantizeLinear and QuantizeLinear.

ONNX Runtime quantises them when it loads the file, to int8 with one scale, and the bias to steps of
the accumulator (its WeightBiasQuantization). The layer then has an integer kernel like others.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weft.graph import Quantization
from weft.importers.onnx.values import Activation, Constant, Pending, QuantizedConstant, take

__all__ = ["with_quantised_weights"]

_OPERATORS = ("Conv", "ConvTranspose", "Gemm")


def with_quantised_weights(layer: Pending) -> Pending:
    """Return a layer that QuantizeLinear follows as the runtime changes it.

    It stays what it is where the runtime leaves it alone: not right behind a DequantizeLinear of
    one scale, read by others as well, or with a bias that is no constant vector.
    """
    inner = take(layer.operands, 0)
    if layer.operator in ("Relu", "Clip") and isinstance(inner, Pending) and not layer.shared:
        return replace(layer, operands=(with_quantised_weights(inner), *layer.operands[1:]))
    weights, bias = take(layer.operands, 1), take(layer.operands, 2)
    if (
        layer.operator not in _OPERATORS
        or layer.shared
        or layer.affine is not None
        or not isinstance(inner, Activation)
        or inner.qparams is None
        or inner.moved_by
        or not isinstance(weights, Constant)
        or weights.data.dtype != np.float32
        or weights.dequantised
        or not np.isfinite(weights.data).all()
    ):
        return layer
    if bias is not None and not (isinstance(bias, Constant) and bias.data.ndim == 1):
        return layer
    return replace(layer, operands=(inner, _quantised(weights.data), *layer.operands[2:]))


def _quantised(data: NDArray[np.float32]) -> QuantizedConstant:
    """Return float32 numbers in the 255 steps from the least, or 0, to the greatest, or 0."""
    low, high = (np.float32(bound) for bound in (min(data.min(), 0), max(data.max(), 0)))
    scale = (high - low) / np.float32(255) if high > low else np.float32(1)
    zero_point = np.clip(np.rint(np.float32(-128) - low / scale), -128, 127)
    steps = np.clip(np.rint(data / scale) + zero_point, -128, 127).astype(np.int8)
    quantization = Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
    return QuantizedConstant(steps, quantization)

"""QUANTIZE and DEQUANTIZE."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context
from weft.graph import Runtime

__all__ = ["dequantize", "quantize"]


def quantize(context: Context) -> NDArray[Any]:
    """Return float32 or another quantisation in that of the output."""
    x, output = context.value(0), context.output
    scale, zero_point = context.output_scale, context.output_zero_point
    if x.dtype == np.float32:
        litert = {
            Runtime.REFERENCE: golden.quantize_away,
            Runtime.XNNPACK: golden.quantize_inverse,
        }
        function = litert.get(context.graph.runtime, golden.quantize_even)
        if context.attributes.get("unsigned") and output.dtype == np.int8:
            stored = function(x, scale=scale, zero_point=zero_point + 128, dtype=np.dtype(np.uint8))
            return (stored ^ 128).view(np.int8)
        return function(x, scale=scale, zero_point=zero_point, dtype=output.dtype)
    x_edge = (context.scale(0), context.zero_point(0))
    taken = context.graph.runtime == Runtime.XNNPACK and not context.attributes.get("retyped")
    if taken and golden.within_8bit(x_edge[0] / scale):
        limits = np.iinfo(output.dtype)
        value = golden.rescale_8bit(x, x_edge, (scale, zero_point))
        return np.clip(value, limits.min, limits.max).astype(output.dtype)
    if context.graph.in_onnxruntime:  # which dequantises and quantises
        real = golden.dequantize(x, scale=x_edge[0], zero_point=x_edge[1])
        return golden.quantize_even(real, scale=scale, zero_point=zero_point, dtype=output.dtype)
    return golden.requantize_tensor(
        x,
        zero_point=context.zero_point(0),
        output_zero_point=zero_point,
        dtype=output.dtype,
        scale=float(context.scale(0)) / float(scale),
        rule=golden.Rule.DOUBLE,
    )


def dequantize(context: Context) -> NDArray[Any]:
    """Return real values in float32."""
    return golden.dequantize(
        context.value(0), scale=context.scale(0), zero_point=context.zero_point(0)
    )

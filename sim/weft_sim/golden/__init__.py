"""Golden model: every operator in exact NumPy integers, without a clock."""

from weft_sim.golden.convolution import (
    conv2d,
    depthwise_conv2d,
    fully_connected,
    transpose_conv2d,
)
from weft_sim.golden.elementwise import add, multiply_tensors
from weft_sim.golden.pool import average_pool2d, max_pool2d, window_counts, window_sums
from weft_sim.golden.requantize import (
    OutputStage,
    Rule,
    multiply,
    quantize_multiplier,
    requantize,
)
from weft_sim.golden.softmax import softmax_fixed_point

__all__ = [
    "OutputStage", "Rule", "add", "average_pool2d", "conv2d", "depthwise_conv2d",
    "fully_connected", "max_pool2d", "multiply", "multiply_tensors", "quantize_multiplier",
    "requantize", "softmax_fixed_point", "transpose_conv2d", "window_counts", "window_sums",
]  # fmt: skip

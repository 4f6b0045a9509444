"""Golden model: every operator in exact NumPy integers, without a clock."""

from weft_sim.golden.activation import (
    ALL_INT8,
    elu,
    gelu,
    hard_swish_fixed_point,
    leaky_relu_fixed_point,
    logistic,
    lookup,
    rectify_fixed_point,
    table_litert,
    table_onnx,
    tanh,
)
from weft_sim.golden.convolution import (
    conv2d,
    depthwise_conv2d,
    fully_connected,
    transpose_conv2d,
)
from weft_sim.golden.edges import (
    dequantize,
    quantize_away,
    quantize_even,
    quantize_inverse,
    requantize_tensor,
)
from weft_sim.golden.elementwise import add, multiply_tensors
from weft_sim.golden.layout import arg_max, pad, resize_nearest
from weft_sim.golden.mean import mean_fixed_point, mean_multiplier, sums
from weft_sim.golden.onnx_runtime import (
    add_float32,
    average_pool_float32,
    float32_average,
    float32_sums,
    multiply_float32,
    softmax_table,
)
from weft_sim.golden.pool import average_pool2d, max_pool2d, window_counts, window_sums
from weft_sim.golden.requantize import (
    OutputStage,
    Rule,
    double_rounding,
    multiply,
    quantize_multiplier,
    requantize,
    round_away,
)
from weft_sim.golden.softmax import softmax_fixed_point
from weft_sim.golden.xnnpack import add_20bit, leaky_relu_8bit, rescale_8bit, within_8bit

__all__ = [
    "ALL_INT8",
    "OutputStage",
    "Rule",
    "add",
    "add_20bit",
    "add_float32",
    "arg_max",
    "average_pool2d",
    "average_pool_float32",
    "conv2d",
    "depthwise_conv2d",
    "dequantize",
    "double_rounding",
    "elu",
    "float32_average",
    "float32_sums",
    "fully_connected",
    "gelu",
    "hard_swish_fixed_point",
    "leaky_relu_8bit",
    "leaky_relu_fixed_point",
    "logistic",
    "lookup",
    "max_pool2d",
    "mean_fixed_point",
    "mean_multiplier",
    "multiply",
    "multiply_float32",
    "multiply_tensors",
    "pad",
    "quantize_away",
    "quantize_even",
    "quantize_inverse",
    "quantize_multiplier",
    "rectify_fixed_point",
    "requantize",
    "requantize_tensor",
    "rescale_8bit",
    "resize_nearest",
    "round_away",
    "softmax_fixed_point",
    "softmax_table",
    "sums",
    "table_litert",
    "table_onnx",
    "tanh",
    "transpose_conv2d",
    "window_counts",
    "window_sums",
    "within_8bit",
]  # fmt: skip

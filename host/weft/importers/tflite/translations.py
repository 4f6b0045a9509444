"""TFLite's operators and what translates each of them into the graph form."""

from collections.abc import Callable

from weft.importers.tflite import arithmetic, moves, windows
from weft.importers.tflite.layer import Layer

__all__ = ["TRANSLATIONS"]

TRANSLATIONS: dict[str, Callable[[Layer], None]] = {
    "CONV_2D": windows.convolution,
    "DEPTHWISE_CONV_2D": windows.depthwise,
    "TRANSPOSE_CONV": windows.transposed,
    "FULLY_CONNECTED": windows.fully_connected,
    "AVERAGE_POOL_2D": windows.pool,
    "MAX_POOL_2D": windows.pool,
    "ADD": arithmetic.binary,
    "SUB": arithmetic.binary,
    "MUL": arithmetic.binary,
    "CONCATENATION": arithmetic.concatenation,
    "MEAN": arithmetic.mean,
    "ARG_MAX": arithmetic.arg_max,
    "SOFTMAX": arithmetic.softmax,
    "LEAKY_RELU": arithmetic.leaky_relu,
    "GELU": arithmetic.gelu,
    **dict.fromkeys((
        "LOGISTIC", "TANH", "ELU", "HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1", "QUANTIZE",
        "DEQUANTIZE",
    ), arithmetic.unary),
    "PAD": moves.pad,
    "PADV2": moves.pad_with,
    "RESHAPE": moves.reshape,
    "SQUEEZE": moves.reshape,
    "EXPAND_DIMS": moves.reshape,
    "TRANSPOSE": moves.transpose,
    "RESIZE_NEAREST_NEIGHBOR": moves.resize_nearest,
}  # fmt: skip

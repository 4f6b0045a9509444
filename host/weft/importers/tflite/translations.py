"""TFLite's operators and what translates each of them into the graph form."""

from collections.abc import Callable

from weft.importers.tflite import arithmetic, functions, moves, slices, windows
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
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), arithmetic.reduction),
    **dict.fromkeys(("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"), arithmetic.comparison),
    "SELECT": arithmetic.select,
    "SELECT_V2": arithmetic.select,
    "BATCH_MATMUL": arithmetic.batch_matmul,
    "ARG_MAX": arithmetic.arg_max,
    "SOFTMAX": arithmetic.softmax,
    "LEAKY_RELU": arithmetic.leaky_relu,
    "GELU": arithmetic.gelu,
    **dict.fromkeys(
        (
            "LOGISTIC",
            "TANH",
            "ELU",
            "HARD_SWISH",
            "RELU",
            "RELU6",
            "RELU_N1_TO_1",
            "DEQUANTIZE",
            "LOG_SOFTMAX",
        ),
        arithmetic.unary,
    ),
    "QUANTIZE": arithmetic.quantize,
    **dict.fromkeys(functions.FUNCTIONS, functions.function),
    "PRELU": functions.prelu,
    "NEG": functions.negate,
    "PAD": moves.pad,
    "PADV2": moves.pad_with,
    "RESHAPE": moves.reshape,
    "SQUEEZE": moves.reshape,
    "EXPAND_DIMS": moves.reshape,
    "TRANSPOSE": moves.transpose,
    "MIRROR_PAD": moves.mirror_pad,
    "TILE": moves.tile,
    "BROADCAST_TO": moves.broadcast,
    "REVERSE_V2": moves.reverse,
    "GATHER": moves.gather,
    "DEPTH_TO_SPACE": moves.depth_to_space,
    "SPACE_TO_DEPTH": moves.space_to_depth,
    "PACK": moves.pack,
    "UNPACK": moves.unpack,
    "SLICE": slices.slice_,
    "STRIDED_SLICE": slices.strided,
    "SPLIT": slices.split,
    "SPLIT_V": slices.split_into,
    "RESIZE_NEAREST_NEIGHBOR": moves.resize,
    "RESIZE_BILINEAR": moves.resize,
}

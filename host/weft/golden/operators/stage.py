"""From a node's accumulators to its int8 output: scale, rounding rule and clamp per runtime."""

import math
from weakref import WeakKeyDictionary

import numpy as np

from weft.golden.arithmetic import OutputStage, Rule
from weft.golden.operators.context import Context
from weft.graph import ACTIVATIONS, OPERATORS, Graph, Node, Runtime

__all__ = ["OutputStage", "activation_range", "output_stage"]

# What follows from the model alone.
_known: WeakKeyDictionary[Graph, dict[Node, OutputStage]] = WeakKeyDictionary()


def activation_range(
    activation: str, scale: np.float32, zero_point: int, runtime: Runtime
) -> tuple[int, int]:
    """Return the int8 values between which a fused activation clamps.

    LiteRT divides in float32 and rounds ties away from zero; ONNX Runtime rounds them to even, and
    so does XNNPACK, which adds the zero point first.
    """

    def quantized(bound: float, otherwise: int) -> int:
        if math.isinf(bound):
            return otherwise
        steps = np.float32(bound) / scale
        if runtime == Runtime.XNNPACK:
            return int(np.clip(np.rint(steps + np.float32(zero_point)), -128, 127))
        if runtime.is_onnx:
            rounded = np.rint(steps)
        else:
            rounded = np.sign(steps) * np.floor(np.abs(steps) + 0.5)
        return int(np.clip(zero_point + rounded, -128, 127))

    low, high = ACTIVATIONS[activation]
    return quantized(low, -128), quantized(high, 127)


def _left_to_litert(context: Context) -> bool:
    """Whether XNNPACK does not take a uint8 layer: where its one scale names a dimension.

    A product of tensors it takes if the second one has no zero point.
    """
    if context.graph.runtime != Runtime.XNNPACK:
        return False
    if context.node.operator == "BATCH_MATMUL":
        return context.zero_point(1) != 0
    if not OPERATORS[context.node.operator].weighted:
        return False
    quantization = context.tensor(1).quantization
    return quantization is not None and quantization.axis != 0


def output_stage(context: Context) -> OutputStage:
    """Return how the accumulators of a convolution, a product or a rescaling become int8."""
    known = _known.setdefault(context.graph, {})
    if (found := known.get(context.node)) is None:
        found = known[context.node] = _output_stage(context)
    return found


def _output_stage(context: Context) -> OutputStage:
    node, runtime = context.node, context.runtime
    scale, weighted = context.scale(0), OPERATORS[node.operator].weighted
    if weighted:
        quantization = context.tensor(1).quantization
        factor = np.ones(1, np.float32) if quantization is None else quantization.scale
    elif node.operator in ("MUL", "BATCH_MATMUL"):
        factor = np.array([context.scale(1)], np.float32)
    else:
        factor = np.ones(1, np.float32)
    unsigned = any(context.attributes.get(name, False) for name in ("unsigned", "fixed_point"))
    if runtime == Runtime.REFERENCE or (unsigned and _left_to_litert(context)):
        if unsigned and (weighted or node.operator == "BATCH_MATMUL"):
            # Multiplies the scales in float32.
            real = (scale * factor).astype(np.float64) / np.float64(context.output_scale)
        elif node.operator == "MUL":  # whose scale LiteRT computes in float32
            real = ((scale * factor) / context.output_scale).astype(np.float64)
        else:
            real = np.float64(scale) * factor.astype(np.float64) / np.float64(context.output_scale)
        fixed = context.attributes.get("fixed_point", False)
        real_product = node.operator == "FULLY_CONNECTED" and not fixed
        rule = Rule.FLOAT64 if real_product else Rule.DOUBLE
    else:
        real = ((scale * factor) / context.output_scale).astype(np.float64)
        rule = Rule.FLOAT32
    if node.operator == "MEAN" and runtime != Runtime.REFERENCE:
        shape = context.tensor(0).shape
        count = np.float32(math.prod(shape[axis] for axis in node.attributes["axes"]))
        real = (scale / (context.output_scale * count) * np.ones(1)).astype(np.float64)
    zero_point = context.output_zero_point
    activation = context.attributes.get("activation", "NONE")
    low, high = activation_range(activation, context.output_scale, zero_point, runtime)
    if weighted and context.has(2) and context.value(2).dtype == np.float32:
        step = np.float64(context.output_scale)
        real = np.float64(scale) * factor.astype(np.float64) / step
        addend = context.value(2).astype(np.float64) / step
        return OutputStage(Rule.REAL, real, zero_point, low, high, addend)
    return OutputStage(rule, real, zero_point, low, high)

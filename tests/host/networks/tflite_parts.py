"""Random .tflite networks: a convolution, and behind it what no plan can say.

That is an LSTM, detection, operators in float32, products of tensors, blocks as images. A network
that LiteRT refuses is compared with nothing.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from networks.plan import SIDES
from networks.tflite_net import Net, QParams

__all__ = ["PARTS", "detection", "lstm", "parts_network", "real"]

TANH = 4  # the activation
IMAGE: QParams = (0.05, -3)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def shape_of(net: Net, tensor: int) -> tuple[int, ...]:
    return tuple(net.writer.graph.tensors[tensor].shape)


def step_of(net: Net, tensor: int) -> QParams:
    found = net.writer.graph.tensors[tensor].quantization
    return found.scale[0], found.zeroPoint[0]


def real(net: Net, x: int) -> int:
    """Add DEQUANTIZE."""
    return net.op(
        "DEQUANTIZE", [x], net.tensor(shape_of(net, x), dtype=np.float32), "DequantizeOptions"
    )


def reshaped(net: Net, x: int, *shape: int) -> int:
    dtype = np.float32 if net.writer.graph.tensors[x].quantization is None else None
    result = net.tensor(shape, None if dtype else step_of(net, x), dtype=dtype)
    return net.op("RESHAPE", [x, net.constant(ints(*shape))], result)


def lstm(
    net: Net,
    rng: np.random.Generator,
    x: int,
    *,
    cells: int,
    cell_bits: int = 3,
    clip: float = 0.0,
    coarse: bool = False,
    **changes: Any,
) -> int:
    """Add UNIDIRECTIONAL_SEQUENCE_LSTM of int8, of ``x`` (1, times, depth); return its output.

    ``changes`` are other options, and ``input_N`` another operand.
    """
    (_, times, depth), (scale_x, _) = shape_of(net, x), step_of(net, x)
    scales = rng.uniform(0.004, 0.02, 8) * (10 if coarse else 1)
    weights = [
        net.constant(rng.integers(-127, 128, (cells, size)).astype(np.int8), (scale, 0))
        for size, scale in zip(4 * [depth] + 4 * [cells], scales, strict=True)
    ]
    biases = [
        net.constant(rng.integers(-3000, 3000, cells).astype(np.int32), (scale * scale_x, 0))
        for scale in scales[:4]
    ]
    hidden = (0.0078, int(rng.integers(-9, 9)))
    states = [
        net.tensor((1, cells), hidden),
        net.tensor((1, cells), (2.0 ** (cell_bits - 15), 0), dtype=np.int16),
    ]
    for state in states:
        net.writer.graph.tensors[state].isVariable = True
    operands = [x, *weights, *3 * [-1], *biases, -1, -1, *states, *4 * [-1]]
    operands = [changes.pop(f"input_{i}", value) for i, value in enumerate(operands)]
    options = {"fusedActivationFunction": TANH, "cellClip": clip, **changes}
    y = net.op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        operands,
        net.tensor((1, times, cells), hidden),
        "UnidirectionalSequenceLSTMOptions",
        **options,
    )
    inside = [net.tensor((0,), (2.0**-12, 0), dtype=np.int16) for _ in range(4)]
    net.writer.graph.operators[-1].intermediates = [*inside, net.tensor((0,), hidden)]
    return y


def detection(net: Net, offsets: int, scores: int, anchors: int, **options: Any) -> list[int]:
    """Add TFLite_Detection_PostProcess; return its outputs."""
    custom: Any = schema.OperatorCodeT()
    custom.builtinCode = custom.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    custom.customCode, custom.version = b"TFLite_Detection_PostProcess", 1
    net.writer.model.operatorCodes.append(custom)
    outputs = [net.tensor((), dtype=np.float32) for _ in range(4)]
    operator: Any = schema.OperatorT()
    operator.opcodeIndex = len(net.writer.model.operatorCodes) - 1
    operator.inputs, operator.outputs = [offsets, scores, anchors], outputs
    operator.customOptions = list(bytes(flexbuffers.Dumps(options)))
    net.writer.graph.operators.append(operator)
    return outputs


def convolution(net: Net, rng: np.random.Generator, x: int, channels: int, side: int = 1) -> int:
    """Add CONV_2D with padding SAME."""
    (*sides, depth), (scale_x, _) = shape_of(net, x), step_of(net, x)
    data = rng.integers(-127, 128, (channels, side, side, depth)).astype(np.int8)
    scales = [float(np.float32(s)) for s in rng.uniform(0.002, 0.02, channels)]
    bias = rng.integers(-2000, 2000, channels).astype(np.int32)
    spread = scale_x * max(scales) * 74 * 74 * math.sqrt(side * side * depth)
    operands = [x, net.weights(data, scales), net.weights(bias, [scale_x * s for s in scales])]
    step = (float(np.float32(spread / 50)), int(rng.integers(-128, 128)))
    result = net.tensor((*sides, channels), step)
    return net.op("CONV_2D", operands, result, "Conv2DOptions", strideW=1, strideH=1)


def recurrent(net: Net, rng: np.random.Generator, x: int) -> list[int]:
    _, rows, columns, depth = shape_of(net, x)
    bits, coarse = int(rng.integers(0, 7)), bool(rng.integers(2))
    sequence = reshaped(net, x, 1, rows, columns * depth)
    cells = int(rng.integers(1, 14))
    return [lstm(net, rng, sequence, cells=cells, cell_bits=bits, coarse=coarse)]


def boxes(net: Net, rng: np.random.Generator, x: int) -> list[int]:
    """Boxes and scores by a convolution each."""
    _, rows, columns, _ = shape_of(net, x)
    count, classes = rows * columns * 2, int(rng.integers(1, 5))
    background = int(rng.integers(2))
    offsets = reshaped(net, convolution(net, rng, x, 8), 1, count, 4)
    width = classes + background
    scores = reshaped(net, convolution(net, rng, x, 2 * width), 1, count, width)
    scores = net.op("LOGISTIC", [scores], net.tensor((1, count, width), (1 / 256, -128)))
    anchors = net.constant(rng.uniform(0.1, 0.9, (count, 4)).astype(np.float32))
    return detection(
        net,
        real(net, offsets),
        real(net, scores),
        anchors,
        max_detections=int(rng.integers(1, 12)),
        max_classes_per_detection=1,
        num_classes=classes,
        nms_score_threshold=float(rng.choice([1e-8, 0.4])),
        nms_iou_threshold=float(rng.choice([0.2, 0.5, 0.8])),
        y_scale=10.0,
        x_scale=9.0,
        h_scale=5.0,
        w_scale=4.0,
    )


def attention(net: Net, rng: np.random.Generator, x: int) -> list[int]:
    _, rows, columns, depth = shape_of(net, x)
    (scale, _), count = step_of(net, x), rows * columns
    x = reshaped(net, x, 1, count, depth)
    step = (float(np.float32(scale * scale * 900 * math.sqrt(depth))), int(rng.integers(-90, 90)))
    options = {"options": "BatchMatMulOptions"}
    y = net.op("BATCH_MATMUL", [x, x], net.tensor((1, count, count), step), adjY=True, **options)
    y = net.op(
        "SOFTMAX", [y], net.tensor((1, count, count), (1 / 256, -128)), "SoftmaxOptions", beta=1.0
    )
    return [net.op("BATCH_MATMUL", [y, x], net.tensor((1, count, depth), (scale, 5)), **options)]


def dilated(net: Net, rng: np.random.Generator, x: int) -> list[int]:
    _, *sides, depth = shape_of(net, x)
    blocks = [int(rng.integers(1, 4)) for _ in sides]
    edges = [[1, 1 + -(side + 2) % block] for side, block in zip(sides, blocks, strict=True)]
    wide = [(s + sum(e)) // b for s, e, b in zip(sides, edges, blocks, strict=True)]
    inside = net.tensor((math.prod(blocks), *wide, depth), step_of(net, x))
    operands = [x, net.constant(ints(*blocks)), net.constant(np.array(edges, np.int32))]
    y = net.op("SPACE_TO_BATCH_ND", operands, inside, "SpaceToBatchNDOptions")
    y = convolution(net, rng, y, int(rng.integers(1, 9)), side=min(3, *wide))
    result = net.tensor((1, *sides, shape_of(net, y)[3]), step_of(net, y))
    return [net.op("BATCH_TO_SPACE_ND", [y, *operands[1:]], result, "BatchToSpaceNDOptions")]


def floats(net: Net, rng: np.random.Generator, x: int) -> list[int]:
    """Some operators in float32, of which LiteRT's bits are known."""
    kept, y = x, real(net, x)
    for _ in range(int(rng.integers(1, 5))):
        y = FLOATS[int(rng.integers(len(FLOATS)))](net, rng, y)
    if rng.random() < 0.4:
        return [y]
    step = (step_of(net, kept)[0], int(rng.integers(-128, 128)))
    return [net.op("QUANTIZE", [y], net.tensor(shape_of(net, y), step), "QuantizeOptions")]


def _float(net: Net, kind: str, inputs, shape=None, options="", **fields) -> int:
    shape = shape_of(net, inputs[0]) if shape is None else shape
    return net.op(kind, inputs, net.tensor(shape, dtype=np.float32), options, **fields)


def _one(net: Net, rng: np.random.Generator, x: int) -> int:
    kind, options, fields = ONE[int(rng.integers(len(ONE)))]
    return _float(net, kind, [x], None, options, **fields)


def _two(net: Net, rng: np.random.Generator, x: int) -> int:
    kind, options = TWO[int(rng.integers(len(TWO)))]
    numbers = rng.uniform(0.5, 2, (1, 1, 1, shape_of(net, x)[3])).astype(np.float32)
    return _float(net, kind, [x, net.constant(numbers)], None, options)


def _reduced(net: Net, rng: np.random.Generator, x: int) -> int:
    kind = str(rng.choice(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]))
    axes = [(1, 2), (3,), (1,)][int(rng.integers(3))]
    shape = tuple(1 if i in axes else size for i, size in enumerate(shape_of(net, x)))
    return _float(net, kind, [x, net.constant(ints(*axes))], shape, "ReducerOptions", keepDims=True)


def _pooled(net: Net, rng: np.random.Generator, x: int) -> int:
    kind = str(rng.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
    sides = {"filterWidth": 2, "filterHeight": 2, "strideW": 1, "strideH": 1}
    return _float(net, kind, [x], None, "Pool2DOptions", **sides)


def _resized(net: Net, rng: np.random.Generator, x: int) -> int:
    images, *_, depth = shape_of(net, x)
    size = [int(s) for s in rng.integers(1, 9, 2)]
    kind = str(rng.choice(["Bilinear", "NearestNeighbor"]))
    name = {"Bilinear": "RESIZE_BILINEAR"}.get(kind, "RESIZE_NEAREST_NEIGHBOR")
    flags = [{}, {"alignCorners": True}, {"halfPixelCenters": True}][int(rng.integers(3))]
    operands = [x, net.constant(ints(*size))]
    return _float(net, name, operands, (images, *size, depth), f"Resize{kind}Options", **flags)


def _padded(net: Net, rng: np.random.Generator, x: int) -> int:
    pairs = np.array([[0, 0], [1, 0], [0, 2], [0, 1]], np.int32)
    shape = tuple(s + int(p.sum()) for s, p in zip(shape_of(net, x), pairs, strict=True))
    return _float(net, "PAD", [x, net.constant(pairs)], shape, "PadOptions")


ONE = [
    ("ABS", "AbsOptions", {}),
    ("NEG", "NegOptions", {}),
    ("RELU", "", {}),
    ("RELU6", "", {}),
    ("RELU_N1_TO_1", "", {}),
    ("LEAKY_RELU", "LeakyReluOptions", {"alpha": 0.3}),
    ("HARD_SWISH", "HardSwishOptions", {}),
]
TWO = [
    ("ADD", "AddOptions"),
    ("SUB", "SubOptions"),
    ("MUL", "MulOptions"),
    ("DIV", "DivOptions"),
    ("MAXIMUM", "MaximumMinimumOptions"),
    ("MINIMUM", "MaximumMinimumOptions"),
    ("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
    ("PRELU", ""),
]
FLOATS = (_one, _two, _reduced, _pooled, _resized, _padded)
PARTS = (recurrent, boxes, attention, dilated, floats)


def parts_network(seed: int, sides: Sequence[int] = SIDES) -> tuple[Net, list[int]]:
    """Return a network with one of ``PARTS``, and its outputs."""
    rng, net = np.random.default_rng(seed), Net()
    sides = [side for side in sides if side <= 8]
    rows, columns = (int(rng.choice(sides)) for _ in range(2))
    x = net.input((1, rows, columns, int(rng.integers(1, 9))), IMAGE)
    y = convolution(net, rng, x, int(rng.integers(1, 13)), side=int(rng.choice([1, 3])))
    return net, PARTS[seed % len(PARTS)](net, rng, y)

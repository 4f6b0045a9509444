"""Operators of .tflite files that move, compare or compute: exact against LiteRT's kernels."""

import pytest

pytest.importorskip("ai_edge_litert")

from collections.abc import Callable

import numpy as np
from networks.tflite_random import IMAGE, Case, Random, ints


def pack(r: Random, axis: int) -> Case:
    step, shape = r.step(), [1, 4, 5]
    inputs = [r.net.input(shape, step) for _ in range(3)]
    shape.insert(axis, 3)
    return r.net, r.net.op(
        "PACK", inputs, r.net.tensor(shape, step), "PackOptions", axis=axis, valuesCount=3
    )


def prelu(r: Random, *shape: int) -> Case:
    slopes = r.rng.integers(0, 100, shape).astype(r.net.dtype)
    x, alpha = r.net.input(IMAGE, r.step()), r.net.constant(slopes, r.step())
    return r.net, r.net.op("PRELU", [x, alpha], r.net.tensor(IMAGE, r.step()))


def batch_matmul(r: Random, transposed: bool) -> Case:
    x = r.net.input((1, 7, 12), r.step())
    data = r.rng.integers(-127, 128, (9, 12) if transposed else (12, 9)).astype(np.int8)
    result = r.net.tensor((1, 7, 9), r.step())
    return r.net, r.net.op(
        "BATCH_MATMUL",
        [x, r.net.constant(data, (0.011, 0))],
        result,
        "BatchMatMulOptions",
        adjY=transposed,
    )


def products(r: Random, left, right, *, constant=False, zero_point=0, **adjoint) -> Case:
    """BATCH_MATMUL of two tensors, whose matrices are turned where ``adjoint`` says so."""
    step = (r.step()[0], zero_point)
    x = r.net.input(left, r.step())
    data = r.rng.integers(-127, 128, right).astype(np.int8)
    y = r.net.constant(data, step) if constant else r.net.input(right, step)
    rows, columns = (
        left[-1 if adjoint.get("adjX") else -2],
        right[-2 if adjoint.get("adjY") else -1],
    )
    lead = np.broadcast_shapes(left[:-2], right[:-2])
    result = r.net.tensor((*lead, rows, columns), r.step())
    return r.net, r.net.op("BATCH_MATMUL", [x, y], result, "BatchMatMulOptions", **adjoint)


def in_blocks(r: Random, name: str, shape, output, sides, edges) -> Case:
    options = {"SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions"}.get(name, "BatchToSpaceNDOptions")
    return r.moved(name, shape, output, options, ints(*sides), np.array(edges, np.int32))


def position(r: Random, name: str, axis: int) -> Case:
    x, along = r.net.input(IMAGE, r.step()), r.net.constant(np.array(axis, np.int32))
    shape = [size for i, size in enumerate(IMAGE) if i != axis]
    y = r.net.tensor(shape, dtype=np.int32)
    options = {"ARG_MAX": "ArgMaxOptions"}.get(name, "ArgMinOptions")
    return r.net, r.net.op(name, [x, along], y, options, outputType=2)


def select(r: Random, name: str) -> Case:
    step = r.step()
    condition = r.net.constant(r.rng.integers(0, 2, IMAGE).astype(bool))
    a, b = (r.net.input(IMAGE, step) for _ in range(2))
    options = "SelectV2Options" if name == "SELECT_V2" else "SelectOptions"
    return r.net, r.net.op(name, [condition, a, b], r.net.tensor(IMAGE, step), options)


MIRROR = np.array([[0, 0], [2, 1], [1, 0], [0, 0]], np.int32)
SCALAR = np.array(2, np.int32)
MOVES: dict[str, Callable[[Random], Case]] = {
    "SPLIT": lambda r: r.moved(
        "SPLIT", IMAGE, [(1, 6, 4, 6)] * 2, "SplitOptions", SCALAR, front=True, numSplits=2
    ),
    "SPLIT_V": lambda r: r.moved(
        "SPLIT_V",
        IMAGE,
        [(1, 6, 8, 1), (1, 6, 8, 3), (1, 6, 8, 2)],
        "SplitVOptions",
        ints(1, -1, 2),
        SCALAR + 1,
        numSplits=3,
    ),
    "PACK rows": lambda r: pack(r, 1),
    "PACK channels": lambda r: pack(r, 3),
    "PACK of one": lambda r: r.moved(
        "PACK", (1, 4, 5), (1, 1, 4, 5), "PackOptions", axis=0, valuesCount=1
    ),
    "UNPACK": lambda r: r.moved("UNPACK", IMAGE, [(1, 8, 6)] * 6, "UnpackOptions", axis=1, num=6),
    "STRIDED_SLICE": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 3, 2, 6),
        "StridedSliceOptions",
        ints(0, 0, 1, 0),
        ints(1, 6, 7, 0),
        ints(1, 2, 4, 1),
        endMask=8,
    ),
    "STRIDED_SLICE backwards": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 6, 5, 6),
        "StridedSliceOptions",
        ints(0, 0, -1, 0),
        ints(1, 6, 2, 0),
        ints(1, 1, -1, 1),
        endMask=8,
    ),
    "STRIDED_SLICE of one row": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 8, 6),
        "StridedSliceOptions",
        ints(0, -2, 0, 0),
        ints(0, -1, 0, 0),
        ints(1, 1, 1, 1),
        beginMask=13,
        endMask=13,
        shrinkAxisMask=2,
    ),
    "STRIDED_SLICE of the first row, whatever it says": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 8, 6),
        "StridedSliceOptions",
        ints(0, -2, 0, 0),
        ints(0, -1, 0, 0),
        ints(1, 1, 1, 1),
        beginMask=15,
        endMask=13,
        shrinkAxisMask=2,
    ),
    "SLICE": lambda r: r.moved(
        "SLICE", IMAGE, (1, 4, 8, 3), "SliceOptions", ints(0, 1, 0, 2), ints(1, 4, -1, 3)
    ),
    "GATHER": lambda r: r.moved(
        "GATHER", IMAGE, (1, 3, 8, 6), "GatherOptions", ints(5, 0, 5), axis=1
    ),
    "TILE": lambda r: r.moved("TILE", (1, 3, 4, 2), (1, 6, 4, 6), "", ints(1, 2, 1, 3)),
    "BROADCAST_TO": lambda r: r.moved(
        "BROADCAST_TO", (1, 1, 8, 1), IMAGE, "BroadcastToOptions", ints(*IMAGE)
    ),
    "REVERSE_V2": lambda r: r.moved("REVERSE_V2", IMAGE, IMAGE, "ReverseV2Options", ints(2)),
    "MIRROR_PAD reflected": lambda r: r.moved(
        "MIRROR_PAD", IMAGE, (1, 9, 9, 6), "MirrorPadOptions", MIRROR, mode=0
    ),
    "MIRROR_PAD symmetric": lambda r: r.moved(
        "MIRROR_PAD", IMAGE, (1, 9, 9, 6), "MirrorPadOptions", MIRROR, mode=1
    ),
    "DEPTH_TO_SPACE": lambda r: r.moved(
        "DEPTH_TO_SPACE", (1, 3, 4, 12), (1, 6, 8, 3), "DepthToSpaceOptions", blockSize=2
    ),
    "SPACE_TO_DEPTH": lambda r: r.moved(
        "SPACE_TO_DEPTH", (1, 6, 8, 3), (1, 3, 4, 12), "SpaceToDepthOptions", blockSize=2
    ),
    "SPACE_TO_BATCH_ND": lambda r: in_blocks(
        r, "SPACE_TO_BATCH_ND", (2, 5, 8, 3), (12, 3, 4, 3), (3, 2), [[1, 3], [0, 0]]
    ),
    "SPACE_TO_BATCH_ND of sequences": lambda r: in_blocks(
        r, "SPACE_TO_BATCH_ND", (1, 9, 4), (2, 6, 4), (2,), [[2, 1]]
    ),
    "BATCH_TO_SPACE_ND": lambda r: in_blocks(
        r, "BATCH_TO_SPACE_ND", (12, 3, 4, 3), (2, 5, 8, 3), (3, 2), [[1, 3], [0, 0]]
    ),
    "BATCH_TO_SPACE_ND of sequences": lambda r: in_blocks(
        r, "BATCH_TO_SPACE_ND", (2, 6, 4), (1, 9, 4), (2,), [[2, 1]]
    ),
    "ARG_MIN": lambda r: position(r, "ARG_MIN", 3),
    "ARG_MAX of rows": lambda r: position(r, "ARG_MAX", 1),
    "EXPAND_DIMS": lambda r: r.moved(
        "EXPAND_DIMS", IMAGE, (1, 6, 1, 8, 6), "ExpandDimsOptions", SCALAR
    ),
    "REDUCE_MAX": lambda r: r.moved("REDUCE_MAX", IMAGE, (1, 6), "ReducerOptions", ints(1, 2)),
    "REDUCE_MIN": lambda r: r.moved(
        "REDUCE_MIN", IMAGE, (1, 6, 1, 6), "ReducerOptions", ints(-2), keepDims=True
    ),
    "MAXIMUM": lambda r: r.pair("MAXIMUM", "MaximumMinimumOptions", same=True),
    "MINIMUM": lambda r: r.pair("MINIMUM", "MaximumMinimumOptions", same=True, other=(1, 1, 1, 6)),
    "SELECT": lambda r: select(r, "SELECT"),
    "SELECT_V2": lambda r: select(r, "SELECT_V2"),
    "PRELU": lambda r: prelu(r, 1, 1, 6),
    "PRELU of one slope": lambda r: prelu(r, 1, 1, 1),
    "PRELU of a slope for each value": lambda r: prelu(r, *IMAGE[1:]),
    "PRELU of a slope for each column": lambda r: prelu(r, IMAGE[2], 1),
    "RESIZE_BILINEAR": lambda r: r.moved(
        "RESIZE_BILINEAR", IMAGE, (1, 13, 17, 6), "ResizeBilinearOptions", ints(13, 17)
    ),
    "RESIZE_BILINEAR of corners": lambda r: r.moved(
        "RESIZE_BILINEAR",
        IMAGE,
        (1, 13, 3, 6),
        "ResizeBilinearOptions",
        ints(13, 3),
        alignCorners=True,
    ),
    "RESIZE_BILINEAR of centres": lambda r: r.moved(
        "RESIZE_BILINEAR",
        IMAGE,
        (1, 4, 17, 6),
        "ResizeBilinearOptions",
        ints(4, 17),
        halfPixelCenters=True,
    ),
    "LOG_SOFTMAX": lambda r: r.computed(
        "LOG_SOFTMAX", "LogSoftmaxOptions", shape=(3, 50), step=(1 / 16, 127 + r.offset)
    ),
}
# LiteRT has no kernels of these for uint8.
FUNCTIONS: dict[str, Callable[[Random], Case]] = {
    "EXP": lambda r: r.computed("EXP", "ExpOptions"),
    "LOG": lambda r: r.computed("LOG"),
    "ABS": lambda r: r.computed("ABS", "AbsOptions"),
    "RSQRT": lambda r: r.computed("RSQRT", x_step=(r.step()[0], -128)),
    "NEG": lambda r: r.computed("NEG", "NegOptions", step=(0.03, 7), x_step=(0.03, -7)),
    "SQUARED_DIFFERENCE": lambda r: r.pair("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
    "BATCH_MATMUL": lambda r: batch_matmul(r, False),
    "BATCH_MATMUL transposed": lambda r: batch_matmul(r, True),
    "BATCH_MATMUL of two": lambda r: products(r, (1, 7, 12), (1, 12, 9)),
    "BATCH_MATMUL of two, repeated": lambda r: products(
        r, (2, 3, 7, 12), (1, 3, 9, 12), adjY=True, zero_point=-9
    ),
    "BATCH_MATMUL of two, both turned": lambda r: products(
        r, (2, 12, 7), (2, 9, 12), adjX=True, adjY=True, zero_point=5
    ),
    "BATCH_MATMUL of matrices": lambda r: products(r, (7, 12), (12, 9)),
    "BATCH_MATMUL by several": lambda r: products(
        r, (3, 12, 7), (3, 12, 9), adjX=True, constant=True
    ),
}


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", MOVES)
def test_moves_and_comparisons(name, dtype, rounding):
    for seed in range(5):
        net, outputs = MOVES[name](Random(seed, dtype))
        assert net.differences(outputs, rounding=rounding) == 0


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, rounding):
    for seed in range(20):
        net, outputs = FUNCTIONS[name](Random(seed))
        assert net.differences(outputs, rounding=rounding) == 0

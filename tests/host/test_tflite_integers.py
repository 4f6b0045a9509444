"""Whole numbers and truth values of .tflite files: exact against LiteRT's kernels."""

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from graph_builder import check
from networks.tflite_net import SEED, Net
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.tflite.walk import import_tflite
from weft_hw.contract.config import CONFIGS

COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
ROUNDINGS = ("reference", "xnnpack")
IMAGE = (2, 4, 5, 3)
WHOLE = pytest.mark.parametrize("dtype", [np.int32, np.int64], ids=lambda d: d.__name__)


def options_of(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_")) + "Options"


def random_step(rng) -> tuple[float, int]:
    return float(np.float32(rng.uniform(0.01, 0.2))), int(rng.integers(-128, 128))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("other", [IMAGE, (1, 1, 3), (1, 4, 1, 1)], ids=str)
@pytest.mark.parametrize("kind", COMPARISONS)
def test_quantised_tensors_are_compared(kind, other, rounding):
    for seed in range(4):
        rng, net = np.random.default_rng(seed), Net((np.int8, np.uint8)[seed % 2])
        offset = 128 * (seed % 2)
        steps = [(s, z + offset) for s, z in (random_step(rng), random_step(rng))]
        if seed == 2:
            steps[1] = steps[0]
        elif seed == 3:  # many are equal
            steps = [(0.75, 128), (0.375, 128)]
        a, b = net.input(IMAGE, steps[0]), net.input(other, steps[1])
        y = net.op(kind, [a, b], net.tensor(IMAGE, dtype=np.bool_), options_of(kind))
        assert net.differences(y, rounding=rounding) == 0


def test_scales_of_1_or_more_are_not_compared():
    """LiteRT shifts by a negative number of bits."""
    net = Net()
    a, b = net.input(IMAGE, (1.5, 0)), net.input(IMAGE, (0.75, 0))
    y = net.op("LESS", [a, b], net.tensor(IMAGE, dtype=np.bool_), "LessOptions")
    with pytest.raises(ModelError, match="which LiteRT leaves undefined"):
        import_tflite(net.bytes(y), "m", "reference")


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64], ids=lambda d: d.__name__)
@pytest.mark.parametrize("kind", COMPARISONS)
def test_numbers_are_compared_and_joined(kind, dtype):
    """The result is turned around, joined with another one, and selects."""
    net = Net()
    a, b = (net.input((3, 40), None, dtype=dtype) for _ in range(2))
    x = net.input((3, 40))
    options = options_of(kind)
    c, d, e, f = (net.tensor((3, 40), dtype=np.bool_) for _ in range(4))
    net.op(kind, [a, b], c, options)
    net.op("LOGICAL_NOT", [c], d, "LogicalNotOptions")
    net.op("LESS", [b, a], e, "LessOptions")
    net.op("LOGICAL_OR", [d, e], f, "LogicalOrOptions")
    g = net.op("LOGICAL_AND", [f, c], net.tensor((3, 40), dtype=np.bool_), "LogicalAndOptions")
    y = net.tensor((3, 40), (0.05, -3))
    net.op("SELECT_V2", [f, x, net.constant(np.array(7, np.int8), (0.05, -3))], y)
    rng = np.random.default_rng(3)
    feeds = [rng.integers(-3, 4, (3, 40)).astype(dtype) for _ in range(2)]
    assert net.differences([y, g], feeds=[*feeds, net.feeds()[2]]) == 0


def test_a_comparison_that_selects_is_compiled():
    """Where one of two branches is the greater one, by a number that is far from their scale."""
    rng, net = np.random.default_rng(5), Net()
    x = net.input((1, 6, 6, 8), (0.04, 3))
    data = rng.integers(-127, 128, (8, 1, 1, 8)).astype(np.int8)
    weights = net.weights(data, [0.01] * 8)
    bias = net.weights(rng.integers(-999, 999, 8).astype(np.int32), [0.0004] * 8)
    y = net.tensor((1, 6, 6, 8), (0.04, 3))
    net.op("CONV_2D", [x, weights, bias], y, "Conv2DOptions", strideW=1, strideH=1)
    limit = net.constant(np.array([90], np.int8), (0.011, 0))
    greater = net.op("GREATER", [y, limit], net.tensor((1, 6, 6, 8), dtype=np.bool_))
    z = net.op("SELECT_V2", [greater, x, y], net.tensor((1, 6, 6, 8), (0.04, 3)))
    assert net.differences(z) == 0
    graph = import_tflite(net.bytes(z), "m", "reference")
    check(graph, CONFIGS["tiny"], dict(zip(graph.inputs, net.feeds(), strict=True)))


@WHOLE
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "NEG"])
def test_arithmetic(kind, dtype):
    net = Net()
    x = net.input((5, 40), None, dtype=dtype)
    operands = [x]
    if kind != "NEG":
        numbers = np.array([3, -7, 48, 1 << 30, 5] * 8, dtype)
        operands.append(net.constant(numbers if kind == "ADD" else numbers[:1]))
    options = "MaximumMinimumOptions" if kind == "MAXIMUM" else options_of(kind)
    y = net.op(kind, operands, net.tensor((5, 40), dtype=dtype), options)
    if (kind, dtype) == ("FLOOR_DIV", np.int64):
        return  # of which LiteRT has no kernel
    assert net.differences(y) == 0


def test_division_by_zero():
    """LiteRT stops as well."""
    net = Net()
    a, b = (net.input((1, 4), None, dtype=np.int32) for _ in range(2))
    y = net.op("FLOOR_DIV", [a, b], net.tensor((1, 4), dtype=np.int32), "FloorDivOptions")
    feeds = [np.ones((1, 4), np.int32), np.array([[1, 2, 0, 3]], np.int32)]
    with pytest.raises(RuntimeError):
        net.differences(y, feeds=feeds)
    graph = import_tflite(net.bytes(y), "m", "reference")
    with pytest.raises(ModelError, match="division by zero"):
        reference.run(graph, dict(zip(graph.inputs, feeds, strict=True)))


CASTS = [
    (np.uint8, np.float32),
    (np.uint8, np.int32),
    (np.int32, np.float32),
    (np.int64, np.float32),
    (np.int32, np.int64),
    (np.int64, np.int32),
    (np.float32, np.bool_),
    (np.bool_, np.float32),
    (np.bool_, np.int32),
]


@pytest.mark.parametrize(("source", "target"), CASTS, ids=lambda d: d.__name__)
def test_cast(source, target):
    net = Net()
    x = net.input((3, 40), None, dtype=source)
    y = net.op("CAST", [x], net.tensor((3, 40), dtype=target), "CastOptions")
    z = net.op("QUANTIZE", [net.input((3, 4), None, dtype=np.float32)], net.tensor((3, 4), (1, 0)))
    assert net.differences([y, z]) == 0


def test_cast_of_what_is_quantised_is_refused():
    net = Net(np.uint8)
    x = net.op("RELU", [net.input((1, 4), (0.1, 3))], net.tensor((1, 4), (0.1, 3)))
    y = net.op("CAST", [x], net.tensor((1, 4), dtype=np.float32), "CastOptions")
    with pytest.raises(ModelError, match="CAST of a quantised tensor"):
        import_tflite(net.bytes(y), "m", "reference")


@WHOLE
@pytest.mark.parametrize(
    ("shape", "places"), [((6, 5, 3), (4, 1)), ((1, 6, 5, 3), (7, 3)), ((2, 6), (2, 3, 2))], ids=str
)
def test_gather_nd(shape, places, dtype):
    net, depth = Net(), places[-1]
    x, at = net.input(shape), net.input(places, None, dtype=dtype)
    y = net.tensor((*places[:-1], *shape[depth:]), (0.05, -3))
    net.op("GATHER_ND", [x, at], y, "GatherNdOptions")
    rng = np.random.default_rng(SEED)
    positions = rng.integers(0, shape[:depth], places).astype(dtype)
    assert net.differences(y, feeds=[net.feeds()[0], positions]) == 0
    graph = import_tflite(net.bytes(y), "m", "reference")
    feeds = [net.feeds()[0], positions - shape[0]]
    with pytest.raises(ModelError, match="a position lies outside"):
        reference.run(graph, dict(zip(graph.inputs, feeds, strict=True)))


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis", "places"),
    [((9, 5), 0, (7,)), ((9, 5), 0, (1, 4)), ((2, 9, 5), 1, (3, 4)), ((2, 3, 9), 2, (6,))],
    ids=str,
)
def test_gather_at_positions_that_are_computed(shape, axis, places, table):
    net = Net()
    at = net.input(places, None, dtype=np.int32)
    if table:
        data = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
        x = net.constant(data, (0.05, -3))
    else:
        x = net.input(shape)
    y = net.tensor((*shape[:axis], *places, *shape[axis + 1 :]), (0.05, -3))
    net.op("GATHER", [x, at], y, "GatherOptions", axis=axis)
    positions = np.random.default_rng(SEED).integers(0, 9, places).astype(np.int32)
    assert net.differences(y, feeds=[positions, *net.feeds()[1:]]) == 0


def test_positions_are_computed():
    """Of the greatest value: as MoveNet looks for it."""
    net = Net()
    x = net.input((1, 6, 7, 3))
    flat = net.tensor((1, 42, 3), (0.05, -3))
    net.op("RESHAPE", [x, net.constant(np.array([1, 42, 3], np.int32))], flat)
    best, rows, start, columns = (net.tensor((1, 3), dtype=np.int32) for _ in range(4))
    wide = net.constant(np.array(7, np.int32))
    net.op(
        "ARG_MAX", [flat, net.constant(np.array(1, np.int32))], best, "ArgMaxOptions", outputType=2
    )
    net.op("FLOOR_DIV", [best, wide], rows, "FloorDivOptions")
    net.op("MUL", [rows, wide], start, "MulOptions")
    net.op("SUB", [best, start], columns, "SubOptions")
    lines = [net.constant(np.zeros(3, np.int32))]
    for value in (rows, columns):
        lines.append(net.tensor((3,), dtype=np.int32))
        net.op("RESHAPE", [value, net.constant(np.array([3], np.int32))], lines[-1])
    places, more = net.tensor((3, 3), dtype=np.int32), net.tensor((3, 4), dtype=np.int32)
    net.op("PACK", lines, places, "PackOptions", axis=1, valuesCount=3)
    channel = net.constant(np.array([[2], [0], [1]], np.int32))
    net.op("CONCATENATION", [places, channel], more, "ConcatenationOptions", axis=1)
    y = net.op("GATHER_ND", [x, more], net.tensor((3,), (0.05, -3)), "GatherNdOptions")
    real = net.op("CAST", [rows], net.tensor((1, 3), dtype=np.float32), "CastOptions")
    assert net.differences([y, places, real], calls=3) == 0
    front = net.tensor((1, 3), (0.05, -3))
    net.op("RESHAPE", [y, net.constant(np.array([1, 3], np.int32))], front)
    graph = import_tflite(net.bytes([front, real]), "m", "reference")
    check(graph, CONFIGS["tiny"], dict(zip(graph.inputs, net.feeds(), strict=True)))


STEPS = {np.int8: (0.07, -9), np.uint8: (0.06, 140), np.int16: (0.0003, 0), np.int32: (2e-5, 0)}
WIDE = [
    (np.int16, np.int8),
    (np.int16, np.int16),
    (np.int16, np.int32),
    (np.int32, np.int8),
    (np.int32, np.int16),
    (np.int8, np.int16),
    (np.uint8, np.int16),
]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("source", "target"), WIDE, ids=lambda d: d.__name__)
def test_quantize_of_more_bits(source, target, rounding):
    net = Net()
    x = net.input((4, 300), STEPS[source], dtype=source)
    scale = STEPS[target][0] * (0.9 if source is target else 1)
    y = net.tensor((4, 300), (scale, STEPS[target][1]), dtype=target)
    net.op("QUANTIZE", [x], y, "QuantizeOptions")
    assert net.differences(y, rounding=rounding) == 0


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_float32_to_int16_and_back(rounding):
    net = Net()
    x = net.input((4, 300), None, dtype=np.float32)
    y = net.tensor((4, 300), (0.0003, 0), dtype=np.int16)
    net.op("QUANTIZE", [x], y, "QuantizeOptions")
    z = net.op("DEQUANTIZE", [y], net.tensor((4, 300), dtype=np.float32), "DequantizeOptions")
    assert net.differences([y, z], rounding=rounding) == 0


@pytest.mark.parametrize("scale", [0.01, 0.07, 0.3])
def test_softmax_of_16_bits(scale):
    net = Net()
    x = net.input((30, 9), (scale, 5))
    y = net.tensor((30, 9), (1 / 65536, -32768), dtype=np.int16)
    net.op("SOFTMAX", [x], y, "SoftmaxOptions", beta=1.0)
    assert net.differences(y, calls=3) == 0
    with pytest.raises(ModelError, match="SOFTMAX of int8 to int16"):
        import_tflite(net.bytes(y), "m", "xnnpack")

"""Scales and values at the edge of what LiteRT's kernels compute."""

import pytest

pytest.importorskip("ai_edge_litert")

import numpy as np
from networks.tflite_net import Net
from networks.tflite_random import IMAGE, Case, Random
from weft.errors import ModelError
from weft.importers.tflite.walk import import_tflite


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
def test_int8_to_uint8_of_another_scale(rounding):
    """XNNPACK leaves it to LiteRT's own kernel."""
    for seed in range(5):
        r = Random(seed)
        x = r.net.input(IMAGE, r.step())
        y = r.net.tensor(IMAGE, (0.08, 140), dtype=np.uint8)
        r.net.op("QUANTIZE", [x], y, "QuantizeOptions")
        assert r.net.differences(y, rounding=rounding) == 0


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(("source", "target"), [(np.int8, np.uint8), (np.uint8, np.int8)])
def test_a_change_of_type_whose_ties_depend_on_their_place(source, target, inside):
    """-31.75 is -31 in the first 16 of 20 values, and -32 in the others, by LiteRT's own engine."""
    net = Net(source)
    step = (1 / 256, 128 if source is np.uint8 else 0)
    x = net.input((1, 20), step)
    z = net.op("RELU", [x], net.tensor((1, 20), step)) if inside else x
    y = net.tensor((1, 20), (1 / 64, 128 if target is np.uint8 else 0), dtype=target)
    net.op("QUANTIZE", [z], y, "QuantizeOptions")
    assert net.differences(y) == 0
    with pytest.raises(ModelError, match="between int8 and uint8"):
        import_tflite(net.bytes(y), "m", "xnnpack")


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize("zero_point", [-128, -7, 0, 9, 127])
def test_what_is_no_number_or_beyond_int32(zero_point, dtype, rounding):
    net = Net(dtype)
    numbers = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1.2e8, -1.2e8, 1.07e8, -1.07e8, 5e7, 1.0]
    x = net.input((1, 3 * len(numbers)), None, dtype=np.float32)
    step = (0.05, zero_point + (128 if dtype is np.uint8 else 0))
    y = net.op("QUANTIZE", [x], net.tensor((1, 3 * len(numbers)), step), "QuantizeOptions")
    feed = np.tile(np.array(numbers, np.float32), 3)[None]
    assert net.differences(y, rounding=rounding, feeds=[feed]) == 0
    z = net.op("RELU", [y], net.tensor((1, 3 * len(numbers)), step))  # y lies inside
    assert net.differences(z, rounding=rounding, feeds=[feed]) == 0


FAR = [
    ("ADD", 0.5, 0.0004, 0.5),
    ("SUB", 0.5, 0.4, 0.0004),
    ("SUB", 1.0, 1e-6, 1.0),
    ("MUL", 0.01, 0.01, 20.0),
]


def far_apart(kind: str, a: float, b: float, y: float, dtype) -> Case:
    r = Random(1, dtype)
    shape, steps = (1, 16, 16, 8), ((a, 3 + r.offset), (b, r.offset - 7))
    operands = [r.net.input(shape, step) for step in steps]
    made, options = r.net.tensor(shape, (y, 2 + r.offset)), f"{kind.capitalize()}Options"
    return r.net, r.net.op(kind, operands, made, options, fusedActivationFunction=1)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize(("kind", "a", "b", "y"), FAR)
def test_scales_so_far_apart_that_xnnpack_leaves_them_to_litert(kind, a, b, y, dtype):
    net, made = far_apart(kind, a, b, y, dtype)
    for rounding in ("reference", "xnnpack"):
        assert net.differences(made, rounding=rounding) == 0


@pytest.mark.parametrize(("kind", "y"), [("ADD", 0.5 / 256), ("MUL", 0.25 / 256)])
def test_a_scale_so_fine_that_litert_wraps_at_16_bits(kind, y):
    """The sum of 32.5 and 32.5 is the least value then; without XNNPACK it is the greatest."""
    net, made = far_apart(kind, 0.5, 0.5, y, np.int8)
    assert net.differences(made) == 0
    with pytest.raises(ModelError, match="with so fine a scale"):
        import_tflite(net.bytes(made), "m", "xnnpack")

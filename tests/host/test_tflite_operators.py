"""Operators of .tflite files one by one: exact against LiteRT's kernels."""

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from graph_builder import check
from networks.tflite_random import IMAGE, Random, ints
from weft.errors import ModelError
from weft.golden import arithmetic as golden
from weft.importers.tflite.walk import import_tflite
from weft_hw.contract.config import CONFIGS


def test_sum_is_that_of_litert_by_default():
    """LiteRT's reference kernel of SUM gives other values for sums below zero."""
    for seed in range(30):
        r = Random(seed)
        axes, shape = (((1, 2), (1, 6)), ((3,), (1, 6, 8)), ((2,), (1, 6, 6)))[seed % 3]
        x, along = r.net.input(IMAGE, r.step()), r.net.constant(ints(*axes))
        y = r.net.op("SUM", [x, along], r.net.tensor(shape, (0.7, -7)), "ReducerOptions")
        assert r.net.differences(y, rounding="xnnpack") == 0


def test_every_reciprocal_root():
    """1 / sqrt(q), to within what fixed point of 31 bits can hold after five Newton steps."""
    for value in range(2, 256):
        multiplier, exponent = golden.reciprocal_root(value)
        assert multiplier * 2.0 ** (exponent - 31) == pytest.approx(value**-0.5, rel=2e-6)


@pytest.mark.parametrize(
    ("case", "pattern"),
    [
        (lambda r: r.computed("RSQRT", x_step=(0.1, 0)), "RSQRT of values that may be negative"),
        (
            lambda r: r.computed("NEG", "NegOptions", x_step=(0.1, 5), step=(0.1, 5)),
            "NEG must have",
        ),
        (
            lambda r: r.moved("GATHER", IMAGE, IMAGE, "GatherOptions", ints(6), axis=1),
            "GATHER leaves dimension 1",
        ),
        (lambda r: r.moved("TILE", IMAGE, IMAGE, "", ints(1, 2)), "TILE .* does not fit shape"),
        (
            lambda r: r.moved(
                "SPLIT", IMAGE, [IMAGE] * 4, "SplitOptions", ints(1), front=True, numSplits=4
            ),
            "SPLIT cannot make 4 parts of 6",
        ),
        (lambda r: r.pair("MAXIMUM", "MaximumMinimumOptions"), "the same quantisation"),
    ],
)
def test_what_is_refused(case, pattern):
    net, outputs = case(Random(0))
    with pytest.raises(ModelError, match=pattern):
        import_tflite(net.bytes(outputs), "m", "reference")


@pytest.mark.parametrize("depthwise", [False, True])
def test_a_dilated_convolution_as_converters_spell_it_out(depthwise):
    """Compiled and run, too: the places in a block are maps of one image."""
    r = Random(3)
    x, step = r.net.input((1, 8, 6, 4), r.step()), r.step()
    sides = r.net.constant(ints(2, 2))
    around = r.net.constant(np.array([[2, 2], [2, 2]], np.int32))
    inside = r.net.tensor((4, 6, 5, 4), (0.05, -3))
    r.net.op("SPACE_TO_BATCH_ND", [x, sides, around], inside, "SpaceToBatchNDOptions")
    r.net.writer.graph.tensors[x].quantization.scale = [0.05]
    r.net.writer.graph.tensors[x].quantization.zeroPoint = [-3]
    shape = (1, 3, 3, 4) if depthwise else (4, 3, 3, 4)
    data, scales = r.rng.integers(-127, 128, shape).astype(np.int8), [0.01, 0.02, 0.005, 0.013]
    weights = r.net.weights(data, scales, axis=3 if depthwise else 0)
    bias = r.net.weights(r.rng.integers(-999, 999, 4).astype(np.int32), [0.05 * s for s in scales])
    made = r.net.tensor((4, 4, 3, 4), step)
    options = {"strideH": 1, "strideW": 1, "padding": 1}
    if depthwise:
        kind, table = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        options["depthMultiplier"] = 1
    else:
        kind, table = "CONV_2D", "Conv2DOptions"
    r.net.op(kind, [inside, weights, bias], made, table, **options)
    cut = r.net.constant(np.zeros((2, 2), np.int32))
    y = r.net.op(
        "BATCH_TO_SPACE_ND",
        [made, sides, cut],
        r.net.tensor((1, 8, 6, 4), step),
        "BatchToSpaceNDOptions",
    )
    assert r.net.differences(y) == 0
    graph = import_tflite(r.net.bytes(y), "m", "reference")
    check(graph, CONFIGS["tiny"], dict(zip(graph.inputs, r.net.feeds(), strict=True)))


@pytest.mark.parametrize(("kept", "size"), [(False, (1, 4, 5)), (True, (4, 5)), (False, (5,))])
def test_a_shape_that_fully_connected_does_not_give_is_refused(kept, size):
    r = Random(0)
    x = r.net.input((1, 4, 12) if len(size) > 1 else (12,), r.step())
    weights = r.net.weights(r.rng.integers(-99, 99, (5, 12)).astype(np.int8), [0.01])
    y = r.net.tensor(size, r.step())
    r.net.op("FULLY_CONNECTED", [x, weights], y, "FullyConnectedOptions", keepNumDims=kept)
    with pytest.raises(ModelError, match="its options say"):
        import_tflite(r.net.bytes(y), "m", "reference")


def test_a_depth_multiplier_that_the_shapes_do_not_have():
    """LiteRT's own kernel goes by the shapes; XNNPACK leaves it to another one, or stops."""
    r = Random(2)
    x = r.net.input((1, 5, 5, 3), r.step())
    weights = r.net.weights(
        r.rng.integers(-99, 99, (1, 3, 3, 6)).astype(np.int8), [0.01] * 6, axis=3
    )
    bias = r.net.weights(np.zeros(6, np.int32), [0.001] * 6)
    y = r.net.tensor((1, 3, 3, 6), r.step())
    options = {"strideH": 1, "strideW": 1, "padding": 1, "depthMultiplier": 0}
    r.net.op("DEPTHWISE_CONV_2D", [x, weights, bias], y, "DepthwiseConv2DOptions", **options)
    assert r.net.differences(y) == 0
    with pytest.raises(ModelError, match="with a depth multiplier of 0"):
        import_tflite(r.net.bytes(y), "m", "xnnpack")


@pytest.mark.parametrize(
    ("shape", "begin", "end", "masks"),
    [
        ((2, 6, 5), (0, -2), (0, 0), {"ellipsisMask": 1, "shrinkAxisMask": 2}),
        ((2, 6, 5, 2), (0, 0, 1), (2, 0, 3), {"ellipsisMask": 2}),
        ((2, 4, 5, 3), (0, 1, 0, 0, 0), (2, 5, 0, 5, 3), {"ellipsisMask": 4}),
        ((2, 1, 6, 5, 3), (0, 0, 0, 0), (2, 0, 6, 5), {"newAxisMask": 2}),
        ((2, 6, 5, 1, 2), (0, 0, 1), (0, 0, 3), {"ellipsisMask": 1, "newAxisMask": 2}),
        ((1, 2, 6, 5, 2), (0, 0, 1), (0, 0, 3), {"ellipsisMask": 2, "newAxisMask": 1}),
    ],
)
def test_strided_slices_with_an_ellipsis_or_a_new_dimension(shape, begin, end, masks):
    r = Random(4)
    bounds = ints(*begin), ints(*end), ints(*[1] * len(begin))
    options = "StridedSliceOptions"
    net, y = r.moved("STRIDED_SLICE", (2, 6, 5, 3), shape, options, *bounds, **masks)
    assert net.differences(y) == 0

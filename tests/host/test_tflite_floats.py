"""Operators in float32 between DEQUANTIZE and QUANTIZE of a .tflite file equal LiteRT's."""

import numpy as np
import pytest
from weft.compiler import compile_graph
from weft.errors import ModelError
from weft.importers.tflite.walk import import_tflite
from weft_hw.contract.config import get_config

pytest.importorskip("ai_edge_litert")

from networks.tflite_net import Net

SHAPE = (1, 6, 5, 8)
NONE, RELU, RELU6 = 0, 1, 3
# Operators of one tensor: options, and their fields.
UNARY = {
    "ABS": ("AbsOptions", {}),
    "NEG": ("NegOptions", {}),
    "RELU": ("", {}),
    "RELU6": ("", {}),
    "RELU_N1_TO_1": ("", {}),
    "LEAKY_RELU": ("LeakyReluOptions", {"alpha": 0.3}),
    "HARD_SWISH": ("HardSwishOptions", {}),
}
LIBRARY = {
    "EXP": ("ExpOptions", {}),
    "GELU": ("GeluOptions", {"approximate": True}),
    "LOGISTIC": ("", {}),
    "TANH": ("", {}),
    "SOFTMAX": ("SoftmaxOptions", {"beta": 1.0}),
    "LOG_SOFTMAX": ("LogSoftmaxOptions", {}),
}
POOL = {"strideW": 2, "strideH": 1, "filterWidth": 2, "filterHeight": 3}


def inside(net, operators, shape=SHAPE):
    """Return what ``operators`` make of a float32 tensor, between DEQUANTIZE and QUANTIZE."""
    x = net.input(shape, (0.07, -5))
    real = net.op("DEQUANTIZE", [x], net.tensor(shape, dtype=np.float32), "DequantizeOptions")
    made = operators(real)
    result = tuple(net.writer.graph.tensors[made].shape)
    return net.op("QUANTIZE", [made], net.tensor(result, (0.05, 3)), "QuantizeOptions")


def one(net, kind, inputs, shape=SHAPE, options="", **fields):
    return net.op(kind, inputs, net.tensor(shape, dtype=np.float32), options, **fields)


@pytest.mark.parametrize("kind", UNARY)
def test_functions(kind):
    net, (options, fields) = Net(), UNARY[kind]
    y = inside(net, lambda x: one(net, kind, [x], options=options, **fields))
    assert net.differences(y) == 0
    graph = import_tflite(net.bytes(y), "one", "reference")
    assert graph.islands == []
    compile_graph(graph, get_config("ulx3s-85f"))


@pytest.mark.parametrize("kind", LIBRARY)
def test_functions_of_the_c_library_are_marked(kind):
    net, (options, fields) = Net(), LIBRARY[kind]
    y = inside(net, lambda x: one(net, kind, [x], options=options, **fields))
    assert net.differences(y) <= 1
    assert len(import_tflite(net.bytes(y), "one", "reference").islands) == 1


def test_elu_which_the_reference_kernels_lack():
    net = Net()
    y = inside(net, lambda x: one(net, "ELU", [x]))
    assert net.differences(y, rounding="xnnpack") <= 1


@pytest.mark.parametrize("clamp", [NONE, RELU, RELU6])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV"])
def test_arithmetic(kind, clamp):
    numbers = np.random.default_rng(1).uniform(0.5, 2, SHAPE[-1:]).astype(np.float32)
    net = Net()
    options = {"options": f"{kind.capitalize()}Options", "fusedActivationFunction": clamp}
    y = inside(net, lambda x: one(net, kind, [x, net.constant(numbers)], **options))
    assert net.differences(y) == 0


@pytest.mark.parametrize("kind", ["MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "ADD"])
def test_two_tensors(kind):
    options = {"ADD": "AddOptions", "SQUARED_DIFFERENCE": "SquaredDifferenceOptions"}
    net = Net()

    def both(x):
        negative = one(net, "NEG", [x], options="NegOptions")
        return one(net, kind, [x, negative], options=options.get(kind, "MaximumMinimumOptions"))

    assert net.differences(inside(net, both)) == 0


def test_roots():
    net = Net()

    def roots(x):
        size = one(net, "ABS", [x], options="AbsOptions")
        moved = one(
            net, "ADD", [size, net.constant(np.full(1, 0.3, np.float32))], options="AddOptions"
        )
        return one(
            net,
            "MUL",
            [one(net, "SQRT", [moved]), one(net, "RSQRT", [moved])],
            options="MulOptions",
        )

    assert net.differences(inside(net, roots)) == 0


@pytest.mark.parametrize("kind", ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"])
@pytest.mark.parametrize("axes", [(1, 2), (3,), (2, 3)])
def test_reductions(kind, axes):
    net = Net()
    shape = tuple(1 if i in axes else size for i, size in enumerate(SHAPE))
    along = net.constant(np.array(axes, np.int32))
    options = {"options": "ReducerOptions", "keepDims": True}
    y = inside(net, lambda x: one(net, kind, [x, along], shape, **options))
    assert net.differences(y) == 0


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("kind", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_pools(kind, padding):
    net, shape = Net(), (1, 6, 3, 8) if padding == 0 else (1, 4, 2, 8)
    options = {
        "options": "Pool2DOptions",
        "padding": padding,
        "fusedActivationFunction": RELU,
        **POOL,
    }
    y = inside(net, lambda x: one(net, kind, [x], shape, **options))
    assert net.differences(y) == 0


def test_moves_and_slopes():
    net = Net()
    slopes = np.random.default_rng(2).normal(size=(1, 1, SHAPE[-1])).astype(np.float32)
    pads = np.array([[0, 0], [1, 0], [0, 2], [0, 0]], np.int32)

    def moved(x):
        x = one(net, "PRELU", [x, net.constant(slopes)])
        padded = one(net, "PAD", [x, net.constant(pads)], (1, 7, 7, 8), "PadOptions")
        order = net.constant(np.array([0, 2, 1, 3], np.int32))
        turned = one(net, "TRANSPOSE", [padded, order], (1, 7, 7, 8), "TransposeOptions")
        return one(
            net, "CONCATENATION", [turned, padded], (1, 7, 7, 16), "ConcatenationOptions", axis=3
        )

    assert net.differences(inside(net, moved)) == 0


def test_gelu_of_the_error_function():
    net = Net()
    y = inside(net, lambda x: one(net, "GELU", [x], options="GeluOptions", approximate=False))
    assert net.differences(y) <= 1


@pytest.mark.parametrize("flags", [{}, {"alignCorners": True}, {"halfPixelCenters": True}])
@pytest.mark.parametrize("size", [(11, 3), (3, 13), (1, 1), (12, 10)])
@pytest.mark.parametrize("kind", ["BILINEAR", "NEAREST_NEIGHBOR"])
def test_images_in_another_size(kind, size, flags):
    net, shape = Net(), (1, *size, SHAPE[-1])
    sides = net.constant(np.array(size, np.int32))
    options = {"BILINEAR": "Bilinear"}.get(kind, "NearestNeighbor")
    y = inside(
        net,
        lambda x: one(net, f"RESIZE_{kind}", [x, sides], shape, f"Resize{options}Options", **flags),
    )
    assert net.differences(y) == 0


@pytest.mark.parametrize("kind", ["HARD_SWISH", "SQRT", "RSQRT"])
def test_what_xnnpack_computes_by_other_steps(kind):
    net = Net()
    options = "HardSwishOptions" if kind == "HARD_SWISH" else ""
    y = inside(net, lambda x: one(net, kind, [x], options=options))
    with pytest.raises(ModelError, match=f"XNNPACK's {kind} of float32"):
        import_tflite(net.bytes(y), "one", "xnnpack")


def test_xnnpack_adds_in_another_order():
    net = Net()
    along = net.constant(np.array([1, 2], np.int32))
    y = inside(net, lambda x: one(net, "MEAN", [x, along], (1, 8), "ReducerOptions"))
    with pytest.raises(ModelError, match="XNNPACK's MEAN of float32"):
        import_tflite(net.bytes(y), "one", "xnnpack")


def test_a_network_in_float_is_refused():
    net = Net(np.float32)
    y = one(net, "ABS", [net.input(SHAPE, None)], options="AbsOptions")
    with pytest.raises(ModelError, match="nothing in it is quantised"):
        import_tflite(net.bytes(y), "one", "reference")


@pytest.mark.parametrize("axis", [None, 0, 3])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16], ids=lambda d: d.__name__)
def test_a_constant_that_is_dequantised(dtype, axis):
    """With one scale, or one for each index of a dimension; it is an output, too."""
    rng, net = np.random.default_rng(3), Net()
    x = net.input(SHAPE, (0.07, -5))
    real = net.op("DEQUANTIZE", [x], net.tensor(SHAPE, dtype=np.float32), "DequantizeOptions")
    limits = np.iinfo(dtype)
    data = rng.integers(limits.min, limits.max + 1, SHAPE).astype(dtype)
    count = 1 if axis is None else SHAPE[axis]
    scales = [float(np.float32(s)) for s in rng.uniform(0.01, 0.2, count)]
    zeros = rng.integers(0, 100 if dtype is not np.int16 else 1, count).tolist()
    kept = net.weights(data, scales, zeros, axis or 0)
    constant = net.tensor(SHAPE, dtype=np.float32)
    net.op("DEQUANTIZE", [kept], constant, "DequantizeOptions")
    y = net.op("ADD", [real, constant], net.tensor(SHAPE, dtype=np.float32), "AddOptions")
    if dtype is np.int16 and count > 1:  # LiteRT stops, too
        with pytest.raises(ModelError, match="must have one scale"):
            import_tflite(net.bytes([y, constant]), "m", "reference")
        return
    assert net.differences([y, constant]) == 0

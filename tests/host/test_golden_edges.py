"""Edges on purpose, each a network of one or two layers, held to the runtimes."""

import numpy as np
import pytest
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx
from weft.importers.tflite.walk import import_tflite

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from networks import qoperator_writer, tflite_writer
from networks.litert import reference_interpreter, run_litert, xnnpack_interpreter
from networks.ort import ort_session, run_ort
from networks.plan import Layer, Plan, Step

SEED = 11
ENGINES = (("reference", reference_interpreter), ("xnnpack", xnnpack_interpreter))
EVERY_VALUE = np.arange(-128, 128).astype(np.int8)


def conv(
    shape,
    step,
    out_step,
    *,
    outputs=3,
    kernel=(1, 1),
    stride=(1, 1),
    padding=(0, 0, 0, 0),
    dilation=(1, 1),
    same=False,
    scales=(0.01,),
    weights=None,
    bias=None,
    activation="NONE",
    bound=127,
):
    """A plan of one convolution of an NHWC input."""
    rng = np.random.default_rng(SEED)
    if weights is None:
        weights = rng.integers(-bound, bound + 1, (outputs, *kernel, shape[3])).astype(np.int8)
    outputs = len(weights)
    size = [
        (n + padding[2 * axis] + padding[2 * axis + 1] - (k - 1) * d - 1) // s + 1
        for axis, (n, k, s, d) in enumerate(zip(shape[1:3], kernel, stride, dilation, strict=True))
    ]
    options = {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "same": same,
        "weights": weights,
        "scales": list(scales),
        "activation": activation,
        "groups": 1,
        "bias": np.zeros(outputs, np.int32) if bias is None else np.array(bias, np.int32),
    }
    layer = Layer("conv", (0,), (shape[0], *size, outputs), out_step, options)
    return Plan(SEED, shape, step, [layer])


def check(plan: Plan, x: np.ndarray | None = None, *, onnx: bool = True) -> np.ndarray:
    """Compare with all runtimes and return LiteRT's reference output."""
    rng = np.random.default_rng(SEED)
    if x is None:
        x = rng.integers(-128, 128, plan.shape).astype(np.int8)
    data = tflite_writer.write_tflite(plan)
    last = f"value{len(plan.layers)}"
    result = None
    for rounding, make in ENGINES:
        expected = run_litert(make(data), x, [last])[last]
        graph = import_tflite(data, "edge", rounding)
        actual = reference.run(graph, {graph.inputs[0]: x})[last]
        assert np.array_equal(actual, expected), rounding
        result = expected if result is None else result
    if onnx:
        check_onnx(plan, x)
    assert result is not None
    return result


def check_onnx(plan: Plan, x: np.ndarray) -> None:
    data = qoperator_writer.write_qoperator(plan, False)
    session, names = ort_session(data)
    image = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    expected = run_ort(session, image)[names[0]]
    graph = import_onnx(data, "edge", "onnxruntime", source="edge")
    actual = reference.run(graph, {graph.inputs[0]: image})[graph.outputs[0]]
    assert np.array_equal(actual, expected), "onnxruntime"


def test_kernel_larger_than_the_input():
    check(
        conv(
            (1, 2, 3, 2),
            Step(0.05, 3),
            Step(0.2, -5),
            kernel=(7, 5),
            padding=(3, 3, 2, 2),
            same=True,
        )
    )


def test_largest_kernel_and_dilation():
    check(conv((1, 20, 17, 2), Step(0.05, 3), Step(0.9, -5), kernel=(16, 16)))
    check(conv((1, 18, 19, 2), Step(0.05, 3), Step(0.4, -5), kernel=(3, 3), dilation=(8, 8)))


def test_stride_larger_than_the_kernel():
    check(conv((1, 9, 9, 3), Step(0.05, 0), Step(0.1, 0), kernel=(1, 2), stride=(4, 4)))


@pytest.mark.parametrize("channels", [1, 3, 7, 17, 255])
def test_maps_of_one_pixel_and_odd_channel_counts(channels):
    check(conv((1, 1, 1, channels), Step(0.02, 1), Step(0.3, 2), outputs=channels))


@pytest.mark.parametrize("zero_in", [-128, 127])
@pytest.mark.parametrize("zero_out", [-128, 127])
def test_zero_points_at_both_ends(zero_in, zero_out):
    check(
        conv(
            (1, 4, 4, 3),
            Step(0.05, zero_in),
            Step(0.2, zero_out),
            kernel=(3, 3),
            padding=(1, 1, 1, 1),
            same=True,
        )
    )


def test_scales_that_saturate():
    plan = conv((1, 4, 4, 3), Step(0.5, 0), Step(0.002, 0), scales=(0.5,))
    assert set(np.unique(check(plan))) <= {-128, 0, 127}


@pytest.mark.parametrize("exponent", [-1, -4, -8])
@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
def test_power_of_two_scales_make_exact_ties(exponent, activation):
    # Every accumulator of -4096 ... 4095 appears, so every tie does.
    weights = np.array([[1], [32]], np.int8).reshape(1, 1, 1, 2)
    high, low = np.divmod(np.arange(-4096, 4064), 32)
    x = np.stack([low, high], -1).reshape(1, 80, 102, 2).astype(np.int8)
    plan = conv(
        x.shape,
        Step(1.0, 0),
        Step(2.0**-exponent, 5),
        scales=(1.0,),
        weights=weights,
        activation=activation,
    )
    check(plan, x, onnx=activation == "NONE")


def test_degenerate_channels_with_huge_bias():
    bias = [(1 << 30) - 7, -(1 << 30), 12345]
    check(
        conv(
            (1, 3, 3, 4), Step(0.02, -128), Step(0.05, -1), scales=(1e-11, 3e-10, 0.002), bias=bias
        )
    )


def test_accumulators_at_their_bound():
    weights = np.full((1, 1, 1, 255), -127, np.int8)
    x = np.full((1, 1, 1, 255), -128, np.int8)
    bias = [(1 << 31) - 1 - 255 * 255 * 127]
    check(
        conv(x.shape, Step(0.5, 127), Step(1e6, 0), scales=(0.01,), weights=weights, bias=bias), x
    )


def test_batches_larger_than_the_declared_one():
    plan = conv((1, 5, 5, 2), Step(0.05, 3), Step(0.2, -5), kernel=(3, 3))
    graph = import_tflite(tflite_writer.write_tflite(plan), "edge", "reference")
    x = np.random.default_rng(SEED).integers(-128, 128, (4, 5, 5, 2)).astype(np.int8)
    together = reference.run(graph, {graph.inputs[0]: x})["value1"]
    for index in range(4):
        one = reference.run(graph, {graph.inputs[0]: x[index : index + 1]})["value1"]
        assert np.array_equal(together[index : index + 1], one)


def pair(kind: str, a: Step, b: Step, y: Step) -> Plan:
    """Every pair of int8 values: a constant row against a column."""
    constant = EVERY_VALUE.reshape(1, 1, 256, 1)
    options = {"activation": "NONE", "constant": constant, "constant_step": b}
    return Plan(SEED, (1, 256, 256, 1), a, [Layer(kind, (0,), (1, 256, 256, 1), y, options)])


@pytest.mark.parametrize("kind", ["add", "sub", "mul"])
@pytest.mark.parametrize("seed", range(6))
def test_every_pair_of_operands(kind, seed):
    rng = np.random.default_rng(seed)
    scales = np.exp(rng.normal(-3, 0.8, 2)).astype(np.float32)
    if seed < 2:
        scales = np.array([0.0625, 0.125], np.float32)
    zeros = rng.integers(-128, 128, 3)
    scale = float(scales.sum() / 2 if kind != "mul" else scales.prod() * 90)
    if seed < 2:
        scale = 0.25 if kind != "mul" else 0.5
    a, b = (Step(float(s), int(z)) for s, z in zip(scales, zeros[:2], strict=True))
    plan = pair(kind, a, b, Step(float(np.float32(scale)), int(zeros[2])))
    x = np.broadcast_to(EVERY_VALUE.reshape(1, 256, 1, 1), plan.shape)
    check(plan, np.ascontiguousarray(x), onnx=kind != "sub")


# Each has a pair of operands at which a product rounded on its own gives another sum.
LAST_BIT = [
    (0.01809106394648552, 43, 0.030239097774028778, -128, 0.04528810828924179, -28),
    (0.03189082443714142, 31, 0.02061421051621437, 113, 0.02593677118420601, -35),
    (0.04217985272407532, 124, 0.031278446316719055, -104, 0.04463266581296921, -91),
    (0.05461369827389717, -13, 0.0211432296782732, -7, 0.041005659848451614, -125),
]


@pytest.mark.parametrize("case", LAST_BIT)
def test_sums_of_onnx_runtime_to_the_last_bit(case):
    plan = pair("add", Step(*case[:2]), Step(*case[2:4]), Step(*case[4:]))
    x = np.broadcast_to(EVERY_VALUE.reshape(1, 256, 1, 1), plan.shape)
    check_onnx(plan, np.ascontiguousarray(x))


UNARY = {
    "logistic": {},
    "tanh": {},
    "elu": {},
    "hard_swish": {},
    "relu": {},
    "relu6": {},
    "leaky_relu": {"alpha": float(np.float32(0.1))},
    "gelu": {"approximate": False},
    "requantize": {},
}


@pytest.mark.parametrize("kind", UNARY)
@pytest.mark.parametrize("seed", range(5))
def test_every_value_of_an_activation(kind, seed):
    rng = np.random.default_rng(seed)
    step = Step(float(np.float32(np.exp(rng.normal(-3.5, 1)))), int(rng.integers(-128, 128)))
    scale = float(np.float32(step.scale * np.exp(rng.normal(0, 0.5))))
    out = Step(1 / 256, -128) if kind == "logistic" else Step(scale, int(rng.integers(-128, 128)))
    out = Step(1 / 128, 0) if kind == "tanh" else out
    shape = (1, 1, 1, 256)
    plan = Plan(seed, shape, step, [Layer(kind, (0,), shape, out, UNARY[kind])])
    data = tflite_writer.write_tflite(plan)
    x = EVERY_VALUE.reshape(shape)
    # LiteRT's reference resolver has no ELU; its built-in kernel is the only one.
    plain = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    plain.allocate_tensors()
    engines = {"xnnpack": xnnpack_interpreter(data)}
    engines["reference"] = plain if kind == "elu" else reference_interpreter(data)
    for rounding, engine in engines.items():
        graph = import_tflite(data, "edge", rounding)
        expected = run_litert(engine, x, ["value1"])["value1"]
        actual = reference.run(graph, {graph.inputs[0]: x})["value1"]
        assert np.array_equal(actual, expected), rounding


# LiteRT itself aborts where the exponentials add up to more than 256 times the largest.
@pytest.mark.parametrize("scale", [0.05, 0.0625, 0.3, 1.7])
def test_floats_at_ties(scale):
    step = Step(float(np.float32(scale)), 5)
    shape = (1, 1, 5, 256)
    ties = (np.arange(-128, 128) - np.float32(5.5)).astype(np.float32) * np.float32(scale)
    infinity = np.float32(np.inf)
    near = [np.nextafter(ties, -infinity), ties, np.nextafter(ties, infinity), ties * 0, ties * 9e4]
    x = np.stack(near).reshape(shape)
    plan = Plan(SEED, shape, step, [Layer("requantize", (0,), shape, step, {})])
    data = tflite_writer.write_tflite(plan, "float32")
    for rounding, make in ENGINES:
        expected = run_litert(make(data), x, ["output"])["output"]
        graph = import_tflite(data, "edge", rounding)
        assert np.array_equal(reference.run(graph, {graph.inputs[0]: x})["output"], expected)


@pytest.mark.parametrize("activation, bound", [("RELU6", 6), ("RELU_N1_TO_1", 1)])
@pytest.mark.parametrize("steps", [3, 10, 41, 126])
@pytest.mark.parametrize("zero_point", [-127, 0, 1])
def test_clamps_whose_bound_is_a_tie(activation, bound, steps, zero_point):
    scale = float(np.float32(bound / (steps + 0.5)))
    plan = conv(
        (1, 1, 16, 16),
        Step(scale, 0),
        Step(scale, zero_point),
        scales=(1.0,),
        weights=np.ones((1, 1, 1, 16), np.int8),
        activation=activation,
    )
    x = np.zeros(plan.shape, np.int8)
    x[..., 0] = EVERY_VALUE[::16]
    check(plan, x, onnx=False)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [(4, 4), (7, 7), (15, 13), (16, 16)])
def test_means_close_to_a_tie(size, seed):
    """Sums that float32 may round either way: where a zero point is added decides it."""
    rng = np.random.default_rng(seed)
    count, channels = size[0] * size[1], 32
    x_scale = np.float32(rng.uniform(0.01, 0.03))
    ratio = 2.0 ** rng.integers(-1, 3) if seed < 2 else rng.uniform(0.5, 3)  # or exact ties
    x_step = Step(float(x_scale), int(rng.integers(-128, 128)))
    y_step = Step(float(np.float32(x_scale / np.float32(ratio))), int(rng.integers(-128, 128)))
    sums = np.arange(-128 * count, 127 * count + 1) - x_step.zero_point * count
    real = sums * (x_step.scale / y_step.scale / count)
    inside = np.abs(real + y_step.zero_point) < 127
    order = np.argsort(np.where(inside, np.abs(real % 1 - 0.5), 1), kind="stable")
    totals = sums[order[:channels]] + x_step.zero_point * count
    x = np.empty((1, count, channels), np.int8)
    for channel, total in enumerate(totals.tolist()):
        least, more = divmod(total, count)
        x[0, :, channel] = least + (np.arange(count) < more)
    plan = Plan(
        SEED, (1, *size, channels), x_step, [Layer("mean", (0,), (1, 1, 1, channels), y_step, {})]
    )
    check(plan, x.reshape(plan.shape))


@pytest.mark.parametrize("classes", [1, 2, 10, 200])
def test_softmax(classes):
    rng = np.random.default_rng(SEED)
    for scale in (0.003, 0.05, 0.4, 2.0):
        plan = Plan(
            SEED,
            (4, classes),
            Step(scale, 3),
            [Layer("softmax", (0,), (4, classes), Step(1 / 256, -128), {})],
        )
        x = rng.integers(-128, 128, plan.shape).astype(np.int8)
        x[1:, classes // 2 :] = np.minimum(x[1:, classes // 2 :], -100)
        data = tflite_writer.write_tflite(plan)
        for rounding, make in ENGINES:
            expected = run_litert(make(data), x, ["value1"])["value1"]
            graph = import_tflite(data, "edge", rounding)
            actual = reference.run(graph, {graph.inputs[0]: x})["value1"]
            assert np.array_equal(actual, expected), (rounding, scale)

"""Every value of element-wise operators, and ties on purpose, held to the runtimes."""

import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from edges import ENGINES, EVERY_VALUE, SEED, check, check_onnx, conv
from networks import tflite_writer
from networks.litert import reference_interpreter, run_litert, xnnpack_interpreter
from networks.plan import Layer, Plan, QParams
from weft.golden import run as reference
from weft.importers.tflite.walk import import_tflite


def pair(kind: str, a: QParams, b: QParams, y: QParams) -> Plan:
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
    a, b = (QParams(float(s), int(z)) for s, z in zip(scales, zeros[:2], strict=True))
    plan = pair(kind, a, b, QParams(float(np.float32(scale)), int(zeros[2])))
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
    plan = pair("add", QParams(*case[:2]), QParams(*case[2:4]), QParams(*case[4:]))
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
    step = QParams(float(np.float32(np.exp(rng.normal(-3.5, 1)))), int(rng.integers(-128, 128)))
    scale = float(np.float32(step.scale * np.exp(rng.normal(0, 0.5))))
    out = (
        QParams(1 / 256, -128)
        if kind == "logistic"
        else QParams(scale, int(rng.integers(-128, 128)))
    )
    out = QParams(1 / 128, 0) if kind == "tanh" else out
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
    step = QParams(float(np.float32(scale)), 5)
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
        QParams(scale, 0),
        QParams(scale, zero_point),
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
    x_step = QParams(float(x_scale), int(rng.integers(-128, 128)))
    y_step = QParams(float(np.float32(x_scale / np.float32(ratio))), int(rng.integers(-128, 128)))
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
            QParams(scale, 3),
            [Layer("softmax", (0,), (4, classes), QParams(1 / 256, -128), {})],
        )
        x = rng.integers(-128, 128, plan.shape).astype(np.int8)
        x[1:, classes // 2 :] = np.minimum(x[1:, classes // 2 :], -100)
        data = tflite_writer.write_tflite(plan)
        for rounding, make in ENGINES:
            expected = run_litert(make(data), x, ["value1"])["value1"]
            graph = import_tflite(data, "edge", rounding)
            actual = reference.run(graph, {graph.inputs[0]: x})["value1"]
            assert np.array_equal(actual, expected), (rounding, scale)

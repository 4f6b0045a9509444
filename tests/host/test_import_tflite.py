"""What converters write beside plain layers: shape arithmetic, repeated names, odd operands."""

from typing import Any

import numpy as np
import pytest
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.tflite.walk import import_tflite

pytest.importorskip("ai_edge_litert")

from ai_edge_litert import schema_py_generated as schema
from networks.litert import reference_interpreter, run_litert
from networks.plan import Layer, Plan, QParams
from networks.tflite_writer import write_tflite
from refusals import edited

STEP = QParams(0.05, -3)


def flatten_plan() -> Plan:
    rng = np.random.default_rng(1)
    weights = rng.integers(-127, 128, (4, 12)).astype(np.int8)
    options = {"weights": weights, "scales": [0.01], "bias": None, "activation": "NONE"}
    return Plan(
        1,
        (1, 2, 2, 3),
        STEP,
        [
            Layer("flatten", (0,), (1, 12), STEP),
            Layer("fully_connected", (1,), (1, 4), QParams(0.2, 5), options),
        ],
    )


def check(data: bytes, plan: Plan, rounding: str = "reference") -> None:
    graph = import_tflite(data, "m", rounding)
    x = np.random.default_rng(2).integers(-128, 128, plan.shape).astype(np.int8)
    last = f"value{len(plan.layers)}"
    expected = run_litert(reference_interpreter(data), x, [last])[last]
    assert np.array_equal(reference.run(graph, {graph.inputs[0]: x})[last], expected)


def test_shape_arithmetic_disappears():
    def change(model):
        graph = model.subgraphs[0]
        codes = len(model.operatorCodes)
        for builtin in (schema.BuiltinOperator.SHAPE, schema.BuiltinOperator.PACK):
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = builtin
            code.version = 1
            model.operatorCodes.append(code)
        tensors = []
        for name in (b"shape", b"packed"):
            tensor: Any = schema.TensorT()
            tensor.name, tensor.type, tensor.buffer = name, schema.TensorType.INT32, 0
            tensor.shape = [4] if name == b"shape" else [1, 4]
            tensors.append(len(graph.tensors))
            graph.tensors.append(tensor)
        for position, (inputs, output) in enumerate(((0, tensors[0]), (tensors[0], tensors[1]))):
            operator: Any = schema.OperatorT()
            operator.opcodeIndex = codes + position
            operator.inputs, operator.outputs = [inputs], [output]
            if position == 0:
                operator.builtinOptionsType = schema.BuiltinOptions.ShapeOptions
                operator.builtinOptions = schema.ShapeOptionsT()
                operator.builtinOptions.outType = schema.TensorType.INT32
            else:
                operator.builtinOptionsType = schema.BuiltinOptions.PackOptions
                operator.builtinOptions = schema.PackOptionsT()
                operator.builtinOptions.valuesCount = 1
            graph.operators.insert(position, operator)

    plan = flatten_plan()
    data = edited(plan, change)
    graph = import_tflite(data, "m", "reference")
    assert [node.operator for node in graph.nodes] == ["RESHAPE", "FULLY_CONNECTED"]
    check(data, plan)


def test_missing_bias():
    check(write_tflite(flatten_plan()), flatten_plan())


def test_repeated_names_become_unique():
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.name = b"same;and more"

    graph = import_tflite(edited(flatten_plan(), change), "m", "reference")
    assert len({node.name for node in graph.nodes}) == 2
    assert len(graph.tensors) == 4
    assert graph.nodes[0].name == "same"


def test_constant_scalar_operand():
    plan = Plan(
        1,
        (1, 3, 2, 4),
        STEP,
        [
            Layer(
                "add",
                (0,),
                (1, 3, 2, 4),
                STEP,
                {
                    "activation": "RELU",
                    "constant": np.array([77], np.int8),
                    "constant_step": QParams(0.02, 5),
                },
            )
        ],
    )
    check(write_tflite(plan), plan)


@pytest.mark.parametrize(
    "kind, step, pattern",
    [
        ("softmax", QParams(1 / 128, -128), "the output of SOFTMAX must have scale 1/256 .*"),
        ("softmax", QParams(1 / 256, 0), "the output of SOFTMAX must have scale 1/256 .*"),
        ("hard_swish", QParams(1e-5, 0), "the output scale of HARD_SWISH is too fine"),
        ("max_pool", QParams(0.04, -3), "MAX_POOL_2D must have the same quantisation .*"),
    ],
)
def test_what_litert_refuses(kind, step, pattern):
    window = {
        "kernel": (1, 1),
        "stride": (1, 1),
        "same": True,
        "padding": (0,) * 4,
        "activation": "NONE",
    }
    plan = Plan(1, (1, 2, 2, 4), STEP, [Layer(kind, (0,), (1, 2, 2, 4), step, window)])
    with pytest.raises(ModelError, match=f"^cannot import m: value1: {pattern}$"):
        import_tflite(write_tflite(plan), "m", "reference")


def test_difference_of_a_tensor_and_itself():
    plan = Plan(
        1, (1, 2, 2, 4), STEP, [Layer("sub", (0, 0), (1, 2, 2, 4), STEP, {"activation": "NONE"})]
    )
    check(write_tflite(plan), plan)


@pytest.mark.parametrize("bits", [16, 20, 24])
@pytest.mark.parametrize("kind", ["requantize", "leaky_relu", "conv"])
def test_scales_that_shift_beyond_32_bits(kind, bits):
    """Above 1, LiteRT shifts an accumulator left before it multiplies; 32 bits wrap."""
    options: dict[str, Any] = {"alpha": 0.3}
    if kind == "conv":
        options = {
            "kernel": (1, 1),
            "stride": (1, 1),
            "dilation": (1, 1),
            "same": True,
            "scales": [0.5],
            "weights": np.random.default_rng(3).integers(-127, 128, (3, 1, 1, 8)).astype(np.int8),
            "bias": np.zeros(3, np.int32),
            "activation": "NONE",
        }
    shape = (1, 4, 4, 3 if kind == "conv" else 8)
    step = QParams(STEP.scale / 2.0**bits, 5)
    plan = Plan(1, (1, 4, 4, 8), STEP, [Layer(kind, (0,), shape, step, options)])
    check(write_tflite(plan), plan)

"""Bad files: one sentence that names layer and rule, whatever is wrong."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers import load_model

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from ai_edge_litert import schema_py_generated as schema
from networks.compare import onnx_network, tflite_network
from networks.mutate import base_files, mutate, outcome_of
from networks.onnx_net import Net
from networks.plan import Layer, Plan, Step
from networks.tflite_writer import write_tflite

SEED = 5
ADVICE = r"; replace these layers by .* --fallback \(in Python fallback=True\)"


def write(tmp_path: Path, data: bytes, name: str = "m.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def refused(path: Path | str, pattern: str, **arguments) -> None:
    with pytest.raises(ModelError) as error:
        load_model(path, **arguments)
    text = str(error.value)
    assert re.fullmatch(pattern, text), text
    assert "\n" not in text


def one_layer(kind="relu", shape=(1, 4, 4, 3), **options) -> Plan:
    step = Step(0.05, 0)
    return Plan(SEED, shape, step, [Layer(kind, (0,), shape, step, options)])


def edited(plan: Plan, change) -> bytes:
    """Write a plan after ``change(model)`` on its unpacked flatbuffer."""
    import flatbuffers

    model = schema.ModelT.InitFromPackedBuf(write_tflite(plan), 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_missing_file(tmp_path):
    refused(tmp_path / "none.tflite", r"cannot read .*none\.tflite: No such file or directory")


def test_directory(tmp_path):
    refused(tmp_path, r"cannot read .*: Is a directory")


def test_unknown_rounding(tmp_path):
    path = write(tmp_path, write_tflite(one_layer()))
    refused(path, r"rounding must be one of .*, not 'up'", rounding="up")


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"PK\3\4 not a model", b"\x89PNG\r\n\x1a\n"])
def test_foreign_files(tmp_path, data):
    refused(write(tmp_path, data), r".*m\.bin is neither a \.tflite nor .*ONNX model.*")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_truncated_tflite(tmp_path, keep):
    data = tflite_network(3)[1]
    path = write(tmp_path, data[: int(len(data) * keep)])
    refused(path, r"(the \.tflite file is|cannot import) .*")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_onnx(tmp_path, keep):
    data = onnx_network(3, "qdq")[1]
    refused(write(tmp_path, data[: int(len(data) * keep)]), r".*m\.bin is neither .*")


def test_every_unsupported_operator_is_listed(tmp_path):
    def change(model):
        for code, builtin in zip(model.operatorCodes, ("COS", "SIN", "CUMSUM"), strict=True):
            code.builtinCode = getattr(schema.BuiltinOperator, builtin)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)

    plan = one_layer()
    for kind in ("tanh", "relu6"):
        plan.layers.append(Layer(kind, (len(plan.layers),), plan.shape, plan.step))
    refused(
        write(tmp_path, edited(plan, change)),
        r"cannot import m: value1: operator COS is not supported; "
        r"value2: operator SIN is not supported; value3: operator CUMSUM is not supported" + ADVICE,
    )


def test_everything_wrong_is_said_at_once(tmp_path):
    """An operator, a scale and a type, in layers apart from each other."""

    def change(model):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.COS
        model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.COS
        tensors = model.subgraphs[0].tensors
        tensors[2].quantization.scale = [0.0]
        tensors[4].type = schema.TensorType.FLOAT32

    plan = one_layer()
    for kind in ("tanh", "relu6", "logistic"):
        plan.layers.append(Layer(kind, (len(plan.layers),), plan.shape, plan.step))
    refused(
        write(tmp_path, edited(plan, change)),
        r"cannot import m: value1: operator COS is not supported; "
        r"value2: every scale must be a positive number; "
        r"value4: tensor value4 is float32; quantise the model to int8 first" + ADVICE,
    )


def test_float_tflite(tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None

    refused(
        write(tmp_path, edited(one_layer(), change)),
        r"cannot import m: nothing in it is quantised; quantise the model to int8 first",
    )


def test_buffer_of_the_wrong_size(tmp_path):
    plan = tflite_network(0)[0]

    def change(model):
        buffer = next(b for b in model.buffers if b.data is not None and len(b.data) > 4)
        buffer.data = buffer.data[:-1]

    path = write(tmp_path, edited(plan, change))
    refused(path, r"tensor .* needs \d+ bytes, but its buffer has \d+")


def test_shape_that_does_not_follow(tmp_path):
    def change(model):
        model.subgraphs[0].tensors[-1].shape = [1, 4, 4, 2]

    refused(
        write(tmp_path, edited(one_layer(), change)),
        r"cannot import m: value1: the file gives its output shape \(1, 4, 4, 2\), "
        r"but it must be \(1, 4, 4, 3\)",
    )


def test_huge_shape_is_not_allocated(tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.shape = [1, 2**30, 2**30, 3]

    path = write(tmp_path, edited(one_layer(), change))
    refused(path, r"tensor value0 has the impossible shape .*")


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_that_is_no_positive_number(tmp_path, scale):
    def change(model):
        model.subgraphs[0].tensors[0].quantization.scale = [scale]

    refused(
        write(tmp_path, edited(one_layer(), change)),
        r"cannot import m: value0: every scale must be a positive number",
    )


def test_asymmetric_weights(tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            if tensor.name.endswith(b"/weights"):
                tensor.quantization.zeroPoint = [1] * len(tensor.quantization.zeroPoint)

    plan = next(p for p in (tflite_network(s)[0] for s in range(9)) if p.layers[0].kind == "conv")
    refused(
        write(tmp_path, edited(plan, change)),
        r"cannot import m: .*: weights .* must be symmetric \(zero point 0\).*",
    )


def test_bounds_beyond_32_bits(tmp_path):
    """LiteRT's pools and products take what comes of the overflow for bounds."""
    plan = one_layer("max_pool", kernel=(1, 1), stride=(1, 1), same=True, activation="RELU6")
    plan.step = plan.layers[0].step = Step(6 / 2**31, 0)
    message = r"cannot import m: value1: the output scale of MAX_POOL_2D is too fine for RELU6"
    refused(write(tmp_path, write_tflite(plan)), message)
    alone = one_layer("relu6")
    alone.layers[0].step = plan.step
    refused(write(tmp_path, write_tflite(alone)), message.replace("MAX_POOL_2D", "RELU6"))
    plan.step = plan.layers[0].step = Step(6.1 / 2**31, 0)
    load_model(write(tmp_path, write_tflite(plan)))


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
def test_change_of_scale_beyond_every_shift(tmp_path, rounding):
    plan = one_layer("requantize")
    plan.layers[0].step = Step(plan.step.scale / 2**30, 0)
    message = r"cannot import m: value1: its scales differ by a factor of 1\.07e\+09"
    refused(write(tmp_path, write_tflite(plan)), message, rounding=rounding)


def onnx_model(nodes, inputs, initializers=(), shape=(1, 3, 4, 4)) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in inputs],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        list(initializers),
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets).SerializeToString()


def test_float_onnx(tmp_path):
    weights = numpy_helper.from_array(np.zeros((2, 3, 1, 1), np.float32), "w")
    data = onnx_model([helper.make_node("Conv", ["x", "w"], ["y"], name="c")], ["x"], [weights])
    refused(
        write(tmp_path, data),
        r"cannot import m: c: the result of Conv is not quantised; quantise these layers too, "
        r"with all their operands, for ONNX by onnxruntime\.quantization\.quantize_static",
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bias_that_is_not_finite(tmp_path, value):
    net = Net((1, 2, 4, 4))
    bias = net.constant("b", np.array([0, value], np.float32))
    net.node("Conv", [net.x, net.weights("w", np.ones((2, 2, 1, 1), np.int8)), bias], "c")
    refused(
        write(tmp_path, net.bytes(net.quantized("c", 1, 0))),
        r"cannot import m: c: a bias is not a finite number",
    )


def test_every_unsupported_onnx_operator_is_listed(tmp_path):
    nodes = [
        helper.make_node("Sinh", ["x"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="between"),
        helper.make_node("GRU", ["b", "b", "b"], ["c"], name="second"),
    ]
    refused(
        write(tmp_path, onnx_model(nodes, ["x"])),
        r"cannot import m: first: operator Sinh is not supported; "
        r"second: operator GRU is not supported" + ADVICE,
    )


def test_branches_of_an_onnx_model_are_all_examined(tmp_path):
    """An operator, a scale and an attribute, none behind another, beside layers in float."""
    net = Net((1, 2, 4, 4))
    weights = np.ones((2, 2, 1, 1))
    parts = [net.node("Det", [net.x], "det")]
    float_weights = net.constant("v", weights.astype(np.float32))
    net.node("Conv", [net.x, float_weights], "bare")
    parts.append(net.node("Conv", ["bare", float_weights], "behind"))
    net.node("Conv", [net.x, net.weights("w", weights.astype(np.int8))], "fine")
    parts.append(net.quantized("fine", 1e-35, 0))
    parts.append(net.node("Pad", [net.x, net.constant("p", np.ones(8, int))], "pad", mode="middle"))
    net.node("Relu", ["pad"], "silent")
    parts.append(net.quantized("silent", 1, 0))
    refused(
        write(tmp_path, net.bytes(*parts)),
        r"cannot import m: det: operator Det is not supported; "
        r"pad: Pad with mode middle is not supported; "
        r"fine: its scales differ by a factor of .*",
    )


def test_what_lies_behind_a_bad_layer_of_onnx_is_examined(tmp_path):
    """As far as the file tells the shapes of quantised tensors."""
    net = Net((1, 2, 4, 4))
    for name in ("one", "two", "three"):
        net.node("Pad", [net.x, net.constant(name, np.ones(8, int))], f"{name}.p", mode="middle")
        net.x = net.quantized(f"{name}.p", 1, 0)
    proto = onnx.ModelProto.FromString(net.bytes(net.x))
    shape = helper.make_tensor_value_info("one.p", TensorProto.FLOAT, (1, 4, 6, 6))
    proto.graph.value_info.append(shape)
    refused(
        write(tmp_path, proto.SerializeToString()),
        r"cannot import m: one\.p: Pad with mode middle is not supported; "
        r"two\.p: Pad with mode middle is not supported" + ADVICE,
    )


def test_what_lies_behind_a_bad_layer_in_qoperator_form_is_examined(tmp_path):
    """A layer tells the scale of what it reads; the file, of the first bad layer, the shape."""
    scale = numpy_helper.from_array(np.array(0.5, np.float32), "s")
    other = numpy_helper.from_array(np.array(0.25, np.float32), "t")
    zero = numpy_helper.from_array(np.array(0, np.int8), "z")
    nodes = [
        helper.make_node("Det", ["x"], ["one"], name="first"),
        helper.make_node(
            "QLinearSigmoid",
            ["one", "s", "z", "s", "z"],
            ["two"],
            name="second",
            domain="com.microsoft",
        ),
        helper.make_node(
            "QLinearLeakyRelu",
            ["two", "t", "z", "s", "z"],
            ["three"],
            name="third",
            domain="com.microsoft",
            alpha=0.25,
        ),
        helper.make_node("Det", ["three"], ["four"], name="fourth"),
        helper.make_node(
            "QLinearSigmoid",
            ["four", "s", "z", "s", "z"],
            ["y"],
            name="fifth",
            domain="com.microsoft",
        ),
    ]
    proto = onnx.ModelProto.FromString(onnx_model(nodes, ["x"], [scale, other, zero]))
    shape = helper.make_tensor_value_info("one", TensorProto.INT8, (1, 4, 6, 6))
    proto.graph.value_info.append(shape)
    refused(
        write(tmp_path, proto.SerializeToString()),
        r"cannot import m: first: operator Det is not supported; "
        r"third: its operand was quantised with another scale or zero point; "
        r"fourth: operator Det is not supported" + ADVICE,
    )


def test_onnx_layers_that_nothing_reads_do_not_matter(tmp_path):
    net = Net((1, 2, 4, 4))
    net.node("Det", [net.x], "unread")
    net.node("Relu", ["unread"], "unread too")
    assert load_model(write(tmp_path, net.bytes(net.x))).nodes


def test_external_data(tmp_path):
    weights = numpy_helper.from_array(np.zeros((2, 3, 1, 1), np.float32), "w")
    weights.data_location = TensorProto.EXTERNAL
    data = onnx_model([helper.make_node("Conv", ["x", "w"], ["y"])], ["x"], [weights])
    refused(
        write(tmp_path, data),
        r"cannot import m: w: initialiser w lies in another file, which has no name; "
        r"save the model in one file",
    )


def test_initialiser_of_the_wrong_size(tmp_path):
    proto = onnx.ModelProto.FromString(onnx_network(0, "qdq")[1])
    weights = next(x for x in proto.graph.initializer if len(x.raw_data) > 4)
    weights.raw_data = weights.raw_data[:-1]
    refused(
        write(tmp_path, proto.SerializeToString()),
        r"cannot import m: .*: initialiser .* needs \d+ bytes, but has \d+",
    )


def test_inputs_of_a_run_are_checked(tmp_path):
    graph = load_model(write(tmp_path, write_tflite(one_layer())))
    good = np.zeros((1, 4, 4, 3), np.int8)
    for bad, pattern in (
        ({}, "input value0 is missing"),
        ({"value0": good.astype(np.float32)}, "input value0 must be int8, not float32"),
        ({"value0": good[:, 1:]}, r"input value0 must have shape \(1, 4, 4, 3\), not \(1, 3, .*"),
    ):
        with pytest.raises(ModelError, match=f"^{pattern}$"):
            reference.run(graph, bad)


@pytest.mark.timeout(170)
def test_damaged_files_give_only_model_errors(tmp_path):
    print(f"seeds {SEED * 10**6} on")
    files, outcomes = base_files(12), []
    for index in range(3000):
        rng = np.random.default_rng(SEED * 10**6 + index)
        outcomes.append(outcome_of(mutate(files[index % len(files)], rng), tmp_path))
    # Some damage is harmless; if all or none were, the damage would be no test.
    assert 50 < outcomes.count("imported") < 2000

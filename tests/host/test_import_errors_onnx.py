"""Bad ONNX files: one sentence that names layer and rule, whatever is wrong."""

import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

import numpy as np
import onnx
from networks.compare import onnx_network
from networks.onnx_net import Net
from onnx import TensorProto, helper, numpy_helper
from refusals import ADVICE, refused, write
from weft.importers import load_model


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

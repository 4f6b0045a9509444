"""Functions that a model defines count as ONNX Runtime takes them, or are refused."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, helper, numpy_helper
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

pytest.importorskip("onnxruntime")

from networks.onnx_net import IMAGE, SEED, Net
from networks.ort import open_ort

DOMAIN = "my.lab"


def refused(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        import_onnx(data, "m", "onnxruntime", source="m")


def function(name: str, nodes, domain=DOMAIN, opset=17, defaults=(), **options):
    return helper.make_function(
        domain,
        name,
        ["a", "w"],
        ["y"],
        nodes,
        [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)],
        attribute_protos=defaults,
        **options,
    )


def with_functions(net: Net, functions, opset=17, version=9) -> bytes:
    proto = onnx.ModelProto.FromString(net.bytes(net.quantized("r", 0.1, -7), opset=opset))
    proto.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    proto.functions.extend(functions)
    proto.ir_version = version
    return proto.SerializeToString()


def called(domain=DOMAIN, **attributes) -> Net:
    net = Net(IMAGE)
    data = np.random.default_rng(SEED).integers(-127, 128, (5, 6, 3, 3)).astype(np.int8)
    net.node("F", [net.x, net.weights("w", data)], "r", domain=domain, **attributes)
    return net


def exact(data: bytes) -> None:
    """Hold a file to ONNX Runtime, which inlines its functions itself."""
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    x = np.random.default_rng(SEED).normal(size=IMAGE).astype(np.float32)
    [expected] = open_ort(data).run(None, {"x": x})
    found = reference.run(graph, {"x": x})[graph.outputs[0]]
    np.testing.assert_array_equal(found, expected)


def leaky(reference_to: str = "slope") -> onnx.NodeProto:
    """A node whose attribute is one of its function."""
    node = helper.make_node("LeakyRelu", ["a"], ["y"])
    node.attribute.add(name="alpha", ref_attr_name=reference_to, type=AttributeProto.FLOAT)
    return node


def slope(value: float) -> AttributeProto:
    return helper.make_attribute("slope", value)


def call(name: str, source="a", result="y", **attributes) -> onnx.NodeProto:
    return helper.make_node(name, [source, "w"], [result], domain=DOMAIN, **attributes)


def test_functions_of_the_model_are_inlined():
    inner = function("G", [helper.make_node("Conv", ["a", "w"], ["y"])])
    outer = function("F", [call("G", result="c"), helper.make_node("Relu", ["c"], ["y"])])
    exact(with_functions(called(), [inner, outer]))


@pytest.mark.parametrize("given", [{}, {"slope": 0.3}])
def test_default_of_an_attribute(given):
    exact(with_functions(called(**given), [function("F", [leaky()], defaults=[slope(0.125)])]))


def test_default_of_an_attribute_in_a_function_of_a_function():
    inner = function("G", [leaky()], defaults=[slope(0.125)])
    exact(with_functions(called(), [inner, function("F", [call("G")])]))


def test_default_behind_an_attribute_that_is_passed_on():
    inner = function("G", [leaky()], defaults=[slope(0.125)])
    node = call("G")
    node.attribute.add(name="slope", ref_attr_name="outer", type=AttributeProto.FLOAT)
    outer = function("F", [node], attributes=["outer"])
    refused(with_functions(called(), [inner, outer]), "given attribute slope, which has a default")


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_function_in_a_domain_of_operators(domain):
    """The runtime has operators of its own there, and takes them first."""
    net = Net(IMAGE)
    net.node("Gelu", [net.x], "r", domain=domain)
    nodes = [helper.make_node("Neg", ["a"], ["y"])]
    gelu = helper.make_function(domain, "Gelu", ["a"], ["y"], nodes, [helper.make_opsetid("", 20)])
    refused(with_functions(net, [gelu], opset=20), "a domain of operators")


def test_function_of_another_opset():
    """LeakyRelu is the same in both, Softmax is not."""
    same = [helper.make_node("LeakyRelu", ["a"], ["y"], alpha=0.2)]
    exact(with_functions(called(), [function("F", same, opset=16)]))
    other = [helper.make_node("Softmax", ["a"], ["y"], axis=1)]
    refused(
        with_functions(called(), [function("F", other, opset=11)]),
        "its function F has Softmax of opset 11, which is another one in opset 17",
    )


def test_domains_that_functions_alone_import():
    step = numpy_helper.from_array(np.array(3, np.int8))
    nodes = [
        helper.make_node("Neg", ["a"], ["n"]),
        helper.make_node("Constant", [], ["s"], value_float=0.1),
        helper.make_node("Constant", [], ["z"], value=step),
        helper.make_node("QuantizeLinear", ["n", "s", "z"], ["q"], domain="com.microsoft"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], domain="com.microsoft"),
        helper.make_node("Relu", ["d"], ["y"]),
    ]
    f = function("F", nodes)
    f.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    data = onnx.ModelProto.FromString(with_functions(called(), [f]))
    kept = [x for x in data.opset_import if x.domain != "com.microsoft"]
    del data.opset_import[:]
    data.opset_import.extend(kept)
    exact(data.SerializeToString())


def test_overloads():
    net = called()
    net.node("F", ["r", "w.f"], "r2", domain=DOMAIN)
    net.nodes[-2].overload, net.nodes[-1].overload = "one", "two"
    net.nodes[-2].output[0], net.nodes[-1].input[0], net.nodes[-1].output[0] = "m", "m", "r"
    functions = []
    for overload, operator in (("one", "Neg"), ("two", "Relu")):
        functions.append(function("F", [helper.make_node(operator, ["a"], ["y"])]))
        functions[-1].overload = overload
    exact(with_functions(net, functions, version=10))


def test_function_that_calls_itself():
    refused(with_functions(called(), [function("F", [call("F")])]), "calls itself")


def test_functions_that_multiply():
    """Each of 20 functions calls the one before 10 times."""
    functions = [function("F20", [helper.make_node("Relu", ["a"], ["y"])])]
    for level in range(19, -1, -1):
        names = ["a", *(f"t{i}" for i in range(9)), "y"]
        nodes = [call(f"F{level + 1}", one, two) for one, two in itertools.pairwise(names)]
        functions.append(function(f"F{level}" if level else "F", nodes))
    refused(with_functions(called(), functions), "more than 131072 nodes")

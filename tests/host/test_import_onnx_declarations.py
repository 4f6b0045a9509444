"""Nothing in an ONNX node is overlooked: it is understood, or refused by name."""

import numpy as np
import onnx
import pytest
from networks.onnx_net import IMAGE, Net
from onnx import AttributeProto, TensorProto, defs, helper, numpy_helper
from weft.errors import ModelError
from weft.importers.onnx.attributes import is_declared, read_attributes
from weft.importers.onnx.declarations import CONTRIB, DECLARATIONS
from weft.importers.onnx.file import import_onnx

VERSIONS = [
    (domain, operator, version)
    for (domain, operator), declared in DECLARATIONS.items()
    for version in declared.versions
]
# A value of each kind that no operator has as its default.
STRANGE = {
    "INT": 77,
    "FLOAT": 7.75,
    "STRING": "strange",
    "INTS": [7, 77],
    "FLOATS": [7.75],
    "STRINGS": ["strange"],
    "TENSOR": numpy_helper.from_array(np.array([7])),
}


def kind_of(attribute) -> str:
    return str(attribute.type).rpartition(".")[2]


def node_of(domain: str, operator: str, version: int) -> onnx.NodeProto:
    """A node with as many operands as it needs and the attributes that it must have."""
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    if not domain:
        schema = defs.get_schema(operator, version, "")
        node.input[:] = ["x"] * schema.min_input
        for name, attribute in schema.attributes.items():
            if attribute.required:
                node.attribute.append(helper.make_attribute(name, STRANGE[kind_of(attribute)]))
    return node


def read(node: onnx.NodeProto, version: int):
    return read_attributes(node, {"": version, node.domain: version})


@pytest.mark.parametrize("case", VERSIONS, ids=lambda case: "-".join(map(str, case)))
def test_every_reader_refuses_what_it_does_not_understand(case):
    domain, operator, version = case
    understood = read(node_of(*case), version)
    assert understood.version == version
    for name in ("nonesuch", "storage_ordering"):
        node = node_of(*case)
        node.attribute.append(helper.make_attribute(name, 0))
        with pytest.raises(ModelError, match=name):
            read(node, version)
    if domain:
        return
    for name, attribute in defs.get_schema(operator, version, "").attributes.items():
        node = node_of(*case)
        if any(x.name == name for x in node.attribute):
            continue
        kind = kind_of(attribute)
        if kind not in STRANGE:  # a sparse tensor, or a graph
            node.attribute.append(AttributeProto(name=name, type=getattr(AttributeProto, kind)))
        else:
            node.attribute.append(helper.make_attribute(name, STRANGE[kind]))
        if name in DECLARATIONS[domain, operator].attributes:
            assert name in read(node, version)
        else:
            with pytest.raises(ModelError, match=name):
                read(node, version)
        if attribute.default_value.name:  # the default changes nothing, understood or not
            node.attribute.pop()
            node.attribute.append(attribute.default_value)
            assert read(node, version).keys() == read(node_of(*case), version).keys()


def test_declared_versions_and_attributes_exist():
    """Versions up to the newest one that is declared are declared without a gap from 10 on."""
    history = defs.get_all_schemas_with_history()
    for (domain, operator), declared in DECLARATIONS.items():
        if domain:
            continue
        versions = {
            s.since_version
            for s in history
            if (s.domain, s.name) == ("", operator) and not s.deprecated
        }
        assert set(declared.versions) <= versions
        oldest = defs.get_schema(operator, max(10, min(versions)), "").since_version
        assert {v for v in versions if oldest <= v <= 25} <= set(declared.versions), operator
        names = {
            name for v in declared.versions for name in defs.get_schema(operator, v, "").attributes
        }
        assert set(declared.attributes) <= names, operator


def test_attributes_of_contrib_operators_are_the_runtime_s():
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    schemas = {x.name: x for x in state.get_all_operator_schema() if x.domain == CONTRIB}
    for (domain, operator), declared in DECLARATIONS.items():
        if domain == CONTRIB:
            assert set(declared.attributes) == set(schemas[operator].attributes), operator
            assert declared.versions == (schemas[operator].since_version,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: setattr(m.graph.node[2], "domain", "my.lab"),
            "operator my.lab.Relu is not supported",
        ),
        (
            lambda m: setattr(m.graph.node[2], "domain", "com.ms.internal.nhwc"),
            "operator com.ms.internal.nhwc.Relu is not supported",
        ),
        (
            lambda m: setattr(m.opset_import[0], "version", 5),
            "opset 5 has no operator DequantizeLinear",
        ),
        (
            lambda m: setattr(m.opset_import[1], "version", 2),
            "operator com.microsoft.QuantizeLinear of opset 2 is not supported",
        ),
        (lambda m: setattr(m.opset_import[0], "version", 99), "opset 99 is not supported"),
        (lambda m: m.graph.node[2].input.append("x"), "Relu of opset 14 cannot have 2 inputs"),
        (lambda m: m.opset_import.add(domain="", version=12), "imports two versions"),
    ],
)
def test_what_is_not_understood_is_named(change, message):
    net = Net(IMAGE)
    net.node("Relu", [net.x], "r")
    proto = onnx.ModelProto.FromString(net.bytes(net.quantized("r", 0.1, 0), opset=17))
    proto.graph.node[0].domain = CONTRIB
    change(proto)
    with pytest.raises(ModelError, match=message):
        import_onnx(proto.SerializeToString(), "m", "onnxruntime", source="m")


def test_alias_of_the_standard_domain():
    node = helper.make_node("Softmax", ["x"], ["y"], domain="ai.onnx")
    assert is_declared(node)
    assert read_attributes(node, {"": 11})["axis"] == 1
    assert read_attributes(node, {"": 13})["axis"] == -1


@pytest.mark.parametrize(
    ("name", "kind"), [("BFLOAT16", "bfloat16"), ("FLOAT16", "float16"), ("INT4", "int4")]
)
def test_types_are_said_by_name(name, kind):
    net = Net(IMAGE)
    proto = onnx.ModelProto.FromString(net.bytes(net.x))
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.DataType.Value(name)
    with pytest.raises(ModelError, match=f"an input of type {kind} is not supported"):
        import_onnx(proto.SerializeToString(), "m", "onnxruntime", source="m")


def with_zero_point_of_four_bits(net: Net) -> None:
    data = helper.make_tensor("x.z", TensorProto.INT4, [], [0])
    net.tensors = [x for x in net.tensors if x.name != "x.z"] + [data]


def test_four_bits_are_not_eight():
    """ONNX Runtime clamps such activations to -8 to 7; weights of 4 bits are read."""
    net = Net(IMAGE)
    with_zero_point_of_four_bits(net)
    net.node("Relu", [net.x], "r")
    data = net.bytes(net.quantized("r", 0.1, 0), opset=21)
    with pytest.raises(ModelError, match="activations must be int8 or uint8, not int4"):
        import_onnx(data, "m", "onnxruntime", source="m")


def test_weights_whose_scale_is_of_half_precision():
    """The runtime multiplies in float16, and rounds."""
    net = Net(IMAGE)
    scale = net.constant("s", np.float16(0.01))
    steps = net.constant("w", np.full((6, 1, 1, 1), 7, np.int8))
    net.node("DequantizeLinear", [steps, scale], "h")
    net.node("Cast", ["h"], "f", to=TensorProto.FLOAT)
    net.node("Conv", [net.x, "f"], "c", group=6)
    data = net.bytes(net.quantized("c", 0.1, 0))
    with pytest.raises(ModelError, match="the scale of a constant must be float32, not float16"):
        import_onnx(data, "m", "onnxruntime", source="m")


def test_sparse_initialiser():
    net = Net(IMAGE)
    net.node("Mul", [net.x, "w"], "r")
    proto = onnx.ModelProto.FromString(net.bytes(net.quantized("r", 0.1, 0)))
    values = numpy_helper.from_array(np.array([1.5], np.float32), "w")
    proto.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([2]), "i"), [7])
    )
    with pytest.raises(ModelError, match="w: a sparse initialiser is not supported"):
        import_onnx(proto.SerializeToString(), "m", "onnxruntime", source="m")


def test_second_output_that_is_read():
    net = Net(IMAGE)
    net.node("MaxPool", [net.x], "p", kernel_shape=[2, 2])
    net.nodes[-1].output.append("places")
    graph = import_onnx(net.bytes(net.quantized("p", 0.1, 0)), "m", "onnxruntime", source="m")
    assert "MAX_POOL_2D" in [node.operator for node in graph.nodes]
    net.node("Cast", ["places"], "c", to=TensorProto.FLOAT)
    with pytest.raises(ModelError, match="p: its output places is not supported, only the first"):
        import_onnx(net.bytes(net.quantized("c", 0.1, 0)), "m", "onnxruntime", source="m")

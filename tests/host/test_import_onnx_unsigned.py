"""``onnxruntime-uint8``: the default session on x86-64, which computes int8 as uint8."""

import numpy as np
import onnx
import pytest
import weft
from networks.compare import onnx_network, random_input
from networks.onnx_nodes import nchw
from networks.qdq_group import Edge, group
from onnx import TensorProto, helper, numpy_helper
from weft.golden import run as reference
from weft.graph import Runtime
from weft.importers.onnx.file import import_onnx
from weft.importers.onnx.unsigned import as_unsigned

pytest.importorskip("onnxruntime")

from networks.ort import VNNI, open_ort

SHAPE = (1, 8, 16, 16)

UINT8 = Runtime.ONNXRUNTIME_UINT8


def compare(data, tmp_path):
    """Compare with the default session; return how many values one with int8 has otherwise."""
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    runtime = open_ort(data, int8=False)
    rng = np.random.default_rng(1)
    feeds = {i.name: rng.uniform(-40, 40, i.shape).astype(np.float32) for i in runtime.get_inputs()}
    expected = runtime.run(None, feeds)
    with weft.InferenceSession(path, rounding=UINT8, against="runtime") as session:
        for got, right in zip(session.run(None, feeds), expected, strict=True):
            np.testing.assert_array_equal(got, right)
        assert session.differences == []
    with weft.InferenceSession(path, against="runtime") as session:
        others = session.run(None, feeds)
        assert session.differences == []
    return sum(int((a != b).sum()) for a, b in zip(others, expected, strict=True))


@pytest.mark.parametrize("scales", [(0.5, 0.25, 1.0), (0.05, 0.15, 0.1), (0.1, 0.3, 2.1)], ids=str)
@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("shape", [(), (1,)], ids=str)
@pytest.mark.parametrize("twice", [False, True])
def test_two_operands(operator, scales, shape, twice, tmp_path):
    a, b, y = (Edge(s, z, shape=shape) for s, z in zip(scales, (3, 2, 7), strict=True))
    compare(group(operator, [a, b], [y] + [Edge(0.3, 1)] * twice, SHAPE), tmp_path)


def test_a_constant_stays_int8(tmp_path):
    a, b, y = Edge(0.5, 3), Edge(0.25, 2), Edge(1.0, 7)
    # So the group has both types, and is left in float.
    assert compare(group("Add", [a], [y], SHAPE, weights=((1, 8, 1, 1), b)), tmp_path) > 0


def test_average_pools_differ_between_the_sessions(tmp_path):
    data = group(
        "AveragePool", [Edge(0.1, 3)], [Edge(0.1, 1)], (1, 64, 16, 16), kernel_shape=[2, 2]
    )
    assert compare(data, tmp_path) > 0


CONSTANTS = {
    "s": np.float32(0.1),
    "z": np.int8(3),
    "s2": np.float32(0.02),
    "z2": np.int8(5),
    "none": np.int8(0),
    "shape": np.array([1, -1]),
    "many": np.full(8, 0.1, np.float32),
    "zeros": np.zeros(8, np.int8),
}
Q, DQ = "QuantizeLinear", "DequantizeLinear"
TAIL = [("Sigmoid", "d", "t"), (Q, "t s2 z2", "yq"), (DQ, "yq s2 z2", "y")]
FORK = [("Tanh", "e", "t2"), ("Sigmoid", "d", "t"), ("Add", "t t2", "r")]
FORK += [(Q, "r s2 z2", "yq"), (DQ, "yq s2 z2", "y")]
FORMS = {
    "plain": ([(Q, "x s z", "q"), (DQ, "q s z", "d"), *TAIL], "y"),
    "read twice": ([(Q, "x s z", "q"), (DQ, "q s z", "d"), ("Identity", "d", "e"), *FORK], "y"),
    "read and an output": ([(Q, "x s z", "q"), (DQ, "q s z", "d"), *TAIL], "y d"),
    "two readers": ([(Q, "x s z", "q"), (DQ, "q s z", "d"), (DQ, "q s z", "e"), *FORK], "y"),
    "integers are an output": ([(Q, "x s z", "q"), (DQ, "q s z", "d"), *TAIL], "y q"),
    "integers alone": ([(Q, "x s z", "q"), (DQ, "q s z", "d"), *TAIL[:2]], "yq"),
    "moved": (
        [(Q, "x s z", "q"), ("Reshape", "q shape", "q2"), (DQ, "q2 s z", "d"), *TAIL],
        "y",
    ),
    "no zero point": ([(Q, "x s none", "q"), (DQ, "q s", "d"), *TAIL], "y"),
    "dead reader": ([(Q, "x s z", "q"), (DQ, "q s z", "d"), (DQ, "q s z", "dead"), *TAIL], "y"),
    "channels": ([(Q, "x many zeros", "q"), (DQ, "q many zeros", "d"), *TAIL], "y"),
}


@pytest.mark.parametrize("form", FORMS)
def test_which_tensors_become_uint8(form, tmp_path):
    """The types that the runtime's own optimised graph has."""
    nodes, outputs = FORMS[form]
    graph = helper.make_graph(
        [helper.make_node(kind, x.split(), [y], name=y) for kind, x, y in nodes],
        "types",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 8, 4, 4))],
        [
            helper.make_tensor_value_info(
                n, TensorProto.INT8 if "q" in n else TensorProto.FLOAT, None
            )
            for n in outputs.split()
        ],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in CONSTANTS.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    open_ort(model.SerializeToString(), int8=False, optimised=tmp_path / "optimised.onnx")
    expected = types_of(onnx.load(tmp_path / "optimised.onnx").graph)
    as_unsigned(model.graph, ())
    found = types_of(model.graph)
    # Groups with an integer kernel have lost their QuantizeLinear.
    assert {name: found[name] for name in expected} == expected
    assert "x" in expected


def types_of(graph):
    """The types of the zero points with which tensors are quantised."""
    constants = {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {n.input[0]: constants[n.input[2]] for n in graph.node if n.op_type == Q}


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_random_networks(form, seed):
    plan, data, edge = onnx_network(seed, form, narrow=not VNNI)
    graph = import_onnx(data, "random", UINT8, source="random")
    x = random_input(np.random.default_rng(seed), nchw(plan.shape), edge, plan.step)
    runtime = open_ort(data, int8=False)
    [expected] = runtime.run(None, {runtime.get_inputs()[0].name: x})
    actual = reference.run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
    step = float(plan.layers[-1].step.scale) if graph.behind_islands() else 0
    np.testing.assert_allclose(actual, expected, rtol=0, atol=step)


def test_a_program_says_whose_bits(tmp_path):
    data = group("Add", [Edge(0.1), Edge(0.2)], [Edge(0.3)], (1, 8, 4, 4))
    (tmp_path / "m.onnx").write_bytes(data)
    weft.compile(tmp_path / "m.onnx", "tiny", UINT8).save(tmp_path / "m.weft")
    with weft.InferenceSession(tmp_path / "m.weft", rounding=UINT8) as session:
        assert session.graph.runtime == UINT8
    with pytest.raises(weft.ModelError, match="compiled for rounding onnxruntime-uint8"):
        weft.InferenceSession(tmp_path / "m.weft", rounding="onnxruntime")


def test_with_the_fallback(tmp_path):
    proto = onnx.ModelProto.FromString(
        group("AveragePool", [Edge(0.1, 3)], [Edge(0.1, 1)], (1, 64, 16, 16), kernel_shape=[2, 2])
    )
    proto.graph.node.append(helper.make_node("Cosh", ["y0"], ["cos"], name="cos"))
    proto.graph.output[0].name = "cos"
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    options = {"rounding": UINT8, "fallback": True, "against": "runtime"}
    with weft.InferenceSession(path, **options) as session:
        x = np.random.default_rng(1).uniform(-13, 13, (1, 64, 16, 16)).astype(np.float32)
        session.run(None, {"x0": x})
        assert session.differences == []

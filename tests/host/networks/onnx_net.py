"""A QDQ model of a single ONNX operator, and its comparison with ONNX Runtime."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

from networks.ort import ort_session, run_ort

__all__ = ["IMAGE", "SEED", "Net", "every_value", "exact", "pass_through"]

SEED = 21


class Net:
    """A QDQ model of one operator: float32 edges, int8 or uint8 in between."""

    def __init__(self, shape, *, unsigned=False, scale=0.03, zero_point=-7):
        self.unsigned = unsigned
        self.nodes, self.tensors = [], []
        self.shape, self.scale, self.zero_point = shape, scale, zero_point
        self.x = self.quantized("x", scale, zero_point)

    def constant(self, name, data):
        self.tensors.append(numpy_helper.from_array(np.array(data, order="C"), name))
        return name

    def node(self, operator, inputs, output, **attributes):
        domain = attributes.pop("domain", "")
        self.nodes.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output

    def quantized(self, name, scale, zero_point):
        dtype = np.uint8 if self.unsigned else np.int8
        zero_point += 128 if self.unsigned else 0
        parameters = [
            self.constant(f"{name}.s", np.float32(scale)),
            self.constant(f"{name}.z", np.array(zero_point, dtype)),
        ]
        self.node("QuantizeLinear", [name, *parameters], f"{name}.q")
        return self.node("DequantizeLinear", [f"{name}.q", *parameters], f"{name}.f")

    def weights(self, name, data, scale=0.01):
        parameters = [
            self.constant(f"{name}.s", np.float32(scale)),
            self.constant(f"{name}.z", np.array(0, data.dtype)),
        ]
        values = self.constant(name, data)
        return self.node("DequantizeLinear", [values, *parameters], f"{name}.f")

    def bytes(self, *outputs, kind=TensorProto.FLOAT, opset=20):
        graph = helper.make_graph(
            self.nodes,
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(output, kind, None) for output in outputs],
            self.tensors,
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()

    def difference(self, output, kind=TensorProto.FLOAT, opset=20, x=None, within=np.inf):
        """Return how many outputs differ from ONNX Runtime's, and of how many.

        None may be further away than ``within``.
        """
        data = self.bytes(output, kind=kind, opset=opset)
        graph = import_onnx(data, "one", "onnxruntime", source="one")
        session, names = ort_session(data)
        if x is None:
            rng = np.random.default_rng(SEED)
            low, high = (-128 - self.zero_point) * self.scale, (127 - self.zero_point) * self.scale
            x = np.asarray(rng.uniform(low, high, self.shape), np.float32)
        expected = run_ort(session, x)[names[0]]
        actual = reference.run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
        assert actual.shape == expected.shape and actual.dtype == expected.dtype
        away = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        assert away.max() <= within
        return int(np.count_nonzero(away)), expected.size


def every_value(net: Net) -> np.ndarray:
    values = np.arange(-128, 128, dtype=np.float32) - np.float32(net.zero_point)
    return np.multiply(values, np.float32(net.scale)).reshape(net.shape)


def exact(net: Net, name: str, scale=0.05, zero_point=11, **arguments) -> None:
    assert net.difference(net.quantized(name, scale, zero_point), **arguments)[0] == 0


IMAGE = (1, 6, 9, 7)


def pass_through(net: Net, name: str, **arguments) -> None:
    exact(net, name, net.scale, net.zero_point, **arguments)

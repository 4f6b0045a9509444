"""A QDQ network that is written operator by operator, and whether a session equals ONNX Runtime."""

import numpy as np
import weft
from networks.ort import ort_session, run_ort
from onnx import TensorProto, helper, numpy_helper

SEED = 7


class Network:
    """A QDQ network, written operator by operator; every float result is quantised."""

    def __init__(self):
        self.nodes, self.constants = [], []
        self.count = 0

    def constant(self, data) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def node(self, operator, inputs, **attributes) -> str:
        self.count += 1
        output = f"t{self.count}"
        name = f"{operator.lower()}{self.count}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def quantised(self, value: str, scale=0.02) -> str:
        """Quantise and dequantise."""
        parameters = [self.constant(np.float32(scale)), self.constant(np.int8(3))]
        q = self.node("QuantizeLinear", [value, *parameters])
        return self.node("DequantizeLinear", [q, *parameters])

    def conv(self, value: str, outputs: int, inputs: int) -> str:
        rng = np.random.default_rng(SEED + self.count)
        data = rng.integers(-127, 128, (outputs, inputs, 3, 3)).astype(np.int8)
        parameters = [self.constant(np.float32(0.004)), self.constant(np.int8(0))]
        weights = self.node("DequantizeLinear", [self.constant(data), *parameters])
        return self.quantised(self.node("Conv", [value, weights], pads=[1, 1, 1, 1]), 0.03)

    def write(self, path, outputs, shape=(1, 3, 8, 8)):
        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", floats, shape)],
            [helper.make_tensor_value_info(name, floats, None) for name in outputs],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path.write_bytes(model.SerializeToString())
        return path


def equals_onnxruntime(path, count=4, **options):
    """Compare the session with ONNX Runtime's on the whole model; return its profile."""
    rng = np.random.default_rng(SEED)
    oracle, names = ort_session(path.read_bytes())
    session = weft.InferenceSession(path, fallback=True, **options)
    shape = [d if isinstance(d, int) else 1 for d in oracle.get_inputs()[0].shape]
    for _ in range(count):
        image = rng.uniform(-3, 3, shape).astype(np.float32)
        results, expected = session.run(None, {"x": image}), run_ort(oracle, image)
        assert len(results) == len(names)
        for name, result in zip(names, results, strict=True):
            assert np.array_equal(result, expected[name]), name
    return session.profile


def outside(profile):
    return [row.operator for row in profile.layers if row.reason.startswith("fallback")]

#!/usr/bin/env bash
# onnxruntime 1.32.0: AveragePool between DequantizeLinear and QuantizeLinear whose scales are stored
# with shape (1,) instead of (). The model is valid: the checker passes it, and without optimisations
# it runs. One would expect it to load by default, fused or not. The optimiser fuses it into a
# QLinearAveragePool, whose own type inference takes scalars only, and the session cannot be made.
# Output seen: (): loads; (1,) without optimisations: loads; (1,): Fail, Scale and Zero-point must be a
# scalar.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh


def load(shape, level):
    """Load and run the group with scale and zero point of this shape; return the outcome."""
    values = {"s": np.full(shape, 0.05, np.float32), "z": np.full(shape, 3, np.uint8)}
    nodes = [h.make_node("DequantizeLinear", ["x", "s", "z"], ["a"]),
             h.make_node("AveragePool", ["a"], ["b"], kernel_shape=[2, 2]),
             h.make_node("QuantizeLinear", ["b", "s", "z"], ["y"])]
    info = h.make_tensor_value_info
    graph = h.make_graph(nodes, "g", [info("x", 2, [1, 1, 4, 4])], [info("y", 2, [1, 1, 3, 3])],
                         [nh.from_array(v, k) for k, v in values.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    options = ort.SessionOptions(); options.graph_optimization_level = level
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, ["CPUExecutionProvider"])
    except Exception as error:
        return str(error)
    session.run(None, {"x": np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)})
    return "loads"


levels = ort.GraphOptimizationLevel
scalar, plain = load((), levels.ORT_ENABLE_ALL), load((1,), levels.ORT_DISABLE_ALL)
fused = load((1,), levels.ORT_ENABLE_ALL)
print("():", scalar); print("(1,), not optimised:", plain); print("(1,):", fused)
assert scalar == plain == "loads", "these no longer load"
assert "must be a scalar" in fused, "the behaviour changed"
PY

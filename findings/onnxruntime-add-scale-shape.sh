#!/usr/bin/env bash
# onnxruntime 1.32.0: a quantised Add (DequantizeLinear, Add, QuantizeLinear) whose scales are stored
# with shape (1,) instead of (). Both mean one scale for the whole tensor, so one would expect the same
# kernel. The runtime fuses the group into an integer addition only for scalars; with (1,) it adds in
# float, and results that lie on a tie differ.
# Output seen: (): QLinearAdd; (1,): DequantizeLinear twice, Add, QuantizeLinear; of the 65,536 results
# of all pairs of operands 7,086 differ.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/optimised.onnx" <<'PY'
import sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh

def operators(shape):
    """Run the group with scales of this shape; return its operators and its results."""
    scales = {"as": 0.05, "bs": 0.03, "ys": 0.04}
    values = {k: np.full(shape, v, np.float32) for k, v in scales.items()}
    values |= {k: np.zeros(shape, np.uint8) + 7 for k in ("az", "bz", "yz")}
    nodes = [h.make_node("DequantizeLinear", ["a", "as", "az"], ["ad"]),
             h.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bd"]),
             h.make_node("Add", ["ad", "bd"], ["s"]),
             h.make_node("QuantizeLinear", ["s", "ys", "yz"], ["y"])]
    info = h.make_tensor_value_info
    graph = h.make_graph(nodes, "g", [info("a", 2, [256, 256]), info("b", 2, [256, 256])],
                         [info("y", 2, [256, 256])], [nh.from_array(v, k) for k, v in values.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    options = ort.SessionOptions(); options.optimized_model_filepath = sys.argv[1]
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    a, b = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    [y] = session.run(None, {"a": a, "b": b})
    return [n.op_type for n in onnx.load(sys.argv[1]).graph.node], y

scalar, y0 = operators(()); vector, y1 = operators((1,))
print("():", scalar); print("(1,):", vector); print("values that differ:", int((y0 != y1).sum()))
assert "QLinearAdd" in scalar, "scalars are no longer fused"
assert (y0 != y1).any(), "the results are equal now"
assert "QLinearAdd" not in vector and "Add" in vector, "the behaviour changed"
PY

#!/usr/bin/env bash
# onnxruntime 1.32.0, x86-64, default session: a residual block in int8 (Conv, and an Add of the
# Conv's input). The same block in uint8 runs as QLinearConv and QLinearAdd, so one would expect that
# of int8. The optimiser first changes int8 groups to uint8 one by one, but not the input's, which has
# two readers. Types no longer agree, and Conv and Add run in float32. The session option
# session.qdqisint8allowed, which is not the default here, keeps int8 and the integer kernels.
# Output seen: uint8: QLinearConv, QLinearAdd; int8: Conv, Add; int8, allowed: QLinearConv, QLinearAdd.
set -euo pipefail
[ "$(uname -m)" = x86_64 ] || { echo "This needs an x86-64 machine." >&2; exit 2; }
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/optimised.onnx" <<'PY'
import sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh


def operators(dtype, **entries):
    """Return the operators of the optimised block with activations of this dtype."""
    def pair(real, name):
        return [h.make_node("QuantizeLinear", [real, name + "s", "z"], [name + "q"]),
                h.make_node("DequantizeLinear", [name + "q", name + "s", "z"], [name])]

    weights = np.random.default_rng(0).integers(-127, 128, (4, 4, 1, 1)).astype(np.int8)
    values = {"as": np.float32(0.05), "cs": np.float32(0.04), "ys": np.float32(0.07)}
    values |= {"z": dtype(3), "w": weights, "ws": np.float32(0.02), "wz": np.int8(0)}
    nodes = [*pair("x", "a"), h.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
             h.make_node("Conv", ["a", "wd"], ["conv"]), *pair("conv", "c"),
             h.make_node("Add", ["c", "a"], ["sum"]), *pair("sum", "y")]
    info = h.make_tensor_value_info
    graph = h.make_graph(nodes, "g", [info("x", 1, [1, 4, 5, 5])], [info("y", 1, [1, 4, 5, 5])],
                         [nh.from_array(np.asarray(v), k) for k, v in values.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    options = ort.SessionOptions(); options.optimized_model_filepath = sys.argv[1]
    options.log_severity_level = 3
    for key, value in entries.items():
        options.add_session_config_entry(f"session.{key}", value)
    ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return [n.op_type for n in onnx.load(sys.argv[1]).graph.node]


unsigned, signed = operators(np.uint8), operators(np.int8)
allowed = operators(np.int8, qdqisint8allowed="1")
print("uint8:", unsigned); print("int8:", signed); print("int8, allowed:", allowed)
for found in (unsigned, allowed):
    assert {"QLinearConv", "QLinearAdd"} <= set(found), "these are in float now"
assert "Add" in signed and "QLinearAdd" not in signed, "the int8 block is integer now"
PY

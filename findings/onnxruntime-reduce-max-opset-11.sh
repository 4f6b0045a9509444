#!/usr/bin/env bash
# onnxruntime 1.32.0: ReduceMax of opset 11 between DequantizeLinear and QuantizeLinear of equal scale and zero
# point. One would expect the optimiser to ask whether ReduceMax of that opset knows integers of 8 bits: they
# came with opset 12. It takes both quantisation nodes out, and the session cannot be opened: a type error of a
# graph that the file does not have. Without optimisation, and from opset 12 on, the model runs.
# Output seen: opset 11: unoptimised runs, optimised is refused; opset 12: unoptimised runs, optimised runs.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh


def reduction(opset):
    """Return a model: the greatest value of each channel, quantised before and behind."""
    values = {"s": np.float32(0.05), "z": np.int8(3)}
    node, info = h.make_node, h.make_tensor_value_info
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
             node("DequantizeLinear", ["xq", "s", "z"], ["xf"]),
             node("ReduceMax", ["xf"], ["m"], axes=[2, 3]),
             node("QuantizeLinear", ["m", "s", "z"], ["mq"]),
             node("DequantizeLinear", ["mq", "s", "z"], ["y"])]
    graph = h.make_graph(nodes, "g", [info("x", 1, [1, 4, 6, 6])], [info("y", 1, [1, 4, 1, 1])],
                         [nh.from_array(np.asarray(v), k) for k, v in values.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)]); model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def outcome(model, level):
    options = ort.SessionOptions(); options.log_severity_level = 4
    options.graph_optimization_level = level
    x = np.random.default_rng(1).normal(0, 2, (1, 4, 6, 6)).astype(np.float32)
    try:
        session = ort.InferenceSession(model, options, ["CPUExecutionProvider"])
        session.run(None, {"x": x})
    except Exception as error:
        assert "Type Error" in str(error), error
        return "is refused"
    return "runs"


found, levels = {}, ort.GraphOptimizationLevel
for opset in (11, 12):
    both = [outcome(reduction(opset), x) for x in (levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_ALL)]
    found[opset] = both
    print(f"opset {opset}: unoptimised {both[0]}, optimised {both[1]}")
assert found == {11: ["runs", "is refused"], 12: ["runs", "runs"]}, "the behaviour changed"
PY

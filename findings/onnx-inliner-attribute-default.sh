#!/usr/bin/env bash
# onnx 1.23.2: a model's function gives its attribute a default (attribute_proto), and a call leaves it out. One
# would expect the default. onnx.inliner drops the attribute instead, so that the node inside gets the
# operator's own default. ONNX Runtime takes the function's.
# Output seen: 1.23.2 runtime -0.125 inlined -0.01
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime as ort
from onnx import AttributeProto, helper as h, inliner

leaky = h.make_node("LeakyRelu", ["a"], ["b"])
leaky.attribute.add(name="alpha", ref_attr_name="slope", type=AttributeProto.FLOAT)
opsets = [h.make_opsetid("", 17), h.make_opsetid("my.lab", 1)]
function = h.make_function("my.lab", "F", ["a"], ["b"], [leaky], opsets,
                           attribute_protos=[h.make_attribute("slope", 0.125)])
x, y = (h.make_tensor_value_info(name, 1, [1]) for name in "xy")
graph = h.make_graph([h.make_node("F", ["x"], ["y"], domain="my.lab")], "g", [x], [y])
model = h.make_model(graph, opset_imports=opsets, functions=[function], ir_version=9)
onnx.checker.check_model(model, full_check=True)

def run(proto):
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return round(float(session.run(None, feeds)[0][0]), 4)

feeds = {"x": np.float32([-1])}
inlined = run(inliner.inline_local_functions(model))
print(onnx.__version__, "runtime", run(model), "inlined", inlined)
assert (run(model), inlined) == (-0.125, -0.01), "it has changed"
PY

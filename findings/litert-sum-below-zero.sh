#!/usr/bin/env bash
# ai-edge-litert 2.3.0: SUM of an int8 tensor over one axis, all zero points 0, output scale four times
# the input's. The reference kernel (OpResolverType.BUILTIN_REF) should give a quarter of the sum, as
# the default engine does. It does for rows of one sign. Where a running sum is negative and a zero
# follows, it is far off, and wraps instead of saturating.
# Output seen (reference, default): 4 8 12 16: 10, 10; -4 -8 -12 -16: -10, -10; -40 -40 -40 0: -94, -30;
# -40 -40 0 0: 108, -20.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  ai-edge-litert==2.3.0 tflite==2.18.0 flatbuffers==25.12.19 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import flatbuffers, numpy as np, tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType

b = flatbuffers.Builder(1024)


def ints(values):
    return b.CreateNumpyVector(np.array(values, np.int32))


def table(name, **fields):
    """Write a table of the schema; offsets are already written."""
    getattr(tflite, f"{name}Start")(b)
    for field, value in fields.items():
        getattr(tflite, f"{name}Add{field}")(b, value)
    return getattr(tflite, f"{name}End")(b)


def vector(offsets):
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def tensor(name, shape, dtype, buffer=0, scale=None):
    quantization = 0
    if scale:
        steps = b.CreateNumpyVector(np.array([scale], np.float32))
        zeros = b.CreateNumpyVector(np.array([0], np.int64))
        quantization = table("QuantizationParameters", Scale=steps, ZeroPoint=zeros)
    fields = {"Name": b.CreateString(name), "Shape": ints(shape), "Type": dtype, "Buffer": buffer}
    if quantization:
        fields["Quantization"] = quantization
    return table("Tensor", **fields)


axes = b.CreateNumpyVector(np.frombuffer(np.array([1], np.int32).tobytes(), np.uint8))
buffers = vector([table("Buffer"), table("Buffer", Data=axes)])
kinds = tflite.TensorType
tensors = vector([tensor("x", [1, 4], kinds.INT8, scale=0.1),
                  tensor("axes", [1], kinds.INT32, buffer=1),
                  tensor("y", [1], kinds.INT8, scale=0.4)])
options = table("ReducerOptions", KeepDims=False)
operator = table("Operator", OpcodeIndex=0, Inputs=ints([0, 1]), Outputs=ints([2]),
                 BuiltinOptionsType=tflite.BuiltinOptions.ReducerOptions, BuiltinOptions=options)
graph = table("SubGraph", Tensors=tensors, Inputs=ints([0]), Outputs=ints([2]),
              Operators=vector([operator]))
code = table("OperatorCode", DeprecatedBuiltinCode=tflite.BuiltinOperator.SUM,
             BuiltinCode=tflite.BuiltinOperator.SUM, Version=2)
b.Finish(table("Model", Version=3, OperatorCodes=vector([code]), Subgraphs=vector([graph]),
               Buffers=buffers), b"TFL3")
model = bytes(b.Output())
got, seen = {}, []
for x in ([4, 8, 12, 16], [-4, -8, -12, -16], [-40, -40, -40, 0],
          [-40, -40, 0, 0]):
    for engine, resolver in (("reference", OpResolverType.BUILTIN_REF), ("default", OpResolverType.AUTO)):
        net = Interpreter(model_content=model, experimental_op_resolver_type=resolver)
        net.allocate_tensors()
        net.set_tensor(net.get_input_details()[0]["index"], np.array([x], np.int8))
        net.invoke()
        got[engine] = int(net.get_tensor(net.get_output_details()[0]["index"])[0])
    seen.append((got["reference"], got["default"]))
    print(*x, got)
assert [default for _, default in seen] == [10, -10, -30, -20], "the default engine changed"
assert seen[:2] == [(10, 10), (-10, -10)], "rows of one sign changed"
assert all(reference != default for reference, default in seen[2:]), "the kernel is right now"
PY

#!/usr/bin/env bash
# ai-edge-litert 2.3.0: ADD of two int8 tensors of scale 1/2, result scale 1/512. One would expect 32.5 + 32.5 to be
# the greatest value, as the reference kernels (OpResolverType.BUILTIN_REF) say. XNNPACK does not take scales 256
# times as fine, and the kernel that runs by default then works on values of 16 bits, which wrap: the sum comes out
# as the least value. The last of 35 values are computed one by one and come out right.
# Output seen (reference, default): 30 + 30: 127, 127; 32.5 + 32.5: 127, -128 (the last value 127);
# -32.5 - 32.5: -128, 127 (the last value -128).
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


buffers = vector([table("Buffer")])
kinds = tflite.TensorType
tensors = vector([tensor(name, [1, 35], kinds.INT8, scale=scale)
                  for name, scale in (("a", 1 / 2), ("b", 1 / 2), ("y", 1 / 512))])
options = table("AddOptions", FusedActivationFunction=0)
operator = table("Operator", OpcodeIndex=0, Inputs=ints([0, 1]), Outputs=ints([2]),
                 BuiltinOptionsType=tflite.BuiltinOptions.AddOptions, BuiltinOptions=options)
graph = table("SubGraph", Tensors=tensors, Inputs=ints([0, 1]), Outputs=ints([2]),
              Operators=vector([operator]))
code = table("OperatorCode", DeprecatedBuiltinCode=tflite.BuiltinOperator.ADD,
             BuiltinCode=tflite.BuiltinOperator.ADD, Version=2)
b.Finish(table("Model", Version=3, OperatorCodes=vector([code]), Subgraphs=vector([graph]),
               Buffers=buffers), b"TFL3")
model = bytes(b.Output())
found = {}
for x in (60, 65, -65):
    for engine, resolver in (("reference", OpResolverType.BUILTIN_REF), ("default", OpResolverType.AUTO)):
        net = Interpreter(model_content=model, experimental_op_resolver_type=resolver)
        net.allocate_tensors()
        for detail in net.get_input_details():
            net.set_tensor(detail["index"], np.full((1, 35), x, np.int8))
        net.invoke()
        y = net.get_tensor(net.get_output_details()[0]["index"])[0]
        found[x, engine] = (int(y[0]), int(y[-1]))
        print(f"{x / 2} + {x / 2}, {engine}: first {y[0]}, last {y[-1]}")
assert found[60, "reference"] == found[60, "default"] == (127, 127), "a small sum changed"
assert found[65, "reference"] == (127, 127) and found[-65, "reference"] == (-128, -128)
assert found[65, "default"] == (-128, 127), "the kernel is right now"
assert found[-65, "default"] == (127, -128), "the kernel is right now"
PY

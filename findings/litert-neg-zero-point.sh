#!/usr/bin/env bash
# ai-edge-litert 2.3.0: NEG of an int8 tensor. ABS, in the same engine, honours scale and zero point, and
# NEG of a uint8 tensor is refused. So one would expect NEG of int8 to negate the real numbers, or to
# be refused. It negates the stored integers, whatever their zero point. Even for zero point 0
# it does not saturate: -128 stays -128.
# Output seen, for -128 -100 5 127 with zero point 0: -128 100 -5 -127 (right: 127 100 -5 -127); with
# zero point 5: the same (right: 127 110 5 -117); ABS, zero point 5: 127 110 5 127. Both engines alike.
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


def tensor(name, shape, dtype, buffer=0, scale=None, zero=0):
    quantization = 0
    if scale:
        steps = b.CreateNumpyVector(np.array([scale], np.float32))
        zeros = b.CreateNumpyVector(np.array([zero], np.int64))
        quantization = table("QuantizationParameters", Scale=steps, ZeroPoint=zeros)
    fields = {"Name": b.CreateString(name), "Shape": ints(shape), "Type": dtype, "Buffer": buffer}
    if quantization:
        fields["Quantization"] = quantization
    return table("Tensor", **fields)


def run(name, values, zero):
    """Run one operator on int8 values, scale 0.1 and this zero point; return each engine's result."""
    global b
    b = flatbuffers.Builder(1024)
    shape = [1, len(values)]
    buffers = vector([table("Buffer")])
    tensors = vector([tensor(key, shape, tflite.TensorType.INT8, scale=0.1, zero=zero)
                      for key in ("x", "y")])
    operator = table("Operator", OpcodeIndex=0, Inputs=ints([0]), Outputs=ints([1]))
    graph = table("SubGraph", Tensors=tensors, Inputs=ints([0]), Outputs=ints([1]),
                  Operators=vector([operator]))
    number = getattr(tflite.BuiltinOperator, name)
    code = table("OperatorCode", DeprecatedBuiltinCode=number, BuiltinCode=number, Version=1)
    b.Finish(table("Model", Version=3, OperatorCodes=vector([code]), Subgraphs=vector([graph]),
                   Buffers=buffers), b"TFL3")
    results = []
    for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
        net = Interpreter(model_content=bytes(b.Output()), experimental_op_resolver_type=resolver)
        net.allocate_tensors()
        net.set_tensor(net.get_input_details()[0]["index"], np.array([values], np.int8))
        net.invoke()
        results.append(net.get_tensor(net.get_output_details()[0]["index"])[0].tolist())
    return results


x = [-128, -100, 5, 127]
for name, zero, seen in (("NEG", 0, [-128, 100, -5, -127]), ("NEG", 5, [-128, 100, -5, -127]),
                         ("ABS", 5, [127, 110, 5, 127])):
    real = [value - zero for value in x]
    right = [min(max((abs(v) if name == "ABS" else -v) + zero, -128), 127) for v in real]
    got = run(name, x, zero)
    print(name, "zero point", zero, "reference, default:", got, "right:", right)
    assert got == [seen, seen], "the kernels changed"
    assert (seen == right) == (name == "ABS")
PY

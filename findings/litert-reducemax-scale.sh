#!/usr/bin/env bash
# ai-edge-litert 2.3.0: REDUCE_MAX of an int8 tensor whose output has another scale than its input. The
# operator's kernels refuse that by name. One would expect the default engine to refuse it too, or to
# rescale. It hands the operator to its XNNPACK delegate, which returns the stored maximum as it is.
# So the same file is refused with BUILTIN_REF and gives a wrong number by default.
# Output seen, for 10 50 -3 100 at scale 0.1, output scale 0.2 (right: 50): reference refused (scale),
# without delegates refused (scale), default 100.
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
                  tensor("y", [1], kinds.INT8, scale=0.2)])
options = table("ReducerOptions", KeepDims=False)
operator = table("Operator", OpcodeIndex=0, Inputs=ints([0, 1]), Outputs=ints([2]),
                 BuiltinOptionsType=tflite.BuiltinOptions.ReducerOptions, BuiltinOptions=options)
graph = table("SubGraph", Tensors=tensors, Inputs=ints([0]), Outputs=ints([2]),
              Operators=vector([operator]))
number = tflite.BuiltinOperator.REDUCE_MAX
code = table("OperatorCode", DeprecatedBuiltinCode=number, BuiltinCode=number, Version=2)
b.Finish(table("Model", Version=3, OperatorCodes=vector([code]), Subgraphs=vector([graph]),
               Buffers=buffers), b"TFL3")
got = {}
for engine, resolver in (("reference", OpResolverType.BUILTIN_REF),
                         ("without delegates", OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES),
                         ("default", OpResolverType.AUTO)):
    net = Interpreter(model_content=bytes(b.Output()), experimental_op_resolver_type=resolver)
    try:
        net.allocate_tensors()
        net.set_tensor(net.get_input_details()[0]["index"], np.array([[10, 50, -3, 100]], np.int8))
        net.invoke()
        got[engine] = int(net.get_tensor(net.get_output_details()[0]["index"])[0])
    except RuntimeError as error:
        got[engine] = "refused (scale)" if "params.scale" in str(error) else str(error)
print(got)
assert got["reference"] == got["without delegates"] == "refused (scale)", "the kernels changed"
assert got["default"] == 100, "the default engine changed"
PY

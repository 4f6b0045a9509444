"""Writes a plan as a quantised .tflite file, with the schema that ai-edge-litert ships."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from networks.first_dimension import FIRST
from networks.host_steps import HOST_STEPS
from networks.more_layers import OPERATORS as OPERATORS_OF
from networks.plan import Layer, Plan, QParams
from networks.tflite_codes import ACTIVATIONS, OPERATORS, TYPES, VERSIONS

__all__ = ["ALL_KINDS", "KINDS", "MORE_KINDS", "Writer", "write_tflite"]

KINDS = {
    "conv": 8,
    "depthwise": 5,
    "grouped": 1,
    "residual": 3,
    "branch": 2,
    "gate": 1,
    "max_pool": 2,
    "average_pool": 2,
    "mean": 1,
    "pad": 1,
    "add_constant": 1,
    "mul_constant": 1,
    "sub_constant": 1,
    "logistic": 1,
    "tanh": 1,
    "leaky_relu": 1,
    "hard_swish": 1,
    "gelu": 1,
    "relu": 1,
    "relu6": 1,
    "requantize": 1,
    "resize": 1,
    "transpose_conv": 1,
    "softmax": 1,
    "arg_max": 1,
    "squeeze": 1,
    "silu": 1,
    "difference": 1,
}

# LiteRT's set of reference kernels has no ELU.
ALL_KINDS = {**KINDS, "elu": 1}
# By the type of activations; kept apart, so that the networks of a seed stay what they were.
MORE_KINDS = {
    dtype: {**KINDS, **dict.fromkeys(OPERATORS_OF[dtype], 2)} for dtype in ("int8", "uint8")
}
MORE_KINDS["first"] = {**KINDS, **dict.fromkeys(FIRST, 4)}
MORE_KINDS["split"] = {**KINDS, **dict.fromkeys(HOST_STEPS, 24)}


class Writer:
    """Collects tensors and operators.

    ``unsigned``: what would be int8 is uint8, 128 higher. ``newer_codes``: the deprecated field of
    operator codes stays empty.
    """

    def __init__(self, unsigned: bool = False, newer_codes: bool = False):
        self.unsigned, self.newer_codes = unsigned, newer_codes
        # The generated classes declare every field as optional.
        self.model: Any = schema.ModelT()
        self.model.version = 3
        self.model.description = b"random network"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph: Any = schema.SubGraphT()
        self.graph.name = b"main"
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self, name, shape, dtype: Any, scales=None, zero_points=(), axis=0, data=None
    ) -> int:
        if self.unsigned and np.dtype(dtype) == np.int8:
            dtype, zero_points = np.uint8, [z + 128 for z in zero_points]
            data = None if data is None else np.asarray(data).astype(np.uint8) ^ 128
        tensor: Any = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name.encode(), list(shape), TYPES[np.dtype(dtype)]
        tensor.buffer = 0
        if scales is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [float(s) for s in scales]
            tensor.quantization.zeroPoint = [int(z) for z in zero_points]
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer: Any = schema.BufferT()
            raw = np.ascontiguousarray(data, np.dtype(dtype).newbyteorder("<")).tobytes()
            buffer.data = np.frombuffer(raw, np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def activation(self, name, shape, step: QParams, dtype: Any = np.int8) -> int:
        return self.tensor(name, shape, dtype, [step.scale], [step.zero_point])

    def operator(self, kind: str, inputs, output, options=None, options_type="") -> None:
        """Add an operator: ``kind`` is a plan's or the schema's, ``output`` one or a list."""
        builtin = getattr(schema.BuiltinOperator, OPERATORS.get(kind, kind))
        codes = [code.builtinCode for code in self.model.operatorCodes]
        if builtin not in codes:
            code: Any = schema.OperatorCodeT()
            code.builtinCode = builtin
            code.deprecatedBuiltinCode = 0 if self.newer_codes else min(builtin, 127)
            code.version = VERSIONS.get(kind, 2)
            self.model.operatorCodes.append(code)
            codes.append(builtin)
        operator: Any = schema.OperatorT()
        operator.opcodeIndex = codes.index(builtin)
        operator.inputs = list(inputs)
        operator.outputs = output if isinstance(output, list) else [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options_type)
        self.graph.operators.append(operator)

    def bytes(self) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def write_tflite(
    plan: Plan, edge: str = "int8", *, unsigned: bool = False, newer_codes: bool = False
) -> bytes:
    """Return the file; ``edge`` is the type of the graph's input and output.

    Value k of the plan is tensor ``value{k}``, int8. Where it is ``unsigned``, everything is uint8,
    and weights have one scale and a zero point; the edge is then ``"int8"``.
    """
    writer = Writer(unsigned, newer_codes)
    values = [writer.activation("value0", plan.shape, plan.step)]
    for index, layer in enumerate(plan.layers, 1):
        values.append(_layer(writer, plan, layer, index, values))
    first, last = values[0], values[-1]
    dtype = np.dtype(edge)
    if dtype != np.int8:
        offset = 128 if dtype == np.uint8 else 0
        step = QParams(plan.step.scale, plan.step.zero_point + offset)
        if dtype == np.uint8:
            source = writer.activation("input", plan.shape, step, dtype)
        else:
            source = writer.tensor("input", plan.shape, dtype)
        # The operators are in the order in which they run.
        writer.operator("quantize", [source], first)
        writer.graph.operators.insert(0, writer.graph.operators.pop())
        first = source
        layer = plan.layers[-1]
        if layer.kind != "arg_max":
            step = QParams(layer.step.scale, layer.step.zero_point + offset)
            if dtype == np.uint8:
                target = writer.activation("output", layer.shape, step, dtype)
                writer.operator("quantize", [last], target)
            else:
                target = writer.tensor("output", layer.shape, dtype)
                writer.operator("dequantize", [last], target)
            last = target
    writer.graph.inputs, writer.graph.outputs = [first], [last]
    return writer.bytes()


def _weights(writer: Writer, layer: Layer, name: str, source: QParams, data, axis: int):
    scales = layer.options["scales"]
    zero_points = [0] * len(scales)
    if writer.unsigned:
        scales, axis = [max(scales)], 0
        zero_points = [int(np.sum(data, dtype=np.int64)) % 256 - 128]  # any number
    kernel = writer.tensor(f"{name}/weights", data.shape, np.int8, scales, zero_points, axis, data)
    inputs = [kernel]
    if layer.options["bias"] is not None:
        bias = layer.options["bias"]
        products, zeros = [source.scale * s for s in scales], [0] * len(scales)
        inputs.append(writer.tensor(f"{name}/bias", bias.shape, np.int32, products, zeros, 0, bias))
    return inputs


def _layer(writer: Writer, plan: Plan, layer: Layer, index: int, values: list[int]) -> int:
    name, kind, options = f"value{index}", layer.kind, layer.options
    inputs = [values[i] for i in layer.inputs]
    source = plan.step_of(layer.inputs[0])
    result = None
    parameters: Any = None
    parameters_type = ""
    if kind in ("conv", "grouped", "depthwise"):
        data = options["weights"]
        depthwise = kind == "depthwise"
        if depthwise:
            data = data[..., 0].transpose(1, 2, 0)[None]
        inputs += _weights(writer, layer, name, source, data, 3 if depthwise else 0)
        parameters_type = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        parameters = getattr(schema, parameters_type + "T")()
        _window(parameters, options)
        parameters.dilationHFactor, parameters.dilationWFactor = options["dilation"]
        if depthwise:
            parameters.depthMultiplier = options["multiplier"]
    elif kind == "transpose_conv":
        shape = writer.tensor(f"{name}/shape", (4,), np.int32, data=np.array(layer.shape))
        kernel, *bias = _weights(writer, layer, name, source, options["weights"], 0)
        inputs = [shape, kernel, *inputs, *bias]
        parameters, parameters_type = schema.TransposeConvOptionsT(), "TransposeConvOptions"
        _window(parameters, options)
    elif kind == "fully_connected":
        inputs += _weights(writer, layer, name, source, options["weights"], 0)
        parameters, parameters_type = schema.FullyConnectedOptionsT(), "FullyConnectedOptions"
        parameters.fusedActivationFunction = ACTIVATIONS[options["activation"]]
    elif kind in ("max_pool", "average_pool"):
        parameters, parameters_type = schema.Pool2DOptionsT(), "Pool2DOptions"
        _window(parameters, options)
        parameters.filterHeight, parameters.filterWidth = options["kernel"]
    elif kind in ("add", "mul", "sub"):
        if "constant" in options:
            step, data = options["constant_step"], options["constant"]
            scale, zero = [step.scale], [step.zero_point]
            inputs.append(
                writer.tensor(f"{name}/constant", data.shape, np.int8, scale, zero, 0, data)
            )
        parameters_type = f"{kind.capitalize()}Options"
        parameters = getattr(schema, parameters_type + "T")()
        parameters.fusedActivationFunction = ACTIVATIONS[options["activation"]]
    elif kind == "concat":
        parameters, parameters_type = schema.ConcatenationOptionsT(), "ConcatenationOptions"
        parameters.axis = options["axis"]
    elif kind == "mean":
        inputs.append(writer.tensor(f"{name}/axes", (2,), np.int32, data=np.array([1, 2])))
        parameters, parameters_type = schema.ReducerOptionsT(), "ReducerOptions"
        parameters.keepDims = True
    elif kind == "pad":
        pairs = np.array(options["paddings"])
        inputs.append(writer.tensor(f"{name}/paddings", pairs.shape, np.int32, data=pairs))
        if options["value"] is not None:
            kind, value = "pad_with", np.array(options["value"])
            scale, zero = [layer.step.scale], [layer.step.zero_point]
            inputs.append(writer.tensor(f"{name}/value", (), np.int8, scale, zero, 0, value))
    elif kind in ("flatten", "reshape"):
        shape = np.array([layer.shape[0], -1] if kind == "flatten" else layer.shape, np.int32)
        inputs.append(writer.tensor(f"{name}/shape", shape.shape, np.int32, data=shape))
        parameters, parameters_type = schema.ReshapeOptionsT(), "ReshapeOptions"
        parameters.newShape = list(layer.shape)
    elif kind == "transpose":
        order = np.array(options["permutation"])
        inputs.append(writer.tensor(f"{name}/order", order.shape, np.int32, data=order))
    elif kind == "resize":
        size = np.array(layer.shape[1:3])
        inputs.append(writer.tensor(f"{name}/size", (2,), np.int32, data=size))
        parameters_type = "ResizeNearestNeighborOptions"
        parameters = schema.ResizeNearestNeighborOptionsT()
        parameters.halfPixelCenters = index % 2 == 0
    elif kind == "softmax":
        parameters, parameters_type = schema.SoftmaxOptionsT(), "SoftmaxOptions"
        parameters.beta = 1.0
    elif kind == "leaky_relu":
        parameters, parameters_type = schema.LeakyReluOptionsT(), "LeakyReluOptions"
        parameters.alpha = options["alpha"]
    elif kind == "gelu":
        parameters, parameters_type = schema.GeluOptionsT(), "GeluOptions"
        parameters.approximate = options["approximate"]
    elif kind == "operator":
        kind, parameters_type = options["name"], options["table"]
        operands = [_constant(writer, f"{name}/{i}", c) for i, c in enumerate(options["constants"])]
        inputs += operands
        if parameters_type:
            parameters = getattr(schema, parameters_type + "T")()
            for field, value in options["fields"].items():
                setattr(parameters, field, value)
    elif kind == "arg_max":
        inputs.append(writer.tensor(f"{name}/axis", (1,), np.int32, data=np.array([1])))
        parameters, parameters_type = schema.ArgMaxOptionsT(), "ArgMaxOptions"
        parameters.outputType = TYPES[np.dtype(np.int32)]
        result = writer.tensor(name, layer.shape, np.int32)
    if result is None:
        result = writer.activation(name, layer.shape, layer.step)
    writer.operator(kind, inputs, result, parameters, parameters_type)
    return result


def _constant(writer: Writer, name: str, constant) -> int:
    """Add integers, or int8 values with their step."""
    if isinstance(constant, tuple):
        data, step = constant
        return writer.tensor(name, data.shape, np.int8, [step.scale], [step.zero_point], 0, data)
    return writer.tensor(name, constant.shape, np.int32, data=constant)


def _window(parameters, options) -> None:
    parameters.padding = 0 if options["same"] else 1
    parameters.strideH, parameters.strideW = options["stride"]
    parameters.fusedActivationFunction = ACTIVATIONS[options["activation"]]

"""Writes a plan as an ONNX model whose operators carry scales: QLinearConv and its like."""

from onnx import TensorProto, helper

from networks.onnx_nodes import CONTRIB, Style, Writer, nchw, onnx_weights, window
from networks.onnx_writer import FLOATS, KINDS
from networks.plan import Layer, Plan

__all__ = ["QOPERATOR_KINDS", "write_qoperator"]

QOPERATOR_KINDS = {
    name: weight
    for name, weight in KINDS.items()
    if name not in (*FLOATS, "resize", "difference", "pad", "transpose_conv")
}


def write_qoperator(
    plan: Plan, unsigned: bool, style: Style | None = None, *, last: bool = False
) -> bytes:
    """Return a model whose edges have the model's own 8-bit type; value k is ``q{k}``.

    With channels ``last`` images lie so, and ONNX Runtime's own operators read them.
    """
    w = Writer(plan, unsigned, style)
    kind = TensorProto.UINT8 if unsigned else TensorProto.INT8
    order = list if last else nchw
    edge = helper.make_tensor_value_info("q0", kind, order(plan.shape))
    parameters = [w.step("s0", plan.step)]
    for index, layer in enumerate(plan.layers, 1):
        parameters.append(w.step(f"s{index}", layer.step))
        _quantized_layer(w, layer, index, parameters, last)
    name = f"q{len(plan.layers)}"
    output = helper.make_tensor_value_info(name, kind, order(plan.layers[-1].shape))
    return w.model([edge], [output])


def _quantized_layer(w: Writer, layer: Layer, index: int, steps, last: bool) -> None:
    name, kind, options, result = f"v{index}", layer.kind, layer.options, f"q{index}"
    sources = [[f"q{i}", *steps[i]] for i in layer.inputs]
    own, order = steps[index], {"channels_last": 1} if last else {}
    if kind in ("conv", "grouped", "depthwise", "fully_connected"):
        data = w.constant(f"{name}/weights", onnx_weights(layer))
        zero = options.get("weight_zero", 0)
        weights = [data, *w.scales(f"{name}/w", options["scales"], zero)]
        bias = options["bias"]
        values = [w.constant(f"{name}/bias", bias)] if bias is not None else []
        if kind == "fully_connected":
            inputs = [*sources[0], *weights, *(values or [""]), *own]
            w.node("QGemm", inputs, result, CONTRIB, transB=1, alpha=1.0)
        else:
            inputs = [*sources[0], *weights, *own, *values]
            domain, groups = CONTRIB if last else "", options["groups"]
            w.node("QLinearConv", inputs, result, domain, group=groups, **window(options), **order)
    elif kind in ("add", "mul"):
        if "constant" in options:
            operand = w.operand(layer)
            if last and operand.ndim == 4:
                operand = operand.transpose(0, 2, 3, 1)
            data = w.constant(f"{name}/c", operand)
            sources.append([data, *w.step(f"{name}/cs", options["constant_step"])])
        inputs = [*sources[0], *sources[1], *own]
        w.node(f"QLinear{kind.capitalize()}", inputs, result, CONTRIB)
    elif kind == "max_pool":
        operator, domain = ("NhwcMaxPool", CONTRIB) if last else ("MaxPool", "")
        w.node(operator, sources[0][:1], result, domain, **window(options))
    elif kind == "average_pool":
        inputs = [*sources[0], *own]
        w.node("QLinearAveragePool", inputs, result, CONTRIB, **window(options), **order)
    elif kind == "mean":
        w.node("QLinearGlobalAveragePool", [*sources[0], *own], result, CONTRIB, **order)
    elif kind == "concat":
        inputs = [*own, *(x for source in sources for x in source)]
        w.node("QLinearConcat", inputs, result, CONTRIB, axis=3 if last else 1)
    elif kind == "flatten":
        w.node("Flatten", sources[0][:1], result, axis=1)
    elif kind == "logistic":
        w.node("QLinearSigmoid", [*sources[0], *own], result, CONTRIB)
    elif kind == "leaky_relu":
        inputs = [*sources[0], *own]
        w.node("QLinearLeakyRelu", inputs, result, CONTRIB, alpha=options["alpha"])
    elif kind == "softmax":
        w.node("QLinearSoftmax", [*sources[0], *own], result, CONTRIB, axis=-1, opset=17)
    else:
        raise NotImplementedError(kind)

"""The generators of random networks reach everything that int8 networks use."""

import math
from collections import Counter

import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from networks.compare import onnx_network, tflite_network
from networks.plan import Plan

SEEDS = range(600)
WINDOWED = ("conv", "depthwise", "grouped")
TABLES = ("logistic", "tanh", "leaky_relu", "elu", "hard_swish", "gelu")


def features(plan: Plan) -> set[str]:
    """What a network has, in words."""
    found = {"batch"} if plan.shape[0] > 1 else set()
    silu = any(
        a.kind == "logistic"
        and b.kind == "mul"
        and index in b.inputs
        and set(a.inputs) <= set(b.inputs)
        for index, (a, b) in enumerate(zip(plan.layers, plan.layers[1:], strict=False), 1)
    )
    found |= {"silu"} if silu else set()
    for layer in plan.layers:
        found.add(layer.kind)
        source = plan.shape_of(layer.inputs[0])
        shapes = {plan.shape_of(value) for value in layer.inputs}
        steps = {plan.step_of(value) for value in layer.inputs}
        if layer.kind == "concat" and len(steps) > 1:
            found.add("concatenation of differing scales")
        if layer.kind in ("add", "mul", "sub") and len(shapes) > 1:
            found.add("broadcasting")
        found |= {"padding with a value"} if layer.options.get("value") is not None else set()
        if layer.kind == "max_pool" and layer.options["dilation"] != (1, 1):
            found.add("dilated pool")
        if layer.kind not in WINDOWED:
            continue
        options = layer.options
        kernel, stride, dilation = options["kernel"], options["stride"], options["dilation"]
        top, bottom, left, right = options["padding"]
        found |= {f"kernel {k}" for k in kernel} | {f"stride {s}" for s in stride}
        found |= {f"dilation {d}" for d in dilation}
        found |= {"independent sides"} if kernel[0] != kernel[1] else set()
        found |= {"independent strides"} if stride[0] != stride[1] else set()
        found |= {"kernel above the input"} if kernel[0] > source[1] else set()
        found |= {"stride above the kernel"} if stride[0] > kernel[0] else set()
        found |= {"one dimension"} if source[1] == kernel[0] == 1 < source[2] else set()
        found |= {"one pixel"} if source[1] == source[2] == 1 else set()
        found.add("same" if options["same"] else "explicit" if any(options["padding"]) else "valid")
        found |= {"asymmetric"} if (top, left) != (bottom, right) else set()
        found |= {f"channels {c}" for c in (source[3], layer.shape[3])}
        found |= {"depth multiplier"} if options.get("multiplier", 1) > 1 else set()
        found |= {"weights with a zero point"} if options.get("weight_zero") else set()
        found |= {"channel of next to no scale"} if min(options["scales"]) < 1e-7 else set()
        found |= {f"zero point {layer.step.zero_point}"} & {"zero point -128", "zero point 127"}
        found |= {"power of two"} if math.frexp(layer.step.scale)[0] == 0.5 else set()
    return found


EVERY = {
    "batch",
    "broadcasting",
    "silu",
    "independent sides",
    "independent strides",
    "same",
    "valid",
    "asymmetric",
    "depth multiplier",
    "one dimension",
    "one pixel",
    "kernel above the input",
    "stride above the kernel",
    "channel of next to no scale",
    "zero point -128",
    "zero point 127",
    "power of two",
    "conv",
    "depthwise",
    "grouped",
    "fully_connected",
    "add",
    "mul",
    "concat",
    "max_pool",
    "average_pool",
    "mean",
    "flatten",
    "softmax",
    *(f"kernel {k}" for k in range(1, 17)),
    *(f"stride {s}" for s in range(1, 5)),
    *(f"dilation {d}" for d in range(1, 9)),
    *(f"channels {c}" for c in (1, 3, 7, 17, 255)),
}
ONNX = {
    "explicit",
    "weights with a zero point",
    "concatenation of differing scales",
    "dilated pool",
}
NETWORKS = {
    "tflite": lambda seed: tflite_network(seed, every=True),
    "qdq": lambda seed: onnx_network(seed, "qdq"),
    "qoperator": lambda seed: onnx_network(seed, "qoperator"),
}
EXPECTED = {
    "tflite": {
        *EVERY,
        *TABLES,
        "sub",
        "pad",
        "resize",
        "transpose_conv",
        "arg_max",
        "requantize",
        "relu",
        "relu6",
        "padding with a value",
    },
    "qdq": {
        *EVERY,
        *ONNX,
        *TABLES,
        "sub",
        "pad",
        "padding with a value",
        "resize",
        "transpose_conv",
    },
    "qoperator": {*EVERY, *ONNX, "logistic", "leaky_relu"},
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("form", NETWORKS)
def test_every_feature_is_reached(form):
    reached = Counter(x for seed in SEEDS for x in features(NETWORKS[form](seed)[0]))
    print({name: reached[name] for name in sorted(EXPECTED[form])})
    assert not EXPECTED[form] - set(reached), EXPECTED[form] - set(reached)

"""One QDQ model of ONNX operators that the random networks do not have, to be damaged."""

import numpy as np
from onnx import helper

from networks.onnx_net import Net

__all__ = ["menagerie"]

_FUNCTIONS = (
    "HardSigmoid",
    "Erf",
    "Exp",
    "Softplus",
    "Selu",
    "Celu",
    "Mish",
    "Softsign",
    "Abs",
    "Neg",
    "Floor",
)


def menagerie() -> bytes:
    """Return the file's bytes; its input is float32 NCHW."""
    net = Net((1, 4, 4, 4))
    rng = np.random.default_rng(1)
    x = net.x
    for number, operator in enumerate(_FUNCTIONS):
        x = net.quantized(net.node(operator, [x], f"f{number}"), 0.02, -3)
    for operator, value in (("Div", 3.0), ("Pow", 2.0), ("PRelu", 0.2), ("Max", -0.5)):
        net.node(operator, [x, net.constant(f"{operator}.c", np.float32(value))], operator)
        x = net.quantized(operator, 0.02, -3)
    net.nodes.append(
        helper.make_node(
            "Split", [x, net.constant("sizes", np.array([1, 3]))], ["p0", "p1"], axis=1
        )
    )
    parts = [net.quantized(part, 0.02, -3) for part in ("p0", "p1")]
    bounds = [net.constant(n, np.array([v])) for n, v in (("b", 0), ("e", 2), ("a", 1), ("t", 1))]
    net.node("Slice", [parts[1], *bounds], "slice")
    net.node("Sub", [net.quantized("slice", 0.02, -3), parts[0]], "difference")
    x = net.quantized("difference", 0.03, 2)
    weights = rng.integers(-127, 128, (2, 3, 2, 2)).astype(np.int8)
    net.node("ConvTranspose", [x, net.weights("w", weights)], "larger", strides=[2, 2])
    x = net.quantized("larger", 0.05, 2)
    pads, fill = net.constant("pads", np.array([1, 0, 0, 2])), net.constant("f", np.float32(0.3))
    net.node("Pad", [x, pads, fill, net.constant("sides", np.array([2, -1]))], "padded")
    x = net.quantized("padded", 0.05, 2)
    net.node("Shape", [x], "shape")
    net.node("Gather", ["shape", net.constant("zero", np.array(0))], "batch", axis=0)
    net.node("Unsqueeze", ["batch", net.constant("front", np.array([0]))], "first")
    net.node("Concat", ["first", net.constant("rest", np.array([3, -1]))], "target", axis=0)
    net.node("Reshape", [x, "target"], "y")
    return net.bytes(net.quantized("y", 0.05, 2))

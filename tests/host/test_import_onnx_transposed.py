"""ONNX's ConvTranspose with every way to say how large its result is, against ONNX Runtime."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import Net
from networks.ort import ort_session, run_ort
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

AUTO = ["SAME_UPPER", "SAME_LOWER", "VALID"]


def drawn(rng):
    """Return an image's size, a kernel and attributes; some ask for what is not possible."""
    dims = int(rng.choice([1, 2, 2, 2]))
    size = rng.integers(1, 7, dims).tolist()
    kernel, strides, dilations = (rng.integers(1, n, dims).tolist() for n in (5, 4, 4))
    attributes = {"strides": strides, "dilations": dilations, "group": int(rng.choice([1, 2]))}
    edges = zip(size, strides, kernel, dilations, strict=True)
    whole = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in edges]
    kind = rng.integers(5)
    if kind == 0:
        attributes["pads"] = rng.integers(0, 2, 2 * dims).tolist()
    if kind in (1, 3):
        attributes["auto_pad"] = AUTO[int(rng.integers(3))]
    if kind in (2, 3):
        attributes["output_shape"] = [max(1, n + int(rng.integers(-3, 3))) for n in whole]
    if kind == 4 or rng.random() < 0.2:
        attributes["output_padding"] = [int(rng.integers(0, s)) for s in strides]
    return size, kernel, attributes


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_random_windows(first):
    """Equal but for a tie that float32 sums decide; what the runtime refuses is refused."""
    compared = 0
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        size, kernel, attributes = drawn(rng)
        net = Net((2, 4, *size), scale=0.0371, zero_point=-7)
        weights = rng.integers(-127, 128, (4, 3, *kernel)).astype(np.int8)
        net.node("ConvTranspose", [net.x, net.weights("w", weights, 0.0113)], "y", **attributes)
        y = net.quantized("y", 0.0517, 3)
        data = net.bytes(y, opset=17)
        x = rng.uniform(-3, 3, net.shape).astype(np.float32)
        try:
            session, _ = ort_session(data)
            expected = run_ort(session, x)[y]
        except Exception:  # its classes share no base
            with pytest.raises(ModelError):
                import_onnx(data, "m", "onnxruntime", source="m")
            continue
        graph = import_onnx(data, "m", "onnxruntime", source="m")
        got = reference.run(graph, {"x": x})[graph.outputs[0]]
        assert got.shape == expected.shape, (seed, attributes)
        assert np.count_nonzero(got != expected) <= 1, (seed, attributes)
        compared += 1
    assert compared > 10


def test_weights_with_a_zero_point_between_the_taps_of_a_dilated_kernel():
    net = Net((1, 4, 5, 6), scale=0.0371, zero_point=-7)
    weights = np.random.default_rng(3).integers(0, 255, (4, 3, 3, 2)).astype(np.uint8)
    names = [
        net.constant("w", weights),
        net.constant("w.s", np.float32(0.0113)),
        net.constant("w.z", np.uint8(120)),
    ]
    net.node("DequantizeLinear", names, "w.f")
    net.node("ConvTranspose", [net.x, "w.f"], "y", dilations=[2, 3], strides=[2, 1])
    assert net.difference(net.quantized("y", 0.0517, 3))[0] <= 1


@pytest.mark.parametrize(
    "attributes, message",
    [
        ({"dilations": [0, 1]}, "dilation"),
        ({"auto_pad": "SOME"}, "auto_pad SOME"),
        ({"output_padding": [2, 0], "strides": [2, 2]}, "output_padding"),
        ({"pads": [0, 0, 9, 9]}, "an output of"),
        ({"output_shape": [1, 2, 3]}, "3 spatial dimensions"),
    ],
)
def test_windows_that_are_not_possible(attributes, message):
    net = Net((1, 4, 5, 6))
    weights = np.ones((4, 3, 3, 3), np.int8)
    net.node("ConvTranspose", [net.x, net.weights("w", weights)], "y", **attributes)
    with pytest.raises(ModelError, match=message):
        import_onnx(net.bytes(net.quantized("y", 0.1, 0)), "m", "onnxruntime", source="m")

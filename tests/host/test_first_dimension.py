"""``explain``, ``compile``, ``run`` and ``stream`` agree about what dimension 0 is.

Which of these networks count images is written down here, from what their operators do.
"""

import json

import numpy as np
import pytest
import weft
from weft.cli import main

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from networks.litert import reference_interpreter
from networks.onnx_net import Net as OnnxNet
from networks.ort import open_ort
from networks.tflite_net import Net
from networks.tflite_random import ints

STEP, FINE = (0.05, -3), (0.021, 7)
RNG = np.random.default_rng(3)


def convolution(net: Net, x: int, shape, channels: int) -> int:
    """A 3x3 convolution with padding."""
    data = RNG.integers(-127, 128, (channels, 3, 3, shape[-1])).astype(np.int8)
    y = net.tensor((*shape[:-1], channels), FINE)
    options = {"padding": 0, "strideH": 1, "strideW": 1}
    bias = net.weights(RNG.integers(-999, 999, channels).astype(np.int32), [0.0005])
    operands = [x, net.weights(data, [0.01]), bias]
    return net.op("CONV_2D", operands, y, "Conv2DOptions", **options)


def connected(net: Net, x: int, rows: int, depth: int, outputs: int) -> int:
    weights = net.weights(RNG.integers(-127, 128, (outputs, depth)).astype(np.int8), [0.01])
    y = net.tensor((rows, outputs), FINE)
    return net.op("FULLY_CONNECTED", [x, weights], y, "FullyConnectedOptions")


def reshaped(net: Net, x: int, shape, step=STEP) -> int:
    return net.op("RESHAPE", [x, net.constant(ints(*shape))], net.tensor(shape, step))


def folded_time(net: Net) -> int:
    """Four time steps become the images of a convolution."""
    x = reshaped(net, net.input((1, 4, 6, 6, 3), STEP), (4, 6, 6, 3))
    return reshaped(net, convolution(net, x, (4, 6, 6, 3), 5), (1, 4, 6, 6, 5), FINE)


def steps_as_rows(net: Net) -> int:
    """(1, T, C) to (T, C), and a matrix."""
    return connected(net, reshaped(net, net.input((1, 7, 12), STEP), (7, 12)), 7, 12, 5)


def head(net: Net) -> int:
    """A detection head: (A * H * W, K)."""
    y = convolution(net, net.input((1, 4, 4, 3), STEP), (1, 4, 4, 3), 12)
    return reshaped(net, y, (32, 6), FINE)


def vector(net: Net) -> int:
    """A vector, no image."""
    return connected(net, reshaped(net, net.input((12,), STEP), (1, 12)), 1, 12, 5)


def without_batch(net: Net) -> int:
    """A picture of rows, columns and channels."""
    x = net.input((5, 6, 3), STEP)
    axis, shape = net.constant(ints(0)), (1, 5, 6, 3)
    x = net.op("EXPAND_DIMS", [x, axis], net.tensor(shape, STEP), "ExpandDimsOptions")
    return convolution(net, x, shape, 4)


def squeezed(net: Net) -> int:
    """An output that has lost its batch."""
    y = convolution(net, net.input((1, 4, 5, 3), STEP), (1, 4, 5, 3), 2)
    return net.op("SQUEEZE", [y], net.tensor((4, 5, 2), FINE), "SqueezeOptions", squeezeDims=[0])


def turned(net: Net) -> int:
    """Dimension 0 changes its place."""
    x = net.input((4, 4, 5), STEP)
    return net.op("TRANSPOSE", [x, net.constant(ints(1, 0, 2))], net.tensor((4, 4, 5), STEP))


def joined(net: Net) -> int:
    """Two declared images become four."""
    pair = [net.input((2, 3), STEP), net.input((2, 3), STEP)]
    y = net.tensor((4, 3), STEP)
    return net.op("CONCATENATION", pair, y, "ConcatenationOptions", axis=0)


def constant_by_image(net: Net) -> int:
    """Each of two images meets another constant."""
    x, c = net.input((2, 4, 3), STEP), RNG.integers(-128, 128, (2, 4, 3)).astype(np.int8)
    return net.op("ADD", [x, net.constant(c, STEP)], net.tensor((2, 4, 3), FINE), "AddOptions")


def flattened(net: Net) -> int:
    """Images, which a convolution and a matrix leave apart."""
    y = convolution(net, net.input((2, 4, 4, 3), STEP), (2, 4, 4, 3), 2)
    return connected(net, reshaped(net, y, (2, 32), FINE), 2, 32, 5)


def constant_for_all(net: Net) -> int:
    x, c = net.input((2, 4, 3), STEP), RNG.integers(-128, 128, (1, 4, 3)).astype(np.int8)
    return net.op("ADD", [x, net.constant(c, STEP)], net.tensor((2, 4, 3), FINE), "AddOptions")


def means(net: Net) -> int:
    x, axes = net.input((3, 4, 4, 5), STEP), net.constant(ints(1, 2))
    return net.op("MEAN", [x, axes], net.tensor((3, 5), FINE), "ReducerOptions")


ONE_IMAGE = (
    folded_time,
    steps_as_rows,
    head,
    vector,
    without_batch,
    squeezed,
    turned,
    joined,
    constant_by_image,
)
IMAGES = (flattened, constant_for_all, means)


def onnx_squeeze(net: OnnxNet) -> str:
    """Every dimension of 1 goes, the batch too."""
    y = net.quantized(net.node("GlobalMaxPool", [net.x], "p"), 0.03, -7)
    return net.quantized(net.node("Squeeze", [y], "y"), 0.03, -7)


def onnx_scalar(net: OnnxNet) -> str:
    net.node("ReduceMax", [net.x], "y", keepdims=0)
    return net.quantized("y", 0.03, -7)


def onnx_video(net: OnnxNet) -> str:
    """Time steps and channels change places."""
    return net.quantized(net.node("Transpose", [net.x], "y", perm=[1, 0, 2, 3]), 0.03, -7)


def onnx_images(net: OnnxNet) -> str:
    y = net.node("Flatten", [net.x], "y")
    return net.quantized(net.node("Neg", [y], "n"), 0.05, 3)


def onnx_padded(net: OnnxNet) -> str:
    """Something in front of the first image, and behind."""
    pads = net.constant("pads", np.array([1, 0, 0, 1, 2, 0, 1, 0]))
    return net.quantized(net.node("Pad", [net.x, pads], "y"), 0.03, -7)


ONNX = {
    onnx_padded: True,
    onnx_squeeze: True,
    onnx_scalar: True,
    onnx_video: True,
    onnx_images: False,
}
CASES = [
    *((case, True) for case in ONE_IMAGE),
    *((case, False) for case in IMAGES),
    *ONNX.items(),
]


def written(case, folder):
    """Return the file of a case, its inputs, and a function that gives the runtime's output."""
    if case in ONNX:
        net = OnnxNet((1, 3, 4, 5) if ONNX[case] else (2, 3, 4, 5))
        data, path = net.bytes(case(net)), folder / "m.onnx"
        feeds = [RNG.normal(size=net.shape).astype(np.float32)]
        session = open_ort(data)
        expected = lambda xs: np.asarray(session.run(None, {"x": xs[0]})[0])  # noqa: E731
    else:
        net = Net()
        data, path, feeds = net.bytes(case(net)), folder / "m.tflite", net.feeds()
        interpreter = reference_interpreter(data)

        def expected(xs):
            for detail, x in zip(interpreter.get_input_details(), xs, strict=True):
                interpreter.set_tensor(detail["index"], x)
            interpreter.invoke()
            return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    path.write_bytes(data)
    return path, feeds, expected


def scalar(net: Net) -> int:
    """A number goes in."""
    x, c = net.input((), STEP), net.constant(np.array([[5, -7]], np.int8), STEP)
    return net.op("ADD", [x, c], net.tensor((1, 2), FINE), "AddOptions")


def explained(path, capsys) -> dict:
    assert main(["explain", str(path), "-c", "tiny", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("case", "whole"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_all_commands_agree(case, whole, tmp_path, capsys):
    path, feeds, expected = written(case, tmp_path)
    right, program = expected(feeds), tmp_path / "m.weft"
    assert main(["compile", str(path), "-c", "tiny", "-o", str(program)]) == 0
    capsys.readouterr()
    for file in (path, program):
        assert explained(file, capsys)["one_image"] == whole
        with weft.InferenceSession(file, device="golden") as session:
            names = [info.name for info in session.get_inputs()]
            images = dict(zip(names, feeds, strict=True))
            twice = {name: np.concatenate([x, x[::-1]]) for name, x in images.items()}
            [result] = session.run(None, images)
            np.testing.assert_array_equal(result, right, strict=True)
            for result in session.stream([images, images]):
                np.testing.assert_array_equal(result, right, strict=True)
            if whole:
                with pytest.raises(weft.ModelError, match="must have shape"):
                    session.run(None, twice)
                with pytest.raises(weft.ModelError, match="must have shape"):
                    list(session.stream([twice]))
                continue
            # Images in another order, and twice as many, give their own results.
            for results in (session.run(None, twice), list(session.stream([twice]))):
                np.testing.assert_array_equal(results[0], np.concatenate([right, right[::-1]]))


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_number_goes_in(kind, tmp_path, capsys):
    """The input is no array of one number, but a number."""
    if kind == "onnx":
        net = OnnxNet(())
        data, x = net.bytes(net.quantized(net.node("Tanh", [net.x], "y"), 0.01, 3)), np.float32(0.7)
        x = np.asarray(x)
        right = np.asarray(open_ort(data).run(None, {"x": x})[0])
    else:
        net = Net()
        data, [x] = net.bytes(scalar(net)), net.feeds()
        interpreter = reference_interpreter(data)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        right = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    path, program = tmp_path / f"m.{kind}", tmp_path / "m.weft"
    path.write_bytes(data)
    assert main(["compile", str(path), "-c", "tiny", "-o", str(program)]) == 0
    capsys.readouterr()
    for file in (path, program):
        assert explained(file, capsys)["one_image"]
        with weft.InferenceSession(file, device="golden") as session:
            [info] = session.get_inputs()
            assert info.shape == []
            [result] = session.run(None, {info.name: x})
            np.testing.assert_array_equal(result, right, strict=True)
            [result] = session.stream([{info.name: x}])
            np.testing.assert_array_equal(result, right, strict=True)
            with pytest.raises(weft.ModelError, match=r"have shape \("):
                session.run(None, {info.name: x.reshape(1)})


def test_the_table_says_so(tmp_path, capsys):
    path, _, _ = written(steps_as_rows, tmp_path)
    assert main(["explain", str(path), "-c", "tiny"]) == 0
    assert "the first dimension counts no images" in capsys.readouterr().out
    path, _, _ = written(flattened, tmp_path)
    assert main(["explain", str(path), "-c", "tiny"]) == 0
    assert "the first dimension" not in capsys.readouterr().out

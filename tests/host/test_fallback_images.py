"""What the first dimension is to layers that run in a runtime, and the state that they keep."""

import numpy as np
import pytest
import weft
from networks.onnx_net import Net as OnnxNet
from weft.errors import ModelError

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from networks.litert import reference_interpreter
from networks.ort import ort_session, run_ort
from networks.streaming import STEP, streaming_network, svdf
from networks.tflite_net import Net as TfliteNet

SEED = 11


def image(*shape, seed=SEED):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def convolution(net):
    data = np.random.default_rng(SEED).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    y = net.node("Conv", [net.x, net.weights("w", data)], "c", pads=[1] * 4)
    return net.quantized(y, 0.05, 3)


def tail(net, y, kind):
    """An operator that Weft does not know, behind which images are mixed, or none are left."""
    y = net.node("Cosh", [y], "cos")
    match kind:
        case "apart":
            return y
        case "sum over images":
            return net.node("ReduceSum", [y, net.constant("axes", np.array([0]))], "y", keepdims=0)
        case "scalar":
            return net.node("ReduceSum", [y], "y", keepdims=0)
        case "dimension moved":
            return net.node("Reshape", [y, net.constant("s", np.array([-1, 4]))], "y")
        case "all in one":
            return net.node("Reshape", [y, net.constant("s", np.array([1, -1]))], "y")
        case "running sum":
            return net.node("CumSum", [y, net.constant("axis", np.array(0))], "y")
    raise ValueError(kind)


KINDS = ["apart", "sum over images", "scalar", "dimension moved", "all in one", "running sum"]


def write(tmp_path, net, *outputs):
    path = tmp_path / "m.onnx"
    path.write_bytes(net.bytes(*outputs))
    return path


@pytest.mark.parametrize("options", [{}, {"check": True}, {"keep_tensors": True}], ids=str)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("first", ["n", 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_equals_the_runtime(tmp_path, kind, first, batch, options):
    net = OnnxNet((first, 3, 6, 5))
    path = write(tmp_path, net, tail(net, convolution(net), kind))
    x = image(batch, 3, 6, 5)
    with weft.InferenceSession(path, fallback=True, **options) as session:
        if first not in ("n", batch):
            with pytest.raises(ModelError, match="input x must have shape"):
                session.run(None, {"x": x})
            return
        [name] = [info.name for info in session.get_outputs()]
        expected = run_ort(ort_session(path.read_bytes())[0], x)[name]
        for result in (session.run(None, {"x": x})[0], next(session.stream([x]))):
            assert np.shape(result) == expected.shape and np.array_equal(result, expected)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_declared_batch_of_one_is_one_image(tmp_path, kind):
    net = OnnxNet((1, 3, 6, 5))
    path = write(tmp_path, net, tail(net, convolution(net), kind))
    x = image(1, 3, 6, 5)
    [expected] = run_ort(ort_session(path.read_bytes())[0], x).values()
    with weft.InferenceSession(path, fallback=True) as session:
        [result] = session.run(None, {"x": x})
        assert result.shape == expected.shape and np.array_equal(result, expected)
        assert session.get_outputs()[0].shape == list(expected.shape)
        with pytest.raises(ModelError, match=r"must have shape \(1, 3, 6, 5\), not \(2, 3, 6, 5\)"):
            session.run(None, {"x": image(2, 3, 6, 5)})


def test_a_head_that_mixes_images(tmp_path):
    net = OnnxNet(("n", 3, 6, 5))
    net.nodes.clear()
    x = net.node("CumSum", ["x", net.constant("axis", np.array(0))], "sums")
    net.x = net.quantized(x, 0.03, -7)
    path = write(tmp_path, net, convolution(net))
    x = image(4, 3, 6, 5)
    [expected] = run_ort(ort_session(path.read_bytes())[0], x).values()
    with weft.InferenceSession(path, fallback=True) as session:
        assert np.array_equal(session.run(None, {"x": x})[0], expected)


def test_a_head_whose_images_become_one(tmp_path):
    net = OnnxNet(("n", 3, 6, 5))
    net.nodes.clear()
    x = net.node("ReduceMean", [net.node("Sinh", ["x"], "sin")], "mean", axes=[0])
    net.x = net.quantized(x, 0.03, -7)
    path = tmp_path / "m.onnx"
    path.write_bytes(net.bytes(convolution(net), opset=17))
    x = image(4, 3, 6, 5)
    [expected] = run_ort(ort_session(path.read_bytes())[0], x).values()
    with weft.InferenceSession(path, fallback=True) as session:
        [result] = session.run(None, {"x": x})
        assert result.shape == expected.shape and np.array_equal(result, expected)


@pytest.mark.parametrize("shape", [("n", 3, 6, 5), ("n", 3, "h", "w")])
def test_an_open_batch_that_the_accelerator_would_mix(tmp_path, shape):
    """Reshape to (1, -1) keeps one image as it is, and puts several into one row."""
    net = OnnxNet(shape)
    y = net.node("Reshape", [convolution(net), net.constant("s", np.array([1, -1]))], "r")
    path = write(tmp_path, net, y)
    oracle = ort_session(path.read_bytes())[0]
    with weft.InferenceSession(path) as session:
        x = image(1, 3, 6, 5)
        assert np.array_equal(session.run(None, {"x": x})[0], run_ort(oracle, x)["r"])
        x = image(2, 3, 6, 5)  # the whole file is then one image of this shape
        assert np.array_equal(session.run(None, {"x": x})[0], run_ort(oracle, x)["r"])
    with weft.InferenceSession(path, shapes={"x": (2, 3, 6, 5)}) as session:
        x = image(2, 3, 6, 5)
        assert np.array_equal(session.run(None, {"x": x})[0], run_ort(oracle, x)["r"])


def stateful(tmp_path):
    """A fully connected layer, an operator that Weft does not know, and SVDF behind it."""
    rng, net = np.random.default_rng(SEED), TfliteNet()
    x = net.input((1, 8), STEP)
    weights = net.weights(rng.integers(-127, 128, (10, 8)).astype(np.int8), [0.01])
    y = net.op("FULLY_CONNECTED", [x, weights], net.tensor((1, 10), STEP), "FullyConnectedOptions")
    y = net.op("RELU_0_TO_1", [y], net.tensor((1, 10), STEP))
    path = tmp_path / "m.tflite"
    path.write_bytes(net.bytes(svdf(net, rng, y, 2)))
    return path, [rng.integers(-128, 128, (1, 8)).astype(np.int8) for _ in range(8)]


@pytest.mark.parametrize("options", [{}, {"check": True}, {"keep_tensors": True}], ids=str)
def test_a_state_in_the_runtime(tmp_path, options):
    path, images = stateful(tmp_path)
    interpreter, expected = reference_interpreter(path.read_bytes()), []
    for x in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        expected.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert not np.array_equal(expected[0], expected[-1])
    with weft.InferenceSession(path, fallback=True, **options) as session:
        name = session.get_inputs()[0].name
        for _ in range(2):
            results = [session.run(None, {name: x})[0] for x in images]
            assert all(map(np.array_equal, results, expected))
            session.reset_state()


def test_variables_are_not_cut(tmp_path):
    net, y = streaming_network(0)
    y = net.op("RELU_0_TO_1", [y], net.tensor((1, 1, 1, 8), STEP))
    path = tmp_path / "m.tflite"
    path.write_bytes(net.bytes(y))
    with pytest.raises(ModelError, match="keeps a state in variables"):
        weft.InferenceSession(path, fallback=True)


def test_a_state_that_two_layers_share(tmp_path):
    path, _ = stateful(tmp_path)
    net = TfliteNet()
    rng, x = np.random.default_rng(SEED), net.input((1, 10), STEP)
    y = net.op("RELU_0_TO_1", [x], net.tensor((1, 10), STEP))
    results = [svdf(net, rng, y, 2), svdf(net, rng, y, 2)]
    first, second = net.writer.graph.operators[-2:]
    second.inputs[4] = first.inputs[4]
    path.write_bytes(net.bytes(results))
    with pytest.raises(ModelError, match="2 layers share the state"):
        weft.InferenceSession(path, fallback=True)

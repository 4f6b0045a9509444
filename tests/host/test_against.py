"""``--against runtime``: results beside those of a reader that the importer has no part in."""

import json

import numpy as np
import onnx
import pytest
import weft
import weft.runtime.prepare
from networks.onnx_net import Net as OnnxNet
from weft.cli import main
from weft.errors import ModelError
from weft.importers import load_model

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from networks.streaming import STEP, streaming_network
from networks.tflite_net import Net as TfliteNet

SHAPE = (1, 2, 3, 4)


def image(*shape, seed=5):
    return np.random.default_rng(seed).uniform(-2, 2, shape).astype(np.float32)


def convolution(path, shape=SHAPE, bias=0, unused=False):
    """A convolution that copies its 2 channels, int8 from -2 to 2, plus ``bias`` steps of 1/64."""
    net = OnnxNet(shape, scale=1 / 64, zero_point=0)
    weights = np.eye(2, dtype=np.int8).reshape(2, 2, 1, 1)
    steps = net.constant("b", np.full(2, bias, np.int32))
    edge = [net.constant("b.s", np.float32(1 / 64)), net.constant("b.z", np.int32(0))]
    b = net.node("DequantizeLinear", [steps, *edge], "b.f")
    y = net.node("Conv", [net.x, net.weights("w", weights, scale=1.0), b], "c")
    data = net.bytes(net.quantized(y, 1 / 64, 0))
    if unused:
        proto = onnx.ModelProto.FromString(data)
        kind = onnx.TensorProto.FLOAT
        proto.graph.input.append(onnx.helper.make_tensor_value_info("z", kind, ("n", 3)))
        data = proto.SerializeToString()
    path.write_bytes(data)
    return path


@pytest.fixture
def misread(monkeypatch, tmp_path):
    """The importer reads another file than the one that is named."""
    other = convolution(tmp_path / "other.onnx", bias=3)
    monkeypatch.setattr(weft.runtime.prepare, "load", lambda *_: load_model(other))
    return convolution(tmp_path / "m.onnx")


def test_a_file_that_is_misread(misread):
    x = image(*SHAPE)
    x.reshape(-1)[:2] = 1.984375, 1.96875  # steps 127 and 126, which saturate
    steps = np.clip(np.rint(x * 64), -128, 127)
    wrong = np.clip(steps + 3, -128, 127)
    with weft.InferenceSession(misread, against="runtime") as session:
        session.run(None, {"x": x})
        [found] = session.differences
    assert found.values == int((steps != wrong).sum()) and found.size == x.size
    assert found.largest == 3 / 64 and found.position == (0, 0, 0, 1)
    assert str(found) == (
        f"output c.f differs from {session.runtime} in {found.values} of 24 values, by 0.046875 at "
        "most, first at [0, 0, 0, 1]: 1.984375 and not 1.96875"
    )


def test_command(misread, tmp_path, capsys):
    assert main(["run", str(misread), "--against", "runtime"]) == 1
    assert "random input, seed 0: output c.f differs from ONNX Runtime" in capsys.readouterr().out
    assert main(["run", str(misread), "--against", "runtime", "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)["against"]["differences"]
    assert found["output"] == "c.f" and found["values"] > 0
    assert main(["run", str(misread)]) == 0
    capsys.readouterr()
    assert main(["run", str(misread), "--against", "golden"]) == 2
    assert "against a runtime, not 'golden'" in capsys.readouterr().err


def test_equal(tmp_path, capsys):
    path = str(convolution(tmp_path / "m.onnx"))
    assert main(["run", path, "--against", "runtime"]) == 0
    assert "24 values of outputs compared with ONNX Runtime" in capsys.readouterr().out


def test_outputs_of_another_shape(tmp_path, monkeypatch):
    other = convolution(tmp_path / "other.onnx", (1, 2, 4, 3))
    monkeypatch.setattr(weft.runtime.prepare, "load", lambda *_: load_model(other))
    path = convolution(tmp_path / "m.onnx", ("n", 2, "h", "w"))
    with weft.InferenceSession(path, against="runtime") as session:
        session.run(None, {"x": image(1, 2, 4, 3)})
        assert session.differences == []
    path = convolution(tmp_path / "m.onnx", SHAPE)
    with weft.InferenceSession(path, against="runtime") as session:  # noqa: SIM117
        with pytest.raises(ModelError, match="input x must have shape"):
            session.run(None, {"x": image(1, 2, 4, 3)})


@pytest.mark.parametrize(
    "declared, batch", [("n", 3), (1, 3), (2, 2), (2, 4), ("n", 1), (1, 1)], ids=str
)
@pytest.mark.parametrize("unused", [False, True])
def test_batches(tmp_path, declared, batch, unused):
    path = convolution(tmp_path / "m.onnx", (declared, 2, 3, 4), unused=unused)
    with weft.InferenceSession(path, against="runtime") as session:
        for _ in session.stream([image(batch, 2, 3, 4), image(batch, 2, 3, 4, seed=6)]):
            assert session.differences == []


def test_a_batch_that_the_runtime_refuses(tmp_path):
    path = convolution(tmp_path / "m.onnx", (2, 2, 3, 4))
    with weft.InferenceSession(path, against="runtime") as session:  # noqa: SIM117
        with pytest.raises(ModelError, match="takes a batch of 2, not 3"):
            session.run(None, {"x": image(3, 2, 3, 4)})


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
def test_litert(tmp_path, rounding):
    net, rng = TfliteNet(), np.random.default_rng(3)
    x = net.input((1, 8), STEP)
    weights = net.weights(rng.integers(-127, 128, (10, 8)).astype(np.int8), [0.01])
    y = net.op("FULLY_CONNECTED", [x, weights], net.tensor((1, 10), STEP), "FullyConnectedOptions")
    path = tmp_path / "m.tflite"
    path.write_bytes(net.bytes(y))
    with weft.InferenceSession(path, rounding=rounding, against="runtime") as session:
        for _ in range(3):
            x = rng.integers(-128, 128, (4, 8)).astype(np.int8)
            session.run(None, {session.get_inputs()[0].name: x})
            assert session.differences == [] and str(session.runtime).startswith("LiteRT ")


def test_a_state(tmp_path):
    net, y = streaming_network(1)
    path = tmp_path / "m.tflite"
    path.write_bytes(net.bytes(y))
    rng = np.random.default_rng(4)
    with weft.InferenceSession(path, against="runtime", check=True) as session:
        [info] = session.get_inputs()
        rest = [size if isinstance(size, int) else 1 for size in info.shape[1:]]
        for call in range(12):
            if call % 5 == 4:
                session.reset_state()
            x = rng.integers(-128, 128, (1 + call % 3, *rest)).astype(np.int8)
            session.run(None, {info.name: x})
            assert session.differences == []


def test_with_the_fallback(tmp_path):
    net = OnnxNet(("n", 2, 3, 4))
    y = net.node("Conv", [net.x, net.weights("w", np.ones((2, 2, 1, 1), np.int8))], "c")
    path = tmp_path / "m.onnx"
    path.write_bytes(net.bytes(net.node("Cosh", [net.quantized(y, 0.05, 0)], "y")))
    with weft.InferenceSession(path, fallback=True, against="runtime") as session:
        session.run(None, {"x": image(3, 2, 3, 4)})
        assert session.differences == []


def test_what_no_runtime_reads(tmp_path):
    program = weft.compile(convolution(tmp_path / "m.onnx"), config="tiny")
    program.save(tmp_path / "m.weft")
    for model in (program, program.graph, tmp_path / "m.weft"):
        with pytest.raises(ModelError, match="a runtime reads model files"):
            weft.InferenceSession(model, against="runtime")
    with pytest.raises(ModelError, match="with rounding reference"):
        weft.InferenceSession(tmp_path / "m.onnx", rounding="reference", against="runtime")


@pytest.mark.parametrize("module", ["onnxruntime", "ai_edge_litert"])
def test_runtime_not_installed(tmp_path, uninstall, capsys, module):
    path = convolution(tmp_path / "m.onnx")
    if module == "ai_edge_litert":
        net, y = streaming_network(1)
        path = tmp_path / "m.tflite"
        path.write_bytes(net.bytes(y))
    uninstall(module)
    assert main(["run", str(path), "--against", "runtime"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("pip install 'weft-fpga[runtimes]'")

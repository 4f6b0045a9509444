"""Open dimensions of an ONNX model are given by name, or taken from the first image."""

import numpy as np
import onnx
import pytest
import weft
from networks.onnx_net import SEED, Net
from weft.cli import main
from weft.errors import ModelError, OpenShapeError

pytest.importorskip("onnxruntime")

from networks.ort import open_ort


@pytest.fixture
def model(tmp_path):
    """A convolution of which batch, height and width are open."""
    net = Net((1, 3, 9, 7))
    weights = np.random.default_rng(SEED).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "c", pads=[1] * 4)
    proto = onnx.ModelProto.FromString(net.bytes(net.quantized("c", 0.2, 3)))
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    for axis, name in ((0, "N"), (2, "H"), (3, "W")):
        dims[axis].dim_param = name
    path = tmp_path / "open.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def expected(path, x):
    return open_ort(path).run(None, {"x": x})[0]


def image(*shape):
    return np.random.default_rng(SEED).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3])
def test_from_the_first_image(model, batch):
    x = image(batch, 3, 6, 5)
    with weft.InferenceSession(model) as session:
        [info] = session.get_inputs()
        assert (info.name, info.type, info.shape) == ("x", "tensor(float)", ["N", 3, "H", "W"])
        with pytest.raises(ModelError, match="the shape of x is open"):
            _ = session.graph
        [y] = session.run(None, {"x": x})
        assert np.array_equal(y, expected(model, x))
        assert session.graph.shape("x") == (1, 3, 6, 5)
        other = image(1, 3, 7, 7)
        assert np.array_equal(session.run(None, {"x": other})[0], expected(model, other))
        with pytest.raises(ModelError, match="must have shape"):
            session.run(None, {"x": image(1, 4, 7, 7)})


def test_given_by_name(model):
    x = image(1, 3, 8, 4)
    with weft.InferenceSession(model, shapes={"x": (1, 3, 8, 4)}) as session:
        assert np.array_equal(session.run(None, {"x": x})[0], expected(model, x))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"x": (1, 4, 8, 8)}, "input x cannot have shape"),
        ({"x": (1, 3, 8)}, "input x cannot have shape"),
        ({"x": (1, 3, 0, 8)}, "input x cannot have shape"),
        ({"z": (1, 3, 8, 8)}, "there is no input z, only x"),
    ],
)
def test_shapes_that_do_not_fit(model, shapes, message):
    with pytest.raises(ModelError, match=message):
        weft.InferenceSession(model, shapes=shapes)


def test_compile_needs_the_shape(model, tmp_path):
    with pytest.raises(OpenShapeError, match=r"--shape x=1,3,32,32 \(in Python shapes="):
        weft.compile(model)
    target = tmp_path / "m.weft"
    assert main(["compile", str(model), "--shape", "x=1,3,8,8", "-o", str(target)]) == 0
    assert weft.compile(model, shapes={"x": (1, 3, 8, 8)}).graph.tensors["x"].shape == (1, 3, 8, 8)


def test_command_line(model, tmp_path, capsys):
    np.save(tmp_path / "a.npy", image(1, 3, 6, 5))
    assert main(["run", str(model), "--input", str(tmp_path / "a.npy")]) == 0
    assert "1x4x6x5" in capsys.readouterr().out
    assert main(["run", str(model), "--shape", "x=1,3,8,4"]) == 0
    assert "1x4x8x4" in capsys.readouterr().out
    assert main(["explain", str(model), "--shape", "x=1,3,8,4"]) == 0
    assert main(["run", str(model)]) == 2
    assert "give an array of its shape, or --shape x=1,3,32,32" in capsys.readouterr().err
    assert main(["explain", str(model), "--shape", "x"]) == 2
    assert "--shape x must be like x=1,3,32,32" in capsys.readouterr().err


@pytest.fixture
def steps(tmp_path):
    """A convolution along the first dimension, which is open: three time steps or more."""
    net = Net((8, 10))
    weights = np.random.default_rng(SEED).integers(-127, 128, (4, 10, 3)).astype(np.int8)
    rows = net.node("Unsqueeze", [net.x, net.constant("zero", np.array([0]))], "rows")
    columns = net.node("Transpose", [rows], "columns", perm=[0, 2, 1])
    x = net.quantized(columns, 0.05, 0)
    net.node("Conv", [x, net.weights("w", weights)], "c")
    y = net.node("Transpose", [net.quantized("c", 0.2, 3)], "back", perm=[0, 2, 1])
    net.node("Squeeze", [y, "zero"], "y")
    proto = onnx.ModelProto.FromString(net.bytes("y"))
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "T"
    path = tmp_path / "steps.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_first_dimension_for_which_one_is_too_small(steps):
    with weft.InferenceSession(steps) as session:
        assert session.get_inputs()[0].shape == ["T", 10]
        for count in (3, 20):
            x = image(count, 10)
            assert np.array_equal(session.run(None, {"x": x})[0], expected(steps, x))
    with pytest.raises(OpenShapeError, match="--shape x=32,10"):
        weft.compile(steps)
    x = image(9, 10)
    with weft.InferenceSession(steps, shapes={"x": (9, 10)}) as session:
        assert np.array_equal(session.run(None, {"x": x})[0], expected(steps, x))

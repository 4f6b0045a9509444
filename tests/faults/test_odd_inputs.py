"""What clumsy and hostile users give: one sentence each, the right code, nothing left behind."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import pytest
import weft
from networks import compare
from networks.onnx_net import Net
from weft.cli import main

LONG = "a" * 300
ZEROS = np.zeros((1, 1, 8, 8), np.float32)
# Arguments, and a part of the sentence.
ODD = [
    ("run digits -i swapped.npy", "holds >f4, but input image is float32"),
    ("run digits -i scalar.npy", "has shape (), but input image is (1, 1, 8, 8)"),
    ("run digits -i objects.npy", "its elements are '|O', not numbers"),
    ("run digits -i complex.npy", "its elements are '<c8', not numbers"),
    ("run digits -i empty.npy", "holds no array: its shape is (0, 1, 8, 8)"),
    ("run digits -i several.npz", "several.npz: expected .npy or a picture"),
    ("run digits -i folder.npy", "holds no .npy file and no picture"),
    ("run digits -i loop.npy", "loop.npy does not exist"),
    (f"run digits -i {LONG}.npy", "File name too long"),
    ("run digits -o folder.npy", "folder.npy: Is a directory"),
    ("run digits -o loop.npy", "loop.npy: Too many levels of symbolic links"),
    ("run digits -o loop/x.npy", "loop is no directory"),
    (f"run digits -o {LONG}.npy", "File name too long"),
    ("run digits --maps swapped.npy", "swapped.npy: File exists"),
    ("run digits --maps loop", "loop: File exists"),
    ("run digits --labels swapped.npy", "is not UTF-8"),
    ("run digits --labels folder.npy", "folder.npy: Is a directory"),
    ("compile digits -c tiny -o folder.weft", "folder.weft: Is a directory"),
    ("explain folder.weft", "folder.weft is a directory"),
    ("explain loop.onnx", "there is no model loop.onnx"),
    (f"explain {LONG * 20}", "File name too long"),
    ("explain /dev/null", "there is no model /dev/null"),
    ("report digits -c tiny -o folder.html", "folder.html: Is a directory"),
    ("build icebreaker --out loop", "loop: File exists"),
    ("explain digits -c bytes.toml", "bytes.toml is not TOML"),
    ("explain digits -c deep.toml", "it is nested too deeply"),
    ("explain digits -c digits.toml", "digits.toml is not TOML"),
    ("explain digits -c folder.toml", "cannot read folder.toml: Is a directory"),
    ("explain digits -c huge.toml", "cannot read huge.toml: File too large"),
    ("run digits --labels huge.toml", "huge.toml: File too large"),
    ("run digits -d tcp:localhost:99999999", "takes HOST:PORT"),
    ("run digits -d tcp:\udcff:1", "cannot connect to"),
    ("run digits -d serial:/dev/null", "cannot open /dev/null"),
    ("run digits -d \udcff", "there is no device"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("swapped.npy", ZEROS.astype(">f4"))
    np.save("scalar.npy", np.float32(1))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.save("complex.npy", ZEROS.astype(np.complex64))
    np.save("empty.npy", ZEROS[:0])
    np.savez("several.npz", a=ZEROS, b=ZEROS)
    for name in ("folder.npy", "folder.weft", "folder.html", "folder.toml"):
        (tmp_path / name).mkdir()
    for name in ("loop", "loop.npy", "loop.onnx"):
        (tmp_path / name).symlink_to(tmp_path / name)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "deep.toml").write_text("lanes = " + "[" * 5000)
    (tmp_path / "digits.toml").write_text("lanes = " + "9" * 5000)
    with (tmp_path / "huge.toml").open("wb") as file:
        file.truncate((16 << 20) + 1)  # a device such as /dev/zero gives as much, and more
    return tmp_path


@pytest.mark.parametrize("words, sentence", ODD)
def test_one_sentence(folder, capsys, words, sentence):
    before = sorted(folder.iterdir())
    device = words.startswith("run digits -d")
    assert main(words.split(" ")) == (3 if device else 2)
    error = capsys.readouterr().err
    assert error.startswith("weft: ") and error.count("\n") == 1 and sentence in error
    assert sorted(folder.iterdir()) == before


def test_columns_first_is_read(folder):
    values = np.random.default_rng(1).random((3, 1, 8, 8), np.float32)
    np.save("rows.npy", values)
    np.save("columns.npy", np.asfortranarray(values))
    for name in ("rows", "columns"):
        assert main(["run", "digits", "-i", f"{name}.npy", "-o", f"{name}-out.npy"]) == 0
    assert (folder / "rows-out.npy").read_bytes() == (folder / "columns-out.npy").read_bytes()


@pytest.mark.parametrize("cache", ["swapped.npy", "swapped.npy/below", "loop"])
def test_a_cache_that_is_no_folder(folder, monkeypatch, capsys, cache):
    monkeypatch.setenv("WEFT_CACHE", str(folder / cache))
    assert main(["run", "digits", "-d", "sim", "-c", "tiny"]) == 3
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"weft: cannot build the virtual board: {folder / cache}")
    assert "Errno" not in error


@pytest.mark.parametrize(
    "command",
    [
        "bench digits -d golden",
        "models",
        "devices",
        "compile digits -c tiny -o x.weft",
    ],
)
def test_readers_that_leave_and_streams_that_are_closed(folder, command):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for end in ("| head -n 1", ">&-", "<&- >&- 2>&-"):
        line = f"set -o pipefail; {sys.executable} -m weft {command} {end}"
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, timeout=600, check=False, env=environment
        )
        assert (done.returncode, done.stderr) == (0, b""), end


def test_a_file_that_ends_too_soon_is_no_ctrl_c(monkeypatch, capsys):
    """Python raises EOFError for a module that a full disk cut short, and Typer ends by it."""

    def cut_short(*_, **__):
        raise EOFError("marshal data too short")

    monkeypatch.setattr("weft.models.loading.load", cut_short)
    assert main(["explain", "digits"]) == 2
    words = "weft: internal error, EOFError: marshal data too short; --debug shows where"
    assert capsys.readouterr().err.strip() == words


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"path_or_bytes": None}, "a model is a path, bytes, a Graph or a Program, not NoneType"),
        ({"config": 5}, "a configuration is a name, a .toml file or a Config, not int"),
        ({"shapes": 5}, "shapes are sequences of sizes by the names of inputs"),
        ({"shapes": {"image": 5}}, "shapes are sequences of sizes by the names of inputs"),
        ({"device": 5}, "a device is a name or an OpenDevice, not int"),
    ],
)
def test_arguments_of_another_kind(arguments, sentence):
    with pytest.raises(weft.WeftError) as raised:
        weft.InferenceSession(**{"path_or_bytes": "digits", **arguments})
    assert str(raised.value) == sentence


def test_no_model_is_compiled():
    with pytest.raises(weft.ModelError, match="a model is a path, bytes"):
        weft.compile(None)  # type: ignore[arg-type]


def test_an_interpreter_that_was_closed():
    from networks.streaming import svdf_network

    net, output = svdf_network(1)
    interpreter = weft.Interpreter(model_content=net.bytes(output))
    interpreter.allocate_tensors()
    interpreter.close()
    with pytest.raises(weft.WeftError, match="the session was closed"):
        interpreter.invoke()


def test_what_an_interpreter_takes_for_no_tensor():
    content = compare.tflite_network(3)[1]
    interpreter = weft.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [details, *_] = interpreter.get_input_details()
    at = details["index"]
    values: list[Any] = [None, "x", [[1], []], np.zeros(details["shape"])[:0]]
    numbers: list[Any] = [None, "0", 0.5, -1, 10**9]
    shapes: list[Any] = [None, 5, "ab", [None], [-1], [1 << 31] * 4]
    for call in (
        *(lambda value=value: interpreter.set_tensor(at, value) for value in values),
        *(lambda number=number: interpreter.get_tensor(number) for number in numbers),
        *(lambda shape=shape: interpreter.resize_tensor_input(at, shape) for shape in shapes),
        lambda: weft.Interpreter(model_content="text"),  # type: ignore[arg-type]
    ):
        with pytest.raises(weft.ModelError):
            call()
    interpreter.invoke()


def test_what_is_no_memory_to_bind():
    session = weft.InferenceSession("digits")
    binding = session.io_binding()
    for shape, address in ((None, 8), ([-1], 8), ((1, 1, 8, 8), 0), ("ab", 8)):
        with pytest.raises(weft.ConfigError):
            binding.bind_input("image", "cpu", 0, np.float32, shape, address)  # type: ignore[arg-type]
    with pytest.raises(weft.ConfigError, match="a binding is what io_binding"):
        session.run_with_iobinding(None)  # type: ignore[arg-type]


def test_a_session_that_was_closed():
    """Also before anything was prepared, as where the file leaves shapes open."""
    image = np.zeros((1, 1, 8, 8), np.float32)
    session = weft.InferenceSession("digits")
    session.run(None, {"image": image})
    images = session.stream([image] * 3)
    next(images)
    unprepared = open_session()
    for closed in (session, unprepared):
        closed.close()
        closed.close()
    for call in (
        lambda: session.run(None, {"image": image}),
        lambda: list(session.stream([image])),
        lambda: next(images),
        session.reset_state,
        lambda: unprepared.run(None, {"x": image}),
        lambda: list(unprepared.stream([image])),
        lambda: unprepared.set_shapes({"x": image.shape}),
        unprepared.reset_state,
    ):
        with pytest.raises(weft.WeftError, match="the session was closed"):
            call()


def open_session():
    """Return a session of a model that leaves height and width open."""
    net = Net((1, 1, 8, 8))
    net.node("Conv", [net.x, net.weights("w", np.ones((1, 1, 1, 1), np.int8))], "c")
    proto = onnx.ModelProto.FromString(net.bytes(net.quantized("c", 0.2, 3)))
    for axis in (2, 3):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "s"
    return weft.InferenceSession(proto.SerializeToString())


@pytest.mark.parametrize("kind", ["serial", "spi", "tcp", "udp", "usb", "sim"])
def test_no_device_has_a_zero_in_its_name(kind):
    with pytest.raises(weft.LinkError, match=r"^no device is called "):
        weft.InferenceSession("digits", device=f"{kind}:a\0", config="tiny")

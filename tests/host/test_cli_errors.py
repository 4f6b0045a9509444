"""Bad input to commands gives one sentence and the right exit code."""

import os
import subprocess
import sys

import numpy as np
import pytest
import weft.runtime.prepare
from commands import MODELS, failing
from weft.cli import main
from weft.errors import DeviceMismatch, LinkError
from weft.models.digits import MODEL


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument 'MODEL'"),
        (["run", "digits", "--colour", "red"], "No such option: --colour"),
        (["paint", "digits"], "No such command 'paint'"),
        (["run", "nothing.tflite"], "there is no model nothing.tflite"),
        (["run", "."], "is a directory"),
        (["run", "digits", "-c", "huge"], "no configuration 'huge'; choose from"),
        (["run", "digits", "--rounding", "up"], "rounding must be one of"),
        (["run", "digits", "-i", "nothing.npy"], "nothing.npy does not exist"),
        (["run", "digits", "-o", "out.txt"], "outputs are written as .npy or .npz"),
        (["run", "digits", "-o", "/dev/null/out.npy"], "/dev/null is no directory"),
        (["compile", "digits", "-o", "digits.bin"], "a program's name ends in .weft"),
        (["compile", "digits", "-o", "/dev/null/d.weft"], "/dev/null is no directory"),
        (["explain", "digits", "-c", "huge"], "no configuration 'huge'"),
        (["demo", "--images", "0"], "Invalid value for '--images'"),
    ],
)
def test_bad_usage(arguments, message, capsys):
    code, text = failing(arguments, capsys)
    assert code == 2 and message in text


@pytest.mark.parametrize("command", ["run", "explain", "bench"])
@pytest.mark.parametrize("name", ["a.onnx", "a.tflite"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"MZ not a model at all",
        b"\x1c\0\0\0TFL3" + b"\xff" * 200,
        MODEL.read_bytes()[:9000],
    ],
    ids=["empty", "zeros", "foreign", "broken flatbuffer", "truncated onnx"],
)
def test_files_that_are_no_models(command, name, content, capsys, tmp_path):
    (tmp_path / name).write_bytes(content)
    code, text = failing([command, tmp_path / name], capsys)
    assert code == 2 and name.split(".")[0] in text


@pytest.mark.skipif(not MODELS.is_dir(), reason="WEFT_MODELS is not set")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_tflite(share, capsys, tmp_path):
    data = (MODELS / "ic_resnet8_int8.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(data[: int(len(data) * share)])
    code, _ = failing(["explain", tmp_path / "cut.tflite"], capsys)
    assert code == 2


def test_float_models_are_refused(capsys, tmp_path):
    onnx = pytest.importorskip("onnx")
    shape = [1, 1, 4, 4]
    values = onnx.numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="the_conv")],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 2, 2, 2])],
        [values],
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "float.onnx")
    code, text = failing(["explain", tmp_path / "float.onnx"], capsys)
    assert code == 2 and "Conv" in text and "not quantised" in text


def test_wrong_arrays_leave_no_output_behind(capsys, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((1, 1, 8, 9), np.float32))
    arguments = ["run", "digits", "-i", tmp_path / "a.npy", "-o", tmp_path / "out.npy"]
    code, text = failing(arguments, capsys)
    assert code == 2 and "(1, 1, 8, 9)" in text and "(1, 1, 8, 8)" in text
    assert not (tmp_path / "out.npy").exists()


@pytest.mark.parametrize("error", [LinkError("the board is silent"), DeviceMismatch("not yours")])
def test_link_trouble_gives_exit_code_3(error, monkeypatch, capsys):
    def open_device(*_):
        raise error

    monkeypatch.setattr(weft.runtime.prepare, "open_device", open_device)
    code, text = failing(["run", "digits", "-d", "sim"], capsys)
    assert code == 3 and text == str(error)


def test_unknown_device(capsys):
    code, text = failing(["run", "digits", "-d", "fpga"], capsys)
    assert code == 3 and "no device 'fpga'" in text


def test_debug_shows_the_traceback(capsys):
    assert main(["run", "nothing.onnx", "--debug"]) == 2
    error = capsys.readouterr().err
    assert "Traceback" in error and error.splitlines()[-1].startswith("weft: there is no model")


def test_a_missing_module_is_one_sentence(monkeypatch, capsys):
    def open_device(*_):
        raise ModuleNotFoundError("No module named 'amaranth'", name="amaranth")

    monkeypatch.setattr(weft.runtime.prepare, "open_device", open_device)
    code, text = failing(["run", "digits", "-d", "sim"], capsys)
    assert code == 2
    assert text == "Python module amaranth is missing: pip install 'weft-fpga[sim]'"


def run_process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "weft", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        **options,
    )


def test_exit_codes_reach_the_shell():
    result = run_process("run", "nothing.onnx")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "weft: there is no model nothing.onnx\n"
    result = run_process("--version")
    assert result.returncode == 0 and result.stdout.startswith("weft ")
    assert "\x1b" not in run_process("explain", "digits").stdout


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m weft explain digits --json | head -c 10"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.stderr == "" and result.returncode == 0

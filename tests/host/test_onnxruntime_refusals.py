"""What ONNX Runtime refuses is refused by its drop-in; options and providers in its shape."""

import json
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
import weft
from networks.onnx_files import open_network, script_names
from networks.scripts import run_script

pytest.importorskip("onnxruntime")

REFUSED = {
    "missing": ("digits", "session.run(None, {})", "input image is missing"),
    "unknown input": (
        "digits",
        "session.run(None, {'image': images[:1], 'y': images})",
        "the model has no input 'y', only image",
    ),
    "unknown output": (
        "digits",
        "session.run(['y'], {'image': images[:1]})",
        "the model has no output 'y', only scores",
    ),
    "one output as text": (
        "digits",
        "session.run('scores', {'image': images[:1]})",
        "output names are a list or None, not str",
    ),
    "feeds without names": (
        "digits",
        "session.run(None, [images[:1]])",
        "feeds are arrays by the names of inputs, not list",
    ),
    "double": (
        "digits",
        "session.run(None, {'image': images[:1].astype(float)})",
        "input image must be float32, not float64",
    ),
    "integers for real numbers": (
        "digits",
        "session.run(None, {'image': images[:1].astype(np.int64)})",
        "input image must be float32, not int64",
    ),
    "rank": (
        "open_model",
        "session.run(None, {'x': picture[0]})",
        r"input x must have shape \(N, 3, H, W\), not \(3, 6, 5\)",
    ),
    "size": (
        "open_model",
        "session.run(None, {'x': picture[:, :2]})",
        r"input x must have shape \(N, 3, H, W\), not \(1, 2, 6, 5\)",
    ),
    "ragged list": (
        "digits",
        "session.run(None, {'image': [[1, 2], [3]]})",
        "input image is no array of float32",
    ),
    "list of text": (
        "digits",
        "session.run(None, {'image': [['a']]})",
        "input image is no array of float32",
    ),
    "tuple": (
        "digits",
        "session.run(None, {'image': (images[0],)})",
        "input image must be an array of float32, not tuple",
    ),
    "number": (
        "digits",
        "session.run(None, {'image': 1.0})",
        "input image must be an array of float32, not float",
    ),
    "terminated": (
        "digits",
        "run = rt.RunOptions(); run.terminate = True; "
        "session.run(None, {'image': images[:1]}, run)",
        "terminate is set",
    ),
    "options of a run": (
        "digits",
        "session.run(None, {'image': images[:1]}, {})",
        "run_options are RunOptions, not dict",
    ),
    "nothing bound": (
        "digits",
        "b = session.io_binding(); b.bind_cpu_input('image', images[:1]); "
        "session.run_with_iobinding(b)",
        "no output is bound",
    ),
    "bound to nothing": (
        "digits",
        "session.io_binding().bind_cpu_input('y', images[:1])",
        "the model has no input 'y'",
    ),
    "bound to a place that is too small": (
        "digits",
        "b = session.io_binding(); b.bind_cpu_input('image', images[:1]); "
        "b.bind_ortvalue_output('scores', "
        "rt.OrtValue.ortvalue_from_shape_and_type([1, 9], np.float32)); "
        "session.run_with_iobinding(b)",
        r"output scores is float32 \(1, 10\), its place float32 \(1, 9\)",
    ),
    "another device's memory": (
        "digits",
        "rt.OrtValue.ortvalue_from_numpy(images[:1], 'cuda', 0)",
        "arrays are in the memory of 'cpu', not of 'cuda'",
    ),
    "an entry that is not there": (
        "digits",
        "rt.SessionOptions().get_session_config_entry('x')",
        "SessionOptions has no entry 'x'",
    ),
    "an option of another type": (
        "digits",
        "rt.SessionOptions().graph_optimization_level = 'all'",
        "graph_optimization_level must be GraphOptimizationLevel, not 'all'",
    ),
    "an option that there is not": (
        "digits",
        "rt.SessionOptions().threads = 3",
        "SessionOptions has no option threads",
    ),
    "no file": ("digits", "rt.InferenceSession('nothing.onnx')", "there is no model nothing.onnx"),
    "name of an output": (
        "digits",
        "session.run([None], {'image': images[:1]})",
        "the name of an output is a text, not None",
    ),
    "options of a session": (
        "digits",
        "rt.InferenceSession(digits, {'intra_op_num_threads': 1})",
        "sess_options are SessionOptions, not dict",
    ),
    "no model": ("digits", "rt.InferenceSession(3)", "a model is a path, bytes, .*, not int"),
    "junk": ("digits", "rt.InferenceSession(b'junk')", "neither a .tflite nor"),
    "nothing": ("digits", "rt.InferenceSession(b'')", "neither a .tflite nor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_runtime_refuses_is_refused_in_one_sentence(name, tmp_path):
    model, text, message = REFUSED[name]
    names = script_names(tmp_path)
    script = f"session = rt.InferenceSession({model})\n{text}"
    with pytest.raises(Exception) as raised:
        run_script(script, names, "onnxruntime")
    assert not isinstance(raised.value, KeyError | NameError)
    theirs = type(raised.value)
    with pytest.raises(weft.WeftError, match=message) as raised:
        run_script(script, names, "weft")
    assert "\n" not in str(raised.value)
    kinds = weft.capi.onnxruntime_pybind11_state
    kind = getattr(kinds, theirs.__name__, theirs)  # what a script is ready for
    assert isinstance(raised.value, kind) or name == "feeds without names"


def test_constants_of_the_file_take_no_other_value(tmp_path):
    path = open_network(tmp_path / "m.onnx")
    proto = onnx.load(path)
    info = onnx.helper.make_tensor_value_info("w.s", onnx.TensorProto.FLOAT, [])
    proto.graph.input.append(info)
    path.write_bytes(proto.SerializeToString())
    session = weft.InferenceSession(path)
    assert [info.name for info in session.get_overridable_initializers()] == ["w.s"]
    assert [info.name for info in session.get_inputs()] == ["x"]
    feed = {"x": np.zeros((1, 3, 4, 4), np.float32), "w.s": np.ones((), np.float32)}
    with pytest.raises(weft.ModelError, match=r"w\.s is a constant of the model and is compiled"):
        session.run(None, feed)


def test_levels_at_which_the_runtime_has_no_integer_kernels_warn():
    options = weft.SessionOptions()
    options.graph_optimization_level = weft.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with pytest.warns(UserWarning, match="with ORT_ENABLE_BASIC ONNX Runtime computes in float32"):
        weft.InferenceSession("digits", options)


def test_a_provider_that_is_not_there_warns_as_in_the_runtime(tmp_path):
    names = script_names(tmp_path)
    script = "result = rt.InferenceSession(digits, providers=['CUDAExecutionProvider', 'CPUExecu"
    script += "tionProvider']).get_providers()"
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        expected = run_script(script, names, "onnxruntime")
    with pytest.warns(UserWarning, match="'CUDAExecutionProvider' is not available"):
        assert run_script(script, names, "weft") == expected


def test_the_accelerator_is_a_provider():
    choice = ("WeftExecutionProvider", {"device": "golden", "config": "tiny"})
    session = weft.InferenceSession("digits", providers=[choice, "CPUExecutionProvider"])
    session.run(None, {"image": np.zeros((1, 1, 8, 8), np.float32)})
    assert session.profile.config == "tiny"
    assert weft.get_available_providers() == ["WeftExecutionProvider", "CPUExecutionProvider"]
    session.set_providers(["WeftExecutionProvider"], [{"config": "icebreaker"}])
    session.run(None, {"image": np.zeros((1, 1, 8, 8), np.float32)})
    assert session.profile.config == "icebreaker"
    with pytest.raises(weft.ConfigError, match="not both"):
        weft.InferenceSession("digits", providers=[choice], device="golden")
    with pytest.raises(weft.ConfigError, match="has the options device and config, not 'dev'"):
        weft.InferenceSession("digits", providers=[("WeftExecutionProvider", {"dev": "sim"})])


def test_profiling_writes_a_trace(tmp_path):
    options = weft.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "trace")
    session = weft.InferenceSession("digits", options)
    for _ in range(2):
        session.run(None, {"image": np.zeros((1, 1, 8, 8), np.float32)})
    path = session.end_profiling()
    assert path.startswith(str(tmp_path / "trace_2")) and path.endswith(".json")
    events = json.loads(Path(path).read_text())
    assert [e["name"] for e in events].count("model_run") == 2
    operators = [e["args"]["op_name"] for e in events if e["cat"] == "Node"]
    assert operators.count("CONV_2D") == 6
    assert session.end_profiling() == ""


def test_an_error_in_another_thread_comes_to_the_callback():
    done, seen = threading.Event(), []

    def callback(*arguments):
        seen.extend(arguments)
        done.set()

    session = weft.InferenceSession("digits")
    session.run_async(None, {"image": np.zeros((1, 8, 8), np.float32)}, callback, 5)
    assert done.wait(60)
    assert seen == [[], 5, "input image must have shape (1, 1, 8, 8), not (1, 8, 8)"]


def test_what_no_layer_reads_may_be_left_out(tmp_path):
    session = weft.InferenceSession(open_network(tmp_path / "m.onnx", unread=True))
    x = np.zeros((1, 3, 4, 4), np.float32)
    feed = {"x": x, "unread": np.zeros(2, np.int64)}
    expected = session.run(["c.q"], feed)
    assert np.array_equal(session.run(["c.q"], {"x": x}), expected)
    with pytest.raises(weft.ModelError, match="input unread must be int64, not int32"):
        session.run(None, {"x": x, "unread": np.zeros(2, np.int32)})

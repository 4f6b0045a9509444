"""An unsupported head or tail runs in the runtime; the whole equals the runtime's own result."""

import contextlib
import json
from typing import Any

import flatbuffers
import numpy as np
import onnx
import pytest
import weft
import weft.runtime.prepare
from weft.cli import main
from weft.errors import ModelError
from weft.runtime.device import OpenDevice
from weft.runtime.fallback.split import Layer, split_layers
from weft.runtime.fallback.tflite_file import TfliteFile
from weft_sim.testing.functional import FunctionalSimulator

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from ai_edge_litert import schema_py_generated as schema
from networks.litert import reference_interpreter, run_litert
from networks.plan import Layer as PlanLayer
from networks.plan import Plan, QParams
from networks.tflite_writer import write_tflite
from qdq_network import SEED, Network, equals_onnxruntime, outside

STEP = QParams(0.02, 3)


def test_tail_in_onnx_runtime(tmp_path):
    network = Network()
    value = network.conv(network.conv(network.quantised("x"), 4, 3), 5, 4)
    tail = network.node("Softsign", [network.quantised(network.node("Cosh", [value]), 0.01)])
    profile = equals_onnxruntime(network.write(tmp_path / "m.onnx", [tail]))
    assert outside(profile) == ["Cosh", "QuantizeLinear", "Softsign"]
    assert [row.operator for row in profile.layers if row.macs] == ["CONV_2D", "CONV_2D"]


def test_head_in_onnx_runtime(tmp_path):
    network = Network()
    value = network.quantised(network.node("Sinh", ["x"]))
    value = network.conv(network.conv(value, 4, 3), 5, 4)
    profile = equals_onnxruntime(network.write(tmp_path / "m.onnx", [value]))
    assert outside(profile) == ["Sinh", "QuantizeLinear"]


def test_head_and_tails_of_several_outputs(tmp_path):
    # One output is the accelerator's own, two come from branches of their own, one of which
    # reads the input, too.
    network = Network()
    trunk = network.conv(network.quantised(network.node("Sinh", ["x"])), 3, 3)
    left = network.node("Cosh", [network.conv(trunk, 4, 3)])
    right = network.node("Atan", [network.node("Add", [trunk, "x"])])
    own = network.conv(trunk, 6, 3)
    profile = equals_onnxruntime(network.write(tmp_path / "m.onnx", [left, own, right]))
    assert outside(profile) == ["Sinh", "QuantizeLinear", "Cosh", "Add", "Atan"]
    assert len([row for row in profile.layers if row.macs]) == 3


def test_operators_that_are_known_but_not_quantised(tmp_path):
    network = Network()
    value = network.conv(network.quantised("x"), 4, 3)
    weights = np.random.default_rng(SEED).normal(size=(2, 4, 1, 1)).astype(np.float32)
    tail = network.node("Conv", [value, network.constant(weights)])
    assert outside(equals_onnxruntime(network.write(tmp_path / "m.onnx", [tail]))) == ["Conv"]


def test_supported_models_have_nothing_outside(tmp_path):
    network = Network()
    path = network.write(tmp_path / "m.onnx", [network.conv(network.quantised("x"), 4, 3)])
    assert outside(equals_onnxruntime(path)) == []


def test_middle_stays_an_error(tmp_path):
    network = Network()
    value = network.conv(network.quantised("x"), 4, 3)
    value = network.quantised(network.node("Cosh", [value]))
    value = network.quantised(network.node("Sinh", [value]))
    path = network.write(tmp_path / "m.onnx", [network.conv(value, 4, 4)])
    names = [n.name for n in onnx.load(path).graph.node if n.op_type in ("Cosh", "Sinh")]
    with pytest.raises(ModelError) as error:
        weft.InferenceSession(path, fallback=True)
    text = str(error.value)
    for name in names:
        assert f"{name}: operator" in text
    assert "between layers with weights, where --fallback does not help" in text


def test_without_it_the_list_says_what_to_do(tmp_path):
    network = Network()
    value = network.conv(network.quantised(network.node("Sinh", ["x"])), 4, 3)
    path = network.write(tmp_path / "m.onnx", [network.node("Cosh", [value])])
    with pytest.raises(ModelError) as error:
        weft.InferenceSession(path)
    text = str(error.value)
    assert "operator Sinh is not supported; " in text and "operator Cosh is not supported; " in text
    assert text.endswith(
        "; replace these layers by supported ones before quantisation or, if they are at the head "
        "or tail of the network, have them run on the host by --fallback (in Python fallback=True)"
    )


def chain(tmp_path, kinds, unknown, edge):
    """A .tflite chain of element-wise layers round a convolution; ``unknown`` become others."""
    rng, shape = np.random.default_rng(SEED), (1, 6, 6, 4)
    layers = []
    for kind in kinds:
        options = {}
        if kind == "conv":
            options = {
                "kernel": (3, 3),
                "stride": (1, 1),
                "dilation": (1, 1),
                "padding": (1, 1, 1, 1),
                "groups": 1,
                "activation": "NONE",
                "scales": [0.01],
                "same": True,
                "bias": rng.integers(-2000, 2000, 4).astype(np.int32),
                "weights": rng.integers(-127, 128, (4, 3, 3, 4)).astype(np.int8),
            }
        layers.append(PlanLayer(kind, (len(layers),), shape, STEP, options))
    data = write_tflite(Plan(SEED, shape, STEP, layers), edge)
    model: Any = schema.ModelT.InitFromPackedBuf(data, 0)
    for code in model.operatorCodes:
        for old, new in unknown.items():
            if code.builtinCode == getattr(schema.BuiltinOperator, old):
                code.builtinCode = getattr(schema.BuiltinOperator, new)
                code.deprecatedBuiltinCode = min(code.builtinCode, 127)
                code.version = 1
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path = tmp_path / "m.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path


@pytest.mark.parametrize("edge", ["int8", "float32"])
@pytest.mark.parametrize(
    "kinds, rows",
    [
        (("conv", "tanh"), ["RELU_0_TO_1"]),
        (("tanh", "conv"), ["RELU_0_TO_1"]),
        (("tanh", "conv", "relu", "tanh"), ["RELU_0_TO_1", "RELU_0_TO_1"]),
    ],
)
def test_litert(tmp_path, kinds, rows, edge):
    path = chain(tmp_path, kinds, {"TANH": "RELU_0_TO_1"}, edge)
    with pytest.raises(ModelError, match="operator RELU_0_TO_1 is not supported"):
        weft.InferenceSession(path)
    session = weft.InferenceSession(path, fallback=True)
    [info] = session.get_inputs()
    [output] = session.get_outputs()
    rng, oracle = np.random.default_rng(SEED), reference_interpreter(path.read_bytes())
    for _ in range(4):
        image = rng.integers(-128, 128, (1, 6, 6, 4))
        image = (image * 0.02).astype(np.float32) if edge == "float32" else image.astype(np.int8)
        expected = run_litert(oracle, image, [output.name])[output.name]
        [result] = session.run(None, {info.name: image})
        assert len(np.unique(expected)) > 4
        assert result.dtype == expected.dtype and np.array_equal(result, expected)
    assert [name for name in outside(session.profile) if "QUANTIZE" not in name] == rows


@pytest.fixture
def simulated(monkeypatch):
    """Device ``sim`` is the functional simulator, its counters 100."""

    class Counted(FunctionalSimulator):
        def read(self, region, unit, count):
            if region.name == "COUNTER":
                return (100).to_bytes(4, "little") * count
            return super().read(region, unit, count)

    monkeypatch.setattr(
        weft.runtime.prepare,
        "open_device",
        lambda name, config, progress=None: OpenDevice(name, config, Counted(config)),
    )


def test_on_an_accelerator_and_checked(tmp_path, simulated):
    network = Network()
    value = network.conv(network.quantised(network.node("Sinh", ["x"])), 4, 3)
    path = network.write(tmp_path / "m.onnx", [network.node("Cosh", [value])])
    profile = equals_onnxruntime(path, 2, device="sim", config="tiny", check=True)
    assert outside(profile) == ["Sinh", "QuantizeLinear", "Cosh"] and profile.bit_exact is True
    assert any(row.where == "accelerator" and row.cycles for row in profile.layers)


def test_commands(tmp_path, simulated, capsys):
    network = Network()
    tail = network.node("Cosh", [network.conv(network.quantised("x"), 4, 3)])
    path = str(network.write(tmp_path / "m.onnx", [tail]))
    for command in (["run", path], ["bench", path, "-d", "sim"], ["explain", path]):
        command += ["-c", "tiny"]
        assert main(command) == 2
        assert "--fallback" in capsys.readouterr().err
        assert main([*command, "--fallback", "--json"]) == 0
        assert "Cosh" in capsys.readouterr().out
    assert main(["explain", path, "--fallback", "-c", "tiny", "--json"]) == 0
    [entry] = json.loads(capsys.readouterr().out)["fallback"]
    assert entry["operator"] == "Cosh" and entry["runtime"] == "ONNX Runtime"
    assert main(["explain", path, "--fallback", "-c", "tiny"]) == 0
    assert "(Cosh) runs in ONNX Runtime: fallback" in capsys.readouterr().out


@pytest.mark.parametrize("module", ["onnxruntime", "ai_edge_litert"])
def test_runtime_not_installed(tmp_path, uninstall, capsys, module):
    if module == "onnxruntime":
        network = Network()
        tail = network.node("Cosh", [network.conv(network.quantised("x"), 4, 3)])
        path = network.write(tmp_path / "m.onnx", [tail])
    else:
        path = chain(tmp_path, ("conv", "tanh"), {"TANH": "RELU_0_TO_1"}, "int8")
    uninstall(module)
    assert main(["run", str(path), "--fallback"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("pip install 'weft-fpga[runtimes]'")


def test_split_grows_to_tensors_that_can_be_cut():
    layers = [
        Layer("a", "Conv", ("x",), ("a",), True),
        Layer("b", "Relu", ("a",), ("b",), False),
        Layer("c", "Cosh", ("b",), ("c",), False),
        Layer("d", "Conv", ("a",), ("d",), True),
    ]
    assert split_layers(layers, {2}, lambda _: True).tail == (2,)
    split = split_layers(layers, {2}, lambda name: name != "b")
    assert split.head == () and split.middle == (0, 3) and split.tail == (1, 2)
    with pytest.raises(ModelError, match="nothing is left for the accelerator"):
        split_layers(layers, {2}, lambda _: False)
    with pytest.raises(ModelError, match=r"^b: not at the head or tail"):
        split_layers([*layers, Layer("e", "Conv", ("c",), ("e",), True)], {1}, lambda _: True)


def test_damaged_files_are_refused(tmp_path, monkeypatch):
    network = Network()
    path = network.write(tmp_path / "m.onnx", [network.node("Cosh", [network.quantised("x")])])
    data = path.read_bytes()
    path.write_bytes(data.replace(b"cos", b"c\xffs"))  # a name that is no text
    with pytest.raises(ModelError):
        weft.InferenceSession(path, fallback=True)
    # What LiteRT does with a damaged file is its own affair.
    monkeypatch.setattr(TfliteFile, "open_part", lambda *_: None)
    path = chain(tmp_path, ("conv", "tanh"), {"TANH": "RELU_0_TO_1"}, "int8")
    data = path.read_bytes()
    rng = np.random.default_rng(SEED)
    for _ in range(100):
        damaged = bytearray(data)
        damaged[int(rng.integers(8, len(data)))] = int(rng.integers(256))
        path.write_bytes(damaged)
        with contextlib.suppress(ModelError):
            weft.InferenceSession(path, fallback=True)

"""Sessions give what the reference runtimes give, and say where a device goes wrong.

The device is the functional simulator behind the same interface as a board, so these tests
need no compiler; tests/system runs the gateware.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import weft
from msgspec import structs
from weft.models.digits import MODEL, held_out_inputs
from weft.models.loading import load
from weft.program import RunStep
from weft.runtime.device import OpenDevice
from weft.runtime.profile import LinkProfile
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import COUNTER_STRIDE, Region
from weft_sim.testing.functional import FunctionalSimulator

MODELS = Path(os.environ.get("WEFT_MODELS", "/nonexistent"))
RESNET = MODELS / "ic_resnet8_int8.tflite"
needs_models = pytest.mark.skipif(not RESNET.exists(), reason="WEFT_MODELS has no ResNet-8")


class CountingSimulator:
    """The functional simulator; counts 1000 + descriptor number for each descriptor it runs.

    ``fault`` names a descriptor after which one byte of its output is wrong.
    """

    def __init__(self, config, fault=None, fault_word=0):
        self.simulator, self.counters, self.runs = FunctionalSimulator(config), {}, []
        self.fault, self.fault_word, self.writes = fault, fault_word, 0

    def write(self, region, unit, data):
        self.writes += 1
        self.simulator.write(region, unit, data)

    def read(self, region, unit, count):
        if region is not Region.COUNTER:
            return self.simulator.read(region, unit, count)
        values = [
            self.counters.get(u // COUNTER_STRIDE, 0) if u % COUNTER_STRIDE == 0 else u
            for u in range(unit, unit + count)
        ]
        return b"".join(value.to_bytes(4, "little") for value in values)

    def run(self, first, count):
        self.runs.append((first, count))
        for number in range(first, first + count):
            self.simulator.run(number, 1)
            self.counters[number] = 1000 + number
            if number == self.fault:
                byte = bytearray(self.simulator.read(Region.ACTIVATION, self.fault_word, 1))
                byte[0] ^= 1
                self.simulator.write(Region.ACTIVATION, self.fault_word, bytes(byte))


def open_simulator(name="tiny", **options):
    config = get_config(name)
    simulator = CountingSimulator(config, **options)
    traffic = LinkProfile(bytes_to_board=7)
    return OpenDevice("simulator", config, simulator, lambda: traffic)


@pytest.fixture(scope="module")
def ort_scores():
    """Scores of the first 40 held-out digits in ONNX Runtime."""
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    images, _ = held_out_inputs()
    return np.concatenate([session.run(None, {"image": images[i : i + 1]})[0] for i in range(40)])


@pytest.mark.parametrize("device", ["golden", "simulator"])
def test_digits_equal_onnxruntime_bit_for_bit(device, ort_scores):
    images, _ = held_out_inputs()
    with weft.InferenceSession(
        MODEL, device=open_simulator() if device == "simulator" else device, config="tiny"
    ) as session:
        [scores] = session.run(None, {"image": images[:40]})
    assert scores.dtype == np.float32 and scores.shape == (40, 10)
    assert np.array_equal(scores, ort_scores)


def test_inputs_and_outputs_are_those_of_the_file():
    session = weft.InferenceSession("digits")
    [image], [scores] = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", [1, 1, 8, 8])
    assert (scores.name, scores.type, scores.shape) == ("scores", "tensor(float)", [1, 10])
    assert image.dtype == np.float32
    assert [s.shape for s in session.run(["scores"], {"image": np.zeros((3, 1, 8, 8), "f4")})] == [
        (3, 10)
    ]


@needs_models
@pytest.mark.parametrize("device", ["golden", "simulator"])
def test_resnet_equals_litert_reference_kernels(device):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(
        str(RESNET), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    image = np.random.default_rng(20).integers(-128, 128, (1, 32, 32, 3), np.int8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    opened = open_simulator("ulx3s-85f") if device == "simulator" else device
    with weft.InferenceSession(RESNET, device=opened, config="ulx3s-85f") as session:
        [scores] = session.run(None, {session.get_inputs()[0].name: image})
    assert np.array_equal(scores, expected)
    if session.program is not None:  # an addition counts for its table alone
        layers = session.profile.layers
        assert sum(x.cycles or 0 for x in layers) == session.profile.cycles
        assert all(1000 <= (x.cycles or 0) < 2000 for x in layers if x.operator == "ADD")


def test_counters_of_every_run_are_read():
    """A program cut into two runs counts what the whole one counts."""
    images, _ = held_out_inputs()
    program = weft.compile(MODEL, config="tiny")
    at = next(i for i, step in enumerate(program.steps) if isinstance(step, RunStep))
    step = program.steps[at]
    assert isinstance(step, RunStep)
    halves = (
        structs.replace(step, count=2, reads=()),
        structs.replace(step, first=step.first + 2, count=step.count - 2, loads=()),
    )
    cut = replace(program, steps=(*program.steps[:at], *halves, *program.steps[at + 1 :]))
    profiles = []
    for candidate in (program, cut):
        with weft.InferenceSession(candidate, device=open_simulator()) as session:
            session.run(None, {"image": images[:1]})
            profiles.append(session.profile)
    assert [x.cycles for x in profiles[1].layers] == [x.cycles for x in profiles[0].layers]
    assert profiles[1].cycles == profiles[0].cycles


def test_profile_reports_the_counters():
    images, _ = held_out_inputs()
    with weft.InferenceSession(MODEL, device=open_simulator(), config="tiny") as session:
        with pytest.raises(weft.WeftError, match="before the first run"):
            _ = session.profile
        session.run(None, {"image": images[:1]})
        profile, program = session.profile, session.program
    assert program is not None
    count = len(program.descriptors)
    assert profile.cycles is not None
    assert profile.cycles == sum(1000 + n for n in range(count))
    assert profile.bit_exact is None and profile.mismatches is None
    assert profile.macs == 4608 + 4608 + 8192 + 73728 + 320
    assert profile.utilization == pytest.approx(91456 / (12 * profile.cycles))
    by_name = {layer.name: layer for layer in profile.layers}
    first = by_name["/features/features.0/Conv"]
    assert (first.cycles, first.macs, first.where) == (1000, 4608, "accelerator")
    assert (first.busy, first.wait_input, first.wait_output) == (1, 2, 3)
    assert first.utilization == pytest.approx(4608 / 12 / 1000)
    assert by_name["scores"].where == "host" and by_name["scores"].cycles == 0
    assert {x.cycles for x in profile.layers if x.operator == "RESHAPE"} == {0}
    assert sum(layer.cycles or 0 for layer in profile.layers) == profile.cycles
    assert profile.as_dict()["layers"][2]["utilization"] == first.utilization


def test_check_compares_every_layer_and_runs_descriptor_by_descriptor():
    images, _ = held_out_inputs()
    device = open_simulator()
    with weft.InferenceSession(MODEL, device=device, config="tiny", check=True) as session:
        session.run(None, {"image": images[:2]})
        program = session.program
    assert program is not None and isinstance(device.memories, CountingSimulator)
    assert session.profile.bit_exact is True and session.profile.mismatches == 0
    compared = {x.name for x in session.profile.layers if x.mismatches is not None}
    assert compared >= {layer.name for layer in program.layers if layer.where == "accelerator"}
    # Two images, each as a whole and then one descriptor at a time.
    singles = {run[0] for run in device.memories.runs if run[1] == 1}
    assert singles == set(range(len(program.descriptors)))
    # Each image has at least its five feature maps and the scores, seen once or twice.
    maps = 8 * 8 * 8 * 2 + 8 * 8 * 16 + 4 * 4 * 16 + 4 * 4 * 32 + 10
    assert 2 * maps <= session.compared_values <= 2 * 3 * maps


def test_check_names_the_layer_that_differs():
    images, _ = held_out_inputs()
    program = weft.compile(MODEL, config="tiny")
    layers = [descriptor.layer for descriptor in program.descriptors]
    number = layers.index("/features/features.4/Conv")
    [name] = program.descriptors[number].outputs
    device = open_simulator(fault=number, fault_word=program.places[name].base)
    with weft.InferenceSession(program, device=device, check=True) as session:
        session.run(None, {"image": images[:1]})
    differing = [layer.name for layer in session.profile.layers if layer.mismatches]
    assert differing[0] == "/features/features.4/Conv"
    assert session.profile.bit_exact is False
    first = next(x for x in session.profile.layers if x.name == differing[0])
    assert first.mismatches == 1


def test_stream_yields_what_run_returns(ort_scores):
    images, _ = held_out_inputs()
    with weft.InferenceSession(MODEL, device=open_simulator(), config="tiny") as session:
        streamed = list(session.stream(images[i : i + 1] for i in range(5)))
        fed = list(session.stream({"image": images[i : i + 1]} for i in range(2)))
    assert np.array_equal(np.concatenate(streamed), ort_scores[:5])
    assert np.array_equal(np.concatenate(fed), ort_scores[:2])


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "input image is missing"),
        ({"image": np.zeros((1, 1, 8, 8))}, "input image must be float32, not float64"),
        (
            {"image": np.zeros((1, 1, 8, 9), "f4")},
            r"input image must have shape \(1, 1, 8, 8\), not \(1, 1, 8, 9\)",
        ),
        ({"image": np.zeros((8, 8), "f4")}, r"input image must have shape .*, not \(8, 8\)"),
        ({"image": np.zeros((0, 1, 8, 8), "f4")}, r"input image must have shape"),
        ({"image": np.zeros((1, 1, 8, 8), "f4"), "x": np.zeros(1)}, "the model has no input 'x'"),
    ],
)
@pytest.mark.parametrize("device", ["golden", "simulator"])
def test_wrong_feeds(device, feeds, message):
    opened = open_simulator() if device == "simulator" else device
    with (
        weft.InferenceSession(MODEL, device=opened, config="tiny") as session,
        pytest.raises(weft.ModelError, match=message),
    ):
        session.run(None, feeds)
    if isinstance(opened, OpenDevice):
        assert isinstance(opened.memories, CountingSimulator) and opened.memories.runs == []


def test_unknown_names():
    image = np.zeros((1, 1, 8, 8), np.float32)
    with pytest.raises(weft.ModelError, match="no output 'x', only scores"):
        weft.InferenceSession("digits").run(["x"], {"image": image})
    with pytest.raises(weft.ConfigError, match="no configuration 'huge'; choose from ulx3s-85f"):
        weft.InferenceSession("digits", config="huge")
    with pytest.raises(weft.LinkError, match="no device 'fpga'"):
        weft.InferenceSession("digits", device="fpga")
    with pytest.raises(weft.ModelError, match=r"there is no model nothing\.onnx"):
        weft.InferenceSession("nothing.onnx")
    with pytest.raises(weft.ModelError, match="rounding must be one of"):
        weft.InferenceSession("digits", rounding="up")


def test_a_program_knows_its_configuration(tmp_path):
    program = weft.compile("digits", config="tiny")
    program.save(tmp_path / "digits.weft")
    images, _ = held_out_inputs()
    [expected] = weft.InferenceSession("digits").run(None, {"image": images[:1]})
    with weft.InferenceSession(tmp_path / "digits.weft", device=open_simulator()) as session:
        assert np.array_equal(session.run(None, {"image": images[:1]})[0], expected)
    with pytest.raises(weft.ConfigError, match="was compiled for tiny, not ulx3s-85f"):
        load(tmp_path / "digits.weft", "ulx3s-85f")
    with pytest.raises(weft.ModelError, match="compiled for rounding onnxruntime"):
        load(tmp_path / "digits.weft", None, "reference")
    closed = []
    other = open_simulator("ulx3s-85f")
    other.close = lambda: closed.append(True)
    with pytest.raises(weft.DeviceMismatch, match=r"compiled for tiny .* the device is ulx3s-85f"):
        weft.InferenceSession(tmp_path / "digits.weft", device=other)
    assert closed == [True]

"""Program files, capacities, placement and waits."""

import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from small_network import PLAIN, network
from weft.compiler import compile_graph
from weft.errors import CapacityError, DeviceMismatch, ModelError
from weft.program import Program
from weft.runtime.execute import load_program, run_program
from weft_hw.contract.config import CONFIGS, Config
from weft_sim.testing.functional import FunctionalSimulator


def test_saved_program_gives_the_same_results(graphs, tmp_path):
    b, graph = network(graphs)
    program, feeds = compile_graph(graph, PLAIN), b.feeds()
    path = tmp_path / "model.weft"
    program.save(path)
    loaded = Program.load(path)
    for name in (
        "config",
        "fingerprint",
        "images",
        "steps",
        "places",
        "descriptors",
        "layers",
        "usage",
    ):
        assert getattr(loaded, name) == getattr(program, name), name
    results = []
    for each in (program, loaded):
        simulator = FunctionalSimulator(PLAIN)
        load_program(each, simulator, PLAIN)
        results.append(run_program(each, simulator, feeds)[graph.outputs[0]])
    np.testing.assert_array_equal(*results)


def test_saving_twice_gives_the_same_bytes(graphs, tmp_path):
    paths = [tmp_path / name for name in ("a.weft", "b.weft")]
    for path in paths:
        compile_graph(network(graphs)[1], PLAIN).save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_damaged_files(graphs, tmp_path):
    path = tmp_path / "model.weft"
    compile_graph(network(graphs)[1], PLAIN).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(21)
    damaged = [b"", b"PK", b"not a program", whole[: len(whole) // 2], whole[:-1]]
    for _ in range(60):
        copy = bytearray(whole)
        copy[int(rng.integers(len(copy)))] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(copy))
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            Program.load(path)
        except ModelError as error:
            assert re.match(r"^cannot load .*model\.weft: ", str(error))
            refused += 1
    # A flipped bit in a time stamp or the like changes nothing that is read.
    assert refused >= 55


def test_a_changed_weight_is_noticed(graphs, tmp_path):
    """A valid archive whose member does not have the checksum of the manifest."""
    path, changed = tmp_path / "model.weft", tmp_path / "changed.weft"
    compile_graph(network(graphs)[1], PLAIN).save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for info in old.infolist():
            data = bytearray(old.read(info))
            if info.filename == "images/0":
                data[100] ^= 1
            new.writestr(info.filename, bytes(data))
    message = r"^cannot load .*changed\.weft: it is damaged \(a checksum differs\)$"
    with pytest.raises(ModelError, match=message):
        Program.load(changed)


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"^cannot read .*none\.weft: No such file or directory$"):
        Program.load(tmp_path / "none.weft")


def test_loading_needs_numpy_alone(graphs, tmp_path):
    path = tmp_path / "model.weft"
    compile_graph(network(graphs)[1], PLAIN).save(path)
    code = (
        "import sys; from weft.program import Program; Program.load(sys.argv[1]);"
        "print([m for m in ('onnx', 'tflite', 'amaranth', 'onnxruntime') if m in sys.modules])"
    )
    paths = {"PYTHONPATH": ":".join(p for p in sys.path if p)}
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env=paths,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_program_for_another_configuration(graphs):
    program = compile_graph(network(graphs)[1], PLAIN)
    tiny = CONFIGS["tiny"]
    with pytest.raises(
        DeviceMismatch,
        match=r"^the program was compiled for ulx3s-85f \([0-9a-f]"
        r"{16}\), the device is tiny \([0-9a-f]{16}\)$",
    ):
        load_program(program, FunctionalSimulator(tiny), tiny)


@pytest.mark.parametrize(
    ("field", "size", "message"),
    [
        ("weight_words", 8, r"needs \d+ bytes of weight memory \(1152 available\)"),
        ("parameter_words", 4, r"needs \d+ bytes of parameter memory \(288 available\)"),
        ("window_count", 5, r"needs \d+ bytes of window memory \(20 available\)"),
        ("descriptor_count", 3, r"needs \d+ bytes of descriptor memory \(192 available\)"),
        ("activation_words", 100, r"needs \d+ bytes of activation memory \(1600 available\)"),
    ],
)
def test_capacities(graphs, field, size, message):
    config = Config(**{"name": "small", field: size})
    with pytest.raises(CapacityError, match=message):
        compile_graph(network(graphs)[1], config)


def test_every_memory_that_is_too_small_is_named(graphs):
    config = Config(name="small", weight_words=8, descriptor_count=3, activation_words=100)
    with pytest.raises(CapacityError, match=r"weight memory .*descriptor memory .*activation mem"):
        compile_graph(network(graphs)[1], config)

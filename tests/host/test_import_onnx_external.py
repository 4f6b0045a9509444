"""ONNX models that keep tensors in files beside them, against ONNX Runtime on the same path."""

import re

import numpy as np
import onnx
import pytest
import weft
import weft.importers
from weft.errors import ModelError
from weft.importers import load_model

pytest.importorskip("onnxruntime")

from networks.ort import open_ort
from qdq_network import Network

DATA = "m.onnx.data"


@pytest.fixture
def network():
    network = Network()
    value = network.conv(network.conv(network.quantised("x"), 4, 3), 5, 4)
    return network, value


@pytest.fixture
def model(network, tmp_path):
    made, value = network
    return apart(made.write(tmp_path / "m.onnx", [value]))


def apart(path, *, attributes=False):
    """Save a model again, its tensors in a file beside it."""
    proto = onnx.load(path)
    if attributes:  # the first tensor comes from a node
        first = proto.graph.initializer.pop(0)
        proto.graph.node.insert(0, onnx.helper.make_node("Constant", [], [first.name], value=first))
    options = {"location": DATA, "size_threshold": 0, "convert_attribute": attributes}
    onnx.save(proto, path, save_as_external_data=True, **options)
    assert (path.parent / DATA).stat().st_size > 200
    return path


def entries_of(path, change):
    """Change what the file says of where its first tensor lies."""
    proto = onnx.load(path, load_external_data=False)
    tensor = next(x for x in proto.graph.initializer if x.external_data)
    fields = change({entry.key: entry.value for entry in tensor.external_data})
    del tensor.external_data[:]
    for key, value in fields.items():
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(proto.SerializeToString())
    return path


def equals_onnxruntime(path, **options):
    oracle = open_ort(path)
    session = weft.InferenceSession(path, **options)
    rng = np.random.default_rng(3)
    for _ in range(3):
        feed = {"x": rng.uniform(-3, 3, (1, 3, 8, 8)).astype(np.float32)}
        [result], [expected] = session.run(None, feed), oracle.run(None, feed)
        np.testing.assert_array_equal(result, expected)
        assert len(np.unique(result)) > 20
    return session


def refused(model, pattern):
    for read in load_model, weft.InferenceSession:
        with pytest.raises(ModelError) as error:
            read(model)
        assert re.fullmatch(pattern, str(error.value)), str(error.value)


def test_tensors_beside_the_model(model):
    assert equals_onnxruntime(model).profile.layers


def test_tensors_of_nodes(network, tmp_path):
    made, value = network
    equals_onnxruntime(apart(made.write(tmp_path / "m.onnx", [value]), attributes=True))


def test_the_folder_is_the_model_s(model, tmp_path, monkeypatch):
    """Not the one that the process works in; a name alone works, too."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    equals_onnxruntime(model)
    monkeypatch.chdir(tmp_path)
    equals_onnxruntime("m.onnx")


def test_runtimes_read_them_too(network, tmp_path):
    made, value = network
    tail = made.node("Softsign", [made.quantised(made.node("Sinh", [value]), 0.01)])
    path = apart(made.write(tmp_path / "m.onnx", [tail]))
    session = equals_onnxruntime(path, fallback=True, against="runtime")
    assert session.differences == []


def test_bytes_have_no_folder(model):
    refused(
        model.read_bytes(),
        r"the model given as bytes keeps tensor 'c\d+' in 'm\.onnx\.data'; "
        r"give the model as a path, or save it in one file",
    )


def test_missing_file(model, tmp_path):
    (tmp_path / DATA).unlink()
    refused(model, r".*m\.onnx keeps tensor 'c\d+' in 'm\.onnx\.data', which is missing")


@pytest.mark.parametrize("location", ["../m.onnx.data", "{folder}/m.onnx.data", "", ".", "link"])
def test_files_outside_of_the_folder(model, tmp_path, location):
    """What lies there would fit."""
    (tmp_path / "in").mkdir()
    moved = model.rename(tmp_path / "in" / "m.onnx")
    (tmp_path / "in" / "link").symlink_to(tmp_path / DATA)
    location = location.format(folder=tmp_path)
    refused(
        entries_of(moved, lambda fields: fields | {"location": location}),
        rf".*m\.onnx keeps tensor 'c\d+' in '{location}', which is not a file of the model's own "
        r"folder",
    )


def test_a_linked_folder_is_outside_too(model, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / DATA).rename(tmp_path / "real" / DATA)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    path = entries_of(model, lambda fields: fields | {"location": f"link/{DATA}"})
    refused(path, r".* in 'link/m\.onnx\.data', which is not a file of the model's own folder")


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"offset": "-1"}, r"which has no \d+ bytes from -1 on"),
        ({"length": "-1"}, r"which has no -1 bytes from \d+ on"),
        ({"length": "99999"}, r"which has no 99999 bytes from \d+ on"),
        ({"offset": "99999"}, r"which has no \d+ bytes from 99999 on"),
        ({"offset": "x"}, r"which cannot be read \(.*\)"),
        ({"location": "a\0b"}, r"which cannot be read \(.*\)"),
    ],
)
def test_places_that_are_not_there(model, change, pattern):
    path = entries_of(model, lambda fields: fields | change)
    refused(path, r".*m\.onnx keeps tensor 'c\d+' in '.*', " + pattern)


def test_what_else_is_said_of_a_file(model):
    path = entries_of(model, lambda fields: fields | {"checksum": "0"})
    refused(path, r".*'m\.onnx\.data' and says more of it than length, location, offset")


def test_a_tensor_of_the_wrong_size(model):
    path = entries_of(model, lambda fields: fields | {"length": "1"})
    refused(path, r"cannot import m: .*initialiser c0 of shape \(\) needs 4 bytes, but has 1")


def test_all_files_together_are_limited(model, tmp_path, monkeypatch):
    size = model.stat().st_size + (tmp_path / DATA).stat().st_size
    monkeypatch.setattr(weft.importers, "_MAX_BYTES", size)
    load_model(model)
    monkeypatch.setattr(weft.importers, "_MAX_BYTES", model.stat().st_size + 100)
    refused(model, r".*m\.onnx and its tensors are larger than 0 MiB")


def test_damaged_files_say_so(model):
    data = model.read_bytes()
    rng = np.random.default_rng(4)
    for _ in range(200):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] = rng.integers(256)
        model.write_bytes(damaged)
        try:
            load_model(model)
        except ModelError as error:
            assert str(error).isprintable()

"""Values and files at the edges: nothing that NumPy or Pillow warns of comes out of the API."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import weft
from networks import compare, onnx_writer
from networks.menagerie import menagerie
from networks.mutate import base_files, mutate
from networks.plan import random_plan
from PIL import Image
from weft.cli import main
from weft.errors import WeftError

EXTREMES = (3.4e38, -3.4e38, np.nan, np.inf, -np.inf, 1e-45)
KINDS = {"tensor(float)": np.float32, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8}


def with_islands(seed):
    plan = random_plan(seed, onnx_writer.KINDS, fixed_steps=False, bound=64)
    left = set(range(1, len(plan.layers), 2))
    return onnx_writer.write_qdq(plan, seed % 2 == 1, left)


FORMS = {
    "menagerie": (".onnx", lambda seed: menagerie()),
    "tflite": (".tflite", lambda seed: compare.tflite_network(seed)[1]),
    "int8": (".tflite", lambda seed: compare.more_network(seed, "int8")[1]),
    "uint8": (".tflite", lambda seed: compare.more_network(seed, "uint8")[1]),
    "qdq": (".onnx", lambda seed: compare.onnx_network(seed, "qdq")[1]),
    "qoperator": (".onnx", lambda seed: compare.onnx_network(seed, "qoperator")[1]),
    "islands": (".onnx", with_islands),
}


def feeds(info, rng):
    shape = tuple(size if isinstance(size, int) else 1 for size in info.shape)
    dtype = np.dtype(KINDS[info.type])
    if dtype.kind == "f":
        values = np.array(EXTREMES, dtype)
    else:
        values = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    return [*(np.full(shape, value) for value in values), rng.choice(values, shape)]


def run_at_the_edges(path):
    with weft.InferenceSession(path) as session:
        rng = np.random.default_rng(0)
        each = [feeds(info, rng) for info in session.get_inputs()]
        for values in zip(*each, strict=False):
            names = [info.name for info in session.get_inputs()]
            session.run(None, dict(zip(names, values, strict=True)))


@pytest.fixture(autouse=True)
def loud():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("form", FORMS)
def test_values_that_overflow(tmp_path, form):
    suffix, make = FORMS[form]
    for seed in range(900_000, 900_002):
        path = tmp_path / f"{seed}{suffix}"
        path.write_bytes(make(seed))
        run_at_the_edges(path)


def test_damaged_files(tmp_path):
    """Scales, factors and bounds of any size."""
    for seed, data in enumerate(base_files(4)):
        for number in range(40):
            rng = np.random.default_rng((seed, number))
            path = Path(tmp_path, "x.onnx")
            path.write_bytes(mutate(data, rng))
            try:
                run_at_the_edges(path)
            except WeftError:
                continue


def test_a_picture_that_pillow_warns_of(tmp_path, capsys):
    """More pixels than it likes, and a palette whose transparency is given in bytes."""
    large, odd = tmp_path / "large.png", tmp_path / "odd.png"
    Image.new("1", (10_000, 9_500)).save(large)
    picture = Image.new("P", (8, 8))
    picture.putpalette([0, 0, 0] * 256)
    picture.save(odd, transparency=bytes(range(256)))
    assert main(["run", "digits", "-i", str(odd)]) == 0
    assert main(["run", "digits", "-i", str(large)]) == 2
    assert "more than 33,554,432 pixels" in capsys.readouterr().err

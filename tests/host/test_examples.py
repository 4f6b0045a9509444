"""Each example does what its page says: tables and pictures are made again, training runs."""

import importlib
import os
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import weft
from PIL import Image
from weft.models.public_models import PUBLIC_MODELS, PublicFile, fetch_file, locate

pytestmark = pytest.mark.slow

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TRAINED = ["activations", "all_convolutional", "anomaly_detection", "keyword_spotting"]


def example(name: str) -> ModuleType:
    return importlib.import_module(f"examples.{name}.__main__")


def page(name: str) -> str:
    return (EXAMPLES / name / "README.md").read_text(encoding="utf-8")


def made(name: str, mark: str = "made") -> str:
    found = re.search(rf"<!-- {mark} -->\n\n(.*?)\n\n<!-- end -->", page(name), re.DOTALL)
    assert found is not None
    return found[1]


def same(found: str, kept: str) -> None:
    """Compare tables: counts within 3 %, since the gateware becomes faster, and all else exactly.

    If they differ: python -m examples.NAME.
    """
    number = re.compile(r"(?<![\w.,-])\d[\d,]*(?![\w.,]| %)")
    assert number.sub("N", found) == number.sub("N", kept)
    counts = [[int(n.replace(",", "")) for n in number.findall(text)] for text in (found, kept)]
    assert counts[0] == pytest.approx(counts[1], rel=0.03, abs=3)


@pytest.mark.parametrize("name", TRAINED)
def test_tables(name: str):
    same(example(name).result(), made(name))


def test_receptive_field():
    module = example("receptive_field")
    fields = module.seen()
    assert module.result(fields) == made("receptive_field")
    with Image.open(module.PICTURE) as picture:
        np.testing.assert_array_equal(module.drawn(fields), np.asarray(picture))
    for fact in module.layers():  # nothing outside of what arithmetic allows
        field = fields[fact.name]
        assert field.any(1).sum() <= fact.receptive_field[0]
        assert field.any(0).sum() <= fact.receptive_field[1]


def need(public: PublicFile) -> None:
    """Have a public file here: CI fetches it, elsewhere the test is skipped without."""
    if os.environ.get("CI"):
        fetch_file(public)
    elif locate(public) is None:
        pytest.skip(f"{public.file} is not here: weft models get fetches models")


def test_visual_wake_words():
    module = example("visual_wake_words")
    need(PUBLIC_MODELS[module.MODEL])
    same(module.result(), made("visual_wake_words"))
    for name, score in module.scores().items():
        assert (score > 0.5) == module.PHOTOGRAPHS[name], name


def mlperf(name: str) -> ModuleType:
    module = importlib.import_module(f"examples.{name}.mlperf")
    need(PUBLIC_MODELS[module.MODEL])
    return module


def test_mlperf_tiny_hears_words():
    """With other features than those of its training, none to three of forty were recognised."""
    pytest.importorskip("espeakng_loader")
    module = mlperf("keyword_spotting")
    text = module.result()
    # The last bits of float features, and so a word in a hundred, are the CPU's.
    same(text.replace(" %", " in 100"), made("keyword_spotting", "mlperf").replace(" %", " in 100"))
    share = re.search(r"Of all, (\d+) % are recognised", text)
    assert share is not None and int(share[1]) >= 60


def test_mlperf_tiny_finds_sounds():
    """A louder sound is found more surely, and the quiet recording is what training gave."""
    module = mlperf("anomaly_detection")
    need(module.RECORDING)
    same(module.result(), made("anomaly_detection", "mlperf"))
    assert module.drawn(module.curves(module.DRAWN)) == module.CURVES.read_text()
    quiet, loud = (module.curves(level) for level in (-30, 30))
    for name in quiet:
        assert module.area(quiet[name]) < 0.6 < 0.95 < module.area(loud[name])


def test_pictures():
    words = example("keyword_spotting")
    with Image.open(words.PICTURE) as picture:
        np.testing.assert_array_equal(words.drawn(), np.asarray(picture))
    anomalies = example("anomaly_detection")
    curves = {"": anomalies.curve(*anomalies.errors())}
    assert anomalies.drawn(curves) == anomalies.CURVE.read_text()


def test_wake_word_stream(tmp_path: Path):
    """Each wake word gives one alarm; the file has a variable for each layer that looks back."""
    module = example("wake_word_stream")
    scores = module.listen()
    assert module.drawn(scores) == module.PICTURE.read_text()
    same(module.result(), made("wake_word_stream"))
    seconds = [int(time) for time in module.alarms(scores)]
    assert seconds == [n for n, word in enumerate(module.STREAM) if word == module.WAKE]
    assert len(weft.compile(module.MODEL, "ulx3s-85f").resident) == 2
    pytest.importorskip("ai_edge_litert")
    module.train(1, tmp_path)
    with weft.InferenceSession(tmp_path / "wake.tflite") as session:
        frame = {session.get_inputs()[0].name: np.full((1, 1, 1, 10), 60, np.int8)}
        first, second = (session.run(None, frame)[0].item() for _ in range(2))
        session.reset_state()
        assert session.run(None, frame)[0].item() == first != second


def test_digits(tmp_path: Path):
    """Training makes files like the bundled ones; the page quotes what the bundled model is."""
    import onnx

    module = importlib.import_module("examples.digits.train")
    module.main(["--epochs", "1", "--out", str(tmp_path)])
    model, images = module.DATA / "digits_int8.onnx", "digits_heldout.npz"
    old, new = (onnx.load(path).graph.node for path in (model, tmp_path / model.name))
    assert [node.op_type for node in old] == [node.op_type for node in new]
    held_out = module.split()[2:]
    with np.load(tmp_path / images) as made_again, np.load(module.DATA / images) as bundled:
        for name, values in zip(("images", "labels"), held_out, strict=True):
            assert np.array_equal(made_again[name], values)
            assert np.array_equal(bundled[name], values)
    text = page("digits")
    assert f"int8 accuracy in ONNX Runtime: {module.accuracy(model, *held_out):.2%}\n" in text
    assert f"{model.name}: {model.stat().st_size:,} bytes\n" in text


def test_the_curve_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    module = example("anomaly_detection")
    error, anomaly = module.errors()
    false, found = module.curve(error, anomaly)
    area = np.trapezoid(found, false)
    assert area == pytest.approx(metrics.roc_auc_score(anomaly, error), abs=1e-3)


@pytest.mark.parametrize("name", TRAINED)
def test_training(name: str, tmp_path: Path):
    """One pass over the data makes models of the kept ones' names and layers."""
    import onnx

    example(name).train(1, tmp_path)
    kept = sorted((EXAMPLES / name).glob("*.onnx"))
    assert [path.name for path in kept] == sorted(path.name for path in tmp_path.iterdir())
    for path in kept:
        old, new = (
            [node.op_type for node in onnx.load(p).graph.node] for p in (path, tmp_path / path.name)
        )
        assert old == new


def test_every_example_is_in_the_list():
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in EXAMPLES.glob("*/README.md")}
    assert set(re.findall(r"^\| \[(\w+)\]\(\w+\)", index, re.MULTILINE)) == folders
    for folder in folders:
        for picture in re.findall(r"!\[.*?\]\((.*?)\)", page(folder)):
            assert (EXAMPLES / folder / picture).exists()

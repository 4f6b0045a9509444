"""A network of 3,000 layers takes seconds, not minutes: no stage looks at all for each of them."""

import json
import time

import numpy as np
import onnx
import pytest
from networks.onnx_net import Net
from weft.cli import main

LAYERS = 3000


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """1x1 convolutions over 4x4x4, one after the other."""
    net = Net((1, 4, 4, 4))
    rng = np.random.default_rng(5)
    last = net.x
    for number in range(LAYERS):
        weights = rng.integers(-20, 20, (4, 4, 1, 1)).astype(np.int8)
        made = net.node("Conv", [last, net.weights(f"w{number}", weights)], f"block{number}/conv")
        last = net.quantized(made, 0.05, 0)
    path = tmp_path_factory.mktemp("chain") / "chain.onnx"
    path.write_bytes(net.bytes(last))
    assert len(onnx.load(path).graph.node) > 3 * LAYERS
    return path


def cpu_seconds(arguments):
    start = time.process_time()
    assert main([str(argument) for argument in arguments]) == 0
    return time.process_time() - start


def test_it_is_explained(chain, capsys):
    assert cpu_seconds(["explain", chain, "--json"]) < 8  # about 3 on an idle core
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert sum(layer["operator"] == "CONV_2D" for layer in layers) == LAYERS


def test_its_report_is_small(chain, tmp_path):
    page = tmp_path / "x.html"
    assert cpu_seconds(["report", chain, "-o", page]) < 12
    text = page.read_text()
    assert len(text) < 2_000_000
    assert text.count("<img") == 200 and "These are the first 200" in text
    assert f"block{LAYERS - 1}/conv" in text  # every layer has its row

"""A network of 3,000 layers takes seconds, not minutes: no stage looks at all for each of them."""

import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from networks.onnx_net import Net

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


def run(*arguments):
    """Run the command; return the seconds of CPU time that it took, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "weft", *map(str, arguments)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def slowness():
    """Return how much slower this core is now than an idle one of an AMD EPYC of 2024."""
    start, known = time.process_time(), {}
    for number in range(300_000):
        known[number % 1000] = str(number)
    return max(1.0, (time.process_time() - start) / 0.027)


def test_it_is_explained(chain):
    """In about 3 s; the rest of the bound is for other work on the machine."""
    bound = 4 * slowness()
    seconds, printed = min(run("explain", chain, "--json") for _ in range(2))
    assert seconds < bound
    layers = json.loads(printed)["layers"]
    assert sum(layer["operator"] == "CONV_2D" for layer in layers) == LAYERS


def test_its_report_is_small(chain, tmp_path):
    page = tmp_path / "x.html"
    bound = 5 * slowness()
    seconds, _ = run("report", chain, "-o", page)
    assert seconds < bound
    text = page.read_text()
    assert len(text) < 2_000_000
    assert text.count("activation maps of") == 200 and text.count("<img") <= 401
    assert "These are the first 200" in text
    assert f"block{LAYERS - 1}/conv" in text  # every layer has its row

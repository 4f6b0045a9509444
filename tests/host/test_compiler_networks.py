"""Random TFLite and ONNX files through importer, compiler and functional simulator."""

import numpy as np
import pytest
from networks.configurations import ODD
from weft_hw.contract.config import CONFIGS

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnx")

from networks.accelerator import SMALL, SMALL_PAIRED, imported
from networks.compare import onnx_network, random_input, tflite_network
from weft.compiler import compile_graph
from weft.importers.onnx.file import import_onnx
from weft.importers.tflite.walk import import_tflite

CONFIGURATIONS = [
    CONFIGS["ulx3s-85f"],
    CONFIGS["ulx3s-85f-wide"],
    ODD,
]
BATCH = 10


def network(form, seed):
    if form in ("reference", "xnnpack"):
        plan, data, _ = tflite_network(seed)
        return plan, import_tflite(data, f"random {seed}", form)
    plan, data, _ = onnx_network(seed, form)
    return plan, import_onnx(data, f"random {seed}", "onnxruntime", source="random")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", range(0, 30, BATCH))
@pytest.mark.parametrize("form", ["reference", "xnnpack", "qdq", "qoperator"])
def test_networks(graphs, form, start):
    on_accelerator = 0
    for seed in range(start, start + BATCH):
        plan, graph = network(form, 50_000 + seed)
        tensor = graph.tensors[graph.inputs[0]]
        rng = np.random.default_rng(seed)
        x = random_input(rng, (1, *tensor.shape[1:]), tensor.dtype, plan.step)
        config = CONFIGURATIONS[seed % len(CONFIGURATIONS)]
        print(f"{form} seed {50_000 + seed} on {config.name}")
        program = graphs.check(graph, config, {tensor.name: x}, seed=seed)
        on_accelerator += sum(layer.where == "accelerator" for layer in program.layers)
    # Networks that run on the host alone would prove nothing.
    assert on_accelerator > 3 * BATCH


def test_a_difference_whose_table_leaves_32_bits_stays_on_the_host():
    network = imported("kept", 501015, (1, 2, 3, 5))
    assert network is not None
    program = compile_graph(network[0], SMALL)
    assert "v3/Sub" in {layer.name for layer in program.layers if layer.where == "host"}


def test_a_window_that_reaches_too_far_stays_on_the_host():
    network = imported("mixed", 500005, (1, 2, 3, 5))
    assert network is not None
    layers = compile_graph(network[0], SMALL_PAIRED).layers
    assert any("reaches farther" in (layer.reason or "") for layer in layers)

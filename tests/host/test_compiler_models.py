"""The four MLPerf Tiny models and the bundled digits model, tensor by tensor."""

import os
from pathlib import Path

import numpy as np
import pytest
from weft.compiler import compile_graph
from weft.errors import CapacityError
from weft.importers import load_model
from weft_hw.contract.config import CONFIGS

FOLDER = os.environ.get("WEFT_MODELS")
MODELS = ["ad_autoencoder_int8", "ic_resnet8_int8", "kws_dscnn_int8", "vww_mobilenet_int8"]
DIGITS = Path(__file__).parents[2] / "host/weft/data/digits_int8.onnx"

needs_models = pytest.mark.skipif(not FOLDER, reason="WEFT_MODELS names no folder")


def feeds(graph, seed):
    rng = np.random.default_rng(seed)
    result = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        values = rng.integers(-128, 128, tensor.shape)
        result[name] = (values / 128 if tensor.dtype.kind == "f" else values).astype(tensor.dtype)
    return result


@needs_models
@pytest.mark.parametrize("config", ["ulx3s-85f", "ulx3s-85f-wide"])
@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("model", MODELS)
def test_models(graphs, model, rounding, config):
    graph = load_model(Path(str(FOLDER)) / f"{model}.tflite", rounding)
    program = graphs.check(graph, CONFIGS[config], feeds(graph, 31))
    on_host = {layer.operator for layer in program.layers if layer.where == "host"}
    assert on_host <= {"SOFTMAX"}


@needs_models
@pytest.mark.parametrize("model", MODELS)
def test_models_do_not_fit_tiny(graphs, model):
    graph = load_model(Path(str(FOLDER)) / f"{model}.tflite")
    with pytest.raises(CapacityError, match=r"\d+ bytes"):
        graphs.check(graph, CONFIGS["tiny"], feeds(graph, 1))


@pytest.mark.parametrize("config", sorted(CONFIGS))
def test_digits(graphs, config):
    graph = load_model(DIGITS)
    program = graphs.check(graph, CONFIGS[config], feeds(graph, 32))
    on_host = {layer.operator for layer in program.layers if layer.where == "host"}
    assert on_host <= {"QUANTIZE", "DEQUANTIZE", "TRANSPOSE"}


@needs_models
@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("ad_autoencoder_int8", 3_500),
        ("ic_resnet8_int8", 90_000),
        ("kws_dscnn_int8", 26_000),
        ("vww_mobilenet_int8", 76_000),
    ],
)
def test_predicted_cycles(graphs, model, most):
    """What the array of 144 multipliers is to reach."""
    graph = load_model(Path(str(FOLDER)) / f"{model}.tflite")
    program = graphs.check(graph, CONFIGS["ulx3s-85f"], feeds(graph, 33))
    assert sum(info.predicted_cycles for info in program.descriptors) <= most


@needs_models
@pytest.mark.parametrize(
    ("config", "model", "counted"),
    [
        ("ulx3s-85f-wide", "ad_autoencoder_int8", 2_733),
        ("ulx3s-85f-wide", "ic_resnet8_int8", 26_603),
        ("ulx3s-85f-wide", "kws_dscnn_int8", 11_166),
        ("ulx3s-85f-wide", "vww_mobilenet_int8", 39_177),
        ("ulx3s-85f-wide-fc", "ad_autoencoder_int8", 1_141),
    ],
)
def test_predicted_cycles_of_four_pixels(config, model, counted):
    """The prediction is exact (tests/system/test_cycles.py), so this costs no simulation."""
    graph = load_model(Path(str(FOLDER)) / f"{model}.tflite")
    program = compile_graph(graph, CONFIGS[config])
    predicted = sum(info.predicted_cycles for info in program.descriptors)
    assert predicted <= 1.01 * counted, "more than 1 % slower than it was"

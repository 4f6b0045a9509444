"""The four MLPerf Tiny models: golden equals LiteRT, every tensor, on real and random inputs."""

import time

import numpy as np
import pytest
from weft.compiler import compile_graph
from weft.golden import run as reference
from weft.importers import load_model
from weft_hw.contract.config import CONFIGS

pytest.importorskip("ai_edge_litert")

from networks.litert import reference_interpreter, run_litert, xnnpack_interpreter
from networks.mlperf_tiny import MODELS, NAMES, inputs_of

pytestmark = [
    pytest.mark.skipif(
        not (MODELS / f"{NAMES[0]}.tflite").exists(), reason="WEFT_MODELS has no models"
    ),
    pytest.mark.timeout(180),
]


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_equals_the_reference_kernels(name):
    path = MODELS / f"{name}.tflite"
    graph = load_model(path)
    x = inputs_of(graph, name, 20)
    values = reference.run(graph, {graph.inputs[0]: x})
    interpreter = reference_interpreter(str(path))
    names = [node.outputs[0] for node in graph.nodes]
    for index, image in enumerate(x):
        expected = run_litert(interpreter, image[None], names)
        for tensor in names:
            assert np.array_equal(values[tensor][index : index + 1], expected[tensor]), tensor


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
def test_outputs_equal_litert_on_200_random_inputs(name, rounding):
    path = MODELS / f"{name}.tflite"
    graph = load_model(path, rounding)
    x = inputs_of(graph, name, 200 if rounding == "reference" else 60)
    output = graph.outputs[0]
    values = reference.run(graph, {graph.inputs[0]: x})[output]
    make = reference_interpreter if rounding == "reference" else xnnpack_interpreter
    interpreter = make(str(path))
    for index, image in enumerate(x):
        expected = run_litert(interpreter, image[None], [output])[output]
        assert np.array_equal(values[index : index + 1], expected), index


@pytest.mark.parametrize("name", NAMES)
def test_import_compile_and_inference_are_quick(name):
    path = MODELS / f"{name}.tflite"
    load_model(path)
    times = []
    for _ in range(2):  # what else the machine does counts only once
        started = time.perf_counter()
        graph = load_model(path)
        compile_graph(graph, CONFIGS["ulx3s-85f"])
        compiled = time.perf_counter()
        x = np.zeros(graph.tensors[graph.inputs[0]].shape, np.int8)
        reference.run(graph, {graph.inputs[0]: x})
        times.append((compiled - started, time.perf_counter() - compiled))
    print(f"import and compile, inference: {times} s")
    assert min(first for first, _ in times) < (4.0 if name.startswith("vww") else 2.0)
    assert min(second for _, second in times) < 1.0


def test_real_inputs_are_classified_as_published():
    graph = load_model(MODELS / "kws_dscnn_int8.tflite")
    x = np.load(MODELS / "kws_input_i8.npy")
    scores = reference.run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
    assert scores.argmax() == 5

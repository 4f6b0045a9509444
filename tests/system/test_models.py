"""The four MLPerf Tiny models, unmodified, on the simulated accelerator, against LiteRT."""

import numpy as np
import pytest
import weft

pytest.importorskip("ai_edge_litert")

from networks.litert import reference_interpreter, run_litert, xnnpack_interpreter
from networks.mlperf_tiny import MODELS, NAMES, inputs_of
from weft.importers import load_model
from weft.runtime.wire import predicted_link

pytestmark = [
    pytest.mark.tools,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not (MODELS / f"{NAMES[0]}.tflite").exists(), reason="WEFT_MODELS has no models"
    ),
]

# Upper bounds of a whole inference, 1 % above what the hardware counted.
CYCLES = {
    "ad_autoencoder_int8": 2_885,
    "ic_resnet8_int8": 90_118,
    "kws_dscnn_int8": 24_530,
    "vww_mobilenet_int8": 74_814,
}
INTERPRETERS = {"reference": reference_interpreter, "xnnpack": xnnpack_interpreter}


IMAGES = {"reference": 20, "xnnpack": 20}  # random ones, besides the real ones


@pytest.mark.parametrize("rounding", INTERPRETERS)
@pytest.mark.parametrize("name", NAMES)
def test_equal_to_litert_on_real_and_random_inputs(name, rounding):
    path = MODELS / f"{name}.tflite"
    graph = load_model(path, rounding=rounding)
    x = inputs_of(graph, name, IMAGES[rounding])
    interpreter = INTERPRETERS[rounding](str(path))
    [output] = graph.outputs
    with weft.InferenceSession(path, device="sim", rounding=rounding) as session:
        for image in x:
            expected = run_litert(interpreter, image[None], [output])[output]
            [got] = session.run(None, {session.get_inputs()[0].name: image[None]})
            assert np.array_equal(got, expected)
        cycles, link = session.profile.cycles, session.profile.link
        assert session.program is not None
        predicted = predicted_link(session.program)
    assert predicted.bytes_to_board == pytest.approx(link.bytes_to_board, rel=0.02)
    assert predicted.bytes_from_board == pytest.approx(link.bytes_from_board, rel=0.1)
    assert predicted.bytes_per_second == link.bytes_per_second == 300_000
    # The descriptors one by one, every tensor that they leave against the golden model.
    with weft.InferenceSession(path, device="sim", rounding=rounding, check=True) as session:
        session.run(None, {session.get_inputs()[0].name: x[:1]})
        layers = session.profile.layers
        on_accelerator = [layer for layer in layers if layer.where == "accelerator"]
        assert on_accelerator and all(layer.mismatches == 0 for layer in on_accelerator)
        assert not any(layer.mismatches for layer in layers) and session.compared_values > 500
        assert cycles is not None and cycles <= CYCLES[name], "more than 1 % slower than it was"

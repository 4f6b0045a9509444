"""Networks over full-speed USB, gateware and bus simulated: bits, and milliseconds."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

import weft
from graph_builder import Builder
from links.networks import milliseconds, tensor_bytes_a_second
from links.usb import drive, plug_in
from networks.mlperf_tiny import MODELS
from weft.importers import load_model
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_over
from weft_hw.contract.config import get_config

pytestmark = [pytest.mark.tools, pytest.mark.timeout(3600)]
TINY = get_config("tiny")


def test_digits():
    images = held_out_inputs()[0][:3]
    [expected] = weft.InferenceSession("digits").run(None, {"image": images})
    host = plug_in(TINY)
    device = open_over(drive(host)[0], TINY, name="usb")
    with weft.InferenceSession("digits", device=device, config="tiny") as session:
        assert np.array_equal(session.run(None, {"image": images})[0], expected)
        assert session.profile.link.retries == 0 and session.profile.link.kind == "usb"


def test_images_one_after_the_other_keep_the_bus_busy():
    """Tensor bytes a second; small images, so that their requests and replies count as well."""
    builder = Builder(3)
    x = builder.conv(builder.input(16, 16, 4), 4, kernel=(2, 2), stride=(4, 4))
    graph = builder.build(x)
    assert tensor_bytes_a_second(drive(plug_in(TINY))[0], TINY, graph, 24)[0] >= 0.85e6


def test_larger_images_one_after_the_other_keep_the_bus_busy():
    """The same of 4 kB images, beside which requests and replies are small."""
    config = replace(TINY, activation_words=1 << 13)
    builder = Builder(3)
    x = builder.conv(builder.input(32, 16, 8), 4, kernel=(2, 2), stride=(4, 4))
    graph = builder.build(x)
    assert tensor_bytes_a_second(drive(plug_in(config))[0], config, graph, 6)[0] >= 1.0e6


@pytest.mark.slow
@pytest.mark.skipif(not MODELS.exists(), reason="WEFT_MODELS has no models")
@pytest.mark.parametrize(("name", "most_ms"), [("vww_mobilenet_int8", 30.0)])
def test_an_image_end_to_end(name, most_ms):
    """The engine of the ULX3S 85F at 100 MHz; its memory beside the chip is not needed."""
    config = replace(get_config("ulx3s-85f"), dram_bytes=0)
    graph = load_model(MODELS / f"{name}.tflite")
    assert milliseconds(drive(plug_in(config))[0], config, graph) <= most_ms

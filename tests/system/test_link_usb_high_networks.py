"""Networks over high-speed USB, gateware, transceiver and bus simulated: bits and milliseconds."""

from dataclasses import replace

import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

from graph_builder import Builder
from links.networks import MOST_MS, milliseconds, tensor_bytes_a_second
from links.usb import drive, plug_in_fast
from networks.mlperf_tiny import MODELS
from weft.importers import load_model
from weft_hw.contract.config import get_config

pytestmark = [pytest.mark.tools, pytest.mark.timeout(3600)]
ECPIX_HZ = 120_000_000


def test_images_one_after_the_other_keep_the_bus_busy():
    """Tensor bytes a second of 8 kB images, in an array that is small but has room for them."""
    config = replace(get_config("tiny"), activation_words=1 << 13)
    builder = Builder(3)
    x = builder.conv(builder.input(32, 32, 8), 4, kernel=(2, 2), stride=(4, 4))
    graph = builder.build(x)
    host = plug_in_fast(config, clock_hz=ECPIX_HZ)
    assert tensor_bytes_a_second(drive(host)[0], config, graph, 8)[0] >= 40e6


@pytest.mark.slow
@pytest.mark.skipif(not MODELS.exists(), reason="WEFT_MODELS has no models")
@MOST_MS
def test_an_image_end_to_end(name, most_ms):
    """The engine of the ECPIX-5 at the clock that it is meant for."""
    config = get_config("ecpix-5-85f")
    graph = load_model(MODELS / f"{name}.tflite")
    host = plug_in_fast(config, clock_hz=ECPIX_HZ)
    assert milliseconds(drive(host)[0], config, graph) <= most_ms

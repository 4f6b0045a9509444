"""Networks over high-speed USB, gateware, transceiver and bus simulated: bits and milliseconds."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

import weft
from graph_builder import Builder
from links.usb import drive, plug_in_fast
from networks.mlperf_tiny import MODELS
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.golden import run as reference
from weft.importers import load_model
from weft.runtime.devices import open_over
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
    device = open_over(drive(host)[0], config, name="usb")
    feeds = [random_feed(graph, seed) for seed in range(8)]
    with weft.InferenceSession(compile_graph(graph, config), device=device) as session:
        list(session.stream(feeds[:2]))  # loads the program
        begin, counts = host.board.now, dict(host.counts)
        for feed, result in zip(feeds, session.stream(feeds), strict=True):
            assert np.array_equal(result, reference.run(graph, feed)[graph.outputs[0]])
        took = host.board.now - begin
        link = session.profile.link
        assert link.retries == 0 and link.kind == "usb"
    rate = len(feeds) * 32 * 32 * 8 / took
    transactions = {kind: count - counts.get(kind, 0) for kind, count in host.counts.items()}
    print(f"{rate / 1e6:.1f} MB/s of tensor bytes, {transactions}")
    assert rate >= 40e6


@pytest.mark.slow
@pytest.mark.skipif(not MODELS.exists(), reason="WEFT_MODELS has no models")
@pytest.mark.parametrize(
    ("name", "most_ms"),
    [
        ("vww_mobilenet_int8", 2.5),
        ("ic_resnet8_int8", 1.3),
        ("kws_dscnn_int8", 0.4),
        ("ad_autoencoder_int8", 0.15),
    ],
)
def test_an_image_end_to_end(name, most_ms):
    """The engine of the ECPIX-5 at the clock that it is meant for."""
    config = get_config("ecpix-5-85f")
    graph = load_model(MODELS / f"{name}.tflite")
    feed = random_feed(graph, 5)
    host = plug_in_fast(config, clock_hz=ECPIX_HZ)
    device = open_over(drive(host)[0], config, name="usb")
    with weft.InferenceSession(compile_graph(graph, config), device=device) as session:
        session.run(None, feed)  # loads the program
        begin = host.board.now
        results = session.run(None, feed)
        took = 1e3 * (host.board.now - begin)
        cycles, link = session.profile.cycles, session.profile.link
    expected = reference.run(graph, feed)
    assert all(
        np.array_equal(result, expected[output])
        for result, output in zip(results, graph.outputs, strict=True)
    )
    print(
        f"{name}: {took:.3f} ms end to end, of which {cycles:,} cycles of compute; "
        f"{link.bytes_to_board:,} bytes to the board, {link.bytes_from_board:,} from it"
    )
    assert took <= most_ms

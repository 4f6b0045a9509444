"""Networks over full-speed USB, gateware and bus simulated: bits, and milliseconds."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

import weft
from graph_builder import Builder
from links.usb import drive, plug_in
from networks.mlperf_tiny import MODELS
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.golden import run as reference
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
    host = plug_in(TINY)
    device = open_over(drive(host)[0], TINY, name="usb")
    feeds = [random_feed(graph, seed) for seed in range(24)]
    with weft.InferenceSession(compile_graph(graph, TINY), device=device) as session:
        list(session.stream(feeds[:2]))  # loads the program
        begin, counts = host.board.now, dict(host.counts)
        for feed, result in zip(feeds, session.stream(feeds), strict=True):
            assert np.array_equal(result, reference.run(graph, feed)[graph.outputs[0]])
        took = host.board.now - begin
        link = session.profile.link
        assert link.retries == 0 and link.bytes_to_board > 0
    rate = len(feeds) * 16 * 16 * 4 / took
    transactions = {kind: count - counts.get(kind, 0) for kind, count in host.counts.items()}
    print(f"{rate / 1e6:.3f} MB/s of tensor bytes, {transactions}")
    assert rate >= 0.85e6


@pytest.mark.slow
@pytest.mark.skipif(not MODELS.exists(), reason="WEFT_MODELS has no models")
@pytest.mark.parametrize(("name", "most_ms"), [("vww_mobilenet_int8", 30.0)])
def test_an_image_end_to_end(name, most_ms):
    """The engine of the ULX3S 85F at 100 MHz; its memory beside the chip is not needed."""
    config = replace(get_config("ulx3s-85f"), dram_bytes=0)
    graph = load_model(MODELS / f"{name}.tflite")
    feed = random_feed(graph, 5)
    host = plug_in(config)
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
        f"{name}: {took:.2f} ms end to end, of which {cycles:,} cycles of compute; "
        f"{link.bytes_to_board:,} bytes to the board, {link.bytes_from_board:,} from it"
    )
    size = sum(array.nbytes for array in feed.values())
    print(f"{size / took / 1e3:.3f} MB/s of tensor bytes")
    assert took <= most_ms

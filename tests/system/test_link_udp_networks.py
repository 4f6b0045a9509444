"""Networks over Ethernet, gateware and network simulated: bits and rates."""

import os
from dataclasses import replace

import numpy as np
import pytest
import weft
from graph_builder import Builder
from links.networks import MOST_MS, milliseconds, tensor_bytes_a_second
from links.udp import drive
from networks.mlperf_tiny import MODELS
from weft.importers import load_model
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_over
from weft_hw.contract.config import get_config
from weft_sim.testing.udp_board import UdpBoard
from weft_sim.testing.udp_host import Lan, Network

pytestmark = [pytest.mark.tools, pytest.mark.timeout(3600)]
# Small, with the words of the ECPIX-5 (16 bytes) and room for two images of 24 kB. While the engine
# reads or writes a word the link cannot: the narrower the words, the more bytes wait.
CONFIG = replace(get_config("tiny"), columns=16, activation_words=1 << 12)
# Of what datagrams carry: 1,472 bytes in 1,538 on the line, preamble and gap included.
LINE_RATE = 1472 / 1538 / 8


def stream(bits_per_second, images):
    """Return the share of the line rate that the datagrams' content took, to the board."""
    builder = Builder(3)
    graph = builder.build(builder.conv(builder.input(64, 48, 8), 4, kernel=(2, 2), stride=(4, 4)))
    lan = Lan(UdpBoard(CONFIG, bits_per_second=bits_per_second))
    transport = drive(lan)
    first = transport._number
    _, frames = tensor_bytes_a_second(transport, CONFIG, graph, images)
    assert transport._number > first
    return frames / (bits_per_second * LINE_RATE)


@pytest.mark.parametrize(
    ("bits_per_second", "images"), [(1_000_000_000, 8), (100_000_000, 3)], ids=["1 G", "100 M"]
)
def test_images_one_after_the_other_keep_the_line_busy(bits_per_second, images):
    share = stream(bits_per_second, images)
    print(f"{100 * share:.1f} % of the line rate of datagrams")
    assert share >= 0.9


@pytest.mark.slow
@pytest.mark.skipif(
    "WEFT_UDP_NETWORKS" not in os.environ or not MODELS.exists(),
    reason="builds the ECPIX-5's engine once more: set WEFT_UDP_NETWORKS and WEFT_MODELS",
)
@MOST_MS
def test_an_image_end_to_end(name, most_ms):
    """The engine of the ECPIX-5 at the clock that it is meant for, at gigabit."""
    config = get_config("ecpix-5-85f")
    graph = load_model(MODELS / f"{name}.tflite")
    assert milliseconds(drive(Lan(UdpBoard(config))), config, graph) <= most_ms


def test_digits_over_a_network_with_every_fault():
    """Right scores in spite of frames lost, doubled, swapped, late, damaged and cut."""
    images = held_out_inputs()[0][:12]
    [expected] = weft.InferenceSession("digits").run(None, {"image": images})
    network = Network(seed=11, rate=0)
    transport = drive(Lan(UdpBoard(CONFIG), network))
    device = open_over(transport, CONFIG, name="udp", timeout=0.0005, run_timeout=0.05)
    retries = 0
    with weft.InferenceSession("digits", device=device, config=CONFIG) as session:
        network.rate = 0.1
        for image, scores in zip(images, expected, strict=True):
            [found] = session.run(None, {"image": image[None]})
            assert np.array_equal(found[0], scores)
            retries += session.profile.link.retries
        network.rate = 0
    print(network.count, retries)
    assert sum(network.count.values()) > 5 and retries > 0

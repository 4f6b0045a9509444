"""Streaming on the simulated board: as fast as the slower of link and compute, bit for bit."""

from dataclasses import dataclass

import numpy as np
import pytest
import weft
from graph_builder import Builder
from networks.mlperf_tiny import MODELS
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.driver.pipeline import Pipeline
from weft.driver.transports.faults import FAULTS, FaultyTransport
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft.golden import run as reference
from weft.graph import Graph
from weft.models.digits import held_out_inputs
from weft.models.loading import load
from weft.runtime.devices import open_device, open_over
from weft_hw.contract.config import get_config

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]

IMAGES = 10
LIMIT = 1.05  # of the slower of link and compute


@dataclass
class Rate:
    """Cycles an image, from one result to the next."""

    stream: float
    link: float  # bytes on the busier way; the virtual link carries one a cycle each way
    compute: int  # of a run alone

    @property
    def excess(self) -> float:
        return self.stream / max(self.link, self.compute)


def measure(graph: Graph, name: str) -> Rate:
    """Stream images that all differ; every output must equal the golden model's, in order."""
    program = compile_graph(graph, get_config(name))
    device = open_device("sim", program.config)
    assert isinstance(device.queue, Pipeline)
    board = device.queue.board
    assert isinstance(board.transport, SimTransport)
    with weft.InferenceSession(program, device=device) as session:
        feeds = [random_feed(graph, seed) for seed in range(IMAGES)]
        [single] = session.run(None, feeds[0])
        compute = session.profile.cycles
        assert compute is not None
        times, links, results = [], [], []
        for result in session.stream(feeds):
            results.append(result)
            times.append(board.transport.board.cycles)
            links.append((board.statistics.bytes_to_board, board.statistics.bytes_from_board))
        for feed, result in zip(feeds, results, strict=True):
            assert np.array_equal(result, reference.run(graph, feed)[graph.outputs[0]])
        assert np.array_equal(single, results[0])
        print(session.profile.stream)
    # Three images are on their way when the first result is there, none when the last one is.
    periods, ways = np.diff(times[:-2]), np.diff(links[:-2], axis=0)
    rate = Rate(float(periods.mean()), float(ways.mean(axis=0).max()), compute)
    print(
        f"{graph.name} on {name}: {rate.stream:.0f} cycles an image, link {rate.link:.0f}, "
        f"compute {rate.compute}: {rate.excess:.3f}"
    )
    return rate


def pixels(height, width, channels, out):
    """Little work for much input."""
    b = Builder(3)
    x = b.conv(b.input(height, width, channels), out, kernel=(2, 2), stride=(2, 2))
    return b.build(b.conv(x, 4, kernel=(2, 2), stride=(4, 4)))


@pytest.mark.parametrize(
    "name",
    ["digits", "ic_resnet8_int8", "ad_autoencoder_int8", "kws_dscnn_int8", "vww_mobilenet_int8"],
)
def test_compute_is_slower(name):
    path = MODELS / f"{name}.tflite"
    if name != "digits" and not path.exists():
        pytest.skip("WEFT_MODELS has no models")
    graph = load(name if name == "digits" else path, "ulx3s-85f", None)
    assert isinstance(graph, Graph)
    rate = measure(graph, "ulx3s-85f")
    assert rate.compute > rate.link
    assert rate.excess < LIMIT


@pytest.mark.parametrize("size", [16, 40])
def test_link_is_slower(size):
    rate = measure(pixels(size, size, 8, 4), "ulx3s-85f")
    assert rate.link > 1.5 * rate.compute
    assert rate.excess < LIMIT


@pytest.mark.parametrize(("config", "note"), [("tiny", "cut"), ("ulx3s-85f", "two buffers")])
def test_streams_over_a_faulty_link(config, note):
    """Every result is right or the stream ends with an error; the next one goes on from there."""
    images = held_out_inputs()[0][:200]
    [expected] = weft.InferenceSession("digits").run(None, {"image": images})
    kinds = (*FAULTS, "delay", "gone", "reconnect")
    size = get_config(config)
    transport = FaultyTransport(SimTransport(size), seed=5, rate=0, kinds=kinds)
    device = open_over(transport, size, name="faulty", timeout=0.02, retries=6, run_timeout=0.2)
    errors, done = 0, 0
    with weft.InferenceSession("digits", device=device, config=config) as session:
        assert session.program is not None and note in session.program.stream.note
        while done < len(images):
            # Every fourth stream runs without faults, so that the end is reached.
            transport.rate = 0.15 if errors % 4 < 3 else 0
            until = len(images) if transport.rate else min(done + 5, len(images))
            try:
                for scores in session.stream(image[None] for image in images[done:until]):
                    assert np.array_equal(scores[0], expected[done]), f"image {done}"
                    done += 1
                errors += not transport.rate
            except LinkError:
                errors += 1
    print(f"{transport.count} faults, {errors} streams, {device.traffic().retries} retries")
    assert transport.count > 50 and errors > 5

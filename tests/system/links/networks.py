"""Networks over a simulated link: every value compared, and how long they took."""

import numpy as np
import pytest
import weft
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.driver.transports.base import Transport
from weft.golden import run as reference
from weft.graph import Graph
from weft.runtime.devices import open_over
from weft_hw.contract.config import Config

__all__ = ["MOST_MS", "milliseconds", "tensor_bytes_a_second"]

# What one image may take on the ECPIX-5, end to end, over any of its fast links.
MOST_MS = pytest.mark.parametrize(
    ("name", "most_ms"),
    [
        ("vww_mobilenet_int8", 2.5),
        ("ic_resnet8_int8", 1.3),
        ("kws_dscnn_int8", 0.4),
        ("ad_autoencoder_int8", 0.15),
    ],
)


def tensor_bytes_a_second(
    transport: Transport, config: Config, graph: Graph, images: int
) -> tuple[float, float]:
    """Stream images of a network of one input, compare each result.

    Returns bytes a second: of tensors, and of the frames that carry them to the board.
    """
    device = open_over(transport, config, name=transport.kind)
    feeds = [random_feed(graph, seed) for seed in range(images)]
    with weft.InferenceSession(compile_graph(graph, config), device=device) as session:
        list(session.stream(feeds[:2]))  # loads the program
        begin, before = transport.now(), device.traffic()
        for feed, result in zip(feeds, session.stream(feeds), strict=True):
            assert np.array_equal(result, reference.run(graph, feed)[graph.outputs[0]])
        took, link = transport.now() - begin, device.traffic() - before
        assert link.retries == 0 and link.kind == transport.kind and link.bytes_to_board > 0
    rate = sum(array.nbytes for feed in feeds for array in feed.values()) / took
    print(
        f"{rate / 1e6:.3f} MB/s of tensor bytes, {link.bytes_to_board / took / 1e6:.3f} MB/s of "
        f"frames to the board"
    )
    return rate, link.bytes_to_board / took


def milliseconds(transport: Transport, config: Config, graph: Graph) -> float:
    """Run one image end to end, compare its outputs; return what it took."""
    feed = random_feed(graph, 5)
    device = open_over(transport, config, name=transport.kind)
    with weft.InferenceSession(compile_graph(graph, config), device=device) as session:
        session.run(None, feed)  # loads the program
        begin = transport.now()
        results = session.run(None, feed)
        took = 1e3 * (transport.now() - begin)
        cycles, link = session.profile.cycles, session.profile.link
    expected = reference.run(graph, feed)
    assert all(
        np.array_equal(result, expected[output])
        for result, output in zip(results, graph.outputs, strict=True)
    )
    size = sum(array.nbytes for array in feed.values())
    print(
        f"{graph.name}: {took:.3f} ms end to end, of which {cycles:,} cycles of compute; "
        f"{link.bytes_to_board:,} bytes to the board, {link.bytes_from_board:,} from it; "
        f"{size / took / 1e3:.3f} MB/s of tensor bytes"
    )
    return took

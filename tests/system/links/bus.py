"""What both speeds of USB are asked: a request's answer, handshakes that get lost, networks."""

import numpy as np
import weft
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.driver.board import Board
from weft.golden import run as reference
from weft.graph import Graph
from weft.runtime.devices import open_over
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region
from weft_sim.testing.usb_host import ACK, UsbHost

from links.exercise import UNITS
from links.usb import drive

__all__ = [
    "ANSWER",
    "DATA0",
    "DATA1",
    "DRIVER",
    "OUT",
    "RESET",
    "answer",
    "check_lost_handshakes",
    "milliseconds",
    "tensor_bytes_a_second",
]

DRIVER = {"timeout": 0.05, "retries": 6, "run_timeout": 0.2}
OUT, DATA0, DATA1 = 0x1, 0x3, 0xB
# A RESET request of session 04030201, and what the board answers, as docs/protocol.md has them.
RESET = bytes.fromhex("020209010203047924726b00")
ANSWER = bytes.fromhex("0002820106010203047403 9d1500")


def answer(host: UsbHost, tries: int = 20) -> bytes:
    """Return all that the device has to say, until it had nothing ``tries`` times."""
    parts, empty = b"", 0
    while empty < tries:
        part = host.bulk_in()
        empty = empty + 1 if part is None else 0
        parts += part or b""
    return parts


def check_lost_handshakes(host: UsbHost, config: Config, rounds: int) -> None:
    """Two of the device's and two of the host's are lost in each round: nothing is doubled."""
    lost = {}

    def lose(what, packet):
        if lost.get(what) and (what == "handshake" or packet[0] & 0xF == ACK):
            lost[what] -= 1
            return b""
        return packet

    transport, _ = drive(host)
    with Board(transport, config, **DRIVER) as board:
        content = np.random.default_rng(3).bytes(4 * UNITS)
        for _ in range(rounds):
            host.damage = lose
            lost.update(answer=2, handshake=2)
            board.write(Region.ACTIVATION, 0, content)
            assert board.read(Region.ACTIVATION, 0, UNITS) == content
            assert lost == {"answer": 0, "handshake": 0}
        # Nothing was lost or doubled: the protocol above had nothing to repair.
        assert board.statistics.retries == board.statistics.damaged == 0


def tensor_bytes_a_second(host: UsbHost, config: Config, graph: Graph, images: int) -> float:
    """Stream images of a network of one input, compare each result; return bytes a second."""
    device = open_over(drive(host)[0], config, name="usb")
    feeds = [random_feed(graph, seed) for seed in range(images)]
    with weft.InferenceSession(compile_graph(graph, config), device=device) as session:
        list(session.stream(feeds[:2]))  # loads the program
        begin, counts = host.board.now, dict(host.counts)
        for feed, result in zip(feeds, session.stream(feeds), strict=True):
            assert np.array_equal(result, reference.run(graph, feed)[graph.outputs[0]])
        took = host.board.now - begin
        link = session.profile.link
        assert link.retries == 0 and link.kind == "usb" and link.bytes_to_board > 0
    rate = sum(array.nbytes for feed in feeds for array in feed.values()) / took
    transactions = {kind: count - counts.get(kind, 0) for kind, count in host.counts.items()}
    print(f"{rate / 1e6:.3f} MB/s of tensor bytes, {transactions}")
    return rate


def milliseconds(host: UsbHost, config: Config, graph: Graph) -> float:
    """Run one image end to end, compare its outputs; return what it took."""
    feed = random_feed(graph, 5)
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
    size = sum(array.nbytes for array in feed.values())
    print(
        f"{graph.name}: {took:.3f} ms end to end, of which {cycles:,} cycles of compute; "
        f"{link.bytes_to_board:,} bytes to the board, {link.bytes_from_board:,} from it; "
        f"{size / took / 1e3:.3f} MB/s of tensor bytes"
    )
    return took

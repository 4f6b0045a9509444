"""What both speeds of USB are asked: a request's answer, handshakes that get lost."""

import numpy as np
from weft.driver.board import BoardDriver
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region
from weft_sim.testing.usb.host import UsbHost
from weft_sim.testing.usb.packets import ACK

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
    with BoardDriver(transport, config, **DRIVER) as board:
        content = np.random.default_rng(3).bytes(4 * UNITS)
        for _ in range(rounds):
            host.damage = lose
            lost.update(answer=2, handshake=2)
            board.write(Region.ACTIVATION, 0, content)
            assert board.read(Region.ACTIVATION, 0, UNITS) == content
            assert lost == {"answer": 0, "handshake": 0}
        # Nothing was lost or doubled: the protocol above had nothing to repair.
        assert board.statistics.retries == board.statistics.damaged == 0

"""The complete design behind a ULPI transceiver: high speed, packet by packet."""

import os
import random

import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

from links.bus import ANSWER, RESET, answer, check_lost_handshakes
from links.exercise import Exerciser
from links.usb import drive, plug_in_fast
from weft.driver.board import BoardDriver
from weft_hw.contract.config import get_config
from weft_sim.testing.usb.high_speed import UlpiBoard
from weft_sim.testing.usb.high_speed_host import HighSpeedHost
from weft_sim.testing.usb.packets import ACK, DATA0, DATA1, OUT, data, token

TINY = get_config("tiny")
FAULTS = int(os.environ.get("WEFT_USB_FAULTS", "20"))
PACKETS = int(os.environ.get("WEFT_USB_PACKETS", "200"))
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900 + FAULTS + PACKETS)]


@pytest.fixture
def host():
    return plug_in_fast(TINY, stand_in=True)


def works(host):
    return host.bulk_out(b"\0" + RESET) and answer(host, 60).endswith(ANSWER)


def test_enumeration():
    host = HighSpeedHost(UlpiBoard(TINY, stand_in=True))
    assert not host.board.attached  # its transceiver starts first
    host.board.wait(0.0012)
    assert host.board.attached
    found = host.enumerate()
    assert host.board.high_speed
    device, configuration = found["device"], found["configuration"]
    assert device[:2] == bytes([18, 1]) and device[7] == 64
    assert device[8:12] == bytes.fromhex("09120100")
    # Bulk OUT 1 and IN 1 of 512 bytes.
    assert configuration[18:] == bytes.fromhex("0705010200020007058102000200")
    qualifier = host.control_in(0x80, 6, 0x0600, 0, 10)
    assert qualifier == bytes.fromhex("0a061002000000400100")
    strings = [found[f"string {index}"][2:].decode("utf-16-le") for index in range(1, 5)]
    assert strings == ["Weft", "Weft tiny", "7", "Weft link"]
    # 8 to 192 bits (USB 2.0, 7.1.18.2).
    print(f"the device answers after {host.shortest_gap:.0f} to {host.longest_gap:.0f} bits")
    assert host.shortest_gap >= 8 and host.longest_gap <= 192
    assert host.control_in(0x80, 8, 0, 0, 1) == b"\1"
    assert host.ping(1) == ACK and host.ping(2) == 0
    assert works(host)


def test_a_handshake_that_gets_lost_doubles_nothing(host):
    check_lost_handshakes(host, TINY, 5)


def test_damage_on_the_bus_never_gives_a_wrong_result(host):
    """Bits of any packet wrong, or packets gone: the bus repeats them, the protocol the rest."""
    rng, damaged = random.Random(4), 0

    def spoil(what, packet):
        nonlocal damaged
        if rng.random() > 0.03:
            return packet
        damaged += 1
        if rng.random() < 0.5:
            return b""
        at = rng.randrange(len(packet))
        return packet[:at] + bytes([packet[at] ^ 1 << rng.randrange(8)]) + packet[at + 1 :]

    def open_board():
        host.damage = lambda what, packet: packet
        host.configure()
        # An exchange takes less than a millisecond; a timeout is simulated cycle by cycle.
        board = BoardDriver(drive(host)[0], TINY, timeout=0.001, retries=6, run_timeout=0.01)
        host.damage = spoil
        return board

    exerciser, attempts = Exerciser(open_board(), 4), 0
    while damaged < FAULTS:
        errors = exerciser.errors
        exerciser.attempt()
        attempts += 1
        if exerciser.errors > errors:  # a packet that fails three times ends a transfer, and all
            exerciser.board.close()
            exerciser.board = open_board()
    host.damage = lambda what, packet: packet
    exerciser.board.close()
    print(f"{damaged:,} packets damaged in {attempts:,} exchanges, {exerciser.errors:,} errors")
    assert exerciser.errors < attempts // 2


def test_hostile_packets_leave_a_device_that_works(host):
    """Any bytes as packets, tokens and requests of any kind among them, to any endpoint."""
    rng, sent = random.Random(6), 0
    while sent < PACKETS:
        host.reserve(20_000)
        match rng.randrange(4):
            case 0:
                packets = [rng.randbytes(rng.choice([0, 1, 2, 3, 8, 64, 515, 600]))]
            case 1:
                pid = rng.randrange(16)
                packets = [bytes([pid | (pid ^ 15) << 4]) + rng.randbytes(rng.randrange(20))]
            case 2:
                kind, endpoint = rng.choice([0x1, 0x4, 0x9, 0xD]), rng.choice([0, 1, 1, 2])
                content = rng.randbytes(rng.choice([0, 8, 8, 64, 512, 513]))
                packets = [
                    token(kind, host.address, endpoint),
                    data(rng.choice([0x3, 0xB, 0x7, 0xF]), content),
                ]
            case _:
                request = bytes([rng.choice([0, 0x80, 0xC0, 2]), rng.randrange(13)])
                packets = [token(0xD, host.address, 0), data(0x3, request + rng.randbytes(6))]
        for packet in packets:
            host.board.send(packet, stuffed=rng.random() > 0.05)
            host.board.receive(rng.choice([8, 200, 816]))
            host.board.wait(rng.choice([8, 88]) / 480e6)
            sent += 1
        if rng.random() < 0.01:
            host.enumerate(address=rng.randrange(1, 128))
            assert works(host)
    host.enumerate()
    assert works(host)


def test_babble_and_wrong_bits_are_neither_answered_nor_kept(host):
    for size, stuffed in [(513, 1), (600, 1), (1024, 1), (2000, 1), (100, 0), (512, 0)]:
        host.reserve(20_000)
        host.board.send(token(OUT, host.address, 1))
        host.board.wait(88 / 480e6)
        kind = (DATA0, DATA1)[host.out.toggle]
        host.board.send(data(kind, b"\5" * size), stuffed=stuffed)
        assert host.board.receive(816)[0] == b""
        assert host.bulk_out(RESET) and answer(host, 60) == ANSWER  # the same number, nothing kept


def test_resets_and_sleep(host):
    assert works(host)
    host.enumerate(address=7)  # an odd number of packets came
    assert works(host) and host.board.high_speed
    host.configure()
    assert works(host)
    for pipe in (host.out, host.into):
        host.clear_halt(pipe)
    assert works(host)
    # The bus is silent: 3 to 10 ms later the device sleeps (7.1.7.6), and wakes in high speed.
    host.silence(0.0029)
    assert host.board.high_speed
    host.silence(0.0005)
    assert host.board.suspended and not host.board.high_speed
    host.resume()
    assert host.board.high_speed and not host.board.suspended
    assert works(host)
    host.silence(0.0035)
    assert host.board.suspended
    host.enumerate(address=8)
    assert host.board.high_speed and works(host)

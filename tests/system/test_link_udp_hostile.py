"""Frames that nobody should send to a board on Ethernet: wrong, random, and too many."""

import os
import random
import zlib

import pytest
from links.exercise import UNITS
from links.udp import DRIVER, RESET, answers, drive, ping
from weft.driver.board import BoardDriver
from weft_hw.contract.config import get_config
from weft_hw.contract.ethernet import PORT
from weft_hw.contract.memory_map import Region
from weft_sim.testing.ethernet import BROADCAST, arp, echo, ethernet, ip, seal, udp
from weft_sim.testing.udp_board import UdpBoard
from weft_sim.testing.udp_host import Lan

TINY = get_config("tiny")
FRAMES = int(os.environ.get("WEFT_UDP_FRAMES", "500"))
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900 + FRAMES)]


@pytest.fixture
def fast_lan():
    return Lan(UdpBoard(TINY, stand_in=True))


def wrong_frames(lan):
    """Frames that have to be left alone, each wrong in one thing."""
    mac, address, board = lan.mac, lan.address, lan.board
    ask = arp(mac, address, board.ip)
    pings, resets = echo(8, 1, 1, bytes(40)), b"\0\0\0\1" + RESET

    def ping_frame(content=pings, to=board.mac, kind=0x0800, **changes):
        return ethernet(to, mac, kind, ip(address, board.ip, 1, content, **changes))

    def reset_frame(ports=(9, PORT), length=None, protocol=17, **changes):
        content = udp(address, board.ip, ports, resets, length=length)
        return ethernet(board.mac, mac, 0x0800, ip(address, board.ip, protocol, content, **changes))

    size = len(pings) + 20
    return {
        "another address": arp(mac, address, address),
        "an answer, no question": ask[:21] + b"\2" + ask[22:],
        "another hardware": ask[:15] + b"\6" + ask[16:],
        "another station": ping_frame(to=bytes.fromhex("0a0000000009")),
        "an echo to all": ping_frame(to=BROADCAST),
        "IPv6": ping_frame(kind=0x86DD),
        "a VLAN": ping_frame()[:12] + b"\x81\0\0\1" + ping_frame()[12:],
        "another host": ethernet(board.mac, mac, 0x0800, ip(address, address, 1, pings)),
        "a wrong checksum": ping_frame(add=1),
        "options": ping_frame(options=bytes(4)),
        "a first fragment": ping_frame(flags=0x2000),
        "a last fragment": ping_frame(flags=3),
        "a length beyond the frame": ping_frame(length=size + 3),
        "a length below the header": ping_frame(length=19),
        "a length of nothing": ping_frame(length=0),
        "an answer to an echo": ping_frame(content=echo(0, 1, 1, bytes(40))),
        "another port": reset_frame(ports=(9, PORT + 1)),
        "a long datagram": reset_frame(length=8 + len(resets) + 1),
        "a short datagram": reset_frame(length=7),
        "TCP": reset_frame(protocol=6),
        "fragments of a datagram": reset_frame(flags=0x2000),
        "a datagram with a wrong checksum": reset_frame(add=0x100),
    }


def test_what_is_wrong_in_one_thing_is_left_alone(fast_lan):
    lan = fast_lan
    for name, frame in wrong_frames(lan).items():
        lan.send(frame)
        assert lan.receive(3e-5) == b"", name
    ask = seal(arp(lan.mac, lan.address, lan.board.ip))
    for at in range(len(ask)):  # a bit of each byte, the check sequence's too
        lan.send(ask[:at] + bytes([ask[at] ^ 1 << at % 8]) + ask[at + 1 :], sealed=True)
    for cut in (0, 1, 5, 13, 14, 41, 59, 60, 63):
        lan.send(ask[:cut], sealed=True)
    lan.board.send(ask, error_at=20)
    runt = seal(arp(lan.mac, lan.address, lan.board.ip))[:42]
    lan.send(runt + zlib.crc32(runt).to_bytes(4, "little"), sealed=True)
    lan.send(bytes(9000))
    assert lan.receive(3e-4) == b""
    assert lan.resolve() == lan.board.mac and ping(lan) and answers(lan, TINY)


def test_hostile_frames_leave_a_board_that_works(fast_lan):
    """Questions, echoes and datagrams with bytes changed, whole and broken: a session goes on."""
    lan, rng = fast_lan, random.Random(8)
    board = lan.board
    other = Lan(board, mac=bytes.fromhex("0a0000000002"), address="169.254.1.2")
    held = rng.randbytes(4 * UNITS)
    with BoardDriver(drive(lan), TINY, **DRIVER) as session:
        session.write(Region.ACTIVATION, 0, held)
        for count in range(FRAMES):
            body = rng.choice((RESET, rng.randbytes(rng.randrange(1400)), b""))
            datagram = udp(other.address, board.ip, (9, PORT), rng.randbytes(4) + body)
            packets = [(17, datagram), (1, echo(8, 1, 1, rng.randbytes(rng.randrange(90))))]
            protocol, content = rng.choice(packets)
            packet = ip(other.address, board.ip, protocol, content)
            frames = [
                ethernet(board.mac, other.mac, 0x0800, packet),
                arp(other.mac, other.address, board.ip),
                rng.randbytes(rng.randrange(1600)),
            ]
            frame = bytearray(rng.choice([frames[0], *frames]))
            for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
                if frame:
                    frame[rng.randrange(min(len(frame), 48))] = rng.randrange(256)
            if rng.random() < 0.2:
                del frame[rng.randrange(len(frame) + 1) :]
            sealed = rng.random() < 0.2
            other.send(bytes(frame), sealed=sealed)
            if count % 50 == 49:
                assert session.read(Region.ACTIVATION, 0, UNITS) == held
        assert session.status()["frame_errors"] == 0
    assert lan.resolve() == board.mac and answers(lan, TINY)


def test_a_flood_of_questions_does_not_stop_replies(fast_lan):
    """Broadcasts as close to each other as frames can be."""
    lan = fast_lan
    with BoardDriver(drive(lan), TINY, **DRIVER) as board:
        board.write(Region.ACTIVATION, 0, bytes(4 * UNITS))
        for _ in range(200):
            lan.send(arp(lan.mac, lan.address, lan.board.ip))
        content = random.Random(9).randbytes(4 * UNITS)
        board.write(Region.ACTIVATION, 0, content)
        for _ in range(200):
            lan.send(arp(lan.mac, lan.address, lan.board.ip))
        assert board.read(Region.ACTIVATION, 0, UNITS) == content
        assert board.statistics.retries == 0

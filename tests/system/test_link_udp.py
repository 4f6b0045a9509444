"""The complete design behind an RGMII transceiver: frame by frame."""

import os
import random
import zlib

import pytest
from links.exercise import UNITS, Exerciser
from links.udp import answers, drive
from weft.driver.board import BoardDriver
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.ethernet import PORT
from weft_hw.contract.memory_map import Region
from weft_sim.testing.ethernet import (
    BROADCAST,
    arp,
    checksum,
    echo,
    ethernet,
    ip,
    open_datagram,
    seal,
    udp,
    write_pcap,
)
from weft_sim.testing.udp_board import UdpBoard
from weft_sim.testing.udp_host import Lan, Network

TINY = get_config("tiny")
FAULTS = int(os.environ.get("WEFT_UDP_FAULTS", "100"))
FRAMES = int(os.environ.get("WEFT_UDP_FRAMES", "500"))
DRIVER = {"timeout": 0.0005, "retries": 8, "run_timeout": 0.002}
# A RESET request of session 04030201, and what the board answers, as docs/protocol.md has them.
RESET = bytes.fromhex("020209010203047924726b00")
ANSWER = bytes.fromhex("028201060102030474039d1500")
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900 + FAULTS + FRAMES)]


@pytest.fixture(params=[1_000_000_000, 100_000_000], ids=["gigabit", "100 Mbit"])
def lan(request):
    return Lan(UdpBoard(TINY, stand_in=True, bits_per_second=request.param))


@pytest.fixture
def fast_lan():
    return Lan(UdpBoard(TINY, stand_in=True))


def ping(lan, content=bytes(range(56)), sequence=1):
    lan.send_ip(1, echo(8, 0x77, sequence, content))
    return lan.receive(1e-3)


def test_address_and_echo(lan):
    assert lan.resolve() == lan.board.mac
    reply = ping(lan)
    assert reply == seal(reply[:-4]) and len(reply) == 14 + 20 + 8 + 56 + 4
    assert reply[:14] == lan.mac + lan.board.mac + b"\x08\0"
    assert checksum(reply[14:34]) == 0 and reply[23] == 1
    assert reply[26:34] == lan.board.ip.packed + lan.address.packed
    assert reply[34:-4] == echo(0, 0x77, 1, bytes(range(56)))
    # Short ones are padded, odd ones end in the middle of a word.
    for size in (0, 1, 17, 18, 19, 55, 56):
        content = bytes(size)[:-1] + b"\xff" if size else b""
        reply = ping(lan, content, sequence=size)
        assert reply[34 : 42 + size] == echo(0, 0x77, size, content) and len(reply) >= 64
    assert ping(lan, bytes(61)) == b""  # more than is kept


def test_a_request_and_its_reply(lan):
    """Bytes as docs/protocol.md has them, the number of the request's datagram before the reply."""
    lan.send_datagram(1234, b"\1\2\3\4" + RESET)
    reply = open_datagram(lan.receive(1e-3))
    assert reply.macs == (lan.mac, lan.board.mac)
    assert reply.addresses == (lan.board.ip, lan.address) and reply.ports == (PORT, 1234)
    assert reply.content == b"\1\2\3\4" + ANSWER
    # Twice the same number, and an older one, are not looked at.
    for number in (b"\1\2\3\4", b"\1\2\3\3", b"\x81\2\3\4"):
        lan.send_datagram(1234, number + RESET)
        assert lan.receive(1e-4) == b""
    for number in (b"\1\2\3\5", b"\x81\2\3\4"):
        lan.send_datagram(1234, number + RESET)
        assert open_datagram(lan.receive(1e-3)).content == number + ANSWER


def test_memory_over_the_network(lan):
    content = random.Random(3).randbytes(4 * UNITS)
    with BoardDriver(drive(lan), TINY, **DRIVER) as board:
        board.write(Region.ACTIVATION, 0, content)
        assert board.read(Region.ACTIVATION, 0, UNITS) == content
        status = board.status()
        assert status["frame_errors"] == status["overruns"] == 0
        assert board.statistics.retries == board.statistics.damaged == 0


def test_one_client_at_a_time(fast_lan):
    lan, board = fast_lan, fast_lan.board
    other = Lan(board, mac=bytes.fromhex("0a0000000002"), address="169.254.1.2")
    with BoardDriver(drive(lan), TINY, **DRIVER) as first:
        first.write(Region.ACTIVATION, 0, b"\7" * 4)
        assert not answers(other, TINY, retries=0)
        assert first.read(Region.ACTIVATION, 0, 1) == b"\7" * 4
        # The same computer, as when a program starts anew.
        with BoardDriver(drive(lan, 40_001), TINY, **DRIVER) as second:
            second.write(Region.ACTIVATION, 0, b"\x08" * 4)
            with pytest.raises(LinkError, match="did not answer"):
                first.read(Region.ACTIVATION, 0, 1)
            # 200,000 cycles of silence later, another computer.
            assert answers(other, TINY)
            assert not answers(lan, TINY, 40_002, retries=0)
            with pytest.raises(LinkError, match="did not answer"):
                second.read(Region.ACTIVATION, 0, 1)


def test_nothing_but_loss_reaches_the_protocol(fast_lan):
    """What the network doubles, or brings again much later, is as if it had not come."""
    network = Network(seed=5, rate=0.3, kinds=("doubled", "late"))
    fast_lan.deliver = network
    with BoardDriver(drive(fast_lan), TINY, **DRIVER) as board:
        exerciser = Exerciser(board, 5)
        while sum(network.count.values()) < 3 * FAULTS:
            exerciser.succeed()
        assert board.statistics.retries == 0 and board.statistics.damaged == 0
        assert board.status()["frame_errors"] == 0
    print(network.count)


def test_every_fault_of_a_network(lan):
    """Frames lost, doubled, swapped, late, damaged and cut: every result is right."""
    network = Network(seed=6, rate=0)
    lan.deliver = network
    with BoardDriver(drive(lan), TINY, **DRIVER) as board:
        exerciser, attempts = Exerciser(board, 6), 0
        network.rate = 0.05
        while sum(network.count.values()) < FAULTS:
            exerciser.attempt()
            attempts += 1
        network.rate = 0
        exerciser.succeed()
        print(f"{network.count} in {attempts} exchanges, {exerciser.errors} errors")
        print(board.statistics)
    assert exerciser.errors == 0


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


def test_scapy_reads_what_goes_over_the_network(fast_lan, tmp_path):
    """Every frame, of a network that loses and doubles some, and what Scapy makes of them."""
    scapy = pytest.importorskip("scapy.all", reason="needs scapy")
    lan, network = fast_lan, Network(seed=10, rate=0, kinds=("lost", "doubled", "swapped"))
    lan.keep, lan.deliver = True, network
    assert lan.resolve() == lan.board.mac and ping(lan)
    network.rate = 0.1
    with BoardDriver(drive(lan), TINY, **DRIVER) as board:
        exerciser = Exerciser(board, 10)
        while len(lan.seen) < 200:
            exerciser.attempt()
    file = tmp_path / "network.pcap"
    write_pcap(file, sorted(lan.seen))
    packets = scapy.rdpcap(str(file))
    assert len(packets) == len(lan.seen) and sum(network.count.values()) > 5
    mine, theirs = str(lan.address), str(lan.board.ip)
    kinds = {"arp": 0, "echo": 0, "to board": 0, "from board": 0}
    for packet, (_, frame) in zip(packets, sorted(lan.seen), strict=True):
        again = scapy.Ether(frame[:-4])
        if scapy.ARP in packet:
            kinds["arp"] += 1
            if packet[scapy.ARP].op == 2:
                assert packet[scapy.ARP].hwsrc == lan.board.mac.hex(":")
                assert (packet[scapy.ARP].psrc, packet[scapy.ARP].pdst) == (theirs, mine)
            continue
        del again[scapy.IP].chksum
        assert scapy.Ether(again.build())[scapy.IP].chksum == packet[scapy.IP].chksum
        if scapy.ICMP in packet:
            kinds["echo"] += 1
            del again[scapy.ICMP].chksum
            assert scapy.Ether(again.build())[scapy.ICMP].chksum == packet[scapy.ICMP].chksum
            continue
        datagram = packet[scapy.UDP]
        to_board = datagram.dport == PORT
        kinds["to board" if to_board else "from board"] += 1
        ends = (mine, theirs) if to_board else (theirs, mine)
        assert (packet[scapy.IP].src, packet[scapy.IP].dst) == ends
        assert to_board or (datagram.sport, datagram.dport) == (PORT, 40_000)
        content = datagram[scapy.Raw].load
        assert datagram.len == 8 + len(content) and content[-1] == 0
    print(kinds)
    assert kinds["arp"] == kinds["echo"] == 2 and min(kinds.values()) > 1


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


def test_a_cable_that_is_pulled(fast_lan):
    lan = fast_lan
    with BoardDriver(drive(lan), TINY, **DRIVER) as board:
        board.write(Region.ACTIVATION, 0, bytes(range(256)))
        lan.send(seal(bytes(500)), sealed=True)
        lan.board.run(2e-6)
        lan.board.plug(False)
        with pytest.raises(LinkError, match="did not answer"):
            board.read(Region.ACTIVATION, 0, 64)
        lan.board.plug(True)
        assert board.read(Region.ACTIVATION, 0, 64) == bytes(range(256))

"""The complete design behind an RGMII transceiver: frame by frame."""

import os
import random

import pytest
from links.exercise import UNITS, Exerciser
from links.udp import DRIVER, RESET, answers, drive, ping
from weft.driver.board import BoardDriver
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.ethernet import PORT
from weft_hw.contract.memory_map import Region
from weft_sim.testing.ethernet import (
    checksum,
    echo,
    open_datagram,
    seal,
    write_pcap,
)
from weft_sim.testing.udp_board import UdpBoard
from weft_sim.testing.udp_host import Lan, Network

TINY = get_config("tiny")
FAULTS = int(os.environ.get("WEFT_UDP_FAULTS", "100"))
# What the board answers to RESET, as docs/protocol.md has it.
ANSWER = bytes.fromhex("028201060102030474039d1500")
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900 + FAULTS)]


@pytest.fixture(params=[1_000_000_000, 100_000_000], ids=["gigabit", "100 Mbit"])
def lan(request):
    return Lan(UdpBoard(TINY, stand_in=True, bits_per_second=request.param))


@pytest.fixture
def fast_lan():
    return Lan(UdpBoard(TINY, stand_in=True))


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

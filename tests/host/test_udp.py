"""The driver's UDP transport over sockets of this machine: what it carries, and what it says."""

import json
import socket
import threading
from contextlib import closing

import pytest
from links.wire import decode, encode, little
from serial.tools import list_ports
from weft.cli import main
from weft.driver import probe
from weft.driver.probe import probe_udp, udp_addresses
from weft.driver.transports import open_transport, usb_devices
from weft.driver.transports.udp import UdpTransport
from weft.errors import LinkError
from weft.runtime.wire import link_of
from weft_hw.boards import BOARDS
from weft_hw.contract.config import get_config
from weft_hw.contract.ethernet import DATAGRAM_BYTES, PORT, ip_of, mac_of
from weft_hw.contract.fingerprint import fingerprint

TINY = get_config("tiny")


@pytest.fixture
def peer():
    """A board's port, for a test to speak for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        yield server


@pytest.fixture
def transport(peer):
    transport = UdpTransport("127.0.0.1", peer.getsockname()[1])
    yield transport
    transport.close()


def test_whole_frames_in_numbered_datagrams(peer, transport):
    frames = [bytes([1 + n % 255]) * size for n, size in enumerate([1, 1037, 400, 30, 1, 1467, 5])]
    transport.write(b"\0" + b"\0".join(frames) + b"\0\0\0" + b"\7")
    transport.write(b"\7\0" + b"\x08" * 1468 + b"\0")  # the last fits none
    transport.write(b"\0")
    frames.append(b"\7\7")
    numbers, contents = [], []
    while sum(content.count(b"\0") for content in contents) < len(frames):
        datagram = peer.recv(2000)
        assert len(datagram) <= DATAGRAM_BYTES == 1472
        numbers.append(int.from_bytes(datagram[:4], "big"))
        contents.append(datagram[4:])
    assert b"".join(contents) == b"".join(frame + b"\0" for frame in frames)
    assert all(content.endswith(b"\0") for content in contents)
    assert [(n - numbers[0]) % 2**32 for n in numbers] == list(range(len(numbers)))
    # 1 + 1037 + 400, 30 + 1, 1467, 5, and the one that came in two parts.
    assert [content.count(b"\0") for content in contents] == [3, 2, 1, 1, 1]


def test_late_and_doubled_replies_are_left_out(peer, transport):
    transport.write(b"a\0")
    first, source = peer.recvfrom(2000)
    transport.write(b"b\0")
    second, _ = peer.recvfrom(2000)
    older = (int.from_bytes(first[:4], "big") - 1) % 2**32
    newer = (int.from_bytes(second[:4], "big") + 1) % 2**32

    def reply(number, content):
        peer.sendto(number + content, source)

    reply(first[:4], b"1\0")
    reply(first[:4], b"2\0")  # of the same datagram
    reply(second[:4], b"3\0")
    reply(first[:4], b"late\0")
    reply(older.to_bytes(4, "big"), b"older\0")
    reply(newer.to_bytes(4, "big"), b"never sent\0")
    reply(b"", b"no")
    reply(second[:4], b"4\0")
    assert [transport.read(65536, 5) for _ in range(3)] == [b"1\0", b"2\0", b"3\0"]
    assert transport.read(1, 5) == b"4" and transport.read(9, 5) == b"\0"
    assert transport.read(9, 0.0) == transport.read(9, 0.01) == b""


def test_numbers_begin_anywhere_and_go_round(peer, transport, monkeypatch):
    transport._number = transport._newest = 2**32 - 1
    for number in (b"\0\0\0\0", b"\0\0\0\1"):
        transport.write(b"a\0")
        datagram, source = peer.recvfrom(2000)
        assert datagram == number + b"a\0"
        peer.sendto(datagram, source)
        assert transport.read(9, 5) == b"a\0"


def test_who_is_not_there(peer):
    port = peer.getsockname()[1]
    with closing(UdpTransport("127.0.0.1", port)) as opened:
        with pytest.raises(LinkError, match="in use by process"):
            UdpTransport("localhost", port)
        assert opened.kind == "udp" and opened.bytes_per_second == link_of("ecpix-5-85f", "udp")[1]
    peer.close()
    transport = open_transport(f"udp:127.0.0.1:{port}", TINY)
    transport.write(b"a\0")
    with pytest.raises(LinkError, match=f"cannot reach udp:127.0.0.1:{port}: Connection refused"):
        transport.read(9, 5)
    transport.close()
    with pytest.raises(LinkError, match=r"cannot find udp:no\.such\.host\.invalid: "):
        open_transport("udp:no.such.host.invalid", TINY)
    for name in ("", ":1", "a:b", "a:0", "a:65536", "a:1:2"):
        with pytest.raises(LinkError, match="udp: takes HOST or HOST:PORT"):
            open_transport(f"udp:{name}", TINY)


def test_addresses_are_made_of_the_serial_number():
    for serial in ("ecpix-5-85f", "7", "", "a board of mine"):
        mac, ip = mac_of(serial), ip_of(serial)
        assert mac >> 40 == 0x02 and mac < 1 << 48  # locally administered, one station
        assert ip.is_link_local and 1 <= ip.packed[2] <= 254
    assert PORT == 22373
    board = BOARDS["ecpix-5-85f"]
    assert (board.mac, board.ip) == (mac_of("ecpix-5-85f"), ip_of("ecpix-5-85f"))
    assert udp_addresses() == {str(b.ip): b for b in (board, BOARDS["colorlight-i5"])}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["icebreaker"], "no Ethernet transceiver of icebreaker is used"),
        (["ecpix-5-85f", "--address", "10.0.0"], "must be an IPv4 address, not '10.0.0'"),
        (["ecpix-5-85f", "--address", "224.0.0.1"], "must be an IPv4 address, not '224.0.0.1'"),
    ],
)
def test_builds_that_are_refused(arguments, text, capsys, tmp_path):
    assert main(["build", *arguments, "--link", "udp", "--out", str(tmp_path / "out")]) != 0
    assert text in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def hello(server):
    """Answer RESET and HELLO as a board of `tiny` does, until an empty datagram comes."""
    while (received := server.recvfrom(2000))[0]:
        datagram, source = received
        content = decode(datagram[4:].rstrip(b"\0")) or b""
        body = content[2:]
        if content[0] == 1:
            body = little(
                (3, 1), (fingerprint(TINY), 8), (4096, 2), (16, 1), (120_000_000, 4), (1 << 27, 4)
            )
        reply = bytes([content[0] | 0x80, content[1], 0]) + body
        server.sendto(datagram[:4] + encode(reply), source)


def test_devices_ask_the_network(peer, monkeypatch, capsys):
    thread = threading.Thread(target=hello, args=(peer,))
    thread.start()
    port = peer.getsockname()[1]

    def connect(address):
        if address != "169.254.247.226":
            raise LinkError("no route")
        return UdpTransport("127.0.0.1", port)

    [found] = probe_udp(connect)
    peer.sendto(b"", peer.getsockname())
    thread.join(5)
    assert found.available and found.config == "tiny" and found.device == "udp:169.254.247.226"
    assert found.description == "a board at 120 MHz, built as tiny: --config tiny"

    def nobody(address):
        raise LinkError("no route")

    def lacking():
        raise LinkError("USB devices need libusb1")

    assert probe_udp(nobody) == []
    monkeypatch.setattr(list_ports, "comports", lambda: [])
    monkeypatch.setattr(usb_devices, "load_library", lacking)
    answers = [[found], [found], []]
    monkeypatch.setattr(probe, "probe_udp", lambda: answers.pop(0))
    assert main(["devices", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[-1]["device"] == "udp:169.254.247.226"
    assert main(["devices"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "udp:169.254.247.226" in text and "no board is plugged in" not in text
    assert main(["devices"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "no board answers on Ethernet at 169.254.247.226 (ecpix-5-85f)" in text

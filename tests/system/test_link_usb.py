"""The complete design through D+ and D-: what the bus may do to it, packet by packet."""

import random
from types import SimpleNamespace

import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

from links.bus import ANSWER, DRIVER, RESET, answer, check_lost_handshakes
from links.exercise import UNITS, Exerciser
from links.usb import Simulated, drive, plug_in
from stand_in_usb import BusPipe, Usb1
from weft.driver.board import BoardDriver
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.testing.usb.full_speed import UsbBoard
from weft_sim.testing.usb.host import Refused, UsbHost
from weft_sim.testing.usb.packets import DATA0, DATA1, OUT, data, token

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]
TINY = get_config("tiny")


@pytest.mark.parametrize("host_error, device_error", [(0, 0), (0.0025, -0.0025), (-0.0025, 0.0025)])
def test_enumeration(host_error, device_error):
    host = UsbHost(UsbBoard(TINY, stand_in=True, host_error=host_error, device_error=device_error))
    host.board.wait(0.001)
    found = host.enumerate()
    device, configuration = found["device"], found["configuration"]
    assert device[:2] == bytes([18, 1]) and device[2:4] == bytes([0x10, 0x02])  # USB 2.1: has BOS
    assert device[7] == 64 and device[8:12] == bytes.fromhex("09120100") and device[17] == 1
    # Configuration 1 of one interface, vendor specific; bulk OUT 1 and IN 1 of 64 bytes.
    assert configuration[:8] == bytes.fromhex("0902200001010080")
    assert configuration[9:17] == bytes.fromhex("0904000002ffffff")
    assert configuration[18:] == bytes.fromhex("0705010240000007058102400000")
    strings = [found[f"string {index}"][2:].decode("utf-16-le") for index in range(1, 5)]
    assert strings == ["Weft", "Weft tiny", "7", "Weft link"]
    assert [device[14], device[15], device[16], configuration[17]] == [1, 2, 3, 4]
    bos = found["bos"]
    assert bos[:5] == bytes([5, 15, len(bos), 0, 2])
    # Platform capabilities of WebUSB and of Microsoft OS 2.0, by the UUIDs of their documents.
    assert bytes.fromhex("38b60834a909a0478bfda0768815b6650001") in bos
    windows = bos.index(bytes.fromhex("df60ddd88945c74c9cd2659d9e648a9f"))
    size = int.from_bytes(bos[windows + 20 : windows + 22], "little")
    code = bos[windows + 22]
    found = host.control_in(0xC0, code, 0, 7, 1024)
    assert len(found) == size == int.from_bytes(found[8:10], "little")
    assert found[10:22] == b"\x14\0\x03\0WINUSB\0\0" and "{7D24E5B0-".encode("utf-16-le") in found
    assert host.control_in(0xC0, code, 0, 7, 64) == found[:64]
    assert host.control_in(0xC0, code, 0, 7, 65) == found[:65]
    # From SE0's end, a bit before the host's last J ends: 2 to 6.5 bits (USB 2.0, 7.1.18.1).
    print(
        f"the device answers after {host.shortest_gap + 1:.2f} to {host.longest_gap + 1:.2f} bits"
    )
    assert host.shortest_gap + 1 >= 2 and host.longest_gap + 1 <= 6.5


def test_what_is_not_known_is_refused():
    host = plug_in(TINY, stand_in=True)
    # No qualifier, as there is full speed only; and requests of makers that are not ours.
    for request in ((0x80, 6, 0x0600, 0, 10), (0xC0, 1, 0, 0, 10), (0xC0, 0x57, 0, 4, 10)):
        with pytest.raises(Refused):
            host.control_in(*request)
    assert not host.control_out(0x21, 0, 0)
    assert host.control_in(0x80, 8, 0, 0, 1) == b"\1"  # and it goes on


def test_a_request_and_its_answer():
    host = plug_in(TINY, stand_in=True)
    assert host.bulk_in() is None and host.counts["nak"] == 1  # nothing to say
    assert host.bulk_out(RESET)
    assert answer(host) == ANSWER


@pytest.mark.parametrize("sync", [4, 6])
def test_hubs_may_swallow_the_beginning_of_a_sync_pattern(sync):
    host = plug_in(TINY, stand_in=True)
    host.sync = sync
    assert host.bulk_out(RESET) and answer(host) == ANSWER


def test_packets_of_another_address_or_endpoint_are_left_alone():
    host = plug_in(TINY, stand_in=True)
    host.address = 6
    assert host.send_data(OUT, 1, 0, RESET) == 0 and host.take_data(1, 0) == (0, None)
    host.address = 5
    assert host.send_data(OUT, 3, 0, RESET) == 0
    assert host.bulk_out(RESET) and answer(host) == ANSWER


def test_damaged_packets_are_not_answered():
    host = plug_in(TINY, stand_in=True)
    for fault in ("crc", "token", "pid", "stuffing", "no stuffing", "cut", "short"):
        kind = (DATA0, DATA1)[host.out.toggle]
        packet = data(kind, RESET)
        spoilt = {
            "crc": packet[:-1] + bytes([packet[-1] ^ 1]),
            "pid": bytes([packet[0] ^ 0x10]) + packet[1:],
            "cut": packet[:6],
            "short": packet[:1],
            "stuffing": data(kind, b"\xff" * 8),
            "no stuffing": data(kind, b"\xff" * 8),
        }.get(fault, packet)
        host.reserve()
        start = token(OUT, host.address, 1)
        host.board.send(start[:2] + bytes([start[2] ^ 0x80]) if fault == "token" else start)
        host.board.wait(3 / 12e6)
        host.board.send(spoilt, stuffed={"stuffing": 2, "no stuffing": 0}.get(fault, 1))
        assert host.board.receive()[0] == b"", fault
        host.board.wait(3 / 12e6)
        # The same packet number is still the next one.
        assert host.bulk_out(RESET) and answer(host) == ANSWER, fault


def test_a_handshake_that_gets_lost_doubles_nothing():
    check_lost_handshakes(plug_in(TINY, stand_in=True), TINY, 10)


def test_a_packet_that_is_too_long_does_no_harm():
    host = plug_in(TINY, stand_in=True)
    for size in (65, 66, 100, 127, 128, 200, 1000):
        host.reserve(10_000)
        host.board.send(token(OUT, host.address, 1))
        host.board.wait(3 / 12e6)
        host.board.send(data((DATA0, DATA1)[host.out.toggle], bytes([5]) * size))
        shake, _ = host.board.receive()
        assert shake[:1] in (b"", b"\xd2", b"\x5a")
        if shake == b"\xd2":
            host.out.toggle ^= 1
        host.board.wait(3 / 12e6)
    host.clear_halt(host.out)
    assert host.bulk_out(b"\0" + RESET) and answer(host).endswith(ANSWER)


def test_a_bus_reset_in_the_middle():
    host = plug_in(TINY, stand_in=True)
    for cut in (1, 2):
        for _ in range(cut):  # an odd number leaves DATA1 to be next
            assert host.bulk_out(RESET[:5])
        host.reset()
        host.enumerate()
        assert host.bulk_out(b"\0" + RESET), "packet numbers begin anew"
        assert answer(host).endswith(ANSWER)


def test_another_configuration_request_begins_packet_numbers_anew():
    host = plug_in(TINY, stand_in=True)
    assert host.bulk_out(RESET) and answer(host) == ANSWER
    host.configure()
    assert host.bulk_out(RESET) and answer(host) == ANSWER


def test_clearing_a_halt_begins_packet_numbers_anew():
    host = plug_in(TINY, stand_in=True)
    assert host.bulk_out(RESET) and answer(host) == ANSWER
    for pipe in (host.out, host.into):
        host.clear_halt(pipe)
    assert host.bulk_out(RESET) and answer(host) == ANSWER


def test_sleeping_and_waking_up():
    host = plug_in(TINY, stand_in=True)
    assert host.bulk_out(RESET) and answer(host) == ANSWER
    host.silence(0.0029)
    assert not host.board.suspended  # 3 ms at least, 10 at most (USB 2.0, 7.1.7.6)
    host.silence(0.0071)
    assert host.board.suspended
    host.board.resume_bus(0.02)
    assert not host.board.suspended
    host.idle(0.001)
    assert host.bulk_out(RESET) and answer(host) == ANSWER


def test_a_reset_while_it_sleeps():
    host = plug_in(TINY, stand_in=True)
    host.silence(0.01)
    assert host.board.suspended
    host.enumerate(address=9)
    assert not host.board.suspended
    assert host.bulk_out(RESET) and answer(host) == ANSWER


def test_damage_on_the_bus_never_gives_a_wrong_result():
    """Bits of any packet wrong, or packets gone: the bus repeats them, the protocol the rest."""
    host, rng = plug_in(TINY, stand_in=True), random.Random(1)
    damaged = 0

    def spoil(what, packet):
        nonlocal damaged
        if rng.random() > 0.03:
            return packet
        damaged += 1
        if rng.random() < 0.5:
            return b""
        at = rng.randrange(len(packet))
        return packet[:at] + bytes([packet[at] ^ 1 << rng.randrange(8)]) + packet[at + 1 :]

    transport, _ = drive(host)
    with BoardDriver(transport, TINY, **DRIVER) as board:
        exerciser = Exerciser(board, 1)
        host.damage = spoil
        for _ in range(12):
            exerciser.attempt()
        print(f"{damaged} packets damaged, {exerciser.errors} errors, {board.statistics}")
        assert damaged > 30


def test_two_programs_do_not_get_the_same_board():
    host = plug_in(TINY, stand_in=True)
    transport, device = drive(host)
    with pytest.raises(LinkError, match="in use"):
        Simulated(0x1209, 1, library=Usb1([device]))
    transport.close()
    again, _ = drive(host)
    again.close()


def test_it_is_unplugged_in_the_middle():
    host = plug_in(TINY, stand_in=True)
    transport, device = drive(host)
    board = BoardDriver(transport, TINY, **DRIVER)
    device.peer, left = SimpleNamespace(), [40]

    def pull(*arguments):
        left[0] -= 1
        device.unplugged = left[0] < 0
        if not device.unplugged:
            BusPipe(host).advance(*arguments)

    device.peer.advance, device.peer.host = pull, host
    with pytest.raises(LinkError, match=r"usb:1209:0001 is gone: it was unplugged$"):
        for _ in range(100):
            board.write(Region.ACTIVATION, 0, bytes(4 * UNITS))
    board.close()
    assert device.handles == 0 and not device.incoming and not device.outgoing

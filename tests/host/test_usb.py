"""The driver's USB transport over devices that a test makes: what it carries, and what it says."""

import json

import pytest
from serial.tools import list_ports
from stand_in_usb import (
    Device,
    Pipe,
    Usb1,
    USBErrorAccess,
    USBErrorBusy,
)
from test_probe import Stand
from weft.cli import main
from weft.driver.probe import probe_usb
from weft.driver.transports import open_transport, usb_devices
from weft.driver.transports.usb import UsbTransport
from weft.errors import LinkError
from weft.runtime.wire import link_of
from weft_hw.contract.config import get_config
from weft_hw.contract.fingerprint import fingerprint


def plug_in(*devices):
    return Usb1(list(devices) or [Device(Pipe())])


def connect(usb1, name="1209:0001"):
    return UsbTransport.from_name(name, library=usb1)


def refusal(usb1, name="1209:0001"):
    """Return the sentence with which a device does not open; nothing stays open behind it."""
    with pytest.raises(LinkError) as caught:
        connect(usb1, name)
    assert all(device.handles == 0 for device in usb1.devices)
    text = str(caught.value)
    assert "\n" not in text and not text.endswith(".")
    return text


def test_bytes_go_both_ways_in_order():
    sent = bytearray()

    def echo(data):
        sent.extend(data)
        return data

    device = Device(Pipe(echo))
    transport = connect(plug_in(device))
    assert sorted(device.halts_cleared) == [1, 0x81]
    data = bytes(range(256)) * 1000  # more than all transfers together
    transport.write(data)
    back = b""
    while len(back) < len(data):
        part = transport.read(1000, 1.0)
        assert 0 < len(part) <= 1000
        back += part
    assert sent == data and back == data
    assert transport.read(1, 0.0) == b""
    transport.close()
    transport.close()
    assert device.handles == 0 and not device.claimed


def test_several_transfers_are_under_way():
    device = Device()  # without a peer nothing ends
    transport = connect(plug_in(device))
    assert len(device.incoming) >= 4 and all(t.size % 512 == 0 for t in device.incoming)
    transport.write(bytes(40_000))
    assert [len(t.content) for t in device.outgoing] == [16384, 16384, 7232]
    device.handle_events = lambda seconds: None
    transport.now = iter(range(100)).__next__
    with pytest.raises(LinkError, match="usb:1209:0001 takes no more"):
        transport.write(bytes(100_000))
    del device.handle_events, transport.now
    transport.close()
    assert device.handles == 0


def test_nothing_comes():
    transport = connect(plug_in())
    assert transport.read(10, 0.02) == b""
    transport.close()


def test_nothing_is_plugged_in():
    assert refusal(Usb1([])).startswith("cannot open usb:1209:0001: nothing is plugged in there")
    other = Device(Pipe(), numbers=(0x1209, 2))
    assert "nothing is plugged in" in refusal(plug_in(other))


def test_one_of_several_is_chosen_by_its_serial_number():
    devices = [Device(Pipe(), serial=serial) for serial in ("A", "B")]
    usb1 = plug_in(*devices)
    text = refusal(usb1)
    assert "there are 2" in text and "one of A, B" in text and "usb:1209:0001:SERIAL" in text
    assert "no device has serial number 'C', but A, B" in refusal(usb1, "1209:0001:C")
    connect(usb1, "1209:0001:B").close()
    assert not devices[0].halts_cleared and devices[1].halts_cleared


def test_no_permission(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    device = Device(Pipe())
    device.open_error = USBErrorAccess
    text = refusal(plug_in(device))
    assert "no permission; echo" in text and 'idVendor}=="1209"' in text
    assert 'idProduct}=="0001"' in text and "udevadm" in text


def test_another_program_has_it():
    device = Device(Pipe())
    device.claim_error = USBErrorBusy
    assert refusal(plug_in(device)) == "cannot open usb:1209:0001: another program uses it"
    usb1 = plug_in(Device(Pipe()))
    first = connect(usb1)
    with pytest.raises(LinkError, match="is in use by process"):
        connect(usb1)
    first.close()
    connect(usb1).close()


def test_another_device_with_these_numbers_is_left_alone():
    device = Device(Pipe(lambda data: pytest.fail("it was written to")), interface="A lamp")
    text = refusal(plug_in(device))
    assert "no board of Weft: its interface is called 'A lamp', not 'Weft link'" in text
    assert not device.halts_cleared and not device.claimed


def test_names():
    for name in ("1209", "", "1209:", "x:1", "12345:1", "-1:1"):
        assert "usb: takes VID:PID or VID:PID:SERIAL" in refusal(plug_in(), name)


def test_without_the_library(uninstall, monkeypatch):
    def lacking():
        raise OSError("libusb-1.0.so: cannot open shared object file")

    usb1 = plug_in()
    usb1.loadLibrary = lacking
    monkeypatch.setattr(usb_devices.importlib, "import_module", lambda name: usb1)
    with pytest.raises(LinkError, match=r"need libusb, which is not installed \(Debian: apt"):
        open_transport("usb:1209:0001", get_config("tiny"))

    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(usb_devices.importlib, "import_module", missing)
    with pytest.raises(LinkError, match=r"pip install 'weft-fpga\[usb\]'"):
        open_transport("usb:1209:0001", get_config("tiny"))


def test_it_is_unplugged():
    device = Device(Pipe())
    transport = connect(plug_in(device))
    transport.write(b"before")
    device.unplugged = True
    for attempt in (lambda: transport.read(1, 1.0), lambda: transport.write(b"after")):
        with pytest.raises(LinkError, match=r"usb:1209:0001 is gone: it was unplugged$"):
            attempt()
    transport.close()
    assert device.handles == 0


def test_it_is_unplugged_while_much_is_written():
    device = Device()
    transport = connect(plug_in(device))
    transport.write(bytes(4 * 16_384))  # every transfer is under way
    device.unplugged = True
    with pytest.raises(LinkError, match="unplugged"):
        transport.write(bytes(100_000))
    transport.close()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Usb1.TRANSFER_STALL, "the board refuses a transfer"),
        (Usb1.TRANSFER_ERROR, "a transfer failed"),
        (Usb1.TRANSFER_OVERFLOW, "a packet that is too long"),
    ],
)
@pytest.mark.parametrize("way", ["outgoing", "incoming"])
def test_transfers_that_fail(status, words, way):
    device = Device()
    transport = connect(plug_in(device))
    transport.write(b"request")
    getattr(device, way)[0].end(status)
    with pytest.raises(LinkError, match=words):
        transport.read(1, 0.0)
    transport.close()
    assert device.handles == 0


def test_what_came_before_it_was_unplugged_is_still_read():
    device = Device(Pipe(lambda data: b"answer"))
    transport = connect(plug_in(device))
    transport.write(b"request")
    transport._handle_events(0)
    device.unplugged = True
    assert transport.read(100, 0.0) == b"answer"
    transport.close()


def board(serial="7", **options):
    stand = Stand(2_000_000, **options)

    def answer(data):
        stand.write(data)
        return stand.read(1 << 20, 0)

    return Device(Pipe(answer), serial=serial)


def test_boards_are_listed(monkeypatch, capsys):
    number = fingerprint(get_config("ulx3s-85f"))
    busy, lamp = board("B"), Device(Pipe(), interface="A lamp")
    busy.claim_error = USBErrorBusy
    usb1 = plug_in(board("A", number=number), busy, lamp)
    first, second = probe_usb(usb1)
    assert first.available and first.device == "usb:1209:0001:A"
    assert (first.board, first.config) == ("ulx3s-85f", "ulx3s-85f")
    assert not second.available and "another program uses it" in second.description
    assert all(device.handles == 0 for device in usb1.devices)

    monkeypatch.setattr(list_ports, "comports", lambda: [])
    monkeypatch.setattr(usb_devices, "load_library", lambda: usb1)
    assert main(["devices", "--json"]) == 0
    found = [d for d in json.loads(capsys.readouterr().out) if d["device"].startswith("usb:")]
    assert [d["serial_number"] for d in found] == ["A", "B"] and found[0]["available"]
    assert main(["devices"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "usb:1209:0001:A: USB 1209:0001, serial number A, ulx3s-85f" in text
    assert "no board is plugged in" not in text


def test_listing_without_the_library(monkeypatch, capsys):
    def lacking():
        raise LinkError("USB devices need libusb1")

    monkeypatch.setattr(list_ports, "comports", lambda: [])
    monkeypatch.setattr(usb_devices, "load_library", lacking)
    assert main(["devices"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "were not looked for: USB devices need libusb1" in text


def test_a_board_without_such_pins_has_no_such_link(capsys):
    assert link_of("ecpix-5-85f", "usb")[1] > link_of("ulx3s-85f", "usb")[1]
    assert link_of("ulx3s-85f", "usb")[1] > link_of("ulx3s-85f")[1] > 0
    assert link_of("icebreaker", "usb") == ("usb", 0)
    assert main(["build", "icebreaker", "--link", "usb"]) != 0
    assert "no USB connector of icebreaker leads to the FPGA" in capsys.readouterr().err


def test_a_prediction_is_over_the_link_that_is_asked_for(capsys):
    facts = {}
    for link in ("uart", "usb"):
        assert main(["explain", "digits", "--link", link, "--json"]) == 0
        facts[link] = json.loads(capsys.readouterr().out)["predicted_link"]
    uart, usb = facts["uart"], facts["usb"]
    moved = uart["bytes_to_board"] + uart["bytes_from_board"]
    assert usb["bytes_to_board"] == uart["bytes_to_board"]
    assert usb["seconds"] == pytest.approx(moved / 1.05e6)
    assert uart["seconds"] == pytest.approx(moved / 300_000)
    assert main(["explain", "digits", "--link", "usb"]) == 0
    assert "with a link of 1.05 MB/s" in " ".join(capsys.readouterr().out.split())

"""What weft devices says of ports: of boards that answer, that do not, and that are not there."""

import errno
import json
from dataclasses import dataclass

import pytest
import serial
from serial.tools import list_ports
from weft.cli import main
from weft.driver import cobs
from weft.driver.probe import known_chips, probe
from weft.driver.transports.base import Transport
from weft.driver.transports.serial import SerialTransport
from weft.errors import LinkError
from weft_hw.boards import get_board
from weft_hw.contract.config import get_config
from weft_hw.contract.fields import pack
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.packet import (
    PROTOCOL_VERSION,
    REPLY,
    REPLY_FIELDS,
    Request,
    field_bytes,
    open_frame,
    seal_frame,
)


@dataclass
class Port:
    device: str = "/dev/ttyUSB7"
    vid: int | None = 0x0403
    pid: int | None = 0x6010
    serial_number: str | None = "W1"
    description: str | None = "a port"

    def __lt__(self, other):
        return self.device < other.device


class Stand(Transport):
    """A board that knows RESET and HELLO, at one rate only; at others it hears noise."""

    def __init__(self, baud, *, right=2_000_000, number=0, version=PROTOCOL_VERSION, log=None):
        self.hears = baud == right
        self.number, self.version = number, version
        self.replies = bytearray()
        (log if log is not None else []).append(baud)

    def write(self, data):
        for frame in data.split(b"\0"):
            content = open_frame(cobs.decode(frame) or b"") if frame else None
            if not self.hears or content is None:
                continue
            body = content[2:]
            if content[0] == Request.HELLO:
                told = {
                    "version": self.version,
                    "fingerprint": self.number,
                    "buffer_bytes": 2048,
                    "buffer_frames": 16,
                    "clock_hz": 54_000_000,
                    "watchdog_cycles": 1,
                }
                fields = REPLY_FIELDS[Request.HELLO]
                body = pack(fields, told).to_bytes(field_bytes(fields), "little")
            reply = bytes([content[0] | REPLY, 0, 0]) + body
            self.replies += cobs.encode(seal_frame(reply)) + b"\0"

    def read(self, limit, timeout):
        data, self.replies = bytes(self.replies[:limit]), self.replies[limit:]
        return data

    def close(self):
        self.replies.clear()


def test_a_board_is_named_and_the_rate_found():
    number, rates = fingerprint(get_config("tang-nano-20k")), []
    found = probe(Port(), lambda path, baud: Stand(baud, number=number, log=rates))
    assert found.available and found.device == "serial:/dev/ttyUSB7?baud=2000000"
    assert (found.board, found.config) == ("tang-nano-20k", "tang-nano-20k")
    assert found.fingerprint == f"{number:016x}" and found.serial_number == "W1"
    assert "54 MHz" in found.description
    assert set(rates) <= {12_000_000, 3_000_000, 2_000_000} and rates[-1] == 2_000_000


def test_another_bitstream():
    found = probe(Port(), lambda path, baud: Stand(baud, right=1))
    assert not found.available and not found.config
    assert "nothing answers" in found.description and "another bitstream" in found.description
    assert "icebreaker" in found.board and "tang-nano-20k" in found.board
    assert "ulx3s-85f" not in found.board


def test_a_configuration_that_nobody_knows():
    found = probe(Port(), lambda path, baud: Stand(baud, number=5))
    assert not found.available and found.fingerprint == f"{5:016x}"
    assert "this version of Weft does not have" in found.description


def test_another_version_of_the_protocol():
    found = probe(Port(), lambda path, baud: Stand(baud, version=PROTOCOL_VERSION + 1))
    assert not found.available and "version" in found.description


def test_ports_of_other_chips_are_left_alone():
    def connect(path, baud):
        raise AssertionError("it was opened")

    for port in (Port(vid=0x1234), Port(vid=None, pid=None, description=None)):
        found = probe(port, connect)
        assert not found.available and "no board of Weft has this chip" in found.description
        assert found.board == ""


@pytest.mark.parametrize(
    ("number", "texts"),
    [
        (errno.ENOENT, ["nothing is plugged in there", "weft devices"]),
        (errno.EACCES, ["no permission", 'idVendor}=="0403"', 'idProduct}=="6010"', "udevadm"]),
        (errno.EIO, ["an accident"]),
    ],
)
def test_a_port_that_does_not_open(monkeypatch, number, texts):
    def refuse(*args, **kwargs):
        raise serial.SerialException(number, "an accident")

    monkeypatch.setattr(serial, "Serial", refuse)
    monkeypatch.setattr(list_ports, "comports", lambda: [Port()])
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(LinkError) as caught:
        SerialTransport(Port.device)
    others = ["nothing is plugged in", "no permission", "an accident"]
    others = [text for text in others if not any(text in mine for mine in texts)]
    assert all(text in str(caught.value) for text in texts)
    assert not any(text in str(caught.value) for text in others if number != errno.EIO)
    found = probe(Port())
    assert not found.available and texts[0] in found.description


def test_the_command(monkeypatch, capsys):
    monkeypatch.setattr(list_ports, "comports", lambda: [])
    assert main(["devices"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "no board is plugged in" in text and "0403:6015" in text
    number = fingerprint(get_config("icebreaker"))

    def connect(path, baud):
        return Stand(baud, right=3_000_000, number=number)

    monkeypatch.setattr("weft.driver.probe.probe.__defaults__", (connect,))
    monkeypatch.setattr(list_ports, "comports", lambda: [Port()])
    assert main(["devices", "--json"]) == 0
    [port] = [d for d in json.loads(capsys.readouterr().out) if d["device"].startswith("serial:")]
    assert port["board"] == port["config"] == "icebreaker" and port["usb"] == "0403:6010"
    assert main(["devices"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "USB 0403:6010, serial number W1, icebreaker" in text
    assert "no board is plugged in" not in text


def test_every_board_has_a_chip_that_is_known():
    assert get_board("colorlight-i5").usb in known_chips()

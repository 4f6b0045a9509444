"""The driver's SPI transport over a stand-in for spidev: what it asks for, and what it says."""

import importlib
from types import SimpleNamespace

import pytest
from weft.cli import main
from weft.driver.transports import open_transport
from weft.driver.transports.spi import SpiTransport
from weft.errors import LinkError
from weft.runtime.wire import link_of
from weft_hw.boards import BOARDS
from weft_hw.contract.config import get_config

TINY, ICEPI = get_config("tiny"), get_config("icepi-zero")


class Line:
    """Answers each transfer with the next bytes of what it is given, then with zeros."""

    def __init__(self, answers=b""):
        self.answers, self.sent, self.closed = answers, b"", False
        self.mode = self.max_speed_hz = -1

    def open_path(self, path):
        pass

    def xfer3(self, data):
        self.sent += bytes(data)
        answer, self.answers = self.answers[: len(data)], self.answers[len(data) :]
        return tuple(answer.ljust(len(data), b"\0"))

    def close(self):
        self.closed = True


def test_frames_without_the_zeros_between_them():
    line = Line(b"\0\0ab\0\0\0" + b"c" * 100 + b"\0" + bytes(2000) + b"d\0")
    transport = SpiTransport("line", hz=8_000_000, device=line)
    assert (line.mode, line.max_speed_hz, transport.bytes_per_second) == (0, 8_000_000, 1e6)
    transport.write(b"hello\0")
    assert line.sent == b"hello\0"
    assert transport.read(65536, 1) == b"ab\0"
    # A reply that has begun is asked for in larger pieces than silence.
    assert transport.read(65536, 1) == b"c" * 100 + b"\0"
    assert transport.read(1, 1) == b"d" and transport.read(65536, 1) == b"\0"
    assert transport.read(65536, 0) == b""
    transport.close()
    assert line.closed


def test_a_line_that_nobody_drives_is_not_kept():
    line = Line(b"\xff" * 2**16)
    transport = SpiTransport("line", device=line)
    while line.answers:
        assert transport.read(65536, 0) == b""
    assert len(transport._unfinished) <= 4096
    transport.close()


def test_the_rate_of_the_boards_clock(monkeypatch):
    line = Line()
    modules = {"spidev": SimpleNamespace(SpiDev=lambda: line)}
    monkeypatch.setattr(importlib, "import_module", modules.__getitem__)
    for config, name, hz in [
        (ICEPI, "spi:/dev/spidev0.0", 100_000_000 // 6),
        (TINY, "spi:/dev/spidev0.0", 4_000_000),
        (ICEPI, "spi:/dev/spidev0.0?hz=1000000", 1_000_000),
    ]:
        open_transport(name, config).close()
        assert line.max_speed_hz == hz
    assert link_of("icepi-zero", "spi") == ("spi", BOARDS["icepi-zero"].spi_hz / 8)
    assert link_of("ulx3s-85f", "spi") == ("spi", 0.0)


def test_what_does_not_open_is_one_sentence(monkeypatch, tmp_path, capsys):
    for name in ("", "?hz=1", "a?hz=0", "a?hz=x", "a?baud=1"):
        with pytest.raises(LinkError, match=r"spi: takes PATH or PATH\?hz=N"):
            open_transport(f"spi:{name}", TINY)

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(LinkError, match=r"SPI needs spidev, on Linux: pip .*\[spi\]"):
        SpiTransport("/dev/spidev0.0")
    for error, text in [
        (FileNotFoundError(2, "No such file"), "no such device file; on a Raspberry Pi dtparam"),
        (PermissionError(13, "denied"), "no permission; sudo usermod -aG spi"),
        (OSError(22, "Invalid argument"), "Invalid argument"),
    ]:

        def refuse(path, error=error):
            raise error

        device = SimpleNamespace(open_path=refuse)
        library = SimpleNamespace(SpiDev=lambda device=device: device)
        monkeypatch.setattr(importlib, "import_module", lambda name, library=library: library)
        for _ in range(2):  # nothing stays locked
            with pytest.raises(LinkError, match=f"cannot open /dev/spidev0.0: .*{text}"):
                SpiTransport("/dev/spidev0.0")
    monkeypatch.undo()
    out = str(tmp_path / "out")
    assert main(["build", "ulx3s-12f", "--link", "spi", "--out", out]) == 2
    assert "no pins of ulx3s-12f are for SPI: --link uart" in capsys.readouterr().err


def test_two_owners_and_a_device_that_goes():
    line = Line()
    transport = SpiTransport("line", device=line)
    with pytest.raises(LinkError, match="in use by process"):
        SpiTransport("line", device=Line())

    def gone(data):
        raise OSError(19, "No such device")

    line.xfer3 = gone
    with pytest.raises(LinkError, match="line is gone"):
        transport.write(b"a\0")
    transport.close()

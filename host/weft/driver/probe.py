"""Which board answers on a port, USB or Ethernet, and in which words it is said why none does."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from weft_hw.boards import BOARDS, Board
from weft_hw.contract.fingerprint import config_of
from weft_hw.contract.usb import PRODUCT, VENDOR

from weft.driver.link import Link
from weft.driver.transports.base import Transport
from weft.driver.transports.serial import SerialTransport
from weft.driver.transports.udp import UdpTransport
from weft.driver.transports.usb import UsbTransport
from weft.driver.transports.usb_devices import list_boards
from weft.errors import LinkError

__all__ = ["Found", "known_chips", "probe", "probe_udp", "probe_usb", "udp_addresses"]

# A board answers within a millisecond or two; another bitstream never does.
_SECONDS = 0.25
_RETRIES = 1


@dataclass(frozen=True, kw_only=True)
class Found:
    """A serial port or USB device, and what is behind it.

    Parameters
    ----------
    device : str
        As ``--device`` takes it.
    usb : str
        Vendor and product of its USB chip; nothing for another kind of port.
    serial_number : str
        Of the chip, where it has one.
    available : bool
        Whether a board of Weft answers.
    config, fingerprint : str
        What the board was built for; nothing where none answers.
    board : str
        The board with that configuration or, where none answers, those with such a USB chip.
    description : str
        A sentence.
    """

    device: str
    usb: str
    serial_number: str
    available: bool
    config: str = ""
    fingerprint: str = ""
    board: str = ""
    description: str

    def as_dict(self) -> dict[str, Any]:
        """Return what ``devices --json`` prints."""
        return asdict(self)


def known_chips() -> list[str]:
    """Return vendor and product of each USB chip that some board has."""
    return sorted({board.usb for board in BOARDS.values()})


def probe(port: Any, connect: Callable[..., Transport] = SerialTransport) -> Found:
    """Ask whatever is behind a port who it is, if a board of Weft may be there.

    Ports of other USB chips are left alone: bytes could do harm there.

    Parameters
    ----------
    port : serial.tools.list_ports_common.ListPortInfo
    connect : callable, optional
        Opens a path at a ``baud``.
    """
    usb = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None else ""
    facts = {"usb": usb, "serial_number": port.serial_number or "", "device": _name(port.device)}
    candidates = [board for board in BOARDS.values() if board.usb == usb]
    if not candidates:
        text = f"{port.description or 'serial port'}: no board of Weft has this chip"
        return Found(available=False, description=text, **facts)
    names = ", ".join(board.name for board in candidates)
    # Boards of the same rate are asked once.
    problem = ""
    for baud, boards in _by_baud(candidates).items():
        facts["device"] = _name(port.device, baud)
        try:
            transport = connect(port.device, baud=baud)
        except LinkError as error:
            return Found(available=False, board=names, description=str(error), **facts)
        try:
            hello = Link(transport, _SECONDS, _RETRIES).open()
        except LinkError as error:
            if "does not answer" not in str(error):
                problem = str(error)
            continue
        finally:
            transport.close()
        return Found(**facts, **_answered(hello, boards))
    silent = (
        f"nothing answers: this is another of the chip's ports, or the board holds another "
        f"bitstream; weft program loads Weft's into one of {names}"
    )
    facts["device"] = _name(port.device)
    return Found(available=False, board=names, description=problem or silent, **facts)


def probe_usb(usb1: Any) -> list[Found]:
    """Ask each USB device that may be a board of Weft itself who it is.

    Parameters
    ----------
    usb1 : module
        As :func:`~weft.driver.transports.usb_devices.load_library` returns it.
    """
    usb, boards = (
        f"{VENDOR:04x}:{PRODUCT:04x}",
        [b for b in BOARDS.values() if b.has_usb],
    )
    context = usb1.USBContext()
    context.open()
    try:
        serials = [serial for _, serial in list_boards(usb1, context)]
    finally:
        context.close()
    return [
        _ask(f"usb:{usb}" + (f":{serial}" if serial else ""), usb, serial, usb1, boards)
        for serial in serials
    ]


def udp_addresses() -> dict[str, Board]:
    """Return where boards with Ethernet are unless they were built with another address."""
    return {str(board.ip): board for board in BOARDS.values() if board.rgmii}


def probe_udp(connect: Callable[[str], Transport] = UdpTransport) -> list[Found]:
    """Ask at each of :func:`udp_addresses` who is there; return the boards that answered.

    Parameters
    ----------
    connect : callable, optional
        Opens an address.
    """
    found = []
    for address, board in udp_addresses().items():
        try:
            transport = connect(address)
        except LinkError:
            continue
        try:
            hello = Link(transport, _SECONDS, _RETRIES).open()
        except LinkError:
            continue
        finally:
            transport.close()
        facts = {"device": f"udp:{address}", "usb": "", "serial_number": ""}
        found.append(Found(**facts, **_answered(hello, [board])))
    return found


def _ask(device: str, usb: str, serial: str, usb1: Any, boards: list[Board]) -> Found:
    facts = {"device": device, "usb": usb, "serial_number": serial}
    try:
        transport = UsbTransport.from_name(device.removeprefix("usb:"), library=usb1)
        try:
            hello = Link(transport, _SECONDS, _RETRIES).open()
        finally:
            transport.close()
    except LinkError as error:
        return Found(available=False, description=str(error), **facts)
    return Found(**facts, **_answered(hello, boards))


def _by_baud(boards: list[Board]) -> dict[int, list[Board]]:
    rates: dict[int, list[Board]] = {}
    for board in boards:
        rates.setdefault(board.baud, []).append(board)
    return rates


def _name(path: str, baud: int = 0) -> str:
    return f"serial:{path}?baud={baud}" if baud else f"serial:{path}"


def _answered(hello: dict[str, int], boards: list[Board]) -> dict[str, Any]:
    """Return what is known of a board that answered, from what HELLO told."""
    number = hello["fingerprint"]
    config = config_of(number)
    board = next((b.name for b in boards if b.config == config), "")
    mhz = f"{hello['clock_hz'] / 1e6:g} MHz"
    text = (
        f"{board or 'a board'} at {mhz}, built as {config}: --config {config}"
        if config
        else f"a board at {mhz} whose configuration this version of Weft does not have: "
        "weft program loads one that it has"
    )
    return {
        "available": bool(config),
        "config": config,
        "board": board,
        "fingerprint": f"{number:016x}",
        "description": text,
    }

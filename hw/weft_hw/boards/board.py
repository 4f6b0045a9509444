"""What Weft needs to know about a board."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from weft_hw.contract.ethernet import (
    ETHERNET_BYTES_PER_SECOND,
    FAST_ETHERNET_BYTES_PER_SECOND,
    ip_of,
    mac_of,
)
from weft_hw.contract.spi import SPI_CYCLES
from weft_hw.contract.usb import FULL_SPEED_BYTES_PER_SECOND, HIGH_SPEED_BYTES_PER_SECOND

__all__ = ["BITS_PER_BYTE", "Board"]

BITS_PER_BYTE = 10  # on a serial line, 8N1

Resource = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board that people own, and how the complete design is put on it.

    Parameters
    ----------
    name : str
        What users type.
    title : str
        What its makers call it.
    platform : str
        Module and class of its platform file, joined by a colon; imported when it is needed.
    extra_resources : str, optional
        Attribute of the platform whose resources are added to it: a part that may be broken off.
    config : str
        Name of the accelerator's configuration.
    family : str
        ``"ecp5"``, ``"ice40"`` or ``"gowin"``: whose primitives are used.
    constraints : str
        Stem of its file in ``constraints/``.
    oscillator_hz, clock_hz : int
        Of the board, and what the design runs at, as near as the family's PLL comes.
    baud : int
        Rate of the serial port; at least 4 clock cycles per bit.
    uart, idle, reset : (str, int)
        Resources of the platform file: serial port, light, button.
    usb_pins : (str, int), optional
        D+ and D- of a connector that lead to the FPGA itself, and the resistor at D+.
    ulpi : (str, int), optional
        USB transceiver for high speed, which is used instead of such pins.
    rgmii : (str, int), optional
        Ethernet transceiver.
    gigabit : bool
        It may offer gigabit, whose clock of 125 MHz not every part carries; else 100 Mbit/s.
    spi : (str, int), optional
        Pins at a header, where a Raspberry Pi or a microcontroller is the host.
    link : str
        What the design talks through: ``"uart"``, ``"usb"`` where there is either, ``"udp"`` or
        ``"spi"``.
    serial : str
        Serial number that the design shows on USB, and that its addresses on Ethernet are made
        of; its name by default.
    address : str
        IPv4 address on Ethernet, in place of the one that is made of the serial number.
    busy, error : (str, int), optional
        Lights of a board that has more than one.
    sdram : tuple of str, optional
        The chips, any of which it may carry (:mod:`weft_hw.memory.sdram.chips`), as resource
        ``sdram`` 0; used where the configuration has memory beside the chip.
    buffer_bytes, buffer_frames : int
        As for :class:`~weft_hw.core.Core`.
    floorplan : str, optional
        Module and function, joined by a colon, that gives (cell, site) for the cells that the
        placer is not to move, and ("", site) for sites of LUTs that stay empty, from the
        configuration; imported when it is needed.
    routing : str
        Options with which nextpnr places and routes it, instead of those of its family.
    loader : str
        What openFPGALoader calls the board.
    usb : str
        Vendor and product number of its USB chip, as udev writes them.
    """

    name: str
    title: str
    platform: str
    extra_resources: str = ""
    config: str
    family: str
    constraints: str
    oscillator_hz: int
    clock_hz: int
    baud: int
    uart: Resource = ("uart", 0)
    usb_pins: Resource | None = None
    ulpi: Resource | None = None
    rgmii: Resource | None = None
    gigabit: bool = True
    spi: Resource | None = None
    link: str = "uart"
    serial: str = ""
    address: str = ""
    idle: Resource
    busy: Resource | None = None
    error: Resource | None = None
    reset: Resource
    sdram: tuple[str, ...] = ()
    buffer_bytes: int = 4096
    buffer_frames: int = 16
    floorplan: str = ""
    routing: str = ""
    loader: str
    usb: str

    @property
    def mac(self) -> int:
        """Return its address on Ethernet."""
        return mac_of(self.serial or self.name)

    @property
    def ip(self) -> IPv4Address:
        """Return its IPv4 address on Ethernet.

        Raises
        ------
        ValueError
            If ``address`` is none.
        """
        return IPv4Address(self.address) if self.address else ip_of(self.serial or self.name)

    @property
    def has_usb(self) -> bool:
        """Whether it can have a USB link."""
        return bool(self.ulpi or self.usb_pins)

    @property
    def spi_hz(self) -> int:
        """Return the fastest clock that SPI takes."""
        return self.clock_hz // SPI_CYCLES

    def bytes_per_second(self, link: str) -> float:
        """Return what a link of it carries; 0 where the board has no such link."""
        if link == "uart":
            return self.baud / BITS_PER_BYTE
        if link == "udp":
            rate = ETHERNET_BYTES_PER_SECOND if self.gigabit else FAST_ETHERNET_BYTES_PER_SECOND
            return rate if self.rgmii else 0.0
        if link == "spi":
            return self.spi_hz / 8 if self.spi else 0.0
        if self.ulpi:
            return HIGH_SPEED_BYTES_PER_SECOND
        return FULL_SPEED_BYTES_PER_SECOND if self.usb_pins else 0.0

"""What a board talks through, pins included: its serial port, USB, Ethernet, or SPI."""

from typing import Any

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, Mux, Signal
from amaranth.lib import io, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from weft_hw.boards.board import Board
from weft_hw.link.ethernet.speed_limit import SpeedLimit
from weft_hw.link.ethernet.udp_link import RGMII_100_HZ, RGMII_HZ, UdpLink
from weft_hw.link.spi import SpiDevice
from weft_hw.link.uart import Uart
from weft_hw.parts.delay import delay

__all__ = ["LINKS", "RgmiiPins", "SpiPins", "UartPins", "UlpiPins", "UsbPins"]

# The transceiver of the ECPIX-5 (KSZ9031RNX) wants its reset for 10 ms from power-up on, delays its
# own clock by 1.2 ns, and takes data 1.2 to 2 ns before the clock that it is brought. At 100 Mbit/s
# data stand for 20 ns about each edge that counts, so that no other board is particular.
_RESET_SECONDS, _CLOCK_DELAY = 10e-3, 2e-9

_STREAMS = {
    "reset": In(1),
    "received": Out(stream.Signature(8)),
    "sent": In(stream.Signature(8)),
}


class UartPins(wiring.Component):
    """The serial port of ``board``.

    Parameters
    ----------
    board : Board
    port : callable
        Returns the pins of a resource of the platform.
    clock_hz : int
        Of ``sync``.
    tech : Portable
        The family, which has a PLL.

    Members
    -------
    reset : In(1)
    received : Out(stream.Signature(8)), sent : In(stream.Signature(8))
    """

    reset: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, board: Board, port: Any, clock_hz: int, tech: Any):
        self._pins = port(board.uart)
        self._uart = Uart(clock_hz=clock_hz, baud=board.baud)
        super().__init__(_STREAMS)

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart = uart = self._uart
        m.submodules.rx = rx = io.Buffer(io.Direction.Input, self._pins.rx)
        m.submodules.tx = tx = io.Buffer(io.Direction.Output, self._pins.tx)
        m.d.comb += [
            uart.reset.eq(self.reset),
            uart.rx.eq(rx.i),
            tx.o.eq(delay(m, uart.tx, 1, name="pin_tx")),
        ]
        wiring.connect(m, uart.received, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), uart.sent)
        return m


class UsbPins(wiring.Component):
    """A full-speed USB device at two pins of ``board``, with a PLL behind the design's own.

    Parameters and members are those of :class:`UartPins`.
    """

    reset: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, board: Board, port: Any, clock_hz: int, tech: Any):
        # LUNA is an extra, which designs without USB do without.
        from weft_hw.link.usb.full_speed import FullSpeedUsb

        self._pins, self._clock_hz, self._tech = port(board.usb_pins), clock_hz, tech
        self._usb = FullSpeedUsb(product=f"Weft {board.name}", serial=board.serial or board.name)
        super().__init__(_STREAMS)

    def elaborate(self, platform):
        from weft_hw.link.usb.full_speed import USB_HZ

        m = Module()
        m.submodules.usb = usb = self._usb
        m.submodules.pll = pll = self._tech.pll(
            ClockSignal("sync"), input_hz=self._clock_hz, wanted_hz=USB_HZ
        )
        m.domains.usb = ClockDomain(reset_less=True, local=True)
        m.d.comb += ClockSignal("usb").eq(pll.clock)
        locked = Signal()
        m.submodules.lock_synchronizer = FFSynchronizer(pll.locked, locked)
        for name, pin, level, value in [
            ("d_p", self._pins.d_p, usb.d_p_i, usb.d_p_o),
            ("d_n", self._pins.d_n, usb.d_n_i, usb.d_n_o),
        ]:
            m.submodules[name] = pad = io.Buffer(io.Direction.Bidir, pin)
            m.d.comb += [level.eq(pad.i), pad.o.eq(value), pad.oe.eq(usb.drive)]
        # Some boards have a second resistor, at D- for low speed, whose pin is left alone.
        m.submodules.pullup = pullup = io.Buffer(io.Direction.Output, self._pins.pullup[0])
        m.d.comb += [pullup.o.eq(usb.pullup), usb.reset.eq(self.reset | ~locked)]
        wiring.connect(m, usb.received, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), usb.sent)
        return m


class UlpiPins(wiring.Component):
    """A high-speed USB device behind the ULPI transceiver of ``board``, which makes its clock.

    Parameters and members are those of :class:`UartPins`.
    """

    reset: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, board: Board, port: Any, clock_hz: int, tech: Any):
        from weft_hw.link.usb.high_speed import HighSpeedUsb

        self._pins = port(board.ulpi)
        self._usb = HighSpeedUsb(
            clock_hz=clock_hz, product=f"Weft {board.name}", serial=board.serial or board.name
        )
        super().__init__(_STREAMS)

    def elaborate(self, platform):
        from weft_hw.link.usb.high_speed import ULPI_HZ

        m = Module()
        pins, usb = self._pins, self._usb
        m.submodules.usb = usb
        m.submodules.clk = clk = io.Buffer(io.Direction.Input, pins.clk)
        m.domains.usb = ClockDomain(reset_less=True, local=True)
        m.d.comb += ClockSignal("usb").eq(clk.i)
        # The port keeps its name in synthesis, the buffer's net does not.
        platform.add_clock_constraint(pins.clk.io, ULPI_HZ)
        m.submodules.data = data = io.Buffer(io.Direction.Bidir, pins.data)
        m.d.comb += [usb.data_i.eq(data.i), data.o.eq(usb.data_o), data.oe.eq(usb.drive)]
        for name, level in [("dir", usb.dir), ("nxt", usb.nxt)]:
            m.submodules[name] = pad = io.Buffer(io.Direction.Input, getattr(pins, name))
            m.d.comb += level.eq(pad.i)
        for name, value in [("stp", usb.stp), ("rst", usb.phy_reset)]:
            m.submodules[name] = pad = io.Buffer(io.Direction.Output, getattr(pins, name))
            m.d.comb += pad.o.eq(value)
        m.d.comb += usb.reset.eq(self.reset)
        wiring.connect(m, usb.received, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), usb.sent)
        return m


class RgmiiPins(wiring.Component):
    """A UDP port behind the Ethernet transceiver of ``board``, which makes its clock.

    The transceiver is taken as its straps set it up: it delays the clock that it brings, and wants
    the one that it is brought late. Its management interface is left alone where the board carries
    gigabit.

    Parameters and members are those of :class:`UartPins`.
    """

    reset: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, board: Board, port: Any, clock_hz: int, tech: Any):
        self._pins, self._clock_hz, self._tech = port(board.rgmii), clock_hz, tech
        self._gigabit = board.gigabit
        self._link = UdpLink(clock_hz=clock_hz, mac=board.mac, ip=board.ip)
        super().__init__(_STREAMS)

    def elaborate(self, platform):
        m = Module()
        pins, link = self._pins, self._link
        m.submodules.link = link
        m.submodules.rx_clk = clk = io.Buffer(io.Direction.Input, pins.rx_clk)
        m.domains.ethernet = ClockDomain(reset_less=True, local=True)
        m.d.comb += ClockSignal("ethernet").eq(clk.i)
        fastest = RGMII_HZ if self._gigabit else RGMII_100_HZ
        platform.add_clock_constraint(pins.rx_clk.io, fastest)
        for name, value in [("rx_data", link.rx_data), ("rx_ctrl", link.rx_control)]:
            pad: Any = io.DDRBuffer(io.Direction.Input, getattr(pins, name), i_domain="ethernet")
            m.submodules[name] = pad
            m.d.comb += value.eq(Cat(pad.i[0], pad.i[1]))
        for name, value in [("tx_data", link.tx_data), ("tx_ctrl", link.tx_control)]:
            pad = io.DDRBuffer(io.Direction.Output, getattr(pins, name), o_domain="ethernet")
            m.submodules[name] = pad
            m.d.comb += Cat(pad.o[0], pad.o[1]).eq(value)
        m.submodules.tx_clk = self._tech.late_clock(
            pins.tx_clk, domain="ethernet", seconds=_CLOCK_DELAY
        )
        m.submodules.mdc = mdc = io.Buffer(io.Direction.Output, pins.mdc)
        # From power-up on; the button leaves the connection alone. It listens as long after that.
        wait = round(self._clock_hz * _RESET_SECONDS)
        left = Signal(range(2 * wait + 1), init=2 * wait)
        holds = Signal(init=1)
        m.d.sync += [left.eq(Mux(left == 0, 0, left - 1)), holds.eq(left > wait)]
        if not self._gigabit:
            m.submodules.limit = limit = SpeedLimit(self._clock_hz)
            m.submodules.mdio = mdio = io.Buffer(io.Direction.Output, pins.mdio)
            m.d.comb += [
                limit.start.eq(left == 0),
                mdc.o.eq(limit.mdc),
                mdio.o.eq(limit.mdio),
                mdio.oe.eq(limit.drive),
            ]
        m.submodules.rst = rst = io.Buffer(io.Direction.Output, pins.rst)
        m.d.comb += [rst.o.eq(holds), link.reset.eq(self.reset | holds)]
        wiring.connect(m, link.received, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), link.sent)
        return m


class SpiPins(wiring.Component):
    """An SPI device at a header of ``board``.

    Parameters and members are those of :class:`UartPins`.
    """

    reset: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, board: Board, port: Any, clock_hz: int, tech: Any):
        self._pins = port(board.spi)
        super().__init__(_STREAMS)

    def elaborate(self, platform):
        m = Module()
        pins = self._pins
        m.submodules.device = device = SpiDevice()
        for name, level in [
            ("cs", device.select),
            ("clk", device.clock),
            ("copi", device.copi),
        ]:
            m.submodules[name] = pad = io.Buffer(io.Direction.Input, getattr(pins, name))
            m.d.comb += level.eq(pad.i)
        m.submodules.cipo = cipo = io.Buffer(io.Direction.Output, pins.cipo)
        m.d.comb += [
            cipo.o.eq(device.cipo),
            cipo.oe.eq(device.drive),
            device.reset.eq(self.reset),
        ]
        wiring.connect(m, device.received, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), device.sent)
        return m


def _usb(board: Board, port: Any, clock_hz: int, tech: Any) -> wiring.Component:
    """Return the pins of a transceiver where the board has one, else of the FPGA itself."""
    return (UlpiPins if board.ulpi else UsbPins)(board, port, clock_hz, tech)


LINKS = {"uart": UartPins, "usb": _usb, "udp": RgmiiPins, "spi": SpiPins}

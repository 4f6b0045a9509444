"""Gigabit left out, where the part cannot carry it: told to the transceiver by its registers."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SpeedLimit"]

# IEEE 802.3, table 22-6: (register, value). No 1000BASE-T is offered, and what is offered is
# agreed upon anew.
_WRITES = ((9, 0x0000), (0, 0x1200))
_ADDRESSES = 32
_FRAME_BITS = 64  # half of them ones before it
_PERIOD = 400e-9  # of the clock, at least (22.2.2.13)


class SpeedLimit(wiring.Component):
    """Write to every address of the management bus (IEEE 802.3, clause 22), once.

    Parameters
    ----------
    clock_hz : int
        Of ``sync``.

    Members
    -------
    start : In(1)
        Transceivers listen from now on; until ``drive`` ends.
    mdc : Out(1), mdio : Out(1), drive : Out(1)
        The pins, from registers; ``mdio`` is driven while ``drive`` is 1.
    """

    start: Signal
    mdc: Signal
    mdio: Signal
    drive: Signal

    def __init__(self, clock_hz: int):
        self._divider_bits = max(1, (int(clock_hz * _PERIOD)).bit_length())
        super().__init__({"start": In(1), "mdc": Out(1), "mdio": Out(1), "drive": Out(1)})

    def elaborate(self, platform):
        m = Module()
        divider = Signal(self._divider_bits)
        bit, address = Signal(range(_FRAME_BITS)), Signal(range(_ADDRESSES))
        step, done = Signal(range(len(_WRITES))), Signal()
        register, value = (
            Array([Const(write[index], width) for write in _WRITES])[step]
            for index, width in ((0, 5), (1, 16))
        )
        # Start, write, address, register, turnaround, value; most significant bit first.
        frame = Cat(value, Const(0b10, 2), register, address, Const(0b0101, 4), Const(-1, 32))
        m.d.sync += [
            self.mdc.eq(divider[-1] & self.drive),
            self.mdio.eq(Mux(self.drive, frame.bit_select(~bit, 1), 1)),
            self.drive.eq(self.start & ~done),
        ]
        with m.If(self.drive):
            m.d.sync += divider.eq(divider + 1)
            with m.If(divider.all()):
                m.d.sync += bit.eq(bit + 1)
                with m.If(bit.all()):
                    m.d.sync += address.eq(address + 1)
                    with m.If(address.all()):
                        m.d.sync += step.eq(step + 1)
                        with m.If(step == len(_WRITES) - 1):
                            m.d.sync += [done.eq(1), self.drive.eq(0)]
        return m

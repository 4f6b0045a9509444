"""UART, 8 data bits, no parity, 1 stop bit, with a fractional baud rate."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["PHASE_BITS", "Uart", "UartReceiver", "UartTransmitter", "samples_per_bit"]

PHASE_BITS = 20
_MOST_SAMPLES = 16
_BITS = 10  # start, 8 data, stop


def samples_per_bit(clock_hz: int, baud: int) -> int:
    """Return how often the receiver looks at each bit: 16 times, or as often as the clock allows.

    Raises
    ------
    ValueError
        If the clock is slower than 4 cycles per bit.
    """
    if baud < 1 or clock_hz < 4 * baud:
        raise ValueError(
            f"baud must be from 1 to a quarter of clock_hz = {clock_hz!r}, not {baud!r}"
        )
    return min(_MOST_SAMPLES, clock_hz // baud)


def _phase_step(clock_hz: int, rate: int) -> int:
    """Return what to add to a phase each cycle so that it overflows ``rate`` times a second."""
    return round((rate << PHASE_BITS) / clock_hz)


class UartTransmitter(wiring.Component):
    """Send each byte as start bit, 8 bits from the least significant up, stop bit.

    A byte takes 10 bits; without a pause in ``i`` there is none on the line. A bit takes
    ``clock_hz / baud`` cycles on average, and in each case that number rounded up or down.

    Members
    -------
    i : In(stream.Signature(8))
    tx : Out(1)
    """

    i: stream.Interface
    tx: Signal

    def __init__(self, *, clock_hz: int, baud: int):
        samples_per_bit(clock_hz, baud)
        self._step = _phase_step(clock_hz, baud)
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        phase, tick = Signal(PHASE_BITS), Signal()
        left, bits = Signal(range(_BITS + 1)), Signal(_BITS, init=-1)
        m.d.sync += Cat(phase, tick).eq(phase + self._step)
        m.d.comb += [self.tx.eq(bits[0]), self.i.ready.eq((left == 0) | ((left == 1) & tick))]

        with m.If(tick & (left != 0)):
            m.d.sync += [left.eq(left - 1), bits.eq(Cat(bits[1:], Const(1, 1)))]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [left.eq(_BITS), bits.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1)))]
            with m.If(left == 0):
                # Bits are counted from here; a byte that follows another keeps their pace.
                m.d.sync += Cat(phase, tick).eq(self._step)
        return m


class UartReceiver(wiring.Component):
    """Receive bytes; each bit is the majority of three samples about its middle.

    Looks for the next start bit from the middle of the stop bit on, so a sender may be 2 % faster
    or slower. A start bit that is gone at its middle was a glitch. A byte without a stop bit (a
    framing error, or a break) is dropped, and nothing is received until the line is idle again.

    Members
    -------
    rx : In(1)
        The pin, synchronised here.
    o : Out(stream.Signature(8))
        A byte that is not taken before the next one comes is lost.
    error : Out(1)
        A byte was dropped.
    """

    o: stream.Interface
    rx: Signal
    error: Signal

    def __init__(self, *, clock_hz: int, baud: int):
        self._samples = samples_per_bit(clock_hz, baud)
        self._step = _phase_step(clock_hz, baud * self._samples)
        super().__init__(
            {
                "rx": In(1),
                "o": Out(stream.Signature(8)),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)

        phase, look = Signal(PHASE_BITS), Signal()
        index = Signal(range(self._samples))  # of the sample within its bit
        recent, bit, verdict = Signal(2), Signal(), Signal()
        byte, left = Signal(8), Signal(range(_BITS))
        last = (self._samples - 1) // 2  # of three samples: not late even if all comes a cycle late
        m.d.sync += Cat(phase, look).eq(phase + self._step)
        m.d.comb += [
            bit.eq((recent[0] & recent[1]) | (line & (recent[0] | recent[1]))),
            verdict.eq(look & (index == last)),
        ]
        with m.If(look):
            m.d.sync += [
                recent.eq(Cat(line, recent[0])),
                index.eq(Mux(index == self._samples - 1, 0, index + 1)),
            ]

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        m.d.sync += self.error.eq(0)
        with m.FSM():
            with m.State("IDLE"), m.If(~line):
                # The first sample comes one sample's time after the edge, which is half a cycle
                # old on average.
                begin = min(2 * self._step, (2 << PHASE_BITS) - 1)
                m.d.sync += [Cat(phase, look).eq(begin), index.eq(0)]
                m.next = "START"
            with m.State("START"), m.If(verdict):
                m.d.sync += left.eq(8)
                m.next = "DATA"
                with m.If(bit):
                    m.next = "IDLE"
            with m.State("DATA"), m.If(verdict):
                m.d.sync += [byte.eq(Cat(byte[1:], bit)), left.eq(left - 1)]
                with m.If(left == 1):
                    m.next = "STOP"
            with m.State("STOP"), m.If(verdict):
                with m.If(bit):
                    m.d.sync += [self.o.payload.eq(byte), self.o.valid.eq(1)]
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += self.error.eq(1)
                    m.next = "BREAK"
            with m.State("BREAK"), m.If(verdict & bit):
                m.next = "IDLE"
        return m


class Uart(wiring.Component):
    """Both directions of a serial port: what stands between the pins and the core.

    Parameters
    ----------
    clock_hz, baud : int
        At least 4 cycles per bit.

    Members
    -------
    reset : In(1)
        Begin anew.
    rx : In(1), tx : Out(1)
        The pins.
    received : Out(stream.Signature(8))
        As for :class:`UartReceiver`.
    sent : In(stream.Signature(8))

    Raises
    ------
    ValueError
        If the clock is too slow.
    """

    received: stream.Interface
    sent: stream.Interface
    reset: Signal
    rx: Signal
    tx: Signal

    def __init__(self, *, clock_hz: int, baud: int):
        self._receiver = UartReceiver(clock_hz=clock_hz, baud=baud)
        self._transmitter = UartTransmitter(clock_hz=clock_hz, baud=baud)
        super().__init__(
            {
                "reset": In(1),
                "rx": In(1),
                "tx": Out(1),
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = ResetInserter(self.reset)(self._receiver)
        m.submodules.transmitter = ResetInserter(self.reset)(self._transmitter)
        wiring.connect(m, self._receiver.o, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), self._transmitter.i)
        m.d.comb += [
            self._receiver.rx.eq(self.rx),
            self.tx.eq(self._transmitter.tx),
        ]
        return m

"""What must hold before a request is carried out: session, sequence, length, range."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import max_unit_bytes, memory_map
from weft_hw.contract.packet import (
    HEADER_BYTES,
    PIXEL_REGIONS,
    REQUEST_FIELDS,
    Request,
    Status,
    field_bytes,
)
from weft_hw.link.header import Header

__all__ = ["RequestCheck", "SmallRequestCheck"]


class RequestCheck(wiring.Component):
    """Judge a request: the first rule that it breaks gives its status.

    ``WRITE`` must bring ``count * unit_bytes`` bytes of data, ``PIXELS`` those of its channels,
    every other request none. The product is summed bit by bit, from the top, so a verdict takes 3
    cycles and one for each bit of ``unit_bytes``; that of ``PIXELS`` takes one more.

    Parameters
    ----------
    config : Config

    Members
    -------
    header : In(Header)
    length : In(16), data_bytes : In(16)
        Bytes of the whole request, and of what follows the header.
    is_open : In(1), expected : In(8)
        Whether there is a session, and the sequence number that is next.
    start : In(1)
        Begin; the inputs must hold from the next cycle until ``done``.
    done : Out(1), status : Out(Status), unit_bytes : Out
        The verdict, valid for one cycle, and the size of the region's units, which stays.
    """

    REQUESTS = tuple(REQUEST_FIELDS)  # those that it knows

    header: "data.View[Header]"
    length: Signal
    data_bytes: Signal
    is_open: Signal
    expected: Signal
    start: Signal
    done: Signal
    status: Signal
    unit_bytes: Signal

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "header": In(Header()),
                "length": In(16),
                "data_bytes": In(16),
                "is_open": In(1),
                "expected": In(8),
                "start": In(1),
                "done": Out(1),
                "status": Out(Status),
                "unit_bytes": Out(range(max_unit_bytes(config) + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        kind, fields = self.header.kind, self.header.fields
        place, run = fields.WRITE, fields.RUN

        # Facts about the region, registered: they are wide multiplexers.
        unit_bits = max(memory.units for memory in memory_map(self.config).values()).bit_length()
        units, allowed = Signal(unit_bits), Signal()
        data_bytes, fits = self._data_bytes(m)
        with m.Switch(place.region):
            for region, memory in memory_map(self.config).items():
                with m.Case(region):
                    m.d.sync += [
                        self.unit_bytes.eq(memory.unit_bytes),
                        units.eq(memory.units),
                        allowed.eq(
                            ((kind == Request.WRITE) & memory.writable)
                            | ((kind == Request.READ) & memory.readable)
                            | ((kind == Request.PIXELS) & (region in PIXEL_REGIONS) & fits)
                        ),
                    ]
            with m.Default():
                m.d.sync += allowed.eq(0)
        address, count = place.address[:unit_bits], place.count[:unit_bits]
        end, far, many = Signal(unit_bits + 1), Signal(), Signal()
        m.d.sync += [
            end.eq(address + count),
            far.eq(place.address[unit_bits:].any()),
            many.eq(place.count[unit_bits:].any()),
        ]
        runs = self._runs(m, run)

        # What the verdict is made of, registered too: each is a wide comparison.
        in_order, in_range, exact, known = Signal(), Signal(), Signal(), Signal()
        needed = Signal(len(count) + len(self.unit_bytes))
        m.d.sync += [
            in_order.eq(self.header.sequence == self.expected),
            known.eq(0),
            in_range.eq(1),
        ]
        with m.Switch(kind):
            for request in self.REQUESTS:
                with m.Case(request):
                    size = HEADER_BYTES + field_bytes(REQUEST_FIELDS[request])
                    m.d.sync += [known.eq(1), exact.eq(self.length == size)]
                    if request in (Request.WRITE, Request.READ, Request.PIXELS):
                        m.d.sync += in_range.eq(
                            allowed & (place.count != 0) & ~far & ~many & (end <= units)
                        )
                    if request in (Request.WRITE, Request.PIXELS):
                        m.d.sync += exact.eq(
                            (self.length >= size)
                            & (~allowed | (~many & (self.data_bytes == needed)))
                        )
                    if request == Request.RUN:
                        m.d.sync += in_range.eq(runs)
                    if request in (Request.HELLO, Request.RESET):
                        m.d.sync += in_order.eq(1)

        with m.If(~known):
            m.d.comb += self.status.eq(Status.TYPE)
        with m.Elif(~self.is_open & (kind != Request.HELLO) & (kind != Request.RESET)):
            m.d.comb += self.status.eq(Status.SESSION)
        with m.Elif(~in_order):
            m.d.comb += self.status.eq(Status.SEQUENCE)
        with m.Elif(~exact):
            m.d.comb += self.status.eq(Status.LENGTH)
        with m.Elif(~in_range):
            m.d.comb += self.status.eq(Status.RANGE)

        top = len(self.unit_bytes) - 1
        bit = Signal(range(top + 1))
        with m.FSM():
            with m.State("LOOK-UP"):
                m.d.sync += [needed.eq(0), bit.eq(top)]
                with m.If(self.start):
                    m.next = "MULTIPLY"
                    with m.If(kind == Request.PIXELS):
                        m.next = "SIZE"
            with m.State("SIZE"):
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                double = needed << 1
                m.d.sync += [
                    bit.eq(bit - 1),
                    needed.eq(Mux(data_bytes.bit_select(bit, 1), double + count, double)),
                ]
                with m.If(bit == 0):
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "LOOK-UP"
        return m

    def _data_bytes(self, m):
        """Return the bytes that come for each unit, and whether a unit has room for its pixels."""
        pixels = self.header.fields.PIXELS
        data_bytes, fits = Signal.like(self.unit_bytes), Signal()
        sent = Signal(len(pixels.channels) + 2)
        m.d.comb += sent.eq(pixels.channels << pixels.packing[:2])
        m.d.sync += [
            data_bytes.eq(Mux(self.header.kind == Request.PIXELS, sent, self.unit_bytes)),
            fits.eq((pixels.channels != 0) & (pixels.packing <= 2) & (sent <= self.unit_bytes)),
        ]
        return data_bytes, fits

    def _runs(self, m, run):
        """Return whether there are such descriptors, a cycle late.

        With memory beside the chip, a run goes through the slots as often as it likes.
        """
        slots = self.config.descriptor_count
        bits = slots.bit_length()
        is_some, outside, last = Signal(), Signal(), Signal(bits + 1)
        m.d.sync += is_some.eq(run.count != 0)
        if self.config.dram_bytes:
            m.d.sync += outside.eq(run.first >= slots)
            return is_some & ~outside
        m.d.sync += [
            outside.eq(run.first[bits:].any() | run.count[bits:].any()),
            last.eq(run.first[:bits] + run.count[:bits]),
        ]
        return is_some & ~outside & (last <= slots)


class SmallRequestCheck(RequestCheck):
    """The same for few cells: it knows no ``PIXELS``."""

    REQUESTS = tuple(request for request in REQUEST_FIELDS if request != Request.PIXELS)

    def _data_bytes(self, m):
        """Return the bytes that come for each unit; pixels fit into none."""
        return self.unit_bytes, Signal()

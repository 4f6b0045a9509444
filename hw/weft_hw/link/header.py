"""The header of the request under way: gathered byte by byte, it then counts the units done."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import memory_map
from weft_hw.contract.packet import HEADER_BYTES, REQUEST_FIELDS, Request, field_bytes
from weft_hw.parts.delay import delay
from weft_hw.parts.fields import layout_of

__all__ = ["FIELD_BYTES", "Header", "RequestHeader"]

# PIXELS has the longest fields; all others end with the last of a WRITE at the latest.
FIELD_BYTES = field_bytes(REQUEST_FIELDS[Request.PIXELS])
_WRITE_BYTES = field_bytes(REQUEST_FIELDS[Request.WRITE])


class Header(data.StructLayout):
    """The start of a request: type, sequence number, and the fields of any type, by its name."""

    def __init__(self):
        fields = {request.name: layout_of(REQUEST_FIELDS[request]) for request in Request}
        super().__init__(
            {
                "kind": 8,
                "sequence": 8,
                "fields": data.UnionLayout({"bytes": 8 * FIELD_BYTES} | fields),
            }
        )


class RequestHeader(wiring.Component):
    """Gather a request's header, a byte per cycle.

    A byte is in ``header`` two cycles after it was taken: it is sorted a cycle late, for the
    clock's sake. ``complete`` follows in the cycle after the last byte was taken.

    Parameters
    ----------
    config : Config

    Members
    -------
    clear : In(1)
        Begin with an empty header.
    greet : In(1), sequence : In(8)
        With ``clear``: become the header of a RESET.
    take : In(1), byte : In(8)
        A byte of the header is taken.
    step : In(1)
        A unit was moved: the header's address goes on, and its count down, two cycles later.
    header : Out(Header)
    complete : Out(1)
        No byte of the header is missing.
    """

    clear: Signal
    greet: Signal
    sequence: Signal
    take: Signal
    byte: Signal
    step: Signal
    header: "data.View[Header]"
    complete: Signal

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "clear": In(1),
                "greet": In(1),
                "sequence": In(8),
                "take": In(1),
                "byte": In(8),
                "step": In(1),
                "header": Out(Header()),
                "complete": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        header = self.header
        index = Signal(range(HEADER_BYTES + FIELD_BYTES + 1))  # bytes that came
        end = Signal.like(index)
        m.d.sync += end.eq(
            HEADER_BYTES + Mux(header.kind == Request.PIXELS, FIELD_BYTES, _WRITE_BYTES)
        )
        m.d.comb += self.complete.eq(index == end)

        sorts, byte = Signal(), delay(m, self.byte, 1, name="byte")
        place_of_byte = delay(m, index, 1, name="place_of_byte")
        m.d.sync += sorts.eq(self.take)
        with m.If(self.take):
            m.d.sync += index.eq(index + 1)
        with m.If(sorts):
            m.d.sync += header.as_value().word_select(place_of_byte, 8).eq(byte)

        # As many bits count as a legal request uses.
        stepped, place = Signal(), header.fields.WRITE
        m.d.sync += stepped.eq(self.step)
        bits = max(memory.units for memory in memory_map(self.config).values()).bit_length()
        with m.If(stepped):
            m.d.sync += [
                place.address[:bits].eq(place.address[:bits] + 1),
                place.count[:bits].eq(place.count[:bits] - 1),
            ]

        with m.If(self.clear):
            m.d.sync += [index.eq(0), header.eq(0)]
            with m.If(self.greet):
                m.d.sync += [header.kind.eq(Request.RESET), header.sequence.eq(self.sequence)]
        return m

"""Between the link's bytes and the memories' units: gathering and handing out."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import max_unit_bytes, memory_map
from weft_hw.engine.ports import link_address_bits, read_layout, write_layout
from weft_hw.link.cobs import Framed
from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["SmallUnitWriter", "Transfer", "UnitReader", "UnitWriter"]


class Transfer(data.StructLayout):
    """A run of units: the next one, how many are left, and the bytes of each."""

    def __init__(self, config: Config):
        super().__init__(
            {
                "region": 3,
                "address": link_address_bits(config),
                "count": 16,
                "unit_bytes": range(max_unit_bytes(config) + 1),
            }
        )


class UnitWriter(wiring.Component):
    """Gather bytes into units and write them to consecutive addresses.

    One byte per cycle, also across units of 2 bytes and more while ``o`` is ready; 3 cycles more
    per transfer.

    Members
    -------
    active : In(1), transfer : In(Transfer)
        The transfer must be there a cycle before ``active``, with a ``count`` of at least 1. No
        more bytes may come than its units have.
    step : Out(1)
        A unit was taken: increment ``address``, decrement ``count``, at most a cycle later.
    done : Out(1)
        The last one was; from then on until ``active`` falls.
    i : In(stream.Signature(8))
    o : Out(stream.Signature(write_layout(config)))
        Not ready in the cycle after a unit was taken.
    """

    active: Signal
    transfer: "data.View[Transfer]"
    step: Signal
    done: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: Config):
        super().__init__(
            {
                "active": In(1),
                "transfer": In(Transfer(config)),
                "step": Out(1),
                "done": Out(1),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(write_layout(config, link_address_bits(config)))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        transfer, unit = self.transfer, self.o.payload
        index, last_index = Signal(transfer.unit_bytes.shape()), Signal(transfer.unit_bytes.shape())
        gathered = Signal.like(unit.data)
        m.d.sync += last_index.eq(transfer.unit_bytes - 1)
        is_last = index == last_index
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += index.eq(Mux(is_last, 0, index + 1))

        # A memory that lets a unit wait must not reach as far as the bytes behind it, and where a
        # byte belongs is known ahead, because the places lie far apart.
        sorted_byte = data.StructLayout({"data": 8, "place": index.shape(), "is_last": 1})
        arriving = stream.Signature(sorted_byte).create()
        byte = self._pass_on(m, arriving)
        m.d.comb += [
            arriving.payload.data.eq(self.i.payload),
            arriving.payload.place.eq(index),
            arriving.payload.is_last.eq(is_last),
            arriving.valid.eq(self.i.valid),
            self.i.ready.eq(arriving.ready),
            unit.region.eq(transfer.region),
            unit.address.eq(transfer.address),
            unit.data.eq(gathered),
            self.step.eq(self.o.valid & self.o.ready),
            byte.ready.eq(~self.o.valid | self.o.ready),
        ]
        with m.If(byte.ready):
            m.d.sync += self.o.valid.eq(byte.valid & byte.payload.is_last)
            with m.If(byte.valid):
                m.d.sync += gathered.word_select(byte.payload.place, 8).eq(byte.payload.data)
        with m.If(self.step):
            m.d.sync += self.done.eq(transfer.count == 1)
        with m.If(~self.active):
            m.d.sync += self.done.eq(0)
        return m

    def _pass_on(self, m, arriving):
        """Return the stream of sorted bytes behind a register."""
        m.submodules.buffer = buffer = StreamBuffer(arriving.payload.shape())
        wiring.connect(m, arriving, buffer.i)
        return buffer.o


class SmallUnitWriter(UnitWriter):
    """The same for few cells, without the register: 2 cycles more per transfer."""

    def _pass_on(self, m, arriving):
        """Return the stream of sorted bytes as it is."""
        return arriving


class UnitReader(wiring.Component):
    """Read units from consecutive addresses and hand out their bytes.

    One byte per cycle where a memory answers within ``unit_bytes - 2`` cycles, because the next
    unit is asked for while one is handed out.

    Members
    -------
    active, transfer, step : as UnitWriter's
    done : Out(1)
        For one cycle, in which the last byte is taken.
    request : Out(stream.Signature(read_layout()))
    data : In(stream.Signature(8 * max_unit_bytes))
    o : Out(stream.Signature(Framed))
        ``last`` marks the last byte of the transfer.
    """

    active: Signal
    transfer: "data.View[Transfer]"
    step: Signal
    done: Signal
    request: stream.Interface
    data: stream.Interface
    o: stream.Interface

    def __init__(self, config: Config):
        # Of the regions that are read, units may be shorter than of the others.
        readable = [memory.unit_bytes for memory in memory_map(config).values() if memory.readable]
        self._width = 8 * max(readable)
        super().__init__(
            {
                "active": In(1),
                "transfer": In(Transfer(config)),
                "step": Out(1),
                "done": Out(1),
                "request": Out(stream.Signature(read_layout(link_address_bits(config)))),
                "data": In(stream.Signature(8 * max_unit_bytes(config))),
                "o": Out(stream.Signature(Framed())),
            }
        )

    def elaborate(self, platform):
        m = Module()
        transfer = self.transfer
        is_last, asked_all = Signal(), Signal()
        waiting = Signal()  # for an answer
        unit, left = Signal(unsigned(self._width)), Signal(transfer.unit_bytes.shape())
        some, last_byte = Signal(), Signal()  # of the unit's bytes are left; only one is
        m.d.sync += is_last.eq(transfer.count == 1)
        m.d.comb += [
            self.request.payload.region.eq(transfer.region),
            self.request.payload.address.eq(transfer.address),
            self.request.valid.eq(self.active & ~asked_all & ~waiting),
            self.step.eq(self.request.valid & self.request.ready),
            self.data.ready.eq(~some | (last_byte & self.o.ready)),
            self.o.payload.data.eq(unit[:8]),
            self.o.payload.last.eq(last_byte & asked_all & ~waiting),
            self.o.valid.eq(some),
            self.done.eq(self.o.valid & self.o.ready & self.o.payload.last),
        ]

        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                left.eq(left - 1),
                unit.eq(unit >> 8),
                some.eq(~last_byte),
                last_byte.eq(left == 2),
            ]
        with m.If(self.data.valid & self.data.ready):
            m.d.sync += [
                unit.eq(self.data.payload),
                left.eq(transfer.unit_bytes),
                some.eq(1),
                last_byte.eq(transfer.unit_bytes == 1),
                waiting.eq(0),
            ]
        with m.If(self.step):
            m.d.sync += [waiting.eq(1), asked_all.eq(is_last)]
        with m.If(self.done):
            m.d.sync += asked_all.eq(0)
        return m

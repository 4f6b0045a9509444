"""Between the link's bytes and the memories' units: gathering and handing out."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import max_unit_bytes
from weft_hw.host_port import ADDRESS_BITS, read_layout, write_layout
from weft_hw.link.cobs import Framed

__all__ = ["Transfer", "UnitReader", "UnitWriter"]


class Transfer(data.StructLayout):
    """A run of units: the first one, their number (at least 1), and the bytes of each."""

    def __init__(self, config: Config):
        super().__init__({
            "region": 3, "address": ADDRESS_BITS, "count": 16,
            "unit_bytes": range(max_unit_bytes(config) + 1),
        })  # fmt: skip


class UnitWriter(wiring.Component):
    """Gather bytes into units and write them to consecutive addresses.

    One byte per cycle, also across units while ``o`` is ready; 2 cycles more per transfer.

    Members
    -------
    transfer : In(stream.Signature(Transfer))
        Taken when the transfer is complete: hold it until then, the payload from a cycle before on.
    i : In(stream.Signature(8))
    o : Out(stream.Signature(write_layout(config)))
    """

    transfer: stream.Interface
    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: Config):
        super().__init__({
            "transfer": In(stream.Signature(Transfer(config))),
            "i": In(stream.Signature(8)),
            "o": Out(stream.Signature(write_layout(config))),
        })

    def elaborate(self, platform):
        m = Module()
        transfer, unit = self.transfer.payload, self.o.payload
        index, last_index = Signal(transfer.unit_bytes.shape()), Signal(transfer.unit_bytes.shape())
        gathered = Signal(16)  # whole units of this transfer
        last_unit, is_full = Signal(), Signal()
        m.d.sync += last_index.eq(transfer.unit_bytes - 1)
        m.d.comb += [
            unit.region.eq(transfer.region),
            self.i.ready.eq(self.transfer.valid & ~is_full & (~self.o.valid | self.o.ready)),
            self.transfer.ready.eq(is_full & ~self.o.valid),
        ]

        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [unit.data.word_select(index, 8).eq(self.i.payload), index.eq(index + 1)]
            with m.If(index == last_index):
                m.d.sync += [
                    index.eq(0), gathered.eq(gathered + 1), self.o.valid.eq(1),
                    unit.address.eq(transfer.address + gathered),
                    last_unit.eq(gathered + 2 == transfer.count), is_full.eq(last_unit),
                ]  # fmt: skip
        with m.If(~self.transfer.valid):
            m.d.sync += [gathered.eq(0), last_unit.eq(transfer.count == 1), is_full.eq(0)]
        return m


class UnitReader(wiring.Component):
    """Read units from consecutive addresses and hand out their bytes.

    One byte per cycle where a memory answers within ``unit_bytes - 2`` cycles, because the next
    unit is asked for while one is handed out.

    Members
    -------
    transfer : In(stream.Signature(Transfer))
        Taken with the last byte: hold it until then, the payload from a cycle before on.
    request : Out(stream.Signature(read_layout()))
    data : In(stream.Signature(8 * max_unit_bytes))
    o : Out(stream.Signature(Framed))
        ``last`` marks the last byte of the transfer.
    """

    transfer: stream.Interface
    request: stream.Interface
    data: stream.Interface
    o: stream.Interface

    def __init__(self, config: Config):
        self._width = 8 * max_unit_bytes(config)
        super().__init__({
            "transfer": In(stream.Signature(Transfer(config))),
            "request": Out(stream.Signature(read_layout())),
            "data": In(stream.Signature(self._width)),
            "o": Out(stream.Signature(Framed())),
        })

    def elaborate(self, platform):
        m = Module()
        transfer = self.transfer.payload
        # What is asked for; every question waits for the answer to the one before.
        asked = Signal(16)
        more, last_question, waiting = Signal(), Signal(), Signal()
        # What is handed out: some of a unit's bytes, its last one, of the last unit.
        unit, left = Signal(unsigned(self._width)), Signal(transfer.unit_bytes.shape())
        some, last_byte, last_unit = Signal(), Signal(), Signal()
        m.d.comb += [
            self.request.payload.region.eq(transfer.region),
            self.request.payload.address.eq(transfer.address + asked),
            self.request.valid.eq(self.transfer.valid & more & ~waiting),
            self.data.ready.eq(~some | (last_byte & self.o.ready)),
            self.o.payload.data.eq(unit[:8]), self.o.payload.last.eq(last_byte & last_unit),
            self.o.valid.eq(some),
            self.transfer.ready.eq(self.o.valid & self.o.ready & self.o.payload.last),
        ]

        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                unit.eq(unit >> 8), left.eq(left - 1), some.eq(~last_byte),
                last_byte.eq(left == 2),
            ]
        with m.If(self.data.valid & self.data.ready):
            m.d.sync += [
                unit.eq(self.data.payload), left.eq(transfer.unit_bytes), some.eq(1),
                last_byte.eq(transfer.unit_bytes == 1), last_unit.eq(~more), waiting.eq(0),
            ]
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += [
                asked.eq(asked + 1), more.eq(~last_question),
                last_question.eq(asked + 2 == transfer.count), waiting.eq(1),
            ]
        with m.If(~self.transfer.valid):
            m.d.sync += [asked.eq(0), more.eq(1), last_question.eq(transfer.count == 1)]
        return m

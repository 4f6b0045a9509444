"""Second pass: results of a layer that adds go back to the lanes, beside what they are added to."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.activation_memory import ACCESS_LATENCY
from weft_hw.engine.layouts import descriptor_layout, sums_layout
from weft_hw.engine.output.writer import Writer
from weft_hw.parts.delay import delay
from weft_hw.parts.queue import Queue

__all__ = ["SecondPass"]

_PATH = 8  # more cycles than a beat waits for its operand


class SecondPass(wiring.Component):
    """Reads the other operand of each beat of results, and offers both to the lanes.

    The writer's loops, from another base, find the operand. A beat may leave 7 cycles after it
    came, in the first cycle with ``room``; it is in ``sums`` in the cycle after. Results come in
    bursts of one window, and the feeder leaves as many cycles behind each burst, so the queues
    hold a burst and what comes in those 7 cycles.

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1); descriptor : In, constant until the layer is done
    valid : In(1), values : In, of [lane]: results on their first way through the lanes
    read_enable, read_address : Out; read_data : In, 3 cycles later
    room : In(1), the lanes are free when a beat that leaves now reaches them
    sums : Out(sums_layout(config))
    """

    begin: Signal
    descriptor: data.View
    valid: Signal
    values: data.View
    read_enable: Signal
    read_address: Signal
    read_data: Signal
    room: Signal
    sums: data.View

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "begin": In(1),
                "descriptor": In(descriptor_layout(config)),
                "valid": In(1),
                "values": In(data.ArrayLayout(8, config.lanes)),
                "read_enable": Out(1),
                "read_address": Out(range(config.activation_words)),
                "read_data": In(config.columns * 8),
                "room": In(1),
                "sums": Out(sums_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        beat_bits = config.beats.bit_length() - 1
        m.submodules.places = places = Writer(config)
        m.d.comb += [
            places.begin.eq(self.begin),
            places.valid.eq(self.valid),
            places.descriptor.eq(self.descriptor),
            places.descriptor.out_base.eq(self.descriptor.other_base << beat_bits),
            self.read_enable.eq(delay(m, self.valid, 2, name="placed")),
            self.read_address.eq(places.address[beat_bits:]),
        ]
        operand = Signal(8 * config.lanes, reset_less=True)
        beat = Const(0, 1)
        if beat_bits:
            beat = delay(m, places.address[:beat_bits], ACCESS_LATENCY, name="beat")
        m.d.sync += operand.eq(self.read_data.word_select(beat, 8 * config.lanes))
        arrived = delay(m, self.read_enable, ACCESS_LATENCY + 1, name="arrived")

        depth = 1 << (config.pixels * config.beats + _PATH - 1).bit_length()
        m.submodules.results = results = Queue(operand.shape(), depth=depth)
        m.submodules.operands = operands = Queue(operand.shape(), depth=depth)
        first, leaves = self.descriptor.adds_first, Signal()
        m.d.comb += [
            results.put.eq(self.valid),
            results.item.eq(self.values),
            operands.put.eq(arrived),
            operands.item.eq(operand),
            leaves.eq(operands.o.valid & self.room),
            results.o.ready.eq(leaves),
            operands.o.ready.eq(self.room),
        ]
        # Registered, as the lanes lie far apart.
        m.d.sync += [
            self.sums.valid.eq(leaves),
            self.sums.first.eq(Mux(first, results.o.payload, operands.o.payload)),
            self.sums.second.eq(Mux(first, operands.o.payload, results.o.payload)),
        ]
        return m

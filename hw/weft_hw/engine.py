"""Engine: memories, array and everything between them. Connections only."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.accumulator import Accumulators
from weft_hw.activation_memory import ActivationMemory
from weft_hw.array import SystolicArray
from weft_hw.collector import Collector
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind, Wait
from weft_hw.contract.memory_map import Region, max_unit_bytes
from weft_hw.delay import delay
from weft_hw.elementwise import Elementwise
from weft_hw.feeder import Feeder
from weft_hw.fill import Fill
from weft_hw.line_buffer import LineBuffer
from weft_hw.output_lanes import OutputLanes
from weft_hw.sequencer import RUN, Sequencer
from weft_hw.table_loader import TableLoader
from weft_hw.tap_fetch import TapFetch
from weft_hw.tech.portable import READ_LATENCY, Portable
from weft_hw.walker import Walker
from weft_hw.window import WindowFormer
from weft_hw.window_program import WindowProgram
from weft_hw.writer import Writer

__all__ = ["ADDRESS", "Engine", "read_layout", "write_layout"]

ADDRESS = 20


def write_layout(config: Config) -> data.StructLayout:
    """One unit for one memory; ``data`` holds it from its least significant byte up."""
    return data.StructLayout({
        "region": 3, "address": ADDRESS, "data": 8 * max_unit_bytes(config),
    })


def read_layout() -> data.StructLayout:
    """Which unit of which memory is asked for."""
    return data.StructLayout({"region": 3, "address": ADDRESS})


class Engine(wiring.Component):
    """Runs layer descriptors on tensors in its activation memory.

    Between ``start`` and the fall of ``busy`` the host may still use every memory port: writes to
    activation memory wait for a cycle in which no result is written, reads for one in which no
    operand is read. Writes take 1 cycle, reads 3. A read may overtake a write that waits.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    write : In(stream.Signature(write_layout(config)))
    read : In(stream.Signature(read_layout())); data : Out(stream), its answers, in order;
        one read may be under way
    start : In(stream.Signature(RUN)), taken only when idle
    busy : Out(1); cycles : Out(32), of the run under way or of the last one
    """

    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    start: stream.Interface

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        super().__init__({
            "write": In(stream.Signature(write_layout(config))),
            "read": In(stream.Signature(read_layout())),
            "data": Out(stream.Signature(8 * max_unit_bytes(config))),
            "start": In(stream.Signature(RUN)),
            "busy": Out(1),
            "cycles": Out(32),
        })

    def elaborate(self, platform):
        m = Module()
        config, tech = self.config, self.tech
        m.submodules.sequencer = sequencer = Sequencer(config, tech)
        m.submodules.activations = activations = ActivationMemory(config, tech)
        m.submodules.lines = lines = LineBuffer(config, tech)
        m.submodules.fill = fill = Fill(config)
        m.submodules.program = program = WindowProgram(config, tech)
        m.submodules.walker = walker = Walker(config)
        m.submodules.fetch = fetch = TapFetch(config)
        m.submodules.feeder = feeder = Feeder(config)
        m.submodules.window = window = WindowFormer(config)
        m.submodules.array = array = SystolicArray(config, tech)
        m.submodules.accumulators = accumulators = Accumulators(config)
        m.submodules.collector = collector = Collector(config)
        m.submodules.elementwise = elementwise = Elementwise(config)
        m.submodules.table = table = TableLoader(config)
        m.submodules.lanes = output = OutputLanes(config, tech)
        m.submodules.writer = writer = Writer(config)

        # Layers. The front half reads the input, the back half computes and writes.
        front, back = sequencer.front, sequencer.back
        wiring.connect(m, wiring.flipped(self.start), sequencer.start)
        m.d.comb += [
            self.busy.eq(sequencer.busy), self.cycles.eq(sequencer.cycles),
            *(part.descriptor.eq(front) for part in (fill, walker, fetch)),
            *(part.descriptor.eq(back) for part in (elementwise, table, writer)),
            *(part.begin.eq(sequencer.front_begin & (front.kind == Kind.MAC))
              for part in (fill, program, walker)),
            *(part.begin.eq(sequencer.back_begin) for part in (feeder, collector, writer)),
            elementwise.begin.eq(sequencer.back_begin & (back.kind == Kind.ELEMENTWISE)),
            table.begin.eq(sequencer.back_begin & (back.kind == Kind.TABLE)),
            program.base.eq(front.window_base), program.count.eq(front.window_count),
            feeder.enable.eq(sequencer.joined & ~sequencer.back_begin),
            sequencer.front_done.eq(walker.done & fetch.empty & feeder.empty),
            sequencer.done.eq(delay(m, writer.done, 1, name="written") | table.done),
            sequencer.events.eq(Cat(
                feeder.step.valid | elementwise.valid | table.enable,
                ~feeder.step.valid & ~feeder.waits_output & (back.kind == Kind.MAC),
                feeder.waits_output)),
        ]  # fmt: skip
        self._order_reads(m, sequencer, fill, writer)

        # Activation memory to line buffers to window to array.
        wiring.connect(m, program.o, walker.entries)
        wiring.connect(m, fetch.o, feeder.columns)
        m.d.comb += [
            fill.low_row.eq(walker.low_row),
            fill.read_data.eq(activations.read_data),
            lines.write.enable.eq(fill.enable), lines.write.bank.eq(fill.bank),
            lines.write.address.eq(fill.address), lines.write.data.eq(fill.data),
            walker.filled_rows.eq(fill.filled_rows), walker.enable.eq(fetch.room),
            fetch.issue.eq(walker.issue), fetch.valid.eq(walker.valid),
            fetch.fetch.eq(walker.fetch),
            lines.read_address.eq(fetch.read_address), fetch.read_data.eq(lines.read_data),
            feeder.weight_base.eq(back.weight_base),
            feeder.last_beats.eq(back.last_beats),
            window.push.eq(feeder.push), window.pixel.eq(feeder.pixel),
            window.words.eq(feeder.words), window.every.eq(feeder.every),
            window.start.eq(feeder.start), window.channels.eq(feeder.channels),
            array.step.eq(feeder.step), array.weight_address.eq(feeder.weight_address),
            array.depthwise.eq(back.depthwise), array.own.eq(window.own),
        ]  # fmt: skip

        # Array to accumulators to lanes, or operands to lanes, to activation memory.
        m.d.comb += [
            accumulators.step.eq(array.o_step), accumulators.sums.eq(array.sums),
            accumulators.maximum.eq(back.maximum),
            collector.done.eq(accumulators.done), collector.results.eq(accumulators.results),
            collector.last_beats.eq(back.last_beats),
            collector.parameter_base.eq(back.parameter_base),
            elementwise.read_data.eq(activations.read_data),
            table.read_data.eq(activations.read_data),
            output.valid.eq(collector.valid | elementwise.valid),
            output.beat.eq(Mux(elementwise.valid, elementwise.beat, collector.beat)),
            output.control.rescale.rounding.eq(back.rounding),
            output.control.rescale.zero_point.eq(back.zero_point),
            output.control.rescale.low.eq(back.low),
            output.control.rescale.high.eq(back.high),
            output.control.use_table.eq(back.use_table),
            output.control.in_zero.eq(back.in_zero),
            output.control.other_zero.eq(back.other_zero),
            output.control.multiply.eq(
                (back.kind == Kind.ELEMENTWISE) & back.multiply),
            output.control.add_table.eq(
                (back.kind == Kind.ELEMENTWISE) & ~back.unary & ~back.multiply),
            output.write_table.enable.eq(table.enable),
            output.write_table.address.eq(table.address),
            output.write_table.data.eq(table.data),
            writer.valid.eq(output.result_valid), writer.values.eq(output.results),
            activations.beat_enable.eq(writer.enable),
            activations.beat_address.eq(writer.address), activations.beat.eq(writer.beat),
            activations.read_enable.eq(
                fill.read_enable | elementwise.read_enable | table.read_enable),
            activations.read_address.eq(
                Mux(fill.read_enable, fill.read_address,
                    Mux(elementwise.read_enable, elementwise.read_address,
                        table.read_address))),
        ]  # fmt: skip

        self._connect_host_writes(m, activations, array, output, sequencer, program)
        self._connect_host_reads(m, activations, sequencer)
        return m

    def _order_reads(self, m, sequencer, fill, writer):
        """Hold the front half's reads back until what they read has been written."""
        written = delay(m, writer.rows, READ_LATENCY, name="rows_written")
        with m.If(sequencer.joined):
            m.d.comb += fill.rows_ready.eq(-1)
        with m.Elif(sequencer.back.kind != Kind.MAC):
            pass  # it uses the read port itself
        with m.Elif(sequencer.front.wait == Wait.NOTHING):
            m.d.comb += fill.rows_ready.eq(-1)
        with m.Elif(sequencer.front.wait == Wait.ROW):
            m.d.comb += fill.rows_ready.eq(written)

    def _connect_host_writes(self, m, activations, array, output, sequencer, program):
        write = Signal(write_layout(self.config))
        valid = Signal()
        waits = valid & (write.region == Region.ACTIVATION) & ~activations.host_write_ready
        m.d.comb += self.write.ready.eq(~waits)
        with m.If(self.write.ready):
            m.d.sync += [write.eq(self.write.payload), valid.eq(self.write.valid)]

        for region, enable, address, word in [
            (Region.ACTIVATION, activations.host_write_enable, activations.host_write_address,
             activations.host_write_data),
            (Region.WEIGHT, array.load.enable, array.load.address, array.load.weights),
            (Region.PARAMETER, output.write_parameter.enable, output.write_parameter.address,
             output.write_parameter.data),
            (Region.DESCRIPTOR, sequencer.load.enable, sequencer.load.address,
             sequencer.load.data),
            (Region.WINDOW, program.load.enable, program.load.address, program.load.data),
        ]:  # fmt: skip
            m.d.comb += [
                enable.eq(valid & (write.region == region)),
                address.eq(write.address), word.eq(write.data),
            ]

    def _connect_host_reads(self, m, activations, sequencer):
        counter = self.read.p.region == Region.COUNTER
        waiting, answered = Signal(), Signal()
        m.d.comb += [
            activations.host_read_address.eq(self.read.p.address),
            activations.host_read_enable.eq(
                self.read.valid & ~waiting & (self.read.p.region == Region.ACTIVATION)),
            sequencer.counter_address.eq(self.read.p.address),
            self.read.ready.eq(~waiting & (
                (self.read.p.region != Region.ACTIVATION) | activations.host_read_ready)),
            self.data.valid.eq(answered),
        ]
        taken = self.read.valid & self.read.ready
        counter_valid = delay(m, taken & counter, READ_LATENCY, name="counter_valid")
        other_valid = delay(
            m, taken & ~counter & (self.read.p.region != Region.ACTIVATION), READ_LATENCY,
            name="other_valid")
        with m.If(taken):
            m.d.sync += waiting.eq(1)
        with m.If(activations.host_read_valid | counter_valid | other_valid):
            m.d.sync += [
                answered.eq(1),
                self.data.payload.eq(Mux(activations.host_read_valid, activations.read_data,
                                         Mux(counter_valid, sequencer.counter_data, 0))),
            ]  # fmt: skip
        with m.If(answered & self.data.ready):
            m.d.sync += [answered.eq(0), waiting.eq(0)]

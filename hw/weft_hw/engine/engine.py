"""Engine: memories, array and everything between them. Connections only."""

from typing import Any

from amaranth.hdl import Const, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind
from weft_hw.contract.memory_map import max_unit_bytes
from weft_hw.engine.activation_memory import ActivationMemory
from weft_hw.engine.connections import (
    connect_beside,
    connect_lanes,
    connect_memories,
    connect_pairs,
    connect_serial,
)
from weft_hw.engine.control import count_events, order_reads
from weft_hw.engine.host_port import HostPort
from weft_hw.engine.input.fill import Fill
from weft_hw.engine.input.line_buffer import LineBuffer
from weft_hw.engine.output.collector import Collector
from weft_hw.engine.output.elementwise import Elementwise
from weft_hw.engine.output.second_pass import SecondPass
from weft_hw.engine.output.table_loader import TableLoader
from weft_hw.engine.ports import RUN, link_address_bits, read_layout, write_layout
from weft_hw.engine.sequencer import Sequencer
from weft_hw.engine.variants import variants_of
from weft_hw.memory.host_blocks import HostBlocks
from weft_hw.memory.mover import Mover
from weft_hw.memory.port import Port
from weft_hw.memory.unit_arbiter import UnitArbiter
from weft_hw.parts.delay import delay
from weft_hw.tech.portable import Portable

__all__ = ["RESET_CYCLES", "Engine"]

RESET_CYCLES = 128  # more than the longest way through the datapath, which a reset only empties


class Engine(wiring.Component):
    """Runs layer descriptors on tensors in its activation memory.

    Between ``start`` and the fall of ``busy`` the host may still use every memory port: writes to
    activation memory wait for a cycle in which no result is written, reads for one in which no
    operand is read (:class:`~weft_hw.engine.host_port.HostPort`).

    ``reset``, held for ``RESET_CYCLES``, stops everything. It resets whatever decides, and leaves
    the datapath to run empty meanwhile: a reset of some 30,000 registers would reach across the
    whole chip in one cycle. Memories keep their contents.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    reset : In(1)
    write, read, data : streams, as :class:`~weft_hw.engine.host_port.HostPort`'s
    start : In(stream.Signature(RUN)), taken only when idle
    busy : Out(1); cycles : Out(32), of the run under way or of the last one
    memory : Out(Port), only where there is memory beside the chip
    """

    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    start: stream.Interface
    reset: Signal
    busy: Signal
    cycles: Signal
    memory: Any  # interface of Port

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        address_bits = link_address_bits(config)
        super().__init__(
            {
                "reset": In(1),
                "write": In(stream.Signature(write_layout(config, address_bits))),
                "read": In(stream.Signature(read_layout(address_bits))),
                "data": Out(stream.Signature(8 * max_unit_bytes(config))),
                "start": In(stream.Signature(RUN)),
                "busy": Out(1),
                "cycles": Out(32),
                **({"memory": Out(Port(config.dram_bytes))} if config.dram_bytes else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, tech = self.config, self.tech
        variants = variants_of(config)
        sequencer, host, fill = Sequencer(config, tech), HostPort(config), Fill(config)
        program, walker = variants.program(config, tech), variants.walker(config)
        fetch, feeder = variants.fetch(config), variants.feeder(config)
        collector, writer = variants.collector(config), variants.writer(config)
        operands = (
            {}
            if config.compact
            else {
                "elementwise": Elementwise(config),
                "table": TableLoader(config),
                "second": SecondPass(config),
            }
        )
        beside = (
            {}
            if not config.dram_bytes
            else {
                "mover": Mover(config, self.memory.signature.word_bytes),
                "blocks": HostBlocks(config, self.memory.signature.word_bytes),
                "units": UnitArbiter(config),
            }
        )
        # Each has a reset register of its own, for short wires.
        reset = self.reset
        for name, part in [
            ("sequencer", sequencer),
            ("fill", fill),
            ("program", program),
            ("walker", walker),
            ("fetch", fetch),
            ("feeder", feeder),
            ("writer", writer),
            ("host", host),
            ("collector", collector),
            *operands.items(),
            *beside.items(),
        ]:
            reset = delay(m, reset, 1, name=f"reset_{name}")
            m.submodules[name] = ResetInserter(reset)(part)
        m.submodules.activations = activations = ActivationMemory(config, tech)
        m.submodules.lines = lines = LineBuffer(config, tech)
        m.submodules.window = window = variants.window(config)
        m.submodules.array = array = variants.array(config, tech)
        m.submodules.accumulators = accumulators = variants.accumulators(config, tech)
        m.submodules.lanes = output = variants.lanes(config, tech)

        # Layers. The front half reads the input, the back half computes and writes.
        front, back = sequencer.front, sequencer.back
        wiring.connect(m, wiring.flipped(self.start), sequencer.start)
        m.d.comb += [
            self.busy.eq(sequencer.busy),
            self.cycles.eq(sequencer.cycles),
            *(part.descriptor.eq(front) for part in (fill, walker, fetch)),
            writer.descriptor.eq(back),
            *(
                part.begin.eq(sequencer.front_begin & (front.kind == Kind.MAC))
                for part in (fill, program, walker)
            ),
            *(part.begin.eq(sequencer.back_begin) for part in (feeder, collector, writer)),
            program.base.eq(front.window_base),
            program.count.eq(front.window_count),
            feeder.enable.eq(sequencer.joined & ~sequencer.back_begin),
            sequencer.front_done.eq(walker.done & fetch.empty & feeder.empty),
        ]
        if config.compact:
            connect_serial(m, sequencer, collector, output, writer)
            m.d.comb += [
                activations.read_enable.eq(fill.read_enable),
                activations.read_address.eq(fill.read_address),
            ]
            passing, drained = Const(0, 1), Const(0, 1)
        else:
            connect_lanes(
                m, sequencer, host, activations, fill, output, writer, collector, **operands
            )
            elementwise = operands["elementwise"]
            passing, drained = elementwise.valid & ~elementwise.beat.second, elementwise.drained
            m.d.comb += feeder.adds.eq(back.adds)
        count_events(m, config, sequencer, feeder, passing, drained)
        order_reads(m, config, sequencer, fill, writer)

        # Activation memory to line buffers to window to array.
        wiring.connect(m, program.o, walker.entries)
        wiring.connect(m, fetch.o, feeder.columns)
        for index in range(config.fill_words):
            wiring.connect(m, fill.write[index], lines.write[index])
        m.d.comb += [
            fill.low_row.eq(walker.low_row),
            fill.read_words.eq(activations.read_words),
            walker.filled_rows.eq(fill.filled_rows),
            walker.enable.eq(fetch.room),
            fetch.issue.eq(walker.issue),
            fetch.valid.eq(walker.valid),
            fetch.fetch.eq(walker.fetch),
            lines.read_address.eq(fetch.read_address),
            fetch.read_data.eq(lines.read_data),
            feeder.weight_base.eq(back.weight_base),
            feeder.last_beats.eq(back.last_beats),
            window.push.eq(feeder.push),
            window.pixel.eq(feeder.pixel),
            window.words.eq(feeder.words),
            window.every.eq(feeder.every),
            window.start.eq(feeder.start),
            window.channels.eq(feeder.channels),
            array.step.eq(feeder.step),
            array.weight_address.eq(feeder.weight_address),
            array.depthwise.eq(back.depthwise),
            array.own.eq(window.own),
        ]

        if config.paired:
            connect_pairs(m, back, feeder, window, array, accumulators, collector)
        if isinstance(collector, Collector) and config.own_weights:
            m.d.comb += [
                part.own_weights.eq(back.own_weights) for part in (feeder, array, collector)
            ]

        # Array to accumulators, results to activation memory.
        m.d.comb += [
            accumulators.step.eq(array.o_step),
            accumulators.sums.eq(array.sums),
            accumulators.maximum.eq(back.maximum),
            collector.done.eq(accumulators.done),
            collector.results.eq(accumulators.results),
            collector.last_beats.eq(back.last_beats),
            collector.parameter_base.eq(back.parameter_base),
            writer.values.eq(output.results),
            activations.beat_enable.eq(writer.enable),
            activations.beat_address.eq(writer.address),
            activations.beat.eq(writer.beat),
        ]

        if config.dram_bytes:
            connect_beside(self, m, sequencer, host, **beside)
        else:
            wiring.connect(m, wiring.flipped(self.write), host.write)
            wiring.connect(m, wiring.flipped(self.read), host.read)
            wiring.connect(m, host.data, wiring.flipped(self.data))
        connect_memories(m, config, host, activations, array, output, sequencer, program)
        return m

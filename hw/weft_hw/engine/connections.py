"""Connections of the engine that depend on its configuration."""

from amaranth.hdl import Mux
from amaranth.lib import wiring

from weft_hw.contract.descriptor import Kind
from weft_hw.contract.memory_map import Region
from weft_hw.memory.port_arbiter import PortArbiter
from weft_hw.parts.delay import delay

__all__ = [
    "connect_beside",
    "connect_lanes",
    "connect_memories",
    "connect_pairs",
    "connect_serial",
]


def connect_lanes(
    m,
    sequencer,
    host,
    activations,
    fill,
    output,
    writer,
    collector,
    *,
    elementwise,
    table,
    second,
):
    """Connect results, or operands, to the output lanes; operands take the read port.

    A table comes from a TABLE layer, or from the host or a move.
    """
    back, store = sequencer.back, host.store
    # A register on the way to the lanes, which lie all over the chip.
    valid = delay(m, collector.valid | elementwise.valid, 1, name="valid")
    beat = delay(m, Mux(elementwise.valid, elementwise.beat, collector.beat), 1, name="beat")
    m.d.comb += [
        elementwise.descriptor.eq(back),
        table.descriptor.eq(back),
        second.descriptor.eq(back),
        second.begin.eq(sequencer.back_begin),
        second.valid.eq(output.result_valid & back.adds & ~output.result_second),
        second.values.eq(output.results),
        second.read_data.eq(activations.read_data),
        second.room.eq(~collector.ahead),
        elementwise.sums.eq(second.sums),
        writer.valid.eq(output.result_valid & (~back.adds | output.result_second)),
        elementwise.begin.eq(sequencer.back_begin & (back.kind == Kind.ELEMENTWISE)),
        table.begin.eq(sequencer.back_begin & (back.kind == Kind.TABLE)),
        sequencer.done.eq(delay(m, writer.done | table.done, 1, name="written")),
        elementwise.read_data.eq(activations.read_data),
        table.read_data.eq(activations.read_data),
        output.valid.eq(valid),
        output.beat.eq(beat),
        *_rescale(output.control.rescale, back),
        *_rescale(output.control.second, back, "sum_"),
        output.control.use_table.eq(back.use_table),
        output.control.in_zero.eq(back.in_zero),
        output.control.other_zero.eq(back.other_zero),
        output.control.multiply.eq((back.kind == Kind.ELEMENTWISE) & back.multiply),
        output.control.add_table.eq((back.kind == Kind.ELEMENTWISE) & ~back.unary & ~back.multiply),
        output.write_table.enable.eq(table.enable | store.enable[Region.TABLE]),
        output.write_table.address.eq(Mux(table.enable, table.address, store.address)),
        output.write_table.data.eq(Mux(table.enable, table.data, store.data)),
        fill.hold.eq(second.read_enable),
        activations.read_enable.eq(
            fill.read_enable | elementwise.read_enable | table.read_enable | second.read_enable
        ),
        activations.read_address.eq(
            Mux(
                fill.read_enable,
                fill.read_address,
                Mux(
                    elementwise.read_enable,
                    elementwise.read_address,
                    Mux(second.read_enable, second.read_address, table.read_address),
                ),
            )
        ),
    ]


def connect_serial(m, sequencer, collector, output, writer):
    """Connect results to serial lanes."""
    m.d.comb += [
        sequencer.done.eq(delay(m, writer.done, 1, name="written")),
        collector.ready.eq(output.ready),
        output.begin.eq(collector.start),
        writer.valid.eq(output.result_valid),
        collector.takes.eq(output.takes),
        output.bits.eq(collector.bits),
        output.parameter.eq(collector.parameter),
        *_rescale(output.rescale, sequencer.back),
    ]


def connect_pairs(m, back, feeder, window, array, accumulators, collector):
    """Connect what only pairs of rows need."""
    m.d.comb += [
        feeder.depthwise.eq(back.depthwise),
        window.depthwise.eq(back.depthwise),
        accumulators.excess.eq(array.excess),
        collector.excess.eq(accumulators.total_excess),
    ]


def _rescale(rescale, back, prefix=""):
    names = "rounding", "zero_point", "low", "high"
    return [rescale[name].eq(back[f"{prefix}{name}"]) for name in names]


def connect_beside(engine, m, sequencer, host, *, mover, blocks, units):
    """Connect the memory beside the chip; link and mover share it, and those on the chip."""
    m.submodules.port = port = PortArbiter(engine.memory.signature)
    for side, user in enumerate((blocks, mover)):
        wiring.connect(m, user.port, port.sides[side])
    wiring.connect(m, port.port, wiring.flipped(engine.memory))
    wiring.connect(m, wiring.flipped(engine.write), blocks.write)
    wiring.connect(m, wiring.flipped(engine.read), blocks.read)
    wiring.connect(m, blocks.data, wiring.flipped(engine.data))
    link, moves = units.sides
    for source, sink in [
        (blocks.chip_write, link.write),
        (blocks.chip_read, link.read),
        (link.data, blocks.chip_data),
        (mover.write, moves.write),
        (mover.read, moves.read),
        (moves.data, mover.data),
        (units.write, host.write),
        (units.read, host.read),
        (host.data, units.data),
    ]:
        wiring.connect(m, source, sink)
    m.d.comb += [
        port.reset.eq(engine.reset),
        mover.written.eq(host.write.ready),
        mover.put.eq(sequencer.put_move),
        mover.move.eq(sequencer.move),
        mover.layers.eq(sequencer.layers),
        sequencer.move_begun.eq(mover.begun),
        sequencer.move_done.eq(mover.done),
    ]


def connect_memories(m, config, host, activations, array, output, sequencer, program):
    """Connect the memories that the host, or a move, writes and reads."""
    for region, enable, address, word in [
        (
            Region.ACTIVATION,
            activations.host_write_enable,
            activations.host_write_address,
            activations.host_write_data,
        ),
        (Region.WEIGHT, array.load.enable, array.load.address, array.load.weights),
        (
            Region.PARAMETER,
            output.write_parameter.enable,
            output.write_parameter.address,
            output.write_parameter.data,
        ),
        (Region.DESCRIPTOR, sequencer.load.enable, sequencer.load.address, sequencer.load.data),
        (Region.WINDOW, program.load.enable, program.load.address, program.load.data),
    ]:
        m.d.comb += [
            enable.eq(host.store.enable[region]),
            address.eq(host.store.address),
            word.eq(host.store.data),
        ]
    if config.own_weights:  # the port that writes weights reads them as well
        m.d.comb += [
            host.weights_ready.eq(~(sequencer.working & sequencer.back.own_weights)),
            array.load.enable.eq(host.store.enable[Region.WEIGHT] & host.weights_ready),
        ]
    m.d.comb += [
        host.store_ready.eq(activations.host_write_ready),
        activations.host_read_address.eq(host.fetch_address),
        activations.host_read_enable.eq(host.fetch_enable),
        host.fetch_taken.eq(activations.host_read_taken),
        host.fetch_valid.eq(activations.host_read_valid),
        host.fetch_data.eq(activations.read_data),
        sequencer.counter_address.eq(host.fetch_address),
        host.counter_data.eq(sequencer.counter_data),
    ]

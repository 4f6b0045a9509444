"""Waits of a layer's reads, and counters of its cycles."""

from amaranth.hdl import Cat, Const, Mux, Signal

from weft_hw.contract.descriptor import Kind, Wait
from weft_hw.engine.layouts import events_layout
from weft_hw.engine.variants import variants_of
from weft_hw.parts.delay import delay
from weft_hw.tech.memories import READ_LATENCY

__all__ = ["count_events", "order_reads"]


def count_events(m, config, sequencer, feeder, operands, operands_drained):
    """Sort each cycle of a layer: at work, or what it waits for."""
    kind = sequencer.back.kind
    # Once the front half is done, or has gone on, only results are still on their way.
    facts = delay(
        m,
        Cat(
            feeder.step.valid | operands,
            ~sequencer.working | (kind == Kind.TABLE),
            kind == Kind.MAC,
            ~sequencer.joined | feeder.waits_output,
            sequencer.front_done,
            operands_drained,
            ~sequencer.working & sequencer.waits_memory if config.dram_bytes else Const(0, 1),
        ),
        variants_of(config).counters.LATE,
        name="facts",
    )
    busy, setup, is_mac, held_back, front_done, others_drained, memory = facts
    drained = Mux(is_mac, held_back | front_done, others_drained)
    happens = {
        "busy": busy,
        "wait_input": ~busy & ~setup & ~drained,
        "wait_output": ~busy & ~setup & drained,
        "wait_setup": ~busy & setup & ~memory,
        "wait_memory": ~busy & memory,
    }
    m.d.comb += [sequencer.events[name].eq(happens[name]) for name, _ in events_layout(config)]


def order_reads(m, config, sequencer, fill, writer):
    """Hold the front half's reads back until what they read has been written."""
    if config.compact:
        m.d.comb += fill.rows_ready.eq(-1)
        return
    written = delay(m, writer.rows, READ_LATENCY, name="rows_written")
    # Another kind of layer uses the read port itself. Registered, because all of it stands
    # still from the cycle after the front half's begin until both halves are joined.
    at_once, by_rows = Signal(), Signal()
    back_is_mac = sequencer.back.kind == Kind.MAC
    m.d.sync += [
        at_once.eq(back_is_mac & (sequencer.front.wait == Wait.NOTHING)),
        by_rows.eq(back_is_mac & (sequencer.front.wait == Wait.ROW)),
    ]
    with m.If(sequencer.joined | at_once):
        m.d.comb += fill.rows_ready.eq(-1)
    with m.Elif(by_rows):
        m.d.comb += fill.rows_ready.eq(written)

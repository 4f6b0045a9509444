"""Counters of the layers: what each cycle of a layer was spent on, stored when it ends."""

from itertools import pairwise

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import COUNTER_STRIDE, counters
from weft_hw.parts.delay import delay

__all__ = ["LayerCounters", "SmallLayerCounters"]

_WORD = 32
_SMALL_BITS, _SETUP_BITS = 24, 6


class LayerCounters:
    """Counts a layer while the counts of the one before go to memory, one a cycle.

    All of it happens two cycles late, which keeps the decisions off the adders.

    Parameters
    ----------
    m : Module
        That of the sequencer, to which the counters belong.
    config : Config
    memory
        Where counts go, at ``layer * COUNTER_STRIDE + counter``.
    busy : Value
        A run is under way.
    events : Value
        Conditions, one bit for each counter but ``cycles``; those of ``LATE`` cycles ago.
    ends : Value
        The layer ends in this cycle.
    layer : Value
        Its number.
    """

    LATE = 1

    def __init__(
        self,
        m: Module,
        config: Config,
        memory,
        *,
        busy: Value,
        events: Value,
        ends: Value,
        layer: Value,
    ):
        busy = delay(m, busy, 2 * self.LATE, name="busy")
        events = Cat(busy, delay(m, events, self.LATE, name="events"))
        ends, layer = (
            delay(m, value, 2 * self.LATE, name=name)
            for value, name in ((ends, "ends"), (layer, "counted"))
        )
        names = [field.name for field in counters(config)]
        counts = [Signal(_WORD, name=name, reset_less=True) for name in names]
        held = [Signal(_WORD, name=f"held_{name}", reset_less=True) for name in names]
        storing = Signal(range(len(names) + 1), init=len(names))
        held_layer = Signal.like(layer)
        for count, event in zip(counts, events, strict=True):
            m.d.sync += count.eq(Mux(events[0] & ~ends, count + event, 0))
        m.d.comb += [
            memory.write_address.eq(held_layer * COUNTER_STRIDE + storing),
            memory.write_data.eq(held[0]),
            memory.write_enable.eq(storing != len(names)),
        ]
        with m.If(ends):
            m.d.sync += [
                kept.eq(count + event)
                for kept, count, event in zip(held, counts, events, strict=True)
            ]
            m.d.sync += [storing.eq(0), held_layer.eq(layer)]
        with m.Elif(storing != len(names)):
            m.d.sync += storing.eq(storing + 1)
            m.d.sync += [a.eq(b) for a, b in pairwise(held)]


class SmallLayerCounters(LayerCounters):
    """Counts in few bits and stores without a copy: as that goes on, only set-up is counted.

    Parameters as of :class:`LayerCounters`. Nothing is late.
    """

    LATE = 0

    def __init__(
        self,
        m: Module,
        config: Config,
        memory,
        *,
        busy: Value,
        events: Value,
        ends: Value,
        layer: Value,
    ):
        fields = counters(config)
        storing = Signal(range(len(fields) + 1), init=len(fields))
        stores = storing != len(fields)
        counts = [
            Signal(_SETUP_BITS if field.name == "wait_setup" else _SMALL_BITS, name=field.name)
            for field in fields
        ]
        # The cycle of `ends` belongs to the layer before.
        for count, event, field in zip(counts, [busy, *events], fields, strict=True):
            with m.If(stores & (storing == len(fields) - 1) | ~busy & ~stores):
                counted = field.name in ("cycles", "wait_setup")
                m.d.sync += count.eq(Mux(busy, len(fields) * counted, 0))
            with m.Elif(~stores):
                m.d.sync += count.eq(count + event)
        m.d.comb += [
            memory.write_address.eq((layer - 1) * COUNTER_STRIDE + storing),
            memory.write_data.eq(Array(counts)[storing]),
            memory.write_enable.eq(stores),
        ]
        with m.If(ends):
            m.d.sync += storing.eq(0)
        with m.Elif(stores):
            m.d.sync += storing.eq(storing + 1)

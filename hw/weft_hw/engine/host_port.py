"""Host port: the link's way to the engine's memories."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region, max_unit_bytes
from weft_hw.engine.ports import ADDRESS_BITS, read_layout, write_layout
from weft_hw.parts.delay import delay
from weft_hw.tech.memories import READ_LATENCY

__all__ = ["HostPort"]


class HostPort(wiring.Component):
    """Hands units to the memory that they are for, and fetches those that are asked for.

    A write every 2 cycles; a read takes 4 (5 from activation memory); both also wait for cycles
    in which the engine leaves the activation memory free. A read waits for the write before it;
    one read may be under way.

    Parameters
    ----------
    config : Config

    Members
    -------
    write : In(stream.Signature(write_layout(config)))
    read : In(stream.Signature(read_layout())); data : Out(stream), its answers, in order
    store : Out, the unit to be written and a bit of ``enable`` per region
    store_ready : In(1), activation memory takes it in this cycle
    weights_ready : In(1), so does weight memory, only if ``config.own_weights``
    fetch_enable, fetch_address : Out, to activation memory (the address to the counters, too)
    fetch_taken, fetch_valid, fetch_data : In, from activation memory, which took the request in
        the cycle before
    counter_data : In, of the address of 2 cycles before
    """

    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    store: View
    store_ready: Signal
    weights_ready: Signal
    fetch_enable: Signal
    fetch_address: Signal
    fetch_taken: Signal
    fetch_valid: Signal
    fetch_data: Signal
    counter_data: Signal

    def __init__(self, config: Config):
        self.config = config
        unit = 8 * max_unit_bytes(config)
        super().__init__(
            {
                "write": In(stream.Signature(write_layout(config))),
                "read": In(stream.Signature(read_layout())),
                "data": Out(stream.Signature(unit)),
                "store": Out(
                    data.StructLayout(
                        {"enable": len(Region), "address": ADDRESS_BITS, "data": unit}
                    )
                ),
                "store_ready": In(1),
                **({"weights_ready": In(1)} if config.own_weights else {}),
                "fetch_enable": Out(1),
                "fetch_address": Out(ADDRESS_BITS),
                "fetch_taken": In(1),
                "fetch_valid": In(1),
                "fetch_data": In(config.columns * 8),
                "counter_data": In(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # What the units hold needs no reset.
        address, unit = (
            Signal.like(value, reset_less=True, name=name)
            for name, value in [("address", self.store.address), ("unit", self.store.data)]
        )
        answer = Signal.like(self.data.payload, reset_less=True, name="answer")
        m.d.comb += [
            self.store.address.eq(address),
            self.store.data.eq(unit),
            self.data.payload.eq(answer),
        ]

        # A unit waits in a register until its memory has taken it.
        stores = Signal()
        m.d.comb += self.write.ready.eq(~stores)
        with m.If(self.write.ready):
            m.d.sync += [
                stores.eq(self.write.valid),
                address.eq(self.write.p.address),
                unit.eq(self.write.p.data),
            ]
            m.d.sync += [
                self.store.enable[region].eq(self.write.valid & (self.write.p.region == region))
                for region in Region
            ]
        ready = ~self.store.enable[Region.ACTIVATION] | self.store_ready
        if self.config.own_weights:
            ready &= ~self.store.enable[Region.WEIGHT] | self.weights_ready
        with m.Elif(ready):
            m.d.sync += [stores.eq(0), self.store.enable.eq(0)]

        # A read under way: its request waits, then it is on its way, then its answer waits.
        asked = Signal(read_layout())
        requested, waiting = Signal(), Signal()
        is_activation = asked.region == Region.ACTIVATION
        is_counter = asked.region == Region.COUNTER
        taken = Signal()
        m.d.comb += [
            self.read.ready.eq(~waiting & ~stores),
            self.fetch_address.eq(asked.address),
            self.fetch_enable.eq(requested & is_activation),
            taken.eq(requested & (~is_activation | self.fetch_taken)),
        ]
        other_valid = delay(m, taken & ~is_activation, READ_LATENCY, name="other_valid")
        with m.If(self.read.ready):
            m.d.sync += [
                asked.eq(self.read.p),
                requested.eq(self.read.valid),
                waiting.eq(self.read.valid),
            ]
        with m.If(taken):
            m.d.sync += requested.eq(0)
        with m.If(self.fetch_valid | other_valid):
            m.d.sync += [
                self.data.valid.eq(1),
                answer.eq(
                    Mux(self.fetch_valid, self.fetch_data, Mux(is_counter, self.counter_data, 0))
                ),
            ]
        with m.If(self.data.valid & self.data.ready):
            m.d.sync += [self.data.valid.eq(0), waiting.eq(0)]
        return m

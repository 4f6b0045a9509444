"""Host port: the link's way to the engine's memories."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region, max_unit_bytes
from weft_hw.delay import delay
from weft_hw.tech.portable import READ_LATENCY

__all__ = ["ADDRESS_BITS", "HostPort", "read_layout", "write_layout"]

ADDRESS_BITS = 20


def write_layout(config: Config) -> data.StructLayout:
    """One unit for one memory; ``data`` holds it from its least significant byte up."""
    return data.StructLayout({
        "region": 3, "address": ADDRESS_BITS, "data": 8 * max_unit_bytes(config),
    })


def read_layout() -> data.StructLayout:
    """Which unit of which memory is asked for."""
    return data.StructLayout({"region": 3, "address": ADDRESS_BITS})


class HostPort(wiring.Component):
    """Hands units to the memory that they are for, and fetches those that are asked for.

    Writes take 1 cycle, reads 3, besides what the activation memory makes them wait. A read may
    overtake a write that waits; one read may be under way.

    Parameters
    ----------
    config : Config

    Members
    -------
    write : In(stream.Signature(write_layout(config)))
    read : In(stream.Signature(read_layout())); data : Out(stream), its answers, in order
    store : Out, the unit to be written and a bit of ``enable`` per region
    store_ready : In(1), activation memory takes it in this cycle
    fetch_enable, fetch_address : Out, to activation memory (the address to the counters, too)
    fetch_ready, fetch_valid, fetch_data : In, from activation memory
    counter_data : In, of the address of 2 cycles before
    """

    write: stream.Interface
    read: stream.Interface
    data: stream.Interface

    def __init__(self, config: Config):
        self.config = config
        unit = 8 * max_unit_bytes(config)
        super().__init__({
            "write": In(stream.Signature(write_layout(config))),
            "read": In(stream.Signature(read_layout())),
            "data": Out(stream.Signature(unit)),
            "store": Out(data.StructLayout({
                "enable": len(Region), "address": ADDRESS_BITS, "data": unit})),
            "store_ready": In(1),
            "fetch_enable": Out(1), "fetch_address": Out(ADDRESS_BITS),
            "fetch_ready": In(1), "fetch_valid": In(1), "fetch_data": In(config.columns * 8),
            "counter_data": In(32),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        waits = self.store.enable[Region.ACTIVATION] & ~self.store_ready
        m.d.comb += self.write.ready.eq(~waits)
        with m.If(self.write.ready):
            m.d.sync += [
                self.store.address.eq(self.write.p.address),
                self.store.data.eq(self.write.p.data),
            ]
            m.d.sync += [self.store.enable[region].eq(
                self.write.valid & (self.write.p.region == region)) for region in Region]

        is_activation = self.read.p.region == Region.ACTIVATION
        is_counter = self.read.p.region == Region.COUNTER
        waiting, answered = Signal(), Signal()
        m.d.comb += [
            self.fetch_address.eq(self.read.p.address),
            self.fetch_enable.eq(self.read.valid & ~waiting & is_activation),
            self.read.ready.eq(~waiting & (~is_activation | self.fetch_ready)),
            self.data.valid.eq(answered),
        ]
        taken = self.read.valid & self.read.ready
        counter_valid, other_valid = (
            delay(m, taken & chosen, READ_LATENCY, name=name) for name, chosen in [
                ("counter_valid", is_counter), ("other_valid", ~is_counter & ~is_activation)])
        with m.If(taken):
            m.d.sync += waiting.eq(1)
        with m.If(self.fetch_valid | counter_valid | other_valid):
            m.d.sync += [
                answered.eq(1),
                self.data.payload.eq(Mux(self.fetch_valid, self.fetch_data,
                                         Mux(counter_valid, self.counter_data, 0))),
            ]  # fmt: skip
        with m.If(answered & self.data.ready):
            m.d.sync += [answered.eq(0), waiting.eq(0)]
        return m

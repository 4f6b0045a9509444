"""Activation memory: every feature map of the network, shared by engine and host."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.parts.delay import delay
from weft_hw.tech.memories import READ_LATENCY
from weft_hw.tech.portable import Portable

__all__ = ["ACCESS_LATENCY", "ActivationMemory"]

ACCESS_LATENCY = 1 + READ_LATENCY


class ActivationMemory(wiring.Component):
    """One word read and one beat (or, from the host, one word) written per cycle.

    With ``fill_words`` = 2 a pair of words is read: ``read_address`` and its neighbour, the even
    one first.

    The engine goes first on both sides and never waits; the host waits for a free cycle. Data
    come ``ACCESS_LATENCY`` cycles after their address, one of which is a register in front of the
    blocks, which lie all over the chip. Writes have one too, so a read sees what was written in an
    earlier cycle.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    read_enable, read_address : In, from the engine
    read_data : Out, the word; read_words : Out, the group of ``fill_words`` that it lies in
    beat_enable : In, a bit per lane; beat_address : In, in beats; beat : In, of [lane]
    host_write_enable, host_write_address, host_write_data : In; host_write_ready : Out
    host_read_enable, host_read_address : In; host_read_taken : Out, in the cycle before this one,
        so that the engine's reads do not decide about the host's within a cycle
    host_read_valid : Out, ``read_data`` belongs to the host
    """

    read_enable: Signal
    read_address: Signal
    read_data: Signal
    read_words: data.View
    beat_enable: Signal
    beat_address: Signal
    beat: data.View
    host_write_enable: Signal
    host_write_address: Signal
    host_write_data: Signal
    host_write_ready: Signal
    host_read_enable: Signal
    host_read_address: Signal
    host_read_taken: Signal
    host_read_valid: Signal

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        address = range(config.activation_words)
        super().__init__(
            {
                "read_enable": In(1),
                "read_address": In(address),
                "read_data": Out(config.columns * 8),
                "read_words": Out(data.ArrayLayout(config.columns * 8, config.fill_words)),
                "beat_enable": In(config.lanes),
                "beat_address": In(range(config.activation_words * config.beats)),
                "beat": In(data.ArrayLayout(8, config.lanes)),
                "host_write_enable": In(1),
                "host_write_address": In(address),
                "host_write_data": In(config.columns * 8),
                "host_write_ready": Out(1),
                "host_read_enable": In(1),
                "host_read_address": In(address),
                "host_read_taken": Out(1),
                "host_read_valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        words = config.fill_words  # in a group, which is one word of the block RAM
        word_bits = words.bit_length() - 1
        m.submodules.memory = memory = self.tech.block_ram(
            width=words * config.columns * 8,
            depth=-(-config.activation_words // words),
            granularity=8,
        )

        address = Signal.like(self.read_address)
        m.d.sync += address.eq(Mux(self.read_enable, self.read_address, self.host_read_address))
        m.d.comb += [
            memory.read_address.eq(address[word_bits:]),
            self.read_words.eq(memory.read_data),
            self.read_data.eq(self.read_words[0]),
        ]
        if words > 1:
            place = delay(m, address[:word_bits], READ_LATENCY, name="place")
            m.d.comb += self.read_data.eq(self.read_words[place])
        taken = Signal()
        m.d.sync += taken.eq(self.host_read_enable & ~self.read_enable & ~taken)
        m.d.comb += [
            self.host_read_taken.eq(taken),
            self.host_read_valid.eq(delay(m, taken, ACCESS_LATENCY - 1, name="host_read")),
        ]

        write_enable, write_data = Signal.like(memory.write_enable), Signal.like(memory.write_data)
        write_address = Signal.like(memory.write_address)
        m.d.comb += [
            memory.write_enable.eq(write_enable),
            memory.write_address.eq(write_address),
            memory.write_data.eq(write_data),
            self.host_write_ready.eq(~self.beat_enable.any()),
        ]
        beats = words * config.beats
        beat_bits = beats.bit_length() - 1
        with m.If(self.beat_enable.any()):
            m.d.sync += [
                write_address.eq(self.beat_address[beat_bits:]),
                write_data.eq(self.beat.as_value().replicate(beats)),
            ]
            with m.Switch(self.beat_address[:beat_bits]):
                for index in range(beats):
                    with m.Case(index) if beat_bits else m.Default():
                        m.d.sync += write_enable.eq(self.beat_enable << (index * config.lanes))
        with m.Else():
            m.d.sync += [
                write_address.eq(self.host_write_address[word_bits:]),
                write_data.eq(self.host_write_data.replicate(words)),
                write_enable.eq(
                    Cat(
                        (
                            self.host_write_enable & (self.host_write_address[:word_bits] == index)
                        ).replicate(config.columns)
                        for index in range(words)
                    )
                ),
            ]
        return m

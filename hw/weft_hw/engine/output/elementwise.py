"""Element-wise reader: two feature maps, word by word, to the output lanes."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import WIDE_SHIFT
from weft_hw.engine.activation_memory import ACCESS_LATENCY
from weft_hw.engine.layouts import beat_layout, descriptor_layout, sums_layout
from weft_hw.parts.delay import delay

__all__ = ["Elementwise"]


class Elementwise(wiring.Component):
    """Reads a word of each operand and sends it on in beats.

    A word takes ``max(operands, beats)`` cycles; the first beat is valid 5 cycles after the last
    operand's address. Nothing stalls. Beats of a layer that adds are handed on, a cycle later.

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1), starts the walk over ``word_count`` words; descriptor : In
    read_enable, read_address : Out; read_data : In, 3 cycles later
    drained : Out(1), no operand is left to be read
    sums : In, what a layer that adds sends to the lanes: ``valid``, ``first``, ``second``
    valid : Out(1); beat : Out(beat_layout(config))
    """

    begin: Signal
    descriptor: data.View
    read_enable: Signal
    read_address: Signal
    read_data: Signal
    drained: Signal
    sums: data.View
    valid: Signal
    beat: data.View

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "begin": In(1),
                "descriptor": In(descriptor_layout(config)),
                "read_enable": Out(1),
                "read_address": Out(range(config.activation_words)),
                "read_data": In(config.columns * 8),
                "drained": Out(1),
                "sums": In(sums_layout(config)),
                "valid": Out(1),
                "beat": Out(beat_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self.config, self.descriptor
        period = Signal(range(max(2, config.beats) + 1))
        phase = Signal.like(period)
        left, active = Signal.like(descriptor.word_count), Signal()
        # Counted each for itself: an adder behind the choice would lie on the way to the memory.
        address, other_address = Signal.like(self.read_address), Signal.like(self.read_address)
        m.d.comb += period.eq(Mux(descriptor.unary, config.beats, max(2, config.beats)))

        m.d.comb += self.drained.eq(left == 0)
        is_second, completes = phase == 1, Signal()
        m.d.comb += [
            self.read_enable.eq(active & ((phase == 0) | (is_second & ~descriptor.unary))),
            self.read_address.eq(Mux(is_second, other_address, address)),
            completes.eq(self.read_enable & Mux(descriptor.unary, phase == 0, is_second)),
        ]
        with m.If(active):
            m.d.sync += phase.eq(phase + 1)
            with m.If(phase == period - 1):
                m.d.sync += [
                    phase.eq(0),
                    address.eq(address + 1),
                    other_address.eq(other_address + 1),
                    left.eq(left - 1),
                    active.eq(left != 1),
                ]
        with m.If(self.begin):
            m.d.sync += [
                phase.eq(0),
                address.eq(descriptor.in_base),
                other_address.eq(descriptor.other_base),
                left.eq(descriptor.word_count),
                active.eq(1),
            ]

        arrives_first = delay(m, self.read_enable & (phase == 0), ACCESS_LATENCY, name="first")
        arrives = delay(m, completes, ACCESS_LATENCY, name="arrives")
        first, a, b = (
            Signal(config.columns * 8, name=name, reset_less=True) for name in ("first", "a", "b")
        )
        out = Signal.like(self.beat, reset_less=True)
        with m.If(arrives_first):
            m.d.sync += first.eq(self.read_data)
        beat = Signal(range(config.beats + 1), init=config.beats)
        with m.If(beat != config.beats):
            m.d.sync += beat.eq(beat + 1)
        with m.If(arrives):
            m.d.sync += [
                a.eq(Mux(descriptor.unary, self.read_data, first)),
                b.eq(self.read_data),
                beat.eq(0),
            ]

        sums = self.sums
        m.d.comb += self.beat.eq(out)
        m.d.sync += [
            self.valid.eq((beat != config.beats) | sums.valid),
            out.second.eq(sums.valid),
            out.parameter.eq(Mux(sums.valid, descriptor.sum_parameter, descriptor.parameter_base)),
        ]
        for lane in range(config.lanes):
            positions = range(lane, config.columns, config.lanes)
            index = beat[: max(1, config.beats.bit_length() - 1)]
            value = Array(a.word_select(k, 8).as_signed() for k in positions)[index]
            operand = Array(b.word_select(k, 8).as_signed() for k in positions)[index]
            value = Mux(sums.valid, sums.first[lane], value)
            operand = Mux(sums.valid, sums.second[lane], operand)
            m.d.sync += [
                out.value[lane].eq(Mux(descriptor.wide, value << WIDE_SHIFT, value)),
                out.operand[lane].eq(operand),
            ]
        return m

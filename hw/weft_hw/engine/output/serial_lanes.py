"""Output lanes of a compact configuration: one bit of each value at a time."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import PARAMETER, PARAMETER_BYTES
from weft_hw.contract.timing import LANE_CYCLES
from weft_hw.engine.output.output_lane import lane_write_layout
from weft_hw.engine.output.requantize import RESCALE
from weft_hw.engine.output.serial_lane import ADD, ROUND, SerialLane
from weft_hw.parts.delay import delay
from weft_hw.parts.fields import layout_of
from weft_hw.tech.portable import Portable

__all__ = ["SerialLanes"]


class SerialLanes(wiring.Component):
    """What ``OutputLanes`` computes, without operands and table.

    A value takes ``LANE_CYCLES`` cycles: its 32 bits come in, the bias is added to all at once, the
    product with the multiplier grows bit by bit, and is shifted right by one bit per cycle, up to
    63. So the lane costs two registers of 32 bits and one adder.

    ``begin`` may come when ``ready``; ``result_valid`` comes ``LATENCY`` cycles later. Bit ``k`` of
    each value is wanted ``1 + k`` cycles after ``begin``, while ``takes``.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    ready : Out(1), begin : In(1); takes : Out(1), bits : In(lanes)
    parameter : In(range(parameter_words)), constant from ``begin`` to the result
    rescale : In(RESCALE), likewise
    write_parameter : In(lane_write_layout), as for OutputLanes
    result_valid : Out(1); results : Out(ArrayLayout(signed(8), lanes))
    """

    LATENCY = LANE_CYCLES + 1

    ready: Signal
    begin: Signal
    takes: Signal
    bits: Signal
    parameter: Signal
    rescale: data.View
    write_parameter: data.View
    result_valid: Signal
    results: data.View

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        super().__init__(
            {
                "ready": Out(1),
                "begin": In(1),
                "takes": Out(1),
                "bits": In(config.lanes),
                "parameter": In(range(config.parameter_words)),
                "rescale": In(RESCALE),
                "write_parameter": In(
                    lane_write_layout(config.parameter_words * config.lanes, PARAMETER_BYTES * 8)
                ),
                "result_valid": Out(1),
                "results": Out(data.ArrayLayout(signed(8), config.lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, write = self.config, self.write_parameter
        lane_bits = ceil_log2(config.lanes)
        phase, busy = Signal(range(LANE_CYCLES), init=ROUND), Signal()
        last = phase == ROUND
        m.d.comb += [self.ready.eq(last), self.takes.eq(phase < ADD)]
        with m.If(~last):
            m.d.sync += phase.eq(phase + 1)
        with m.If(last):
            m.d.sync += busy.eq(self.begin)
        with m.If(last & self.begin):
            m.d.sync += phase.eq(0)
        m.d.comb += self.result_valid.eq(delay(m, busy & last, 1, name="valid"))

        for index in range(config.lanes):
            m.submodules[f"parameters_{index}"] = memory = self.tech.block_ram(
                width=layout_of(PARAMETER).size, depth=config.parameter_words
            )
            m.submodules[f"lane_{index}"] = lane = SerialLane()
            m.d.comb += [
                memory.read_address.eq(self.parameter),
                memory.write_address.eq(write.address[lane_bits:]),
                memory.write_data.eq(write.data),
                memory.write_enable.eq(write.enable & (write.address[:lane_bits] == index)),
                lane.phase.eq(phase),
                lane.bit.eq(self.bits[index]),
                lane.rescale.eq(self.rescale),
                lane.parameter.eq(memory.read_data),
                self.results[index].eq(lane.o),
            ]
        return m

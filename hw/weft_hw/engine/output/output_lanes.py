"""Output lanes: from sums and elementwise operands to int8 results, several per cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_ENTRIES, TABLE_ENTRY_BYTES
from weft_hw.contract.memory_map import PARAMETER_BYTES
from weft_hw.engine.layouts import beat_layout
from weft_hw.engine.output.output_lane import (
    ADDRESS_WAIT,
    LANE_CONTROL,
    OutputLane,
    lane_write_layout,
    parameter_parts,
)
from weft_hw.parts.delay import delay
from weft_hw.tech.portable import Portable

__all__ = ["OutputLanes"]


class OutputLanes(wiring.Component):
    """Every lane of a beat, requantised side by side.

    Lane ``l`` computes ``y = requantise(x + addend)`` (see :class:`Requantize`) with::

        x      = (value[l] - in_zero) * (operand[l] - other_zero)  if multiply  else value[l]
        addend = table[operand[l] & 255]  if add_table or second  else bias[parameter][l]

    in 32 bits that wrap, and gives ``table[y & 255] & 255`` if ``use_table``, else ``y``. Beats
    that are ``second`` are rescaled by ``control.second``. The sum of products that
    ``multiply`` asks for takes the low 8 bits of ``value``. Each lane's table is
    one memory with one read port, so ``use_table`` excludes ``add_table`` and ``second``.

    Latency is ``LATENCY`` cycles whatever the control says, throughput one beat per cycle; nothing
    stalls it. Writes reach the last lane ``lanes / 2`` cycles later than they are given. The
    producer must not change ``control``, nor write the entries in use, from the
    cycle before a beat's arrival to its result.

    Parameters
    ----------
    config : Config
    tech : Portable
        Family that supplies multipliers and memories.

    Members
    -------
    valid : In(1); beat : In(beat_layout(config))
    control : In(LANE_CONTROL)
    write_parameter : In(lane_write_layout), address ``entry * lanes + lane``, data as
        ``PARAMETER``; if ``config.paired``, both stand for the cycle after ``enable`` too, which is
        then 0
    write_table : In(lane_write_layout), address 0 to 255, 32-bit data, the same for all lanes
    result_valid : Out(1); results : Out(ArrayLayout(signed(8), lanes))
    result_second : Out(1), the beat was ``second``
    """

    LATENCY = OutputLane.LATENCY

    valid: Signal
    beat: data.View
    control: data.View
    write_parameter: data.View
    write_table: data.View
    result_valid: Signal
    result_second: Signal
    results: data.View

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        super().__init__(
            {
                "valid": In(1),
                "beat": In(beat_layout(config)),
                "control": In(LANE_CONTROL),
                "write_parameter": In(
                    lane_write_layout(config.parameter_words * config.lanes, PARAMETER_BYTES * 8)
                ),
                "write_table": In(lane_write_layout(TABLE_ENTRIES, 8 * TABLE_ENTRY_BYTES)),
                "result_valid": Out(1),
                "result_second": Out(1),
                "results": Out(data.ArrayLayout(signed(8), config.lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lane_bits = ceil_log2(self.config.lanes)
        # Lanes lie far apart, side by side: control is handed from neighbour to neighbour.
        # The first use after the zero points' is a table's address, ADDRESS_WAIT cycles in.
        control = delay(m, self.control, 1, name="control")
        handed = [control]
        for cycle in range(ADDRESS_WAIT):
            handed.append(delay(m, handed[-1], 1, name=f"control_{cycle}"))
        write_parameter, write_table = self.write_parameter, self.write_table
        parts = parameter_parts(self.config)
        if parts > 1:
            write_parameter = self._in_two_parts(m)
        for index in range(self.config.lanes):
            if index % 2 == 0:
                write_parameter = delay(m, write_parameter, 1, name=f"write_parameter_{index}")
                write_table = delay(m, write_table, 1, name=f"write_table_{index}")
            m.submodules[f"lane_{index}"] = lane = OutputLane(self.config, self.tech)
            chosen = write_parameter.address[:lane_bits] == index
            m.d.comb += [
                lane.value.eq(self.beat.value[index]),
                lane.operand.eq(self.beat.operand[index]),
                lane.parameter.eq(self.beat.parameter),
                lane.second.eq(self.beat.second),
                lane.control.eq(handed[index * len(handed) // self.config.lanes]),
                lane.control.in_zero.eq(control.in_zero),
                lane.control.other_zero.eq(control.other_zero),
                lane.write_parameter.address.eq(write_parameter.address[lane_bits:]),
                lane.write_parameter.data.eq(write_parameter.data),
                lane.write_parameter.enable.eq(write_parameter.enable & chosen.replicate(parts)),
                lane.write_table.eq(write_table),
                self.results[index].eq(lane.o),
            ]
        m.d.comb += [
            self.result_valid.eq(delay(m, self.valid, self.LATENCY, name="valid")),
            self.result_second.eq(delay(m, self.beat.second, self.LATENCY, name="second")),
        ]
        return m

    def _in_two_parts(self, m: Module):
        """Return what writes the lower half of a parameter, then the upper one."""
        port, second = self.write_parameter, Signal()
        m.d.sync += second.eq(port.enable)
        part = Signal(
            lane_write_layout(self.config.parameter_words * self.config.lanes, len(port.data), 2),
            name="part",
        )
        lower, upper = port.data[: len(part.data)], port.data[len(part.data) :]
        m.d.comb += [
            part.address.eq(port.address),
            part.data.eq(Mux(second, upper, lower)),
            part.enable.eq(Cat(port.enable, second)),
        ]
        return part

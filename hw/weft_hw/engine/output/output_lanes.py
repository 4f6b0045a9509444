"""Output lanes: from sums and elementwise operands to int8 results, several per cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_ENTRIES, TABLE_ENTRY_BYTES
from weft_hw.contract.memory_map import PARAMETER, PARAMETER_BYTES
from weft_hw.engine.layouts import beat_layout
from weft_hw.engine.output.requantize import RESCALE, Requantize
from weft_hw.parts.delay import delay
from weft_hw.parts.fields import layout_of
from weft_hw.tech.memories import READ_LATENCY
from weft_hw.tech.multipliers import wide_latency
from weft_hw.tech.portable import Portable

__all__ = ["LANE_CONTROL", "OutputLanes", "lane_write_layout"]

_CENTERED = signed(9)  # an int8 operand less its zero point
_PARAMETER_LAYOUT = layout_of(PARAMETER)
_ADDRESS_WAIT = 1 + wide_latency(_CENTERED) - 1 - READ_LATENCY

LANE_CONTROL = data.StructLayout(
    {
        "rescale": RESCALE,
        "second": RESCALE,
        "use_table": 1,
        "add_table": 1,
        "multiply": 1,
        "in_zero": signed(8),
        "other_zero": signed(8),
    }
)


def lane_write_layout(words: int, width: int, parts: int = 1) -> data.StructLayout:
    """Return the layout of a port that can write a part of one of ``words`` words each cycle."""
    return data.StructLayout({"address": range(words), "data": width // parts, "enable": parts})


def _parts(config: Config) -> int:
    """Return the cycles in which a parameter is written: two where wires are scarce."""
    return 1 + config.paired


class OutputLane(wiring.Component):
    """One lane of :class:`OutputLanes`, with the same latency and the same control.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    value : In(signed(32)); operand : In(signed(8)); parameter : In(range(parameter_words))
    second : In(1), of this value
    control : In(LANE_CONTROL)
    write_parameter, write_table : In, ports of this lane's memories
    o : Out(signed(8))
    """

    # the operands' product, then the addend
    SUM_LATENCY = 1 + wide_latency(_CENTERED) + 1
    LATENCY = SUM_LATENCY + Requantize.LATENCY + READ_LATENCY + 1

    value: Signal
    operand: Signal
    parameter: Signal
    second: Signal
    control: data.View
    write_parameter: data.View
    write_table: data.View
    o: Signal

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        super().__init__(
            {
                "value": In(signed(32)),
                "operand": In(signed(8)),
                "parameter": In(range(config.parameter_words)),
                "second": In(1),
                "control": In(LANE_CONTROL),
                "write_parameter": In(
                    lane_write_layout(config.parameter_words, PARAMETER_BYTES * 8, _parts(config))
                ),
                "write_table": In(lane_write_layout(TABLE_ENTRIES, 8 * TABLE_ENTRY_BYTES)),
                "o": Out(signed(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.product = product = self.tech.wide_multiplier(_CENTERED, _CENTERED)
        parts, part_bits = _parts(self.config), len(self.write_parameter.data)
        m.submodules.parameters = parameters = self.tech.block_ram(
            width=_PARAMETER_LAYOUT.size if parts == 1 else parts * part_bits,
            depth=self.config.parameter_words,
            granularity=part_bits if parts > 1 else None,
        )
        m.submodules.table = table = self.tech.block_ram(
            width=8 * TABLE_ENTRY_BYTES, depth=TABLE_ENTRIES
        )
        m.submodules.requantize = requantize = Requantize(
            self.tech, dsp=self.config.dsp_lanes, two=True
        )
        for memory, port in [(parameters, self.write_parameter), (table, self.write_table)]:
            m.d.comb += [
                memory.write_address.eq(port.address),
                memory.write_data.eq(port.data.replicate(len(port.enable))),
                memory.write_enable.eq(port.enable),
            ]
        control = self.control

        # Everything arrives at the addition together with the product; the addend has a register
        # of its own, since block RAM is slow and may lie far away.
        m.d.sync += [
            product.a.eq(self.value[:8].as_signed() - control.in_zero),
            product.b.eq(self.operand - control.other_zero),
        ]
        value = delay(m, self.value, 1 + product.latency, name="value")
        operand = delay(m, self.operand, _ADDRESS_WAIT, name="operand")
        m.d.comb += [
            parameters.read_address.eq(delay(m, self.parameter, _ADDRESS_WAIT, name="parameter")),
            table.read_address.eq(Mux(control.use_table, requantize.o, operand)),
        ]
        parameter = data.View(_PARAMETER_LAYOUT, parameters.read_data[: _PARAMETER_LAYOUT.size])
        addend, total, add_table = Signal(signed(32)), Signal(signed(32)), Signal()
        wait = _ADDRESS_WAIT + READ_LATENCY - 1
        second = delay(m, self.second, wait, name="second")
        m.d.sync += [
            add_table.eq(control.add_table | second),
            addend.eq(Mux(add_table, table.read_data.as_signed(), parameter.bias)),
            total.eq(Mux(control.multiply, product.o, value) + addend),
        ]

        m.d.comb += [
            requantize.value.eq(total),
            requantize.multiplier.eq(delay(m, parameter.multiplier, 2, name="multiplier")),
            requantize.shift.eq(delay(m, parameter.shift, 2, name="shift")),
            requantize.rescale.eq(control.rescale),
            requantize.second.eq(delay(m, second, self.SUM_LATENCY - wait, name="second_sum")),
            requantize.second_rescale.eq(control.second),
        ]
        plain = delay(m, requantize.o, READ_LATENCY, name="plain")
        m.d.sync += self.o.eq(Mux(control.use_table, table.read_data[:8], plain))
        return m


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
        # The first use after the zero points' is a table's address, _ADDRESS_WAIT cycles in.
        control = delay(m, self.control, 1, name="control")
        handed = [control]
        for cycle in range(_ADDRESS_WAIT):
            handed.append(delay(m, handed[-1], 1, name=f"control_{cycle}"))
        write_parameter, write_table = self.write_parameter, self.write_table
        parts = _parts(self.config)
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

"""One output lane: from a sum or elementwise operands to an int8 result, in each cycle."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_ENTRIES, TABLE_ENTRY_BYTES
from weft_hw.contract.memory_map import PARAMETER, PARAMETER_BYTES
from weft_hw.engine.output.requantize import RESCALE, Requantize
from weft_hw.parts.delay import delay
from weft_hw.parts.fields import layout_of
from weft_hw.tech.memories import READ_LATENCY
from weft_hw.tech.multipliers import wide_latency
from weft_hw.tech.portable import Portable

__all__ = ["ADDRESS_WAIT", "LANE_CONTROL", "OutputLane", "lane_write_layout", "parameter_parts"]

_CENTERED = signed(9)  # an int8 operand less its zero point
PARAMETER_LAYOUT = layout_of(PARAMETER)
ADDRESS_WAIT = 1 + wide_latency(_CENTERED) - 1 - READ_LATENCY
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


def parameter_parts(config: Config) -> int:
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
                    lane_write_layout(
                        config.parameter_words, PARAMETER_BYTES * 8, parameter_parts(config)
                    )
                ),
                "write_table": In(lane_write_layout(TABLE_ENTRIES, 8 * TABLE_ENTRY_BYTES)),
                "o": Out(signed(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.product = product = self.tech.wide_multiplier(_CENTERED, _CENTERED)
        parts, part_bits = parameter_parts(self.config), len(self.write_parameter.data)
        m.submodules.parameters = parameters = self.tech.block_ram(
            width=PARAMETER_LAYOUT.size if parts == 1 else parts * part_bits,
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
        operand = delay(m, self.operand, ADDRESS_WAIT, name="operand")
        m.d.comb += [
            parameters.read_address.eq(delay(m, self.parameter, ADDRESS_WAIT, name="parameter")),
            table.read_address.eq(Mux(control.use_table, requantize.o, operand)),
        ]
        parameter = data.View(PARAMETER_LAYOUT, parameters.read_data[: PARAMETER_LAYOUT.size])
        addend, total, add_table = Signal(signed(32)), Signal(signed(32)), Signal()
        wait = ADDRESS_WAIT + READ_LATENCY - 1
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

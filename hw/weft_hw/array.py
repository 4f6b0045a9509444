"""Systolic array: partial sums move down the rows, activations move across the columns."""

from amaranth.hdl import Module, Mux, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.delay import delay
from weft_hw.layouts import step_layout
from weft_hw.pe import ProcessingElement, sum_shape
from weft_hw.tech.portable import READ_LATENCY, Portable

__all__ = ["SystolicArray"]


class SystolicArray(wiring.Component):
    """``sums[p][c] = sum over rows r of activation[p][r] * W[weight_address][r][c]``.

    Activations, weight addresses and sums move: row ``r`` works ``r`` cycles behind row 0, and
    each tile of ``config.tile`` columns one cycle behind the tile on its left. The sums leave
    aligned, together with the ``step`` that they belong to. In a depthwise layer every column
    takes its own activation instead of the one that crosses the row.

    Latency is ``rows + tiles + 4`` cycles from ``step`` to ``o_step``; throughput is one step per
    cycle; nothing stalls. ``broadcast`` and ``own`` of row ``r`` belong to the step of ``1 + r``
    cycles before (which is when the window former has them).

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    step : In(step_layout(config)); weight_address : In(range(weight_words))
    depthwise : In(1), constant while steps are in flight; handed from element to element like them
    own : In, activation of [pixel][row][column], of which column 0 also crosses the row
    o_step : Out(step_layout(config)); sums : Out, of [pixel][column]
    load : In, one column of one weight word: ``address`` (word * columns + column), ``weights``
    """

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        self.latency = config.rows + config.columns // config.tile + READ_LATENCY + 2
        words = data.ArrayLayout(signed(8), config.columns)
        super().__init__({
            "step": In(step_layout(config)),
            "weight_address": In(range(config.weight_words)),
            "depthwise": In(1),
            "own": In(data.ArrayLayout(data.ArrayLayout(words, config.rows), config.pixels)),
            "o_step": Out(step_layout(config)),
            "sums": Out(data.ArrayLayout(
                data.ArrayLayout(sum_shape(config), config.columns), config.pixels)),
            "load": In(wiring.Signature({
                "enable": Out(1),
                "address": Out(range(config.weight_words * config.columns)),
                "weights": Out(config.rows * 8),
            })),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        config = self.config
        tiles = config.columns // config.tile
        column_bits = (config.columns - 1).bit_length()
        m.d.comb += self.o_step.eq(delay(m, self.step, self.latency, name="step"))

        enable, address, weights = self.load.enable, self.load.address, self.load.weights
        # What enters tile 0; each row and each tile adds a cycle.
        addresses, depthwise = [self.weight_address], [self.depthwise]
        for row in range(1, config.rows):
            addresses.append(delay(m, addresses[-1], 1, name=f"address_r{row}"))
            depthwise.append(delay(m, depthwise[-1], 1, name=f"depthwise_r{row}"))
        crossing = [[self.own[p][row][0] for row in range(config.rows)]
                    for p in range(config.pixels)]

        for tile in range(tiles):
            if tile:
                addresses = [delay(m, a, 1, name=f"address_t{tile}_r{r}")
                             for r, a in enumerate(addresses)]
                crossing = [[delay(m, a, 1, name=f"crossing_p{p}_t{tile}_r{r}")
                             for r, a in enumerate(rows)] for p, rows in enumerate(crossing)]
            depthwise = [delay(m, d, 1, name=f"depthwise_t{tile}_r{r}")
                         for r, d in enumerate(depthwise)]
            if not config.compact:  # whose weights stand at the host port long enough
                enable = delay(m, enable, 1, name=f"load_enable_t{tile}")
                address = delay(m, address, 1, name=f"load_address_t{tile}")
                weights = delay(m, weights, 1, name=f"load_weights_t{tile}")
            first = tile * config.tile
            m.submodules[f"weights_{tile}"] = memory = self.tech.weight_column(
                rows=config.rows, depth=config.weight_words, columns=config.tile)
            m.d.comb += [
                memory.write_address.eq(address[column_bits:]), memory.write_data.eq(weights),
            ]
            for row in range(config.rows):
                m.d.comb += memory.read_address[row].eq(addresses[row])
            for column in range(first, first + config.tile):
                m.d.comb += memory.write_enable[column - first].eq(
                    enable & (address[:column_bits] == column))
                words = memory.read_data[(column - first) * config.rows:][:config.rows]
                for p in range(config.pixels):
                    total = self._column(m, p, tile, column, crossing[p], depthwise, words)
                    m.d.comb += self.sums[p][column].eq(
                        delay(m, total, tiles - 1 - tile, name=f"sum_p{p}_c{column}"))
        return m

    def _column(self, m, pixel, tile, column, crossing, depthwise, weights):
        """Chain the elements of one column of one pixel; return the lowest one's sum."""
        config, total = self.config, 0
        for row in range(config.rows):
            index = (pixel * config.rows + row) * config.columns + column
            element = ProcessingElement(
                config, self.tech, dsp=index < config.dsp_multipliers)
            name = f"p{pixel}_r{row}_c{column}"
            m.submodules[f"pe_{name}"] = element
            own = delay(m, self.own[pixel][row][column], tile, name=f"own_{name}")
            activation = Mux(depthwise[row], own, crossing[row])
            m.d.comb += [
                element.activation.eq(delay(m, activation, 1, name=f"activation_{name}")),
                element.weight.eq(weights[row]),
                element.sum_in.eq(total),
            ]
            total = element.sum_out
        return total

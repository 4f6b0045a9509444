"""Systolic array: partial sums move down the rows, activations move across the columns."""

from functools import partial
from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.timing import array_latency
from weft_hw.engine.compute.pe import ProcessingElement, sum_shape
from weft_hw.engine.layouts import step_layout
from weft_hw.parts.delay import delay
from weft_hw.tech.portable import Portable

__all__ = ["SmallArray", "SystolicArray"]


class SystolicArray(wiring.Component):
    """``sums[p][c] = sum over rows r of activation[p][r] * W[weight_address][r][c]``.

    Activations, weight addresses and sums move: each stage (``config.stages``) works a cycle
    behind the one above it, each tile of ``config.tile`` columns one cycle behind the tile on
    its left, and each pixel one cycle behind the one before. The sums of a pixel leave aligned,
    those of pixel 0 together with the ``step`` that they belong to. In a depthwise layer every
    column takes its own activation instead of the one that crosses the row.

    If ``config.own_weights`` and while ``own_weights``, pixel ``p`` takes the weights of word
    ``weight_address + p``, where the address is a multiple of ``pixels``.

    Latency is ``stages + tiles + 4`` cycles from ``step`` to ``o_step``; throughput is one step
    per cycle; nothing stalls. ``own`` of row ``r`` and pixel ``p`` belongs to the step of
    ``1 + config.lag(r) + p`` cycles before, which is when the window former has it.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    step : In(step_layout(config)); weight_address : In(range(weight_words))
    depthwise : In(1), constant while steps are in flight; handed from element to element like them
    own_weights : In(1), likewise, only if ``config.own_weights``; no load may come then
    own : In, activation of [pixel][row][column], of which column 0 also crosses the row
    o_step : Out(step_layout(config)); sums : Out, of [pixel][column]
    load : In, one column of one weight word: ``address`` (word * columns + column), ``weights``
    """

    LATE = 0  # cycles by which activations come later than said above

    step: data.View
    weight_address: Signal
    depthwise: Signal
    own_weights: Signal
    own: data.View
    o_step: data.View
    sums: data.View
    load: wiring.FlippedInterface

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        self.latency = array_latency(config)
        words = data.ArrayLayout(signed(8), config.columns)
        super().__init__(
            {
                "step": In(step_layout(config)),
                "weight_address": In(range(config.weight_words)),
                "depthwise": In(1),
                **({"own_weights": In(1)} if config.own_weights else {}),
                "own": In(data.ArrayLayout(data.ArrayLayout(words, config.rows), config.pixels)),
                "o_step": Out(step_layout(config)),
                "sums": Out(
                    data.ArrayLayout(
                        data.ArrayLayout(sum_shape(config), config.columns), config.pixels
                    )
                ),
                **self._more_ports(),
                "load": In(
                    wiring.Signature(
                        {
                            "enable": Out(1),
                            "address": Out(range(config.weight_words * config.columns)),
                            "weights": Out(config.rows * 8),
                        }
                    )
                ),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        tiles = config.columns // config.tile
        column_bits = (config.columns - 1).bit_length()
        hand_on = partial(delay, m, cycles=1, apart=True)
        m.d.comb += self.o_step.eq(delay(m, self.step, self.latency, name="step"))

        load = self.load.enable, self.load.address, self.load.weights
        # What enters tile 0; each stage and each tile adds a cycle, and has registers of its own.
        addresses = [self.weight_address]
        depthwise = [delay(m, self.depthwise, self.LATE, name="depthwise_s0")]
        for stage in range(1, len(config.stages)):
            addresses.append(hand_on(addresses[-1], name=f"address_s{stage}"))
            depthwise.append(hand_on(depthwise[-1], name=f"depthwise_s{stage}"))
        crossing = [
            [self.own[p][row][0] for row in range(config.rows)] for p in range(config.pixels)
        ]
        at_once = config.pixels if config.own_weights else 1
        own_weights = [self.own_weights] if config.own_weights else []
        for stage in range(1, len(config.stages) if config.own_weights else 0):
            own_weights.append(hand_on(own_weights[-1], name=f"own_weights_s{stage}"))

        for tile in range(tiles):
            if tile:
                addresses = [
                    hand_on(a, name=f"address_t{tile}_s{s}") for s, a in enumerate(addresses)
                ]
                crossing = [
                    [delay(m, a, 1, name=f"crossing_p{p}_t{tile}_r{r}") for r, a in enumerate(rows)]
                    for p, rows in enumerate(crossing)
                ]
            depthwise = [
                hand_on(d, name=f"depthwise_t{tile}_s{s}") for s, d in enumerate(depthwise)
            ]
            own_weights = [
                hand_on(o, name=f"own_weights_t{tile}_s{s}") for s, o in enumerate(own_weights)
            ]
            enable, address, weights = load = self._hand_load(m, tile, *load)
            first = tile * config.tile
            m.submodules[f"weights_{tile}"] = memory = self.tech.weight_column(
                rows=config.rows,
                depth=config.weight_words,
                columns=config.tile,
                at_once=len(config.stages[0]),
                words=at_once,
            )
            m.d.comb += [
                memory.write_address.eq(address[column_bits:]),
                memory.write_data.eq(weights),
            ]
            for row in range(config.rows):
                m.d.comb += memory.read_address[row].eq(addresses[config.lag(row)])
            for column in range(first, first + config.tile):
                m.d.comb += memory.write_enable[column - first].eq(
                    enable & (address[:column_bits] == column)
                )
            size = config.tile * config.rows
            words_read = [[*memory.read_data[p * size :][:size]] for p in range(at_once)]
            weights_read, select, chosen = words_read[0], depthwise, own_weights
            for p in range(config.pixels):
                if p:
                    own = words_read[p] if config.own_weights else None
                    chosen = [
                        hand_on(o, name=f"own_weights_p{p}_t{tile}_s{s}")
                        for s, o in enumerate(chosen)
                    ]
                    weights_read = self._hand_weights(m, p, tile, weights_read, own, chosen)
                    select = [
                        hand_on(d, name=f"depthwise_p{p}_t{tile}_s{s}")
                        for s, d in enumerate(select)
                    ]
                for column in range(first, first + config.tile):
                    words = weights_read[(column - first) * config.rows :][: config.rows]
                    total = self._column(m, p, tile, column, crossing[p], select, words)
                    m.d.comb += self.sums[p][column].eq(
                        delay(m, total, tiles - 1 - tile, name=f"sum_p{p}_c{column}")
                    )
            if not tile:
                self._sum_crossing(m, crossing)
        return m

    def _more_ports(self):
        """Return ports that only a variant has."""
        return {}

    def _hand_load(self, m, tile, enable, address, weights):
        """Return what is loaded, as the next tile gets it."""
        return (
            delay(m, enable, 1, name=f"load_enable_t{tile}"),
            delay(m, address, 1, name=f"load_address_t{tile}"),
            delay(m, weights, 1, name=f"load_weights_t{tile}"),
        )

    def _sum_crossing(self, m, crossing):
        """Sum what a variant needs of the activations alone."""

    def _hand_weights(self, m, pixel, tile, weights, own, chosen):
        """Return the weights of a pixel, a cycle behind the one before, or its ``own`` ones.

        The memory gives words 1 and 3 a cycle before their pixels want them, and word 2 in time.
        """
        names = [f"weight_p{pixel}_t{tile}_{index}" for index in range(len(weights))]
        if own is None:
            return [delay(m, w, 1, name=name) for w, name in zip(weights, names, strict=True)]
        result = []
        for index, (before, mine, name) in enumerate(zip(weights, own, names, strict=True)):
            choose = chosen[self.config.lag(index % self.config.rows)]
            if pixel % 2:
                result.append(delay(m, Mux(choose, mine, before), 1, name=name))
            else:
                result.append(Mux(choose, mine, delay(m, before, 1, name=name)))
        return result

    def _column(self, m, pixel, tile, column, crossing, depthwise, weights):
        """Chain the elements of one column of one pixel; return the lowest one's sum."""
        config, total = self.config, 0
        for stage, rows in enumerate(config.stages):
            dsp = config.has_dsp(pixel, stage, column)
            name = f"p{pixel}_r{rows[0]}_c{column}"
            own = [
                delay(m, self.own[pixel][row][column], tile, name=f"own_p{pixel}_r{row}_c{column}")
                for row in rows
            ]
            element = self._element(
                m,
                name,
                dsp=dsp,
                depthwise=depthwise[stage],
                crossing=[crossing[row] for row in rows],
                own=own,
                weights=[weights[row] for row in rows],
            )
            m.submodules[f"pe_{name}"] = element
            m.d.comb += element.sum_in.eq(total)
            total = element.sum_out
        return total

    def _element(self, m, name, *, dsp, depthwise, crossing, own, weights) -> Any:
        """Return the element of one stage, connected but for its sums."""
        element = ProcessingElement(self.config, self.tech, dsp=dsp)
        activation = Mux(depthwise, own[0], crossing[0])
        m.d.comb += [
            element.activation.eq(delay(m, activation, 1 - self.LATE, name=f"activation_{name}")),
            element.weight.eq(weights[0]),
        ]
        return element


class SmallArray(SystolicArray):
    """The same for few cells: weights stand at the host port until the last tile has them."""

    def _hand_load(self, m, tile, enable, address, weights):
        """Return what is loaded, as it stands."""
        return enable, address, weights

"""Systolic array: partial sums move down the rows, activations move across the columns."""

from functools import partial

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.timing import array_latency
from weft_hw.engine.compute.pe import PairElement, ProcessingElement, sum_shape
from weft_hw.engine.layouts import step_layout
from weft_hw.parts.delay import delay
from weft_hw.tech.portable import Portable

__all__ = ["SystolicArray"]


class SystolicArray(wiring.Component):
    """``sums[p][c] = sum over rows r of activation[p][r] * W[weight_address][r][c]``.

    Activations, weight addresses and sums move: each stage (``config.stages``) works a cycle
    behind the one above it, each tile of ``config.tile`` columns one cycle behind the tile on
    its left, and each pixel one cycle behind the one before. The sums of a pixel leave aligned,
    those of pixel 0 together with the ``step`` that they belong to. In a depthwise layer every
    column takes its own activation instead of the one that crosses the row.

    If ``config.paired``, the sums also contain, for each pair of rows, the product of both weights
    and that of both crossing activations, which ``excess`` gives.

    If ``config.own_weights`` and while ``own_weights``, pixel ``p`` takes the weights of word
    ``weight_address + p``, where the address is a multiple of ``pixels``.

    Latency is ``stages + tiles + 4`` cycles from ``step`` to ``o_step``; throughput is one step
    per cycle; nothing stalls. ``own`` of row ``r`` and pixel ``p`` belongs to the step of
    ``1 + config.lag(r) + p`` cycles before, or one more if ``config.paired``, which is when the
    window former has it.

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
    excess : Out, of [pixel], only if ``config.paired``
    load : In, one column of one weight word: ``address`` (word * columns + column), ``weights``
    """

    step: data.View
    weight_address: Signal
    depthwise: Signal
    own_weights: Signal
    own: data.View
    o_step: data.View
    sums: data.View
    load: wiring.FlippedInterface
    excess: data.View

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
                **(
                    {"excess": Out(data.ArrayLayout(sum_shape(config), config.pixels))}
                    if config.paired
                    else {}
                ),
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

        enable, address, weights = self.load.enable, self.load.address, self.load.weights
        # What enters tile 0; each stage and each tile adds a cycle, and has registers of its own.
        addresses = [self.weight_address]
        depthwise = [delay(m, self.depthwise, int(config.paired), name="depthwise_s0")]
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
            if not config.compact:  # whose weights stand at the host port long enough
                enable = delay(m, enable, 1, name=f"load_enable_t{tile}")
                address = delay(m, address, 1, name=f"load_address_t{tile}")
                weights = delay(m, weights, 1, name=f"load_weights_t{tile}")
            first = tile * config.tile
            m.submodules[f"weights_{tile}"] = memory = self.tech.weight_column(
                rows=config.rows,
                depth=config.weight_words,
                columns=config.tile,
                at_once=1 + config.paired,
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
            if config.paired and not tile:
                for p in range(config.pixels):
                    excess = self._excess(m, p, crossing[p])
                    m.d.comb += self.excess[p].eq(delay(m, excess, tiles - 1, name=f"excess_p{p}"))
        return m

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
            if len(rows) == 2:
                element = PairElement(config, self.tech, dsp=dsp)
                m.d.comb += element.depthwise.eq(depthwise[stage])
                for place, row in enumerate(rows):
                    m.d.comb += [
                        element.crossing[place].eq(crossing[row]),
                        element.own[place].eq(own[place]),
                        element.weight[place].eq(weights[row]),
                    ]
            else:
                element = ProcessingElement(config, self.tech, dsp=dsp)
                activation = Mux(depthwise[stage], own[0], crossing[rows[0]])
                m.d.comb += [
                    element.activation.eq(
                        delay(m, activation, int(not config.paired), name=f"activation_{name}")
                    ),
                    element.weight.eq(weights[rows[0]]),
                ]
            m.submodules[f"pe_{name}"] = element
            m.d.comb += element.sum_in.eq(total)
            total = element.sum_out
        return total

    def _excess(self, m, pixel, crossing):
        """Chain the products of two activations of one pixel, as one more column would."""
        total = 0
        for rows in self.config.stages:
            if len(rows) == 1:
                return delay(m, total, 1, name=f"excess_p{pixel}_r{rows[0]}")
            element = ProcessingElement(self.config, self.tech, dsp=False)
            m.submodules[f"excess_p{pixel}_r{rows[0]}"] = element
            m.d.comb += [
                element.activation.eq(crossing[rows[0]]),
                element.weight.eq(crossing[rows[1]]),
                element.sum_in.eq(total),
            ]
            total = element.sum_out
        return total

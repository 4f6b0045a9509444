"""Feeder: starts each window when it is complete, and counts out its steps and weights."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR
from weft_hw.contract.fields import widths
from weft_hw.contract.timing import LANE_CYCLES
from weft_hw.engine.layouts import column_layout, step_layout, window_layout
from weft_hw.parts.delay import delay

__all__ = ["Feeder", "SerialFeeder"]


class Feeder(wiring.Component):
    """Takes columns, pushes them into the window former, and runs its windows.

    A window of ``n`` steps occupies the array for ``n`` cycles; the next window's columns arrive
    meanwhile, so windows follow each other without a gap as long as they come no slower. The one
    thing waited for besides is the exit: two outputs are at least as many cycles apart as their
    results have beats. All outputs are registered: 1 cycle from a column to ``push``, and from
    the decision to start to ``start`` and ``step``.

    Parameters
    ----------
    config : Config

    Members
    -------
    columns : In(stream.Signature(column_layout(config)))
    begin : In(1), a new layer: takes ``weight_base``
    enable : In(1), windows may start; columns are taken in any case
    weight_base, last_beats : In, constant during a layer
    adds : In(1), likewise, not if ``config.compact``: results leave the lanes twice
    own_weights : In(1), likewise, only if ``config.own_weights``: ``weight_address`` goes on by
        ``pixels`` words a step, from one window to the next
    step : Out(step_layout(config)); weight_address : Out
    push, pixel, words, every, start, channels : Out, to the window former; a ``start`` for each
        tile of columns, as it is needed across the chip a cycle after the decision
    waits_output : Out(1), a complete window is held back by results that still leave
    empty : Out(1), no complete window waits for its start
    """

    BEAT_CYCLES = 1  # from one beat of results to the next

    columns: stream.Interface
    begin: Signal
    enable: Signal
    weight_base: Signal
    last_beats: Signal
    step: data.View
    weight_address: Signal
    push: Signal
    pixel: Signal
    words: data.View
    every: Signal
    start: Signal
    channels: Signal
    waits_output: Signal
    empty: Signal
    adds: Signal
    own_weights: Signal

    def __init__(self, config: Config):
        self.config = config
        column = column_layout(config)
        super().__init__(
            {
                "columns": In(stream.Signature(column)),
                "begin": In(1),
                "enable": In(1),
                "weight_base": In(range(config.weight_words)),
                "last_beats": In(widths(DESCRIPTOR)["last_beats"]),
                **self._more_ports(),
                **({} if config.compact else {"adds": In(1)}),
                **({"own_weights": In(1)} if config.own_weights else {}),
                "step": Out(step_layout(config)),
                "weight_address": Out(range(config.weight_words)),
                "push": Out(1),
                "pixel": Out(column["pixel"].shape),
                "words": Out(column["words"].shape),
                "every": Out(1),
                "start": Out(config.columns // config.tile),
                "channels": Out(1),
                "waits_output": Out(1),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, column = self.config, self.columns.p
        most = config.pixels * config.beats * self.BEAT_CYCLES * (1 if config.compact else 2)

        complete = Signal()  # the window former holds a whole window that waits for its start
        window = Signal(window_layout(config))  # what is known of it
        running = Signal(window_layout(config))
        left = Signal.like(window.steps_minus_1)  # steps still to come of the running window
        idle = Signal(init=1)  # there are none
        # Cycles in which the results of the running output will leave, and still have to.
        results, cooling = Signal(range(most + 1)), Signal(range(most + 1))
        covers = Signal()  # the waiting window lasts as long as the results of the one before
        cooled = Signal(init=1)  # or as long as those results still will

        start, free, taken = Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq(~window.last | Mux(self.step.last, covers, cooled)),
            taken.eq(self.columns.valid & self.columns.ready),
            start.eq(complete & idle & free & self.enable),
            self.empty.eq(~complete),
            self.columns.ready.eq(~complete | self._makes_room(start)),
        ]

        # Columns.
        m.d.sync += [
            self.waits_output.eq(complete & idle & ~free),
            self.push.eq(taken),
            self.pixel.eq(column.pixel),
            self.every.eq(column.every),
        ]
        m.d.comb += [
            self.words.eq(delay(m, column.words, 1, name="words")),
            self.start.eq(delay(m, start.replicate(len(self.start)), 1, name="starts", apart=True)),
        ]
        with m.If(start):
            m.d.sync += complete.eq(0)
        with m.If(taken):
            m.d.sync += [window.eq(column.window), complete.eq(column.complete)]

        # Steps.
        stepping = start | ~idle
        current = Signal.like(window)
        final_step = Signal()
        m.d.comb += [
            current.eq(Mux(start, window, running)),
            final_step.eq(Mux(start, window.steps_minus_1 == 0, left == 1)),
        ]
        with m.If(start):
            m.d.sync += [
                running.eq(window),
                left.eq(window.steps_minus_1),
                idle.eq(window.steps_minus_1 == 0),
            ]
        with m.Elif(~idle):
            m.d.sync += [left.eq(left - 1), idle.eq(left == 1)]
        m.d.sync += [
            self.channels.eq(window.channels),
            self.step.valid.eq(stepping),
            self.step.first.eq(start & current.first),
            self.step.last.eq(final_step & current.last),
            self.step.group_end.eq(current.group_end),
            self.step.final_group.eq(current.final_group),
            self.step.last_pixel.eq(current.last_pixel),
        ]

        # Exit.
        beats = Mux(window.final_group, self.last_beats, config.beats)
        if not config.compact:
            beats = Mux(self.adds, beats << 1, beats)
        window_results = Signal.like(results)
        self._count_results(m, window_results, beats, window.last_pixel)
        with m.If(start):
            m.d.sync += results.eq(window_results)
        with m.If(taken):
            m.d.sync += covers.eq(
                Mux(start, window_results, results) <= column.window.steps_minus_1
            )
        ended = self.step.last
        leaving, left_over = Mux(ended, results, cooling), Signal.like(cooling)
        m.d.comb += left_over.eq(Mux(leaving == 0, 0, leaving - 1))
        # `cooling <= window.steps_minus_1` of the next cycle, so that a start is decided at once.
        m.d.sync += [
            cooling.eq(left_over),
            cooled.eq(
                Mux(
                    taken,
                    left_over <= column.window.steps_minus_1,
                    left_over <= window.steps_minus_1,
                )
            ),
        ]

        # Weights: a group's are read again for each column of the output row.
        address, group = self.weight_address, Signal.like(self.weight_base)
        step, returns = 1, ended
        if config.own_weights:
            step = Mux(self.own_weights, config.pixels, 1)
            returns = ended & ~self.own_weights
        with m.If(self.step.valid):
            m.d.sync += address.eq(address + step)
        with m.If(returns):
            with m.If(~self.step.group_end):
                m.d.sync += address.eq(group)
            with m.Elif(self.step.final_group):
                m.d.sync += [address.eq(self.weight_base), group.eq(self.weight_base)]
            with m.Else():
                m.d.sync += group.eq(address + 1)
        with m.If(self.begin):
            m.d.sync += [address.eq(self.weight_base), group.eq(self.weight_base)]
        return m

    def _more_ports(self):
        """Return ports that only a variant has."""
        return {}

    def _makes_room(self, start):
        """Return whether a column may come in the cycle of a ``start``."""
        return start

    def _count_results(self, m, results, beats, last_pixel):
        """Drive the cycles, less one, in which an output's results leave.

        A choice among constant multiples: yosys would make a ``*`` here a multiplier block.
        """
        with m.Switch(last_pixel):
            for pixel in range(self.config.pixels):
                with m.Case(pixel):
                    m.d.comb += results.eq(beats * (pixel + 1) - 1)


class SerialFeeder(Feeder):
    """The same before lanes that take ``LANE_CYCLES`` for a beat; there is only one pixel."""

    BEAT_CYCLES = LANE_CYCLES

    def _count_results(self, m, results, beats, last_pixel):
        """Drive the cycles, less one, in which an output's results leave."""
        with m.Switch(beats):
            for count in range(1, self.config.beats + 1):
                with m.Case(count):
                    m.d.comb += results.eq(count * LANE_CYCLES - 1)

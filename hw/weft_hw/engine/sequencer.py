"""Sequencer: walks the layer descriptors."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import COUNTER_STRIDE, DESCRIPTOR_WORDS
from weft_hw.contract.move import MOVE
from weft_hw.contract.timing import QUEUED_MOVES
from weft_hw.engine.descriptors import Fetch
from weft_hw.engine.layouts import descriptor_layout, events_layout
from weft_hw.engine.ports import RUN
from weft_hw.engine.variants import variants_of
from weft_hw.memory.scoreboard import Scoreboard
from weft_hw.parts.delay import delay
from weft_hw.parts.fields import layout_of
from weft_hw.tech.portable import Portable

__all__ = ["Sequencer"]

_WORD = 32


class Sequencer(wiring.Component):
    """Runs layers in order, each in two halves that may overlap with its neighbours'.

    The front half reads the input (line buffers and window program), the back half computes and
    writes. A layer's front half begins when the one before needs its own no more, its back half
    2 cycles after all results of the layer before are written; ``joined`` says that both halves
    are at work on the same layer. The descriptor after that is fetched meanwhile.

    With memory beside the chip, a move goes to the mover's queue as soon as there is room, and a
    layer's front half also waits for the moves that it names. A run has ended when its moves have.

    A compact configuration has one descriptor, for both halves, which is fetched when the layer
    before has ended; its kind is MAC, whatever it says.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    start : In(stream.Signature(RUN)), taken only when idle; a count of 0 does nothing
    front_begin, back_begin : Out(1), for one cycle
    front, back : Out, descriptors, constant from then on until the next
    joined : Out(1)
    working : Out(1), the back half has a layer that is not done yet
    front_done : In(1), while the front half has nothing left to do
    done : In(1), for one cycle: the back half is done
    busy : Out(1); cycles : Out(32), of the run under way, from its second cycle on, or the last one
    events : In(events_layout(config)), counted during a layer; those of ``LATE`` cycles ago, as the
        counters have it
    load : In, one descriptor word: ``enable``, ``address``, ``data``
    With memory beside the chip only:
    put_move : Out(1), move : Out, the next one of the mover; layers : Out(16), that are done
    move_begun, move_done : In(1), for one cycle: the mover took one from its queue, finished one
    waits_memory : Out(1), the next layer, or its descriptor, waits for a move

    counter_address : In, layer * COUNTER_STRIDE + counter; counter_data : Out, 2 cycles later; a
        layer's counters are in memory 8 cycles after its ``done``, if the next layer lasts as long
        as there are counters
    """

    start: stream.Interface
    front_begin: Signal
    front: data.View
    front_done: Signal
    joined: Signal
    working: Signal
    back_begin: Signal
    back: data.View
    done: Signal
    busy: Signal
    cycles: Signal
    events: data.View
    load: wiring.FlippedInterface
    counter_address: Signal
    counter_data: Signal
    put_move: Signal
    move: data.View
    layers: Signal
    move_begun: Signal
    move_done: Signal
    waits_memory: Signal

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        moves = {
            "put_move": Out(1),
            "move": Out(layout_of(MOVE)),
            "layers": Out(16),
            "move_begun": In(1),
            "move_done": In(1),
            "waits_memory": Out(1),
        }
        super().__init__(
            {
                "start": In(stream.Signature(RUN)),
                "front_begin": Out(1),
                "front": Out(descriptor_layout(config)),
                "front_done": In(1),
                "joined": Out(1),
                "working": Out(1),
                "back_begin": Out(1),
                "back": Out(descriptor_layout(config)),
                "done": In(1),
                "busy": Out(1),
                "cycles": Out(32),
                "events": In(events_layout(config)),
                "load": In(
                    wiring.Signature(
                        {
                            "enable": Out(1),
                            "address": Out(range(config.descriptor_count * DESCRIPTOR_WORDS)),
                            "data": Out(_WORD),
                        }
                    )
                ),
                "counter_address": In(range(config.descriptor_count * COUNTER_STRIDE)),
                "counter_data": Out(_WORD),
                **(moves if config.dram_bytes else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = self.tech.block_ram(
            width=_WORD, depth=self.config.descriptor_count * DESCRIPTOR_WORDS
        )
        m.d.comb += [
            memory.write_enable.eq(self.load.enable),
            memory.write_address.eq(self.load.address),
            memory.write_data.eq(self.load.data),
        ]

        variants = variants_of(self.config)
        descriptors = variants.descriptors(m, self.config, self.front, self.back)
        # With memory beside the chip a run may go round the slots, which are a power of two.
        board = Scoreboard(QUEUED_MOVES) if self.config.dram_bytes else None
        count_bits = 16 if board else self.config.descriptor_count.bit_length()
        fetch = Fetch(m, self.config, memory, descriptors, count_bits)
        fetched = fetch.fetched

        may_begin, ends = fetched, Signal()
        if board:
            m.submodules.scoreboard = board
            may_begin = board.may_begin
            m.d.comb += [
                board.clear.eq(~self.busy),
                board.arrives.eq(fetch.arrives),
                board.place.eq(fetch.place),
                board.word.eq(memory.read_data),
                board.fetched.eq(fetched),
                board.handed.eq(board.may_hand),
                board.begun.eq(self.move_begun),
                board.done.eq(self.move_done),
                board.ended.eq(ends),
                self.put_move.eq(board.may_hand),
                self.move.eq(descriptors.ahead),
                self.layers.eq(board.layers),
                self.waits_memory.eq(board.waits),
            ]
            with m.If(board.may_hand):
                m.d.sync += fetched.eq(0)

        # Layers.
        left, layer = Signal(count_bits), Signal(8)
        m.d.comb += self.start.ready.eq(~self.busy)
        was_busy = delay(m, self.busy, 1, name="was_busy")
        with m.If(self.busy):
            m.d.sync += self.cycles.eq(Mux(was_busy, self.cycles, 1) + 1)
        # While idle, whatever is offered is loaded: only what begins the run waits for `valid`.
        with m.Else():
            m.d.sync += [
                left.eq(self.start.p.count),
                fetched.eq(0),
                fetch.address.eq(self.start.p.first * DESCRIPTOR_WORDS),
            ]
        with m.If(self.start.valid & self.start.ready & (self.start.p.count != 0)):
            m.d.sync += [
                self.busy.eq(1),
                fetch.to_fetch.eq(self.start.p.count),
                layer.eq(self.start.p.first),
            ]
        m.d.sync += [self.front_begin.eq(0), self.back_begin.eq(0)]
        with m.FSM(name="front_half") as front_half:
            with m.State("FETCH"), m.If(may_begin):
                m.d.sync += [self.front_begin.eq(1), fetched.eq(0), self.joined.eq(0)]
                m.d.sync += descriptors.begin_front()
                m.next = "READ"
            with m.State("READ"), m.If(self.joined & self.front_done):
                m.next = "FETCH"
        with m.FSM(name="back_half") as back_half:
            m.d.comb += self.working.eq(back_half.ongoing("COMPUTE"))
            with m.State("JOIN"), m.If(front_half.ongoing("READ") & ~self.joined):
                m.d.sync += [self.back_begin.eq(1), self.joined.eq(1)]
                m.d.sync += descriptors.begin_back()
                m.next = "COMPUTE"
            with m.State("COMPUTE"), m.If(self.done):
                m.d.comb += ends.eq(1)
                if not board:
                    m.d.sync += [left.eq(left - 1), layer.eq(layer + 1)]
                    with m.If(left == 1):
                        m.d.sync += self.busy.eq(0)
                m.next = "JOIN"
        if board:
            with m.If(self.busy):
                m.d.sync += left.eq(left - ends - board.may_hand)
                with m.If((left == ends) & board.idle):
                    m.d.sync += self.busy.eq(0)
            # Counters go to the slot of the layer's descriptor.
            slot, front_slot = (
                Signal(range(self.config.descriptor_count), name=name)
                for name in ("slot", "front_slot")
            )
            with m.If(~self.busy):
                m.d.sync += slot.eq(self.start.p.first)
            with m.Elif(board.may_hand):
                m.d.sync += slot.eq(slot + 1)
            with m.If(front_half.ongoing("FETCH") & may_begin):
                m.d.sync += [front_slot.eq(slot), slot.eq(slot + 1)]
            with m.If(back_half.ongoing("JOIN")):
                m.d.sync += layer.eq(front_slot)

        idle = front_half.ongoing("FETCH") & back_half.ongoing("JOIN")
        m.d.comb += descriptors.rest(idle)
        m.submodules.counters = counters = self.tech.block_ram(
            width=_WORD, depth=self.config.descriptor_count * COUNTER_STRIDE
        )
        m.d.comb += [
            counters.read_address.eq(self.counter_address),
            self.counter_data.eq(counters.read_data),
        ]
        variants.counters(
            m,
            self.config,
            counters,
            busy=self.busy,
            events=self.events.as_value(),
            ends=ends,
            layer=layer,
        )
        return m

"""Scoreboard: counts the layers and moves of a run, and says what may go on."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.descriptor import DESCRIPTOR, Kind
from weft_hw.contract.fields import offsets
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS

__all__ = ["Scoreboard"]

_WORD = 32
_MOVES = offsets(DESCRIPTOR)["moves"]
_COUNT = 16


class Scoreboard(wiring.Component):
    """Judge the descriptor that was fetched: a layer waits for moves, a move for room.

    Parameters
    ----------
    queue_depth : int
        Moves that the mover lets wait.

    Members
    -------
    clear : In(1), while there is no run
    arrives : In(1), place : In, word : In(32), the words of the descriptor on their way
    fetched : In(1), all of them came, the last one in the cycle before at the latest
    may_hand : Out(1), it is a move, and there is room
    may_begin : Out(1), it is a layer, and its moves are done
    waits : Out(1), neither
    handed : In(1), the mover's queue took the move
    begun, done : In(1), the mover took one from its queue, finished one
    ended : In(1), a layer ended; layers : Out(16), that have
    idle : Out(1), no move waits or is under way
    """

    clear: Signal
    arrives: Signal
    place: Signal
    word: Signal
    fetched: Signal
    may_hand: Signal
    may_begin: Signal
    waits: Signal
    handed: Signal
    begun: Signal
    done: Signal
    ended: Signal
    layers: Signal
    idle: Signal

    def __init__(self, queue_depth: int):
        self._depth = queue_depth
        super().__init__(
            {
                "clear": In(1),
                "arrives": In(1),
                "place": In(range(DESCRIPTOR_WORDS)),
                "word": In(_WORD),
                "fetched": In(1),
                "may_hand": Out(1),
                "may_begin": Out(1),
                "waits": Out(1),
                "handed": In(1),
                "begun": In(1),
                "done": In(1),
                "ended": In(1),
                "layers": Out(_COUNT),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # What decides comes with words before the last, so that it is ready when that one is.
        is_move, wanted = Signal(), Signal(_COUNT)
        moves, moves_done = Signal(_COUNT), Signal()
        with m.If(self.arrives & (self.place == 0)):
            m.d.sync += is_move.eq(self.word[:2] == Kind.MOVE)
        with m.If(self.arrives & (self.place == _MOVES // _WORD)):
            m.d.sync += wanted.eq(self.word[_MOVES % _WORD :])
        m.d.sync += moves_done.eq(moves >= wanted)

        waiting, under_way = Signal(range(self._depth + 1)), Signal(range(self._depth + 2))
        has_room = waiting != self._depth
        m.d.sync += [
            waiting.eq(waiting + self.handed - self.begun),
            under_way.eq(under_way + self.handed - self.done),
            moves.eq(moves + self.done),
            self.layers.eq(self.layers + self.ended),
        ]
        with m.If(self.clear):
            m.d.sync += [moves.eq(0), self.layers.eq(0)]
        m.d.comb += [
            self.may_hand.eq(self.fetched & is_move & has_room),
            self.may_begin.eq(self.fetched & ~is_move & moves_done),
            self.waits.eq(self.fetched & ~self.may_hand & ~self.may_begin),
            self.idle.eq(under_way == 0),
        ]
        return m

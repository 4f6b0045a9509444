"""Descriptors in the sequencer: the one that is fetched, and those of both halves of a layer."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS
from weft_hw.contract.timing import READ_LATENCY
from weft_hw.engine.layouts import descriptor_layout
from weft_hw.parts.delay import delay

__all__ = ["Descriptors", "Fetch", "OneDescriptor"]

_WORD = 32


class Descriptors:
    """Three of them, so that a layer can begin, and the next one be fetched, before one ends.

    Parameters
    ----------
    m : Module
        That of the sequencer, to which the registers belong.
    config : Config
    front, back
        Ports where the descriptors of the two halves go.

    Attributes
    ----------
    ahead : Signal(8 * DESCRIPTOR_BYTES)
        The descriptor that is fetched.
    front, back : Signal
        Those of the two halves.
    may_fetch : Signal(1)
        Another descriptor may come.
    """

    def __init__(self, m: Module, config: Config, front: data.View, back: data.View):
        self.may_fetch = Signal(init=1)
        self.ahead = Signal(DESCRIPTOR_WORDS * _WORD, reset_less=True)
        self.front, self.back = (
            Signal(descriptor_layout(config), name=name, reset_less=True)
            for name in ("front", "back")
        )
        m.d.comb += [front.eq(self.front), back.eq(self.back)]

    def take(self, place: Value, word: Value) -> list:
        """Return the statements that take the next word: they come in order."""
        return [self.ahead.eq(Cat(self.ahead[_WORD:], word))]

    def begin_front(self) -> list:
        """Return the statements that hand a descriptor to the front half."""
        return [self.front.eq(self.ahead)]

    def begin_back(self) -> list:
        """Return the statements that hand the front half's descriptor to the back half."""
        return [self.back.eq(self.front)]

    def rest(self, idle: Value) -> list:
        """Return the statements that set ``may_fetch``; ``idle`` is 1 while no layer runs."""
        return []


class OneDescriptor(Descriptors):
    """A single one for all: nothing is fetched while a layer runs. Its kind is MAC."""

    def __init__(self, m: Module, config: Config, front: data.View, back: data.View):
        super().__init__(m, config, front, back)
        m.d.comb += [
            self.front.eq(self.ahead),
            self.front.kind.eq(Kind.MAC),
            self.back.eq(self.front),
        ]

    def take(self, place: Value, word: Value) -> list:
        """Return the statements that take the word at ``place``."""
        return [self.ahead.word_select(place, _WORD).eq(word)]

    def begin_front(self) -> list:
        """Return no statements: it is there already."""
        return []

    def begin_back(self) -> list:
        """Return no statements: it is there already."""
        return []

    def rest(self, idle: Value) -> list:
        """Return the statements that set ``may_fetch`` while no layer runs."""
        return [self.may_fetch.eq(idle)]


class Fetch:
    """Fetches the next descriptor, word by word.

    Parameters
    ----------
    m : Module
        That of the sequencer.
    config : Config
    memory
        Where they lie.
    descriptors : Descriptors
        Where the next one goes.
    count_bits : int
        Of ``to_fetch``.

    Attributes
    ----------
    to_fetch : Signal
        How many are still to come.
    fetched : Signal(1)
        One is complete, and nothing has taken it.
    address : Signal
        Of its next word.
    arrives : Value
        A word comes in this cycle, whose place is ``place``.
    """

    def __init__(
        self, m: Module, config: Config, memory, descriptors: Descriptors, count_bits: int
    ):
        word = Signal(range(DESCRIPTOR_WORDS + 1))
        to_fetch, fetching, fetched = Signal(count_bits), Signal(), Signal()
        self.to_fetch, self.fetched = to_fetch, fetched
        address = self.address = Signal(range(config.descriptor_count * DESCRIPTOR_WORDS))
        m.d.comb += memory.read_address.eq(address)
        reading = fetching & (word != DESCRIPTOR_WORDS)
        with m.If(reading):
            m.d.sync += [address.eq(address + 1), word.eq(word + 1)]
        self.arrives = delay(m, reading, READ_LATENCY, name="arrives")
        arrives_last = delay(
            m, reading & (word == DESCRIPTOR_WORDS - 1), READ_LATENCY, name="arrives_last"
        )
        self.place = delay(m, word[:-1], READ_LATENCY, name="place")
        with m.If(self.arrives):
            m.d.sync += descriptors.take(self.place, memory.read_data)
        with m.If(arrives_last):
            m.d.sync += [fetched.eq(1), fetching.eq(0)]
        with m.If(~fetching & ~fetched & descriptors.may_fetch & (to_fetch != 0)):
            m.d.sync += [fetching.eq(1), word.eq(0), to_fetch.eq(to_fetch - 1)]

"""Who speaks, who is served and who asked last: their addresses, in one small memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["IP_WORD", "MAC_WORD", "PORT_WORD", "Peers"]

# Words of 16 bits of a peer, in network order.
MAC_WORD, IP_WORD, PORT_WORD = 0, 3, 5
_WORDS = 8
_NEWCOMER, _CLIENT, _ASKER = 0, 1, 2


class Peers(wiring.Component):
    """Keep the addresses of three peers: a newcomer, the client, and who asked for an address.

    Each has a bank, and a newcomer that becomes one of the others leaves its bank to it.

    Members
    -------
    word : In(3), data : In(16), write : In(1)
        Of the newcomer, whose frame is coming.
    known : Out(16)
        The client's ``word``, in the same cycle.
    serve, ask : In(1)
        Make the newcomer the client; or the one who asked.
    served : Out(1)
        There is one.
    read_asker : In(1), read_word : In(3), read_data : Out(16)
        A word of who asked, or else of the client, in the same cycle.
    """

    word: Signal
    data: Signal
    write: Signal
    known: Signal
    serve: Signal
    ask: Signal
    served: Signal
    read_asker: Signal
    read_word: Signal
    read_data: Signal

    def __init__(self):
        super().__init__(
            {
                "word": In(range(_WORDS)),
                "data": In(16),
                "write": In(1),
                "known": Out(16),
                "serve": In(1),
                "ask": In(1),
                "served": Out(1),
                "read_asker": In(1),
                "read_word": In(range(_WORDS)),
                "read_data": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=unsigned(16), depth=4 * _WORDS, init=[])
        client = Signal(2, init=_CLIENT)
        asker = Signal(2, init=_ASKER)
        newcomer = Signal(2, init=_NEWCOMER)
        write, known, read = (
            memory.write_port(),
            memory.read_port(domain="comb"),
            memory.read_port(domain="comb"),
        )
        m.d.comb += [
            write.addr.eq(Cat(self.word, newcomer)),
            write.data.eq(self.data),
            write.en.eq(self.write),
            known.addr.eq(Cat(self.word, client)),
            self.known.eq(known.data),
            read.addr.eq(Cat(self.read_word, Mux(self.read_asker, asker, client))),
            self.read_data.eq(read.data),
        ]
        with m.If(self.serve):
            m.d.sync += [client.eq(newcomer), newcomer.eq(client), self.served.eq(Const(1))]
        with m.Elif(self.ask):
            m.d.sync += [asker.eq(newcomer), newcomer.eq(asker)]
        return m

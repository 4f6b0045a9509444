"""The memory port: how the design reaches the memory beside the chip, whatever that is."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

__all__ = ["BURST_WORDS", "Port", "command_layout"]

BURST_WORDS = 256  # no burst crosses a multiple of it, so none crosses a row of an SDRAM


def command_layout(memory_bytes: int, word_bytes: int = 2) -> data.StructLayout:
    """One burst: ``length`` words (1 to ``BURST_WORDS``) from word ``address`` on."""
    return data.StructLayout(
        {
            "write": 1,
            "address": ceil_log2(memory_bytes // word_bytes),
            "length": range(BURST_WORDS + 1),
        }
    )


class Port(wiring.Signature):
    """Bursts of words, carried out in order; seen from the side that asks.

    Commands may be given while the data of earlier ones are still under way. Every burst has
    exactly as many words as its length says, in the order of the commands. Words to be written
    may come before or after the memory is ready for them, and both sides may stall at any word.
    How long a command takes is unknown. A read sees what earlier commands have written.

    Parameters
    ----------
    memory_bytes : int
        Size of the memory, a power of two.
    word_bytes : int, optional
        Bytes in a word, the first one lowest.

    Members
    -------
    command : Out(stream.Signature(command_layout(memory_bytes, word_bytes)))
    write : Out(stream.Signature(8 * word_bytes)), the words of bursts that write
    read : In(stream.Signature(8 * word_bytes)), the words of the others
    """

    def __init__(self, memory_bytes: int, word_bytes: int = 2):
        self.memory_bytes, self.word_bytes = memory_bytes, word_bytes
        super().__init__(
            {
                "command": Out(stream.Signature(command_layout(memory_bytes, word_bytes))),
                "write": Out(stream.Signature(8 * word_bytes)),
                "read": In(stream.Signature(8 * word_bytes)),
            }
        )

"""Traffic whose every result is known, for links that lose and damage it."""

import random

from weft.driver.board import Block, BoardDriver, UnitRange
from weft.errors import LinkError
from weft_hw.contract.memory_map import Region
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR

__all__ = ["UNITS", "Exerciser"]

UNITS = 512  # of the activation memory of `tiny`


class Exerciser:
    """Writes, runs and reads at random on a board with the stand-in engine.

    Attributes
    ----------
    errors : int
        Exchanges that ended in ``LinkError``.
    """

    def __init__(self, board: BoardDriver, seed: int):
        self.board, self.errors = board, 0
        self._rng = random.Random(seed)
        self._shadow, self._damaged = bytearray(4 * UNITS), True

    def attempt(self):
        """Do one exchange that may fail; a wrong result is an assertion error."""
        try:
            self.succeed()
        except LinkError:
            self.errors += 1

    def succeed(self):
        """Do one exchange."""
        if self._damaged:
            # After an error nobody knows which writes took place: write everything again.
            self.board.write(Region.ACTIVATION, 0, bytes(self._shadow))
        self._damaged = True
        rng, expected = self._rng, bytearray(self._shadow)
        size = rng.choice((1, 4, 60, 300))
        address = rng.randrange(UNITS - size + 1)
        data = rng.randbytes(4 * size)
        read = rng.randrange(1, UNITS + 1)
        begin = rng.randrange(UNITS - read + 1)
        first, count = rng.randrange(8), rng.randrange(1, 5)
        expected[4 * address : 4 * (address + size)] = data
        cycles, [got] = self.board.execute(
            [Block(Region.ACTIVATION, address, data)],
            (first, count),
            [UnitRange(Region.ACTIVATION, begin, read)],
        )
        self._shadow = expected
        assert got == expected[4 * begin : 4 * (begin + read)]
        assert cycles == count * CYCLES_PER_DESCRIPTOR
        self._damaged = False

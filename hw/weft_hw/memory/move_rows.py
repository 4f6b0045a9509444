"""Where a move stands: the unit's address, the units and rows that are left."""

from amaranth.hdl import Module, Signal

__all__ = ["MoveRows"]


class MoveRows:
    """Rows of a move, as packer and unpacker count them.

    Whether a unit or a row is the last one decides much within its cycle: it is known a cycle
    ahead.
    """

    def __init__(self, m: Module, move):
        self.move = move
        self.address, self._row = Signal.like(move.unit), Signal.like(move.unit)
        self.left, self.rows = Signal.like(move.count), Signal.like(move.rows)
        self.last, self.last_row = Signal(), Signal()
        self._single, self._single_row = Signal(), Signal()
        m.d.sync += [self._single.eq(move.count == 1), self._single_row.eq(move.rows == 1)]

    def begin(self):
        """Return what starts the first row."""
        move = self.move
        return [
            self.address.eq(move.unit),
            self._row.eq(move.unit + move.unit_step),
            self.left.eq(move.count),
            self.last.eq(self._single),
            self.rows.eq(move.rows),
            self.last_row.eq(self._single_row),
        ]

    def next_unit(self):
        """Return what steps to the next unit of the row."""
        return [
            self.address.eq(self.address + 1),
            self.left.eq(self.left - 1),
            self.last.eq(self.left == 2),
        ]

    def next_row(self):
        """Return what starts the next row."""
        return [
            self.address.eq(self._row),
            self._row.eq(self._row + self.move.unit_step),
            self.left.eq(self.move.count),
            self.last.eq(self._single),
            self.rows.eq(self.rows - 1),
            self.last_row.eq(self.rows == 2),
        ]

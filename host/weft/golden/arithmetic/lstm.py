"""A layer of long short-term memory as LiteRT's kernel of int8, whose cell state is int16."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.convolution import fully_connected
from weft.golden.arithmetic.fixed_point import shift_right
from weft.golden.arithmetic.narrow import logistic_16bit, tanh_16bit
from weft.golden.arithmetic.requantize import Rule, multiply

__all__ = ["Gate", "lstm"]

Int64 = NDArray[np.int64]
Int8 = NDArray[np.int8]

_MAX = (1 << 15) - 1
_Q3_12 = np.float32(2.0**-12)  # of what enters a gate's function


def _int16(value: Int64) -> Int64:
    return np.clip(value, -_MAX - 1, _MAX)


@dataclass(frozen=True, eq=False)
class Gate:
    """Weights of one gate: of the input and of the output before, each with its scale.

    ``inputs`` int8 (cells, in), ``recurrent`` int8 (cells, cells), ``bias`` int32 (cells,).
    """

    inputs: Int8
    recurrent: Int8
    bias: NDArray[np.int32]
    scales: tuple[np.float32, np.float32]

    def __call__(
        self, x: Int8, h: Int8, steps: tuple[tuple[np.float32, int], tuple[np.float32, int]]
    ) -> Int64:
        """Return the sums in Q3.12; ``steps`` are scale and zero point of ``x`` and ``h``."""
        total: Int64 = np.zeros(1, np.int64)
        operands = (x, self.inputs, self.bias), (h, self.recurrent, None)
        pairs = zip(operands, self.scales, steps, strict=True)
        for (values, weights, bias), scale, (step, zero_point) in pairs:
            sums = fully_connected(values, weights, bias, zero_point=zero_point)
            factor = float(np.float32(scale * step) / _Q3_12)
            total = _int16(total + multiply(sums, factor, Rule.DOUBLE))
        return total


@np.errstate(over="ignore")
def lstm(
    x: Int8,
    h: Int8,
    c: NDArray[np.int16],
    gates: tuple[Gate, Gate, Gate, Gate],
    *,
    steps: tuple[tuple[np.float32, int], tuple[np.float32, int]],
    cell_bits: int,
    cell_limit: int,
    hidden: tuple[np.float32, int],
) -> tuple[Int8, Int8, NDArray[np.int16]]:
    """Return the outputs of all times, and both states behind the last one.

    Parameters
    ----------
    x : ndarray, int8, shape (batch, times, in)
    h, c : ndarray, int8 and int16, shape (batch, cells)
        Output and cell state before the first time.
    gates : input, forget, cell and output gate
    steps : (scale, zero point) of ``x`` and of ``h``
    cell_bits : int
        Bits of ``c`` before the point: its scale is ``2**(cell_bits - 15)``.
    cell_limit : int
        Greatest size of a cell, 0 for none.
    hidden : (float32, int)
        Scale and zero point of the output.
    """
    enter, forget, modulate, leave = gates
    factor = np.float32(2.0**-30 / float(hidden[0]))
    cell, outputs = c.astype(np.int64), []
    for time in range(x.shape[1]):
        now = x[:, time]
        kept = shift_right(logistic_16bit(forget(now, h, steps)) * cell, 15)
        new = logistic_16bit(enter(now, h, steps)) * tanh_16bit(modulate(now, h, steps), 3)
        cell = _int16(kept + shift_right(new, 15 + cell_bits))
        if cell_limit:
            cell = np.clip(cell, -cell_limit, cell_limit)
        gate = logistic_16bit(leave(now, h, steps))
        value = multiply(gate * tanh_16bit(cell, cell_bits), float(factor), Rule.DOUBLE)
        h = np.clip(value + hidden[1], -128, 127).astype(np.int8)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, cell.astype(np.int16)

"""Operations on pairs of int8 values: what the hardware can make of them, and what is wanted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding

from weft.compiler.ir import Unsupported
from weft.golden.arithmetic import OutputStage, Rule, quantize_multiplier, requantize

__all__ = ["NO_FIT", "VALUES", "WIDE", "Fit", "float32_multiplier", "rounding_of", "split_scale"]

Int64 = NDArray[np.int64]

VALUES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)  # by byte, as tables are
WIDE = 19  # bits by which a sum's first operand is shifted left where it is wide
NO_FIT = "no constants give every sum or product as the runtime does"


@dataclass(frozen=True)
class Fit:
    """Constants with which a sum or product becomes int8.

    ``zero_point`` may differ from the output's where ``bias`` (or a sum's table) makes up for it:
    what is added before rounding decides which way float32's ties go.
    """

    rounding: Rounding
    multiplier: int
    shift: int
    zero_point: int
    bias: int = 0
    wide: bool = True

    def finish(self, stage: OutputStage, value: Int64) -> Int64:
        """Return what the hardware makes of sums or products."""
        scaled = requantize(value + self.bias, self.multiplier, self.shift, self.rounding)
        return np.clip(scaled + self.zero_point, stage.low, stage.high)


def split_scale(scale: float) -> tuple[int, int]:
    """Return a 31-bit multiplier and the shift with ``scale ~ multiplier / 2**shift``.

    Raises
    ------
    Unsupported
        If the requantiser cannot express it.
    """
    multiplier, exponent = quantize_multiplier(scale)
    if multiplier == 0 or not 1 <= 31 - exponent <= 62:
        raise Unsupported("its output's scale is out of the requantiser's range")
    return multiplier, 31 - exponent


def float32_multiplier(scale: float) -> tuple[int, int]:
    """Return multiplier and shift of the float32 ``scale``, a mantissa times 2**7."""
    mantissa, exponent = np.frexp(np.float32(scale))
    shift = 31 - int(exponent)
    if not 0 <= shift <= 63:
        raise Unsupported("its output's scale is out of the requantiser's range")
    return int(np.float64(mantissa) * (1 << 24)) << 7, shift


def rounding_of(rule: Rule) -> Rounding:
    """Return the hardware's rounding that computes ``rule``."""
    return {Rule.DOUBLE: Rounding.DOUBLE, Rule.HALF_UP: Rounding.HALF_UP}.get(
        rule, Rounding.FLOAT32
    )

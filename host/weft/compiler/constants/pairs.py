"""Operations on pairs of int8 values: what the hardware can make of them, and what is wanted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding

from weft.golden.arithmetic import OutputStage, requantize

__all__ = ["NO_FIT", "VALUES", "Fit"]

Int64 = NDArray[np.int64]

VALUES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)  # by byte, as tables are
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

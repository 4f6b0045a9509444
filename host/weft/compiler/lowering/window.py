"""What a MAC descriptor is made of: how its window moves, and what is summed."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Rounding

from weft.compiler.constants.scaling import Multipliers
from weft.compiler.ir import Entry
from weft.compiler.lowering.kernel import fetch_times

__all__ = ["Sums", "Window"]


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a window moves over a feature map.

    A stride of 0 repeats a row or column. ``top`` and ``left`` are rows and columns of padding,
    or (negative) of input skipped; ``target`` the (y, x) at which the first result lies in the
    output.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    out_size: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    top: int = 0
    left: int = 0
    target: tuple[int, int] = (0, 0)
    pad_value: int = 0

    @property
    def span(self) -> int:
        """Rows that a window covers."""
        return (self.kernel[0] - 1) * self.dilation[0] + 1

    def times(self, config: Config) -> tuple[int, int]:
        """Cycles in which a column of taps and a word for a channel feed are fetched."""
        height = self.out_size[0]
        return fetch_times(config, self.stride[0] if height > 1 else 1, height)

    @property
    def slide(self) -> int:
        """Columns by which it moves on; 0 if there is a single one."""
        return self.stride[1] if self.out_size[1] > 1 else 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Sums:
    """What is summed (or of what the maximum is taken) and how it becomes int8.

    ``weights`` (out channels, taps) are int8, or wider integers: those take a step for each 8
    bits of which they are the sum. ``bias`` int64 (out channels,) as the hardware adds it.
    """

    entries: list[Entry]
    weights: NDArray[np.integer]
    bias: NDArray[np.int64]
    multipliers: Multipliers
    zero_point: int
    low: int
    high: int
    depthwise: bool = False
    maximum: bool = False

    def some(self, channels: slice) -> "Sums":
        """Return the sums of some output channels."""
        return replace(
            self,
            weights=self.weights[channels],
            bias=self.bias[channels],
            multipliers=self.multipliers.rows(channels),
        )

    def padded(self, channels: int, value: int) -> "Sums":
        """Return ``channels`` sums, the further ones of which come out as ``value``.

        That is the zero point, or the requantiser changes nothing.
        """
        more = channels - len(self.weights)
        return replace(
            self,
            weights=np.pad(self.weights, ((0, more), (0, 0))),
            bias=np.pad(self.bias, (0, more), constant_values=value - self.zero_point),
            multipliers=self.multipliers.repeated(channels),
        )

    @staticmethod
    def identity(channels: int) -> Multipliers:
        """Return multipliers that change nothing."""
        return Multipliers.uniform(channels, Rounding.HALF_UP, 1 << 30, 30)

"""Multipliers and shifts of a layer's output."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding

__all__ = ["Int64", "Multipliers", "Scaling"]

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Multipliers:
    """How a layer's accumulators become its outputs.

    Parameters
    ----------
    rounding : Rounding
    multiplier, shift : ndarray, int64, shape (channels,)
    constant : ndarray, bool, shape (channels,)
        Channels whose weights become zero, and ``value`` (int64, before the zero point) the bias.
    offset : ndarray, int64, shape (channels,)
        Added to the other channels' biases.
    """

    rounding: Rounding
    multiplier: Int64
    shift: Int64
    constant: NDArray[np.bool_]
    value: Int64
    offset: Int64

    @staticmethod
    def uniform(channels: int, rounding: Rounding, multiplier: int, shift: int) -> "Multipliers":
        """Return the same multiplier and shift for all channels."""
        ones = np.ones(channels, np.int64)
        return Multipliers(
            rounding, ones * multiplier, ones * shift, np.zeros(channels, bool), ones * 0, ones * 0
        )

    def rows(self, channels: slice) -> "Multipliers":
        """Return those of some channels."""
        return Multipliers(
            self.rounding,
            self.multiplier[channels],
            self.shift[channels],
            self.constant[channels],
            self.value[channels],
            self.offset[channels],
        )

    def repeated(self, channels: int) -> "Multipliers":
        """Return those of ``channels`` channels; the further ones are as the last."""
        more = (0, channels - len(self.multiplier))
        return Multipliers(
            self.rounding,
            np.pad(self.multiplier, more, mode="edge"),
            np.pad(self.shift, more, mode="edge"),
            np.pad(self.constant, more),
            np.pad(self.value, more),
            np.pad(self.offset, more),
        )


@dataclass(frozen=True, eq=False)
class Scaling:
    """How accumulators are scaled.

    Parameters
    ----------
    rounding : Rounding
    multiplier, shift : ndarray, int64, shape (channels,)
    exact : ndarray, bool, shape (channels,)
        Channels in which every accumulator comes out as in the runtime.
    """

    rounding: Rounding
    multiplier: Int64
    shift: Int64
    exact: NDArray[np.bool_]

"""How a tensor lies in activation memory, and the way from an array to its bytes and back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.errors import ModelError
from weft.program.bounds import Count, Int8, Packing, Size

__all__ = ["Fold", "Layout", "default_layout", "feature_map"]

_AT_ONCE = 1 << 20  # elements


def feature_map(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (height, width, channels) of one image of a batch; missing sides are 1."""
    height, width, channels = (1, 1, 1, *shape[1:])[-3:]
    return prod(shape[1:-2]) if len(shape) > 4 else height, width, channels


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Taps of a window turned into channels by the host, while it sends the tensor.

    Row ``r``, column ``x`` and channel ``(v * kernel + j) * channels + c`` of the folded map hold
    pixel ``(r * rows + v - top, x * stride + j * dilation - left)`` of the tensor, and ``fill``
    where that lies outside.
    """

    height: Size
    width: Size
    channels: Size
    rows: Size
    kernel: Size
    stride: Size
    dilation: Size
    top: Count
    left: Count
    fill: Int8

    def apply(self, values: NDArray[Any], height: int, width: int) -> NDArray[np.int8]:
        """Return the folded map, int8 (height, width, rows * kernel * channels)."""
        image = values.reshape(self.height, self.width, self.channels)
        row = np.arange(height)[:, None] * self.rows + np.arange(self.rows) - self.top
        col = np.arange(width)[:, None] * self.stride + np.arange(self.kernel) * self.dilation
        col = col - self.left
        # Axes: row, column, row of the group, tap; then channels.
        row, col = row[:, None, :, None], col[None, :, None, :]
        inside = (row >= 0) & (row < self.height) & (col >= 0) & (col < self.width)
        taps = image[np.where(inside, row, 0), np.where(inside, col, 0)]
        taps = np.where(inside[..., None], taps, np.int8(self.fill))
        return taps.reshape(height, width, -1)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A feature map (or a slice of its channels) inside a buffer of whole words.

    Parameters
    ----------
    height, width, channels : int
        Of the tensor.
    columns : int
        Bytes of a word.
    packing : int
        log2 of pixels in a word; 0 where a pixel takes whole words.
    pixel_bytes : int
        From one pixel to the next; a multiple of ``columns``, or ``columns >> packing``.
    row_words : int
        From one row to the next.
    first : int
        Byte of the tensor's first channel inside a pixel.
    fold : Fold, optional
        How a tensor that the host sends becomes this map.
    part : bool
        Whether the other channels of these pixels are another tensor's.
    """

    height: Size
    width: Size
    channels: Size
    columns: Size
    packing: Packing
    pixel_bytes: Size
    row_words: Size
    first: Count = 0
    fold: Fold | None = None
    part: bool = False

    @property
    def words(self) -> int:
        """Words of the buffer."""
        return self.height * self.row_words

    @property
    def unit_bytes(self) -> int:
        """Bytes of the unit in which the gateware steps along a row."""
        return self.columns >> self.packing

    @property
    def pixel_units(self) -> int:
        """Units in a pixel."""
        return self.pixel_bytes // self.unit_bytes

    @property
    def whole(self) -> bool:
        """Whether what lies behind the last channel, up to the end of its unit, is nobody's."""
        return not self.part and self.pixel_bytes - self.channels < self.unit_bytes

    def check(self, config: Config, values: int) -> None:
        """Raise :class:`ModelError` unless this is how a tensor of ``values`` can lie in words."""
        fold, size = self.fold, self.height * self.width * self.channels
        unit, last = self.unit_bytes, self.first + self.channels
        if fold is not None:
            taps = fold.rows * fold.kernel * fold.channels
            fits = taps == self.channels and fold.height * fold.width * fold.channels == values
        else:
            fits = size == values
        if not fits:
            raise ModelError(f"a layout of {size} values does not fit a tensor of {values}")
        if (
            self.columns != config.columns
            or unit < 1
            or self.pixel_bytes % unit
            or (self.packing and self.pixel_bytes != unit)
            or last > self.pixel_bytes
            or self.width * self.pixel_bytes > self.row_words * self.columns
        ):
            raise ModelError("pixels of a layout lie across each other, or across its words")

    def slice(self, first: int, channels: int) -> "Layout":
        """Return the layout of ``channels`` channels from ``first`` on."""
        if (first, channels) == (0, self.channels):
            return self
        return replace(self, first=self.first + first, channels=channels, part=True)

    def reshaped(self, height: int, width: int, channels: int) -> "Layout | None":
        """Return the same bytes as another feature map, or None if they are none."""
        size = (self.height, self.width, self.channels)
        if (height, width, channels) == size:
            return self
        row_bytes = width * self.pixel_bytes
        gapless = self.row_words * self.columns == self.width * self.pixel_bytes
        if channels != self.channels or not gapless or row_bytes % self.columns:
            return None
        return replace(self, height=height, width=width, row_words=row_bytes // self.columns)

    def indices(self) -> NDArray[np.int64]:
        """Return the byte of each element in the buffer, (height, width, channels)."""
        y = np.arange(self.height)[:, None, None] * (self.row_words * self.columns)
        x = np.arange(self.width)[:, None] * self.pixel_bytes
        return y + x + self.first + np.arange(self.channels)

    def units(self, unit_bytes: int) -> Iterator[NDArray[np.int64]]:
        """Yield the units of the buffer that hold elements, some rows at a time."""
        channel = np.unique([*range(0, self.channels, unit_bytes), self.channels - 1])
        x = np.arange(self.width)[:, None] * self.pixel_bytes + self.first + channel
        rows = max(1, _AT_ONCE // x.size)
        for start in range(0, self.height, rows):
            y = np.arange(start, min(start + rows, self.height))[:, None, None]
            yield (y * (self.row_words * self.columns) + x) // unit_bytes

    def pack(self, values: NDArray[Any]) -> bytes:
        """Return the buffer's bytes for one image of int8 (any shape of that many elements)."""
        data = np.zeros(self.words * self.columns, np.int8)
        if self.fold is not None:
            values = self.fold.apply(values, self.height, self.width)
        data[self.indices()] = values.reshape(self.height, self.width, self.channels)
        return data.tobytes()

    def unpack(self, data: bytes) -> NDArray[np.int8]:
        """Return int8 (height, width, channels) from the buffer's bytes."""
        return np.frombuffer(data, np.int8)[self.indices()]


def default_layout(config: Config, size: tuple[int, int, int], *, narrowest: int) -> Layout:
    """Return the densest layout of a (height, width, channels) map.

    ``narrowest`` is the least pixel pitch in bytes: ``config.lanes`` where the accelerator
    writes the tensor, since a beat must not reach into the next pixel.
    """
    height, width, channels = size
    columns = config.columns
    packing = 0
    while packing < 2 and columns >> packing + 1 >= max(channels, narrowest, 1):
        packing += 1
    pixel = columns >> packing if packing else -(-channels // columns) * columns
    return Layout(
        height=height,
        width=width,
        channels=channels,
        columns=columns,
        packing=packing,
        pixel_bytes=pixel,
        row_words=-(-width * pixel // columns),
    )

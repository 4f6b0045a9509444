"""Weights of a layer as a picture: each kernel a tile, blue below zero, red above."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.graph import Graph, Node

__all__ = ["MOST_KERNELS", "filter_picture"]

MOST_KERNELS = 16  # rows and columns of kernels that are drawn
_MOST_SINGLE = 64  # the same of 1x1 kernels, which are one pixel each
_GAP = 1
_BELOW, _ZERO, _ABOVE, _BETWEEN = (33, 102, 172), (247, 247, 247), (178, 24, 43), (24, 24, 24)


def filter_picture(graph: Graph, node: Node) -> tuple[NDArray[np.uint8], str] | None:
    """Return uint8 (rows, columns, 3) and what it shows; None where there are no weights.

    A column of kernels is an output channel, a row an input channel; where there is one of these,
    as of depthwise kernels, they are laid out as a block. Of a fully connected layer each weight
    is a pixel.
    """
    if node.operator not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return None
    tensor = graph.tensors[str(node.inputs[1])]
    if tensor.data is None or not tensor.data.size:
        return None
    weights = np.asarray(tensor.data, np.float64)
    if node.operator == "DEPTHWISE_CONV_2D":
        weights = weights.transpose(3, 1, 2, 0)  # its channels are its outputs
    if tensor.quantization is not None:
        weights = weights - _of_outputs(tensor.quantization.zero_point, weights.ndim)
        weights = weights * _of_outputs(tensor.quantization.scale, weights.ndim)
    if node.operator == "FULLY_CONNECTED":
        kernels = weights.reshape(len(weights), -1)[:, :, None, None]
    else:
        kernels = weights.transpose(0, 3, 1, 2)
    kernels = _in_rows(kernels[:, 0]) if kernels.shape[1] == 1 else kernels.swapaxes(0, 1)
    single = kernels.shape[2:] == (1, 1)
    most = _MOST_SINGLE if single else MOST_KERNELS
    shown = kernels[:most, :most]
    return _drawn(shown, 0 if single else _GAP), _caption(kernels, shown)


def _of_outputs(values: NDArray[Any], ndim: int) -> NDArray[np.float64]:
    """Return the parameters of a quantisation, one or one for each output, to be broadcast."""
    values = np.asarray(values, np.float64).reshape(-1)
    return values.reshape(-1, *(1,) * (ndim - 1)) if len(values) > 1 else values


def _in_rows(kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (rows, columns, height, width) from (count, height, width); NaN where none is left."""
    count = len(kernels)
    across = min(count, max(1, round(count**0.5 * 1.4)), MOST_KERNELS)
    down = -(-count // across)
    padded = np.full((down * across, *kernels.shape[1:]), np.nan)
    padded[:count] = kernels
    return padded.reshape(down, across, *kernels.shape[1:])


def _caption(kernels: NDArray[Any], shown: NDArray[Any]) -> str:
    rows, columns, height, width = kernels.shape
    what = "weights" if height * width == 1 else f"filters of {height}x{width}"
    text = f"{rows}x{columns} {what}"
    if shown.shape != kernels.shape:
        text += f", of which {shown.shape[0]}x{shown.shape[1]} are drawn"
    return text


def _drawn(kernels: NDArray[np.float64], gap: int) -> NDArray[np.uint8]:
    down, across, height, width = kernels.shape
    largest = max(float(np.nanmax(np.abs(kernels))), 1e-30)
    picture = np.empty((down * (height + gap) + gap, across * (width + gap) + gap, 3))
    picture[:] = _BETWEEN
    for y in range(down):
        for x in range(across):
            top, left = gap + y * (height + gap), gap + x * (width + gap)
            if not np.isnan(kernels[y, x]).any():
                tile = _coloured(kernels[y, x] / largest)
                picture[top : top + height, left : left + width] = tile
    return np.rint(picture).astype(np.uint8)


def _coloured(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colours (..., 3) of levels from -1 to 1."""
    stops = np.array([_BELOW, _ZERO, _ABOVE], np.float64)
    return np.stack([np.interp(level, (-1, 0, 1), stops[:, i]) for i in range(3)], axis=-1)

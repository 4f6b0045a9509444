"""Activation maps as PNG pictures: every channel of a tensor as a tile."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.files import write_file

from weft.graph import Graph, Node

__all__ = ["input_picture", "map_folders", "pictures", "png", "save_maps", "tiles"]

_GAP = 1
_LONG_SIDE = 640
# Dark blue to yellow, even in lightness; colours between are interpolated.
_COLOURS = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float64
)


def tiles(values: NDArray[Any], long_side: int = _LONG_SIDE) -> NDArray[np.uint8]:
    """Return uint8 (rows, columns, 3): the channels of one image as coloured tiles, enlarged.

    Parameters
    ----------
    values : ndarray of shape (height, width, channels)
        Coloured from the smallest value of the tensor (dark) to the largest (bright).
    long_side : int
        Enlarged by a whole number to at most so many pixels.
    """
    height, width, channels = values.shape
    low, high = float(values.min()), float(values.max())
    level = (values.astype(np.float64) - low) / max(high - low, 1e-30)
    across = max(1, min(channels, round((channels * height / width) ** 0.5)))
    down = -(-channels // across)
    picture = np.full((down * (height + _GAP) + _GAP, across * (width + _GAP) + _GAP, 3), 24.0)
    for channel in range(channels):
        y = _GAP + channel // across * (height + _GAP)
        x = _GAP + channel % across * (width + _GAP)
        picture[y : y + height, x : x + width] = _coloured(level[..., channel])
    zoom = max(1, long_side // max(picture.shape[:2]))
    return np.rint(picture).astype(np.uint8).repeat(zoom, 0).repeat(zoom, 1)


def pictures(
    graph: Graph, tensors: Mapping[str, NDArray[Any]], long_side: int = _LONG_SIDE
) -> Iterator[tuple[int, Node, str, NDArray[np.uint8]]]:
    """Yield number, node, tensor name and :func:`tiles` for each output that ``tensors`` has.

    Shows the first image of a batch; tensors of more than three dimensions without the batch are
    left out. Channels are last, or first where a layer moves them from or to there.
    """
    for number, node in enumerate(graph.nodes):
        for name in node.outputs:
            values = tensors.get(name)
            image = None if values is None or values.size == 0 else _first_image(values)
            if image is None:
                continue
            if len(graph.shape(name)) == 4 and _is_channels_first(graph, node, name):
                image = image.transpose(1, 2, 0)
            yield number, node, name, tiles(image, long_side)


def map_folders(folder: Path, labels: Sequence[str]) -> list[Path]:
    """Return where the maps of each of ``labels`` go: ``folder``, or folders of their own in it.

    They are named after the label's file; of equal names, the second one ends in ``_2``.
    """
    if len(labels) == 1:
        return [folder]
    folders: list[Path] = []
    taken: set[str] = set()
    for label in labels:
        name = stem = Path(label).name.replace(".", "_")[:200]
        number = 1
        while name.casefold() in taken:  # some file systems take x and X for the same
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.casefold())
        folders.append(folder / name)
    return folders


def save_maps(graph: Graph, tensors: Mapping[str, NDArray[Any]], folder: Path) -> list[Path]:
    """Write a PNG for the output of each node of ``graph`` that ``tensors`` has; return the paths.

    Names are numbered in the graph's order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, node, _, picture in pictures(graph, tensors):
        label = re.sub(r"[^A-Za-z0-9]+", "_", node.name).strip("_")[:40].rstrip("_")
        path = folder / f"{number:02d}_{node.operator.lower()}_{label}.png"
        write_file(path, png(picture))
        paths.append(path)
    return paths


def input_picture(values: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return uint8 (rows, columns, 3) of the first image in an input's ``values``.

    One or three channels, first or last, are a picture; other values are tiles, as of a map. None
    where they have too many dimensions.
    """
    image = _first_image(values)
    if image is None:
        return None
    if image.shape[-1] not in (1, 3) and image.shape[0] in (1, 3) and min(image.shape) > 0:
        image = image.transpose(1, 2, 0)
    if image.shape[-1] not in (1, 3) or 1 in image.shape[:2]:
        return tiles(image, 1)
    values = np.nan_to_num(image.astype(np.float64), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    level = (values - low) * (255 / max(high - low, 1e-30))
    return np.rint(np.broadcast_to(level, (*image.shape[:2], 3))).astype(np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return the PNG file of ``picture``, uint8 (rows, columns, 3)."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _is_channels_first(graph: Graph, node: Node, name: str) -> bool:
    """Return whether ``node`` moves the channels of its output to the front, or readers back."""
    readers = graph.consumers(name)
    return _moves(node, (0, 3, 1, 2)) or (
        bool(readers) and all(_moves(reader, (0, 2, 3, 1)) for reader in readers)
    )


def _moves(node: Node, axes: tuple[int, ...]) -> bool:
    return node.operator == "TRANSPOSE" and tuple(node.attributes["permutation"]) == axes


def _first_image(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return the first of a batch as (height, width, channels); None if it has more sides."""
    image = values[0] if values.ndim > 1 else values
    return image.reshape((1,) * (3 - image.ndim) + image.shape) if image.ndim <= 3 else None


def _coloured(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colours (..., 3) of levels from 0 to 1."""
    stops = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(level, stops, _COLOURS[:, i]) for i in range(3)], axis=-1)

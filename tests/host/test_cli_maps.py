"""Activation maps show every channel of every layer, one picture a layer."""

import numpy as np
from PIL import Image
from weft.graph import Graph, Node, Runtime, Tensor
from weft.reports.maps import pictures, save_maps, tiles


def test_tiles_hold_every_pixel():
    values = np.arange(4 * 5 * 6, dtype=np.int8).reshape(4, 5, 6)
    picture = tiles(values)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    # The smallest value is the darkest colour, the largest the brightest, each drawn once.
    zoom = 640 // 16  # 2 tiles across and 3 down, of 5x4 pixels with gaps of one between
    assert picture.shape[:2] == (16 * zoom, 13 * zoom)
    assert (picture == (68, 1, 84)).all(-1).sum() == zoom * zoom
    assert (picture == (253, 231, 37)).all(-1).sum() == zoom * zoom


def test_a_constant_tensor_does_not_divide_by_zero():
    assert (tiles(np.zeros((2, 2, 1), np.int8)) == (68, 1, 84)).all(-1).any()


def test_channels_that_are_first_are_tiles_too():
    """An ONNX file's picture is quantised before its channels are moved to the end, or back."""
    shapes = {"x": (1, 2, 3, 5), "q": (1, 2, 3, 5), "last": (1, 3, 5, 2), "first": (1, 2, 3, 5)}
    tensors = {name: Tensor(name, shape, np.dtype(np.int8)) for name, shape in shapes.items()}
    nodes = (
        Node("QUANTIZE", "q", ("x",), ("q",)),
        Node("TRANSPOSE", "last", ("q",), ("last",), {"permutation": (0, 2, 3, 1)}),
        Node("TRANSPOSE", "first", ("last",), ("first",), {"permutation": (0, 3, 1, 2)}),
    )
    graph = Graph("g", nodes, tensors, ("x",), ("first",), Runtime.REFERENCE)
    values = np.arange(30, dtype=np.int8).reshape(1, 2, 3, 5)
    last = values.transpose(0, 2, 3, 1)
    found = {
        name: picture
        for _, _, name, picture in pictures(graph, {"q": values, "last": last, "first": values})
    }
    expected = tiles(last[0])
    assert all(np.array_equal(found[name], expected) for name in ("q", "last", "first"))


def test_one_picture_a_layer(tmp_path):
    shapes = {"x": (1, 4, 4, 1), "a": (1, 4, 4, 3), "b": (1, 10), "c": (1, 2, 3)}
    tensors = {name: Tensor(name, shape, np.dtype(np.int8)) for name, shape in shapes.items()}
    nodes = (
        Node("CONV_2D", "conv/../1", ("x",), ("a",)),
        Node("FULLY_CONNECTED", "dense", ("a",), ("b",)),
        Node("RESHAPE", "shape", ("b",), ("c",)),
    )
    graph = Graph("g", nodes, tensors, ("x",), ("c",), Runtime.REFERENCE)
    values = {name: np.zeros((2, *shape[1:]), np.int8) for name, shape in shapes.items()}
    paths = save_maps(graph, values, tmp_path / "maps")
    assert [path.name for path in paths] == [
        "00_conv_2d_conv_1.png",
        "01_fully_connected_dense.png",
        "02_reshape_shape.png",
    ]
    assert all(path.parent == tmp_path / "maps" for path in paths)
    for path in paths:
        with Image.open(path) as picture:
            picture.verify()

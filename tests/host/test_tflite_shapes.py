"""Shapes that a .tflite file gives to outputs: LiteRT goes by the operands, so they must agree."""

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from networks.tflite_net import Net
from weft.errors import ModelError
from weft.importers.tflite.walk import import_tflite

STEP = (0.05, -3)


def ints(*values) -> np.ndarray:
    return np.array(values, np.int32)


# Operator, input, what the file says, what LiteRT gives, options, and constants behind the input.
LIES = [
    ("RESHAPE", (2, 3, 4), (4, 6), (2, 12), {}, [ints(2, 12)]),
    ("RESHAPE", (2, 3, 4), (4, 6), (2, 12), {}, [ints(2, -1)]),
    ("RESHAPE", (2, 3, 4), (4, 6), (2, 12), {"newShape": [2, -1]}, []),
    ("SQUEEZE", (1, 3, 1, 4), (1, 3, 4), (3, 1, 4), {"squeezeDims": [0]}, []),
    ("SQUEEZE", (1, 3, 1, 4), (1, 3, 4), (3, 4), {"squeezeDims": []}, []),
    ("EXPAND_DIMS", (2, 3, 4), (2, 1, 3, 4), (2, 3, 1, 4), {}, [np.array(2, np.int32)]),
    ("SLICE", (2, 6), (4, 2), (2, 4), {}, [ints(0, 1), ints(2, 4)]),
    ("TILE", (2, 3), (3, 4), (2, 6), {}, [ints(1, 2)]),
    ("GATHER", (2, 6), (4, 2), (2, 4), {"axis": 1}, [ints(0, 3, 3, 1)]),
    ("DEPTH_TO_SPACE", (1, 2, 3, 4), (1, 6, 4, 1), (1, 4, 6, 1), {"blockSize": 2}, []),
    (
        "STRIDED_SLICE",
        (2, 6, 3),
        (2, 3, 1),
        (2, 3),
        {"shrinkAxisMask": 2},
        [ints(0, 2, 0), ints(2, 3, 3), ints(1, 1, 1)],
    ),
]
TABLES = {"TILE": "", "DEPTH_TO_SPACE": "DepthToSpaceOptions"}


@pytest.mark.parametrize(("kind", "shape", "said", "given", "fields", "constants"), LIES)
def test_another_shape_than_the_operands_give_is_refused(
    kind, shape, said, given, fields, constants
):
    table = "".join(part.capitalize() for part in kind.split("_")) + "Options"
    for made in (given, said):
        net = Net()
        operands = [net.input(shape, STEP), *(net.constant(c) for c in constants)]
        y = net.op(kind, operands, net.tensor(made, STEP), TABLES.get(kind, table), **fields)
        if made == given:
            assert net.differences(y) == 0
            continue
        with pytest.raises(ModelError, match=f"must be .{given[0]}, {given[1]}"):
            import_tflite(net.bytes(y), "m", "reference")


@pytest.mark.parametrize("kind", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
def test_the_size_of_an_image(kind):
    net, table = Net(), {"RESIZE_BILINEAR": "Bilinear"}.get(kind, "NearestNeighbor")
    operands = [net.input((1, 2, 3, 4), STEP), net.constant(ints(4, 6))]
    y = net.op(kind, operands, net.tensor((1, 6, 4, 4), STEP), f"Resize{table}Options")
    with pytest.raises(ModelError, match=r"must be \(1, 4, 6, 4\)"):
        import_tflite(net.bytes(y), "m", "reference")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize("kind", ["Bilinear", "NearestNeighbor"])
def test_an_image_in_another_size_and_scale(kind, dtype):
    """LiteRT takes the integers as they are; what comes behind reads them by the new scale."""
    net, offset = Net(dtype), 128 if dtype is np.uint8 else 0
    x = net.input((1, 3, 4, 5), (0.05, offset - 3))
    other = (0.07, offset + 9)
    y = net.tensor((1, 5, 7, 5), other)
    operands = [x, net.constant(ints(5, 7))]
    name = {"Bilinear": "RESIZE_BILINEAR"}.get(kind, "RESIZE_NEAREST_NEIGHBOR")
    net.op(name, operands, y, f"Resize{kind}Options", halfPixelCenters=True)
    z = net.op("DEQUANTIZE", [y], net.tensor((1, 5, 7, 5), dtype=np.float32), "DequantizeOptions")
    assert net.differences([y, z]) == 0
    with pytest.raises(ModelError, match="the same quantisation"):
        import_tflite(net.bytes([y, z]), "m", "xnnpack")


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize("depth", [1, 2, 9, 128, 9000])
def test_rows_of_length_1(depth, dtype, rounding):
    """Rows of zeros, and of values that are next to nothing, among them."""
    net, offset = Net(dtype), 128 if dtype is np.uint8 else 0
    x = net.input((60, depth), (0.05, offset - 3))
    y = net.tensor((60, depth), (1 / 128, offset))
    net.op("L2_NORMALIZATION", [x], y, "L2NormOptions")
    rng = np.random.default_rng(1)
    widths = np.array([0, 1, 2, 5, 20, 127] * 10)[:, None]
    values = rng.integers(-widths, widths + 1, (60, depth)) + offset - 3
    feed = np.clip(values, offset - 128, offset + 127).astype(dtype)
    assert net.differences(y, feeds=[feed], rounding=rounding) == 0


def test_a_refusal_is_no_malformed_file():
    net = Net()
    y = net.op("SIN", [net.input((1, 4), STEP)], net.tensor((1, 4), STEP))
    with pytest.raises(ModelError, match=": operator SIN is not supported"):
        import_tflite(net.bytes(y), "m", "reference")

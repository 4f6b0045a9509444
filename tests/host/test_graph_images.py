"""What dimension 0 is: a batch where images are proved independent, else part of one image."""

import numpy as np
import pytest
import weft
from weft.graph import Graph, Node, Quantization, Runtime, Tensor
from weft.graph.images import counts_images, with_images

SAME = Quantization(np.array([0.5], np.float32), np.array([3], np.int64))
INT8 = np.dtype(np.int8)


def graph_of(operator, shapes, output, attributes=None, constant=None):
    """One node on tensors of one quantisation; ``constant`` is the second operand's data."""
    names = [f"x{i}" for i in range(len(shapes))]
    tensors = {n: Tensor(n, s, INT8, SAME) for n, s in zip(names, shapes, strict=True)}
    if constant is not None:
        tensors["c"] = Tensor("c", constant.shape, INT8, SAME, constant)
    tensors["y"] = Tensor("y", output, INT8, SAME)
    operands = (*names, *(("c",) if constant is not None else ()))
    node = Node(operator, "node", operands, ("y",), attributes or {})
    return Graph("one node", (node,), tensors, tuple(names), ("y",), Runtime.REFERENCE)


def run(graph, *arrays, device="golden", batch=None):
    graph = with_images(graph)
    with weft.InferenceSession(graph, device=device) as session:
        names = [info.name for info in session.get_inputs()]
        [result] = session.run(None, dict(zip(names, arrays, strict=True)))
    return result


def values(*shape, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize(
    "operator,shape,output,attributes,expected",
    [
        ("RESHAPE", (1, 4, 6), (4, 6), {}, lambda x: x.reshape(4, 6)),
        ("RESHAPE", (12,), (1, 2, 6), {}, lambda x: x.reshape(1, 2, 6)),
        ("RESHAPE", (1, 1), (), {}, lambda x: x.reshape(())),
        ("RESHAPE", (2, 3, 4), (3, 2, 4), {}, lambda x: x.reshape(3, 2, 4)),
        (
            "TRANSPOSE",
            (3, 4, 5),
            (5, 3, 4),
            {"permutation": (2, 0, 1)},
            lambda x: x.transpose(2, 0, 1),
        ),
        (
            "TRANSPOSE",
            (1, 4, 5),
            (4, 1, 5),
            {"permutation": (1, 0, 2)},
            lambda x: x.transpose(1, 0, 2),
        ),
        ("SLICE", (4, 5), (2, 3), {"begin": (1, 2), "size": (2, 3)}, lambda x: x[1:3, 2:5]),
        (
            "PAD",
            (2, 3),
            (4, 3),
            {"paddings": ((1, 1), (0, 0))},
            lambda x: np.pad(x, ((1, 1), (0, 0)), constant_values=3),
        ),
        ("GATHER", (4, 5), (3, 5), {"axis": 0, "indices": (3, 0, 3)}, lambda x: x[[3, 0, 3]]),
        ("REDUCE_MAX", (4, 5), (5,), {"axes": (0,), "keep_dims": False}, lambda x: x.max(0)),
        ("REDUCE_MAX", (1, 5), (5,), {"axes": (0,), "keep_dims": False}, lambda x: x.max(0)),
    ],
)
@pytest.mark.parametrize("device", ["golden", "sim"])
@pytest.mark.tools
def test_values_of_the_whole_file(operator, shape, output, attributes, expected, device):
    x = values(*shape)
    result = run(graph_of(operator, [shape], output, attributes), x, device=device)
    assert result.shape == output
    np.testing.assert_array_equal(result, expected(x))


def test_two_declared_images_joined():
    x, y = values(2, 3), values(2, 3, seed=1)
    graph = graph_of("CONCATENATION", [(2, 3)] * 2, (4, 3), {"axis": 0, "activation": "NONE"})
    np.testing.assert_array_equal(run(graph, x, y), np.concatenate([x, y]))


def test_a_constant_that_differs_by_image():
    x, c = values(2, 3), values(2, 3, seed=2)
    graph = graph_of("MAXIMUM", [(2, 3)], (2, 3), constant=c)
    np.testing.assert_array_equal(run(graph, x), np.maximum(x, c))


def test_a_proved_batch_may_be_another_one():
    graph = graph_of("RESHAPE", [(1, 4, 6)], (1, 24))
    assert with_images(graph).declared is None
    x = values(5, 4, 6)
    np.testing.assert_array_equal(run(graph, x), x.reshape(5, 24))


@pytest.mark.parametrize(
    ("operator", "shape", "constant", "output"),
    [
        ("MAXIMUM", (), (1, 2), (1, 2)),
        ("MAXIMUM", (1, 1), (2, 3, 5), (2, 3, 5)),
        ("MAXIMUM", (1, 3, 5), (1, 2, 3, 5), (1, 2, 3, 5)),
        ("MAXIMUM", (5,), (2, 5), (2, 5)),
        ("SOFTMAX", (1,), None, (1,)),
    ],
)
def test_one_image_is_kept_by_every_layer(operator, shape, constant, output):
    """Operands of fewer dimensions get as many as the result has."""
    c = None if constant is None else values(*constant, seed=3)
    graph = with_images(graph_of(operator, [shape], output, constant=c))
    assert graph.declared == {"x0": shape, "y": output}
    assert counts_images(graph)


def test_without_a_batch_only_the_declared_shape_is_taken():
    graph = with_images(graph_of("RESHAPE", [(1, 4, 6)], (4, 6)))
    with weft.InferenceSession(graph, device="golden") as session:
        assert session.get_outputs()[0].shape == [4, 6]
        with pytest.raises(weft.ModelError, match=r"must have shape \(1, 4, 6\)"):
            session.run(None, {"x0": values(2, 4, 6)})

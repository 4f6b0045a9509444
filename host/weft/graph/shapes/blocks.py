"""Shapes of operators that are small networks themselves."""

from weft.errors import ModelError
from weft.graph.graph import Graph, Node
from weft.graph.shapes.inputs import Shape, input_shape

__all__ = ["detection", "lstm", "svdf"]


def svdf(graph: Graph, node: Node) -> Shape:
    """Return the shape of one value for each unit: filters / rank."""
    x, features, times = (input_shape(graph, node, index) for index in (0, 1, 2))
    rank, filters = node.attributes["rank"], features[0] if features else 0
    if len(x) != 2 or features[1:] != x[1:] or len(times) != 2 or times[0] != filters:
        raise ModelError(f"weights of shapes {features} and {times} do not fit an input of {x}")
    if rank < 1 or filters % rank or input_shape(graph, node, 4) != (x[0], filters * times[1]):
        raise ModelError(f"a state of shape {input_shape(graph, node, 4)} does not fit rank {rank}")
    return x[0], filters // rank


def detection(graph: Graph, node: Node) -> Shape:
    """Return the shape of the corners of all boxes."""
    offsets, scores, anchors = (input_shape(graph, node, index) for index in range(3))
    classes, detections = node.attributes["classes"], node.attributes["detections"]
    if (
        len(offsets) != 3
        or len(scores) != 3
        or scores[:2] != offsets[:2]
        or anchors[-2:] != (offsets[1], 4)
        or offsets[2] < 4
        or scores[2] - classes not in (0, 1)
    ):
        raise ModelError(f"boxes {offsets}, scores {scores} and anchors {anchors} do not fit")
    expected = {1: (offsets[0], detections), 2: (offsets[0], detections), 3: offsets[:1]}
    for index, shape in expected.items():
        if graph.tensors[node.outputs[index]].shape != shape:
            raise ModelError(f"output {index} of {node.operator} must have shape {shape}")
    return offsets[0], detections, 4


def lstm(graph: Graph, node: Node) -> Shape:
    """Return the shape of an output of all cells at each time."""
    x, *weights = (input_shape(graph, node, index) for index in range(9))
    cells = weights[0][:1]
    states = [input_shape(graph, node, index) for index in (13, 14)]
    biases = [input_shape(graph, node, index) for index in range(9, 13)]
    if (
        len(x) != 3
        or weights != 4 * [(*cells, x[-1])] + 4 * [cells * 2]
        or biases != 4 * [cells]
        or states != 2 * [(x[0], *cells)]
    ):
        raise ModelError(f"weights or states of {node.operator} do not fit an input of {x}")
    return *x[:2], *cells

"""Analysis of a graph's layers: what each does and costs, on any device."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from weft.graph import OPERATORS, Graph, Node

__all__ = ["LayerFacts", "analyse", "input_size", "layer_macs"]


@dataclass(frozen=True, kw_only=True)
class LayerFacts:
    """One layer in figures; shapes are batch 1 and lack the batch dimension.

    Parameters
    ----------
    kernel, stride, dilation : (int, int) or None
        Vertical, horizontal; None where the operator has no window.
    padding : (int, int, int, int) or None
        Top, bottom, left, right.
    parameters : int
        Weights and biases.
    dense_parameters : int or None
        What a fully connected layer between the same volumes would need; None where the layer is
        none of the operators that it could replace.
    receptive_field : (int, int)
        Rows and columns of the model's input that one output value depends on.
    macs : int
        Multiplications of an activation by a weight, per image.
    """

    name: str
    operator: str
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    dilation: tuple[int, int] | None
    padding: tuple[int, int, int, int] | None
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    dense_parameters: int | None
    receptive_field: tuple[int, int]
    macs: int


@dataclass(frozen=True)
class _Field:
    """Receptive field and distance of neighbouring values, (y, x), in pixels of the input."""

    size: tuple[int, int]
    jump: tuple[int, int]


def analyse(graph: Graph) -> list[LayerFacts]:
    """Return the facts of each node, in the graph's order.

    Receptive fields follow r' = r + (dilation * (kernel - 1)) * jump, jump' = jump * stride
    (Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019),
    limited to the input.
    """
    fields = {name: _Field((1, 1), (1, 1)) for name in graph.sources}
    limit = input_size(graph)
    facts = []
    for node in graph.nodes:
        field = _field(graph, node, fields, limit)
        fields.update(dict.fromkeys(node.outputs, field))
        facts.append(_facts(graph, node, field.size))
    return facts


def layer_macs(graph: Graph, node: Node) -> int:
    """Return the multiplications by a weight that ``node`` makes for one image."""
    if not OPERATORS[node.operator].weighted:
        return 0
    weights = graph.tensors[str(node.inputs[1])].shape
    output = graph.tensors[node.outputs[0]].shape
    if node.operator == "FULLY_CONNECTED":
        return prod(weights) * prod(output[1:-1])
    if node.operator == "TRANSPOSE_CONV":  # each input pixel meets the whole kernel
        source = next(name for name in reversed(node.inputs[:3]) if _is_activation(graph, name))
        return prod(graph.tensors[str(source)].shape[1:3]) * prod(weights)
    return prod(output[1:3]) * prod(weights)


def _facts(graph: Graph, node: Node, receptive_field: tuple[int, int]) -> LayerFacts:
    first = next((name for name in node.inputs if _is_activation(graph, name)), node.inputs[0])
    input_shape = graph.tensors[str(first)].shape[1:]
    output_shape = graph.tensors[node.outputs[0]].shape[1:]
    constants = [graph.tensors[str(name)] for name in node.inputs[1:3] if _is_constant(graph, name)]
    weighted = OPERATORS[node.operator].weighted
    attributes = node.attributes
    return LayerFacts(
        name=node.name,
        operator=node.operator,
        kernel=_kernel(graph, node),
        stride=_pair(attributes.get("stride")),
        dilation=_pair(attributes.get("dilation")),
        padding=_padding(attributes),
        input_shape=input_shape,
        output_shape=output_shape,
        parameters=sum(prod(c.shape) for c in constants) if weighted else 0,
        dense_parameters=(prod(input_shape) + 1) * prod(output_shape) if weighted else None,
        receptive_field=receptive_field,
        macs=layer_macs(graph, node),
    )


def _kernel(graph: Graph, node: Node) -> tuple[int, int] | None:
    operator = OPERATORS[node.operator]
    if operator.weighted and "stride" in operator.attributes:
        shape = graph.tensors[str(node.inputs[1])].shape
        return int(shape[1]), int(shape[2])
    return _pair(node.attributes.get("kernel"))


def _pair(value: object) -> tuple[int, int] | None:
    return (int(value[0]), int(value[1])) if isinstance(value, (tuple, list)) else None


def _padding(attributes: Mapping[str, object]) -> tuple[int, int, int, int] | None:
    value = attributes.get("padding")
    if not isinstance(value, (tuple, list)) or len(value) != 4:
        return None
    top, bottom, left, right = (int(v) for v in value)
    return top, bottom, left, right


def _field(
    graph: Graph, node: Node, fields: Mapping[str, _Field], limit: tuple[int, int]
) -> _Field:
    known = [fields[name] for name in node.inputs if name is not None and name in fields]
    if not known:
        return _Field((1, 1), (1, 1))
    size = max(f.size[0] for f in known), max(f.size[1] for f in known)
    jump = max(f.jump[0] for f in known), max(f.jump[1] for f in known)
    if node.operator in ("FULLY_CONNECTED", "MEAN", "SOFTMAX"):
        return _Field(limit, jump)
    kernel = _kernel(graph, node)
    if kernel is None:
        return _Field(size, jump)
    stride = _pair(node.attributes.get("stride")) or (1, 1)
    dilation = _pair(node.attributes.get("dilation")) or (1, 1)
    grown = [min(size[i] + dilation[i] * (kernel[i] - 1) * jump[i], limit[i]) for i in (0, 1)]
    return _Field((grown[0], grown[1]), (jump[0] * stride[0], jump[1] * stride[1]))


def input_size(graph: Graph) -> tuple[int, int]:
    """Return height and width of the first feature map: the input as the first layer sees it."""
    for node in graph.nodes:
        if "stride" in node.attributes:
            first = next(name for name in node.inputs if _is_activation(graph, name))
            shape = graph.tensors[str(first)].shape
            return int(shape[1]), int(shape[2])
    shape = (1, 1, *graph.tensors[graph.inputs[0]].shape[1:])
    return int(shape[-2]), int(shape[-1])


def _is_constant(graph: Graph, name: str | None) -> bool:
    return name is not None and graph.tensors[name].data is not None


def _is_activation(graph: Graph, name: str | None) -> bool:
    return name is not None and graph.tensors[name].data is None

"""PAD behind the last channel without a pass of its own.

A pixel takes whole words. What lies behind a tensor's last channel is spare: where its producer
writes the zero point there, the padded tensor lies in the same place, with more channels.
"""

from collections.abc import Container, Mapping

from weft_hw.contract.config import Config

from weft.graph import Graph, Node
from weft.program.layout import default_layout, feature_map

__all__ = ["pads_channels", "spare_channels"]

# No activation function clamps zero away.
_SUPPLIERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "ADD")


def pads_channels(graph: Graph, node: Node) -> bool:
    """Whether a PAD adds zero points behind the last channel and nothing else."""
    source, result = graph.tensors[str(node.inputs[0])], graph.tensors[node.outputs[0]]
    paddings = [tuple(map(int, sides)) for sides in node.attributes["paddings"]]
    a, b = source.quantization, result.quantization
    if a is None or b is None or len(paddings) != len(source.shape) or len(paddings) > 4:
        return False
    if any(map(any, paddings[:-1])) or paddings[-1][0]:
        return False
    alike = (a.scale[0], a.zero_point[0]) == (b.scale[0], b.zero_point[0])
    return alike and node.attributes.get("value", a.zero_point[0]) == a.zero_point[0]


def spare_channels(
    graph: Graph, config: Config, host: Mapping[int, str], apart: Container[str]
) -> dict[str, int]:
    """Return tensors behind whose last channel their producer writes zero points.

    The number is that of all channels together. It never exceeds the words that a pixel takes
    anyway. Tensors of ``apart`` have places that were chosen for another reason.
    """
    search = _Search(graph, config, host, apart)
    for index, node in enumerate(graph.nodes):
        if node.operator == "PAD" and index not in host and pads_channels(graph, node):
            search.ask(str(node.inputs[0]), graph.tensors[node.outputs[0]].shape[-1])
    return search.found


class _Search:
    def __init__(
        self, graph: Graph, config: Config, host: Mapping[int, str], apart: Container[str]
    ):
        self._graph, self._config, self._host, self._apart = graph, config, host, apart
        self.found: dict[str, int] = {}

    def ask(self, name: str, channels: int) -> None:
        """Note what must be written for ``name`` to have ``channels`` channels, if it can be."""
        wanted: dict[str, int] = {}
        if self._supply(name, channels, wanted):
            for tensor, count in wanted.items():
                self.found[tensor] = max(count, self.found.get(tensor, 0))

    def _supply(self, name: str, channels: int, wanted: dict[str, int]) -> bool:
        """Whether the producer of ``name`` can write zero points up to ``channels``."""
        graph, tensor = self._graph, self._graph.tensors[name]
        index = graph.writing.get(name)
        if index is None or index in self._host or name in self._apart:
            return False
        if wanted.get(name, 0) >= channels:
            return True
        size = feature_map(tensor.shape)
        layout = default_layout(self._config, size, narrowest=self._config.lanes)
        if layout.pixel_bytes < channels:
            return False
        wanted[name] = channels
        node = graph.nodes[index]
        if node.operator == "PAD" and len(tensor.shape) == 4:
            # In place as well, or else a copy, which can write more.
            trial = dict(wanted)
            if pads_channels(graph, node) and self._supply(str(node.inputs[0]), channels, trial):
                wanted |= trial
            return True
        if node.operator not in _SUPPLIERS:
            return False
        if node.operator == "ADD":
            # Zero and zero is zero, whatever the scales.
            return len(set(node.inputs)) == 2 and all(
                graph.tensors[str(operand)].data is None
                and graph.tensors[str(operand)].shape == tensor.shape
                and self._supply(str(operand), channels, wanted)
                for operand in node.inputs
            )
        if node.operator == "CONV_2D":
            return node.attributes["groups"] == 1
        return node.attributes.get("depth_multiplier", 1) == 1

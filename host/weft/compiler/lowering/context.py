"""What all lowerings share: the graph, the configuration, and where tensors lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.layers import check_layer

from weft.compiler.ir import Buffer, Command, Place, Unsupported
from weft.compiler.words import Parameters
from weft.graph import OPERATORS, Graph, Node, Tensor
from weft.program.layout import Layout, default_layout, feature_map

__all__ = ["Lowering", "identity_parameters", "require_one_map"]


@dataclass(eq=False)
class Lowering:
    """State of one attempt to lower a graph.

    ``host`` maps nodes (by index) that were found to run on the host to the reason why; places
    of tensors come into being as nodes are lowered in order. ``spare`` gives tensors behind whose
    last channel zero points are written, and up to which channel.
    """

    graph: Graph
    config: Config
    host: Mapping[int, str]
    places: dict[str, Place] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    constants: dict[bytes, Buffer] = field(default_factory=dict)
    resident: set[str] = field(default_factory=set)  # states that stay in activation memory
    spare: Mapping[str, int] = field(default_factory=dict)

    def tensor(self, node: Node, index: int) -> Tensor:
        """Return input ``index`` of ``node``."""
        name = node.inputs[index] if index < len(node.inputs) else None
        if name is None:
            raise Unsupported(f"input {index} is missing")
        return self.graph.tensors[name]

    def constant(self, node: Node, index: int) -> NDArray[Any] | None:
        """Return the data of input ``index``; None if absent; Unsupported if not constant."""
        if index >= len(node.inputs) or node.inputs[index] is None:
            return None
        data = self.tensor(node, index).data
        if data is None:
            raise Unsupported(f"input {index} is not constant")
        return data

    def zero_point(self, tensor: Tensor) -> int:
        """Return the zero point of an int8 activation tensor."""
        if tensor.dtype != np.int8 or tensor.quantization is None:
            raise Unsupported(f"{tensor.name} is {tensor.dtype}, not int8")
        if len(tensor.quantization.scale) != 1:
            raise Unsupported(f"{tensor.name} has a scale per channel")
        return int(tensor.quantization.zero_point[0])

    def place(self, tensor: Tensor) -> Place:
        """Return where an input lies; a tensor that the host writes gets a place now."""
        self.zero_point(tensor)
        if tensor.data is not None:
            raise Unsupported(f"{tensor.name} is constant")
        if tensor.name not in self.places:
            nodes = self.graph.nodes
            readers = [
                node
                for i, node in enumerate(nodes)
                if tensor.name in node.inputs and i not in self.host
            ]
            # What reads pixel by pixel takes pixels narrower than a beat.
            windowed = all(OPERATORS[node.operator].windowed for node in readers)
            # The accelerator itself may write a state.
            windowed &= tensor.name not in self.graph.sources[len(self.graph.inputs) :]
            self.new_place(tensor, narrowest=1 if windowed else self.config.lanes)
        return self.places[tensor.name]

    def new_place(
        self, tensor: Tensor, *, narrowest: int | None = None, layout: Layout | None = None
    ) -> Place:
        """Give ``tensor`` a buffer of its own, in ``layout`` or the densest one."""
        if layout is None:
            layout = default_layout(
                self.config, feature_map(tensor.shape), narrowest=narrowest or self.config.lanes
            )
        place = Place(Buffer(tensor.name, layout.words), layout)
        self.places[tensor.name] = place
        return place

    def target(self, node: Node, *, layout: Layout | None = None) -> Place:
        """Return where ``node``'s result goes: a place prepared by its reader, or a new one."""
        name = node.outputs[0]
        tensor = self.graph.tensors[name]
        self.zero_point(tensor)
        return self.places.get(name) or self.new_place(tensor, layout=layout)

    def constant_buffer(self, name: str, data: bytes) -> Buffer:
        """Return a buffer of activation memory that holds ``data`` forever."""
        if data not in self.constants:
            words = -(-len(data) // self.config.columns)
            self.constants[data] = Buffer(name, words, data)
        return self.constants[data]

    def emit(self, command: Command) -> None:
        """Append a command after checking that every field fits its width."""
        try:
            check_layer(self.config, command.descriptor)
        except ValueError as error:
            raise Unsupported(f"the descriptor cannot say it: {error}") from None
        self.commands.append(command)


def identity_parameters(lanes: int, channels: int, first: int = 0) -> Parameters:
    """Return parameters that pass values on unchanged (with HALF_UP)."""
    entries = -(-(first + channels) // lanes)
    return Parameters(np.broadcast_to(np.array([0, 1 << 30, 30], np.int64), (entries, lanes, 3)))


def require_one_map(lowering: Lowering, node: Node) -> None:
    """Raise :class:`Unsupported` where a window moves over several maps of one image."""
    if len(lowering.tensor(node, 0).shape) > 4:
        raise Unsupported("its input is several maps, which one window cannot cross")

"""Holds the simulated accelerator to the golden model on one random network."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from weft import InferenceSession
from weft.compiler import compile_graph
from weft.errors import CapacityError, ModelError
from weft.golden import run as reference
from weft.graph import Graph
from weft.importers.onnx.file import import_onnx
from weft.importers.tflite.walk import import_tflite
from weft.program import Program
from weft.runtime.comparison import count_differences
from weft.runtime.device import OpenDevice
from weft.runtime.devices import open_device
from weft_hw.contract.config import Config, get_config

from networks.compare import (
    beyond_float32,
    more_network,
    onnx_network,
    random_input,
    tells_scale,
    tflite_network,
)
from networks.onnx_forms import FORMS as ONNX_FORMS
from networks.onnx_forms import onnx_form
from networks.plan import SIDES
from networks.tflite_parts import parts_network

__all__ = [
    "FORMS",
    "MORE_FORMS",
    "SMALL",
    "SMALL_COMPACT",
    "SMALL_PAIRED",
    "Boards",
    "DeviceOutcome",
    "imported",
]

FORMS = ("tflite", "qdq", "qoperator")
MORE_FORMS = (
    "tflite-int8",
    "tflite-uint8",
    "tflite-first",
    "tflite-split",
    "tflite-parts",
    *ONNX_FORMS,
)
# Several pixels, an array that is no square, and memories for every random network.
SMALL = Config(
    name="small-two-pixels",
    tap_rows=2,
    tap_columns=2,
    columns=4,
    pixels=2,
    lanes=2,
    tile=2,
    fill_words=2,
    own_weights=True,
    weight_words=1 << 15,
    activation_words=1 << 15,
    line_words=512,
    parameter_words=1 << 12,
    descriptor_count=256,
    window_count=1 << 12,
)
# Layers, columns of taps and results one after the other.
SMALL_COMPACT = replace(
    SMALL, name="small-compact", pixels=1, fill_words=1, own_weights=False, compact=True
)
# Nine rows in pairs, and one that is left over; four pixels at a time.
SMALL_PAIRED = replace(SMALL, name="small-paired", tap_rows=3, tap_columns=3, pixels=4, paired=True)
_OWN = {config.name: config for config in (SMALL, SMALL_COMPACT, SMALL_PAIRED)}


@dataclass
class DeviceOutcome:
    """What was compared on which configuration, and what differs: (tensor, differing values)."""

    config: str = ""  # empty if the network fits none, or has nothing for an accelerator
    descriptors: int = 0
    cycles: int = 0
    compared: int = 0
    differences: list[tuple[str, int]] = field(default_factory=list)


def imported(form: str, seed: int, sides: Sequence[int] = SIDES) -> tuple[Graph, np.ndarray] | None:
    """Return the graph of a random network, and an input; None if its file tells no scale."""
    rng = np.random.default_rng(seed)
    if form == "tflite-parts":
        net, outputs = parts_network(seed, sides)
        [x] = net.feeds(seed)
        return import_tflite(net.bytes(outputs), f"random {seed}", "reference"), x
    if form.startswith("tflite"):
        if form != "tflite":
            plan, data, edge = more_network(seed, form.removeprefix("tflite-"), sides)
        else:
            plan, data, edge = tflite_network(seed, sides, every=True)
        graph = import_tflite(data, f"random {seed}", "reference")
    else:
        if form in ONNX_FORMS:
            network = onnx_form(seed, form, sides)
            plan, data, edge = network.plan, network.data, network.edge
        else:
            plan, data, edge = onnx_network(seed, form, sides)
        if edge != "float32" and not tells_scale(plan):
            return None
        graph = import_onnx(data, f"random {seed}", "onnxruntime", source="random")
    shape = graph.shape(graph.inputs[0])
    return graph, random_input(rng, shape, edge, plan.step)


class Boards:
    """Virtual boards that stay open, so that a network finds what the one before left behind.

    Parameters
    ----------
    configs : str or Config, at least one
        Tried in turn, from another one for each seed, until a network fits. A name may also be
        that of one of the configurations above.
    """

    def __init__(self, *configs: str | Config):
        self.configs = [_OWN.get(c) or get_config(c) if isinstance(c, str) else c for c in configs]
        self.open: dict[str, OpenDevice] = {}

    def __enter__(self) -> "Boards":
        return self

    def __exit__(self, *_: object) -> None:
        for board in self.open.values():
            board.close()
        self.open.clear()

    def board(self, config: Config) -> OpenDevice:
        """Return the board of ``config``, opened at its first use."""
        if config.name not in self.open:
            self.open[config.name] = open_device("sim", config)
        return self.open[config.name]

    def compile(self, graph: Graph, seed: int) -> Program | None:
        """Return the program for the first configuration with room for all that is not host's."""
        turn = seed % len(self.configs)
        for config in self.configs[turn:] + self.configs[:turn]:
            try:
                program = compile_graph(graph, config)
            except CapacityError:
                continue
            if program.descriptors:
                return program
        return None

    def compare(self, form: str, seed: int, sides: Sequence[int] = SIDES) -> DeviceOutcome:
        """Run one network and compare every tensor that the host can read back.

        The descriptors run in one go and one by one. Outputs are compared with the golden model
        on the graph as imported, tensors within with it on the graph as compiled.
        """
        try:
            network = imported(form, seed, sides)
        except ModelError as error:
            if not beyond_float32(error):
                raise
            network = None
        if network is None:
            return DeviceOutcome()
        graph, x = network
        program = self.compile(graph, seed)
        if program is None:
            return DeviceOutcome()
        feeds = {graph.inputs[0]: x}
        expected = reference.run(graph, feeds)
        session = InferenceSession(program, device=self.board(program.config), check=True)
        outputs = session.run(None, feeds)
        outcome = DeviceOutcome(
            program.config.name,
            len(program.descriptors),
            session.profile.cycles or 0,
            session.compared_values,
        )
        for row in session.profile.layers:
            if row.mismatches:
                outcome.differences.append((f"{row.operator} {row.name}", row.mismatches))
        for name, values in zip(graph.outputs, outputs, strict=True):
            if count := count_differences(values, expected[name]):
                outcome.differences.append((f"output {name}", count))
            outcome.compared += values.size
        return outcome

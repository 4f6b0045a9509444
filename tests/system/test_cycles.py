"""The cycle model explains every cycle that the simulated accelerator counts."""

from itertools import islice

import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from graph_builder import Builder
from networks.accelerator import SMALL, SMALL_COMPACT, SMALL_PAIRED, Boards
from networks.cycles import compare_cycles, random_graphs
from networks.mlperf_tiny import MODELS, NAMES
from weft import InferenceSession
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.graph import Graph
from weft.models.loading import load

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]

SEEDS = 15
# Of those, how many fit and have layers of over 1000 cycles at least.
LONG_LAYERS = {
    "tiny": 0,
    SMALL.name: 20,
    SMALL_COMPACT.name: 20,
    SMALL_PAIRED.name: 15,
    "ulx3s-85f": 15,
}


@pytest.mark.parametrize("config", LONG_LAYERS)
def test_random_networks(config):
    """50 networks for each configuration: ``python -m networks.cycles``."""
    with Boards(config) as boards:
        found = [compare_cycles(*network, boards) for network in islice(random_graphs(0), SEEDS)]
    outcomes = [outcome for outcome in found if outcome is not None]
    wrong = [
        f"{outcome.name} {layer}: {predicted} predicted, {counted} counted"
        for outcome in outcomes
        for layer, predicted, counted in outcome.layers
        if predicted != counted
    ]
    assert not wrong
    assert all(outcome.exact == outcome.descriptors for outcome in outcomes)
    long_layers = sum(outcome.long_layers for outcome in outcomes)
    print(f"{len(outcomes)} networks, {long_layers} layers over 1000 cycles")
    assert long_layers >= LONG_LAYERS[boards.configs[0].name]


@pytest.mark.parametrize("name", ["digits", *NAMES])
def test_models(name):
    path = MODELS / f"{name}.tflite"
    if name != "digits" and not path.exists():
        pytest.skip("WEFT_MODELS has no models")
    graph = load(name if name == "digits" else path, "ulx3s-85f", None)
    assert isinstance(graph, Graph)
    with Boards("ulx3s-85f") as boards:
        outcome = compare_cycles(name, graph, random_feed(graph, 0), boards)
    assert outcome is not None
    assert [predicted for _, predicted, _ in outcome.layers] == [
        counted for *_, counted in outcome.layers
    ]
    waits = ("wait_input", "wait_output", "wait_setup")
    for layer in outcome.counters:
        assert layer["busy"] + sum(layer[name] for name in waits) == layer["cycles"]
    # The first descriptor takes 21 cycles to come, a table its load; the others come in time.
    setup = [layer["wait_setup"] for layer in outcome.counters]
    assert setup[0] == 21 and {1} <= set(setup[1:]) <= {1, 263}


@pytest.mark.parametrize("config", [SMALL.name, SMALL_PAIRED.name])
def test_fully_connected_layers_in_a_row(config):
    """Those of own weights begin word by word, behind each other and behind other layers."""
    b = Builder(3)
    x = b.conv(b.input(4, 3, 5), 6, kernel=(3, 3), padding=(1, 1, 1, 1))
    for outputs in (40, 64, 9, 3, 24, 70):
        x = b.fully_connected(x, outputs)
    with Boards(config) as boards:
        outcome = compare_cycles("chain", b.build(x), b.feeds(), boards)
    assert outcome is not None
    assert [predicted for _, predicted, _ in outcome.layers] == [
        counted for *_, counted in outcome.layers
    ]


@pytest.mark.parametrize("name", [SMALL.name, SMALL_PAIRED.name, "ulx3s-85f"])
def test_residual_blocks(name):
    """Layers that add their results to another map, between layers that fill at the same time."""
    with Boards(name) as boards:
        for seed in range(3):
            b = Builder(seed)
            x = b.conv(b.input(7 + seed, 6, 5), 12, padding=(1, 1, 1, 1))
            for out, stride in ((12, 1), (20, 2), (20, 1)):
                y = b.conv(x, out, stride=(stride, stride), padding=(1, 1, 1, 1))
                y = b.conv(y, out, padding=(1, 1, 1, 1))
                if out != b.tensors[x].shape[-1]:
                    x = b.conv(x, out, kernel=(1, 1), stride=(stride, stride))
                x = b.binary("ADD", *((x, y), (y, x))[seed % 2])
            graph, feeds = b.build(b.conv(x, 3, kernel=(1, 1))), b.feeds()
            outcome = compare_cycles("blocks", graph, feeds, boards)
            assert outcome is not None
            assert [predicted for _, predicted, _ in outcome.layers] == [
                counted for *_, counted in outcome.layers
            ]
            config, program = boards.configs[0], compile_graph(graph, boards.configs[0])
            session = InferenceSession(program, device=boards.board(config), check=True)
            session.run(None, feeds)
            assert [row.mismatches for row in session.profile.layers] == [0] * len(graph.nodes)
            assert sum(getattr(layer, "adds", 0) for layer in program.decoded) == 3


def test_digits_on_a_compact_configuration():
    graph = load("digits", "icebreaker", None)
    assert isinstance(graph, Graph)
    with Boards("icebreaker") as boards:
        outcome = compare_cycles("digits", graph, random_feed(graph, 0), boards)
    assert outcome is not None
    assert [predicted for _, predicted, _ in outcome.layers] == [
        counted for *_, counted in outcome.layers
    ]
    # Each layer waits for its own descriptor.
    assert {layer["wait_setup"] for layer in outcome.counters} == {21}

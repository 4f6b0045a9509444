"""Weights over the link: the host carries out the moves of a board without memory beside it."""

from dataclasses import replace

import numpy as np
import pytest
import weft
from networks.configurations import FEW
from test_compiler_random import random_branches
from weft.cli import main
from weft.compiler import compile_graph
from weft.errors import CapacityError, ModelError
from weft.golden import run as reference
from weft.program import RunStep
from weft.runtime.device import OpenDevice
from weft.runtime.execute import load_program, run_counters, run_program
from weft.runtime.host_memory import HostMoved, board_alone, with_host_memory
from weft_sim.testing.functional import FunctionalSimulator

ALONE = replace(FEW, name="alone", activation_words=768, dram_bytes=0)
BESIDE = with_host_memory(ALONE)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Plans need not be good here."""
    monkeypatch.setattr("weft.compiler.streaming.planner.LOOKS", 30)


class Watched(FunctionalSimulator):
    """A board that notes runs, and has none of the host's memory."""

    def __init__(self, config):
        super().__init__(config)
        self.runs = []

    def run(self, first, count):
        self.runs.append((first, count))
        super().run(first, count)


@pytest.mark.parametrize("seed", range(4))
def test_random_networks(graphs, seed):
    b, outputs = random_branches(graphs, seed)
    graph, feeds = b.build(*outputs), b.feeds()
    with pytest.raises(CapacityError):
        compile_graph(graph, ALONE)
    program, board = compile_graph(graph, BESIDE), Watched(ALONE)
    device = HostMoved(board, BESIDE)
    load_program(program, device, BESIDE)
    for _ in range(2):  # a ring of descriptors begins anew
        values = run_program(program, device, feeds)
        for name in graph.outputs:
            np.testing.assert_array_equal(values[name], reference.run(graph, feeds)[name])
    layers = [info.operator != "MOVE" for info in program.descriptors]
    assert sum(count for _, count in board.runs) == 2 * sum(layers)
    [step] = [step for step in program.steps if isinstance(step, RunStep)]
    assert set(run_counters(program, device, step)) == set(np.flatnonzero(layers))


def test_a_session_leaves_the_host_what_does_not_fit(graphs):
    b, outputs = random_branches(graphs, 1)
    graph, feeds = b.build(*outputs), b.feeds()
    device = OpenDevice("simulator", ALONE, FunctionalSimulator(ALONE))
    with weft.InferenceSession(
        graph, device=device, config=ALONE, weights="link", check=True
    ) as session:
        found = session.run(None, feeds)
        assert session.profile.bit_exact and session.compared_values > 1000
    for name, value in zip(graph.outputs, found, strict=True):
        np.testing.assert_array_equal(value, reference.run(graph, feeds)[name])


def test_what_fits_stays_on_the_board(graphs):
    b = graphs.Builder(1)
    graph = b.build(b.conv(b.input(4, 4, 3), 4))
    board = Watched(ALONE)
    device = OpenDevice("simulator", ALONE, board)
    with weft.InferenceSession(graph, device=device, config=ALONE, weights="link") as session:
        session.run(None, b.feeds())
        assert session.program is not None and not session.program.streamed
    assert len(board.runs) == 1
    assert board_alone(BESIDE) == ALONE


def test_a_board_that_is_too_small_even_so(graphs):
    b = graphs.Builder(2)
    graph = b.build(b.conv(b.input(4, 40, 200), 8))
    small = replace(ALONE, activation_words=64)
    with pytest.raises(CapacityError, match=r"^[^\n]+$"):
        weft.InferenceSession(
            graph,
            device=OpenDevice("simulator", small, FunctionalSimulator(small)),
            config=small,
            weights="link",
        )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--config", "icebreaker", "--weights", "link"], "compact"),
        (["--config", "ulx3s-85f-wide-fc", "--weights", "link"], "weights of each pixel's own"),
        (["--config", "ulx3s-85f", "--weights", "link"], "has memory beside the chip"),
        (["--weights", "card"], "not over 'card'"),
    ],
)
def test_choices_that_cannot_be(capsys, arguments, text):
    for command in ("explain", "run"):
        more = ["--device", "sim"] if command == "run" else []
        assert main([command, "digits", *more, *arguments]) == 2
        found = capsys.readouterr().err
        assert text in found and found.count("\n") == 1


def test_a_board_with_too_few_descriptors(tmp_path, capsys):
    path = tmp_path / "few.toml"
    path.write_text('base = "tiny"\ndescriptor_count = 8\n')
    assert main(["explain", "digits", "--config", str(path), "--weights", "link"]) == 2
    assert capsys.readouterr().err == (
        "weft: few has not what that takes (Config.descriptor_count must be a power of two from 16 "
        "on where there is memory beside the chip, not 8), so weights cannot come over its link\n"
    )


def test_a_program_says_where_its_weights_lie(tmp_path, capsys):
    weft.compile("digits", config="tiny").save(tmp_path / "d.weft")
    with pytest.raises(ModelError, match="says where its weights lie"):
        weft.InferenceSession(tmp_path / "d.weft", device="sim", weights="link")
    assert main(["explain", str(tmp_path / "d.weft"), "--weights", "link"]) == 2
    assert "says where its weights lie" in capsys.readouterr().err

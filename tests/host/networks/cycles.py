"""Holds predicted to counted cycles: ``python -m networks.cycles --help``."""

if __name__ == "__main__":
    from interrupts import end_with_one_line

    end_with_one_line()

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.errors import CapacityError
from weft.graph import Graph
from weft.models.loading import load
from weft.runtime.board_runner import BoardRunner

from networks.accelerator import FORMS, Boards, imported
from networks.plan import LARGE

__all__ = ["CycleOutcome", "compare_cycles", "random_graphs"]

LONG_LAYER = 1_000  # cycles from which on a layer is judged by itself
LAYER_LIMIT, MODEL_LIMIT = 0.05, 0.02
LAYERS_AT_LEAST = 3  # descriptors of a random network that counts


@dataclass
class CycleOutcome:
    """One inference: predicted and counted cycles of its layers, descriptors of one summed."""

    name: str
    layers: list[tuple[str, int, int]] = field(default_factory=list)  # name, predicted, counted
    exact: int = 0  # descriptors predicted to the cycle
    descriptors: int = 0
    counters: list[Mapping[str, int]] = field(default_factory=list)

    @property
    def predicted(self) -> int:
        return sum(predicted for _, predicted, _ in self.layers)

    @property
    def counted(self) -> int:
        return sum(counted for _, _, counted in self.layers)

    @property
    def error(self) -> float:
        return abs(self.predicted - self.counted) / self.counted

    @property
    def long_layers(self) -> int:
        return sum(counted > LONG_LAYER for *_, counted in self.layers)

    def problems(self) -> list[str]:
        """Say what exceeds its limit."""
        found = []
        if self.error > MODEL_LIMIT:
            found.append(f"{self.name}: {self.predicted} predicted, {self.counted} counted")
        for name, predicted, counted in self.layers:
            if counted > LONG_LAYER and abs(predicted - counted) > LAYER_LIMIT * counted:
                found.append(f"{self.name} {name}: {predicted} predicted, {counted} counted")
        return found


def compare_cycles(name: str, graph: Graph, feeds: dict, boards: Boards) -> CycleOutcome | None:
    """Run one image; None if the network does not fit the chip, or has too little for it."""
    config = boards.configs[0]
    try:
        program = compile_graph(graph, config)
    except CapacityError:
        return None
    if program.streamed or not program.descriptors:
        return None
    runner = BoardRunner(program, boards.board(config))
    run = runner.run(feeds)
    outcome = CycleOutcome(name, descriptors=len(program.descriptors))
    for row in runner.layers(run, {}):
        if row.cycles:
            outcome.layers.append((f"{row.operator} {row.name}", row.predicted_cycles, row.cycles))
    outcome.counters = list(run.counters.values())
    outcome.exact = sum(
        info.predicted_cycles == run.counters[number]["cycles"]
        for number, info in enumerate(program.descriptors)
    )
    return outcome


def random_graphs(first: int) -> Iterator[tuple[str, Graph, dict[str, np.ndarray]]]:
    """Yield random networks with large inputs, the forms in turn, without end."""
    seed = first
    while True:
        form = FORMS[seed % len(FORMS)]
        if (network := imported(form, seed, LARGE)) is not None:
            graph, x = network
            yield f"{form} seed {seed}", graph, {graph.inputs[0]: x[:1]}
        seed += 1


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", default="ulx3s-85f", help="a configuration, also of networks.accelerator"
    )
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=50, help="networks that fit")
    parser.add_argument("--model", nargs="*", default=[], help="files, or known names")
    arguments = parser.parse_args()
    started, outcomes = time.perf_counter(), []
    with Boards(arguments.config) as boards:
        for model in arguments.model:
            graph = load(model)
            assert isinstance(graph, Graph)
            outcome = compare_cycles(Path(model).stem, graph, random_feed(graph, 0), boards)
            if outcome is None:
                print(f"{model} does not fit")
                continue
            outcomes.append(outcome)
            print(f"{outcome.name}: {outcome.predicted} predicted, {outcome.counted} counted")
        networks = random_graphs(arguments.first)
        found = 0
        while found < arguments.count:
            outcome = compare_cycles(*next(networks), boards)
            if outcome is not None and outcome.descriptors >= LAYERS_AT_LEAST:
                outcomes.append(outcome)
                found += 1
    problems = [problem for outcome in outcomes for problem in outcome.problems()]
    print("\n".join(problems))
    print(
        f"{arguments.config}: {len(outcomes)} networks, "
        f"{sum(o.counted for o in outcomes)} cycles, worst network off by "
        f"{max(o.error for o in outcomes):.3%}; {sum(o.long_layers for o in outcomes)} layers over "
        f"{LONG_LAYER} cycles; {sum(o.exact for o in outcomes)} of "
        f"{sum(o.descriptors for o in outcomes)} descriptors exact; {len(problems)} over a limit; "
        f"{time.perf_counter() - started:.0f} s"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""The pages of docs/how-to are followed: their code runs, what they name exists."""

import re
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from weft_hw.boards import BOARDS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def follow(page: str) -> dict:
    names: dict = {}
    for block in blocks(page, "python"):
        exec(block, names)
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_exist_and_hold_the_names_beside_them(page: Path):
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"`((?:hw|host|sim|tests|docs|constraints)/[\w./-]*)`", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    sources = "".join((ROOT / name).read_text() for name in files if name.endswith(".py"))
    for line in re.findall(r"^\|.*`(\w+)` \| `[\w/.]+\.py` \|$", text, re.MULTILINE):
        assert re.search(rf"^{line}\b", sources, re.MULTILINE), line


def test_operator():
    pytest.importorskip("ai_edge_litert")
    from networks.tflite_random import Random
    from weft.golden.operators.evaluators import EVALUATORS
    from weft.graph import OPERATORS
    from weft.importers.tflite.functions import FUNCTIONS
    from weft.importers.tflite.translations import TRANSLATIONS

    with (
        patch.dict(FUNCTIONS),
        patch.dict(TRANSLATIONS),
        patch.dict(OPERATORS),
        patch.dict(EVALUATORS),
    ):
        follow("add-an-operator")
        for seed in range(20):
            net, output = Random(seed).computed("RELU_0_TO_1")
            assert net.differences(output) == 0  # from LiteRT
        check_flip()


def check_flip():
    from weft.compiler import compile_graph
    from weft.golden.run import run
    from weft.graph import Graph, Node, Quantization, Runtime, Tensor
    from weft.importers.rules.check import check
    from weft_hw.contract.config import CONFIGS

    step = Quantization(np.ones(1, np.float32), np.zeros(1, np.int64))
    tensors = {name: Tensor(name, (1, 3, 4), np.dtype(np.int8), step) for name in "xy"}
    node = Node("FLIP", "flip", ("x",), ("y",), {"axis": 2})
    graph = check(Graph("one", (node,), tensors, ("x",), ("y",), Runtime.REFERENCE))
    x = np.arange(12, dtype=np.int8).reshape(1, 3, 4)
    assert run(graph, {"x": x})["y"].tolist() == [[[3, 2, 1, 0], [7, 6, 5, 4], [11, 10, 9, 8]]]
    [layer] = compile_graph(graph, CONFIGS["tiny"]).layers
    assert layer.where == "host"


def test_configuration(tmp_path, monkeypatch):
    from weft.cli import main

    monkeypatch.chdir(tmp_path)
    [toml] = blocks("add-a-configuration", "toml")
    Path("tiny-deep.toml").write_text(toml)
    [commands] = blocks("add-a-configuration", "console")
    check, explain, run = (line.split()[1:] for line in commands.splitlines())
    assert main(check) == 0
    assert main(explain) == 0
    assert main([*run[:2], "--device", "golden", *run[4:]]) == 0  # tests/system simulates others


def test_board():
    from weft_sim.testing.rtlil import board_rtlil

    with patch.dict(BOARDS):
        follow("add-a-board")
        assert "EHXPLLL" in board_rtlil("ulx3s-45f-tiny")  # its PLL


def test_device():
    counting = follow("add-a-device")["CountingTransport"]

    class Loop:
        """Returns what it was sent."""

        process = None

        def __init__(self):
            self.data = b""

        def write(self, data):
            self.data += data

        def read(self, limit, timeout):
            data, self.data = self.data[:limit], self.data[limit:]
            return data

    transport = counting(Loop())
    transport.write(b"twelve bytes")
    assert transport.read(5, 1.0) == b"twelv"
    assert (transport.sent, transport.received) == (12, 5)


def test_rounding_modes_are_named_where_the_page_says():
    from weft.golden.arithmetic.requantize import Rule
    from weft_hw.contract.descriptor import Rounding

    assert set(Rounding.__members__) <= set(Rule.__members__)
    files = ["hw/weft_hw/engine/output/requantize.py", "sim/weft_sim/testing/functional.py"]
    for file in files:
        assert "Rounding." in (ROOT / file).read_text()

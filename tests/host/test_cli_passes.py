"""``explain --passes`` shows the graph after import and after each pass."""

import json

import numpy as np
from weft.cli import main
from weft.compiler.passes import PASSES
from weft.compiler.passes.trace import graph_as_dict, trace_passes
from weft.graph import Graph, Node, Quantization, Runtime, Tensor
from weft.models.digits import MODEL
from weft.models.loading import compile as compile_model

_STEP = Quantization(np.array([0.5], np.float32), np.array([3]))


def _padded_pool() -> Graph:
    """PAD by one on every side, then a 3x3 sum of channels: a padding that can be folded."""

    def tensor(name, *shape, **options):
        return Tensor(name, shape, np.dtype(np.int8), _STEP, **options)

    weights = tensor("w", 2, 3, 3, 2, data=np.ones((2, 3, 3, 2), np.int8))
    tensors = (tensor("x", 1, 4, 4, 2), tensor("p", 1, 6, 6, 2), weights, tensor("y", 1, 4, 4, 2))
    around = ((0, 0), (1, 1), (1, 1), (0, 0))
    attributes = {
        "stride": (1, 1),
        "dilation": (1, 1),
        "padding": (0, 0, 0, 0),
        "groups": 1,
        "activation": "NONE",
    }
    nodes = (
        Node("PAD", "pad", ("x",), ("p",), {"paddings": around}),
        Node("CONV_2D", "conv", ("p", "w", None), ("y",), attributes),
    )
    return Graph("m", nodes, {t.name: t for t in tensors}, ("x",), ("y",), Runtime.REFERENCE)


def test_each_pass_is_shown_in_order():
    stages = dict(trace_passes(_padded_pool()))
    assert list(stages) == ["import", *(p.__name__ for p in PASSES)]
    assert [n.operator for n in stages["import"].nodes] == ["PAD", "CONV_2D"]
    [conv] = stages["fold_padding"].nodes
    assert conv.attributes["padding"] == (1, 1, 1, 1)


def test_graph_as_plain_values():
    shown = graph_as_dict(_padded_pool())
    assert json.loads(json.dumps(shown)) == shown
    assert shown["inputs"] == ["x"] and shown["outputs"] == ["y"]
    assert shown["nodes"][0] == {
        "name": "pad",
        "operator": "PAD",
        "inputs": ["x"],
        "outputs": ["p"],
        "attributes": {"paddings": [[0, 0], [1, 1], [1, 1], [0, 0]]},
    }
    assert shown["nodes"][1]["inputs"] == ["p", "w", None]
    assert [t["name"] for t in shown["tensors"]] == ["x", "p", "w", "y"]
    assert [t["constant"] for t in shown["tensors"]] == [False, False, True, False]
    assert shown["tensors"][2] == {
        "name": "w",
        "shape": [2, 3, 3, 2],
        "dtype": "int8",
        "constant": True,
        "quantization": {"scale": [0.5], "zero_point": [3], "axis": 0},
    }


def test_explain_prints_the_graphs_on_request_only(capsys):
    assert main(["explain", "digits", "-c", "tiny", "--json"]) == 0
    assert "passes" not in json.loads(capsys.readouterr().out)
    assert main(["explain", "digits", "-c", "tiny", "--json", "--passes"]) == 0
    stages = json.loads(capsys.readouterr().out)["passes"]
    assert [s["pass"] for s in stages] == ["import", *(p.__name__ for p in PASSES)]
    for stage in stages:
        known = {t["name"] for t in stage["tensors"]}
        assert {n for node in stage["nodes"] for n in node["outputs"]} <= known
    assert main(["explain", "digits", "-c", "tiny", "--passes"]) == 0
    text = capsys.readouterr().out
    for stage in stages:
        count, tensors = len(stage["nodes"]), len(stage["tensors"])
        assert f"after {stage['pass']}: {count} nodes, {tensors} tensors" in text


def test_a_program_has_no_passes_to_show(capsys, tmp_path):
    path = tmp_path / "digits.weft"
    compile_model(MODEL, config="tiny").save(path)
    assert main(["explain", str(path), "--passes"]) == 2
    assert "--passes needs the model file" in capsys.readouterr().err

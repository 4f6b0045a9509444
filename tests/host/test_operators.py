"""One record for each operator: what computes and lowers them goes by it."""

import pytest
from networks.compare import more_network
from weft.compiler import compile_graph
from weft.compiler.lowering.lower import LOWERINGS
from weft.golden.operators.evaluators import EVALUATORS
from weft.graph import OPERATORS
from weft.graph.operators import ANYWHERE
from weft.importers.tflite.walk import import_tflite
from weft.program import Program
from weft.program.record import Attributes
from weft_hw.contract.config import CONFIGS


@pytest.mark.parametrize("name", OPERATORS)
def test_record_is_whole(name):
    operator = OPERATORS[name]
    assert any(EVALUATORS[name]), "nothing computes it"
    assert not {*operator.attributes} & {*operator.optional}
    least, most = operator.operands
    assert (2 if operator.weighted else 1) <= least <= most


def test_nothing_else_is_computed_or_lowered():
    assert {*EVALUATORS} == {*OPERATORS}
    assert {*LOWERINGS} <= {*OPERATORS}


def test_a_program_file_has_room_for_every_attribute():
    named = {name for o in OPERATORS.values() for name in (*o.attributes, *o.optional)}
    assert {*Attributes.__struct_fields__} == named | {*ANYWHERE}


@pytest.mark.parametrize("seed", [2, 3])
def test_attributes_survive_a_program_file(seed, tmp_path):
    """Among them those of a QUANTIZE from another type, as at the edge of these networks."""
    _, data, _ = more_network(seed, "int8")
    graph = import_tflite(data, f"random {seed}", "reference")
    assert any("retyped" in node.attributes for node in graph.nodes)
    program = compile_graph(graph, CONFIGS["ulx3s-85f"])
    program.save(tmp_path / "x.weft")
    loaded = Program.load(tmp_path / "x.weft")
    assert [node.attributes for node in loaded.graph.nodes] == [
        node.attributes for node in program.graph.nodes
    ]

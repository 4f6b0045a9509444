"""One record for each operator: what computes and lowers them goes by it."""

import pytest
from weft.compiler.lowering.lower import LOWERINGS
from weft.golden.operators.evaluators import EVALUATORS
from weft.graph import OPERATORS


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

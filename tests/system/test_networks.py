"""Random quantised networks on the simulated accelerator: all tensors equal the golden model."""

from collections import Counter

import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from networks.accelerator import FORMS, SMALL, SMALL_PAIRED, Boards

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]

SEEDS = range(24)
# Of each form; what has no layer for an accelerator does not count.
AT_LEAST = 20


@pytest.fixture(scope="module")
def boards():
    with Boards("tiny", SMALL, SMALL_PAIRED) as boards:
        yield boards


@pytest.mark.parametrize("form", FORMS)
def test_random_networks_equal_the_golden_model(boards, form):
    """The same seeds' golden models are held to the runtimes in test_import_networks."""
    configs, compared, cycles, failures = Counter(), 0, 0, []
    for seed in SEEDS:
        try:
            outcome = boards.compare(form, seed)
        except Exception as error:
            raise AssertionError(f"{form} seed {seed}: {error}") from error
        configs[outcome.config] += 1
        compared += outcome.compared
        cycles += outcome.cycles
        if outcome.differences:
            tensor, count = outcome.differences[0]
            failures.append(f"seed {seed} on {outcome.config}: {count} values of {tensor}")
    print(f"{form} seeds {SEEDS}: {dict(configs)}, {compared} values, {cycles} cycles")
    assert not failures, f"{form}: first differing tensors: {failures}"
    del configs[""]
    assert configs.total() >= AT_LEAST and len(configs) == 3 and compared > 10_000

"""Networks that stream in several runs, between which the host computes."""

from dataclasses import replace

import pytest
from weft.program import RunStep
from weft_hw.contract.config import CONFIGS

SMALL = replace(CONFIGS["ulx3s-85f"], name="small", dram_bytes=1 << 20)


@pytest.mark.parametrize("words", [150, 300])
@pytest.mark.parametrize("host_first", [True, False])
def test_what_an_earlier_run_wrote_stays_beside_new_results(graphs, monkeypatch, words, host_first):
    """Both parts of a concatenation lie in one buffer. The host's part comes in the second run."""
    monkeypatch.setattr("weft.compiler.streaming.planner.LOOKS", 0)
    b = graphs.Builder(1)
    x = b.conv(b.input(12, 12, 16), 16, kernel=(1, 1))
    half = b.conv(x, 16, kernel=(3, 3), stride=(2, 2), padding=(0, 1, 0, 1))
    b.share_quantization(x, half)
    whole = b.node(
        "RESIZE_NEAREST_NEIGHBOR",
        (half,),
        (1, 12, 12, 16),
        b.tensors[x].quantization,
        align_corners=False,
        half_pixel_centers=True,
    )
    parts = (whole, x) if host_first else (x, whole)
    graph = b.build(b.conv(b.concatenation(*parts), 8, kernel=(1, 1)))
    program = graphs.check(graph, replace(SMALL, activation_words=words), b.feeds(), shadows=True)
    assert program.streamed
    assert sum(isinstance(step, RunStep) for step in program.steps) == 2

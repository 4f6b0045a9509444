"""Networks of which every layer runs on the accelerator."""

from weft_hw.contract.config import CONFIGS

WIDE, PLAIN = CONFIGS["ulx3s-85f-wide"], CONFIGS["ulx3s-85f"]
TINY = CONFIGS["tiny"]


def reasons(program):
    return {layer.name: layer.reason for layer in program.layers if layer.where == "host"}


def check_all_on_accelerator(graphs, b, *outputs, config=PLAIN):
    program = graphs.check(b.build(*outputs), config, b.feeds())
    assert reasons(program) == {}
    return program

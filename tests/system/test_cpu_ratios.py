"""What must not become slow unnoticed: ratios of CPU time, both sides measured in one run."""

import resource
import statistics
import time

import numpy as np
import pytest
from weft.driver.board import BoardDriver
from weft.driver.transports.sim import SimTransport
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region, memory_map
from weft_sim import verilate
from weft_sim.compile import compile_library
from weft_sim.tools import compiler, run_tool, verilator_root

pytestmark = [pytest.mark.tools, pytest.mark.slow, pytest.mark.timeout(600)]
ROUNDS = 5
# About 0.2 when this was written.
MOST_OF_LINK = 0.45
# About 7.6 when this was written; a file for each part of the model made it more than 11.
MOST_OF_HEADERS = 11


def test_a_load_past_the_link_takes_a_part_of_the_links_time():
    """What opening a session consists of: weights a unit at a time, not a byte a cycle."""
    config = get_config("ulx3s-85f")
    memory, seconds = memory_map(config)[Region.WEIGHT], {}
    block = np.random.default_rng(1).bytes(memory.bytes // 8)
    for past_link in (False, True):
        with BoardDriver(SimTransport(config, past_link=past_link), config) as board:
            times = []
            for _ in range(ROUNDS):
                start = time.process_time()
                board.load(Region.WEIGHT, 0, block)
                times.append(time.process_time() - start)
        seconds[past_link] = statistics.median(times)
    print(f"{1e3 * seconds[True]:.2f} ms past the link, {1e3 * seconds[False]:.2f} ms over it")
    assert seconds[True] < MOST_OF_LINK * seconds[False]


def of_children(call):
    """Return the CPU seconds of the programs that ``call`` starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_cold_build_reads_the_simulators_headers_few_times(tmp_path, monkeypatch):
    """The link with a stand-in for the engine: little C++ of its own."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    seconds, compile_model = [], compile_library

    def measured(*arguments):
        made = []
        seconds.append(of_children(lambda: made.append(compile_model(*arguments))))
        return made[0]

    monkeypatch.setattr(verilate, "compile_library", measured)
    config = get_config("tiny")
    with BoardDriver(SimTransport(config, stand_in=True), config):
        pass
    source = tmp_path / "headers.cpp"
    source.write_text('#include "verilated.h"\n')
    include = verilator_root() / "include"
    command = [compiler(), "-std=c++17", f"-I{include}", f"-I{include / 'vltstd'}", "-c", source]
    headers = of_children(lambda: run_tool([*command, "-o", tmp_path / "x.o"], cwd=tmp_path))
    [model] = seconds
    print(f"{model:.2f} s for the model, {headers:.2f} s for its headers once")
    assert model < MOST_OF_HEADERS * headers

"""What the planner decides is the same in every process, whatever order sets have there."""

import hashlib
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

_COMPILE = """
import sys
from dataclasses import replace
import graph_builder
from networks.configurations import FEW
from test_compiler_random import random_branches
from weft.compiler import compile_graph
builder, outputs = random_branches(graph_builder, 0)
compile_graph(builder.build(*outputs), replace(FEW, activation_words=256)).save(sys.argv[1])
"""


def test_two_processes_plan_alike(tmp_path):
    """Sets of names and objects have another order where strings hash otherwise."""
    digests = set()
    for seed in ("0", "1", "2"):
        path = tmp_path / f"{seed}.weft"
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        subprocess.run(
            [sys.executable, "-c", _COMPILE, str(path)], check=True, timeout=300, env=environment
        )
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1

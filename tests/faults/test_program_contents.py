"""What a program file says that cannot be, each refused in one sentence."""

import io

import numpy as np
import pytest
from program_files.changed import changed
from weft.npy import npy_bytes
from weft_hw.contract.memory_map import Region

CASES = {
    "a foreign contract": (
        "digits",
        lambda b: b.update(fingerprint="0123456789abcdef"),
        "compiled for contract 0123456789abcdef",
    ),
    "a configuration that cannot be": (
        "digits",
        lambda b: b["config"].update(columns=3),
        "Config.columns must be a power of two",
    ),
    "a configuration of other memories": (
        "digits",
        lambda b: b["config"].update(activation_words=4096),
        "compiled for contract",
    ),
    "a shape that exhausts memory": (
        "digits",
        lambda b: b["graph"]["tensors"][0].update(shape=[1 << 28] * 8),
        "",
    ),
    "a unit beyond the end": (
        "digits",
        lambda b: b["images"][0].update(unit=1 << 20),
        "does not fit",
    ),
    "a memory that is not there": (
        "digits",
        lambda b: b["images"][0].update(region=int(Region.DRAM)),
        "has no memory DRAM",
    ),
    "slices that overlap": (
        "streamed",
        lambda b: b["images"][1].update(unit=b["images"][0]["unit"]),
        "two images lie at unit",
    ),
    "a step that does not exist": ("digits", lambda b: b["steps"][0].update(type="Run"), "Run"),
    "a node that does not exist": (
        "digits",
        lambda b: b["steps"][0].update(nodes=[99]),
        "there is no node 99",
    ),
    "a run beyond the descriptors": (
        "digits",
        lambda b: run_of(b).update(count=8),
        "runs have 8 of 7 descriptors",
    ),
    "a tensor that nobody wrote": (
        "digits",
        lambda b: run_of(b).update(loads=[]),
        "which nothing wrote",
    ),
    "a place for nothing": (
        "digits",
        lambda b: b["places"].update(more=next(iter(b["places"].values()))),
        "there is no tensor 'more'",
    ),
    "a layout of other words": (
        "digits",
        lambda b: next(iter(b["places"].values()))["layout"].update(columns=8),
        "pixels of a layout lie across",
    ),
    "a layout of other values": (
        "digits",
        lambda b: next(iter(b["places"].values()))["layout"].update(height=5),
        "does not fit a tensor",
    ),
    "a rounding that does not exist": (
        "digits",
        lambda b: b["graph"].update(rounding="down"),
        "Invalid enum value 'down'",
    ),
    "an operator that does not exist": (
        "digits",
        lambda b: b["graph"]["nodes"][2].update(operator="COS"),
        "operators or tensors that it does not have",
    ),
    "an attribute of another operator": (
        "digits",
        lambda b: b["graph"]["nodes"][2]["attributes"].update(alpha=0.5),
        "",
    ),
    "a stride of text": (
        "digits",
        lambda b: b["graph"]["nodes"][2]["attributes"].update(stride=["1", "1"]),
        "Expected `int`, got `str`",
    ),
    "a state that is resident nowhere": (
        "states on the board",
        lambda b: b.update(resident=["more"]),
        "state 'more' cannot be resident",
    ),
    "a cut where images meet": (
        "digits",
        lambda b: b["stream"].update(cut=6),
        "images that overlap meet in tensor",
    ),
    "a cut of nothing": (
        "digits",
        lambda b: b["stream"].update(cut=7),
        "do not go with a run cut at 7",
    ),
    "a number that is none": ("digits", lambda b: run_of(b).update(first=0.0), "got `float`"),
    "truth for a number": ("digits", lambda b: run_of(b).update(count=True), "got `bool`"),
    "a field that is unknown": ("digits", lambda b: b["config"].update(more=1), "unknown"),
}


def run_of(body):
    return next(step for step in body["steps"] if step["type"] == "RunStep")


@pytest.mark.parametrize("case", CASES)
def test_contents_that_cannot_be(members, refusal, case):
    name, change, text = CASES[case]
    assert text in refusal(changed(members[name], change))


def test_a_field_that_comes_twice_is_refused(members, refusal):
    text = members["digits"]["program.json"].replace(b'{"graph":', b'{"streamed":false,"graph":')
    assert "twice" in refusal({**members["digits"], "program.json": text})


def test_a_constant_must_be_what_the_graph_says(members, refusal):
    name = next(name for name in members["digits"] if name.startswith("tensors/"))
    array = npy_bytes(np.zeros((1, 2), np.int8))
    assert "constant" in refusal({**members["digits"], name: array})
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], object), allow_pickle=True)
    assert "not numbers" in refusal({**members["digits"], name: pickled.getvalue()})

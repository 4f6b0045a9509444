"""Options and markers of all tests."""

import shutil
from collections import defaultdict
from pathlib import Path

import pytest

LAYERS = ("unit", "rtl", "host", "system")
FAST_CASES = 2  # of one test; the others count as slow


def pytest_addoption(parser):
    parser.addoption(
        "--waves",
        nargs="?",
        const="build/waves",
        metavar="DIR",
        help="Write waveforms of component and cocotb tests, by default into build/waves.",
    )


def pytest_configure(config):
    if folder := config.getoption("--waves"):
        if not hasattr(config, "workerinput"):  # else workers would clear what others wrote
            shutil.rmtree(folder, ignore_errors=True)
        pytest.MonkeyPatch().setenv("WEFT_WAVES", str(Path(folder).absolute()))


def pytest_collection_modifyitems(items):
    """Mark each test with its layer, the folder that it is in."""
    here = Path(__file__).parent
    for item in items:
        layer = item.path.relative_to(here).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)
    _spread(items)


def _spread(items):
    """Mark cases of tests that have many as slow, but for some that lie far apart."""
    tests = defaultdict(list)
    for item in items:
        tests[item.path, getattr(item, "originalname", item.name)].append(item)
    for cases in tests.values():
        fast = {k * len(cases) // FAST_CASES for k in range(FAST_CASES)}
        for place, item in enumerate(cases):
            if place not in fast and len(cases) > FAST_CASES:
                item.add_marker("slow")

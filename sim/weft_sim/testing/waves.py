"""Where tests write waveforms: ``pytest --waves`` names a folder in ``WEFT_WAVES``."""

import os
import re
from pathlib import Path

__all__ = ["wave_file"]


def wave_file(suffix: str) -> Path | None:
    """Return a new file for the waveforms of the running test, None if nobody wants them.

    Parameters
    ----------
    suffix : str
        ``".vcd"`` or ``".fst"``.
    """
    folder = os.environ.get("WEFT_WAVES")
    if not folder:
        return None
    test = os.environ.get("PYTEST_CURRENT_TEST", "waves").partition(" ")[0]
    name = re.sub(r"[^\w.-]+", "_", test.rpartition("/")[2].replace(".py::", "."))[:120]
    Path(folder).mkdir(parents=True, exist_ok=True)
    file, number = Path(folder, name + suffix), 1
    while file.exists():  # a test may simulate several times
        number += 1
        file = Path(folder, f"{name}.{number}{suffix}")
    return file

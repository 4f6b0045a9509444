"""``python docs/diagrams`` draws the clock diagrams anew, into docs/pictures."""

import sys
from pathlib import Path

from weft_hw.files import write_file

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from diagrams.pictures import PICTURES  # noqa: E402  (after its folder is on the path)

for name, picture in PICTURES.items():
    write_file(ROOT / "docs" / "pictures" / f"{name}.svg", picture().encode())

"""``python docs/tables`` writes the made tables into README.md and the pages that hold them."""

import sys
from pathlib import Path

from weft_hw.files import write_file

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from tables.pages import pages, with_tables  # noqa: E402  (after its folder is on the path)

for page in pages(ROOT):
    write_file(page, with_tables(page.read_text(encoding="utf-8")).encode())

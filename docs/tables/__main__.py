"""``python docs/tables`` writes the made tables into README.md and the pages that hold them."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from tables.pages import pages, with_tables  # noqa: E402  (after its folder is on the path)

for page in pages(ROOT):
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")

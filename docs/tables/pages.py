"""Where a made table stands in a page: between two comments that name it."""

import re
from collections.abc import Callable
from pathlib import Path

from tables.boards import BOARD_FACTS, boards_table
from tables.measured import builds_table, end_to_end_table, latency_table, use_table
from tables.packets import packet_tables

__all__ = ["TABLES", "pages", "with_tables"]

TABLES: dict[str, Callable[[], str]] = {
    **BOARD_FACTS,
    "boards": boards_table,
    "builds": builds_table,
    "end-to-end": end_to_end_table,
    "latency": latency_table,
    "packets": packet_tables,
    "use": use_table,
}
_BLOCK = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- end of table -->\n)", re.DOTALL)


def pages(root: Path) -> list[Path]:
    """Return README.md and the pages of docs/ that hold a made table."""
    found = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in found if "<!-- table: " in page.read_text(encoding="utf-8")]


def with_tables(page: str) -> str:
    """Return the Markdown text ``page`` with each made table as it is now.

    Raises
    ------
    ValueError
        If it names a table that does not exist, or a table has no end.
    """
    if page.count("<!-- table: ") != len(_BLOCK.findall(page)):
        raise ValueError("each table needs its end: <!-- end of table -->")

    def made(match: re.Match[str]) -> str:
        begin, name, _, end = match.groups()
        if name not in TABLES:
            raise ValueError(f"no table is called {name!r}; there are {', '.join(TABLES)}")
        return f"{begin}\n{TABLES[name]()}\n{end}"

    return _BLOCK.sub(made, page)

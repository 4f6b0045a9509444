"""Pages say what the contract and the recorded measurements say, in short sentences."""

import re
import signal
import statistics
import sys
from pathlib import Path

import pytest
from weft_hw.contract.packet import Request, Status

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from diagrams.pictures import PICTURES  # noqa: E402
from tables.packets import packet_tables  # noqa: E402
from tables.pages import TABLES, pages, with_tables  # noqa: E402

PAGES = sorted(page for page in (ROOT / "docs").rglob("*.md") if "history" not in page.parts)


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: page.name)
def test_tables_are_up_to_date(page: Path):
    """If not: python docs/tables."""
    text = page.read_text(encoding="utf-8")
    assert with_tables(text) == text


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_clock_diagrams_are_up_to_date(name: str):
    """If not: python docs/diagrams."""
    drawn = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
    action = signal.getsignal(signal.SIGPIPE)
    assert PICTURES[name]() == drawn
    # What reads the waves would have a closed socket end the process.
    assert signal.getsignal(signal.SIGPIPE) == action


def test_every_table_has_a_page():
    text = "".join(page.read_text(encoding="utf-8") for page in pages(ROOT))
    assert {name for name in TABLES if f"<!-- table: {name} -->" in text} == set(TABLES)


def test_every_request_and_status_is_there():
    tables = packet_tables()
    for request in Request:
        assert f"**{request.name}** ({request.value:#04x})" in tables
        assert f"**{request.name}** ({request.value + 128:#04x})" in tables
    for status in Status:
        assert f"| {status.name} | {status.value} |" in tables


def test_page_that_names_no_table():
    with pytest.raises(ValueError, match="no table is called 'nothing'"):
        with_tables("<!-- table: nothing -->\n<!-- end of table -->\n")
    with pytest.raises(ValueError, match="each table needs its end"):
        with_tables("<!-- table: packets -->\n")


def sentences(text: str) -> list[int]:
    """Return the number of words of each sentence of prose: no code, table or heading."""
    text = re.sub(r"```.*?```|<!--.*?-->|^---.*?^---", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=[|#:])", text)
    prose = [block for block in blocks if not re.match(r"\s*[|#:]", block)]
    found = (part for block in prose for part in re.split(r"[.:?!;](?:\s|$)", block))
    return [len(part.split()) for part in found if len(part.split()) > 2]


def test_sentences_are_counted():
    assert sentences("One two three four. Two more words:\n\n- in a list\n- there too now\n") == [
        4,
        3,
        4,
        4,
    ]
    assert (
        sentences("# A heading of words\n\n| a | table of words |\n\n```\nsome code here\n```\n")
        == []
    )


def test_sentences_are_short():
    found = {
        page: sentences(page.read_text(encoding="utf-8")) for page in [ROOT / "README.md", *PAGES]
    }
    assert statistics.median(count for page in found.values() for count in page) <= 18
    long = {page.name: max(words) for page, words in found.items() if words and max(words) > 40}
    assert not long


def test_files_that_pages_name_are_there():
    """By the end of their path: ``link/memories.py`` stands for one below ``hw/weft_hw``."""
    folders = [ROOT / name for name in ("hw", "sim", "host", "tests", "docs", "examples")]
    files = [path for folder in folders for path in folder.rglob("*.*")]
    files += [*(ROOT / "findings").iterdir(), *(ROOT / "constraints").iterdir(), *ROOT.iterdir()]
    known = {f"/{path.relative_to(ROOT).as_posix()}" for path in files}
    ends = {path[at:] for path in known for at, c in enumerate(path) if c == "/"}
    lost = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *PAGES]:
        for name in re.findall(r"`([\w./-]+\.(?:py|sh|md|tsv|v|h|cpp|lpf))`", page.read_text()):
            if f"/{name}" not in ends:
                lost.append((page.name, name))
    assert lost == []

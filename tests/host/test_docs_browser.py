"""The documentation in a headless Chromium: no message, no overflow, nothing from elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest
from browser import WIDTHS, faults, open_browser

pytest.importorskip("sphinx", reason="sphinx is not installed: make docs installs it")
pytest.importorskip("furo")

ROOT = Path(__file__).parents[2]
PAGES = ("index", "tutorial", "gallery", "commands")  # pictures, code, tables wider than a phone


@pytest.mark.slow
def test_pages(tmp_path):
    with open_browser() as browser:
        build = [sys.executable, "-m", "sphinx", "-W", "-q", ROOT / "docs", tmp_path / "site"]
        done = subprocess.run(build, capture_output=True, text=True, timeout=600, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        found = {
            (name, width): faults(browser, tmp_path / "site" / f"{name}.html", width=width)
            for name in PAGES
            for width in WIDTHS
        }
        assert found == {page: [] for page in found}

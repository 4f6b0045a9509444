"""Reports in a headless Chromium: no message, no overflow, nothing fetched, readable by all."""

import os
from pathlib import Path

import numpy as np
import pytest
from browser import WIDTHS, faults, open_browser
from weft.cli import main

LIMIT = 2_000_000  # bytes of a page


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports of the bundled model and, where it is here, of MLPerf Tiny's largest."""
    folder = tmp_path_factory.mktemp("reports")
    models = ["digits"]
    if os.environ.get("WEFT_MODELS"):
        models.append("vww_mobilenet_int8")
    for model in models:
        assert main(["report", model, "-o", str(folder / f"{model}.html")]) == 0
    return sorted(folder.iterdir())


def test_reports(browser, pages):
    for page in pages:
        assert page.stat().st_size < LIMIT
        for width in WIDTHS:
            assert (page.name, width, faults(browser, page, width=width)) == (page.name, width, [])


def test_in_the_dark(browser, pages):
    page = next(page for page in pages if page.stem == "digits")
    assert faults(browser, page, width=1280, scheme="dark") == []


def test_names_and_numbers_of_any_length(browser, tmp_path):
    """A long path, and a model that does not fit, stay inside the page."""
    folder = tmp_path / ("long_" * 30)
    folder.mkdir()
    np.save(folder / "x.npy", np.zeros((1, 1, 8, 8), np.float32))
    page = tmp_path / "page.html"
    arguments = ["digits", "-c", "icebreaker", "-i", str(folder / "x.npy"), "-o", str(page)]
    assert main(["report", *arguments]) == 0
    assert faults(browser, page, width=390) == []


def test_faults_are_found(browser, tmp_path):
    page = Path(tmp_path, "bad.html")
    page.write_text(
        '<!doctype html><html lang="en"><title>bad</title><main><h1>bad</h1>'
        '<p style="color: #aaa; width: 2093px">pale and wide</p><img src="missing.png">'
        "<script>console.log('talks')</script></main>"
    )
    found = faults(browser, page, width=1280)
    for words in (
        "console: talks",
        "missing.png",
        "2",
        "pixels wide",
        "color-contrast",
        "image-alt",
    ):
        assert any(words in fault for fault in found), words

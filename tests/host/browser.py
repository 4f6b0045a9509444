"""A headless Chromium, and what a page does in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["WIDTHS", "faults", "open_browser"]

WIDTHS = (1280, 390)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def open_browser() -> Iterator:
    """Start the machine's Chromium; skip the test where there is none, unless CI runs it."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium: .ci/run installs it")
        pytest.skip("no Chromium here")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def faults(
    browser, page_at: Path | str, *, width: int, scheme: str = "light", site: str = ""
) -> list[str]:
    """Return what is wrong with a page, a path or an address, a sentence each.

    That is: a console message, an error of a script, a request for anything but the page itself
    (or what lies below the address ``site``), a page wider than ``width`` pixels, and each rule of
    axe-core (contrast, labels and others) that it breaks.
    """
    from axe_playwright_python.sync_playwright import Axe

    url = page_at if isinstance(page_at, str) else page_at.as_uri()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    found: list[str] = []
    page.on("console", lambda message: found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    page.on(
        "request",
        lambda request: (
            found.append(f"request: {request.url[:80]}")
            if not request.url.startswith(("data:", site or url))
            else None
        ),
    )
    page.goto(url)
    needed = page.evaluate("document.documentElement.scrollWidth")
    if needed > width:
        found.append(f"{needed} pixels wide, not {width}")
    for rule in Axe().run(page).response["violations"]:
        found.append(f"axe: {rule['id']}: {rule['nodes'][0]['html'][:200]}")
    page.close()
    return found

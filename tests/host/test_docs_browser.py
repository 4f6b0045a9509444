"""The documentation in a headless Chromium: no message, no overflow, nothing from elsewhere."""

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browser import WIDTHS, faults, open_browser

pytest.importorskip("sphinx", reason="sphinx is not installed: make docs installs it")
pytest.importorskip("furo")

ROOT = Path(__file__).parents[2]
PAGES = ("index", "tutorial", "gallery", "commands")  # pictures, code, tables wider than a phone
# What Sphinx and its theme do, and tables whose first column has no name.
THEME = ("aria-required-attr", "landmark-unique", "region", "scrollable-region-focusable")
KNOWN = tuple(f"axe: {rule}: " for rule in (*THEME, "empty-table-header"))


class Quiet(SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/favicon.ico":  # which a browser asks for by itself
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format, *args):
        pass


@pytest.mark.slow
def test_pages(tmp_path):
    with open_browser() as browser:
        build = [sys.executable, "-m", "sphinx", "-W", "-q", ROOT / "docs", tmp_path]
        done = subprocess.run(build, capture_output=True, text=True, timeout=600, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_address[1]}/"
        found = {
            (name, width): faults(browser, f"{site}{name}.html", width=width, site=site)
            for name in PAGES
            for width in WIDTHS
        }
        server.shutdown()
    assert {
        page: new
        for page, texts in found.items()
        if (new := [text for text in texts if not text.startswith(KNOWN)])
    } == {}

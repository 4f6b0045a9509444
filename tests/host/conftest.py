"""Helpers that several tests of the host side share."""

import builtins
import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def graphs():
    """Return the module ``graph_builder``."""
    path = Path(__file__).with_name("graph_builder.py")
    spec = importlib.util.spec_from_file_location("graph_builder", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["graph_builder"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def uninstall(monkeypatch):
    """Return a function after which a package can no longer be imported."""

    def hide(package):
        real = builtins.__import__

        def importing(name, *arguments, **options):
            if name.split(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return real(name, *arguments, **options)

        monkeypatch.setattr(builtins, "__import__", importing)

    return hide

"""What the shell completes, and Typer's ``--install-completion``.

Typer rewrites the shell's own start-up file in place: on a full disk that is lost. So here its
files appear whole or not at all.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any
from unittest.mock import patch

__all__ = ["is_asked", "known_models", "whole_files"]

_AS_IT_IS = {"encoding": "utf-8", "errors": "surrogateescape"}  # bytes that are no text stay


def is_asked() -> bool:
    """Return whether it is a shell that runs this command, to complete a line."""
    return "_WEFT_COMPLETE" in os.environ


def known_models(incomplete: str) -> list[str]:
    """Return names of models that begin so; none where files do, which the shell completes."""
    from weft.models.public_models import PUBLIC_MODELS

    names = [name for name in ("digits", *PUBLIC_MODELS) if name.startswith(incomplete)]
    return names if incomplete and not any(Path().glob(f"{escape(incomplete)}*")) else []


@contextmanager
def whole_files(words: Sequence[str]) -> Iterator[None]:
    """Have what Typer writes for ``words`` go through :func:`weft_hw.files.write_file`."""
    if not any(word.startswith("--install-completion") for word in words):
        yield
        return
    from weft_hw.files import write_file

    read = Path.read_text

    def read_text(path: Path, *_: Any, **__: Any) -> str:
        return read(path, **_AS_IT_IS)

    def write_text(path: Path, text: str, *_: Any, **__: Any) -> None:
        write_file(path, text.encode(**_AS_IT_IS))

    with patch.object(Path, "read_text", read_text), patch.object(Path, "write_text", write_text):
        yield

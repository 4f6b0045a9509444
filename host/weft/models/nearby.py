"""Suggestions for a model whose name is unknown."""

import os
from difflib import get_close_matches
from pathlib import Path

from weft.models.public_models import PUBLIC_MODELS, locate

__all__ = ["suggest"]

_MOST = 3
_SHORTEST_PART = 3
_SUFFIXES = (".tflite", ".onnx", ".weft")


def suggest(name: str) -> str:
    """Return the end of a sentence that names models like ``name``, or nothing."""
    files = _files()
    names = list(dict.fromkeys(["digits", *PUBLIC_MODELS, *files]))
    wanted = _plain(Path(name).stem if Path(name).suffix in _SUFFIXES else name)
    close = [each for each in names if len(wanted) >= _SHORTEST_PART and wanted in _plain(each)]
    if not close:
        plain = {_plain(each): each for each in names}
        close = [plain[each] for each in get_close_matches(wanted, plain, _MOST)]
    if not close:
        return ""
    close = close[:_MOST]
    text = f"; did you mean {' or '.join(close)}?"
    public = PUBLIC_MODELS.get(close[0]) if len(close) == 1 and close[0] not in files else None
    if public is not None and locate(public) is None:
        text += f" It is not here yet: weft models get {public.name}"
    return text


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")


def _files() -> list[str]:
    """Return the names that the files of ``WEFT_MODELS`` have as models."""
    folder = os.environ.get("WEFT_MODELS")
    try:
        found = sorted(Path(folder).iterdir()) if folder else []
    except OSError:
        return []
    return [each.stem for each in found if each.suffix in _SUFFIXES]

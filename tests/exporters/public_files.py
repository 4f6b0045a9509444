"""Holds public files to their runtimes: ``python public_files.py CLONES [FILES] [--record]``.

FILES is ``public.tsv``, or ``public_more.tsv``: the other int8 files of such repositories. CLONES
has a git clone of each repository that it names, OWNER/NAME, and the wheels. Arrays of C sources
count as files. ``--record`` writes what came out into FILES.
"""

import argparse
import hashlib
import io
import re
import subprocess
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from check import kind_of, onnx_result, tflite_result

RESULTS = Path(__file__).with_name("public.tsv")


def contents(clones: Path, source: str, commit: str, path: str) -> bytes | None:
    """Return the bytes of one file; None where it is not to be had."""
    outer, _, inner = path.partition("!")
    if source.endswith(".whl"):
        wheel = clones / source
        return zipfile.ZipFile(wheel).read(path) if wheel.exists() else None
    command = ["git", "-C", str(clones / source), "show", f"{commit}:{outer}"]
    shown = subprocess.run(command, capture_output=True)
    if shown.returncode or shown.stdout.startswith(b"version https://git-lfs"):
        return None
    data = shown.stdout
    if inner:
        data = zipfile.ZipFile(io.BytesIO(data)).read(inner)
    return data if path.endswith((".tflite", ".onnx")) else longest_array(data.decode())


def longest_array(text: str) -> bytes:
    """Return the longest list of numbers in braces of a C source."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    lists = (
        re.findall(r"0[xX][0-9a-fA-F]+|-?\b\d+\b", x) for x in re.findall(r"\{([^{}]*)\}", text)
    )
    return bytes(int(number, 0) & 255 for number in max(lists, key=len, default=[]))


def result(data: bytes | None) -> str:
    if data is None:
        return "not to be had"
    kind = ".tflite" if data[4:8] == b"TFL3" else ".onnx"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"m{kind}"
        path.write_bytes(data)
        return (tflite_result if kind == ".tflite" else onnx_result)(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path)
    parser.add_argument("files", type=Path, nargs="?", default=RESULTS)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    lines, counts = [], Counter()
    for line in arguments.files.read_text().splitlines():
        source, commit, path, *_ = line.split("\t")
        data = contents(arguments.clones, source, commit, path)
        text = result(data)
        digest = "" if data is None else hashlib.sha256(data).hexdigest()
        counts[kind_of(text)] += 1
        print(f"{source} {path}: {text}", flush=True)
        lines.append("\t".join((source, commit, path, digest, text)) + "\n")
    print(dict(counts))
    if arguments.record:
        arguments.files.write_text("".join(lines))


if __name__ == "__main__":
    main()

"""Random networks on the machines of a Ray cluster: chunks of seeds, merged, and resumable."""

import argparse
import io
import json
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import weft_sim
from weft.spread import spread
from weft_hw.files import write_file

__all__ = ["in_chunks"]

_CHUNKS = {"accelerator": 10, "streamed": 10, "streamed-sim": 10, "mutations": 2000}
_CHUNK = 100  # networks of other kinds

Run = Callable[[argparse.Namespace, int, int], Counter[str]]


def in_chunks(run: Run, arguments: argparse.Namespace) -> Counter[str]:
    """Return what ``run`` finds in all chunks together.

    What chunks found is printed as they end, and added to the file ``arguments.results``. Chunks
    that it has already, of the same kind and options, are done.
    """
    ours = {
        key: value
        for key, value in sorted(vars(arguments).items())
        if key not in ("count", "first", "ray", "results")
    }
    options = json.dumps(ours, default=str)
    size, end = _CHUNKS.get(arguments.kind, _CHUNK), arguments.first + arguments.count
    chunks = {(n, min(size, end - n)) for n in range(arguments.first, end, size)}
    merged, done = Counter[str](), set[tuple[int, int]]()
    for entry in _known(arguments.results):
        chunk = entry["first"], entry["count"]
        if entry["options"] == options and chunk in chunks - done:
            merged.update(entry["found"])
            done.add(chunk)
    if arguments.results is not None:
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
    missing = sorted(chunks - done)
    print(f"{len(missing)} of {len(chunks)} chunks are to be done", flush=True)
    here = [Path(__file__).parent, Path(weft_sim.__path__[0])]
    for chunk, (found, printed) in (
        spread(_one, (run, arguments), missing, address=arguments.ray, modules=here)
        if missing
        else ()
    ):
        print(printed, end="", flush=True)
        merged.update(found)
        if arguments.results is not None:
            entry = {"options": options, "first": chunk[0], "count": chunk[1], "found": found}
            with arguments.results.open("a") as file:
                file.write(json.dumps(entry) + "\n")
    return merged


def _known(path: Path | None) -> list[dict]:
    """Return the entries of a file of results; a last line that was cut off is none."""
    if path is None or not path.exists():
        return []
    text = path.read_text()
    lines = text[: text.rfind("\n") + 1].splitlines()
    write_file(path, "".join(f"{line}\n" for line in lines).encode())
    return [json.loads(line) for line in lines]


def _one(common: tuple[Run, argparse.Namespace], chunk: tuple[int, int]) -> tuple[dict, str]:
    run, arguments = common
    printed = io.StringIO()
    with redirect_stdout(printed):
        found = run(arguments, *chunk)
    return dict(found), printed.getvalue()

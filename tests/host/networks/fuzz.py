"""Runs many random networks or damaged files: ``python -m networks.fuzz --help``."""

if __name__ == "__main__":
    from interrupts import end_with_one_line

    end_with_one_line()

import argparse
import itertools
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from networks.accelerator import FORMS, MORE_FORMS, SMALL, SMALL_PAIRED, Boards
from networks.chunks import in_chunks
from networks.compare import (
    compare_form,
    compare_islands,
    compare_onnx,
    compare_parts,
    compare_tflite,
)
from networks.mutate import base_files, mutate, outcome_of
from networks.onnx_forms import FORMS as ONNX_FORMS
from networks.plan import SIDES
from networks.streamed import SimulatorBoards, StreamingBoards

COMPARISONS = {
    "tflite": compare_tflite,
    "tflite-xnnpack": lambda seed: compare_tflite(seed, "xnnpack"),
    **{
        f"tflite-{dtype}{end}": partial(compare_tflite, rounding=rounding, more=dtype)
        for dtype in ("int8", "uint8", "first")
        for end, rounding in (("", "reference"), ("-x", "xnnpack"))
    },
    "tflite-parts": compare_parts,
    "qdq": lambda seed: compare_onnx(seed, "qdq"),
    "qoperator": lambda seed: compare_onnx(seed, "qoperator"),
    "islands": compare_islands,
    **{form: partial(compare_form, form=form) for form in ONNX_FORMS},
}

DIFFER, FAIL = "networks differ", "networks differ or fail"
OTHERWISE = "files ended otherwise"
_UNFIT = "networks without a layer for it"
_CONFIGS = ["tiny", SMALL.name, SMALL_PAIRED.name]
_STREAMING = {"streamed": SimulatorBoards, "streamed-sim": StreamingBoards}


def networks(form: str, first: int, count: int) -> Counter[str]:
    """Compare ``count`` networks with their runtime; return what came out."""
    found = Counter({"values compared": 0, DIFFER: 0, "refused": 0})
    for seed in range(first, first + count):
        try:
            outcome = COMPARISONS[form](seed)
        except Exception as error:
            found[DIFFER] += 1
            print(f"{form} seed {seed}: {type(error).__name__}: {error}", flush=True)
            continue
        found["values compared"] += outcome.compared
        found["refused"] += bool(outcome.refused)
        if outcome.steps:
            found["values of float islands one step away"] += outcome.steps
        if outcome.differences:
            found[DIFFER] += 1
            print(f"{form} seed {seed}: {outcome.differences}", flush=True)
    return found


def on_accelerator(
    boards: Boards, first: int, count: int, forms: Sequence[str], sides: Sequence[int]
) -> Counter[str]:
    """Run ``count`` networks, the forms in turn, on ``boards``; return what came out.

    Their inputs are as high and wide as one of ``sides``. Those without a layer for the accelerator
    come on top.
    """
    found = Counter({"descriptors": 0, "cycles": 0, "values compared": 0, FAIL: 0})
    with boards:
        for index in itertools.count():
            if index - found[_UNFIT] == count:
                break
            seed, form = first + index // len(forms), forms[index % len(forms)]
            try:
                outcome = boards.compare(form, seed, sides)
            except Exception as error:
                found[FAIL] += 1
                print(f"{form} seed {seed}: {type(error).__name__}: {error}", flush=True)
                continue
            found[f"networks on {outcome.config}" if outcome.config else _UNFIT] += 1
            found["values compared"] += outcome.compared
            found["descriptors"] += outcome.descriptors
            found["cycles"] += outcome.cycles
            if outcome.differences:
                found[FAIL] += 1
                print(f"{form} seed {seed} on {outcome.config}: {outcome.differences}", flush=True)
    return found


def mutations(first: int, count: int, files: list[bytes]) -> Counter[str]:
    """Import ``count`` damaged files; return how many ended how: ModelError is how they should."""
    found = Counter({OTHERWISE: 0})
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            rng = np.random.default_rng(seed)
            data = mutate(files[seed % len(files)], rng)
            try:
                found[outcome_of(data, Path(folder))] += 1
            except Exception as error:
                found[OTHERWISE] += 1
                print(f"mutation seed {seed}: {type(error).__name__}: {error}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak {peak} MiB")
    return found


def run(arguments: argparse.Namespace, first: int, count: int) -> Counter[str]:
    """Do what the command line says, from seed ``first`` on; return what came out."""
    kind = arguments.kind
    if kind == "mutations":
        models = [path.read_bytes() for path in arguments.model or ()]
        return mutations(first, count, models or base_files(arguments.bases))
    if kind in COMPARISONS:
        return networks(kind, first, count)
    made, usual = _STREAMING.get(kind, Boards), [] if kind in _STREAMING else _CONFIGS
    boards = made(*(arguments.config or usual))
    return on_accelerator(boards, first, count, arguments.form, arguments.sides)


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=[*COMPARISONS, "accelerator", *_STREAMING, "mutations"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--bases", type=int, default=20, help="seeds of files to damage")
    parser.add_argument("--model", type=Path, nargs="*", help="files to damage instead")
    parser.add_argument(
        "--config",
        nargs="+",
        help="of virtual boards: configurations, also those of networks.accelerator",
    )
    parser.add_argument(
        "--form",
        nargs="+",
        default=FORMS,
        choices=[*FORMS, *MORE_FORMS],
        help="of the networks that run on virtual boards",
    )
    parser.add_argument(
        "--sides",
        type=int,
        nargs="+",
        default=SIDES,
        help="heights and widths of inputs of networks on virtual boards",
    )
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="of a Ray cluster, which takes chunks; local starts one"
    )
    parser.add_argument(
        "--results", type=Path, help="with --ray: a file of what is done; it goes on from there"
    )
    arguments = parser.parse_args()
    started = time.perf_counter()
    if arguments.ray:
        found = in_chunks(run, arguments)
    else:
        found = run(arguments, arguments.first, arguments.count)
    last = arguments.first + arguments.count - 1
    text = ", ".join(f"{number} {what}" for what, number in found.items())
    print(f"{arguments.kind}: seeds {arguments.first} to {last}, {text}")
    print(f"{time.perf_counter() - started:.0f} s")
    return 1 if any(found[what] for what in (DIFFER, FAIL, OTHERWISE)) else 0


if __name__ == "__main__":
    sys.exit(main())

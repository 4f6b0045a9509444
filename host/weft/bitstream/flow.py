"""The stages of a build: elaborate, synthesise, place and route for each seed, pack, publish."""

import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from weft_hw.boards import Board, get_board
from weft_hw.files import scratch_folder, write_file
from weft_hw.processes import in_parallel

from weft.bitstream.elaborate import TOP, elaborate
from weft.bitstream.loader import BITSTREAM_SUFFIXES
from weft.bitstream.netlist import spare_logic_and_wires
from weft.bitstream.results import BuildResult, Resource, SeedResult, read_report
from weft.bitstream.seeds import Design, KeptSeeds, route, routed_elsewhere
from weft.bitstream.stage import run_stage
from weft.bitstream.tools import find_tool
from weft.errors import BuildError

__all__ = ["build_bitstream"]

Progress = Callable[[str], None]

_ROUTED = ("--textcfg", "--asc", "--write")  # names the file that is packed
_NETLIST = "netlist.v"


def build_bitstream(
    board: str | Board,
    *,
    out: Path,
    seeds: Sequence[int] = (1,),
    allow_timing_fail: bool = False,
    link: str = "",
    serial: str = "",
    address: str = "",
    ray: str = "",
    resume: bool = False,
    progress: Progress = lambda stage: None,
) -> BuildResult:
    """Build the complete design for a board.

    ``out`` receives the bitstream (of the fastest seed), ``report.json`` and ``log/``, where the
    netlist that is placed is too, in Verilog, for simulation at gate level. The bitstream appears
    whole or not at all, and one of an earlier build is gone from the moment this one starts.

    Parameters
    ----------
    board : str or Board
        One of the table's, or one like it.
    out : Path
    seeds : sequence of int
        Of the placer, one run each, as many at a time as there are processors.
    allow_timing_fail : bool
        Publish a bitstream even if no seed meets the clock.
    link, serial, address : str, optional
        Instead of the board's own, as for :class:`~weft_hw.boards.board.Board`.
    ray : str, optional
        Address of a Ray cluster whose machines place and route, as for
        :func:`weft.spread.start_ray`; this machine alone by default.
    resume : bool
        Keep what each seed gives in ``out/seeds``, and take what is there of the same design, by
        the same tool, for done. With ``ray`` that is so in any case.
    progress : callable
        Called with a sentence as each stage begins, also from other threads.

    Raises
    ------
    BuildError
        If there is no such board, it has no such link, a program is missing, a stage fails, or the
        clock is missed.
    """
    if isinstance(board, str):
        try:
            board = get_board(board)
        except KeyError as error:
            raise BuildError(error.args[0]) from None
    board = replace(
        board,
        link=link or board.link,
        serial=serial or board.serial,
        address=address or board.address,
    )
    if board.link == "usb":
        _check_usb(board)
    if board.link == "udp":
        _check_udp(board)
    if board.link == "spi" and not board.spi:
        raise BuildError(f"no pins of {board.name} are for SPI: --link uart")
    if not seeds:
        raise BuildError("a build needs at least one seed")
    if importlib.util.find_spec("amaranth") is None:
        raise BuildError("a build needs Amaranth: pip install 'weft-fpga[build]'")
    out.mkdir(parents=True, exist_ok=True)
    log = out / "log"
    log.mkdir(exist_ok=True)
    suffix = BITSTREAM_SUFFIXES[board.family]
    final = out / f"{board.name}{suffix}"

    with scratch_folder(out) as work:
        progress(f"elaborating {board.config} for {board.title}")
        made = elaborate(board, work)
        synthesise, place, pack = made.commands
        tools = {command[0]: find_tool(command[0]) for command in made.commands}

        progress(f"synthesis ({tools[synthesise[0]].version})")
        run_stage(tools[synthesise[0]], synthesise, work, log / "synthesis.log")
        flip_flops = _flip_flops(work / "stat.json")
        netlist = _option(place, "--json")
        if board.family == "ecp5":
            spare_logic_and_wires(work / netlist, empty=made.empty)
        in_verilog = f"read_json {netlist}; write_verilog -noattr {_NETLIST}"
        again = [synthesise[0], "-p", in_verilog]
        run_stage(tools[synthesise[0]], again, work, log / "netlist.log")
        # Yosys connects an open pin to a constant, which simulators refuse at an output.
        verilog = (work / _NETLIST).read_text().replace("(1'hx)", "()")
        write_file(log / _NETLIST, verilog.encode())
        (work / _NETLIST).unlink()

        design = Design(
            command=tuple(place),
            version=tools[place[0]].version,
            files={
                path.name: path.read_bytes()
                for path in work.iterdir()
                if path.is_file() and any(path.name in word for word in place)
            },
            output=_option(place, *_ROUTED),
        )

        def read(report: Path, seed: int) -> tuple[SeedResult, dict[str, Resource]]:
            return read_report(
                report,
                family=board.family,
                seed=seed,
                target_mhz=made.clock_hz / 1e6,
                flip_flops=flip_flops,
            )

        kept = KeptSeeds((out if ray or resume else work) / "seeds" / design.digest, read)
        _place_and_route(design, kept, seeds, log, work, ray, progress)
        best, resources = kept.found[kept.best]
        bitstream = None
        if best.met or allow_timing_fail:
            progress(f"packing seed {best.seed} ({tools[pack[0]].version})")
            (work / design.output).write_bytes(kept.output(best.seed).read_bytes())
            run_stage(tools[pack[0]], pack, work, log / "pack.log")
            write_file(final, (work / f"{TOP}{suffix}").read_bytes())
            bitstream = final
        else:  # what an earlier build made is none of what the report is about
            Path(os.path.realpath(final)).unlink(missing_ok=True)  # a link stays
        result = BuildResult(
            board=board.name,
            config=board.config,
            link=board.link,
            device=made.device,
            seeds=tuple(kept.found[seed][0] for seed in sorted(kept.found)),
            resources=resources,
            bitstream=bitstream,
            tools={name: tool.version for name, tool in tools.items()},
        )
        summary = json.dumps(result.as_dict(), indent=2) + "\n"
        write_file(out / "report.json", summary.encode())
    if bitstream is None:
        wanted, reached = min(best.clocks, key=lambda clock: clock[1] / clock[0])
        raise BuildError(
            f"no seed reaches the {wanted:g} MHz at which {board.name} runs (the best, "
            f"{best.seed}, reaches {reached:.1f} MHz): more --seeds may, or "
            f"--allow-timing-fail makes a bitstream that may fail; see {log}"
        )
    return result


def _place_and_route(
    design: Design,
    kept: KeptSeeds,
    seeds: Sequence[int],
    log: Path,
    work: Path,
    ray: str,
    progress: Progress,
) -> None:
    """Have all of ``seeds`` in ``kept``."""
    missing = [seed for seed in seeds if seed not in kept.found]
    if len(missing) < len(seeds):
        progress(f"{len(seeds) - len(missing)} of {len(seeds)} seeds are done already")

    def log_of(seed: int) -> Path:
        return log / f"place-seed{seed}.log"

    def keep(seed: int, report: bytes, output: bytes) -> None:
        found = kept.add(seed, report, output)
        progress(f"seed {seed}: {found.fmax_mhz:.1f} MHz of {found.target_mhz:g} MHz wanted")

    def route_here(seed: int) -> None:
        progress(f"place and route, seed {seed} ({design.version})")
        keep(seed, *route(design, seed, log_of(seed), work))

    if not ray or not missing:
        in_parallel(route_here, missing)
        return
    progress(f"place and route by Ray, {len(missing)} seeds ({design.version})")
    for made in routed_elsewhere(design, missing, ray, log_of):
        keep(*made)


def _check_usb(board: Board) -> None:
    """Raise :class:`BuildError` unless the board, and this machine, can have USB for a link."""
    if not board.has_usb:
        raise BuildError(f"no USB connector of {board.name} leads to the FPGA: --link uart")
    if importlib.util.find_spec("luna") is None:
        raise BuildError("a design with USB needs luna-usb: pip install 'weft-fpga[build]'")


def _check_udp(board: Board) -> None:
    """Raise :class:`BuildError` unless the board can have Ethernet for a link, and the address."""
    if not board.rgmii:
        raise BuildError(f"no Ethernet transceiver of {board.name} is used: --link uart")
    try:
        usable = not (board.ip.is_multicast or board.ip.is_loopback or board.ip.is_unspecified)
    except ValueError:
        usable = False
    if not usable:
        raise BuildError(f"a board's address must be an IPv4 address, not {board.address!r}")


def _flip_flops(path: Path) -> int:
    """Return the flip-flops that synthesis counted."""
    cells = json.loads(path.read_text())["design"]["num_cells_by_type"]
    return sum(
        count
        for name, count in cells.items()
        if name.startswith(("SB_DFF", "DFF")) or name == "TRELLIS_FF"
    )


def _option(command: Sequence[str], *names: str) -> str:
    """Return the value of the one of several options that a command has."""
    [value] = [command[command.index(name) + 1] for name in names if name in command]
    return value

"""ECPIX-5 85F: Lattice ECP5 on a board of LambdaConcept, with FT2232H, ULPI and Ethernet."""

from weft_hw.boards.board import Board

__all__ = ["ECPIX_5_85F"]

ECPIX_5_85F = Board(
    name="ecpix-5-85f",
    title="ECPIX-5 85F",
    platform="weft_hw.boards.platforms.ecpix_5:Ecpix585fPlatform",
    config="ecpix-5-85f",
    family="ecp5",
    constraints="ecpix-5-85f",
    oscillator_hz=100_000_000,
    clock_hz=120_000_000,
    # The fastest that an FT2232H makes.
    baud=12_000_000,
    ulpi=("ulpi", 0),
    rgmii=("eth_rgmii", 0),
    idle=("led", 0),
    busy=("led", 1),
    error=("led", 2),
    reset=("rst", 0),
    floorplan="weft_hw.tech.ecp5.floorplan:lfe5u_85f_floorplan",
    loader="ecpix5",
    usb="0403:6010",
)

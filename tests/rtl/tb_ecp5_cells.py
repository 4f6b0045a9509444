"""cocotb tests of the models of ECP5 cells against what Lattice's documents say in words."""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from ecp5_bench import Cells
from weft_sim.testing.rtl import config_from_env

CELLS = config_from_env(Cells)
CYCLES = 3000


def signed(value, is_signed):
    return value - (1 << 18) if is_signed and value >> 17 else value


class Multiplier:
    """FPGA-TN-02205: operands, product and result pass through the registers that are used.

    They share a clock enable and a synchronous reset, which wins.
    """

    def __init__(self, registers):
        self.registers = registers
        self.held = [None, None, None]  # unknown before the first reset

    def values(self, operands):
        """What enters each of the three places for a register, and the result."""
        first = operands
        second = first if not self.registers[0] else self.held[0]
        product = None if second is None else second[0] * second[1] % (1 << 36)
        third = product if not self.registers[1] else self.held[1]
        return first, product, third, self.held[2] if self.registers[2] else third

    def clock(self, operands, ce, rst):
        entering = self.values(operands)[:3]
        if rst:
            self.held = [(0, 0), 0, 0]
        elif ce:
            self.held = list(entering)


class Memory:
    """FPGA-TN-02204: words are written by bytes of 9 bits, enabled by the lowest address pins.

    Port A writes. Port B's latch takes a word, and so does the register behind it, one cycle
    later, if there is one. Clock enable, chip select and write enable are all needed; the reset of
    latch and register needs none of them.
    """

    def __init__(self, width, mode):
        self.width, self.mode = width, mode
        self.skip = {36: 5, 18: 4, 9: 3, 4: 2, 2: 1, 1: 0}[width]
        self.words = {}
        self.latch = self.register = None

    def clock(self, p):
        word = p["write_address"] >> self.skip
        lanes = self.width // 9
        enables = p["write_address"] & (1 << lanes) - 1 if lanes > 1 else 1
        writes = p["cea"] and p["wea"] and p["csa"] == 0
        if p["rstb"]:
            self.register = 0
        elif p["oceb"]:
            self.register = self.latch
        reads = p["read_address"] >> self.skip
        if p["rstb"]:
            self.latch = 0
        elif p["ceb"] and p["csb"] == 0:
            collides = writes and enables and reads == word
            self.latch = None if collides else self.words.get(reads)
        if writes:
            mask = (1 << self.width) - 1
            if lanes > 1:
                mask = sum(0x1FF << 9 * lane for lane in range(lanes) if enables >> lane & 1)
            old = self.words.get(word)
            if old is None and mask == (1 << self.width) - 1:
                old = 0
            if old is not None:
                self.words[word] = old & ~mask | p["write_data"] & mask

    def value(self):
        return self.register if self.mode == "OUTREG" else self.latch


def drive(dut, prefix, values):
    for name, value in values.items():
        getattr(dut, f"{prefix}__{name}").value = value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def multiplies(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    corners = (0, 1, 0x1FFFF, 0x20000, 0x3FFFF)
    models = [Multiplier(registers) for registers in CELLS.multipliers]
    compared = 0
    Clock(dut.clk, 10, unit="ns").start()
    await FallingEdge(dut.clk)
    for cycle in range(CYCLES):
        given = []
        for k in range(len(models)):
            a, b = (rng.choice((*corners, rng.getrandbits(18))) for _ in range(2))
            sign_a, sign_b = rng.getrandbits(1), rng.getrandbits(1)
            ce, rst = rng.random() < 0.8, cycle == 0 or rng.random() < 0.02
            drive(
                dut,
                f"multiplier_{k}",
                {"a": a, "b": b, "signed_a": sign_a, "signed_b": sign_b, "ce": ce, "rst": rst},
            )
            given.append(((signed(a, sign_a), signed(b, sign_b)), ce, rst))
        await FallingEdge(dut.clk)
        for k, (model, (operands, ce, rst)) in enumerate(zip(models, given, strict=True)):
            model.clock(operands, ce, rst)
            want = model.values(operands)[3]
            if want is not None:
                compared += 1
                assert int(getattr(dut, f"multiplier_{k}__o").value) == want, (k, cycle)
    assert compared > 0.9 * CYCLES * len(models)


def stimulus(rng, places, skip, *, fill):
    """A write and a read; with ``fill`` the write is one of a whole word."""

    def chance(probability):
        return rng.random() < probability

    below = (1 << skip) - 1  # address pins that are byte enables, or nothing at all
    return {
        "write_address": rng.choice(places) | (below if fill else rng.getrandbits(5) & below),
        "write_data": rng.getrandbits(36),
        "wea": fill or chance(0.5),
        "cea": fill or chance(0.7),
        "csa": 0 if fill or chance(0.8) else rng.getrandbits(3),
        "read_address": rng.choice(places) | rng.getrandbits(5) & below,
        "ceb": chance(0.8),
        "oceb": chance(0.8),
        "rstb": chance(0.03),
        "csb": 0 if chance(0.9) else rng.getrandbits(3),
    }


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def remembers(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    models = [Memory(*case) for case in CELLS.memories]
    places = [
        [
            word << model.skip
            for word in {0, (1 << 14 - model.skip) - 1, *rng.sample(range(1 << 14 - model.skip), 5)}
        ]
        for model in models
    ]
    compared = zeros = 0
    Clock(dut.clk, 10, unit="ns").start()
    await FallingEdge(dut.clk)
    for cycle in range(CYCLES):
        given = []
        for k, model in enumerate(models):
            given.append(stimulus(rng, places[k], model.skip, fill=cycle < 40))
            drive(dut, f"memory_{k}", given[-1])
        await FallingEdge(dut.clk)
        for k, (model, values) in enumerate(zip(models, given, strict=True)):
            model.clock(values)
            if model.value() is not None:
                compared += 1
                zeros += model.value() == 0
                got = int(getattr(dut, f"memory_{k}__o").value)
                assert got == model.value(), (CELLS.memories[k], cycle)
    assert compared > 0.8 * CYCLES * len(models) and zeros < 0.5 * compared

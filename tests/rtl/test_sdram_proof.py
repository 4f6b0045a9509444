"""The SDRAM controller keeps the chip's rules for ever: proved, whatever it is asked for and when.

An induction: the rules hold from the reset until the mode is set and some cycles more, and they
hold behind as many cycles that keep them. Rows, columns and the time between refreshes are small.
"""

import pytest
from amaranth.sim import Simulator
from sdram_rules import WatchedController
from weft_hw.memory.sdram.chips import SdramChip
from weft_sim.testing.proof import Formulas

pytestmark = [pytest.mark.tools, pytest.mark.slow]

CLOCK = 133e6
STEPS = 26  # from a refresh's being due to its command, and two more
EVERY = 40  # cycles between refreshes


class SmallChip(SdramChip):
    """Each time is longer than the states of the controller take by themselves."""

    power_up_refreshes = 1


CHIP = SmallChip(
    rows=4,
    columns=256,
    cl2=7.5,
    cl3=6,
    rcd=18,
    rp=18,
    ras=42,
    rc=60,
    rfc=60,
    rrd=12,
    wr=18,
    power_up=100,
    refresh_all=4 * EVERY * 1e9 / CLOCK,
)


def formulas(watched, folder):
    return Formulas.of(
        watched.m,
        watched.inputs,
        watched.rules,
        folder,
        alike=watched.alike,
        states=watched.states,
        begun=watched.mode_is_set,
    )


def test_rules_are_kept_from_the_reset_on(tmp_path):
    """As many cycles as the step below needs, from the cycle on in which the mode is set."""
    begins = cycles_until_mode()
    assert formulas(WatchedController(CHIP, CLOCK), tmp_path).broken(begins + STEPS) == set()


def test_rules_are_kept_for_ever(tmp_path):
    whole = formulas(WatchedController(CHIP, CLOCK), tmp_path)
    assert whole.broken(STEPS, induction=True) == set()


@pytest.mark.parametrize("name, by, rule", [("rp", -1, "tRP"), ("turn", -1, "one drives")])
def test_a_controller_that_waits_too_little_is_found_out(name, by, rule, tmp_path):
    """Found by the step, which is the same but for that cycle."""
    watched = WatchedController(CHIP, CLOCK, **{name: by})
    found = formulas(watched, tmp_path).broken(STEPS, induction=True)
    assert any(broken.startswith(rule) for broken in found)


def cycles_until_mode():
    """Return the cycle in which the mode is set, simulated."""
    watched = WatchedController(CHIP, CLOCK)
    simulator, cycles = Simulator(watched.m), []

    async def watch(ctx):
        while not ctx.get(watched.mode_is_set):
            await ctx.tick()
            cycles.append(None)
            assert len(cycles) < 1000

    simulator.add_clock(1e-6)
    simulator.add_testbench(watch)
    simulator.run()
    return len(cycles)

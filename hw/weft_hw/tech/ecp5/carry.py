"""Carry chains of Lattice ECP5 (CCU2C), with what their LUTs can do in front of the carry.

Port and parameter names are those of Lattice's usage guide for slices (FPGA-TN-02187).
"""

from collections.abc import Sequence

from amaranth.hdl import Const, Instance, Module, Signal, Value

__all__ = [
    "CHOSEN_XOR",
    "COMPLEMENT_XOR",
    "GATED_COMPLEMENT_XOR",
    "GATED_XOR",
    "XOR",
    "Half",
    "addends",
    "carry_gated_sum",
    "chain",
    "extend",
    "gated",
    "sums",
]

# Tables of a carry chain's LUTs, which have to give A where C and D are 0: that is the carry if
# the LUT's output is 0.
GATED_XOR = 0x7888  # (A & B) ^ (C & D): the carry is A & B, which is as good
GATED_COMPLEMENT_XOR = 0x8788  # (A & B) ^ (~C & D)
XOR = 0x66AA  # A ^ (D & B)
CHOSEN_XOR = 0x596A  # A ^ (B ? C : D)
COMPLEMENT_XOR = 0x9A9A  # A ^ (C & ~B)
_FIRST = 0x000A  # with D = 1: the carry is A, whatever comes in

Half = tuple[int, Value, Value, Value, Value]  # table, A, B, C, D


def chain(m: Module, halves: Sequence[Half], carry: Value) -> Value:
    """Return the sum bits of a chain of CCU2C, two halves each.

    Where one half is left over, it brings in the carry, for which nextpnr would take a CCU2C.
    """
    if len(halves) % 2:
        return _connect(m, [_bring(carry), *halves], None)[1:]
    return _connect(m, halves, carry)


def sums(m: Module, *sums: tuple[Sequence[Half], Value]) -> list[Value]:
    """Return the bits of several sums, each with its carry, one behind the other in one chain.

    Nextpnr begins each chain in a tile of its own, so that these leave more tiles whole.
    """
    halves: list[Half] = []
    places = []
    for each, carry in sums:
        halves += [_bring(carry), *each]
        places.append(slice(len(halves) - len(each), len(halves)))
    if len(halves) % 2:
        halves.append(_bring(Const(0, 1)))
    total = _connect(m, halves, None)
    return [total[place] for place in places]


def _bring(carry: Value) -> Half:
    """Return a half whose carry is ``carry``, whatever comes in."""
    return _FIRST, carry, Const(0, 1), Const(0, 1), Const(1, 1)


def _connect(m: Module, halves: Sequence[Half], carry: Value | None) -> Value:
    """Return the outputs of an even number of halves, the first of which may bring its carry."""
    total = Signal(len(halves))
    chained = carry
    for index in range(0, len(halves), 2):
        ports: dict[str, Value] = {}
        for half in range(2):
            ports |= {f"p_INIT{half}": Const(halves[index + half][0], 16)}
            ports |= {
                f"i_{name}{half}": Value.cast(value)
                for name, value in zip("ABCD", halves[index + half][1:], strict=True)
            }
        if chained is not None:
            ports["i_CIN"] = Value.cast(chained)
        chained = Signal(name=f"carry_{index}")
        if index + 2 < len(halves):
            ports["o_COUT"] = chained
        m.submodules += Instance(
            "CCU2C",
            p_INJECT1_0="NO",
            p_INJECT1_1="NO",
            **ports,
            o_S0=total[index],
            o_S1=total[index + 1],
        )
    return total


def carry_gated_sum(
    m: Module, x: Value, x_gate: Value, y: Value, y_gate: Value, carry: Value
) -> Value:
    """Return :func:`weft_hw.tech.fabric.gated_sum` in one chain of CCU2C.

    The gates use up the LUTs that stand before the carry chain anyway, which yosys does not do.
    """
    return chain(m, gated(x, x_gate, y, y_gate), carry)


def gated(x: Value, x_gate: Value, y: Value, y_gate: Value, table: int = GATED_XOR) -> list[Half]:
    """Return the halves of the sum of two gated values."""
    return [(table, x[index], x_gate, y[index], y_gate) for index in range(len(x))]


def extend(value: Value, width: int) -> list[Value]:
    """Return the bits of ``value``, sign-extended to ``width``."""
    return [value[min(index, len(value) - 1)] for index in range(width)]


def addends(low: Value, high: Value, shift: int, width: int) -> list[Half]:
    """Return the halves of ``low + (high << shift)`` in ``width`` bits, from bit ``shift`` on."""
    return [
        (XOR, x, y, Const(0, 1), Const(1, 1))
        for x, y in zip(
            extend(low[shift:], width - shift), extend(high, width - shift), strict=True
        )
    ]

"""A family's components beside the portable ones, with the same inputs."""

from dataclasses import dataclass, field

from amaranth.hdl import Module, Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from weft_hw.parts.delay import delay
from weft_hw.tech.portable import Portable


@dataclass(frozen=True, kw_only=True)
class Case:
    """Which component, and its size; what does not apply stays 0."""

    kind: str
    width: int = 0
    depth: int = 0
    granularity: int = 0
    rows: int = 0
    columns: int = 1
    at_once: int = 1
    words: int = 1
    a: tuple[int, bool] = (0, False)
    b: tuple[int, bool] = (0, False)

    def component(self, tech: Portable):
        match self.kind:
            case "dsp" | "fabric" | "dense":
                return tech.multiplier(dsp=self.kind == "dsp", dense=self.kind == "dense")
            case "pair_dsp" | "pair_fabric":
                return tech.pair_multiplier(dsp=self.kind == "pair_dsp")
            case "wide_multiplier" | "wide_dsp":
                return tech.wide_multiplier(
                    Shape(*self.a), Shape(*self.b), dsp=self.kind == "wide_dsp"
                )
            case "multiply_add":
                return tech.multiply_add(Shape(*self.a))
            case "accumulator":
                return tech.accumulator(Shape(*self.a), dsp=True, dense=True)
            case "block_ram":
                return tech.block_ram(
                    width=self.width, depth=self.depth, granularity=self.granularity or None
                )
            case _:
                return tech.weight_column(
                    rows=self.rows,
                    depth=self.depth,
                    columns=self.columns,
                    at_once=self.at_once,
                    words=self.words,
                )


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Components that are built into one simulator; :meth:`each` gives them typed."""

    cases: list[dict] = field(default_factory=list)

    def each(self) -> list[Case]:
        return [Case(**case) for case in self.cases]


class TechPair(wiring.Component):
    """Inputs of both as they are; outputs of the family in ``got``, of the portable in ``want``."""

    def __init__(self, case: Case, tech: Portable):
        self.got_component, self.want_component = (
            case.component(family) for family in (tech, Portable())
        )
        members = self.want_component.signature.members
        inputs = {name: member for name, member in members.items() if member.flow is In}
        self.outputs = [name for name in members if name not in inputs]
        assert len(self.outputs) == 1
        output = members[self.outputs[0]]
        super().__init__(inputs | {"got": output, "want": output})
        assert output.flow is Out

    def elaborate(self, platform):
        m = Module()
        # A family's wide multiplier may be faster.
        latency = getattr(self.want_component, "latency", 0)
        for side, component in [("got", self.got_component), ("want", self.want_component)]:
            spare = latency - getattr(component, "latency", latency)
            m.submodules[side] = component
            for path, _, value in component.signature.flatten(component):
                name, *index = path
                mine = getattr(self, side if name in self.outputs else name)
                for step in index:
                    mine = mine[step]
                if name in self.outputs:
                    m.d.comb += mine.eq(delay(m, value, spare))
                else:
                    m.d.comb += value.eq(mine)
        return m


class TechPairs(wiring.Component):
    """A :class:`TechPair` for each case; the ports of number k begin with ``p<k>__``."""

    def __init__(self, cases: Cases, tech: Portable):
        self.pairs = [TechPair(case, tech) for case in cases.each()]
        super().__init__({f"p{k}": Out(pair.signature) for k, pair in enumerate(self.pairs)})

    def elaborate(self, platform):
        m = Module()
        for k, pair in enumerate(self.pairs):
            m.submodules[f"pair_{k}"] = pair
            wiring.connect(m, pair, wiring.flipped(getattr(self, f"p{k}")))
        return m

"""The core with a second way into its memories: a unit at a time instead of a byte."""

from typing import Any

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region, max_unit_bytes
from weft_hw.core import Core
from weft_hw.engine.engine import Engine
from weft_hw.engine.ports import link_address_bits
from weft_hw.tech.portable import Portable

__all__ = ["LoadableCore"]


def _load(config: Config) -> wiring.Signature:
    """Return the ports of a unit on its way: address and data as the link's WRITE has them."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "ready": In(1),
            "region": Out(range(len(Region))),
            "address": Out(link_address_bits(config)),
            "data": Out(8 * max_unit_bytes(config)),
        }
    )


def _pass_on(m: Module, outer: Any, inner: Any, without: str = "") -> None:
    """Connect the ports of ``inner`` to those of the same name around it."""
    for name, member in inner.signature.members.items():
        port, outside = getattr(inner, name), getattr(outer, name)
        if name == without:
            continue
        if not member.is_port:
            wiring.connect(m, wiring.flipped(outside), port)
        elif member.flow == In:
            m.d.comb += port.eq(outside)
        else:
            m.d.comb += outside.eq(port)


class _LoadableEngine(wiring.Component):
    """An engine that takes units by ``load`` while none comes by ``write``."""

    write: Any  # interfaces
    load: Any

    def __init__(self, config: Config, engine: Any):
        self._engine = engine
        super().__init__({**dict(engine.signature.members.items()), "load": In(_load(config))})

    def elaborate(self, platform):
        """Put the two ways together."""
        m = Module()
        m.submodules.engine = engine = self._engine
        _pass_on(m, self, engine, without="write")
        load, write = self.load, self.write
        m.d.comb += [
            engine.write.valid.eq(write.valid | load.valid),
            write.ready.eq(engine.write.ready),
            load.ready.eq(engine.write.ready & ~write.valid),
        ]
        for name in ("region", "address", "data"):
            port, from_link = getattr(engine.write.p, name), getattr(write.p, name)
            m.d.comb += port.eq(Mux(write.valid, from_link, getattr(load, name)))
        return m


class LoadableCore(wiring.Component):
    """A :class:`~weft_hw.core.Core` whose memories can be written by ``load`` as well.

    The core knows nothing of it: a label stays as it is, and nothing may run.

    Parameters
    ----------
    config : Config
    engine : Component, optional
    options
        As for the core.
    """

    load: Any  # interface

    def __init__(self, config: Config, *, engine: Any = None, **options: Any):
        self._engine = _LoadableEngine(config, engine or Engine(config, Portable()))
        self._core = Core(config, engine=self._engine, **options)
        members = dict(self._core.signature.members.items())
        super().__init__({**members, "load": In(_load(config))})

    def elaborate(self, platform):
        """Pass the ports on."""
        m = Module()
        m.submodules.core = self._core
        _pass_on(m, self, self._core)
        load, inner = self.load, self._engine.load
        m.d.comb += load.ready.eq(inner.ready)
        m.d.comb += [
            getattr(inner, name).eq(getattr(load, name))
            for name in ("valid", "region", "address", "data")
        ]
        return m

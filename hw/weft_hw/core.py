"""The accelerator as every board instantiates it: link and engine between two byte streams."""

from typing import Any

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.engine import RESET_CYCLES, Engine
from weft_hw.link.variants import link_variants_of
from weft_hw.memory.port import Port
from weft_hw.parts.delay import delay
from weft_hw.tech.portable import Portable

__all__ = ["Core"]


class Core(wiring.Component):
    """Obey the requests that come by ``rx``, answer by ``tx``.

    A RESET request, the watchdog, or ``reset`` resets the engine, the command processor and the
    replies under way, for ``RESET_CYCLES``; memories keep their contents. Requests that come
    meanwhile are queued. The watchdog expires when something is going on but no whole frame came
    for ``watchdog_cycles``: the host went away.

    Parameters
    ----------
    config : Config
    tech : Portable, optional
        Where multipliers and memories come from.
    engine : Component, optional
        What the link commands; an :class:`~weft_hw.engine.engine.Engine` by default.
    buffer_bytes, buffer_frames : int, optional
        Bytes and number of the requests that are held until they are carried out.
    clock_hz : int, optional
        What HELLO tells about the clock.
    watchdog_cycles : int, optional
        Must exceed the longest run.

    Members
    -------
    rx : In(stream.Signature(8))
        ``ready`` is always 1.
    tx : Out(stream.Signature(8))
        A reset may withdraw a byte that is offered.
    reset : In(1)
        As after power-up, but for the memories.
    busy : Out(1)
        The engine runs.
    error : Out(1)
        A frame was dropped, or the watchdog expired, since the session began.
    active : Out(1)
        Something is going on: while 0, only bytes from ``rx`` change the state.
    memory : Out(Port)
        Only where there is memory beside the chip. What lies behind it must not be reset alone.
    """

    rx: stream.Interface
    tx: stream.Interface
    reset: Signal
    busy: Signal
    error: Signal
    active: Signal
    memory: Any  # interface of Port

    def __init__(
        self,
        config: Config,
        tech: Portable | None = None,
        *,
        engine=None,
        buffer_bytes: int = 4096,
        buffer_frames: int = 16,
        clock_hz: int = 0,
        watchdog_cycles: int = 1 << 27,
    ):
        self.config, self.tech, self._engine = config, tech or Portable(), engine
        self.buffer_bytes, self.buffer_frames = buffer_bytes, buffer_frames
        self.clock_hz, self.watchdog_cycles = clock_hz, watchdog_cycles
        super().__init__(
            {
                "rx": In(stream.Signature(8)),
                "tx": Out(stream.Signature(8)),
                "reset": In(1),
                "busy": Out(1),
                "error": Out(1),
                "active": Out(1),
                **({"memory": Out(Port(config.dram_bytes))} if config.dram_bytes else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        reset, expired = Signal(), Signal()
        # Handed on from register to register; nobody starts before the engine can follow.
        resetting, left = Signal(), Signal(range(RESET_CYCLES))
        reset_sender = delay(m, resetting, 1, name="reset_sender")
        reset_commands = delay(m, reset_sender, 1, name="reset_commands")
        quiet = delay(m, resetting | reset_sender, 1, name="quiet")
        with m.If(reset | expired | self.reset):
            m.d.sync += [resetting.eq(1), left.eq(RESET_CYCLES - 1)]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Else():
            m.d.sync += resetting.eq(0)
        engine = self._engine or Engine(self.config, self.tech)
        variants = link_variants_of(self.config)
        receiver = variants.receiver(self.tech, depth=self.buffer_bytes, frames=self.buffer_frames)
        commands = variants.commands(
            self.config,
            buffer_bytes=self.buffer_bytes,
            buffer_frames=self.buffer_frames,
            clock_hz=self.clock_hz,
            watchdog_cycles=self.watchdog_cycles,
        )
        sender = variants.sender(self.tech)
        m.submodules.receiver = ResetInserter(self.reset)(receiver)
        m.submodules.commands = ResetInserter(reset_commands)(commands)
        m.submodules.sender = ResetInserter(reset_sender)(sender)
        m.submodules.engine = engine

        wiring.connect(m, wiring.flipped(self.rx), receiver.rx)
        wiring.connect(m, sender.tx, wiring.flipped(self.tx))
        wiring.connect(m, receiver.bytes, commands.bytes)
        wiring.connect(m, commands.reply, sender.i)
        wiring.connect(m, commands.write, engine.write)
        wiring.connect(m, commands.read, engine.read)
        wiring.connect(m, engine.data, commands.data)
        wiring.connect(m, commands.start, engine.start)
        if self.config.dram_bytes:
            wiring.connect(m, engine.memory, wiring.flipped(self.memory))

        greet, counters = Signal(), commands.counters
        silence = Signal(range(self.watchdog_cycles + 2))
        m.d.sync += expired.eq(silence == self.watchdog_cycles)
        m.d.comb += [
            reset.eq(receiver.reset),
            receiver.clear.eq(expired),
            commands.session.eq(receiver.session),
            commands.sequence.eq(receiver.sequence),
            engine.reset.eq(resetting),
            commands.greet.eq(greet & ~resetting & ~quiet),
            commands.lengths.payload.eq(receiver.lengths.payload),
            commands.lengths.valid.eq(receiver.lengths.valid & ~quiet),
            receiver.lengths.ready.eq(commands.lengths.ready & ~quiet),
            commands.busy.eq(engine.busy),
            commands.cycles.eq(engine.cycles),
            self.busy.eq(engine.busy),
            self.active.eq(
                resetting
                | quiet
                | greet
                | engine.busy
                | ~receiver.idle
                | ~commands.idle
                | ~sender.idle
            ),
        ]

        with m.If(reset):
            m.d.sync += greet.eq(1)
        with m.Elif(commands.greeted | self.reset):
            m.d.sync += greet.eq(0)

        stirs = Signal()
        m.d.sync += stirs.eq(~self.active | receiver.alive | expired)
        with m.If(stirs):
            m.d.sync += silence.eq(0)
        with m.Else():
            m.d.sync += silence.eq(silence + 1)

        link = Signal.like(counters)
        m.d.comb += counters.eq(link)
        events = delay(m, Cat(receiver.broken, receiver.overrun, expired), 1, name="events")
        m.d.sync += [
            link.frame_errors.eq(link.frame_errors + events[0]),
            link.overruns.eq(link.overruns + events[1]),
            link.expirations.eq(link.expirations + events[2]),
        ]
        with m.If(events.any()):
            m.d.sync += self.error.eq(1)
        with m.Elif(reset | self.reset):
            m.d.sync += self.error.eq(0)
        return m

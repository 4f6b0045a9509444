"""The OUT endpoint on its own: what it acknowledges is what comes out, however slow its reader."""

import random

import pytest

pytest.importorskip("luna", reason="USB needs luna-usb")

from amaranth.hdl import DomainRenamer
from luna.gateware.usb.usb2 import USBPacketID
from weft_hw.link.usb.out_endpoint import OutEndpoint
from weft_sim.testing.bench import run

PACKET = 16
ACK, NAK, NONE = "ack", "nak", ""


class Bus:
    """What LUNA's core tells an endpoint of one transaction, by the cycles at high speed."""

    def __init__(self, ctx, endpoint, delay):
        self.ctx, self.delay = ctx, delay
        self.interface, self.token = endpoint.interface, endpoint.interface.tokenizer

    async def pulse(self, *signals):
        for signal in signals:
            self.ctx.set(signal, 1)
        await self.ctx.tick()
        for signal in signals:
            self.ctx.set(signal, 0)

    async def announce(self, kind, endpoint=1):
        flags = {"pid": kind, "endpoint": endpoint}
        for name, pid in [("is_out", USBPacketID.OUT), ("is_ping", USBPacketID.PING)]:
            flags[name] = kind == pid
        for name, value in flags.items():
            self.ctx.set(getattr(self.token, name), value)
        await self.pulse(self.token.new_token)

    async def answer(self, signal):
        """Return the handshake that is asked for at the moment of ``signal``."""
        for _ in range(self.delay):
            await self.ctx.tick()
        self.ctx.set(signal, 1)
        shake = self.interface.handshakes_out
        found = [name for name in (ACK, NAK) if self.ctx.get(getattr(shake, name))]
        await self.pulse(signal)
        assert len(found) <= 1
        return found[0] if found else NONE

    async def ping(self):
        await self.announce(USBPacketID.PING)
        return await self.answer(self.token.ready_for_response)

    async def out(self, number, content, *, good=True, endpoint=1):
        await self.announce(USBPacketID.OUT, endpoint)
        interface = self.interface
        self.ctx.set(interface.rx_pid_toggle, number)
        self.ctx.set(interface.rx.valid, 1)
        for byte in content:
            self.ctx.set(interface.rx.payload, byte)
            await self.pulse(interface.rx.next)
        self.ctx.set(interface.rx.valid, 0)
        await self.pulse(interface.rx_complete if good else interface.rx_invalid)
        return await self.answer(interface.rx_ready_for_response) if good else NONE


def simulate(bench, *, reads=lambda: True, delay=0):
    """Run ``bench(bus)`` while a reader takes bytes when it likes; return what it took."""
    endpoint, taken, over = OutEndpoint(PACKET), [], False

    async def talk(ctx):
        nonlocal over
        await bench(Bus(ctx, endpoint, delay))
        over = True
        for _ in range(6 * PACKET):
            await ctx.tick()

    async def read(ctx):
        while True:
            ctx.set(endpoint.o.ready, over or reads())
            *_, valid, byte, ready = await ctx.tick().sample(
                endpoint.o.valid, endpoint.o.payload, endpoint.o.ready
            )
            if valid and ready:
                taken.append(byte)

    run(DomainRenamer({"usb": "sync"})(endpoint), talk, background=[read], deadline=50_000)
    return bytes(taken)


@pytest.mark.parametrize("slow", [0.0, 0.95])
@pytest.mark.parametrize("delay", [0, 10])
def test_what_is_acknowledged_comes_out_once(slow, delay):
    """``delay`` as at high and at full speed; handshakes get lost, packets come damaged."""
    rng = random.Random(5)
    kept, shakes = b"", set()

    async def bench(bus):
        nonlocal kept
        number = 0
        for _ in range(30):
            content = rng.randbytes(rng.choice([0, 1, PACKET - 1, PACKET, PACKET]))
            for _ in range(20):
                if rng.random() < 0.2:
                    assert await bus.out(number, content, good=False) == NONE
                shake = await bus.out(number, content)
                shakes.add(shake)
                if shake == ACK and rng.random() < 0.2:  # lost: the host sends it again
                    assert await bus.out(number, content) == ACK
                if shake == ACK:
                    kept, number = kept + content, 1 - number
                    break

    taken = simulate(bench, reads=lambda: rng.random() >= slow, delay=delay)
    assert taken == kept and len(kept) > 8 * PACKET
    assert shakes == ({ACK, NAK} if slow else shakes & {ACK, NAK})


def test_room_is_promised_only_where_there_is_some():
    async def bench(bus):
        assert await bus.ping() == ACK
        assert await bus.out(0, bytes(PACKET)) == ACK
        assert await bus.ping() == NAK  # one byte short
        assert await bus.out(1, b"x") == NAK

    assert simulate(bench, reads=lambda: False) == bytes(PACKET)


def test_a_packet_that_is_too_long_is_not_answered_nor_kept():
    async def bench(bus):
        for size in (PACKET + 1, 2 * PACKET, 5 * PACKET):
            assert await bus.out(0, bytes(size)) == NONE
        assert await bus.out(0, b"right") == ACK

    assert simulate(bench) == b"right"


def test_another_endpoint_s_packets_are_left_alone():
    async def bench(bus):
        assert await bus.out(0, b"left", endpoint=2) == NONE
        assert await bus.out(0, b"mine") == ACK
        assert await bus.out(0, b"mine") == ACK  # had before
        clear = bus.interface.clear_endpoint_halt_in
        bus.ctx.set(clear, {"enable": 1, "direction": 0, "number": 1})
        await bus.ctx.tick()
        bus.ctx.set(clear, {"enable": 0, "direction": 0, "number": 0})
        assert await bus.out(0, b"!") == ACK

    assert simulate(bench) == b"mine!"

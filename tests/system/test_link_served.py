"""The virtual board served to other processes: over TCP, and as a serial port."""

import os
import socket
import time

import pytest
from links.served import serving
from weft.driver.board import Block, BoardDriver, UnitRange
from weft.driver.transports import open_transport, tcp
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]
TINY = get_config("tiny")


class NoLock:
    """A lock on another machine does not count on this one."""

    def __init__(self, name):
        self.name = name

    def release(self):
        pass


@pytest.fixture(params=["tcp", "pty"])
def device(request):
    with serving(request.param) as server:
        yield server.device


def infer(board, seed):
    data = bytes((seed + at) % 256 for at in range(2048))
    cycles, [got] = board.execute(
        [Block(Region.ACTIVATION, 0, data)], (1, 4), [UnitRange(Region.ACTIVATION, 0, 512)]
    )
    assert (cycles, got) == (4 * CYCLES_PER_DESCRIPTOR, data)


def test_one_client_after_another(device):
    for seed in range(5):
        with BoardDriver(open_transport(device, TINY), TINY) as board:
            infer(board, seed)
            assert board.statistics.retries == 0


def test_a_second_owner_is_told_who_the_first_is(device):
    with BoardDriver(open_transport(device, TINY), TINY) as board:
        for name in (device, device.replace("127.0.0.1", "localhost")):
            with pytest.raises(LinkError, match=f"is in use by process {os.getpid()}$"):
                open_transport(name, TINY)
        infer(board, 1)
    BoardDriver(open_transport(device, TINY), TINY).close()


def test_a_server_refuses_whoever_asks_no_lock(monkeypatch):
    """As from another machine: a sentence in good time, and the first client is not disturbed."""
    with serving("tcp") as server, BoardDriver(open_transport(server.device, TINY), TINY) as board:
        monkeypatch.setattr(tcp, "DeviceLock", NoLock)
        begin = time.monotonic()
        with pytest.raises(LinkError, match="refuses: this board serves another client already"):
            BoardDriver(open_transport(server.device, TINY), TINY)
        assert time.monotonic() - begin < 5
        infer(board, 1)


def test_a_server_that_says_nothing_costs_no_more_than_the_limits():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = f"tcp:127.0.0.1:{silent.getsockname()[1]}"
        begin = time.monotonic()
        with pytest.raises(LinkError, match=r"the board does not answer \(tried 4 times\)"):
            BoardDriver(open_transport(name, TINY), TINY, timeout=0.1, retries=3)
        assert 0.3 < time.monotonic() - begin < 3


def test_a_serial_port_is_asked_not_to_wait_for_more(monkeypatch):
    serial = pytest.importorskip("serial")
    asked = []
    monkeypatch.setattr(
        serial.Serial,
        "set_low_latency_mode",
        lambda port, value: asked.append(value),
        raising=False,
    )
    with serving("pty") as server:
        open_transport(server.device, TINY).close()
    assert asked == [True]


@pytest.mark.parametrize(
    "device, message",
    [
        ("tcp:127.0.0.1:1", "cannot connect to 127.0.0.1:1"),
        ("tcp:nowhere", "tcp: takes HOST:PORT, not 'nowhere'"),
        ("tcp:host:70000", "tcp: takes HOST:PORT"),
        ("serial:/dev/weft-none", "cannot open /dev/weft-none"),
        ("serial:/dev/null?speed=1", "serial: takes PATH or PATH"),
        ("carrier-pigeon", "there is no device 'carrier-pigeon'"),
    ],
)
def test_devices_that_do_not_open(device, message):
    for _ in range(2):  # whatever was locked is free again
        with pytest.raises(LinkError, match=message):
            open_transport(device, TINY)

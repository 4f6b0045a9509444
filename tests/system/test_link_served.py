"""The virtual board served to other processes: over TCP, and as a serial port."""

import os
import signal
import subprocess
import sys
import time

import pytest
from weft.driver.board import Block, Board, Place
from weft.driver.transports import open_transport
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR

pytestmark = [pytest.mark.rtl, pytest.mark.timeout(300)]
TINY = get_config("tiny")
SERVER = """
import sys
from weft_hw.contract.config import get_config
from weft_sim.serve import serve_pty, serve_tcp
from weft_sim.virtual_board import VirtualBoard
board = VirtualBoard(get_config("tiny"), stand_in=True)
announce = lambda name: print(name, flush=True)
if sys.argv[1] == "pty":
    serve_pty(board, announce=announce)
else:
    serve_tcp(board, 0, announce=announce)
"""
CLIENT = """
import sys
from weft.driver.board import Board
from weft.driver.transports import open_transport
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
config = get_config("tiny")
board = Board(open_transport(sys.argv[1], config), config)
print("open", flush=True)
while True:
    board.execute([(Region.ACTIVATION, 0, bytes(2048))], (0, 3), [(Region.ACTIVATION, 0, 512)])
"""


def start(source, *arguments):
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen([sys.executable, "-c", source, *arguments], stdout=subprocess.PIPE,
                            text=True, env=os.environ | {"PYTHONPATH": paths})


@pytest.fixture(params=["tcp", "pty"])
def device(request):
    server = start(SERVER, request.param)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def infer(board, seed):
    data = bytes((seed + at) % 256 for at in range(2048))
    cycles, [got] = board.execute(
        [Block(Region.ACTIVATION, 0, data)], (1, 4), [Place(Region.ACTIVATION, 0, 512)])
    assert (cycles, got) == (4 * CYCLES_PER_DESCRIPTOR, data)


def test_one_client_after_another(device):
    for seed in range(5):
        with Board(open_transport(device, TINY), TINY) as board:
            infer(board, seed)
            assert board.statistics.retries == 0


def test_two_owners(device):
    with Board(open_transport(device, TINY), TINY) as board:
        begin = time.monotonic()
        with pytest.raises(LinkError, match=r"in use by process \d+|serves another client"):
            Board(open_transport(device, TINY), TINY)
        assert time.monotonic() - begin < 5
        infer(board, 1)


def test_killed_hosts_leave_the_board_usable(device):
    for round_ in range(6):
        client = start(CLIENT, device)
        assert client.stdout is not None
        assert client.stdout.readline() == "open\n"
        time.sleep(0.01 * round_)
        client.send_signal(signal.SIGKILL)
        client.wait()
        client.stdout.close()
        with Board(open_transport(device, TINY), TINY) as board:
            infer(board, round_)


@pytest.mark.parametrize("device, message", [
    ("tcp:127.0.0.1:1", "cannot connect to 127.0.0.1:1"),
    ("tcp:nowhere", "tcp: takes HOST:PORT, not 'nowhere'"),
    ("tcp:host:70000", "tcp: takes HOST:PORT"),
    ("serial:/dev/weft-none", "cannot open /dev/weft-none"),
    ("serial:/dev/null?speed=1", "serial: takes PATH or PATH"),
    ("carrier-pigeon", "there is no device 'carrier-pigeon'"),
])  # fmt: skip
def test_devices_that_do_not_open(device, message):
    with pytest.raises(LinkError, match=message):
        open_transport(device, TINY)

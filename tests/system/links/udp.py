"""A board on a simulated network, and the driver's transport over it, in simulated time."""

from weft.driver.board import BoardDriver
from weft.driver.transports.udp import UdpTransport
from weft.errors import LinkError
from weft_hw.contract.config import Config
from weft_sim.testing.ethernet import echo
from weft_sim.testing.udp_host import Lan, UdpSocket

__all__ = ["DRIVER", "RESET", "Simulated", "answers", "drive", "ping"]

DRIVER = {"timeout": 0.0005, "retries": 8, "run_timeout": 0.002}
# A RESET request of session 04030201, as docs/protocol.md has it.
RESET = bytes.fromhex("020209010203047924726b00")


class Simulated(UdpTransport):
    """The driver's transport, whose seconds are the board's."""

    def now(self) -> float:
        return self._socket.lan.board.now

    def pass_time(self, seconds: float) -> None:
        end = self.now() + seconds
        while (left := end - self.now()) > 0:
            self._socket.lan.board.run(left)


def drive(lan: Lan, port: int = 40_000) -> Simulated:
    """Return a transport from a port of a computer."""
    return Simulated("simulated", connected=UdpSocket(lan, port))


def answers(lan: Lan, config: Config, port: int = 50_000, *, retries: int = 6) -> bool:
    """Return whether the board begins a session with that port."""
    try:
        BoardDriver(drive(lan, port), config, timeout=0.0005, retries=retries).close()
    except LinkError:
        return False
    return True


def ping(lan: Lan, content=bytes(range(56)), sequence=1) -> bytes:
    """Return what the board answers to an echo request."""
    lan.send_ip(1, echo(8, 0x77, sequence, content))
    return lan.receive(1e-3)

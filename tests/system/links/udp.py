"""A board on a simulated network, and the driver's transport over it, in simulated time."""

from weft.driver.board import BoardDriver
from weft.driver.transports.udp import UdpTransport
from weft.errors import LinkError
from weft_hw.contract.config import Config
from weft_sim.testing.udp_host import Lan, UdpSocket

__all__ = ["Simulated", "answers", "drive"]


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

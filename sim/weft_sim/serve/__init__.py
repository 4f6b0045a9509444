"""The virtual board for other processes: behind a TCP port, or as a device file.

No client can make the server wait: sockets never block, queues have a limit, and a client that
keeps neither is dropped.
"""

from weft_sim.serve.device_file import serve_pty
from weft_sim.serve.tcp import BUSY, serve_tcp

__all__ = ["BUSY", "serve_pty", "serve_tcp"]

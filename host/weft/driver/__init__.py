"""Everything between a program and a board: transports, the protocol's host side, the driver."""

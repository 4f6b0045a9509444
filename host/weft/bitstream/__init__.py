"""From a board's name to a bitstream: synthesis, place and route, packing."""

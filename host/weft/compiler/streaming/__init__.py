"""Networks larger than the memories on the chip: layers in pieces, and moves that feed them."""

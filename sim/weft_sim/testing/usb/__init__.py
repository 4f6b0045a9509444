"""USB boards behind their bus, at both speeds, and hosts for them."""

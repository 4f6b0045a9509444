"""Gowin GW1N and GW2A behind the portable signatures."""

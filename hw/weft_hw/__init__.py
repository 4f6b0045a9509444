"""Gateware and the contract it shares with the host. Imports neither weft_sim nor weft."""

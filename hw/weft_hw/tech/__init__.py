"""Vendor primitives behind portable signatures: one module per FPGA family."""

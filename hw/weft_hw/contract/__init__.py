"""The contract of gateware, simulator, compiler and driver. Imports no Amaranth."""

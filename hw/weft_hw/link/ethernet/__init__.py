"""Ethernet between the accelerator and a host: a UDP port behind an RGMII transceiver."""

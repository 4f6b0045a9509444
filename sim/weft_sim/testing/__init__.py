"""Test equipment, outside the wheel: benches, RTL runner, netlist board, functional simulator."""

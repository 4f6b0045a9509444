"""Golden model, simulators and test benches. Imports weft_hw; never weft."""

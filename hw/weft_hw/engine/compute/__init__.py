"""From taps to sums: window former, systolic array, accumulators."""

"""From the activation memory to taps: line buffers, window program, tap fetch."""

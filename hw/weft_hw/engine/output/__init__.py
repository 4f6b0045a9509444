"""From sums to stored results: requantisation, elementwise, writer."""

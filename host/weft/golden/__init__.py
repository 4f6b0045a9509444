"""The golden model: exact arithmetic of the reference runtimes, in NumPy."""

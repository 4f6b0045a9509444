"""What gateware, simulator, compiler and driver agree on. Imports only the standard library."""

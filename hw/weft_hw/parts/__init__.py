"""Small parts that any component may use."""

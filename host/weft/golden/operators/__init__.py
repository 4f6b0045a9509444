"""How each operator of a graph is computed on the golden model, one family a file."""
